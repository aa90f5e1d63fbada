/* Counted strings; see str.h.  Input is hostile; nothing here allocates but str_dup. */
#include "base/str.h"

#include <errno.h>

#include "base/xalloc.h"

int str_cmp(str a, str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	if (order)
		return order;
	return (a.n > b.n) - (a.n < b.n);
}

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool str_eq_nocase(str a, str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

ssize_t str_find(str s, str needle)
{
	const char *hit;

	if (needle.n == 0)
		return 0;
	if (s.n < needle.n)
		return -1;
	hit = memmem(s.p, s.n, needle.p, needle.n);
	return hit ? hit - s.p : -1;
}

ssize_t str_chr(str s, char c)
{
	const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;

	return hit ? hit - s.p : -1;
}

ssize_t str_rchr(str s, char c)
{
	const char *hit = s.n ? memrchr(s.p, c, s.n) : NULL;

	return hit ? hit - s.p : -1;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

str str_rtrim(str s)
{
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

str str_trim(str s)
{
	while (s.n && is_blank(*s.p))
		s = str_from(s, 1);
	return str_rtrim(s);
}

bool str_split(str *rest, char sep, str *piece)
{
	ssize_t at;

	if (!rest->p)
		return false;
	at = str_chr(*rest, sep);
	if (at < 0) {
		*piece = *rest;
		*rest = STR_NULL;
		return true;
	}
	*piece = str_head(*rest, (size_t)at);
	*rest = str_from(*rest, (size_t)at + 1);
	return true;
}

bool str_word(str *rest, str *word)
{
	size_t n = 0;

	while (rest->n && is_blank(*rest->p))
		*rest = str_from(*rest, 1);
	while (n < rest->n && !is_blank(rest->p[n]))
		n++;
	if (n == 0)
		return false;
	*word = str_head(*rest, n);
	*rest = str_from(*rest, n);
	return true;
}

char *str_dup(str s)
{
	char *copy = xcalloc(1, s.n + 1);

	if (s.n)
		memcpy(copy, s.p, s.n);
	return copy;
}

int str_to_i64(str s, int64_t min, int64_t max, int64_t *out)
{
	bool negative = s.n && *s.p == '-';
	int64_t value = 0;

	if (negative || (s.n && *s.p == '+'))
		s = str_from(s, 1);
	if (s.n == 0)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++) {
		int digit = s.p[i] - '0';

		if (digit < 0 || digit > 9)
			return -EINVAL;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_sub_overflow(value, digit, &value))
			return -ERANGE;
	}
	/* counted downwards, so that the smallest number fits */
	if (!negative && __builtin_sub_overflow((int64_t)0, value, &value))
		return -ERANGE;
	if (value < min || value > max)
		return -ERANGE;
	*out = value;
	return 0;
}

bool str_to_bool(str s)
{
	static const char *const words[] = { "1", "on", "true", "yes" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_eq_nocase(s, str_of(words[i])))
			return true;
	return false;
}
