/*
 * A small ordered dictionary of captured values, in an arena: what Fail2ban keeps in a dict.
 * Names and values are not copied.
 */
#pragma once

#include "base/arena.h"
#include "match/match.h"

struct fields {
	struct match_field *items;
	unsigned n, room;
};

static inline struct match_field *fields_find(const struct fields *f, str name)
{
	for (unsigned i = 0; i < f->n; i++)
		if (str_eq(f->items[i].name, name))
			return &f->items[i];
	return NULL;
}

/* The value, or STR_NULL. */
static inline str fields_get(const struct fields *f, str name)
{
	const struct match_field *field = fields_find(f, name);

	return field ? field->value : STR_NULL;
}

void fields_set(struct fields *f, struct arena *a, str name, str value);
/* Returns the value it had, or STR_NULL. */
str fields_del(struct fields *f, str name);
