/*
 * A password: read from a file, kept in memory that is wiped, and taken out of everything that is
 * shown, should a server send it back.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct secret;

/*
 * Reads the first line of a file ("-": standard input), without its line end.  From here on the
 * process writes no core dump and cannot be traced by others of the same user.  *out is the
 * caller's.  -errno with *err; an empty password is -EINVAL.
 */
int secret_read(const char *path, struct secret **out, struct err *err)
	__attribute__((warn_unused_result));
/* Wipes and frees. */
void secret_free(struct secret *s);

/* The password itself; only to be sent. */
str secret_password(const struct secret *s);
/* Base64 of NUL user NUL password (RFC 4616), and of a text; terminated, the caller frees them. */
char *secret_plain(str user, str password) __attribute__((malloc));
char *secret_base64(str text) __attribute__((malloc));

/* `user` is whom the password belongs to: the forms it could come back in. */
void secret_prepare(struct secret *s, str user);
/*
 * Appends text, with "***" for each appearance of the password, of its base64, and of the base64 of
 * it with the user's name.  A NULL secret is a plain copy.
 */
void secret_scrub(const struct secret *s, struct buf *out, str text);
