/*
 * Text of a failure for people: what, and where.  Parsers fill one; the caller that decides what
 * happens next prints or logs it once.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"

struct err {
	char file[256]; /* empty: not from a file */
	int line;       /* from 1; 0: not known */
	char text[1024];
};

/* Sets the message (escaped, cut at the size above); keeps file and line. Returns `code`. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Sets the place. */
void err_at(struct err *e, const char *file, int line);
/* "FILE:LINE: TEXT", "FILE: TEXT" or "TEXT". */
void err_print(const struct err *e, struct buf *out);
