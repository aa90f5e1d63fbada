/*
 * Counted strings: every byte that comes from outside is held as one of these.  The bytes belong
 * to somebody else (an arena, a buffer, a line), may contain anything including NUL, and are not
 * terminated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

typedef struct {
	const char *p;
	size_t n;
} str;

#define STR(literal) ((str){ .p = "" literal, .n = sizeof(literal) - 1 })
#define STR_NULL ((str){ .p = NULL, .n = 0 })
/* For printf's "%.*s"; only for text that is known to be printable. */
#define STR_ARG(s) (int)(s).n, (s).p

static inline str str_of(const char *z)
{
	return (str){ .p = z, .n = z ? strlen(z) : 0 };
}
static inline str str_mem(const void *p, size_t n)
{
	return (str){ .p = p, .n = n };
}
static inline bool str_eq(str a, str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool str_is(str a, const char *z)
{
	return str_eq(a, str_of(z));
}
static inline bool str_starts(str s, str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}
static inline bool str_ends(str s, str suffix)
{
	return s.n >= suffix.n &&
	       (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}
/* The part from `at` (clamped to the end), and the first `n` bytes (clamped). */
static inline str str_from(str s, size_t at)
{
	if (at > s.n)
		at = s.n;
	return (str){ .p = s.p + at, .n = s.n - at };
}
static inline str str_head(str s, size_t n)
{
	return (str){ .p = s.p, .n = n < s.n ? n : s.n };
}

/* Byte order, shorter first among equals: for sorting. */
int str_cmp(str a, str b);
/* ASCII letters only. */
bool str_eq_nocase(str a, str b);
/* Offset of the first `needle`, or -1.  An empty needle is found at 0. */
ssize_t str_find(str s, str needle);
/* Offset of the first or last byte `c`, or -1. */
ssize_t str_chr(str s, char c);
ssize_t str_rchr(str s, char c);
/* Without blanks (space, \t \n \v \f \r) at both ends, or at the right end. */
str str_trim(str s);
str str_rtrim(str s);
/* Next piece up to `sep`; *rest moves behind it.  False when nothing is left (rest->p == NULL). */
bool str_split(str *rest, char sep, str *piece);
/* Next word separated by blanks; false when only blanks are left. */
bool str_word(str *rest, str *word);
/* A terminated copy the caller frees. */
char *str_dup(str s) __attribute__((malloc));

/* Whole decimal text within [min, max]: 0, or -EINVAL (not a number), -ERANGE. */
int str_to_i64(str s, int64_t min, int64_t max, int64_t *out) __attribute__((warn_unused_result));
/* Fail2ban's boolean: 1, on, true, yes in any case are true, all else is false. */
bool str_to_bool(str s);
