/*
 * The tables: Fail2ban's, version 4 (section 8), made or brought up from 1-3 after a copy of the
 * file, and our own.  The file may be Fail2ban's, or damaged: errors of SQLite come back as they
 * are.
 */
#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "ban/store_sql.h"
#include "base/clock.h"

enum { FAIL2BAN_VERSION = 4 };

#define BAN_COLUMNS                                                                                \
	"timeofban INTEGER NOT NULL, bantime INTEGER NOT NULL,"                                    \
	" bancount INTEGER NOT NULL default 1, data JSON,"                                         \
	" FOREIGN KEY(jail) REFERENCES jails(name)"
#define TABLE_LOGS                                                                                 \
	"CREATE TABLE IF NOT EXISTS logs(jail TEXT NOT NULL, path TEXT, firstlinemd5 TEXT,"        \
	" lastfilepos INTEGER DEFAULT 0,"                                                          \
	" FOREIGN KEY(jail) REFERENCES jails(name) ON DELETE CASCADE,"                             \
	" UNIQUE(jail, path), UNIQUE(jail, path, firstlinemd5));"
#define TABLE_BANS "CREATE TABLE IF NOT EXISTS bans(jail TEXT NOT NULL, ip TEXT, " BAN_COLUMNS ");"
#define TABLE_BIPS                                                                                 \
	"CREATE TABLE IF NOT EXISTS bips(ip TEXT NOT NULL, jail TEXT NOT NULL,"                    \
	" timeofban INTEGER NOT NULL, bantime INTEGER NOT NULL,"                                   \
	" bancount INTEGER NOT NULL default 1, data JSON, PRIMARY KEY(ip, jail),"                  \
	" FOREIGN KEY(jail) REFERENCES jails(name));"

static const char fail2ban_tables[] =
	"CREATE TABLE IF NOT EXISTS fail2banDb(version INTEGER);"
	"CREATE TABLE IF NOT EXISTS jails(name TEXT NOT NULL UNIQUE,"
	" enabled INTEGER NOT NULL DEFAULT 1);"
	"CREATE INDEX IF NOT EXISTS jails_name ON jails(name);" TABLE_LOGS
	"CREATE INDEX IF NOT EXISTS logs_path ON logs(path);"
	"CREATE INDEX IF NOT EXISTS logs_jail_path ON logs(jail, path);" TABLE_BANS
	"CREATE INDEX IF NOT EXISTS bans_jail_timeofban_ip ON bans(jail, timeofban);"
	"CREATE INDEX IF NOT EXISTS bans_jail_ip ON bans(jail, ip);"
	"CREATE INDEX IF NOT EXISTS bans_ip ON bans(ip);" TABLE_BIPS
	"CREATE INDEX IF NOT EXISTS bips_timeofban ON bips(timeofban);"
	"CREATE INDEX IF NOT EXISTS bips_ip ON bips(ip);";

/* seq: in the order in which the files were first seen */
static const char own_tables[] =
	"CREATE TABLE IF NOT EXISTS lk_meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS lk_position(seq INTEGER PRIMARY KEY, jail TEXT NOT NULL,"
	" path TEXT NOT NULL, dev INTEGER NOT NULL, ino INTEGER NOT NULL,"
	" first_line TEXT NOT NULL, pos INTEGER NOT NULL, UNIQUE(jail, path, dev, ino));"
	"CREATE TABLE IF NOT EXISTS lk_failure(jail TEXT NOT NULL, id TEXT NOT NULL,"
	" ticket BLOB NOT NULL, PRIMARY KEY(jail, id));"
	"CREATE TABLE IF NOT EXISTS lk_jail(jail TEXT PRIMARY KEY, failed INTEGER NOT NULL,"
	" banned INTEGER NOT NULL, filter BLOB NOT NULL) WITHOUT ROWID;";

/* From each version to the next. */
static const char *const migrations[] = {
	[1] = "ALTER TABLE logs RENAME TO lk_old;" TABLE_LOGS
	      "INSERT OR IGNORE INTO logs SELECT jail, path, firstlinemd5, lastfilepos FROM lk_old;"
	      "DROP TABLE lk_old;",
	[2] = "ALTER TABLE bans RENAME TO lk_old;" TABLE_BANS
	      "INSERT INTO bans SELECT jail, ip, timeofban, -2, 1, data FROM lk_old;"
	      "DROP TABLE lk_old;",
	[3] = TABLE_BIPS "INSERT OR REPLACE INTO bips(ip, jail, timeofban, bantime, bancount, data)"
			 " SELECT ip, jail, timeofban, bantime, bancount, data FROM bans"
			 " WHERE ip IS NOT NULL ORDER BY timeofban, rowid;",
};

/* One number; `none` without a row. */
static int ask_number(struct store *s, const char *text, int64_t none, int64_t *out)
{
	sqlite3_stmt *st;
	int rc = store_code(s, sqlite3_prepare_v2(s->db, text, -1, &st, NULL));

	if (rc < 0)
		return rc;
	rc = store_step(s, st);
	if (rc >= 0)
		*out = rc ? sqlite3_column_int64(st, 0) : none;
	sqlite3_finalize(st);
	return rc < 0 ? rc : 0;
}

/* 0: no table of Fail2ban's. */
static int read_version(struct store *s, int64_t *version)
{
	int64_t tables;
	int rc = ask_number(s, "SELECT count(*) FROM sqlite_master WHERE name = 'fail2banDb'", 0,
			    &tables);

	*version = 0;
	if (rc < 0 || !tables)
		return rc;
	return ask_number(s, "SELECT max(version) FROM fail2banDb", 0, version);
}

void store_add_stamp(struct buf *name)
{
	time_t now = (time_t)clock_now();
	struct tm tm = { 0 };

	gmtime_r(&now, &tm);
	buf_printf(name, "-%04d%02d%02d-%02d%02d%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		   tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* NAME.YYYYmmdd-HHMMSS, which must not exist yet. */
static int copy_file(struct store *s, const char *path, struct err *err)
{
	struct buf name _buf_free_ = { 0 }, stamp _buf_free_ = { 0 };
	sqlite3_backup *backup;
	sqlite3 *to = NULL;
	int fd, rc;

	store_add_stamp(&stamp);
	buf_printf(&name, "%s.%s", path, buf_z(&stamp) + 1);
	fd = open(buf_z(&name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, -errno, "%s: %s", buf_z(&name), strerror(errno));
	close(fd);
	rc = sqlite3_open_v2(buf_z(&name), &to, SQLITE_OPEN_READWRITE, NULL);
	if (rc == SQLITE_OK) {
		backup = sqlite3_backup_init(to, "main", s->db, "main");
		rc = backup ? sqlite3_backup_step(backup, -1) : sqlite3_errcode(to);
		if (backup)
			rc = sqlite3_backup_finish(backup);
	}
	sqlite3_close(to);
	if (rc == SQLITE_OK)
		return 0;
	unlink(buf_z(&name));
	return err_set(err, store_code(s, rc), "the database cannot be copied to %s: %s",
		       buf_z(&name), sqlite3_errstr(rc));
}

static int migrate(struct store *s, int64_t version)
{
	int rc = 0;

	for (; version < FAIL2BAN_VERSION && rc == 0; version++)
		rc = store_exec(s, migrations[version]);
	return rc;
}

static int make_tables(struct store *s, int64_t version)
{
	int rc = store_exec(s, "BEGIN IMMEDIATE");

	if (rc < 0)
		return rc;
	if (version)
		rc = migrate(s, version);
	if (rc == 0)
		rc = store_exec(s, fail2ban_tables);
	if (rc == 0)
		rc = store_exec(s, own_tables);
	if (rc == 0 && version != FAIL2BAN_VERSION)
		rc = store_exec(s, "DELETE FROM fail2banDb; INSERT INTO fail2banDb VALUES(4)");
	if (rc == 0)
		rc = store_exec(s, "COMMIT");
	if (rc < 0 && !sqlite3_get_autocommit(s->db))
		(void)store_exec(s, "ROLLBACK");
	return rc;
}

int store_make_schema(struct store *s, const char *path, bool *made, struct err *err)
{
	int64_t version;
	int rc = read_version(s, &version);

	if (rc == 0 && (version < 0 || version > FAIL2BAN_VERSION))
		return err_set(err, -ENOTSUP,
			       "the database has version %lld, of a newer Fail2ban; "
			       "the newest known is %d",
			       (long long)version, FAIL2BAN_VERSION);
	if (rc == 0 && version && version < FAIL2BAN_VERSION && path) {
		rc = copy_file(s, path, err);
		if (rc < 0)
			return rc;
	}
	if (rc == 0)
		rc = make_tables(s, version);
	if (rc < 0)
		return err_set(err, rc, "%s", sqlite3_errmsg(s->db));
	*made = version == 0;
	return 0;
}
