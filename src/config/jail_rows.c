/* Rows of a jail's keys; see jail_rows.h.  Called by jail.c. */
#include "config/jail_rows.h"

#include "config/fault.h"
#include "config/stream.h"
#include "config/words.h"

const struct jail_key jail_keys[JAIL_KEYS] = {
	{ "usedns", JAIL_TEXT },
	{ "prefregex", JAIL_TEXT },
	{ "maxlines", JAIL_INT },
	{ "ignoreregex", JAIL_REGEX },
	{ "failregex", JAIL_REGEX },
	{ "datepattern", JAIL_TEXT },
	{ "journalmatch", JAIL_JOURNAL },
	{ "maxretry", JAIL_INT },
	{ "maxmatches", JAIL_INT },
	{ "findtime", JAIL_TEXT },
	{ "bantime", JAIL_TEXT },
	{ "bantime.increment", JAIL_BOOL },
	{ "bantime.factor", JAIL_TEXT },
	{ "bantime.formula", JAIL_TEXT },
	{ "bantime.multipliers", JAIL_TEXT },
	{ "bantime.maxtime", JAIL_TEXT },
	{ "bantime.rndtime", JAIL_TEXT },
	{ "bantime.overalljails", JAIL_BOOL },
	{ "ignorecommand", JAIL_TEXT },
	{ "ignoreself", JAIL_BOOL },
	{ "ignoreip", JAIL_IPS },
	{ "ignorecache", JAIL_TEXT },
	{ "logtimezone", JAIL_TEXT },
	{ "logencoding", JAIL_TEXT },
};

const struct jail_key *jail_key_find(str name, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (str_is(name, jail_keys[i].name))
			return &jail_keys[i];
	return NULL;
}

static void add_lines(struct jail_rows *to, const char *what, str value)
{
	struct arena *a = to->c->arena;
	struct value *list = value_list(a), *row;
	str line;

	while (str_split(&value, '\n', &line))
		if (line.n)
			value_add(a, list, value_str(a, line));
	if (list->n == 0)
		return;
	row = stream_command(a, to->rows, list->n > 1 ? "multi-set" : "set", to->jail, what);
	value_add(a, row, list->n > 1 ? list : list->items[0]);
}

static int add_journal(struct jail_rows *to, const struct conf_key *place, str value,
		       struct err *err)
{
	str line;
	int rc = 0;

	while (rc == 0 && str_split(&value, '\n', &line)) {
		struct value *row;

		if (str_trim(line).n == 0)
			continue;
		row = stream_set(to->c->arena, to->rows, to->jail, "addjournalmatch");
		rc = words_add(to->c->arena, line, row, err);
		if (rc < 0)
			fault_at(err, place);
	}
	return rc;
}

static void add_ips(struct jail_rows *to, str value)
{
	struct arena *a = to->c->arena;
	struct value *row = stream_set(a, to->rows, to->jail, "addignoreip");

	while (value.n) {
		size_t n = 0;

		while (n < value.n && value.p[n] != ' ' && value.p[n] != ',' && value.p[n] != '\n')
			n++;
		if (n)
			value_add(a, row, value_str(a, str_head(value, n)));
		value = str_from(value, n + 1);
	}
}

int jail_int_parse(str text, int64_t *out)
{
	_buf_free_ struct buf digits = { 0 };

	text = str_trim(text);
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != '_' || i == 0 || i + 1 == text.n || text.p[i - 1] == '_')
			buf_add_char(&digits, text.p[i]);
	return str_to_i64(buf_str(&digits), INT32_MIN, INT32_MAX, out);
}

static void add_int(struct jail_rows *to, const struct jail_key *k, const struct conf_key *key,
		    str value)
{
	struct arena *a = to->c->arena;
	int64_t number;

	if (jail_int_parse(value, &number) < 0) {
		note_add(to->c, to->jail, key,
			 "%s = %.*s is not a whole number; the default is used", k->name,
			 STR_ARG(value));
		return;
	}
	value_add(a, stream_set(a, to->rows, to->jail, k->name), value_int(a, number));
}

int jail_rows_add(struct jail_rows *to, const struct jail_key *k, const struct conf_key *place,
		  str value, struct err *err)
{
	struct arena *a = to->c->arena;
	struct value *row;

	switch (k->kind) {
	case JAIL_REGEX:
		add_lines(to, k->name[0] == 'f' ? "addfailregex" : "addignoreregex", value);
		return 0;
	case JAIL_JOURNAL:
		return add_journal(to, place, value, err);
	case JAIL_IPS:
		add_ips(to, value);
		return 0;
	case JAIL_INT:
		add_int(to, k, place, value);
		return 0;
	case JAIL_TEXT:
	case JAIL_BOOL:
		row = stream_set(a, to->rows, to->jail, k->name);
		value_add(a, row,
			  k->kind == JAIL_TEXT ? value_str(a, value)
					       : value_bool(a, str_to_bool(value)));
		return 0;
	}
	return 0;
}
