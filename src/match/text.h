/*
 * Log bytes to UTF-8, by `logencoding`.  Lines are hostile.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct text;

/* "auto" is UTF-8. 0, or -EINVAL with *err for a name that neither we nor iconv(3) know. */
int text_new(str encoding, struct text **out, struct err *err) __attribute__((warn_unused_result));
void text_free(struct text *t);

/* Are bytes below 0x80 what they are in ASCII, wherever they are? */
bool text_keeps_ascii(const struct text *t);

struct text_line {
	str text;   /* valid UTF-8: the line itself if it already was, else in the text's buffer */
	bool ascii; /* no byte above 0x7f */
	bool bad;   /* something had to be replaced by U+FFFD */
};

/* Decodes a line; the result is good until the next call. */
struct text_line text_decode(struct text *t, str line);
