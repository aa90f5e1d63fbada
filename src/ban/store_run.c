/*
 * Rows of our own tables: what a run knows besides its bans; see store.h.  Lines, ids and paths in
 * them are hostile bytes.
 */
#include <errno.h>

#include "ban/store_sql.h"

static void bind_position(sqlite3_stmt *st, const struct store_position *p)
{
	store_bind(st, 1, p->jail);
	store_bind(st, 2, p->path);
	sqlite3_bind_int64(st, 3, (int64_t)p->dev);
	sqlite3_bind_int64(st, 4, (int64_t)p->ino);
	store_bind(st, 5, p->first_line);
	sqlite3_bind_int64(st, 6, p->pos);
}

int store_put_position(struct store *s, const struct store_position *p)
{
	static const enum store_query queries[] = { Q_PUT_POSITION, Q_PUT_LOG };
	int rc = 0;

	for (size_t i = 0; i < 2 && rc == 0; i++) {
		sqlite3_stmt *st = store_prepare(s, queries[i], &rc);

		if (!st)
			break;
		bind_position(st, p);
		rc = store_run(s, st);
	}
	return rc;
}

/* A row of lk_position, or of logs, which has neither dev nor ino. */
static void hand_position(sqlite3_stmt *st, struct store_position p,
			  void (*fn)(void *arg, const struct store_position *p), void *arg)
{
	int at = 0;

	if (sqlite3_column_count(st) == 4) {
		p.dev = (uint64_t)sqlite3_column_int64(st, at++);
		p.ino = (uint64_t)sqlite3_column_int64(st, at++);
	}
	p.first_line = store_column(st, at);
	p.pos = sqlite3_column_int64(st, at + 1);
	if (p.pos >= 0)
		fn(arg, &p);
}

int store_each_position(struct store *s, str jail, str path,
			void (*fn)(void *arg, const struct store_position *p), void *arg)
{
	static const enum store_query queries[] = { Q_EACH_POSITION, Q_EACH_LOG };
	int rc = 0;

	for (size_t i = 0; i < 2 && rc == 0; i++) {
		sqlite3_stmt *st = store_prepare(s, queries[i], &rc);

		if (!st)
			break;
		store_bind(st, 1, jail);
		store_bind(st, 2, path);
		while ((rc = store_step(s, st)) > 0)
			hand_position(st, (struct store_position){ .jail = jail, .path = path }, fn,
				      arg);
		store_end(st);
	}
	return rc;
}

int store_del_position(struct store *s, str path, uint64_t dev, uint64_t ino)
{
	int rc;
	sqlite3_stmt *st = store_prepare(s, Q_DEL_POSITION, &rc);

	if (!st)
		return rc;
	store_bind(st, 1, path);
	sqlite3_bind_int64(st, 2, (int64_t)dev);
	sqlite3_bind_int64(st, 3, (int64_t)ino);
	return store_run(s, st);
}

int store_put_failure(struct store *s, str jail, const struct ticket *t)
{
	struct buf packed _buf_free_ = { 0 };
	int rc;
	sqlite3_stmt *st = store_prepare(s, Q_PUT_FAILURE, &rc);

	if (!st)
		return rc;
	ticket_pack(t, &packed);
	store_bind(st, 1, jail);
	store_bind_id(st, 2, &t->id);
	sqlite3_bind_blob64(st, 3, packed.p, packed.n, SQLITE_STATIC);
	return store_run(s, st);
}

int store_del_failure(struct store *s, str jail, const struct fid *id)
{
	int rc;
	sqlite3_stmt *st = store_prepare(s, Q_DEL_FAILURE, &rc);

	if (!st)
		return rc;
	store_bind(st, 1, jail);
	store_bind_id(st, 2, id);
	return store_run(s, st);
}

int store_each_failure(struct store *s, str jail, void (*fn)(void *arg, struct ticket *t),
		       void *arg)
{
	int rc;
	sqlite3_stmt *st = store_prepare(s, Q_EACH_FAILURE, &rc);

	if (!st)
		return rc;
	store_bind(st, 1, jail);
	while ((rc = store_step(s, st)) > 0) {
		str packed = store_column(st, 0);
		struct ticket *t;

		if (ticket_unpack(&packed, &t) == 0)
			fn(arg, t);
	}
	store_end(st);
	return rc;
}

int store_put_jail(struct store *s, str jail, const struct store_jail *j)
{
	int rc;
	sqlite3_stmt *st = store_prepare(s, Q_PUT_JAIL, &rc);

	if (!st)
		return rc;
	store_bind(st, 1, jail);
	sqlite3_bind_int64(st, 2, (int64_t)j->failed);
	sqlite3_bind_int64(st, 3, (int64_t)j->banned);
	sqlite3_bind_blob64(st, 4, j->filter.n ? j->filter.p : "", j->filter.n, SQLITE_STATIC);
	return store_run(s, st);
}

int store_get_jail(struct store *s, str jail, void (*fn)(void *arg, const struct store_jail *j),
		   void *arg)
{
	int rc;
	sqlite3_stmt *st = store_prepare(s, Q_GET_JAIL, &rc);

	if (!st)
		return rc;
	store_bind(st, 1, jail);
	rc = store_step(s, st);
	if (rc > 0) {
		struct store_jail j = { .failed = (uint64_t)sqlite3_column_int64(st, 0),
					.banned = (uint64_t)sqlite3_column_int64(st, 1),
					.filter = store_column(st, 2) };

		fn(arg, &j);
	}
	store_end(st);
	return rc < 0 ? rc : 0;
}

int store_forget_run(struct store *s)
{
	return store_exec(s, "DELETE FROM lk_failure; DELETE FROM lk_jail");
}
