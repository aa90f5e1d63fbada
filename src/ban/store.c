/*
 * The file and its transactions; see store.h.  Called by the engine, which has no rights; the file
 * may have been written by Fail2ban, an older engine or a stolen one, so nothing in it is taken
 * for more than data (no triggers, no views, no functions in its schema).
 *
 * Nothing on the way of a ban waits for the disk: with a write-ahead log and synchronous = NORMAL a
 * commit is a write to the log without fsync, and the log is moved into the file (which does wait)
 * only in quiet moments, or when it has passed WAL_BYTES_MAX.  What that can lose is the last
 * commits before a power failure; the log lines are then read again.  Fail2ban opens such a file
 * like any other, also when it was left with a log.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "ban/store_sql.h"

enum {
	BUSY_MS = 50,
	WAL_BYTES_MAX = 8 << 20,
	VALUE_BYTES_MAX = 64 << 20,
	MEMFD_BYTES_MAX = 1 << 30,
};

static int after_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
	const struct store *s = arg;

	if (pages * s->page_bytes > WAL_BYTES_MAX)
		sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return SQLITE_OK;
}

/* The file with nobody else's right to it, and its folder (the last level), as Fail2ban does. */
static int make_file(const char *path, struct err *err)
{
	const int flags = O_RDWR | O_CREAT | O_CLOEXEC;
	const char *slash = strrchr(path, '/');
	int fd = open(path, flags, 0600);

	if (fd < 0 && errno == ENOENT && slash && slash != path) {
		_free_ char *folder = str_dup(str_mem(path, (size_t)(slash - path)));

		if (mkdir(folder, 0700) == 0)
			fd = open(path, flags, 0600);
	}
	if (fd < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	close(fd);
	return 0;
}

static void refuse_code_in_schema(sqlite3 *db)
{
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
}

static int set_up(struct store *s)
{
	static const char pragmas[] = "PRAGMA foreign_keys = ON;"
				      "PRAGMA temp_store = MEMORY;"
				      "PRAGMA cache_size = -4096;"
				      "PRAGMA journal_mode = WAL;"
				      "PRAGMA synchronous = NORMAL;";
	sqlite3_stmt *st;
	int rc;

	refuse_code_in_schema(s->db);
	sqlite3_busy_timeout(s->db, BUSY_MS);
	rc = store_exec(s, pragmas);
	if (rc < 0)
		return rc;
	sqlite3_wal_hook(s->db, after_commit, s);
	rc = store_code(s, sqlite3_prepare_v2(s->db, "PRAGMA page_size", -1, &st, NULL));
	if (rc < 0)
		return rc;
	if (store_step(s, st) > 0)
		s->page_bytes = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return 0;
}

int store_connect(struct store *s, const char *path, struct err *err)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
			  (path ? 0 : SQLITE_OPEN_CREATE);
	int rc = path ? make_file(path, err) : 0;

	if (rc < 0)
		return rc;
	rc = store_code(s, sqlite3_open_v2(path ? path : ":memory:", &s->db, flags, NULL));
	if (rc == 0)
		rc = set_up(s);
	if (rc < 0)
		err_set(err, rc, "%s", sqlite3_errmsg(s->db));
	return rc;
}

void store_disconnect(struct store *s)
{
	for (size_t i = 0; i < Q_COUNT; i++) {
		sqlite3_finalize(s->queries[i]);
		s->queries[i] = NULL;
	}
	sqlite3_close(s->db); /* the last one moves the log into the file and removes it */
	s->db = NULL;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	store_disconnect(s);
	free(s);
}

void store_explain(const struct store *s, struct err *err)
{
	err_set(err, 0, "%s", sqlite3_errmsg(s->db));
}

static int run_plain(struct store *s, enum store_query q)
{
	int rc;
	sqlite3_stmt *st = store_prepare(s, q, &rc);

	return st ? store_run(s, st) : rc;
}

int store_begin(struct store *s)
{
	return run_plain(s, Q_BEGIN);
}

int store_commit(struct store *s)
{
	return run_plain(s, Q_COMMIT);
}

void store_rollback(struct store *s)
{
	/* after some errors SQLite has rolled back already */
	if (!sqlite3_get_autocommit(s->db))
		(void)run_plain(s, Q_ROLLBACK);
}

void store_checkpoint(struct store *s)
{
	sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

bool store_was_clean(struct store *s)
{
	return s->was_clean;
}

int store_set_clean(struct store *s, bool clean)
{
	int rc;
	sqlite3_stmt *st = store_prepare(s, Q_SET_META, &rc);

	if (!st)
		return rc;
	store_bind(st, 1, STR("clean"));
	/* with damage seen, the next start must look */
	sqlite3_bind_int(st, 2, clean && !s->damaged);
	return store_run(s, st);
}

int store_disable_jails(struct store *s)
{
	return run_plain(s, Q_DISABLE_JAILS);
}

int store_enable_jail(struct store *s, str jail)
{
	int rc;
	sqlite3_stmt *st = store_prepare(s, Q_ENABLE_JAIL, &rc);

	if (!st)
		return rc;
	store_bind(st, 1, jail);
	return store_run(s, st);
}

static int write_all(int fd, const unsigned char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

int store_to_memfd(struct store *s)
{
	sqlite3_int64 n;
	unsigned char *bytes = sqlite3_serialize(s->db, "main", &n, 0);
	int fd, rc;

	if (!bytes)
		return -EIO;
	if (n > 20)
		bytes[18] = bytes[19] = 1; /* "no write-ahead log": memory cannot have one */
	fd = memfd_create("lastknock-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	rc = fd < 0 ? -errno : write_all(fd, bytes, (size_t)n);
	sqlite3_free(bytes);
	if (rc == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		rc = -errno;
	if (rc < 0 && fd >= 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

static int read_whole(int fd, unsigned char **out, size_t *n)
{
	unsigned char *bytes;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < 512 || st.st_size > MEMFD_BYTES_MAX)
		return -EINVAL;
	bytes = sqlite3_malloc64((sqlite3_uint64)st.st_size);
	if (!bytes)
		abort();
	for (*n = 0; *n < (size_t)st.st_size;) {
		ssize_t got = pread(fd, bytes + *n, (size_t)st.st_size - *n, (off_t)*n);

		if (got <= 0) {
			sqlite3_free(bytes);
			return got < 0 ? -errno : -EINVAL;
		}
		*n += (size_t)got;
	}
	*out = bytes;
	return 0;
}

/* Puts the bytes (SQLite's, freed by it) in the place of the database. */
static int replace_database(struct store *s, unsigned char *bytes, size_t n)
{
	bool made;
	int rc;

	store_disconnect(s);
	rc = store_connect(s, NULL, NULL);
	if (rc < 0) {
		sqlite3_free(bytes);
		return rc;
	}
	rc = store_code(s, sqlite3_deserialize(
				   s->db, "main", bytes, (sqlite3_int64)n, (sqlite3_int64)n,
				   SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE));
	if (rc == 0)
		rc = store_quick_check(s, NULL);
	return rc < 0 ? rc : store_make_schema(s, NULL, &made, NULL);
}

int store_from_memfd(struct store *s, int fd)
{
	unsigned char *bytes = NULL;
	bool made;
	size_t n = 0;
	int rc, again;

	if (!s->in_memory)
		return -EINVAL;
	rc = read_whole(fd, &bytes, &n);
	if (rc < 0)
		return rc;
	rc = replace_database(s, bytes, n);
	if (rc == 0)
		return 0;
	store_disconnect(s);
	again = store_connect(s, NULL, NULL);
	if (again == 0)
		again = store_make_schema(s, NULL, &made, NULL);
	return again < 0 ? again : rc;
}
