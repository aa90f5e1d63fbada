/*
 * A growing byte buffer.  Zero-initialised (`struct buf b = { 0 }`) is empty and valid.  What is
 * put in may be hostile; buf_add_escaped() is the one way such bytes reach a terminal or a log.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/str.h"
#include "base/xalloc.h"

struct buf {
	char *p;
	size_t n;
	size_t room;
};

void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_str(struct buf *b, str s);
void buf_add_z(struct buf *b, const char *z);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/*
 * Hostile text made safe to print: controls, DEL and invalid UTF-8 become \xNN, \n and so on; what
 * is not seen but turns text around or hides it (U+202E and its like) becomes \uNNNN.
 */
void buf_add_escaped(struct buf *b, str s);
/* Grows so that `n` more bytes fit; returns where they go (the caller adds to b->n). */
char *buf_reserve(struct buf *b, size_t n);
/* Terminated text of the content; valid until the next change. */
const char *buf_z(struct buf *b);
/* Gives the terminated content to the caller, who frees it; the buffer is empty after. */
char *buf_take(struct buf *b);
/* Drops the first `n` bytes. */
void buf_shift(struct buf *b, size_t n);
static inline void buf_clear(struct buf *b)
{
	b->n = 0;
}
static inline str buf_str(const struct buf *b)
{
	return (str){ .p = b->p ? b->p : "", .n = b->n };
}
void buf_free(struct buf *b);
#define _buf_free_ __attribute__((cleanup(buf_free)))
