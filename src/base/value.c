/* Python-like data and its repr(); see value.h. */
#include "base/value.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

static struct value *value_new(struct arena *a, enum value_type type)
{
	struct value *v = arena_alloc(a, sizeof *v);

	v->type = type;
	return v;
}

struct value *value_none(struct arena *a)
{
	return value_new(a, VALUE_NONE);
}

struct value *value_bool(struct arena *a, bool b)
{
	struct value *v = value_new(a, VALUE_BOOL);

	v->b = b;
	return v;
}

struct value *value_int(struct arena *a, int64_t i)
{
	struct value *v = value_new(a, VALUE_INT);

	v->i = i;
	return v;
}

struct value *value_float(struct arena *a, double f)
{
	struct value *v = value_new(a, VALUE_FLOAT);

	v->f = f;
	return v;
}

struct value *value_str(struct arena *a, str s)
{
	struct value *v = value_new(a, VALUE_STR);

	v->s = arena_str(a, s);
	return v;
}

struct value *value_z(struct arena *a, const char *z)
{
	return value_str(a, str_of(z));
}

struct value *value_printf(struct arena *a, const char *fmt, ...)
{
	struct buf text = { 0 };
	struct value *v;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	v = value_str(a, buf_str(&text));
	buf_free(&text);
	return v;
}

struct value *value_list(struct arena *a)
{
	return value_new(a, VALUE_LIST);
}

struct value *value_tuple(struct arena *a)
{
	return value_new(a, VALUE_TUPLE);
}

struct value *value_dict(struct arena *a)
{
	return value_new(a, VALUE_DICT);
}

struct value *value_error(struct arena *a, const char *cls, str text)
{
	struct value *v = value_new(a, VALUE_ERROR);

	value_add(a, v, value_z(a, cls));
	return value_add(a, v, value_str(a, text));
}

struct value *value_add(struct arena *a, struct value *to, struct value *item)
{
	if (to->n == to->room) {
		size_t room = to->room ? to->room * 2 : 4;
		struct value **items = arena_alloc(a, room * sizeof(struct value *));

		if (to->n)
			memcpy(items, to->items, to->n * sizeof(struct value *));
		to->items = items;
		to->room = room;
	}
	to->items[to->n++] = item;
	return to;
}

struct value *value_get(const struct value *dict, str key)
{
	if (!dict || dict->type != VALUE_DICT)
		return NULL;
	for (size_t i = 0; i + 1 < dict->n; i += 2)
		if (dict->items[i]->type == VALUE_STR && str_eq(dict->items[i]->s, key))
			return dict->items[i + 1];
	return NULL;
}

static void add_escaped_char(struct buf *out, str c, char quote)
{
	unsigned char u = (unsigned char)*c.p;

	if (u == '\\' || *c.p == quote)
		buf_printf(out, "\\%c", u);
	else if (u == '\n')
		buf_add_z(out, "\\n");
	else if (u == '\r')
		buf_add_z(out, "\\r");
	else if (u == '\t')
		buf_add_z(out, "\\t");
	else if (u < 0x20 || u == 0x7f)
		buf_printf(out, "\\x%02x", u);
	else if (c.n == 2 && u == 0xc2 &&
		 ((unsigned char)c.p[1] <= 0xa0 || (unsigned char)c.p[1] == 0xad))
		buf_printf(out, "\\x%02x", (unsigned char)c.p[1]); /* not printable to Python */
	else
		buf_add_str(out, c);
}

void value_add_str_repr(struct buf *out, str s)
{
	char quote = str_chr(s, '\'') >= 0 && str_chr(s, '"') < 0 ? '"' : '\'';

	buf_add_char(out, quote);
	while (s.n) {
		size_t n = utf8_len(s);

		if (n == 0)
			buf_printf(out, "\\x%02x", (unsigned char)*s.p);
		else
			add_escaped_char(out, str_head(s, n), quote);
		s = str_from(s, n ? n : 1);
	}
	buf_add_char(out, quote);
}

/* The shortest digits that read back as the same number, as Python's repr(float). */
void value_add_float_repr(struct buf *out, double f)
{
	char digits[64];
	int precision = 1, exponent;
	const char *e;

	if (isnan(f) || isinf(f)) {
		buf_add_z(out, isnan(f) ? "nan" : f > 0 ? "inf" : "-inf");
		return;
	}
	do
		snprintf(digits, sizeof digits, "%.*e", precision - 1, f);
	while (strtod(digits, NULL) != f && precision++ < 17);
	e = strchr(digits, 'e');
	exponent = e ? (int)strtol(e + 1, NULL, 10) : 0;
	if (exponent < -4 || exponent >= 16) {
		buf_add(out, digits, (size_t)(e - digits));
		buf_printf(out, "e%c%02d", exponent < 0 ? '-' : '+',
			   exponent < 0 ? -exponent : exponent);
		return;
	}
	precision = precision - 1 - exponent;
	buf_printf(out, "%.*f", precision > 1 ? precision : 1, f);
}

static void add_items(struct buf *out, const struct value *v, size_t from)
{
	for (size_t i = from; i < v->n; i++) {
		if (i > from)
			buf_add_z(out, v->type == VALUE_DICT && (i & 1) ? ": " : ", ");
		value_add_repr(out, v->items[i]);
	}
}

void value_add_repr(struct buf *out, const struct value *v)
{
	switch (v->type) {
	case VALUE_NONE:
		buf_add_z(out, "None");
		break;
	case VALUE_BOOL:
		buf_add_z(out, v->b ? "True" : "False");
		break;
	case VALUE_INT:
		buf_printf(out, "%lld", (long long)v->i);
		break;
	case VALUE_FLOAT:
		value_add_float_repr(out, v->f);
		break;
	case VALUE_STR:
		value_add_str_repr(out, v->s);
		break;
	case VALUE_LIST:
		buf_add_char(out, '[');
		add_items(out, v, 0);
		buf_add_char(out, ']');
		break;
	case VALUE_TUPLE:
		buf_add_char(out, '(');
		add_items(out, v, 0);
		buf_add_z(out, v->n == 1 ? ",)" : ")");
		break;
	case VALUE_DICT:
		buf_add_char(out, '{');
		add_items(out, v, 0);
		buf_add_char(out, '}');
		break;
	case VALUE_ERROR:
		buf_add_str(out, v->items[0]->s);
		buf_add_char(out, '(');
		add_items(out, v, 1);
		buf_add_char(out, ')');
		break;
	}
}

void value_add_str(struct buf *out, const struct value *v)
{
	if (v->type == VALUE_STR)
		buf_add_str(out, v->s);
	else if (v->type == VALUE_ERROR && v->n > 1)
		value_add_str(out, v->items[1]);
	else
		value_add_repr(out, v);
}
