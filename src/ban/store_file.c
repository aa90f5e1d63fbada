/*
 * Opening the file: is it whole, and if not, set aside; see store.h.  The file's bytes may be
 * anything.
 */
#include <errno.h>
#include <stdio.h>

#include "ban/store_sql.h"

int store_quick_check(struct store *s, struct err *err)
{
	sqlite3_stmt *st;
	int rc = store_code(s, sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &st, NULL));

	if (rc < 0)
		return err_set(err, rc, "%s", sqlite3_errmsg(s->db));
	rc = store_step(s, st);
	if (rc < 0) {
		err_set(err, rc, "%s", sqlite3_errmsg(s->db));
	} else if (rc == 0 || !str_is(store_column(st, 0), "ok")) {
		str found = str_head(store_column(st, 0), 500);

		s->damaged = true;
		rc = err_set(err, -EUCLEAN, "%.*s", STR_ARG(found));
	} else {
		rc = 0;
	}
	sqlite3_finalize(st);
	return rc;
}

/* *known: the file has been ours before. */
static int read_clean(struct store *s, bool *known, bool *clean)
{
	int rc;
	sqlite3_stmt *st;

	*known = *clean = false;
	rc = sqlite3_table_column_metadata(s->db, "main", "lk_meta", "value", NULL, NULL, NULL,
					   NULL, NULL);
	if (rc != SQLITE_OK)
		return rc == SQLITE_ERROR ? 0 : store_code(s, rc); /* ERROR: there is none */
	st = store_prepare(s, Q_GET_META, &rc);
	if (!st)
		return rc;
	store_bind(st, 1, STR("clean"));
	rc = store_step(s, st);
	*known = rc > 0;
	*clean = rc > 0 && sqlite3_column_int(st, 0) == 1;
	store_end(st);
	return rc < 0 ? rc : 0;
}

static int open_once(struct store *s, const char *path, bool *made, struct err *err)
{
	bool known, clean;
	int rc = store_connect(s, path, err);

	if (rc < 0)
		return rc;
	rc = read_clean(s, &known, &clean);
	if (rc < 0)
		return err_set(err, rc, "%s", sqlite3_errmsg(s->db));
	if (!clean && path)
		rc = store_quick_check(s, err);
	if (rc == 0)
		rc = store_make_schema(s, path, made, err);
	s->was_clean = clean || !known;
	return rc;
}

/* The file and what SQLite has beside it get new names; *name is the file's. */
static int set_aside(const char *path, struct buf *name)
{
	static const char *const tails[] = { "", "-wal", "-journal" };
	_free_ char *shared = xasprintf("%s-shm", path);

	buf_printf(name, "%s.damaged", path);
	store_add_stamp(name);
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		_free_ char *from = xasprintf("%s%s", path, tails[i]);
		_free_ char *to = xasprintf("%s%s", buf_z(name), tails[i]);

		if (rename(from, to) < 0 && (i == 0 || errno != ENOENT))
			return -errno;
	}
	if (unlink(shared) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

int store_open(const char *path, struct store **out, bool *made, struct err *err)
{
	struct store *s = xcalloc(1, sizeof *s);
	struct err why = { 0 };
	struct buf name _buf_free_ = { 0 };
	int rc;

	s->in_memory = !path;
	rc = open_once(s, path, made, &why);
	if (rc == -EUCLEAN && path) {
		store_disconnect(s);
		s->damaged = false;
		rc = set_aside(path, &name);
		if (rc == 0)
			rc = open_once(s, path, made, &why);
		if (rc == 0)
			err_set(err, 0,
				"database %s is damaged (%s): kept as %s, a new one is used", path,
				why.text, buf_z(&name));
		else
			err_set(err, rc, "database %s is damaged and cannot be set aside: %s", path,
				strerror(-rc));
	} else if (rc < 0) {
		err_set(err, rc, "database %s: %s", path ? path : "in memory", why.text);
	}
	if (rc < 0) {
		store_close(s);
		return rc;
	}
	*out = s;
	return 0;
}
