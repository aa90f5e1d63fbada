/*
 * TLS hellos made and read by hand, to learn whether a server takes versions that OpenSSL no longer
 * offers.  Pure: bytes in, bytes out, no socket.  RFC 5246 (TLS 1.2), RFC 4346, RFC 2246, RFC 6101
 * (SSL 3.0); for SSL 2 the Internet Draft "The SSL Protocol" (Hickman, 1995), whose hello RFC 5246
 * appendix E.2 shows.  The server's answer is hostile.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"

enum {
	TLS_SSL2 = 0x0002,
	TLS_SSL3 = 0x0300,
	TLS_10 = 0x0301,
	TLS_11 = 0x0302,
	TLS_12 = 0x0303,
	TLS_13 = 0x0304,
	TLS_RANDOM_BYTES = 32,
};

/*
 * Appends a ClientHello whose highest version is `version` (TLS_SSL2, or TLS_SSL3 to TLS_12; any
 * other is the caller's mistake); it has less than 1024 bytes.  It offers every usual cipher suite
 * of that version, old and weak ones too, so that a refusal is about the version; none without
 * encryption or certificate, and none of export grade but in SSL 2.  `server_name` is sent as SNI
 * (RFC 6066: a DNS name without the dot at its end, no address; this is not checked) unless it is
 * empty or longer than 255 bytes, or the version is below TLS 1.0.
 */
void tls_hello_write(struct buf *out, unsigned version, str server_name,
		     const uint8_t random[static TLS_RANDOM_BYTES]);

enum tls_answer_kind {
	TLS_ANSWER_MORE,     /* not decided yet: more bytes are needed */
	TLS_ANSWER_ACCEPTED, /* a ServerHello (or SSL 2 SERVER-HELLO); `version` is its choice */
	TLS_ANSWER_REFUSED,  /* a fatal alert, or a close_notify; `alert` is its number */
	TLS_ANSWER_GARBAGE,  /* not TLS */
};

struct tls_answer {
	enum tls_answer_kind kind;
	uint16_t version; /* accepted: TLS_SSL2 ... TLS_13 (supported_versions is looked at) */
	uint16_t cipher;  /* accepted, not SSL 2: the suite's number */
	uint8_t alert;    /* refused: RFC 5246 section 7.2; 40 for an ERROR of SSL 2 */
};

/*
 * Reads what came so far (the whole of it, from the first byte).  Looks at no more than the first
 * TLS_ANSWER_BYTES_MAX bytes: an answer that is undecided then is garbage.  Once it is not
 * TLS_ANSWER_MORE, more bytes change nothing.  Alerts that only warn are passed over: when the
 * server closes after one, the answer stays TLS_ANSWER_MORE.  `offered` matters for TLS_SSL2 only,
 * which allows the SSL 2 answers; a server that chooses a higher version than offered is believed.
 * A version refused is protocol_version (70) from most, but handshake_failure (40) to SSL 3.0,
 * which has no other alert for it.
 */
enum { TLS_ANSWER_BYTES_MAX = 20000 };
struct tls_answer tls_answer_parse(str bytes, unsigned offered);

/* "SSL 2.0", "SSL 3.0", "TLS 1.0" ...; "an unknown version".  Static. */
const char *tls_version_name(unsigned version);
