/*
 * Python-like data, the currency of Fail2ban's command stream and socket protocol: what
 * `fail2ban-client -d` prints, what a client sends and what it gets back.
 * Trees live in an arena; nothing is freed one by one.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum value_type {
	VALUE_NONE,
	VALUE_BOOL,
	VALUE_INT,
	VALUE_FLOAT,
	VALUE_STR, /* UTF-8 */
	VALUE_LIST,
	VALUE_TUPLE,
	VALUE_DICT,  /* items: key, value, key, value, ... */
	VALUE_ERROR, /* an exception: items[0] is its class as VALUE_STR, the others its args */
};

struct value {
	enum value_type type;
	union {
		bool b;
		int64_t i;
		double f;
		str s;
		struct {
			struct value **items;
			size_t n, room;
		};
	};
};

struct value *value_none(struct arena *a);
struct value *value_bool(struct arena *a, bool b);
struct value *value_int(struct arena *a, int64_t i);
struct value *value_float(struct arena *a, double f);
/* Copies the text. */
struct value *value_str(struct arena *a, str s);
struct value *value_z(struct arena *a, const char *z);
struct value *value_printf(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
struct value *value_list(struct arena *a);
struct value *value_tuple(struct arena *a);
struct value *value_dict(struct arena *a);
/* An exception of the Python class `cls` ("Exception", "IndexError", "UnknownJailException"...). */
struct value *value_error(struct arena *a, const char *cls, str text);
/* Appends to a list, tuple, error or (twice per entry) dict; returns `to`. */
struct value *value_add(struct arena *a, struct value *to, struct value *item);
/* dict[key] or NULL. */
struct value *value_get(const struct value *dict, str key);

/* Python's repr(): 'text', [1, 2], {'a': True}, 1.0, None ... */
void value_add_repr(struct buf *out, const struct value *v);
/* Python's str(): as repr(), but a string is plain. */
void value_add_str(struct buf *out, const struct value *v);
/* Python's repr() of one string / one float, for texts that embed them. */
void value_add_str_repr(struct buf *out, str s);
void value_add_float_repr(struct buf *out, double f);
