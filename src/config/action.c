/* An action of action.d; see action.h.  Called by jail.c. */
#include "config/action.h"

#include <errno.h>

#include "base/utf8.h"
#include "config/definition.h"
#include "config/fault.h"
#include "config/list.h"
#include "config/stream.h"
#include "config/tags.h"

/* What [Definition] may hold that is sent, in the order of the stream. */
static const struct action_key {
	const char *name;
	bool is_bool;
} action_keys[] = {
	{ "actionstart", false },  { "actionstart_on_demand", true },
	{ "actionstop", false },   { "actionflush", false },
	{ "actionreload", false }, { "actioncheck", false },
	{ "actionrepair", false }, { "actionrepair_on_unban", true },
	{ "actionban", false },    { "actionprolong", false },
	{ "actionreban", false },  { "actionunban", false },
	{ "norestored", true },    { NULL, false },
};

/* Resolved when the action runs, not here. */
static const char *const runtime_tags[] = { "matches", "ipmatches", "ipjailmatches",
					    "timeout", "bantime",   NULL };

static const struct action_key *find_action_key(str name)
{
	for (const struct action_key *k = action_keys; k->name; k++)
		if (str_is(name, k->name))
			return k;
	return NULL;
}

/* "sshd" and name "sshd-tcp" make "iptables-tcp" of "iptables". */
static str unique_name(struct reader *r, str action, str name, str jail)
{
	if (str_eq(name, jail))
		return action;
	if (str_starts(name, jail))
		return arena_printf(r->arena, "%.*s%.*s", STR_ARG(action),
				    STR_ARG(str_from(name, jail.n)));
	return arena_printf(r->arena, "%.*s-%.*s", STR_ARG(action), STR_ARG(name));
}

/* What is sent (a list of pairs), and the same to look things up in. */
struct properties {
	struct arena *arena;
	struct value *list, *dict;
};

static str option_value(const struct options *o, const char *name)
{
	for (size_t i = o->n; i > 0; i--)
		if (str_is(o->items[i - 1].name, name))
			return o->items[i - 1].value;
	return STR_NULL;
}

static void add_property(struct properties *p, str name, struct value *value)
{
	struct value *pair = value_list(p->arena);
	struct value *text = value;

	if (value->type == VALUE_BOOL)
		text = value_z(p->arena, value->b ? "True" : "False");
	value_add(p->arena, pair, value_str(p->arena, name));
	value_add(p->arena, pair, value);
	value_add(p->arena, p->list, pair);
	value_add(p->arena, p->dict, pair->items[0]);
	value_add(p->arena, p->dict, text);
}

/* First what the action does, resolved; then its parameters, as they were written. */
static void add_properties(struct properties *p, const struct table *combined,
			   const struct table *given)
{
	const struct action_key *k;
	size_t at = 0;
	str name;
	void *key;

	while (table_each(combined, &at, &name, &key)) {
		str value = ((const struct conf_key *)key)->value;

		k = find_action_key(name);
		if (k)
			add_property(p, name,
				     k->is_bool ? value_bool(p->arena, str_to_bool(value))
						: value_str(p->arena, value));
	}
	at = 0;
	while (table_each(given, &at, &name, &key))
		if (!find_action_key(name) && !str_starts(name, STR("known/")))
			add_property(p, name,
				     value_str(p->arena, ((const struct conf_key *)key)->value));
}

/* The action's own options, then what is given over them. */
static int combine(const struct definition *d, struct table *combined, struct err *err)
{
	size_t at = 0;
	str name;
	void *key;

	for (const struct action_key *k = action_keys; k->name; k++) {
		struct conf_key *own = NULL;
		int rc = -ENOENT;

		name = str_of(k->name);
		if (!table_find(d->args, name))
			rc = definition_get(d, name, &own, err);
		if (rc == 0)
			table_put(combined, name, own);
		else if (rc != -ENOENT)
			return rc;
	}
	while (table_each(d->given, &at, &name, &key)) {
		struct conf_key *copy = arena_alloc(d->reader->arena, sizeof *copy);

		*copy = *(struct conf_key *)key;
		table_put(combined, name, copy);
	}
	return 0;
}

static int read_shell_action(struct definition *d, struct table *combined, struct err *err)
{
	struct reader *r = d->reader;
	struct table *ignore = reader_table(r);
	struct tags tags = { .options = combined, .ignore = ignore, .definition = &d->scope };
	int rc = definition_add_init(d, err);

	if (rc == 0)
		rc = combine(d, combined, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; runtime_tags[i]; i++)
		table_put(ignore, str_of(runtime_tags[i]), ignore);
	definition_add_conditional(combined, ignore);
	return tags_resolve(&tags, err);
}

/* One string as Python's json.dumps() writes it. */
static void add_json(struct buf *out, str s)
{
	buf_add_char(out, '"');
	for (size_t n; s.n; s = str_from(s, n)) {
		uint32_t c = (unsigned char)*s.p;

		n = utf8_len(s) ? utf8_len(s) : 1;
		if (n > 1) {
			c &= 0xffu >> (n + 1);
			for (size_t i = 1; i < n; i++)
				c = c << 6 | ((unsigned char)s.p[i] & 0x3f);
		}
		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", (char)c);
		else if (c == '\n' || c == '\r' || c == '\t')
			buf_add_z(out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
		else if (c >= 0x20 && c < 0x7f)
			buf_add_char(out, (char)c);
		else if (c < 0x10000)
			buf_printf(out, "\\u%04x", c);
		else
			buf_printf(out, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
	}
	buf_add_char(out, '"');
}

static int append(struct config *c, struct config_jail *jail, const struct config_action *new,
		  struct err *err)
{
	for (unsigned i = 0; i < jail->n_action; i++)
		if (str_eq(jail->action[i].name, new->name))
			return err_set(
				err, -EEXIST,
				"two actions are called '%.*s'; name one of them otherwise, as "
				"in %.*s[actname=\"another\"]",
				STR_ARG(new->name), STR_ARG(new->file));
	jail->action = list_append(c->arena, jail->action, &jail->n_action, sizeof *jail->action);
	jail->action[jail->n_action - 1] = *new;
	return 0;
}

static int read_python_action(struct reader *r, struct config *c, const struct options *o,
			      struct config_jail *jail, struct value *rows, struct err *err)
{
	struct arena *a = c->arena;
	_buf_free_ struct buf json = { 0 };
	str name = option_value(o, "actname"), stem = str_head(o->name, o->name.n - 3);
	struct config_action new = { .python = true, .file = arena_str(a, stem) };
	struct value *row;

	new.name = arena_str(a, name.p ? name : stem);
	new.properties = value_dict(a);
	buf_add_char(&json, '{');
	for (size_t i = 0; i < o->n; i++) {
		if (str_is(o->items[i].name, "actname"))
			continue;
		if (json.n > 1)
			buf_add_z(&json, ", ");
		add_json(&json, o->items[i].name);
		buf_add_z(&json, ": ");
		add_json(&json, o->items[i].value);
		value_add(a, new.properties, value_str(a, o->items[i].name));
		value_add(a, new.properties, value_str(a, o->items[i].value));
	}
	buf_add_char(&json, '}');
	row = stream_set(a, rows, jail->name, "addaction");
	value_add(a, row, value_str(a, new.name));
	value_add(a, row, value_printf(a, "%s/action.d/%.*s", r->dir, STR_ARG(o->name)));
	value_add(a, row, value_str(a, buf_str(&json)));
	note_add(c, jail->name, NULL, "the action %.*s is a Python program, which is not run",
		 STR_ARG(o->name));
	return append(c, jail, &new, err);
}

int config_action_read(struct reader *r, struct config *c, const struct options *options,
		       struct config_jail *jail, const struct table *jail_options,
		       struct value *rows, struct err *err)
{
	struct arena *a = c->arena;
	struct properties p = { .arena = a, .list = value_list(a), .dict = value_dict(a) };
	struct config_action new = { .properties = p.dict };
	struct definition d;
	struct table *combined = reader_table(r);
	str name = option_value(options, "name"), actname = option_value(options, "actname");
	struct value *row;
	int rc;

	if (str_ends(options->name, STR(".py")) && options->name.n > 3)
		return read_python_action(r, c, options, jail, rows, err);
	rc = definition_open(&d, r, "action.d", options, jail_options, err);
	if (rc < 0)
		return rc;
	if (!name.p)
		name = jail->name;
	if (!actname.p)
		actname = unique_name(r, options->name, name, jail->name);
	definition_give(&d, STR("name"), name);
	definition_give(&d, STR("actname"), actname);
	rc = read_shell_action(&d, combined, err);
	if (rc < 0)
		return rc;
	add_properties(&p, combined, d.given);
	new.name = arena_str(a, actname);
	new.file = arena_str(a, options->name);
	row = stream_set(a, rows, jail->name, "addaction");
	value_add(a, row, value_str(a, actname));
	row = stream_command(a, rows, "multi-set", jail->name, "action");
	value_add(a, row, value_str(a, actname));
	value_add(a, row, p.list);
	return append(c, jail, &new, err);
}
