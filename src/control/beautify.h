/*
 * Inside client_print(): beautify.c prints settings and lists, status_tree.c and stats_table.c the
 * three forms of status.  For no one else.  Values are hostile: every piece of them goes through
 * beautify_safe().  Each printer returns false if the value has not the shape it expects.
 */
#pragma once

#include "control/client.h"

/* An answer and the words that it answers. */
struct reply {
	struct buf *out;
	const struct value *words;
	const struct value *value;
};

/* Escapes all control characters but those of `keep`. */
void beautify_safe(struct buf *out, str s, const char *keep);
/* Python's str() of a value: of a setting or error text (may have newlines), or of one line. */
void beautify_text(struct buf *out, const struct value *v);
void beautify_line(struct buf *out, const struct value *v);
void beautify_joined(struct buf *out, const struct value *v, str separator);
/* The n-th word as text, or "". */
str reply_word(const struct reply *r, size_t n);

static inline bool value_is_sequence(const struct value *v)
{
	return v->type == VALUE_LIST || v->type == VALUE_TUPLE;
}
static inline bool value_is_pair(const struct value *v)
{
	return value_is_sequence(v) && v->n == 2;
}

/* Printers; text and none are those of the row in the table. */
bool print_status(const struct reply *r, const char *text, const char *none);
bool print_stats(const struct reply *r, const char *text, const char *none);
