/*
 * One jail; see jail.h.
 *
 * Called by config.c for each section of jail.conf and its companions.  The order of the commands
 * is Fail2ban's: what belongs to the filter, the other options, log paths, actions.
 */
#include "config/jail.h"

#include <errno.h>
#include <unistd.h>

#include "config/action.h"
#include "config/fault.h"
#include "config/filter.h"
#include "config/interpolate.h"
#include "config/logpath.h"
#include "config/options.h"
#include "config/stream.h"
#include "config/words.h"

enum kind {
	KIND_TEXT,
	KIND_INT,
	KIND_BOOL,
	KIND_REGEX,   /* a command for all lines together: addNAME */
	KIND_JOURNAL, /* a command for each line */
	KIND_IPS,     /* one command with many arguments */
};

/*
 * Filter options come first; those before KEY_REST are also sent before all others, and usedns
 * before these, since it decides what a pattern means.
 */
static const struct jail_key {
	const char *name;
	enum kind kind;
} keys[] = {
	{ "usedns", KIND_TEXT },
	{ "prefregex", KIND_TEXT },
	{ "maxlines", KIND_INT },
#define KEY_REST 3
	{ "ignoreregex", KIND_REGEX },
	{ "failregex", KIND_REGEX },
	{ "datepattern", KIND_TEXT },
	{ "journalmatch", KIND_JOURNAL },
#define KEY_JAIL 7
	{ "maxretry", KIND_INT },
	{ "maxmatches", KIND_INT },
	{ "findtime", KIND_TEXT },
	{ "bantime", KIND_TEXT },
	{ "bantime.increment", KIND_BOOL },
	{ "bantime.factor", KIND_TEXT },
	{ "bantime.formula", KIND_TEXT },
	{ "bantime.multipliers", KIND_TEXT },
	{ "bantime.maxtime", KIND_TEXT },
	{ "bantime.rndtime", KIND_TEXT },
	{ "bantime.overalljails", KIND_BOOL },
	{ "ignorecommand", KIND_TEXT },
	{ "ignoreself", KIND_BOOL },
	{ "ignoreip", KIND_IPS },
	{ "ignorecache", KIND_TEXT },
	{ "logtimezone", KIND_TEXT },
	{ "logencoding", KIND_TEXT },
};
#define N_KEYS (sizeof keys / sizeof *keys)

struct reading {
	struct reader *r;
	struct config *c;
	struct config_jail *jail;
	struct scope scope;
	struct config_filter filter; /* tables are NULL: no filter */
	/* -> struct conf_key: what the filter and the actions may name */
	struct table *all_options;
	struct value *rows;
	struct err *err;
};

/* The value of a key; `otherwise` when there is none. */
static int get(struct reading *g, const char *name, str otherwise, str *out)
{
	int rc = scope_get(&g->scope, str_of(name), out, g->err);

	if (rc != -ENOENT)
		return rc;
	*out = otherwise;
	return 0;
}

static const struct conf_key *place(const struct reading *g, const char *name)
{
	return scope_find(&g->scope, str_of(name));
}

static void add_lines(struct reading *g, const char *what, str value)
{
	struct arena *a = g->c->arena;
	struct value *list = value_list(a), *row;
	str line;

	while (str_split(&value, '\n', &line))
		if (line.n)
			value_add(a, list, value_str(a, line));
	if (list->n == 0)
		return;
	row = stream_command(a, g->rows, list->n > 1 ? "multi-set" : "set", g->jail->name, what);
	value_add(a, row, list->n > 1 ? list : list->items[0]);
}

static int add_journal(struct reading *g, const struct conf_key *key, str value)
{
	str line;
	int rc = 0;

	while (rc == 0 && str_split(&value, '\n', &line)) {
		struct value *row;

		if (str_trim(line).n == 0)
			continue;
		row = stream_set(g->c->arena, g->rows, g->jail->name, "addjournalmatch");
		rc = words_add(g->c->arena, line, row, g->err);
		if (rc < 0)
			fault_at(g->err, key);
	}
	return rc;
}

static void add_ips(struct reading *g, str value)
{
	struct arena *a = g->c->arena;
	struct value *row = stream_set(a, g->rows, g->jail->name, "addignoreip");

	while (value.n) {
		size_t n = 0;

		while (n < value.n && value.p[n] != ' ' && value.p[n] != ',' && value.p[n] != '\n')
			n++;
		if (n)
			value_add(a, row, value_str(a, str_head(value, n)));
		value = str_from(value, n + 1);
	}
}

/* Python's int(): blanks around it and '_' between digits are fine. */
static int parse_int(str text, int64_t *out)
{
	_buf_free_ struct buf digits = { 0 };

	text = str_trim(text);
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != '_' || i == 0 || i + 1 == text.n || text.p[i - 1] == '_')
			buf_add_char(&digits, text.p[i]);
	return str_to_i64(buf_str(&digits), INT32_MIN, INT32_MAX, out);
}

static void add_int(struct reading *g, const struct jail_key *k, const struct conf_key *key,
		    str value)
{
	struct arena *a = g->c->arena;
	int64_t number;

	if (parse_int(value, &number) < 0) {
		note_add(g->c, g->jail->name, key,
			 "%s = %.*s is not a whole number; the default is used", k->name,
			 STR_ARG(value));
		return;
	}
	value_add(a, stream_set(a, g->rows, g->jail->name, k->name), value_int(a, number));
}

static int add_value(struct reading *g, const struct jail_key *k, const struct conf_key *key,
		     str value)
{
	struct arena *a = g->c->arena;
	struct value *row;

	switch (k->kind) {
	case KIND_REGEX:
		add_lines(g, k->name[0] == 'f' ? "addfailregex" : "addignoreregex", value);
		return 0;
	case KIND_JOURNAL:
		return add_journal(g, key, value);
	case KIND_IPS:
		add_ips(g, value);
		return 0;
	case KIND_INT:
		add_int(g, k, key, value);
		return 0;
	case KIND_TEXT:
	case KIND_BOOL:
		row = stream_set(a, g->rows, g->jail->name, k->name);
		value_add(a, row,
			  k->kind == KIND_TEXT ? value_str(a, value)
					       : value_bool(a, str_to_bool(value)));
		return 0;
	}
	return 0;
}

/* What the jail itself sets, of keys[from..to). */
static int add_jail_keys(struct reading *g, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		str value = STR_NULL;
		int rc = scope_get(&g->scope, str_of(keys[i].name), &value, g->err);

		if (rc == 0)
			rc = add_value(g, &keys[i], place(g, keys[i].name), value);
		if (rc < 0 && rc != -ENOENT)
			return rc;
	}
	return 0;
}

static const struct jail_key *find_key(str name, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (str_is(name, keys[i].name))
			return &keys[i];
	return NULL;
}

/* One value of the filter, if it is among keys[from..to). */
static int add_filter_key(struct reading *g, str name, size_t from, size_t to)
{
	const struct jail_key *k = find_key(name, from, to);
	const struct conf_key *key = table_find(g->filter.all, name);

	return k && key ? add_value(g, k, key, key->value) : 0;
}

/*
 * What the filter sets, of keys[from..to): first its own, where the jail has nothing to say, then
 * what [Init] or the jail gave it in `filter = name[...]`.
 */
static int add_filter_keys(struct reading *g, size_t from, size_t to)
{
	int rc = 0;
	size_t at = 0;
	str name;

	if (!g->filter.all)
		return 0;
	for (size_t i = 0; config_filter_keys[i] && rc == 0; i++) {
		name = str_of(config_filter_keys[i]);
		if (!table_find(g->filter.given, name) && !place(g, config_filter_keys[i]))
			rc = add_filter_key(g, name, from, to);
	}
	while (rc == 0 && table_each(g->filter.given, &at, &name, NULL))
		rc = add_filter_key(g, name, from, to);
	return rc;
}

/* Everything the filter defines is `%(known/...)s` to the jail. */
static void make_known(struct reading *g)
{
	struct table *known = reader_table(g->r);
	size_t at = 0;
	str name;
	void *key;

	while (table_each(g->filter.all, &at, &name, &key))
		table_put(known, arena_printf(g->r->arena, "known/%.*s", STR_ARG(name)), key);
	g->scope.known = known;
}

/* Adds the value of a key, as text, to what filter and actions may name. */
static int offer(struct reading *g, struct table *options, const char *name, enum kind kind,
		 const char *otherwise)
{
	str value = STR_NULL;
	int64_t number;
	int rc = get(g, name, str_of(otherwise), &value);

	if (rc < 0 || (!otherwise && !value.p))
		return rc;
	if (kind == KIND_BOOL)
		value = str_to_bool(value) ? STR("True") : STR("False");
	if (kind == KIND_INT) {
		if (parse_int(value, &number) < 0)
			return 0;
		value = arena_printf(g->r->arena, "%lld", (long long)number);
	}
	reader_put(g->r, options, str_of(name), value);
	return 0;
}

static int offer_basic(struct reading *g, struct table *options)
{
	int rc = offer(g, options, "enabled", KIND_BOOL, "false");

	if (rc == 0)
		rc = offer(g, options, "backend", KIND_TEXT, "auto");
	if (rc == 0)
		rc = offer(g, options, "filter", KIND_TEXT, "");
	return rc;
}

/* After the filter is known, since these values may refer to it. */
static int offer_all(struct reading *g)
{
	struct table *options = g->all_options = reader_table(g->r);
	int rc = offer_basic(g, options);

	for (size_t i = 0; i < N_KEYS && rc == 0; i++)
		rc = offer(g, options, keys[i].name, keys[i].kind, NULL);
	if (rc == 0)
		rc = offer(g, options, "logpath", KIND_TEXT, NULL);
	if (rc == 0)
		rc = offer(g, options, "action", KIND_TEXT, NULL);
	return rc;
}

/* Read twice: the jail's values may refer to the filter's, and the filter's to the jail's. */
static int read_named_filter(struct reading *g, const struct options *options)
{
	struct table *basic = reader_table(g->r);
	int rc = offer_basic(g, basic);

	if (rc == 0)
		rc = config_filter_read(g->r, options, g->jail->backend, basic, basic, &g->filter,
					g->err);
	if (rc < 0)
		return rc;
	make_known(g);
	rc = offer_all(g);
	return rc < 0 ? rc
		      : config_filter_read(g->r, options, g->jail->backend, basic, g->all_options,
					   &g->filter, g->err);
}

static int read_filter(struct reading *g)
{
	struct options options;
	str value = STR_NULL;
	int rc = get(g, "filter", STR(""), &value);

	if (rc < 0)
		return rc;
	if (value.n == 0) {
		note_add(g->c, g->jail->name, place(g, "filter"), "it has no filter");
		return offer_all(g);
	}
	fault_at(g->err, place(g, "filter"));
	rc = options_parse(g->r->arena, value, &options, g->err);
	if (rc == 0)
		rc = read_named_filter(g, &options);
	if (rc == -ENOENT) {
		fault_at(g->err, place(g, "filter"));
		err_set(g->err, rc,
			"Unable to read the filter '%.*s': it has no file in %s/filter.d",
			STR_ARG(options.name), g->r->dir);
	}
	return rc;
}

static int read_actions(struct reading *g)
{
	const struct conf_key *key = place(g, "action");
	str list = STR_NULL, one;
	unsigned n = 0;
	int rc = get(g, "action", STR(""), &list);

	while (rc == 0 && options_next(&list, &one)) {
		struct options options;

		fault_at(g->err, key);
		rc = options_parse(g->r->arena, one, &options, g->err);
		if (rc == 0)
			rc = config_action_read(g->r, g->c, &options, g->jail, g->all_options,
						g->rows, g->err);
		if (rc == -ENOENT) {
			fault_at(g->err, key);
			err_set(g->err, rc,
				"Unable to read action '%.*s': it has no file in %s/action.d",
				STR_ARG(options.name), g->r->dir);
		}
		n++;
	}
	if (rc == 0 && n == 0)
		note_add(g->c, g->jail->name, key, "it has no action: it will ban nobody");
	return rc;
}

/*
 * A jail that may read the journal does so when it has no log file and a journal is kept; it says
 * what to look for there itself, or its filter does.
 */
static bool wants_journal(struct reading *g, const char *journal_dir)
{
	struct reading probe = *g;
	struct err ignored = { 0 };
	str value = STR_NULL;

	probe.err = &ignored;
	if (!str_starts(g->jail->backend, STR("auto")) || access(journal_dir, F_OK) != 0 ||
	    get(&probe, "systemd_if_nologs", STR("true"), &value) < 0 || !str_to_bool(value) ||
	    get(&probe, "logpath", STR(""), &value) < 0 || logpath_exists(g->r, value))
		return false;
	if (place(g, "journalmatch"))
		return get(&probe, "journalmatch", STR(""), &value) == 0 && value.n;
	if (get(&probe, "filter", STR(""), &value) == 0 && value.n) {
		struct options options;

		if (options_parse(g->r->arena, value, &options, &ignored) == 0 &&
		    config_filter_read(g->r, &options, STR("systemd"), NULL, NULL, &probe.filter,
				       &ignored) == 0) {
			const struct conf_key *key =
				table_find(probe.filter.all, STR("journalmatch"));

			return key && key->value.n;
		}
	}
	return false;
}

static int read_logpaths(struct reading *g, enum jail_result *result)
{
	str value = STR_NULL, skip = STR_NULL;
	int rc = get(g, "logpath", STR(""), &value);

	if (rc == 0)
		rc = get(g, "skip_if_nologs", STR("false"), &skip);
	if (rc < 0 || str_starts(g->jail->backend, STR("systemd")))
		return rc;
	if (logpath_add(g->r, g->c, g->jail, place(g, "logpath"), value, g->rows) == 0) {
		if (str_to_bool(skip)) {
			note_add(g->c, g->jail->name, place(g, "skip_if_nologs"),
				 "it has no log file and is skipped, as skip_if_nologs wants");
			*result = JAIL_OFF;
		} else if (g->jail->n_logpath == 0) {
			note_add(g->c, g->jail->name, place(g, "logpath"), "it has no logpath");
		}
	}
	return 0;
}

static int read_all(struct reading *g, enum jail_result *result)
{
	struct value *add = value_list(g->c->arena);
	struct arena *a = g->c->arena;
	int rc;

	value_add(a, add, value_z(a, "add"));
	value_add(a, add, value_str(a, g->jail->name));
	value_add(a, add, value_str(a, g->jail->backend));
	value_add(a, g->rows, add);
	rc = read_filter(g);
	if (rc == 0)
		rc = add_jail_keys(g, 0, KEY_REST);
	if (rc == 0)
		rc = add_filter_keys(g, 0, 1);
	if (rc == 0)
		rc = add_filter_keys(g, 1, KEY_REST);
	if (rc == 0)
		rc = add_filter_keys(g, KEY_REST, KEY_JAIL);
	if (rc == 0)
		rc = add_jail_keys(g, KEY_REST, N_KEYS);
	if (rc == 0)
		rc = read_logpaths(g, result);
	if (rc == 0)
		rc = read_actions(g);
	return rc;
}

int config_jail_read(struct reader *r, struct config *c, const struct config_options *options,
		     const struct conf *conf, const struct conf_section *section,
		     struct config_jail *jail, struct value *rows, enum jail_result *result,
		     struct err *err)
{
	struct reading g = { .r = r, .c = c, .jail = jail, .rows = rows, .err = err };
	str value = STR_NULL;
	int rc;

	g.scope = (struct scope){ .reader = r, .conf = conf, .section = section };
	jail->name = arena_str(c->arena, section->name);
	*result = JAIL_READ;
	rc = get(&g, "enabled", STR("false"), &value);
	if (rc == 0 && !str_to_bool(value) && !options->force_enabled) {
		*result = JAIL_OFF;
		return 0;
	}
	if (rc == 0)
		rc = get(&g, "backend", STR("auto"), &value);
	if (rc < 0)
		return rc;
	jail->backend = value;
	if (wants_journal(&g,
			  options->journal_dir ? options->journal_dir : "/run/systemd/journal")) {
		jail->backend = STR("systemd");
		note_add(c, jail->name, place(&g, "logpath"),
			 "none of its log files exists: it reads the journal");
	}
	return read_all(&g, result);
}
