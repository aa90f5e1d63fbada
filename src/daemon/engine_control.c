/*
 * The words of clients, answered in Fail2ban's shapes (fail2ban-behaviour.md 9.2, 9.3): a table of
 * commands, one of `get JAIL` words, one of `set JAIL` words.  The words come through the console,
 * which has looked at who speaks; they are still hostile text.  See engine.h.
 */
#include "daemon/engine.h"

#include <errno.h>
#include <math.h>

#include "config/duration.h"
#include "control/pickle.h"

#define REPLY_PART (96u * 1024u)
#define PROTOCOL_VERSION "1.1.1" /* the Fail2ban whose words these are */

struct words {
	struct engine *e;
	struct arena *a;
	str *w;
	size_t n;
};

/* ---------------------------------------------------------------- errors */

static struct value *no_such_jail(const struct words *c, str name)
{
	return value_error(c->a, "UnknownJailException", name);
}

static struct value *missing_word(const struct words *c)
{
	return value_error(c->a, "IndexError", STR("list index out of range"));
}

static struct value *invalid(const struct words *c, const char *text)
{
	return value_error(c->a, "Exception", str_of(text));
}

static const struct running *find_jail(const struct words *c, str name)
{
	const struct config_jail *conf = config_find_jail(c->e->config, name);
	const struct running *r = conf ? &c->e->jails[conf->index] : NULL;

	return r && r->jail ? r : NULL;
}

static unsigned jail_index(const struct words *c, const struct running *r)
{
	return (unsigned)(r - c->e->jails);
}

/* ---------------------------------------------------------------- status */

static struct value *pair(struct arena *a, const char *name, struct value *v)
{
	return value_add(a, value_add(a, value_tuple(a), value_z(a, name)), v);
}

static struct value *fid_value(struct arena *a, const struct fid *id)
{
	struct buf text = { 0 };
	struct value *v;

	fid_add(&text, id);
	v = value_str(a, buf_str(&text));
	buf_free(&text);
	return v;
}

static struct value *banned_list(const struct words *c, const struct running *r)
{
	struct value *list = value_list(c->a);
	const struct ticket *t;
	size_t at = 0;

	while ((t = bans_each(r->jail->bans, &at)) != NULL)
		value_add(c->a, list, fid_value(c->a, &t->id));
	return list;
}

static struct value *filter_status(const struct words *c, const struct running *r)
{
	struct arena *a = c->a;
	struct value *v = value_list(a), *files = value_list(a);

	value_add(a, v,
		  pair(a, "Currently failed",
		       value_int(a, (int64_t)failures_count(r->jail->failures))));
	value_add(
		a, v,
		pair(a, "Total failed", value_int(a, (int64_t)failures_total(r->jail->failures))));
	engine_add_paths(c->e, jail_index(c, r), a, files);
	return value_add(a, v, pair(a, "File list", files));
}

static struct value *action_status(const struct words *c, const struct running *r, bool with_list)
{
	bool observe = c->e->options.observe;
	struct arena *a = c->a;
	struct value *v = value_list(a);

	value_add(a, v,
		  pair(a, observe ? "Currently would ban" : "Currently banned",
		       value_int(a, (int64_t)bans_count(r->jail->bans))));
	value_add(a, v,
		  pair(a, observe ? "Total would ban" : "Total banned",
		       value_int(a, (int64_t)bans_total(r->jail->bans))));
	if (with_list)
		value_add(a, v,
			  pair(a, observe ? "Would ban IP list" : "Banned IP list",
			       banned_list(c, r)));
	return v;
}

static struct value *status_of(const struct words *c, const struct running *r, str flavor)
{
	struct arena *a = c->a;
	struct value *v = value_list(a);

	value_add(a, v, pair(a, "Filter", filter_status(c, r)));
	return value_add(a, v, pair(a, "Actions", action_status(c, r, !str_is(flavor, "short"))));
}

static int by_name(const void *a, const void *b)
{
	const struct config_jail *const *ja = a, *const *jb = b;

	return str_cmp((*ja)->name, (*jb)->name);
}

/* The running jails' configurations in the order of their names; n of them. */
static const struct config_jail **sorted_jails(const struct words *c, size_t *n)
{
	const struct config_jail **list =
		arena_alloc(c->a, (c->e->config->n_jails + 1) * sizeof *list);

	*n = 0;
	for (unsigned i = 0; i < c->e->config->n_jails; i++)
		if (c->e->jails[i].jail)
			list[(*n)++] = c->e->config->jails[i];
	qsort(list, *n, sizeof *list, by_name);
	return list;
}

/* Names of jails that could not be used, in the order found; "" if there are none. */
static void add_left_out(const struct words *c, struct buf *names)
{
	const struct config *conf = c->e->config;

	for (const struct config_fault *f = conf->faults; f; f = f->next)
		if (f->jail.n)
			buf_printf(names, "%s%.*s", names->n ? ", " : "", STR_ARG(f->jail));
	for (unsigned i = 0; i < conf->n_jails; i++)
		if (!c->e->jails[i].jail)
			buf_printf(names, "%s%.*s", names->n ? ", " : "",
				   STR_ARG(conf->jails[i]->name));
}

static struct value *on_status(const struct words *c)
{
	const struct running *r;
	const struct config_jail **jails;
	struct buf names = { 0 };
	struct value *v;
	size_t n;

	if (c->n > 1 && !str_is(c->w[1], "--all")) {
		r = find_jail(c, c->w[1]);
		return r ? status_of(c, r, c->n > 2 ? c->w[2] : STR("basic"))
			 : no_such_jail(c, c->w[1]);
	}
	jails = sorted_jails(c, &n);
	for (size_t i = 0; i < n; i++)
		buf_printf(&names, "%s%.*s", i ? ", " : "", STR_ARG(jails[i]->name));
	v = value_list(c->a);
	value_add(c->a, v, pair(c->a, "Number of jail", value_int(c->a, (int64_t)n)));
	value_add(c->a, v, pair(c->a, "Jail list", value_str(c->a, buf_str(&names))));
	buf_clear(&names);
	add_left_out(c, &names);
	if (names.n)
		value_add(c->a, v, pair(c->a, "Left out", value_str(c->a, buf_str(&names))));
	buf_free(&names);
	if (c->n > 1) {
		struct value *all = value_dict(c->a);

		for (size_t i = 0; i < n; i++) {
			value_add(c->a, all, value_str(c->a, jails[i]->name));
			value_add(c->a, all,
				  status_of(c, &c->e->jails[jails[i]->index],
					    c->n > 2 ? c->w[2] : STR("basic")));
		}
		value_add(c->a, v, pair(c->a, "Status for the jails", all));
	}
	return v;
}

static struct value *on_statistic(const struct words *c)
{
	struct value *all = value_dict(c->a);
	size_t n;
	const struct config_jail **jails = sorted_jails(c, &n);

	for (size_t i = 0; i < n; i++) {
		const struct jail *j = c->e->jails[jails[i]->index].jail;
		struct value *row = value_list(c->a), *filter = value_tuple(c->a),
			     *actions = value_tuple(c->a);

		value_add(c->a, filter, value_int(c->a, (int64_t)failures_count(j->failures)));
		value_add(c->a, filter, value_int(c->a, (int64_t)failures_total(j->failures)));
		value_add(c->a, actions, value_int(c->a, (int64_t)bans_count(j->bans)));
		value_add(c->a, actions, value_int(c->a, (int64_t)bans_total(j->bans)));
		value_add(c->a, row, value_z(c->a, "inotify"));
		value_add(c->a, row, filter);
		value_add(c->a, row, actions);
		value_add(c->a, all, value_str(c->a, jails[i]->name));
		value_add(c->a, all, row);
	}
	return all;
}

/* ---------------------------------------------------------------- simple words */

static struct value *on_ping(const struct words *c)
{
	return value_z(c->a, "pong");
}

static struct value *on_version(const struct words *c)
{
	return value_z(c->a, PROTOCOL_VERSION);
}

static struct value *on_server_status(const struct words *c)
{
	return value_z(c->a, "Server ready");
}

static struct value *on_echo(const struct words *c)
{
	struct value *v = value_list(c->a);

	for (size_t i = 1; i < c->n; i++)
		value_add(c->a, v, value_str(c->a, c->w[i]));
	return v;
}

/* ---------------------------------------------------------------- bans */

static struct value *on_banned(const struct words *c)
{
	struct value *v = value_list(c->a);

	for (unsigned i = 0; c->n == 1 && i < c->e->config->n_jails; i++) {
		struct value *one = value_dict(c->a);

		if (!c->e->jails[i].jail)
			continue;
		value_add(c->a, one, value_str(c->a, c->e->config->jails[i]->name));
		value_add(c->a, one, banned_list(c, &c->e->jails[i]));
		value_add(c->a, v, one);
	}
	for (size_t w = 1; w < c->n; w++) {
		struct fid id = fid_parse(c->w[w]);
		struct value *in = value_list(c->a);

		for (unsigned i = 0; i < c->e->config->n_jails; i++)
			if (c->e->jails[i].jail && bans_find(c->e->jails[i].jail->bans, &id))
				value_add(c->a, in, value_str(c->a, c->e->config->jails[i]->name));
		value_add(c->a, v, in);
	}
	return v;
}

static struct value *unban_all(const struct words *c)
{
	int64_t n = 0;

	for (unsigned i = 0; i < c->e->config->n_jails; i++) {
		const struct ticket *t;
		size_t at = 0;

		while (c->e->jails[i].jail &&
		       (t = bans_each(c->e->jails[i].jail->bans, &at)) != NULL) {
			struct ticket *copy = ticket_copy(t);

			n += engine_unban(c->e, i, &copy->id);
			ticket_free(copy);
		}
	}
	engine_commit(c->e);
	return value_int(c->a, n);
}

static struct value *on_unban(const struct words *c)
{
	int64_t n = 0;

	if (c->n < 2)
		return missing_word(c);
	if (str_is(c->w[1], "--all"))
		return unban_all(c);
	for (size_t w = 1; w < c->n; w++) {
		struct fid id = fid_parse(c->w[w]);

		for (unsigned i = 0; i < c->e->config->n_jails; i++)
			if (c->e->jails[i].jail)
				n += engine_unban(c->e, i, &id);
	}
	engine_commit(c->e); /* what root took back stays taken back, whatever happens next */
	return value_int(c->a, n);
}

static bool is_own(const struct engine *e, const struct fid *id)
{
	if (!id->ip.family)
		return false;
	if (ip_is_loopback(&id->ip))
		return true;
	for (size_t i = 0; i < e->n_self; i++)
		if (ip_in(&e->self[i], &id->ip))
			return true;
	return false;
}

static struct value *set_banip(const struct words *c, struct running *r)
{
	struct jail *j = r->jail;
	int64_t n = 0;

	for (size_t w = 3; w < c->n; w++) {
		struct fid id = fid_parse(c->w[w]);
		struct ticket *t;

		if (is_own(c->e, &id))
			return value_error(c->a, "ValueError",
					   STR("an address of this machine is never banned"));
		t = ticket_new(&id, c->e->turn_now);
		t->by_hand = true;
		n += jail_ban(j, t, c->e->turn_now, &c->e->events) == BAN_NEW;
	}
	engine_end_turn(c->e);
	engine_commit(c->e);
	return value_int(c->a, n);
}

static struct value *set_unbanip(const struct words *c, struct running *r)
{
	bool report = c->n > 3 && str_is(c->w[3], "--report-absent");
	struct value *absent = value_list(c->a);
	struct buf text = { 0 };
	int64_t n = 0;

	for (size_t w = report ? 4 : 3; w < c->n; w++) {
		struct fid id = fid_parse(c->w[w]);

		if (engine_unban(c->e, jail_index(c, r), &id))
			n++;
		else
			value_add(c->a, absent, value_str(c->a, c->w[w]));
	}
	engine_commit(c->e);
	if (report && absent->n) {
		struct value *v;

		buf_add_z(&text, "not banned: ");
		value_add_repr(&text, absent);
		v = value_error(c->a, "ValueError", buf_str(&text));
		buf_free(&text);
		return v;
	}
	return value_int(c->a, n);
}

/* ---------------------------------------------------------------- get JAIL */

struct jail_word {
	const char *word;
	struct value *(*get)(const struct words *c, struct running *r);
	struct value *(*set)(const struct words *c, struct running *r);
};

static struct value *strings(struct arena *a, const str *s, size_t n)
{
	struct value *v = value_list(a);

	for (size_t i = 0; i < n; i++)
		value_add(a, v, value_str(a, s[i]));
	return v;
}

static struct value *get_bantime(const struct words *c, struct running *r)
{
	return value_int(c->a, r->jail->bantime);
}
static struct value *get_findtime(const struct words *c, struct running *r)
{
	return value_int(c->a, r->jail->findtime);
}
static struct value *get_maxretry(const struct words *c, struct running *r)
{
	return value_int(c->a, r->jail->maxretry);
}
static struct value *get_maxmatches(const struct words *c, struct running *r)
{
	return value_int(c->a, r->jail->maxmatches);
}
static struct value *get_maxlines(const struct words *c, struct running *r)
{
	return value_int(c->a, r->jail->conf->maxlines);
}
static struct value *get_logpath(const struct words *c, struct running *r)
{
	struct value *v = value_list(c->a);

	engine_add_paths(c->e, jail_index(c, r), c->a, v);
	return v;
}
static struct value *get_logencoding(const struct words *c, struct running *r)
{
	return value_str(c->a, r->jail->conf->logencoding);
}
static struct value *get_ignoreip(const struct words *c, struct running *r)
{
	return strings(c->a, r->jail->conf->ignoreip, r->jail->conf->n_ignoreip);
}
static struct value *get_ignoreself(const struct words *c, struct running *r)
{
	return value_bool(c->a, r->jail->conf->ignoreself);
}
static struct value *get_ignorecommand(const struct words *c, struct running *r)
{
	return value_str(c->a, r->jail->conf->ignorecommand);
}
static struct value *get_usedns(const struct words *c, struct running *r)
{
	static const char *const names[] = { "warn", "yes", "no", "raw" };

	return value_z(c->a, names[r->jail->conf->usedns]);
}
static struct value *regexes(const struct words *c, const struct running *r,
			     const struct config_regex *list, unsigned n)
{
	struct value *v = value_list(c->a);

	for (unsigned i = 0; i < n; i++)
		value_add(c->a, v, value_str(c->a, filter_expanded(r->jail->filter, &list[i])));
	return v;
}
static struct value *get_failregex(const struct words *c, struct running *r)
{
	return regexes(c, r, r->jail->conf->failregex, r->jail->conf->n_failregex);
}
static struct value *get_ignoreregex(const struct words *c, struct running *r)
{
	return regexes(c, r, r->jail->conf->ignoreregex, r->jail->conf->n_ignoreregex);
}
static struct value *get_actions(const struct words *c, struct running *r)
{
	struct value *v = value_list(c->a);

	for (unsigned i = 0; i < r->jail->conf->n_action; i++)
		value_add(c->a, v, value_str(c->a, r->jail->conf->action[i].name));
	return v;
}
static struct value *get_banned(const struct words *c, struct running *r)
{
	struct value *v;

	if (c->n == 3)
		return banned_list(c, r);
	v = value_list(c->a);
	for (size_t w = 3; w < c->n; w++) {
		struct fid id = fid_parse(c->w[w]);

		value_add(c->a, v, value_int(c->a, bans_find(r->jail->bans, &id) != NULL));
	}
	return v->n == 1 ? v->items[0] : v;
}

static int by_end(const void *a, const void *b)
{
	const struct ticket *const *ta = a, *const *tb = b;
	double ea = ticket_end(*ta, 0), eb = ticket_end(*tb, 0);

	return (ea > eb) - (ea < eb);
}

static struct value *ban_with_time(const struct words *c, const struct running *r,
				   const struct ticket *t)
{
	int64_t bantime = t->bantime == TICKET_JAIL_BANTIME ? r->jail->bantime : t->bantime;
	double end = ticket_end(t, r->jail->bantime);
	struct buf text = { 0 };
	struct value *v;

	fid_add(&text, &t->id);
	buf_add_z(&text, " \t");
	clock_add_local(&text, t->time);
	buf_printf(&text, " + %lld = ", (long long)bantime);
	if (isinf(end))
		buf_add_z(&text, "9999-12-31 23:59:59");
	else
		clock_add_local(&text, end);
	v = value_str(c->a, buf_str(&text));
	buf_free(&text);
	return v;
}

static struct value *get_banip(const struct words *c, struct running *r)
{
	bool with_time = c->n > 3 && str_is(c->w[3], "--with-time");
	const struct ticket **list =
		arena_alloc(c->a, (bans_count(r->jail->bans) + 1) * sizeof *list);
	struct value *v = value_list(c->a);
	const struct ticket *t;
	size_t at = 0, n = 0;

	while ((t = bans_each(r->jail->bans, &at)) != NULL)
		list[n++] = t;
	qsort(list, n, sizeof *list, by_end);
	for (size_t i = 0; i < n; i++)
		value_add(c->a, v,
			  with_time ? ban_with_time(c, r, list[i]) : fid_value(c->a, &list[i]->id));
	return v;
}

/* ---------------------------------------------------------------- set JAIL */

/* A time or number for `set JAIL WORD VALUE`: NULL and *out, or the error to answer. */
static struct value *number_word(const struct words *c, int64_t min, int64_t *out)
{
	struct err err = { 0 };
	double seconds;
	bool whole;

	if (c->n < 4)
		return missing_word(c);
	if (duration_parse(c->w[3], &seconds, &whole, &err) < 0 || seconds < (double)min ||
	    seconds > 1e12)
		return value_error(c->a, "ValueError",
				   err.text[0] ? str_of(err.text) : STR("value out of range"));
	*out = (int64_t)seconds;
	return NULL;
}

static struct value *set_bantime(const struct words *c, struct running *r)
{
	struct value *fault = number_word(c, -1, &r->jail->bantime);

	if (fault)
		return fault;
	bans_set_bantime(r->jail->bans, r->jail->bantime);
	return get_bantime(c, r);
}
static struct value *set_findtime(const struct words *c, struct running *r)
{
	struct value *fault = number_word(c, 1, &r->jail->findtime);

	return fault ? fault : get_findtime(c, r);
}
static struct value *set_maxretry(const struct words *c, struct running *r)
{
	int64_t n;
	struct value *fault = number_word(c, 1, &n);

	if (fault)
		return fault;
	r->jail->maxretry = (int)(n > INT32_MAX ? INT32_MAX : n);
	return get_maxretry(c, r);
}

static const struct jail_word jail_words[] = {
	{ "bantime", get_bantime, set_bantime },
	{ "findtime", get_findtime, set_findtime },
	{ "maxretry", get_maxretry, set_maxretry },
	{ "maxmatches", get_maxmatches, NULL },
	{ "maxlines", get_maxlines, NULL },
	{ "logpath", get_logpath, NULL },
	{ "logencoding", get_logencoding, NULL },
	{ "ignoreip", get_ignoreip, NULL },
	{ "ignoreself", get_ignoreself, NULL },
	{ "ignorecommand", get_ignorecommand, NULL },
	{ "usedns", get_usedns, NULL },
	{ "failregex", get_failregex, NULL },
	{ "ignoreregex", get_ignoreregex, NULL },
	{ "actions", get_actions, NULL },
	{ "banned", get_banned, NULL },
	{ "banip", get_banip, set_banip },
	{ "unbanip", NULL, set_unbanip },
};

static const struct jail_word *find_word(str word)
{
	for (size_t i = 0; i < sizeof jail_words / sizeof *jail_words; i++)
		if (str_is(word, jail_words[i].word))
			return &jail_words[i];
	return NULL;
}

/* ---------------------------------------------------------------- get, set */

static struct value *get_global(const struct words *c)
{
	const struct config *conf = c->e->config;

	if (str_is(c->w[1], "loglevel"))
		return value_z(c->a, log_level_name(c->e->child.log.level));
	if (str_is(c->w[1], "logtarget"))
		return value_str(c->a, conf->logtarget);
	if (str_is(c->w[1], "syslogsocket"))
		return value_str(c->a, conf->syslogsocket);
	if (str_is(c->w[1], "dbfile"))
		return str_is(conf->dbfile, "None") ? value_none(c->a)
						    : value_str(c->a, conf->dbfile);
	if (str_is(c->w[1], "dbmaxmatches"))
		return value_int(c->a, conf->dbmaxmatches);
	if (str_is(c->w[1], "dbpurgeage"))
		return value_int(c->a, conf->dbpurgeage);
	return NULL;
}

static struct value *on_get(const struct words *c)
{
	const struct jail_word *word;
	const struct running *r;
	struct value *v;

	if (c->n < 2)
		return missing_word(c);
	v = get_global(c);
	if (v)
		return v;
	r = find_jail(c, c->w[1]);
	if (!r)
		return no_such_jail(c, c->w[1]);
	if (c->n < 3)
		return missing_word(c);
	word = find_word(c->w[2]);
	if (!word || !word->get)
		return invalid(c, "Invalid command (no get action or not yet implemented)");
	return word->get(c, &c->e->jails[jail_index(c, r)]);
}

static struct value *on_set(const struct words *c)
{
	const struct jail_word *word;
	const struct running *r;

	if (c->n < 3)
		return missing_word(c);
	r = find_jail(c, c->w[1]);
	if (!r)
		return no_such_jail(c, c->w[1]);
	word = find_word(c->w[2]);
	if (!word || !word->set) {
		struct value *v;
		struct buf text = { 0 };

		buf_add_z(&text, "Invalid command ");
		value_add_str_repr(&text, c->w[2]);
		buf_add_z(&text, " (no set action or not yet implemented)");
		v = value_error(c->a, "Exception", buf_str(&text));
		buf_free(&text);
		return v;
	}
	if (c->n < 4)
		return missing_word(c);
	return word->set(c, &c->e->jails[jail_index(c, r)]);
}

/* ---------------------------------------------------------------- commands */

static const struct {
	const char *word;
	bool anybody; /* may be asked by a peer that is not root */
	struct value *(*run)(const struct words *c);
} commands[] = {
	{ "ping", true, on_ping },
	{ "version", true, on_version },
	{ "server-status", true, on_server_status },
	{ "echo", true, on_echo },
	{ "status", false, on_status },
	{ "statistic", false, on_statistic },
	{ "statistics", false, on_statistic },
	{ "stats", false, on_statistic },
	{ "banned", false, on_banned },
	{ "unban", false, on_unban },
	{ "get", false, on_get },
	{ "set", false, on_set },
};

static struct value *run(const struct words *c, bool root)
{
	if (c->n == 0)
		return invalid(c, "Invalid command");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (!str_is(c->w[0], commands[i].word))
			continue;
		if (!root && !commands[i].anybody)
			return value_error(c->a, "PermissionError", STR("only root may ask this"));
		return commands[i].run(c);
	}
	return invalid(c, "Invalid command");
}

static void reply(struct engine *e, uint32_t id, const struct value *v)
{
	struct buf all = { 0 };
	str rest;

	pickle_write_answer(&all, v);
	rest = buf_str(&all);
	do {
		struct buf part = { 0 };
		str piece = str_head(rest, REPLY_PART);

		rest = str_from(rest, piece.n);
		pack_u32(&part, id);
		pack_u8(&part, rest.n > 0);
		buf_add_str(&part, piece);
		channel_send(e->console, MSG_REPLY, &part, -1);
		buf_free(&part);
	} while (rest.n);
	buf_free(&all);
}

/* Every word as text: a client may send numbers. */
static void read_words(struct words *c, const struct value *v)
{
	c->w = arena_alloc(c->a, (v->n + 1) * sizeof *c->w);
	for (size_t i = 0; i < v->n; i++) {
		struct buf text = { 0 };

		value_add_str(&text, v->items[i]);
		c->w[c->n++] = arena_str(c->a, buf_str(&text));
		buf_free(&text);
	}
}

int engine_command(struct engine *e, str payload)
{
	struct unpack u = { .in = payload };
	uint32_t id = unpack_u32(&u);
	bool root = unpack_u8(&u);
	struct words c = { .e = e, .a = arena_new() };
	struct value *in = NULL;
	struct err err = { 0 };

	if (u.bad || pickle_read(u.in, c.a, &in, &err) < 0 ||
	    (in->type != VALUE_LIST && in->type != VALUE_TUPLE)) {
		arena_free(c.a);
		return -EBADMSG;
	}
	e->turn_now = clock_now();
	read_words(&c, in);
	reply(e, id, run(&c, root));
	engine_end_turn(e);
	arena_free(c.a);
	return 0;
}
