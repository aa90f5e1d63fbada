/*
 * Inside the store (store.c: the file and its transactions; store_file.c: opening, checking,
 * setting aside; store_schema.c: tables and migrations; store_ban.c and store_run.c: rows); for
 * no one else.
 */
#pragma once

#include <sqlite3.h>

#include "ban/store.h"

enum store_query {
	Q_BEGIN,
	Q_COMMIT,
	Q_ROLLBACK,
	Q_SET_META,
	Q_GET_META,
	Q_DISABLE_JAILS,
	Q_ENABLE_JAIL,
	Q_PUT_POSITION,
	Q_PUT_LOG,
	Q_EACH_POSITION,
	Q_EACH_LOG,
	Q_DEL_POSITION,
	Q_ADD_BAN,
	Q_PUT_BIP,
	Q_DEL_BANS,
	Q_DEL_BIPS,
	Q_DEL_BANS_EVERYWHERE,
	Q_DEL_BIPS_EVERYWHERE,
	Q_EACH_BIP,
	Q_FIND_BIP,
	Q_SUM_BIPS,
	Q_MERGE,
	Q_MERGE_EVERYWHERE,
	Q_PUT_FAILURE,
	Q_DEL_FAILURE,
	Q_EACH_FAILURE,
	Q_PUT_JAIL,
	Q_GET_JAIL,
	Q_COUNT
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *queries[Q_COUNT];
	int64_t page_bytes;
	bool in_memory;
	bool was_clean;
	bool damaged; /* seen since it was opened */
};

/* An error of SQLite's as -errno; ends the process when memory is out. */
int store_code(struct store *s, int rc);
/* Runs statements that give no rows. */
int store_exec(struct store *s, const char *sql);
/* Connects and sets what every connection needs; path NULL: in memory. */
int store_connect(struct store *s, const char *path, struct err *err);
void store_disconnect(struct store *s);
/* Tables, made or migrated: *made says that there were none. `copy` names the old file, or NULL. */
int store_make_schema(struct store *s, const char *path, bool *made, struct err *err);
/* "-YYYYmmdd-HHMMSS", GMT as in Fail2ban's names. */
void store_add_stamp(struct buf *name);
/* 0, or -EUCLEAN with the first finding in *err. */
int store_quick_check(struct store *s, struct err *err);

/*
 * The prepared statement, ready for its values, or NULL with *code.  Texts are bound without a
 * copy and must stay until store_run() or store_end().
 */
sqlite3_stmt *store_prepare(struct store *s, enum store_query q, int *code);
/* Text of hostile origin; repaired, because Fail2ban cannot read a row that is not UTF-8. */
void store_bind(sqlite3_stmt *st, int at, str text);
void store_bind_id(sqlite3_stmt *st, int at, const struct fid *id);
str store_column(sqlite3_stmt *st, int at);
/* Runs a statement that gives no rows: 0 or -errno; it is ready again afterwards. */
int store_run(struct store *s, sqlite3_stmt *st);
/* 1 with a row, 0 at the end, or -errno; store_end() afterwards in any case. */
int store_step(struct store *s, sqlite3_stmt *st);
void store_end(sqlite3_stmt *st);
