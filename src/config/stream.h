/*
 * Rows of Fail2ban's command stream, and the order of the whole (behaviour section 1.6): general
 * settings, each jail's, then a start for each jail.
 */
#pragma once

#include "base/value.h"
#include "config/config.h"

/* Appends [VERB, jail, what] to `rows` and returns it, for arguments to be added. */
struct value *stream_command(struct arena *a, struct value *rows, const char *verb, str jail,
			     const char *what);
/* The same with the verb "set". */
struct value *stream_set(struct arena *a, struct value *rows, str jail, const char *what);
/* Appends ['set', what, value]. */
void stream_general(struct arena *a, struct value *rows, const char *what, struct value *value);
/* Appends ['config-error', ...], which makes a server log why the jail is missing. */
void stream_error(struct arena *a, struct value *rows, str jail, str why);
void stream_start(struct arena *a, struct value *rows, str jail);
/*
 * SHA-256 of the rows but the log files that happen to exist now, and of the patterns that found
 * them: two readers of the same files agree although a log was created in between.
 */
void stream_digest(const struct config *c, unsigned char digest[static 32]);
