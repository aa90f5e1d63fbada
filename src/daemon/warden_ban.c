/*
 * Enforcement: the engine's orders, checked again, become netlink messages or shell commands.
 * The engine may have been taken over: it can at worst ban or unban addresses that nothing
 * protects, for no longer than the configuration allows.  See warden.h.
 */
#include "daemon/warden.h"

#include <errno.h>
#include <math.h>

#define BY_HAND_MAX 65536
#define SHELL_BANS_MAX 1000000   /* ids that one shell action is run for at a time */
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

void warden_forget_by_hand(struct warden *w)
{
	int64_t now = clock_ticks_ms(), *until;
	size_t at = 0;
	void *value;
	str key;

	while (table_each(w->by_hand, &at, &key, &value)) {
		until = value;
		if (*until < now)
			free(table_del(w->by_hand, key));
	}
}

int warden_by_hand(struct warden *w, str payload)
{
	struct unpack u = { .in = payload };
	const struct config_jail *jail = config_find_jail(w->config, unpack_str(&u, 256));
	uint32_t n = unpack_u32(&u);
	struct buf room = { 0 };

	if (u.bad || n > 4096 || table_count(w->by_hand) > BY_HAND_MAX)
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

static bool is_too_long(const struct warden *w, const struct config_jail *jail, double left)
{
	int64_t longest = w->enforced[jail->index].longest;

	return longest >= 0 && (isinf(left) || left > (double)longest + 60);
}

/* Why this ban may not be carried out, or NULL. */
static const char *ban_fault(struct warden *w, const struct config_jail *jail,
			     const struct ticket *t, double left)
{
	const struct ip *ip = &t->id.ip;

	if (ip->family && warden_is_protected(w, ip))
		return "it is, or holds, an address of this machine";
	if (ip->family && ip->prefix == 0)
		return "it is everybody";
	if (!ip->family && fid_looks_like_address(&t->id))
		return "it is an address in disguise";
	if (!(ip->family && is_ignored(jail, ip)) && !is_too_long(w, jail, left))
		return NULL;
	/* asking also reads what the console has said of ban times meanwhile */
	if (was_ordered_by_hand(w, jail, &t->id))
		return NULL;
	if (ip->family && is_ignored(jail, ip))
		return "ignoreip protects it";
	return is_too_long(w, jail, left) ? "it would last longer than the configuration allows"
					  : NULL;
}

static void enforce_natively(struct warden *w, const struct order *o, unsigned action,
			     enum message_type type, double now)
{
	struct firewall_ban *bans = xcalloc(o->n, sizeof *bans);
	struct ip *ips = xcalloc(o->n, sizeof *ips);
	int handle = w->enforced[o->jail->index].actions[action].handle, r = 0;
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
	if (n && type == MSG_BAN_ADD && o->flags & (BAN_FLAG_EXTENDED | BAN_FLAG_RESTORED))
		r = firewall_renew(w->firewall, handle, bans, n, &err);
	else if (n && type == MSG_BAN_ADD)
		r = firewall_add(w->firewall, handle, bans, n, &err);
	else if (n && !(o->flags & BAN_FLAG_STOPPING))
		r = firewall_del(w->firewall, handle, ips, n, &err);
	free(bans);
	free(ips);
	if (r == -ENOENT)
		warden_actions_check(w); /* somebody has flushed the ruleset */
	else if (r < 0)
		log_line(&w->log, LEVEL_ERROR, "actions",
			 "Failed to execute %s jail '%.*s' action '%.*s': %s",
			 type == MSG_BAN_ADD ? "ban" : "unban", STR_ARG(o->jail->name),
			 STR_ARG(o->jail->action[action].name), err.text);
}

/*
 * What a shell has done is remembered: an engine that started again says all its bans again, and
 * reads the last lines again, but an action is not to be repeated for that.
 */
static bool is_news(struct enforcer *e, const struct order *o, enum message_type type,
		    const struct fid *id)
{
	char room[FID_TEXT_MAX + 1];
	str key = fid_key(id, room);

	if (type == MSG_BAN_DEL)
		return table_del(e->bans, key) != NULL;
	return !(o->flags & BAN_FLAG_EXTENDED) && table_count(e->bans) < SHELL_BANS_MAX &&
	       table_put(e->bans, key, e) == NULL;
}

static void enforce_by_shell(struct warden *w, const struct order *o, unsigned action,
			     enum message_type type)
{
	struct enforcer *e = &w->enforced[o->jail->index].actions[action];
	enum action_verb verb = type == MSG_BAN_ADD ? ACTION_BAN : ACTION_UNBAN;

	if (o->flags & BAN_FLAG_STOPPING &&
	    action_jobs_can_flush(w->jobs, o->jail->index, action)) {
		action_jobs_queue(w->jobs, o->jail->index, action, ACTION_FLUSH, NULL, NULL, NULL,
				  &o->counters, o->jail->bantime);
		return;
	}
	for (uint32_t i = 0; i < o->n; i++)
		if (o->tickets[i] && is_news(e, o, type, &o->tickets[i]->id))
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
		if (w->enforced[o.jail->index].actions[i].kind == ENFORCE_NATIVE)
			enforce_natively(w, &o, i, type, now);
	for (unsigned i = 0; i < o.jail->n_action; i++)
		if (w->enforced[o.jail->index].actions[i].kind == ENFORCE_SHELL)
			enforce_by_shell(w, &o, i, type);
	free_order(&o);
	return 0;
}
