/*
 * A server's certificate, judged: trust, names, time.  The certificate is hostile.
 */
#pragma once

#include <openssl/ssl.h>
#include <time.h>

#include "base/arena.h"
#include "base/ip.h"

struct certificate {
	bool there;
	bool trusted;
	const char *untrusted_why; /* OpenSSL's words */
	bool name_fits;    /* RFC 7817: a dNSName, or the iPAddress, of the name asked for */
	const char *names; /* the dNSNames and addresses it has, escaped */
	bool expired, not_yet;
	time_t until;
	int days_left;
};

/*
 * Of an established connection.  `name` is a host name, or the text of an address.  Texts live in
 * the arena.
 */
struct certificate certificate_judge(SSL *ssl, const char *name, time_t now, struct arena *a);
/* Does it hold this name? */
bool certificate_has_name(SSL *ssl, const char *name);
