/*
 * Python's pickle, the part that Fail2ban's protocol needs (section 9.1).  The reader is given
 * hostile bytes: it knows data opcodes only (never GLOBAL, REDUCE, BUILD ...), has a depth of
 * PICKLE_DEPTH_MAX, and allocates no more than the input is long.
 */
#pragma once

#include "base/err.h"
#include "base/value.h"

enum {
	PICKLE_BYTES_MAX = 64 * 1024 * 1024,
	PICKLE_DEPTH_MAX = 32,
};

/* 0 or -EINVAL with *err; the tree is in `a`. Protocols 0 to 5. */
int pickle_read(str in, struct arena *a, struct value **out, struct err *err)
	__attribute__((warn_unused_result));
/* Protocol 2, what every Python 3 reads; VALUE_ERROR becomes the exception Fail2ban sends. */
void pickle_write(struct buf *out, const struct value *v);

/* Frames end with this; a frame that is PICKLE_CLOSE ends the connection. */
#define PICKLE_END "<F2B_END_COMMAND>"
#define PICKLE_CLOSE "<F2B_CLOSE_COMMAND>"
