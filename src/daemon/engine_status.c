/*
 * `status` and `stats` in Fail2ban's shapes (fail2ban-behaviour.md 9.3); see engine_words.h.
 */
#include "daemon/engine_words.h"

static struct value *pair(struct arena *a, const char *name, struct value *v)
{
	return value_add(a, value_add(a, value_tuple(a), value_z(a, name)), v);
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
	engine_add_paths(c->e, words_jail_index(c, r), a, files);
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
			       words_banned(c, r)));
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

struct value *words_status(const struct words *c)
{
	const struct running *r;
	const struct config_jail **jails;
	struct buf names = { 0 };
	struct value *v;
	size_t n;

	if (c->n > 1 && !str_is(c->w[1], "--all")) {
		r = words_jail(c, c->w[1]);
		return r ? status_of(c, r, c->n > 2 ? c->w[2] : STR("basic"))
			 : words_no_such_jail(c, c->w[1]);
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

struct value *words_statistic(const struct words *c)
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
