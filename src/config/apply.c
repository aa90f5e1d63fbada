/* Commands applied to a jail; see apply.h.  Called by config.c for each jail. */
#include "config/apply.h"

#include <errno.h>

#include "config/duration.h"
#include "config/fault.h"
#include "config/list.h"

enum {
	MAXLINES_MAX = 1000,
	COUNT_MAX = 1000000, /* failures or lines kept per id */
	MAXMATCHES_DEFAULT = 5,
};

struct apply {
	struct config *c;
	struct config_jail *jail;
	struct err *err;
};

struct command {
	const char *name;
	int (*run)(struct apply *a, const struct command *cmd, const struct value *row);
	size_t offset; /* of the member in struct config_jail */
	int64_t min, max;
};

static void *member(struct apply *a, const struct command *cmd)
{
	return (char *)a->jail + cmd->offset;
}

static int set_text(struct apply *a, const struct command *cmd, const struct value *row)
{
	*(str *)member(a, cmd) = row->items[3]->s;
	return 0;
}

static int set_int(struct apply *a, const struct command *cmd, const struct value *row)
{
	int64_t value = row->items[3]->i;

	if (value < cmd->min || value > cmd->max)
		return err_set(a->err, -ERANGE, "%s = %lld: it must be between %lld and %lld",
			       cmd->name, (long long)value, (long long)cmd->min,
			       (long long)cmd->max);
	*(int *)member(a, cmd) = (int)value;
	return 0;
}

static int set_time(struct apply *a, const struct command *cmd, const struct value *row)
{
	double seconds;
	bool whole;
	struct err why = { 0 };

	if (duration_parse(row->items[3]->s, &seconds, &whole, &why) < 0)
		return err_set(a->err, -EINVAL, "%s: %s", cmd->name, why.text);
	if (seconds < (double)cmd->min)
		return err_set(a->err, -ERANGE, "%s = %.*s: it must be %lld s or more", cmd->name,
			       STR_ARG(row->items[3]->s), (long long)cmd->min);
	*(int64_t *)member(a, cmd) = (int64_t)seconds;
	return 0;
}

static int set_bool(struct apply *a, const struct command *cmd, const struct value *row)
{
	*(bool *)member(a, cmd) = row->items[3]->b;
	return 0;
}

static int set_usedns(struct apply *a, const struct command *cmd, const struct value *row)
{
	static const char *const names[] = { "warn", "yes", "no", "raw" };

	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (str_eq_nocase(row->items[3]->s, str_of(names[i]))) {
			a->jail->usedns = (enum usedns)i;
			return 0;
		}
	note_add(a->c, a->jail->name, NULL,
		 "usedns = %.*s is none of yes, warn, no, raw; it is taken as no",
		 STR_ARG(row->items[3]->s));
	a->jail->usedns = USEDNS_NO;
	return 0;
}

/* The later one wins, so these are the lines of the last. */
static int set_datepattern(struct apply *a, const struct command *cmd, const struct value *row)
{
	str rest = row->items[3]->s, line;

	a->jail->datepattern = NULL;
	a->jail->n_datepattern = 0;
	while (str_split(&rest, '\n', &line)) {
		line = str_trim(line);
		if (line.n == 0)
			continue;
		a->jail->datepattern = list_append(a->c->arena, a->jail->datepattern,
						   &a->jail->n_datepattern, sizeof(str));
		a->jail->datepattern[a->jail->n_datepattern - 1] = line;
	}
	return 0;
}

static int add_regex(struct apply *a, const struct command *cmd, const struct value *row)
{
	const struct value *last = row->items[3];
	bool fail = strcmp(cmd->name, "addfailregex") == 0;
	struct config_regex **list = fail ? &a->jail->failregex : &a->jail->ignoreregex;
	unsigned *n = fail ? &a->jail->n_failregex : &a->jail->n_ignoreregex;

	for (size_t i = 0; i < (last->type == VALUE_LIST ? last->n : 1); i++) {
		str text = last->type == VALUE_LIST ? last->items[i]->s : last->s;

		*list = list_append(a->c->arena, *list, n, sizeof **list);
		(*list)[*n - 1] = (struct config_regex){ .text = text,
							 .usedns = a->jail->usedns,
							 .maxlines = a->jail->maxlines };
	}
	return 0;
}

static int add_journal(struct apply *a, const struct command *cmd, const struct value *row)
{
	struct config_jail *j = a->jail;
	struct value *words = value_list(a->c->arena);

	for (size_t i = 3; i < row->n; i++)
		value_add(a->c->arena, words, row->items[i]);
	j->journalmatch = list_append(a->c->arena, j->journalmatch, &j->n_journalmatch,
				      sizeof(struct value *));
	j->journalmatch[j->n_journalmatch - 1] = words;
	return 0;
}

static int add_ignoreip(struct apply *a, const struct command *cmd, const struct value *row)
{
	struct config_jail *j = a->jail;

	for (size_t i = 3; i < row->n; i++) {
		j->ignoreip = list_append(a->c->arena, j->ignoreip, &j->n_ignoreip, sizeof(str));
		j->ignoreip[j->n_ignoreip - 1] = row->items[i]->s;
	}
	return 0;
}

/* bantime.NAME: kept as set. */
static int set_bantime_extra(struct apply *a, const struct command *cmd, const struct value *row)
{
	str name = str_of(strchr(cmd->name, '.') + 1);
	struct value *extra = a->jail->bantime_extra;
	double seconds;
	bool whole;
	struct err why = { 0 };

	if ((str_is(name, "maxtime") || str_is(name, "rndtime")) &&
	    duration_parse(row->items[3]->s, &seconds, &whole, &why) < 0)
		return err_set(a->err, -EINVAL, "%s: %s", cmd->name, why.text);
	value_add(a->c->arena, extra, value_str(a->c->arena, name));
	value_add(a->c->arena, extra, row->items[3]);
	return 0;
}

#define AT(member) offsetof(struct config_jail, member)

static const struct command commands[] = {
	{ .name = "usedns", .run = set_usedns },
	{ .name = "prefregex", .run = set_text, .offset = AT(prefregex) },
	{ .name = "maxlines",
	  .run = set_int,
	  .offset = AT(maxlines),
	  .min = 1,
	  .max = MAXLINES_MAX },
	{ .name = "addfailregex", .run = add_regex },
	{ .name = "addignoreregex", .run = add_regex },
	{ .name = "datepattern", .run = set_datepattern },
	{ .name = "addjournalmatch", .run = add_journal },
	{ .name = "maxretry", .run = set_int, .offset = AT(maxretry), .min = 1, .max = COUNT_MAX },
	{ .name = "maxmatches", .run = set_int, .offset = AT(maxmatches), .max = COUNT_MAX },
	{ .name = "findtime", .run = set_time, .offset = AT(findtime), .min = 1 },
	{ .name = "bantime", .run = set_time, .offset = AT(bantime), .min = -1 },
	{ .name = "bantime.increment", .run = set_bantime_extra },
	{ .name = "bantime.factor", .run = set_bantime_extra },
	{ .name = "bantime.formula", .run = set_bantime_extra },
	{ .name = "bantime.multipliers", .run = set_bantime_extra },
	{ .name = "bantime.maxtime", .run = set_bantime_extra },
	{ .name = "bantime.rndtime", .run = set_bantime_extra },
	{ .name = "bantime.overalljails", .run = set_bantime_extra },
	{ .name = "ignorecommand", .run = set_text, .offset = AT(ignorecommand) },
	{ .name = "ignoreself", .run = set_bool, .offset = AT(ignoreself) },
	{ .name = "addignoreip", .run = add_ignoreip },
	{ .name = "ignorecache", .run = set_text, .offset = AT(ignorecache) },
	{ .name = "logtimezone", .run = set_text, .offset = AT(logtimezone) },
	{ .name = "logencoding", .run = set_text, .offset = AT(logencoding) },
};

static int apply_row(struct apply *a, const struct value *row, const char **key)
{
	if (str_is(row->items[0]->s, "add")) {
		a->jail->backend = row->items[2]->s;
		return 0;
	}
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (str_is(row->items[2]->s, commands[i].name)) {
			*key = commands[i].name;
			return commands[i].run(a, &commands[i], row);
		}
	return 0; /* log paths and actions */
}

int apply_jail(struct config *c, struct config_jail *jail, const struct value *rows,
	       const char **key, struct err *err)
{
	struct apply a = { .c = c, .jail = jail, .err = err };
	int rc = 0;

	jail->usedns = USEDNS_WARN;
	jail->maxlines = 1;
	jail->maxretry = 3;
	jail->maxmatches = -1;
	jail->findtime = jail->bantime = 600;
	jail->ignoreself = true;
	jail->logencoding = STR("auto");
	jail->bantime_extra = value_dict(c->arena);
	for (size_t i = 0; i < rows->n && rc == 0; i++)
		rc = apply_row(&a, rows->items[i], key);
	if (jail->maxmatches < 0)
		jail->maxmatches = MAXMATCHES_DEFAULT;
	return rc;
}
