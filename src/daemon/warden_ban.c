/*
 * Enforcement: the engine's orders, checked again, become netlink messages or shell commands.
 * The engine may have been taken over: it can at worst ban or unban addresses that nothing
 * protects, for no longer than the configuration allows.  See warden.h.
 */
#include "daemon/warden.h"

#include <errno.h>
#include <math.h>

#define ALLOWANCE_MS (30 * 1000) /* how long root's word waits for the engine's order */

/* ---------------------------------------------------------------- what is protected */

bool warden_is_protected(const struct warden *w, const struct ip *ip)
{
	static const struct ip loopback4 = { .family = 4, .prefix = 8, .bytes = { 127 } };
	static const struct ip loopback6 = { .family = 6, .prefix = 128, .bytes = { [15] = 1 } };

	if (ip_is_loopback(ip) || ip_in(&loopback4, ip) || ip_in(&loopback6, ip))
		return true;
	for (size_t i = 0; i < w->n_self; i++)
		if (ip_in(&w->self[i], ip) || ip_eq(&w->self[i], ip))
			return true;
	return false;
}

static bool is_ignored(const struct config_jail *jail, const struct ip *ip)
{
	for (unsigned i = 0; i < jail->n_ignoreip; i++) {
		struct ip rule;

		if (ip_parse(jail->ignoreip[i], &rule) < 0)
			continue; /* names are the engine's to know */
		if (ip_in(ip, &rule) || ip_in(&rule, ip))
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------- what root said by hand */

static str hand_key(const struct config_jail *jail, const struct fid *id, struct buf *room)
{
	char key[FID_TEXT_MAX + 1];

	buf_clear(room);
	pack_u32(room, jail->index);
	buf_add_str(room, fid_key(id, key));
	return buf_str(room);
}

/* Is there root's word for this ban, not yet used up? */
static bool was_ordered_by_hand(struct warden *w, const struct config_jail *jail,
				const struct fid *id)
{
	struct buf room = { 0 };
	int64_t *until;
	bool fresh;

	/* the console spoke first, but its message may not have been read yet */
	if (w->children[ROLE_CONSOLE].channel)
		channel_drain(w->children[ROLE_CONSOLE].channel);
	until = table_del(w->by_hand, hand_key(jail, id, &room));
	fresh = until && *until >= clock_ticks_ms();
	free(until);
	buf_free(&room);
	return fresh;
}

int warden_by_hand(struct warden *w, str payload)
{
	struct unpack u = { .in = payload };
	const struct config_jail *jail = config_find_jail(w->config, unpack_str(&u, 256));
	uint32_t n = unpack_u32(&u);
	struct buf room = { 0 };

	if (u.bad || n > 4096)
		return -EBADMSG;
	for (uint32_t i = 0; i < n && !u.bad; i++) {
		struct ip ip = unpack_ip(&u);
		struct fid id = fid_ip(&ip);
		int64_t until = clock_ticks_ms() + ALLOWANCE_MS;

		if (!u.bad && jail)
			free(table_put(w->by_hand, hand_key(jail, &id, &room),
				       xmemdup(&until, sizeof until)));
	}
	buf_free(&room);
	return unpack_done(&u) ? 0 : -EBADMSG;
}

/* ---------------------------------------------------------------- actions of the configuration */

static void log_for_action(void *arg, int level, const char *logger, const char *text)
{
	struct warden *w = arg;

	log_line(&w->log, (enum log_level)level, logger, "%s", text);
}

/* What the kernel held under our names: goes back in, so that a restart opens no door. */
struct found_bans {
	struct firewall_ban *bans;
	size_t n, room;
	int64_t default_ms; /* for elements without a time-out: a Fail2ban's */
};

static void on_found(void *arg, const struct ip *ip, int64_t timeout_ms)
{
	struct found_bans *f = arg;

	if (f->n == f->room) {
		f->room = f->room ? f->room * 2 : 64;
		f->bans = xreallocarray(f->bans, f->room, sizeof *f->bans);
	}
	f->bans[f->n++] =
		(struct firewall_ban){ .ip = *ip,
				       .timeout_ms = timeout_ms >= 0 ? timeout_ms : f->default_ms };
}

static struct enforcer setup_native(struct warden *w, const struct config_jail *jail,
				    const struct firewall_rule *rule)
{
	struct enforcer e = { .kind = ENFORCE_NATIVE };
	struct found_bans found = { .default_ms = jail->bantime > 0 ? jail->bantime * 1000 : 0 };
	struct err err = { 0 };

	if (!w->firewall && firewall_open(&w->firewall, &err) < 0) {
		warden_log(w, LEVEL_ERROR, "[%.*s] no bans by nftables: %s", STR_ARG(jail->name),
			   err.text);
		return (struct enforcer){ 0 };
	}
	e.handle = firewall_setup(w->firewall, rule, on_found, &found, &err);
	if (e.handle < 0) {
		warden_log(w, LEVEL_ERROR, "[%.*s] cannot set up nftables: %s", STR_ARG(jail->name),
			   err.text);
		e.kind = ENFORCE_NOTHING;
	} else if (found.n && firewall_add(w->firewall, e.handle, found.bans, found.n, &err) < 0) {
		warden_log(w, LEVEL_ERROR, "[%.*s] cannot keep the bans found in the kernel: %s",
			   STR_ARG(jail->name), err.text);
	}
	free(found.bans);
	return e;
}

static struct enforcer setup_shell(struct warden *w, const struct config_jail *jail,
				   unsigned action)
{
	bool ipv6 = !str_is(w->config->allowipv6, "no") && !str_is(w->config->allowipv6, "false");
	struct err err = { 0 };

	if (action_jobs_add(w->jobs, jail, action, ipv6, &err) < 0) {
		warden_log(w, LEVEL_ERROR, "[%.*s] cannot use action %.*s: %s", STR_ARG(jail->name),
			   STR_ARG(jail->action[action].name), err.text);
		return (struct enforcer){ 0 };
	}
	action_jobs_queue(w->jobs, jail->index, action, ACTION_START, NULL, NULL, NULL, NULL,
			  jail->bantime);
	return (struct enforcer){ .kind = ENFORCE_SHELL };
}

static struct enforcer setup_action(struct warden *w, const struct config_jail *jail,
				    unsigned action)
{
	struct arena *a = arena_new();
	struct firewall_rule rule = { 0 };
	struct err err = { 0 };
	struct enforcer e = { 0 };
	int native = firewall_recognise(&jail->action[action], a, &rule, &err);

	if (native < 0)
		warden_log(w, LEVEL_ERROR, "[%.*s] cannot use action %.*s: %s", STR_ARG(jail->name),
			   STR_ARG(jail->action[action].name), err.text);
	else if (native > 0)
		e = setup_native(w, jail, &rule);
	else
		e = setup_shell(w, jail, action);
	arena_free(a);
	return e;
}

bool warden_needs_shell(const struct config *c)
{
	struct arena *a = arena_new();
	bool shell = false;

	for (unsigned j = 0; j < c->n_jails; j++) {
		if (c->jails[j]->ignorecommand.n)
			shell = true;
		for (unsigned i = 0; i < c->jails[j]->n_action; i++) {
			struct firewall_rule rule;
			struct err err;

			if (firewall_recognise(&c->jails[j]->action[i], a, &rule, &err) == 0)
				shell = true;
		}
	}
	arena_free(a);
	return shell;
}

static int64_t longest_ban(const struct config_jail *jail)
{
	const struct value *increment = value_get(jail->bantime_extra, STR("increment"));

	/* with bantime.increment the time grows; its own maximum is the engine's to keep */
	if (increment && increment->type == VALUE_BOOL && increment->b)
		return -1;
	return jail->bantime;
}

static void new_tables(struct warden *w)
{
	static const struct action_callbacks none;
	struct action_callbacks cb = none;

	cb.arg = w;
	cb.log = log_for_action;
	cb.done = warden_action_done;
	w->jobs = action_jobs_new(w->base, &cb, 8);
	w->by_hand = table_new();
	w->longest = xcalloc(w->config->n_jails, sizeof *w->longest);
	w->enforcers = xcalloc(w->config->n_jails, sizeof *w->enforcers);
	for (unsigned j = 0; j < w->config->n_jails; j++) {
		w->longest[j] = longest_ban(w->config->jails[j]);
		w->enforcers[j] = xcalloc(w->config->jails[j]->n_action, sizeof **w->enforcers);
	}
}

void warden_ban_setup(struct warden *w)
{
	new_tables(w);
	if (w->options.observe)
		return;
	for (unsigned j = 0; j < w->config->n_jails; j++)
		for (unsigned i = 0; i < w->config->jails[j]->n_action; i++)
			w->enforcers[j][i] = setup_action(w, w->config->jails[j], i);
}

/* ---------------------------------------------------------------- orders */

struct order {
	const struct config_jail *jail;
	unsigned flags;
	struct action_counters counters;
	struct ticket **tickets;
	uint32_t n;
};

static void free_order(struct order *o)
{
	for (uint32_t i = 0; i < o->n; i++)
		ticket_free(o->tickets[i]);
	free(o->tickets);
}

static int read_order(const struct warden *w, str payload, struct order *out)
{
	struct unpack u = { .in = payload };
	struct order o = { 0 };
	uint32_t jail = unpack_u32(&u), n;

	o.flags = unpack_u8(&u);
	o.counters.banned = unpack_u64(&u);
	o.counters.banned_total = unpack_u64(&u);
	o.counters.found = unpack_u64(&u);
	o.counters.found_total = unpack_u64(&u);
	n = unpack_u32(&u);
	if (u.bad || n > MESSAGE_TICKETS_MAX)
		return -EBADMSG;
	if (jail >= w->config->n_jails)
		return -ERANGE;
	o.jail = w->config->jails[jail];
	o.tickets = xcalloc(n, sizeof(struct ticket *));
	for (; o.n < n; o.n++) {
		if (ticket_unpack(&u.in, &o.tickets[o.n]) < 0) {
			free_order(&o);
			return -EBADMSG;
		}
	}
	if (!unpack_done(&u)) {
		free_order(&o);
		return -EBADMSG;
	}
	*out = o;
	return 0;
}

/* Why this ban may not be carried out, or NULL. */
static const char *ban_fault(struct warden *w, const struct config_jail *jail,
			     const struct ticket *t, double left)
{
	const struct ip *ip = &t->id.ip;
	int64_t longest = w->longest[jail->index];

	if (ip->family && warden_is_protected(w, ip))
		return "it is, or holds, an address of this machine";
	if (ip->family && ip->prefix == 0)
		return "it is everybody";
	if ((ip->family && is_ignored(jail, ip)) ||
	    (longest >= 0 && (isinf(left) || left > (double)longest + 60))) {
		if (was_ordered_by_hand(w, jail, &t->id))
			return NULL;
		return ip->family && is_ignored(jail, ip)
			       ? "ignoreip protects it"
			       : "it would last longer than the configuration allows";
	}
	return NULL;
}

static void enforce_natively(struct warden *w, const struct order *o, unsigned action,
			     enum message_type type, double now)
{
	struct firewall_ban *bans = xcalloc(o->n, sizeof *bans);
	struct ip *ips = xcalloc(o->n, sizeof *ips);
	int handle = w->enforcers[o->jail->index][action].handle, r = 0;
	struct err err = { 0 };
	size_t n = 0;

	for (uint32_t i = 0; i < o->n; i++) {
		const struct ticket *t = o->tickets[i];
		double left = t ? ticket_end(t, o->jail->bantime) - now : 0;

		if (!t || !t->id.ip.family)
			continue;
		ips[n] = t->id.ip;
		bans[n].ip = t->id.ip;
		bans[n].timeout_ms = isinf(left) ? 0 : left < 0.001 ? 1 : (int64_t)(left * 1000);
		n++;
	}
	if (n && type == MSG_BAN_ADD)
		r = firewall_add(w->firewall, handle, bans, n, &err);
	else if (n && !(o->flags & BAN_FLAG_STOPPING))
		r = firewall_del(w->firewall, handle, ips, n, &err);
	free(bans);
	free(ips);
	if (r < 0)
		log_line(&w->log, LEVEL_ERROR, "actions",
			 "Failed to execute %s jail '%.*s' action '%.*s': %s",
			 type == MSG_BAN_ADD ? "ban" : "unban", STR_ARG(o->jail->name),
			 STR_ARG(o->jail->action[action].name), err.text);
}

static void enforce_by_shell(struct warden *w, const struct order *o, unsigned action,
			     enum message_type type)
{
	enum action_verb verb = type == MSG_BAN_ADD ? ACTION_BAN : ACTION_UNBAN;

	if (o->flags & BAN_FLAG_STOPPING &&
	    str_trim(config_action_property(&o->jail->action[action], "actionflush")).n) {
		action_jobs_queue(w->jobs, o->jail->index, action, ACTION_FLUSH, NULL, NULL, NULL,
				  &o->counters, o->jail->bantime);
		return;
	}
	for (uint32_t i = 0; i < o->n; i++)
		if (o->tickets[i] && !(o->flags & BAN_FLAG_EXTENDED))
			action_jobs_queue(w->jobs, o->jail->index, action, verb, o->tickets[i],
					  NULL, NULL, &o->counters, o->jail->bantime);
}

/* Takes out of the order what may not be banned. */
static void check_bans(struct warden *w, struct order *o, double now)
{
	for (uint32_t i = 0; i < o->n; i++) {
		struct ticket *t = o->tickets[i];
		double left = ticket_end(t, o->jail->bantime) - now;
		const char *fault = ban_fault(w, o->jail, t, left);
		struct buf id = { 0 };

		if (!fault)
			continue;
		fid_add(&id, &t->id);
		log_line(&w->log, LEVEL_ERROR, "actions", "[%.*s] refused to ban %s: %s",
			 STR_ARG(o->jail->name), buf_z(&id), fault);
		buf_free(&id);
		ticket_free(t);
		o->tickets[i] = NULL;
	}
}

int warden_ban_order(struct warden *w, enum message_type type, str payload)
{
	double now = clock_now();
	struct order o;
	int r = read_order(w, payload, &o);

	if (r < 0)
		return r;
	if (type == MSG_BAN_ADD)
		check_bans(w, &o, now);
	/* first what is done at once, then what a shell takes its time for */
	for (unsigned i = 0; i < o.jail->n_action; i++)
		if (w->enforcers[o.jail->index][i].kind == ENFORCE_NATIVE)
			enforce_natively(w, &o, i, type, now);
	for (unsigned i = 0; i < o.jail->n_action; i++)
		if (w->enforcers[o.jail->index][i].kind == ENFORCE_SHELL)
			enforce_by_shell(w, &o, i, type);
	free_order(&o);
	return 0;
}

void warden_action_done(void *arg, unsigned jail, unsigned action, enum action_verb verb,
			const struct ticket *t, bool ok)
{
	struct warden *w = arg;
	struct channel *engine = warden_engine(w);
	struct buf b = { 0 }, id = { 0 };

	if (w->stopping)
		warden_stop_next(w);
	if (ok || !engine)
		return;
	if (t)
		fid_add(&id, &t->id);
	pack_u32(&b, jail);
	pack_u32(&b, action);
	pack_u8(&b, (uint8_t)verb);
	pack_u8(&b, ok);
	pack_str(&b, str_head(buf_str(&id), 256));
	channel_send(engine, MSG_BAN_DONE, &b, -1);
	buf_free(&b);
	buf_free(&id);
}

void warden_ban_teardown(struct warden *w)
{
	struct err err = { 0 };

	for (unsigned j = 0; w->enforcers && j < w->config->n_jails; j++)
		for (unsigned i = 0; i < w->config->jails[j]->n_action; i++)
			if (w->enforcers[j][i].kind == ENFORCE_NATIVE &&
			    firewall_teardown(w->firewall, w->enforcers[j][i].handle, &err) < 0)
				warden_log(w, LEVEL_ERROR, "[%.*s] cannot take down nftables: %s",
					   STR_ARG(w->config->jails[j]->name), err.text);
}
