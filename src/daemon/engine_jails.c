/*
 * What happens in the jails: Fail2ban's log lines, orders to the warden, and the matches that
 * wait for an answer from the herald (a name) or the warden (an ignorecommand).  See engine.h.
 */
#include "daemon/engine.h"

#include <errno.h>

/* A question on its way; the match is copied, since lines do not last. */
struct waiting {
	enum { WAIT_NAME, WAIT_IGNORED_NAME, WAIT_COMMAND } what;
	unsigned jail;
	struct arena *arena;
	struct match match;
	str name;
};

static void free_waiting(void *p)
{
	struct waiting *w = p;

	arena_free(w->arena);
	free(w);
}

/* ---------------------------------------------------------------- events of a jail */

static unsigned index_of(const struct jail *j)
{
	return j->conf->index;
}

static const char *id_text(struct buf *room, const struct fid *id)
{
	buf_clear(room);
	fid_add(room, id);
	return buf_z(room);
}

static void on_found(void *arg, struct jail *j, const struct match *m, double time)
{
	struct engine *e = arg;
	struct buf id = { 0 }, when = { 0 };

	clock_add_local(&when, time);
	engine_log(e, LEVEL_INFO, "filter", "[%.*s] Found %s - %s", STR_ARG(j->conf->name),
		   id_text(&id, &m->id), buf_z(&when));
	engine_changed(e, index_of(j));
	buf_free(&id);
	buf_free(&when);
}

static void on_ignored(void *arg, struct jail *j, const struct fid *id, const char *by)
{
	struct buf room = { 0 };

	engine_log(arg, LEVEL_INFO, "filter", "[%.*s] Ignore %s by %s", STR_ARG(j->conf->name),
		   id_text(&room, id), by);
	buf_free(&room);
}

/* Fail2ban's levels: a failure right behind a ban is normal, a later one means a leak. */
static void log_known(struct engine *e, const struct jail *j, const char *id, double since)
{
	enum log_level level = since < 3 ? LEVEL_DEBUG : since < 60 ? LEVEL_NOTICE : LEVEL_WARNING;

	engine_log(e, level, "actions", "[%.*s] %s already banned", STR_ARG(j->conf->name), id);
}

static void on_ban(void *arg, struct jail *j, enum ban_result result, const struct ticket *t,
		   const struct fid *fid)
{
	struct engine *e = arg;
	struct buf room = { 0 };
	const char *id = id_text(&room, fid);

	switch (result) {
	case BAN_NEW:
		engine_log(e, LEVEL_NOTICE, "actions", "[%.*s] %s %s", STR_ARG(j->conf->name),
			   e->options.observe ? "Would ban" : "Ban", id);
		engine_order(e, index_of(j), MSG_BAN_ADD, 0, t);
		engine_write_ban(e, index_of(j), t);
		break;
	case BAN_EXTENDED:
		log_known(e, j, id, e->turn_now - t->time);
		engine_order(e, index_of(j), MSG_BAN_ADD, BAN_FLAG_EXTENDED, t);
		break;
	case BAN_KNOWN:
		log_known(e, j, id, e->turn_now - t->time);
		break;
	case BAN_EXPIRED:
		engine_log(e, LEVEL_INFO, "actions", "[%.*s] Ignore %s, expired bantime",
			   STR_ARG(j->conf->name), id);
		break;
	}
	engine_changed(e, index_of(j));
	buf_free(&room);
}

static void on_unban(void *arg, struct jail *j, const struct ticket *t)
{
	struct engine *e = arg;
	struct buf room = { 0 };

	engine_log(e, LEVEL_NOTICE, "actions", "[%.*s] Unban %s", STR_ARG(j->conf->name),
		   id_text(&room, &t->id));
	engine_order(e, index_of(j), MSG_BAN_DEL, 0, t);
	buf_free(&room);
}

bool engine_unban(struct engine *e, unsigned jail, const struct fid *id)
{
	struct jail *j = e->jails[jail].jail;
	struct ticket *t = bans_take(j->bans, id);
	bool found = t != NULL;

	engine_write_unban(e, jail, id);
	while (!t && id->ip.family && !ip_is_single(&id->ip)) {
		/* a network takes back every ban inside it, one a turn */
		t = bans_take_inside(j->bans, &id->ip);
		if (!t)
			break;
		engine_write_unban(e, jail, &t->id);
		on_unban(e, j, t);
		ticket_free(t);
		t = NULL;
		found = true;
	}
	if (!t && !found) {
		/* not ours, but the kernel may hold it from before: root wants it out */
		t = ticket_new(id, e->turn_now);
		engine_order(e, jail, MSG_BAN_DEL, 0, t);
	} else if (t) {
		on_unban(e, j, t);
	}
	ticket_free(t);
	return found;
}

void engine_repeal_all(struct engine *e)
{
	for (unsigned i = 0; i < e->config->n_jails; i++) {
		const struct ticket *t;
		struct buf id = { 0 };
		size_t at = 0;

		while (e->jails[i].jail && (t = bans_each(e->jails[i].jail->bans, &at)) != NULL) {
			if (e->options.observe)
				continue; /* there was none */
			engine_log(e, LEVEL_NOTICE, "actions", "[%.*s] Repeal Ban %s",
				   STR_ARG(e->config->jails[i]->name), id_text(&id, &t->id));
			engine_order(e, i, MSG_BAN_DEL, BAN_FLAG_STOPPING, t);
		}
		buf_free(&id);
	}
}

/* ---------------------------------------------------------------- questions */

static void copy_match(struct arena *a, const struct match *m, struct match *out)
{
	*out = *m;
	out->id.text = arena_str(a, m->id.text);
	out->host = arena_str(a, m->host);
	out->fields = arena_alloc(a, m->n_fields * sizeof *out->fields);
	for (unsigned i = 0; i < m->n_fields; i++) {
		out->fields[i].name = arena_str(a, m->fields[i].name);
		out->fields[i].value = arena_str(a, m->fields[i].value);
	}
	out->lines = arena_alloc(a, m->n_lines * sizeof *out->lines);
	for (unsigned i = 0; i < m->n_lines; i++) {
		out->lines[i].prefix = arena_str(a, m->lines[i].prefix);
		out->lines[i].date = arena_str(a, m->lines[i].date);
		out->lines[i].suffix = arena_str(a, m->lines[i].suffix);
	}
	out->users = arena_alloc(a, m->n_users * sizeof *out->users);
	for (unsigned i = 0; i < m->n_users; i++)
		out->users[i] = arena_str(a, m->users[i]);
}

/* Remembers a question; NULL when too many wait already. */
static struct waiting *wait_for(struct engine *e, unsigned jail, uint32_t *id)
{
	struct waiting *w;

	if (table_count(e->waiting) >= ENGINE_PENDING_MAX)
		return NULL;
	w = xcalloc(1, sizeof *w);
	w->jail = jail;
	w->arena = arena_new();
	*id = ++e->last_request;
	free(table_put(e->waiting, str_mem(id, sizeof *id), w));
	return w;
}

static void ask_name(struct engine *e, uint32_t id, str name)
{
	struct buf b = { 0 };

	pack_u32(&b, id);
	pack_str(&b, name);
	if (e->herald) /* else it waits for the next one */
		channel_send(e->herald, MSG_RESOLVE, &b, -1);
	buf_free(&b);
}

static void on_resolve(void *arg, struct jail *j, const struct match *m)
{
	struct engine *e = arg;
	struct waiting *w;
	uint32_t id;

	if (m->host.n == 0 || m->host.n > 255)
		return;
	w = wait_for(e, index_of(j), &id);
	if (!w)
		return;
	w->what = WAIT_NAME;
	w->name = arena_str(w->arena, m->host);
	copy_match(w->arena, m, &w->match);
	ask_name(e, id, w->name);
}

static void on_ask(void *arg, struct jail *j, const struct match *m)
{
	struct engine *e = arg;
	struct ticket *t = ticket_from_match(m, j->maxmatches);
	struct buf b = { 0 };
	struct waiting *w;
	uint32_t id;

	w = wait_for(e, index_of(j), &id);
	if (w) {
		w->what = WAIT_COMMAND;
		copy_match(w->arena, m, &w->match);
		pack_u32(&b, id);
		pack_u32(&b, index_of(j));
		ticket_pack(t, &b);
		channel_send(e->child.warden, MSG_IGNORE_RUN, &b, -1);
	} else { /* too many are asked about: guarding goes first */
		jail_count(j, m, e->turn_now, &e->events);
	}
	buf_free(&b);
	ticket_free(t);
}

static struct waiting *take_waiting(struct engine *e, uint32_t id)
{
	return table_del(e->waiting, str_mem(&id, sizeof id));
}

int engine_ignore_done(struct engine *e, str payload)
{
	struct unpack u = { .in = payload };
	uint32_t id = unpack_u32(&u);
	bool ignore = unpack_u8(&u);
	struct waiting *w = unpack_done(&u) ? take_waiting(e, id) : NULL;

	if (!w)
		return -ENOENT;
	e->turn_now = clock_now();
	if (w->what == WAIT_COMMAND && ignore)
		on_ignored(e, e->jails[w->jail].jail, &w->match.id, "command");
	else if (w->what == WAIT_COMMAND)
		jail_count(e->jails[w->jail].jail, &w->match, e->turn_now, &e->events);
	free_waiting(w);
	engine_end_turn(e);
	return 0;
}

static void judge_addresses(struct engine *e, struct waiting *w, const struct ip *ips, size_t n)
{
	struct jail *j = e->jails[w->jail].jail;
	struct buf list = { 0 };

	for (size_t i = 0; i < n; i++) {
		buf_add_z(&list, i ? ", " : "");
		ip_add(&list, &ips[i]);
	}
	if (n == 0)
		engine_log(e, LEVEL_WARNING, "ipdns",
			   "Unable to find a corresponding IP address for %.*s", STR_ARG(w->name));
	else if (j->conf->usedns == USEDNS_WARN)
		engine_log(e, LEVEL_WARNING, "ipdns", "Determined IP using DNS Lookup: %.*s = {%s}",
			   STR_ARG(w->name), buf_z(&list));
	for (size_t i = 0; i < n; i++) {
		w->match.id = fid_ip(&ips[i]);
		w->match.host = STR("");
		jail_judge(j, &w->match, e->turn_now, &e->events);
	}
	buf_free(&list);
}

static int on_addresses(struct engine *e, str payload)
{
	struct unpack u = { .in = payload };
	uint32_t id = unpack_u32(&u), n = unpack_u32(&u);
	struct waiting *w = take_waiting(e, id);
	struct ip ips[64];

	if (!w)
		return -ENOENT;
	for (uint32_t i = 0; i < n && i < 64; i++)
		ips[i] = unpack_ip(&u);
	if (n > 64 || !unpack_done(&u)) {
		free_waiting(w);
		return -EBADMSG;
	}
	e->turn_now = clock_now();
	if (w->what == WAIT_NAME)
		judge_addresses(e, w, ips, n);
	else if (w->what == WAIT_IGNORED_NAME)
		ignore_set_addresses(e->jails[w->jail].jail->ignore, w->name, ips, n);
	free_waiting(w);
	engine_end_turn(e);
	return 0;
}

int engine_peer_message(void *arg, struct channel *ch, enum message_type type, str payload, int fd)
{
	struct engine *e = arg;

	if (fd >= 0)
		close(fd);
	if (type == MSG_COMMAND && ch == e->console)
		return engine_command(e, payload);
	if (type == MSG_ADDRESSES && ch == e->herald)
		return on_addresses(e, payload);
	return -EPROTO;
}

void engine_ask_again(struct engine *e)
{
	size_t at = 0;
	void *value;
	str key;

	while (table_each(e->waiting, &at, &key, &value)) {
		const struct waiting *w = value;
		uint32_t id;

		memcpy(&id, key.p, sizeof id);
		if (w->what == WAIT_NAME)
			ask_name(e, id, w->name);
		else if (w->what == WAIT_IGNORED_NAME)
			free_waiting(table_del(e->waiting, key)); /* asked anew below */
	}
	engine_resolve_ignored(e);
}

void engine_settle_waiting(struct engine *e)
{
	size_t at = 0;
	void *value;

	/* nobody answers any more: a failure that was seen is a failure */
	while (table_each(e->waiting, &at, NULL, &value)) {
		const struct waiting *w = value;

		if (w->what == WAIT_COMMAND)
			jail_count(e->jails[w->jail].jail, &w->match, e->turn_now, &e->events);
	}
}

void engine_renew(struct engine *e, unsigned jail, unsigned flags, const struct ticket *t)
{
	struct ticket *light = ticket_new(&t->id, t->time);

	light->bantime = t->bantime;
	engine_order(e, jail, MSG_BAN_ADD, flags, light);
	ticket_free(light);
	engine_relieve(e);
}

void engine_say_bans(struct engine *e)
{
	for (unsigned i = 0; i < e->config->n_jails; i++) {
		const struct ticket *t;
		size_t at = 0;

		while (e->jails[i].jail && (t = bans_each(e->jails[i].jail->bans, &at)) != NULL)
			engine_renew(e, i, BAN_FLAG_RESTORED, t);
	}
	engine_end_turn(e);
}

void engine_resolve_ignored(struct engine *e)
{
	e->resolved_at = clock_now();
	for (unsigned i = 0; e->herald && i < e->config->n_jails; i++) {
		str name;

		for (size_t n = 0; e->jails[i].jail; n++) {
			struct waiting *w;
			uint32_t id;

			name = ignore_name(e->jails[i].jail->ignore, n);
			if (!name.p)
				break;
			if (name.n == 0 || name.n > 255)
				continue;
			w = wait_for(e, i, &id);
			if (!w)
				return;
			w->what = WAIT_IGNORED_NAME;
			w->name = arena_str(w->arena, name);
			ask_name(e, id, name);
		}
	}
}

/* ---------------------------------------------------------------- notices, start */

static const struct {
	unsigned bit;
	const char *text;
} notices[] = {
	{ FILTER_MATCH_WITHOUT_DATE, "Found a match but no valid date/time found" },
	{ FILTER_ODD_TIME,
	  "Detected a log entry with a time far from now in operation mode. This looks like a "
	  "timezone problem. Treating such entries as if they just happened" },
	{ FILTER_OLD_LINES,
	  "Ignoring all log entries older than findtime; these are probably messages generated "
	  "while the guard was not running" },
	{ FILTER_BAD_ENCODING, "Bytes that are not in the log's encoding were replaced" },
	{ FILTER_LIMIT_HIT, "A pattern gave up on a line at its match limit" },
};

static void on_notice(void *arg, struct jail *j, unsigned bits)
{
	const struct match_line *odd = &filter_stats(j->filter)->odd;

	for (size_t i = 0; i < sizeof notices / sizeof *notices; i++)
		if (bits & notices[i].bit)
			engine_log(arg, LEVEL_WARNING, "filter", "[%.*s] %s. Line: %.*s%.*s%.*s",
				   STR_ARG(j->conf->name), notices[i].text, STR_ARG(odd->prefix),
				   STR_ARG(odd->date), STR_ARG(odd->suffix));
}

void engine_jails_init(struct engine *e)
{
	e->events = (struct jail_events){
		.arg = e,
		.found = on_found,
		.ignored = on_ignored,
		.ban = on_ban,
		.unban = on_unban,
		.resolve = on_resolve,
		.ask = on_ask,
		.notice = on_notice,
	};
	e->waiting = table_new();
	e->jails = xcalloc(e->config->n_jails, sizeof *e->jails);
	for (unsigned i = 0; i < e->config->n_jails; i++) {
		struct running *r = &e->jails[i];

		if (str_starts(e->config->jails[i]->backend, STR("systemd")))
			err_set(&r->fault, 0, "backend %.*s: the journal is not read, only files",
				STR_ARG(e->config->jails[i]->backend));
		else if (jail_new(e->config->jails[i], &r->jail, &r->fault) < 0)
			r->jail = NULL;
	}
}

void engine_jails_free(struct engine *e)
{
	for (unsigned i = 0; i < e->config->n_jails; i++) {
		jail_free(e->jails[i].jail);
		buf_free(&e->jails[i].add);
		buf_free(&e->jails[i].del);
	}
	free(e->jails);
	table_free(e->waiting, free_waiting);
}
