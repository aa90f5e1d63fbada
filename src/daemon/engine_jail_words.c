/*
 * The words of `get JAIL` and `set JAIL`, a row each; see engine_words.h.  Who may say them was
 * decided before.
 */
#include "daemon/engine_words.h"

#include <math.h>

#include "config/duration.h"

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

		if (fid_looks_like_address(&id))
			return value_error(c->a, "ValueError", STR("this is not an address"));
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

		if (engine_unban(c->e, words_jail_index(c, r), &id))
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

	engine_add_paths(c->e, words_jail_index(c, r), c->a, v);
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
		return words_banned(c, r);
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
			  with_time ? ban_with_time(c, r, list[i]) : words_fid(c->a, &list[i]->id));
	return v;
}

/* A time or number for `set JAIL WORD VALUE`: NULL and *out, or the error to answer. */
static struct value *number_word(const struct words *c, int64_t min, int64_t *out)
{
	struct err err = { 0 };
	double seconds;
	bool whole;

	if (c->n < 4)
		return words_missing(c);
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
	const struct ticket *t;
	size_t at = 0;

	if (fault)
		return fault;
	bans_set_bantime(r->jail->bans, r->jail->bantime);
	while ((t = bans_each(r->jail->bans, &at)) != NULL)
		engine_renew(c->e, words_jail_index(c, r), BAN_FLAG_EXTENDED, t);
	return get_bantime(c, r);
}
static struct value *set_findtime(const struct words *c, struct running *r)
{
	struct value *fault = number_word(c, 1, &r->jail->findtime);

	return fault ? fault : get_findtime(c, r);
}
static struct value *set_maxretry(const struct words *c, struct running *r)
{
	int64_t n = 0;
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

const struct jail_word *jail_word_find(str word)
{
	for (size_t i = 0; i < sizeof jail_words / sizeof *jail_words; i++)
		if (str_is(word, jail_words[i].word))
			return &jail_words[i];
	return NULL;
}
