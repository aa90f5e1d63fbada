/*
 * Memory that is freed as a whole: the configuration's until the next reload, a line's until the
 * next line.  Pointers stay valid until arena_reset() or arena_free().
 */
#pragma once

#include <stddef.h>

#include "base/str.h"

struct arena;

struct arena *arena_new(void);
/* Zeroed, aligned for any type. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull));
/* A copy with a NUL behind it (not counted in .n). */
str arena_str(struct arena *a, str s);
char *arena_strdup(struct arena *a, const char *z);
str arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Forgets everything; keeps the largest block for what comes next. */
void arena_reset(struct arena *a);
void arena_free(struct arena *a);
