/*
 * Numbers and text of a pickle; see pickle_reader.h.  Input is hostile: each number has a largest
 * value, each text a counted length that must be there.
 */
#include "control/pickle_reader.h"

#include <errno.h>

#include "base/utf8.h"

static int push_int(struct pickle_reader *r, int64_t i)
{
	struct pickle_node *node = pickle_node(r, VALUE_INT);

	node->v.i = i;
	return pickle_push(r, node);
}

static int push_float(struct pickle_reader *r, double f)
{
	struct pickle_node *node = pickle_node(r, VALUE_FLOAT);

	node->v.f = f;
	return pickle_push(r, node);
}

int pickle_op_none(struct pickle_reader *r, int arg)
{
	return pickle_push(r, pickle_node(r, VALUE_NONE));
}

int pickle_op_bool(struct pickle_reader *r, int arg)
{
	struct pickle_node *node = pickle_node(r, VALUE_BOOL);

	node->v.b = arg;
	return pickle_push(r, node);
}

/* Little-endian, `width` bytes; only the one of 4 bytes has a sign. */
int pickle_op_int(struct pickle_reader *r, int width)
{
	uint64_t u;
	int rc = pickle_take_uint(r, (unsigned)width, &u);

	if (rc < 0)
		return rc;
	return push_int(r, width == 4 ? (int32_t)(uint32_t)u : (int64_t)u);
}

/* Two's complement of counted length. */
int pickle_op_long(struct pickle_reader *r, int width)
{
	uint64_t n, u;
	int rc = pickle_take_uint(r, (unsigned)width, &n);

	if (rc < 0)
		return rc;
	if (n > 8)
		return pickle_refuse(r, "a number is too large");
	rc = pickle_take_uint(r, (unsigned)n, &u);
	if (rc < 0)
		return rc;
	if (n > 0 && n < 8 && (u >> (8 * n - 1) & 1))
		u |= UINT64_MAX << (8 * n);
	return push_int(r, (int64_t)u);
}

int pickle_op_int_text(struct pickle_reader *r, int suffix)
{
	str s;
	int64_t i;
	int rc = pickle_take_line(r, &s);

	if (rc < 0)
		return rc;
	if (!suffix && (str_is(s, "00") || str_is(s, "01")))
		return pickle_op_bool(r, s.p[1] == '1');
	if (suffix && s.n && s.p[s.n - 1] == suffix)
		s.n--;
	if (str_to_i64(s, INT64_MIN, INT64_MAX, &i) < 0)
		return pickle_refuse(r, "not a number, or too large");
	return push_int(r, i);
}

int pickle_op_float(struct pickle_reader *r, int arg)
{
	uint64_t bits = 0;
	double f;
	str s;
	int rc = pickle_take(r, 8, &s);

	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < 8; i++)
		bits = bits << 8 | (unsigned char)s.p[i];
	memcpy(&f, &bits, sizeof f);
	return push_float(r, f);
}

int pickle_op_float_text(struct pickle_reader *r, int arg)
{
	char text[64], *end;
	double f;
	str s;
	int rc = pickle_take_line(r, &s);

	if (rc < 0)
		return rc;
	if (s.n == 0 || s.n >= sizeof text)
		return pickle_refuse(r, "not a number");
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	/* of what strtod takes, only what Python's repr() writes */
	if (strspn(text, "+-.0123456789einfa") != s.n)
		return pickle_refuse(r, "not a number");
	f = strtod(text, &end);
	if (end != text + s.n)
		return pickle_refuse(r, "not a number");
	return push_float(r, f);
}

int pickle_op_text(struct pickle_reader *r, int width)
{
	uint64_t n = 0;
	str s = STR_NULL;
	int rc = pickle_take_uint(r, (unsigned)width, &n);

	if (rc == 0)
		rc = pickle_take(r, n, &s);
	return rc < 0 ? rc : pickle_push_text(r, s);
}

/* `digits` hexadecimal digits at the start of s, or -1. */
static int64_t hex(str s, unsigned digits)
{
	int64_t u = 0;

	if (s.n < digits)
		return -1;
	for (unsigned i = 0; i < digits; i++) {
		static const char known[] = "0123456789abcdef0123456789ABCDEF";
		const char *at = s.p[i] ? strchr(known, s.p[i]) : NULL;

		if (!at)
			return -1;
		u = u << 4 | ((at - known) & 15);
	}
	return u;
}

/* raw-unicode-escape: ISO 8859-1 with \uXXXX and \UXXXXXXXX. */
int pickle_op_escaped_text(struct pickle_reader *r, int arg)
{
	struct buf text _buf_free_ = { 0 };
	str s;
	int rc = pickle_take_line(r, &s);

	if (rc < 0)
		return rc;
	while (s.n) {
		bool escape = s.n > 1 && *s.p == '\\' && (s.p[1] == 'u' || s.p[1] == 'U');
		unsigned digits = escape ? (s.p[1] == 'u' ? 4 : 8) : 0;
		int64_t u = escape ? hex(str_from(s, 2), digits) : (unsigned char)*s.p;

		if (u < 0 || u > 0x10ffff)
			return pickle_refuse(r, "bad escape in text");
		utf8_add_char(&text, u >= 0xd800 && u < 0xe000 ? 0xfffd : (uint32_t)u);
		s = str_from(s, escape ? digits + 2 : 1);
	}
	return pickle_push_text(r, buf_str(&text));
}

/* One escape of a Python 2 string behind its backslash; returns the bytes it took, 0: bad. */
static size_t add_unquoted(struct buf *text, str s)
{
	static const char names[] = "nrt\\'\"", values[] = "\n\r\t\\'\"";
	const char *at = s.n && *s.p ? strchr(names, *s.p) : NULL;
	int64_t u;

	if (at) {
		buf_add_char(text, values[at - names]);
		return 1;
	}
	if (s.n < 3 || *s.p != 'x' || (u = hex(str_from(s, 1), 2)) < 0)
		return 0;
	buf_add_char(text, (char)u);
	return 3;
}

int pickle_op_quoted_text(struct pickle_reader *r, int arg)
{
	struct buf text _buf_free_ = { 0 };
	str s;
	int rc = pickle_take_line(r, &s);

	if (rc < 0)
		return rc;
	if (s.n < 2 || *s.p != s.p[s.n - 1] || (*s.p != '\'' && *s.p != '"'))
		return pickle_refuse(r, "text is not quoted");
	s = (str){ .p = s.p + 1, .n = s.n - 2 };
	while (s.n) {
		size_t took = *s.p == '\\' ? add_unquoted(&text, str_from(s, 1)) : 1;

		if (took == 0)
			return pickle_refuse(r, "bad escape in text");
		if (*s.p == '\\')
			took++;
		else
			buf_add_char(&text, *s.p);
		s = str_from(s, took);
	}
	return pickle_push_text(r, buf_str(&text));
}
