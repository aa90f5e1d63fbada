/*
 * The words of clients, answered in Fail2ban's shapes (fail2ban-behaviour.md 9.2): a table of
 * commands.  The words come through the console, which has looked at who speaks; they are still
 * hostile text.  See engine.h and engine_words.h.
 */
#include "daemon/engine_words.h"

#include <errno.h>

#include "control/pickle.h"

#define REPLY_PART (96u * 1024u)
#define PROTOCOL_VERSION "1.1.1" /* the Fail2ban whose words these are */

struct value *words_no_such_jail(const struct words *c, str name)
{
	return value_error(c->a, "UnknownJailException", name);
}

struct value *words_missing(const struct words *c)
{
	return value_error(c->a, "IndexError", STR("list index out of range"));
}

const struct running *words_jail(const struct words *c, str name)
{
	const struct config_jail *conf = config_find_jail(c->e->config, name);
	const struct running *r = conf ? &c->e->jails[conf->index] : NULL;

	return r && r->jail ? r : NULL;
}

unsigned words_jail_index(const struct words *c, const struct running *r)
{
	return (unsigned)(r - c->e->jails);
}

struct value *words_fid(struct arena *a, const struct fid *id)
{
	struct buf text = { 0 };
	struct value *v;

	fid_add(&text, id);
	v = value_str(a, buf_str(&text));
	buf_free(&text);
	return v;
}

struct value *words_banned(const struct words *c, const struct running *r)
{
	struct value *list = value_list(c->a);
	const struct ticket *t;
	size_t at = 0;

	while ((t = bans_each(r->jail->bans, &at)) != NULL)
		value_add(c->a, list, words_fid(c->a, &t->id));
	return list;
}

static struct value *invalid(const struct words *c, const char *text)
{
	return value_error(c->a, "Exception", str_of(text));
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
		value_add(c->a, one, words_banned(c, &c->e->jails[i]));
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
		return words_missing(c);
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
		return words_missing(c);
	v = get_global(c);
	if (v)
		return v;
	r = words_jail(c, c->w[1]);
	if (!r)
		return words_no_such_jail(c, c->w[1]);
	if (c->n < 3)
		return words_missing(c);
	word = jail_word_find(c->w[2]);
	if (!word || !word->get)
		return invalid(c, "Invalid command (no get action or not yet implemented)");
	return word->get(c, &c->e->jails[words_jail_index(c, r)]);
}

static struct value *on_set(const struct words *c)
{
	const struct jail_word *word;
	const struct running *r;

	if (c->n < 3)
		return words_missing(c);
	r = words_jail(c, c->w[1]);
	if (!r)
		return words_no_such_jail(c, c->w[1]);
	word = jail_word_find(c->w[2]);
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
		return words_missing(c);
	return word->set(c, &c->e->jails[words_jail_index(c, r)]);
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
	{ "status", false, words_status },
	{ "statistic", false, words_statistic },
	{ "statistics", false, words_statistic },
	{ "stats", false, words_statistic },
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

static int answer(struct engine *e, uint32_t id, bool root)
{
	struct words c = { .e = e, .a = arena_new() };
	struct value *in = NULL;
	struct err err = { 0 };

	if (pickle_read(buf_str(&e->command), c.a, &in, &err) < 0 ||
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

int engine_command(struct engine *e, str payload)
{
	struct unpack u = { .in = payload };
	uint32_t id = unpack_u32(&u);
	bool root = unpack_u8(&u), more = unpack_u8(&u);
	int r;

	if (u.bad)
		return -EBADMSG;
	if (id != e->command_id) /* also when the rest of another will not come any more */
		buf_clear(&e->command);
	e->command_id = id;
	if (u.in.n > COMMAND_MAX - e->command.n)
		return -EFBIG;
	buf_add_str(&e->command, u.in);
	if (more)
		return 0;
	r = answer(e, id, root);
	buf_free(&e->command);
	return r;
}
