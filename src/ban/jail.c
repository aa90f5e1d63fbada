/* One running jail; see jail.h.  Lines are hostile, the configuration is not. */
#include "ban/jail.h"

#include <math.h>

#define EXPIRE_EVERY 5.0 /* seconds between two looks for old failures */

int jail_new(const struct config_jail *conf, struct jail **out, struct err *err)
{
	struct filter *filter;
	struct jail *j;
	int r = filter_new(conf, &filter, err);

	if (r < 0)
		return r;
	j = xcalloc(1, sizeof *j);
	*j = (struct jail){
		.conf = conf,
		.filter = filter,
		.failures = failures_new(JAIL_IDS_MAX),
		.ignore = ignore_new(conf),
		.bans = bans_new(),
		.findtime = conf->findtime,
		.bantime = conf->bantime,
		.maxretry = conf->maxretry,
		.maxmatches = conf->maxmatches,
	};
	*out = j;
	return 0;
}

void jail_free(struct jail *j)
{
	if (!j)
		return;
	filter_free(j->filter);
	failures_free(j->failures);
	ignore_free(j->ignore);
	bans_free(j->bans);
	free(j);
}

enum ban_result jail_ban(struct jail *j, struct ticket *t, double now,
			 const struct jail_events *events)
{
	const struct ticket *active = NULL;
	struct fid id = t->id;
	enum ban_result result;
	char text[FID_TEXT_MAX];

	if (!id.ip.family) { /* the ticket may be freed by bans_add */
		id.text = str_head(id.text, sizeof text);
		memcpy(text, id.text.p, id.text.n);
		id.text.p = text;
	}
	result = bans_add(j->bans, t, j->bantime, now, &active);
	if (events->ban)
		events->ban(events->arg, j, result, active, &id);
	return result;
}

void jail_count(struct jail *j, const struct match *m, double now, const struct jail_events *events)
{
	const struct ticket *t;

	if (events->found)
		events->found(events->arg, j, m, m->time);
	t = failures_add(j->failures, m, j->findtime, j->maxmatches);
	if (j->maxretry < 1 || t->retry < (unsigned)j->maxretry)
		return;
	jail_ban(j, failures_take(j->failures, &m->id), now, events);
}

void jail_judge(struct jail *j, const struct match *m, double now, const struct jail_events *events)
{
	const char *by = ignore_test(j->ignore, &m->id, events->self, events->n_self);

	if (by) {
		if (events->ignored)
			events->ignored(events->arg, j, &m->id, by);
		return;
	}
	if (j->conf->ignorecommand.n && events->ask) {
		events->ask(events->arg, j, m);
		return;
	}
	jail_count(j, m, now, events);
}

size_t jail_line(struct jail *j, str line, const struct filter_time *t,
		 const struct jail_events *events)
{
	const struct match *matches;
	size_t n = filter_line(j->filter, line, t, &matches);
	unsigned fresh = filter_stats(j->filter)->notices & ~j->notices;

	if (fresh) {
		j->notices |= fresh;
		if (events->notice)
			events->notice(events->arg, j, fresh);
	}
	for (size_t i = 0; i < n; i++) {
		struct match m = matches[i];

		if (isnan(m.time))
			m.time = t->session_now; /* a line without a date: of the line before */
		if (!isfinite(m.time))
			continue;
		if (j->by_log_time)
			jail_expire(j, m.time, events);
		if (!m.host.n)
			jail_judge(j, &m, j->by_log_time ? m.time : t->now, events);
		else if (events->resolve)
			events->resolve(events->arg, j, &m);
	}
	return n;
}

void jail_expire(struct jail *j, double now, const struct jail_events *events)
{
	struct ticket *t;

	while ((t = bans_take_expired(j->bans, now)) != NULL) {
		if (events->unban)
			events->unban(events->arg, j, t);
		ticket_free(t);
	}
	if (now - j->expired_at < EXPIRE_EVERY && now >= j->expired_at)
		return;
	j->expired_at = now;
	failures_expire(j->failures, now - (double)j->findtime);
}
