/*
 * Allocation that cannot fail: out of memory ends the process.  Everything that an attacker can
 * make grow is capped elsewhere, so running out is a fault of the machine, not an input.
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

/* All return zeroed (xcalloc) or copied memory that the caller frees with free(). */
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1, 2)));
void *xrealloc(void *p, size_t size) __attribute__((returns_nonnull, alloc_size(2)));
/* Room for `count` elements of `size` bytes; a product that overflows ends the process. */
void *xreallocarray(void *p, size_t count, size_t size) __attribute__((returns_nonnull));
void *xmemdup(const void *p, size_t n) __attribute__((malloc, returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull, nonnull));
char *xasprintf(const char *fmt, ...)
	__attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

/* For locals: freed, or closed, when they go out of scope. */
static inline void xfreep(void *p)
{
	free(*(void **)p);
}
static inline void xclosep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define _free_ __attribute__((cleanup(xfreep)))
#define _close_ __attribute__((cleanup(xclosep)))
