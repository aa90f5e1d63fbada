/*
 * `status`, `status JAIL` and `status --all` as trees; see beautify.h.
 */
#include "control/beautify.h"

#include <stdio.h>

static void add_leaf(struct buf *out, const struct value *pair, const char *indent, bool last)
{
	const struct value *v = pair->items[1];

	buf_printf(out, "\n%s%s", indent, last ? "`- " : "|- ");
	beautify_line(out, pair->items[0]);
	buf_add_z(out, ":\t");
	if (value_is_sequence(v))
		beautify_joined(out, v, STR(" "));
	else
		beautify_line(out, v);
}

static bool is_tree(const struct value *v)
{
	if (!value_is_sequence(v))
		return false;
	for (size_t i = 0; i < v->n; i++)
		if (!value_is_pair(v->items[i]))
			return false;
	return true;
}

/* The two levels of a jail's status. */
static bool is_jail_tree(const struct value *v)
{
	if (!is_tree(v))
		return false;
	for (size_t i = 0; i < v->n; i++)
		if (!is_tree(v->items[i]->items[1]))
			return false;
	return true;
}

static void add_jail_tree(struct buf *out, const struct value *v, const char *indent)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct value *leaves = v->items[i]->items[1];
		bool last = i + 1 == v->n;
		char deeper[32];

		buf_printf(out, "\n%s%s", indent, last ? "`- " : "|- ");
		beautify_line(out, v->items[i]->items[0]);
		snprintf(deeper, sizeof deeper, "%s%s", indent, last ? "   " : "|  ");
		for (size_t k = 0; k < leaves->n; k++)
			add_leaf(out, leaves->items[k], deeper, k + 1 == leaves->n);
	}
}

/* `status --all`: the jails one below the other. */
static bool add_all_jails(struct buf *out, const struct value *jails)
{
	buf_add_z(out, "\n`- Status for the jails:");
	for (size_t i = 0; i + 1 < jails->n; i += 2) {
		bool last = i + 2 == jails->n;

		if (!is_jail_tree(jails->items[i + 1]))
			return false;
		buf_add_z(out, last ? "\n   `- Jail: " : "\n   |- Jail: ");
		beautify_line(out, jails->items[i]);
		add_jail_tree(out, jails->items[i + 1], last ? "      " : "   |  ");
	}
	return true;
}

static bool print_server_status(const struct reply *r)
{
	const struct value *v = r->value;

	if (!value_is_sequence(v))
		return false;
	buf_add_z(r->out, "Status");
	for (size_t i = 0; i < v->n; i++) {
		if (v->items[i]->type == VALUE_DICT)
			return i + 1 == v->n && add_all_jails(r->out, v->items[i]);
		if (!value_is_pair(v->items[i]))
			return false;
		add_leaf(r->out, v->items[i], "", i + 1 == v->n);
	}
	return true;
}

bool print_status(const struct reply *r, const char *text, const char *none)
{
	if (r->words->n < 2 || (str_is(reply_word(r, 1), "--all") && value_is_sequence(r->value)))
		return print_server_status(r);
	if (r->value->type == VALUE_DICT)
		return print_stats(r, text, none);
	if (!is_jail_tree(r->value))
		return false;
	buf_add_z(r->out, "Status for the jail: ");
	beautify_safe(r->out, reply_word(r, 1), "");
	add_jail_tree(r->out, r->value, "");
	return true;
}
