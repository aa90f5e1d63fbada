/*
 * Rows of Fail2ban's tables bans (history) and bips (the latest of an id in a jail); see store.h.
 * What is read may have been written by anybody: numbers are brought into range, texts go through
 * the ticket's own reader.
 */
#include <errno.h>
#include <math.h>

#include "ban/store_sql.h"

enum {
	MERGED_ROWS_MAX = 1000,
	BANTIME_UNKNOWN = -2, /* in rows that came from version 2 */
};

/* What both tables take. */
static void bind_ban(sqlite3_stmt *st, str jail, const struct ticket *t, int64_t bantime,
		     const char *data)
{
	store_bind(st, 1, jail);
	store_bind_id(st, 2, &t->id);
	sqlite3_bind_int64(st, 3, llrint(t->time)); /* half to even, as Python rounds */
	sqlite3_bind_int64(st, 4, t->bantime == TICKET_JAIL_BANTIME ? bantime : t->bantime);
	sqlite3_bind_int64(st, 5, t->bancount ? t->bancount : 1);
	sqlite3_bind_blob64(st, 6, data, strlen(data), SQLITE_STATIC);
}

int store_add_ban(struct store *s, str jail, const struct ticket *t, int64_t bantime,
		  int maxmatches)
{
	static const enum store_query queries[] = { Q_ADD_BAN, Q_PUT_BIP };
	_free_ char *data = ticket_data_json(t, maxmatches);
	int rc = 0;

	for (size_t i = 0; i < 2 && rc == 0; i++) {
		sqlite3_stmt *st = store_prepare(s, queries[i], &rc);

		if (!st)
			break;
		bind_ban(st, jail, t, bantime, data);
		rc = store_run(s, st);
	}
	return rc;
}

int store_del_ban(struct store *s, str jail, const struct fid *id)
{
	const enum store_query here[] = { Q_DEL_BANS, Q_DEL_BIPS };
	const enum store_query everywhere[] = { Q_DEL_BANS_EVERYWHERE, Q_DEL_BIPS_EVERYWHERE };
	int rc = 0;

	for (size_t i = 0; i < 2 && rc == 0; i++) {
		sqlite3_stmt *st = store_prepare(s, jail.n ? here[i] : everywhere[i], &rc);

		if (!st)
			break;
		store_bind_id(st, 1, id);
		if (jail.n)
			store_bind(st, 2, jail);
		rc = store_run(s, st);
	}
	return rc;
}

/* Whole seconds; with bantime.rndtime Fail2ban writes fractions. */
static int64_t column_seconds(sqlite3_stmt *st, int at)
{
	double f;

	if (sqlite3_column_type(st, at) != SQLITE_FLOAT)
		return sqlite3_column_int64(st, at);
	f = ceil(sqlite3_column_double(st, at));
	return f > -1e15 && f < 1e15 ? (int64_t)f : f < 0 ? -1 : (int64_t)1e15;
}

static unsigned column_count(sqlite3_stmt *st, int at)
{
	int64_t n = sqlite3_column_int64(st, at);

	return n < 0 ? 0 : n > INT32_MAX ? INT32_MAX : (unsigned)n;
}

/* The ban time a row gets today; false: its time is over. */
static bool settle_bantime(int64_t *bantime, double time, const struct store_restore *how)
{
	int64_t max = how->increment ? how->maxtime : how->bantime;

	if (*bantime == BANTIME_UNKNOWN)
		*bantime = how->bantime;
	if (*bantime < 0)
		*bantime = -1;
	if (max >= 0 && (*bantime < 0 || *bantime > max))
		*bantime = max;
	return *bantime < 0 || time + (double)*bantime > how->now;
}

static struct ticket *restored(sqlite3_stmt *st, const struct store_restore *how)
{
	double time = sqlite3_column_double(st, 1);
	int64_t bantime = column_seconds(st, 2);
	struct fid id = fid_parse(store_column(st, 0));
	struct ticket *t;

	if (!settle_bantime(&bantime, time, how))
		return NULL;
	t = ticket_new(&id, time);
	t->bantime = bantime;
	t->bancount = column_count(st, 3);
	t->restored = true;
	ticket_read_json(t, store_column(st, 4), how->maxmatches);
	return t;
}

int store_each_ban(struct store *s, str jail, const struct store_restore *how,
		   void (*fn)(void *arg, struct ticket *t), void *arg)
{
	int rc;
	sqlite3_stmt *st = store_prepare(s, Q_EACH_BIP, &rc);

	if (!st)
		return rc;
	store_bind(st, 1, jail);
	sqlite3_bind_double(st, 2, how->now);
	sqlite3_bind_double(st, 3,
			    how->increment || how->bantime < 0 ? -INFINITY
							       : how->now - (double)how->bantime);
	while ((rc = store_step(s, st)) > 0) {
		struct ticket *t = restored(st, how);

		if (t)
			fn(arg, t);
	}
	store_end(st);
	return rc;
}

int store_find_ban(struct store *s, str jail, const struct fid *id, struct store_ban *out)
{
	int rc;
	sqlite3_stmt *st = store_prepare(s, jail.n ? Q_FIND_BIP : Q_SUM_BIPS, &rc);

	if (!st)
		return rc;
	store_bind_id(st, 1, id);
	if (jail.n)
		store_bind(st, 2, jail);
	rc = store_step(s, st);
	if (rc > 0)
		*out = (struct store_ban){ .time = sqlite3_column_double(st, 0),
					   .bantime = column_seconds(st, 1),
					   .count = column_count(st, 2) };
	store_end(st);
	return rc;
}

unsigned store_ban_count(struct store *s, str jail, const struct fid *id)
{
	struct store_ban last = { 0 };

	return store_find_ban(s, jail, id, &last) > 0 ? last.count : 0;
}

int store_merged(struct store *s, str jail, const struct fid *id, int maxmatches,
		 struct ticket **out)
{
	struct ticket *t = NULL;
	uint64_t failures = 0;
	int rc;
	sqlite3_stmt *st = store_prepare(s, jail.n ? Q_MERGE : Q_MERGE_EVERYWHERE, &rc);

	if (!st)
		return rc;
	store_bind_id(st, 1, id);
	sqlite3_bind_int(st, 2, MERGED_ROWS_MAX);
	if (jail.n)
		store_bind(st, 3, jail);
	while ((rc = store_step(s, st)) > 0) {
		double time = sqlite3_column_double(st, 0);

		if (!t)
			t = ticket_new(id, time);
		t->time = time;
		t->failures = 0;
		ticket_read_json(t, store_column(st, 1), maxmatches);
		failures += t->failures;
	}
	store_end(st);
	if (rc == 0 && !t)
		rc = -ENOENT;
	if (rc < 0) {
		ticket_free(t);
		return rc;
	}
	t->failures = failures > INT32_MAX ? INT32_MAX : (unsigned)failures;
	*out = t;
	return 0;
}

static int purge(struct store *s, const char *sql, double before)
{
	sqlite3_stmt *st;
	int rc = store_code(s, sqlite3_prepare_v2(s->db, sql, -1, &st, NULL));

	if (rc < 0)
		return rc;
	sqlite3_bind_double(st, 1, before);
	rc = store_step(s, st);
	sqlite3_finalize(st);
	return rc < 0 ? rc : 0;
}

int store_purge(struct store *s, double now, int64_t age)
{
	static const char *const steps[] = {
		"DELETE FROM bans WHERE timeofban < ?1",
		"DELETE FROM bips WHERE timeofban < ?1 AND bantime <> -1"
		" AND timeofban + bantime * 3 < ?1",
		"DELETE FROM jails WHERE enabled = 0"
		" AND NOT EXISTS (SELECT 1 FROM bans WHERE jail = jails.name)"
		" AND NOT EXISTS (SELECT 1 FROM bips WHERE jail = jails.name)",
		/* ours: of jails that are gone; and of old files, more than anyone rotates */
		"DELETE FROM lk_position WHERE jail NOT IN (SELECT name FROM jails)",
		"DELETE FROM lk_failure WHERE jail NOT IN (SELECT name FROM jails)",
		"DELETE FROM lk_jail WHERE jail NOT IN (SELECT name FROM jails)",
		"DELETE FROM lk_position WHERE (SELECT count(*) FROM lk_position p"
		" WHERE p.jail = lk_position.jail AND p.path = lk_position.path"
		" AND p.seq > lk_position.seq) >= 16",
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof steps / sizeof *steps && rc == 0; i++)
		rc = purge(s, steps[i], now - (double)age);
	return rc;
}
