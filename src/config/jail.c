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
#include "config/jail_rows.h"
#include "config/logpath.h"
#include "config/options.h"
#include "config/stream.h"

struct reading {
	struct reader *r;
	struct config *c;
	struct config_jail *jail;
	struct scope scope;
	struct config_filter filter; /* tables are NULL: no filter */
	/* -> struct conf_key: what the filter and the actions may name */
	struct table *all_options;
	bool without_logs;
	struct jail_rows to;
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

/* What the jail itself sets, of jail_keys[from..to). */
static int add_jail_keys(struct reading *g, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		str value = STR_NULL;
		int rc = scope_get(&g->scope, str_of(jail_keys[i].name), &value, g->err);

		if (rc == 0)
			rc = jail_rows_add(&g->to, &jail_keys[i], place(g, jail_keys[i].name),
					   value, g->err);
		if (rc < 0 && rc != -ENOENT)
			return rc;
	}
	return 0;
}

/* One value of the filter, if it is among jail_keys[from..to). */
static int add_filter_key(struct reading *g, str name, size_t from, size_t to)
{
	const struct jail_key *k = jail_key_find(name, from, to);
	const struct conf_key *key = table_find(g->filter.all, name);

	return k && key ? jail_rows_add(&g->to, k, key, key->value, g->err) : 0;
}

/*
 * What the filter sets, of jail_keys[from..to): first its own, where the jail has nothing to say,
 * then what [Init] or the jail gave it in `filter = name[...]`.
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
static int offer(struct reading *g, struct table *options, const char *name, enum jail_kind kind,
		 const char *otherwise)
{
	str value = STR_NULL;
	int64_t number;
	int rc = get(g, name, str_of(otherwise), &value);

	if (rc < 0 || (!otherwise && !value.p))
		return rc;
	if (kind == JAIL_BOOL)
		value = str_to_bool(value) ? STR("True") : STR("False");
	if (kind == JAIL_INT) {
		if (jail_int_parse(value, &number) < 0)
			return 0;
		value = arena_printf(g->r->arena, "%lld", (long long)number);
	}
	reader_put(g->r, options, str_of(name), value);
	return 0;
}

static int offer_basic(struct reading *g, struct table *options)
{
	int rc = offer(g, options, "enabled", JAIL_BOOL, "false");

	if (rc == 0)
		rc = offer(g, options, "backend", JAIL_TEXT, "auto");
	if (rc == 0)
		rc = offer(g, options, "filter", JAIL_TEXT, "");
	return rc;
}

/* After the filter is known, since these values may refer to it. */
static int offer_all(struct reading *g)
{
	struct table *options = g->all_options = reader_table(g->r);
	int rc = offer_basic(g, options);

	for (size_t i = 0; i < JAIL_KEYS && rc == 0; i++)
		rc = offer(g, options, jail_keys[i].name, jail_keys[i].kind, NULL);
	if (rc == 0)
		rc = offer(g, options, "logpath", JAIL_TEXT, NULL);
	if (rc == 0)
		rc = offer(g, options, "action", JAIL_TEXT, NULL);
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
						g->to.rows, g->err);
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
	if (logpath_add(g->r, g->c, g->jail, place(g, "logpath"), value, g->to.rows) == 0) {
		if (str_to_bool(skip) && !g->without_logs) {
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
	value_add(a, g->to.rows, add);
	rc = read_filter(g);
	if (rc == 0)
		rc = add_jail_keys(g, 0, JAIL_KEY_REST);
	if (rc == 0)
		rc = add_filter_keys(g, 0, 1);
	if (rc == 0)
		rc = add_filter_keys(g, 1, JAIL_KEY_REST);
	if (rc == 0)
		rc = add_filter_keys(g, JAIL_KEY_REST, JAIL_KEY_FILTER);
	if (rc == 0)
		rc = add_jail_keys(g, JAIL_KEY_REST, JAIL_KEYS);
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
	struct reading g = {
		.r = r, .c = c, .jail = jail, .without_logs = options->without_logs, .err = err
	};
	str value = STR_NULL;
	int rc;

	g.scope = (struct scope){ .reader = r, .conf = conf, .section = section };
	jail->name = arena_str(c->arena, section->name);
	g.to = (struct jail_rows){ .c = c, .jail = jail->name, .rows = rows };
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
	if (!options->without_logs &&
	    wants_journal(&g,
			  options->journal_dir ? options->journal_dir : "/run/systemd/journal")) {
		jail->backend = STR("systemd");
		note_add(c, jail->name, place(&g, "logpath"),
			 "none of its log files exists: it reads the journal");
	}
	return read_all(&g, result);
}
