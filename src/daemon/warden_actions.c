/*
 * The actions that the configuration names: which are native, which are the shell's; set up at the
 * start, changed by a reload, taken down at the end.  All of this is root's own text.  See
 * warden.h.
 */
#include "daemon/warden.h"

#include <errno.h>

#define PARALLEL_JAILS 8 /* jails whose shell commands run beside each other */

static void log_for_action(void *arg, int level, const char *logger, const char *text)
{
	struct warden *w = arg;

	log_line(&w->log, (enum log_level)level, logger, "%s", text);
	log_flush(&w->log);
}

/* A shell action ended; the engine is told of failures, which leave the ban as it is. */
static void on_done(void *arg, unsigned jail, unsigned action, enum action_verb verb,
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
	pack_str(&b, str_head(buf_str(&id), FID_TEXT_MAX));
	channel_send(engine, MSG_BAN_DONE, &b, -1);
	buf_free(&b);
	buf_free(&id);
}

/*
 * The action had to set up its environment anew: what it holds is said again from what it was run
 * for before.
 */
static void on_repaired(void *arg, unsigned jail, unsigned action)
{
	struct warden *w = arg;
	struct enforcer *e = &w->enforced[jail].actions[action];
	size_t at = 0;
	str key;

	while (e->bans && table_each(e->bans, &at, &key, NULL)) {
		struct fid id = fid_from_key(key);
		struct ticket *t = ticket_new(&id, clock_now());

		action_jobs_queue(w->jobs, jail, action, ACTION_REBAN, t, NULL, NULL, NULL,
				  w->config->jails[jail]->bantime);
		ticket_free(t);
	}
}

/* ---------------------------------------------------------------- one action */

/* What the kernel held under our names without an end: a Fail2ban's bans. */
struct found_bans {
	struct firewall_ban *bans;
	size_t n, room;
	int64_t bantime_ms;
};

static void on_found(void *arg, const struct ip *ip, int64_t timeout_ms)
{
	struct found_bans *f = arg;

	if (timeout_ms >= 0)
		return; /* it keeps what is left of its time */
	if (f->n == f->room) {
		f->room = f->room ? f->room * 2 : 64;
		f->bans = xreallocarray(f->bans, f->room, sizeof *f->bans);
	}
	f->bans[f->n++] = (struct firewall_ban){ .ip = *ip, .timeout_ms = f->bantime_ms };
}

static struct enforcer setup_native(struct warden *w, const struct config_jail *jail,
				    const struct firewall_rule *rule)
{
	struct enforcer e = { .kind = ENFORCE_NATIVE };
	struct found_bans found = { .bantime_ms = jail->bantime > 0 ? jail->bantime * 1000 : 0 };
	struct err err = { 0 };

	if (!w->firewall && firewall_open(&w->firewall, &err) < 0) {
		warden_log(w, LEVEL_ERROR, "[%.*s] no bans by nftables: %s", STR_ARG(jail->name),
			   err.text);
		return (struct enforcer){ .retry = true };
	}
	e.handle = firewall_setup(w->firewall, rule, on_found, &found, &err);
	if (e.handle < 0) {
		warden_log(w, LEVEL_ERROR, "[%.*s] cannot set up nftables: %s", STR_ARG(jail->name),
			   err.text);
		e = (struct enforcer){ .retry = true };
	} else if (found.n && firewall_add(w->firewall, e.handle, found.bans, found.n, &err) < 0) {
		warden_log(w, LEVEL_ERROR, "[%.*s] cannot keep the bans found in the kernel: %s",
			   STR_ARG(jail->name), err.text);
	}
	free(found.bans);
	return e;
}

/* `was`: what the same action had before a reload, or NULL. */
static struct enforcer setup_shell(struct warden *w, const struct config_jail *jail,
				   unsigned action, struct enforcer *was)
{
	bool ipv6 = !str_is(w->config->allowipv6, "no") && !str_is(w->config->allowipv6, "false");
	struct enforcer e = { .kind = ENFORCE_SHELL };
	struct err err = { 0 };

	if (action_jobs_add(w->jobs, jail, action, ipv6, &err) < 0) {
		warden_log(w, LEVEL_ERROR, "[%.*s] cannot use action %.*s: %s", STR_ARG(jail->name),
			   STR_ARG(jail->action[action].name), err.text);
		return (struct enforcer){ 0 };
	}
	action_jobs_queue(w->jobs, jail->index, action, was ? ACTION_RELOAD : ACTION_START, NULL,
			  NULL, NULL, NULL, jail->bantime);
	e.bans = was ? was->bans : table_new();
	if (was)
		*was = (struct enforcer){ 0 };
	return e;
}

static struct enforcer setup_action(struct warden *w, const struct config_jail *jail,
				    unsigned action, struct enforcer *was)
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
		e = setup_shell(w, jail, action, was && was->kind == ENFORCE_SHELL ? was : NULL);
	arena_free(a);
	return e;
}

static void teardown_native(struct warden *w, const struct config_jail *jail,
			    const struct enforcer *e)
{
	struct err err = { 0 };

	if (e->kind == ENFORCE_NATIVE && firewall_teardown(w->firewall, e->handle, &err) < 0)
		warden_log(w, LEVEL_ERROR, "[%.*s] cannot take down nftables: %s",
			   STR_ARG(jail->name), err.text);
}

/* ---------------------------------------------------------------- all of them */

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

static void new_tables(struct warden *w)
{
	w->enforced = xcalloc(w->config->n_jails, sizeof *w->enforced);
	for (unsigned j = 0; j < w->config->n_jails; j++)
		w->enforced[j] = (struct enforced_jail){
			.actions = xcalloc(w->config->jails[j]->n_action, sizeof(struct enforcer)),
			.longest = w->config->jails[j]->bantime,
		};
}

void warden_actions_setup(struct warden *w)
{
	const struct action_callbacks callbacks = {
		.arg = w, .log = log_for_action, .done = on_done, .repaired = on_repaired
	};

	w->jobs = action_jobs_new(w->base, &callbacks, PARALLEL_JAILS);
	new_tables(w);
	w->by_hand = table_new();
	for (unsigned j = 0; !w->options.observe && j < w->config->n_jails; j++)
		for (unsigned i = 0; i < w->config->jails[j]->n_action; i++)
			w->enforced[j].actions[i] = setup_action(w, w->config->jails[j], i, NULL);
}

/* Sets up again what somebody has taken out of the kernel, or what failed. True if it did. */
static bool mend(struct warden *w, const struct config_jail *jail, unsigned action)
{
	struct enforcer *e = &w->enforced[jail->index].actions[action], now;
	struct err err = { 0 };

	if (e->kind == ENFORCE_NATIVE) {
		if (firewall_check(w->firewall, e->handle, &err) != -ENOENT)
			return false;
		warden_log(w, LEVEL_WARNING,
			   "[%.*s] the firewall's rules were taken away by somebody else: putting "
			   "them back",
			   STR_ARG(jail->name));
	} else if (!e->retry) {
		return false;
	}
	now = setup_action(w, jail, action, NULL);
	if (now.kind != ENFORCE_NATIVE)
		return false; /* the next look tries again */
	*e = now;
	return true;
}

void warden_actions_check(struct warden *w)
{
	struct channel *engine = warden_engine(w);
	bool mended = false;

	for (unsigned j = 0; !w->stopping && j < w->config->n_jails; j++)
		for (unsigned i = 0; i < w->config->jails[j]->n_action; i++)
			mended |= mend(w, w->config->jails[j], i);
	if (mended && engine)
		channel_send(engine, MSG_SAY_BANS, NULL, -1);
}

void warden_actions_stop(struct warden *w)
{
	for (unsigned j = 0; j < w->config->n_jails; j++) {
		for (unsigned i = w->config->jails[j]->n_action; i-- > 0;) {
			struct enforcer *e = &w->enforced[j].actions[i];

			if (e->kind != ENFORCE_SHELL)
				continue;
			action_jobs_queue(w->jobs, j, i, ACTION_STOP, NULL, NULL, NULL, NULL,
					  w->config->jails[j]->bantime);
			e->kind = ENFORCE_NOTHING;
		}
	}
}

void warden_actions_teardown(struct warden *w)
{
	for (unsigned j = 0; j < w->config->n_jails; j++)
		for (unsigned i = 0; i < w->config->jails[j]->n_action; i++)
			teardown_native(w, w->config->jails[j], &w->enforced[j].actions[i]);
}

/* ---------------------------------------------------------------- reload */

static bool same_properties(const struct config_action *a, const struct config_action *b)
{
	struct buf ta = { 0 }, tb = { 0 };
	bool same;

	value_add_repr(&ta, a->properties);
	value_add_repr(&tb, b->properties);
	same = str_eq(buf_str(&ta), buf_str(&tb));
	buf_free(&ta);
	buf_free(&tb);
	return same;
}

/* The action of that name in the jail as it was, or NULL. */
static const struct config_action *find_action(const struct config_jail *was, str name)
{
	for (unsigned i = 0; was && i < was->n_action; i++)
		if (str_eq(was->action[i].name, name))
			return &was->action[i];
	return NULL;
}

static void change_action(struct warden *w, const struct config_jail *was,
			  struct enforced_jail *enforced, const struct config_jail *jail,
			  unsigned i)
{
	const struct config_action *old = find_action(was, jail->action[i].name);
	struct enforcer *held = old && enforced ? &enforced->actions[old - was->action] : NULL;
	struct enforcer *e = &w->enforced[jail->index].actions[i];

	if (held && held->kind == ENFORCE_NATIVE && same_properties(old, &jail->action[i])) {
		*e = *held;
		*held = (struct enforcer){ 0 };
	} else {
		*e = setup_action(w, jail, i, held);
	}
}

/* Does another action go on with this handle? Setting up the same sets gives the same one. */
static bool is_in_use(const struct warden *w, int handle)
{
	for (unsigned j = 0; j < w->config->n_jails; j++)
		for (unsigned i = 0; i < w->config->jails[j]->n_action; i++)
			if (w->enforced[j].actions[i].kind == ENFORCE_NATIVE &&
			    w->enforced[j].actions[i].handle == handle)
				return true;
	return false;
}

static void drop_old(struct warden *w, const struct config *old, struct enforced_jail *enforced)
{
	for (unsigned j = 0; j < old->n_jails; j++) {
		for (unsigned i = 0; i < old->jails[j]->n_action; i++) {
			struct enforcer *e = &enforced[j].actions[i];

			if (e->kind == ENFORCE_NATIVE && !is_in_use(w, e->handle))
				teardown_native(w, old->jails[j], e);
			table_free(e->bans, NULL);
		}
		free(enforced[j].actions);
	}
	free(enforced);
}

void warden_actions_change(struct warden *w, const struct config *old)
{
	struct enforced_jail *enforced = w->enforced;

	new_tables(w);
	action_jobs_mark(w->jobs);
	for (unsigned j = 0; !w->options.observe && j < w->config->n_jails; j++) {
		const struct config_jail *jail = w->config->jails[j];
		const struct config_jail *was = config_find_jail(old, jail->name);

		for (unsigned i = 0; i < jail->n_action; i++)
			change_action(w, was, was ? &enforced[was->index] : NULL, jail, i);
	}
	action_jobs_sweep(w->jobs);
	drop_old(w, old, enforced);
	if (!w->options.observe && warden_needs_shell(w->config) && !warden_needs_shell(old))
		warden_log(
			w, LEVEL_WARNING,
			"shell actions were added, but the guard gave up the rights that they may "
			"need when it started: restart it");
}
