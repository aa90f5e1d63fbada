/*
 * A jail in virtual time with a remembered firewall: a week of attacks in a second.  Whoever is
 * in the firewall cannot write a line, as behind a real one.  The same attacks are judged again
 * with crashes in between, from what a commit had put into the store; they must come to the same
 * bans.
 */
#include "unit/unit.h"

#include <math.h>
#include <time.h>
#include <unistd.h>

#include "ban/jail.h"
#include "ban/store.h"

enum {
	START = 1790000000, /* a Monday in September 2026 */
	WEEK = 7 * 86400,
	FINDTIME = 600,
	BANTIME = 3600,
	MAXRETRY = 5,
	ATTACKERS = 60,
};

/* Every `period` seconds a failure, beginning at `first`. */
struct attacker {
	char address[40];
	int period, first;
	unsigned failures, bans; /* seen in the log, and banned */
	double blocked_until;
};

struct world {
	struct config_jail conf;
	struct config_regex regex;
	struct jail *jail;
	struct jail_events events;
	struct attacker all[ATTACKERS];
	unsigned bans, unbans, wrong;
	double now;
};

static struct attacker *find(struct world *w, const struct fid *id)
{
	char text[IP_TEXT_MAX];

	ip_print(&id->ip, text);
	for (int i = 0; i < ATTACKERS; i++)
		if (strcmp(w->all[i].address, text) == 0)
			return &w->all[i];
	return NULL;
}

static void on_ban(void *arg, struct jail *j, enum ban_result result, const struct ticket *t,
		   const struct fid *id)
{
	struct world *w = arg;
	struct attacker *a = find(w, id);

	if (result != BAN_NEW || !a) {
		w->wrong++;
		return;
	}
	w->bans++;
	a->bans++;
	a->blocked_until = ticket_end(t, j->bantime);
	if (a->blocked_until != w->now + BANTIME)
		w->wrong++;
}

static void on_unban(void *arg, struct jail *j, const struct ticket *t)
{
	struct world *w = arg;
	struct attacker *a = find(w, &t->id);

	(void)j;
	w->unbans++;
	if (!a || w->now < a->blocked_until)
		w->wrong++;
	if (a)
		a->blocked_until = 0;
}

static void new_jail(struct world *w)
{
	struct err err = { 0 };

	assert_int_equal(jail_new(&w->conf, &w->jail, &err), 0);
}

static void init(struct world *w)
{
	*w = (struct world){ 0 };
	w->regex = (struct config_regex){ .text = STR("^ mx sshd: failure from <HOST>$"),
					  .usedns = USEDNS_NO,
					  .maxlines = 1 };
	w->conf = (struct config_jail){ .name = STR("sim"),
					.usedns = USEDNS_NO,
					.failregex = &w->regex,
					.n_failregex = 1,
					.maxlines = 1,
					.logencoding = STR("utf-8"),
					.maxretry = MAXRETRY,
					.maxmatches = MAXRETRY,
					.findtime = FINDTIME,
					.bantime = BANTIME };
	w->events = (struct jail_events){ .arg = w, .ban = on_ban, .unban = on_unban };
	for (int i = 0; i < ATTACKERS; i++) {
		struct attacker *a = &w->all[i];

		if (i % 3)
			snprintf(a->address, sizeof a->address, "192.0.2.%d", i + 1);
		else
			snprintf(a->address, sizeof a->address, "2001:db8::%x", i + 1);
		a->period = 7 + i * i; /* from one in 7 seconds to one in an hour */
		a->first = i * 13;
	}
	new_jail(w);
}

static void one_line(struct world *w, struct attacker *a)
{
	struct filter_time t = {
		.now = w->now, .session_now = w->now, .check_age = true, .in_operation = true
	};
	time_t when = (time_t)w->now;
	char line[120], date[32];
	struct tm tm;

	localtime_r(&when, &tm);
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(line, sizeof line, "%s mx sshd: failure from %s", date, a->address);
	a->failures++;
	jail_line(w->jail, str_of(line), &t, &w->events);
}

/* One second of everybody's life. */
static void second(struct world *w, int s)
{
	w->now = START + s;
	jail_expire(w->jail, w->now, &w->events);
	for (int i = 0; i < ATTACKERS; i++) {
		struct attacker *a = &w->all[i];

		if (s >= a->first && (s - a->first) % a->period == 0 && w->now >= a->blocked_until)
			one_line(w, a);
	}
}

static void a_week_of_attacks(void **state)
{
	static struct world w;
	uint64_t total = 0;

	(void)state;
	init(&w);
	for (int s = 0; s < WEEK; s++)
		second(&w, s);
	for (int i = 0; i < ATTACKERS; i++) {
		const struct attacker *a = &w.all[i];
		/* a ban counts from the last failure; the next knock is the first after its end */
		int cycle = (MAXRETRY - 1) * a->period + BANTIME;
		unsigned cycles;

		cycle += a->period - 1 - (cycle - 1) % a->period;
		cycles = (unsigned)((WEEK - a->first) / cycle);
		total += a->failures;
		if (a->period * MAXRETRY < FINDTIME) {
			assert_in_range(a->bans, cycles - 1, cycles + 1);
			assert_in_range(a->failures, a->bans * MAXRETRY,
					a->bans * MAXRETRY + MAXRETRY - 1);
		} else if (a->period > FINDTIME) {
			assert_int_equal(a->bans, 0); /* too slow to be an attack by this rule */
		}
	}
	assert_int_equal(w.wrong, 0);
	assert_true(w.bans > 1000);
	assert_int_equal(failures_total(w.jail->failures), total);
	assert_int_equal(w.bans - w.unbans, bans_count(w.jail->bans));
	jail_free(w.jail);
}

static void the_clock_jumps(void **state)
{
	static struct world w;
	unsigned bans;

	(void)state;
	init(&w);
	for (int s = 0; s < 3600; s++)
		second(&w, s);
	bans = w.bans;
	assert_true(bans > 5);
	/* back by a day: nothing that is banned gets out */
	w.now = START - 86400;
	jail_expire(w.jail, w.now, &w.events);
	assert_int_equal(w.unbans, 0);
	assert_int_equal(bans_count(w.jail->bans), bans);
	/* forward by a day: every ban is over, once */
	w.now = START + 86400 + 7200;
	jail_expire(w.jail, w.now, &w.events);
	assert_int_equal(w.unbans, bans);
	assert_int_equal(bans_count(w.jail->bans), 0);
	assert_int_equal(w.wrong, 0);
	jail_free(w.jail);
}

/* ---------------------------------------------------------------- crashes */

static void put_failure(void *arg, const struct fid *id, const struct ticket *t)
{
	int r = t ? store_put_failure(arg, STR("sim"), t) : store_del_failure(arg, STR("sim"), id);

	assert_int_equal(r, 0);
}

static void commit(struct world *w, struct store *s)
{
	const struct ticket *t;
	struct buf saved = { 0 };
	struct store_jail row = { .failed = failures_total(w->jail->failures),
				  .banned = bans_total(w->jail->bans) };
	size_t at = 0;

	assert_int_equal(store_begin(s), 0);
	filter_save(w->jail->filter, &saved);
	row.filter = buf_str(&saved);
	assert_int_equal(store_put_jail(s, STR("sim"), &row), 0);
	failures_each_changed(w->jail->failures, put_failure, s);
	while ((t = bans_each(w->jail->bans, &at)) != NULL)
		assert_int_equal(store_add_ban(s, STR("sim"), t, BANTIME, 10), 0);
	assert_int_equal(store_commit(s), 0);
	failures_committed(w->jail->failures);
	buf_free(&saved);
}

static void restore_failure(void *arg, struct ticket *t)
{
	struct world *w = arg;

	failures_put(w->jail->failures, t);
}

static void restore_ban(void *arg, struct ticket *t)
{
	struct world *w = arg;

	bans_add(w->jail->bans, t, BANTIME, w->now, NULL);
}

static void restore_jail(void *arg, const struct store_jail *row)
{
	struct world *w = arg;

	failures_set_total(w->jail->failures, row->failed);
	assert_int_equal(filter_restore(w->jail->filter, row->filter), 0);
}

static void crash(struct world *w, struct store *s)
{
	struct store_restore how = {
		.now = w->now, .bantime = BANTIME, .maxtime = -1, .maxmatches = 10
	};

	jail_free(w->jail);
	new_jail(w);
	assert_int_equal(store_get_jail(s, STR("sim"), restore_jail, w), 0);
	assert_int_equal(store_each_failure(s, STR("sim"), restore_failure, w), 0);
	assert_int_equal(store_each_ban(s, STR("sim"), &how, restore_ban, w), 0);
}

static void crashes_change_nothing(void **state)
{
	static struct world straight, crashing, before;
	struct store *s;
	struct err err = { 0 };
	bool made;

	(void)state;
	init(&straight);
	init(&crashing);
	assert_int_equal(store_open(NULL, &s, &made, &err), 0);
	assert_int_equal(store_enable_jail(s, STR("sim")), 0);
	for (int i = 0; i < 6 * 3600; i++) {
		second(&straight, i);
		if (i % 97 == 96) {
			/* judged but not committed, lost, and judged again from the log */
			before = crashing;
			second(&crashing, i);
			before.jail = crashing.jail;
			crashing = before;
			crash(&crashing, s);
		}
		second(&crashing, i);
		if (i % 97 == 95)
			commit(&crashing, s);
	}
	assert_int_equal(straight.wrong, 0);
	assert_int_equal(crashing.wrong, 0);
	assert_true(straight.bans > 50);
	assert_int_equal(crashing.bans, straight.bans);
	assert_int_equal(failures_total(crashing.jail->failures),
			 failures_total(straight.jail->failures));
	for (int i = 0; i < ATTACKERS; i++)
		assert_int_equal(crashing.all[i].bans, straight.all[i].bans);
	store_close(s);
	jail_free(straight.jail);
	jail_free(crashing.jail);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_week_of_attacks),
		cmocka_unit_test(the_clock_jumps),
		cmocka_unit_test(crashes_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
