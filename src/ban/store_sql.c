/* Statements of the store, prepared once and kept; see store_sql.h. */
#include "ban/store_sql.h"

#include <errno.h>

#include "base/utf8.h"

static const char *const sql[Q_COUNT] = {
	[Q_BEGIN] = "BEGIN IMMEDIATE",
	[Q_COMMIT] = "COMMIT",
	[Q_ROLLBACK] = "ROLLBACK",
	[Q_SET_META] = "INSERT OR REPLACE INTO lk_meta(key, value) VALUES(?1, ?2)",
	[Q_GET_META] = "SELECT value FROM lk_meta WHERE key = ?1",
	[Q_DISABLE_JAILS] = "UPDATE jails SET enabled = 0",
	[Q_ENABLE_JAIL] = "INSERT INTO jails(name, enabled) VALUES(?1, 1)"
			  " ON CONFLICT(name) DO UPDATE SET enabled = 1",
	[Q_PUT_POSITION] = "INSERT INTO lk_position(jail, path, dev, ino, first_line, pos)"
			   " VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(jail, path, dev, ino)"
			   " DO UPDATE SET first_line = ?5, pos = ?6",
	/* not for a rotated file that is still read to its end: Fail2ban knows the newest only */
	[Q_PUT_LOG] = "INSERT INTO logs(jail, path, firstlinemd5, lastfilepos)"
		      " SELECT ?1, ?2, ?5, ?6 WHERE (SELECT dev = ?3 AND ino = ?4 FROM lk_position"
		      "  WHERE jail = ?1 AND path = ?2 ORDER BY seq DESC LIMIT 1)"
		      " ON CONFLICT(jail, path) DO UPDATE SET firstlinemd5 = ?5, lastfilepos = ?6",
	[Q_EACH_POSITION] = "SELECT dev, ino, first_line, pos FROM lk_position"
			    " WHERE jail = ?1 AND path = ?2 ORDER BY seq DESC",
	[Q_EACH_LOG] = "SELECT firstlinemd5, lastfilepos FROM logs WHERE jail = ?1 AND path = ?2"
		       " AND NOT EXISTS (SELECT 1 FROM lk_position p WHERE p.jail = ?1"
		       "  AND p.path = ?2 AND p.first_line = logs.firstlinemd5"
		       "  AND p.pos = logs.lastfilepos)",
	[Q_DEL_POSITION] = "DELETE FROM lk_position WHERE path = ?1 AND dev = ?2 AND ino = ?3",
	[Q_ADD_BAN] = "INSERT INTO bans(jail, ip, timeofban, bantime, bancount, data)"
		      " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[Q_PUT_BIP] = "INSERT OR REPLACE INTO bips(jail, ip, timeofban, bantime, bancount, data)"
		      " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[Q_DEL_BANS] = "DELETE FROM bans WHERE ip = ?1 AND jail = ?2",
	[Q_DEL_BIPS] = "DELETE FROM bips WHERE ip = ?1 AND jail = ?2",
	[Q_DEL_BANS_EVERYWHERE] = "DELETE FROM bans WHERE ip = ?1",
	[Q_DEL_BIPS_EVERYWHERE] = "DELETE FROM bips WHERE ip = ?1",
	[Q_EACH_BIP] = "SELECT ip, timeofban, bantime, bancount, data FROM bips WHERE jail = ?1"
		       " AND (bantime <= -1 OR timeofban + bantime > ?2) AND timeofban > ?3"
		       " ORDER BY timeofban",
	[Q_FIND_BIP] = "SELECT timeofban, bantime, bancount FROM bips WHERE ip = ?1 AND jail = ?2",
	[Q_SUM_BIPS] = "SELECT max(timeofban), max(bantime), sum(bancount) FROM bips"
		       " WHERE ip = ?1 HAVING count(*) > 0",
	[Q_MERGE] = "SELECT timeofban, data FROM (SELECT rowid AS r, timeofban, data FROM bans"
		    " WHERE ip = ?1 AND jail = ?3 ORDER BY timeofban DESC, rowid DESC LIMIT ?2)"
		    " ORDER BY timeofban, r",
	[Q_MERGE_EVERYWHERE] =
		"SELECT timeofban, data FROM (SELECT rowid AS r, timeofban, data FROM bans"
		" WHERE ip = ?1 ORDER BY timeofban DESC, rowid DESC LIMIT ?2)"
		" ORDER BY timeofban, r",
	[Q_PUT_FAILURE] = "INSERT INTO lk_failure(jail, id, ticket) VALUES(?1, ?2, ?3)"
			  " ON CONFLICT(jail, id) DO UPDATE SET ticket = ?3",
	[Q_DEL_FAILURE] = "DELETE FROM lk_failure WHERE jail = ?1 AND id = ?2",
	[Q_EACH_FAILURE] = "SELECT ticket FROM lk_failure WHERE jail = ?1",
	[Q_PUT_JAIL] = "INSERT OR REPLACE INTO lk_jail(jail, failed, banned, filter)"
		       " VALUES(?1, ?2, ?3, ?4)",
	[Q_GET_JAIL] = "SELECT failed, banned, filter FROM lk_jail WHERE jail = ?1",
};

int store_code(struct store *s, int rc)
{
	int number = s->db ? sqlite3_system_errno(s->db) : 0;

	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_NOMEM:
		abort();
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		s->damaged = true;
		return -EUCLEAN;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CONSTRAINT:
		return -ENOENT; /* the jail's row is missing */
	case SQLITE_TOOBIG:
		return -E2BIG;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_IOERR:
		return number ? -number : -EIO;
	default:
		return -EIO;
	}
}

int store_exec(struct store *s, const char *text)
{
	return store_code(s, sqlite3_exec(s->db, text, NULL, NULL, NULL));
}

sqlite3_stmt *store_prepare(struct store *s, enum store_query q, int *code)
{
	*code = 0;
	if (!s->queries[q])
		*code = store_code(s,
				   sqlite3_prepare_v3(s->db, sql[q], -1, SQLITE_PREPARE_PERSISTENT,
						      &s->queries[q], NULL));
	return s->queries[q];
}

void store_bind(sqlite3_stmt *st, int at, str text)
{
	if (utf8_is_valid(text)) {
		sqlite3_bind_text64(st, at, text.n ? text.p : "", text.n, SQLITE_STATIC,
				    SQLITE_UTF8);
	} else {
		struct buf repaired _buf_free_ = { 0 };

		utf8_add_repaired(&repaired, text);
		sqlite3_bind_text64(st, at, repaired.p, repaired.n, SQLITE_TRANSIENT, SQLITE_UTF8);
	}
}

void store_bind_id(sqlite3_stmt *st, int at, const struct fid *id)
{
	char text[IP_TEXT_MAX];

	if (!id->ip.family) {
		store_bind(st, at, id->text);
		return;
	}
	ip_print(&id->ip, text);
	sqlite3_bind_text(st, at, text, -1, SQLITE_TRANSIENT);
}

str store_column(sqlite3_stmt *st, int at)
{
	const void *p = sqlite3_column_blob(st, at);

	return p ? str_mem(p, (size_t)sqlite3_column_bytes(st, at)) : STR("");
}

int store_step(struct store *s, sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	return rc == SQLITE_ROW ? 1 : store_code(s, rc);
}

void store_end(sqlite3_stmt *st)
{
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
}

int store_run(struct store *s, sqlite3_stmt *st)
{
	int rc = store_step(s, st);

	store_end(st);
	return rc < 0 ? rc : 0;
}
