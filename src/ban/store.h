/*
 * The state on disk: SQLite in Fail2ban's schema, version 4 (section 8; a Fail2ban opens the file
 * afterwards and we open its), plus tables of our own that Fail2ban does not look at:
 *   lk_meta(key, value)            clean stop or not, schema of our tables
 *   lk_position(path, dev, ino, first_line, pos, jail)    where each file was read to
 *   lk_failure(jail, id, ticket)   failure counters
 *   lk_jail(jail, failed, banned, filter)  totals, and the filter's state
 * All writes of one round are one transaction: positions, counters and bans agree.  Nothing here
 * loses a ban for an error of the disk: calls return -errno, the caller goes on in memory.
 * Runs in the engine, without rights; the directory belongs to the engine's uid.
 */
#pragma once

#include "ban/ban.h"
#include "base/err.h"

struct store;

/*
 * Opens or makes the file (0600, and the last level of its folder), migrates versions 1-3 after a
 * copy to NAME.TIME, sets a damaged file aside (NAME.damaged-TIME) and starts anew: 0, and then
 * err->text, if any, is for the log.  path NULL: in memory.  *made: the database is new.
 * -ENOTSUP: of a newer Fail2ban; -EBUSY: another process holds it locked.
 */
int store_open(const char *path, struct store **out, bool *made, struct err *err)
	__attribute__((warn_unused_result));
void store_close(struct store *s);
/* What SQLite says about the last call that failed. */
void store_explain(const struct store *s, struct err *err);

/*
 * Calls outside of a transaction are one each.  -EBUSY: locked by another process for longer than
 * 50 ms; -ENOSPC: the disk is full; -EUCLEAN: damaged (the next start sets it aside).  After a
 * failure inside of a transaction: store_rollback().
 */
int store_begin(struct store *s) __attribute__((warn_unused_result));
int store_commit(struct store *s) __attribute__((warn_unused_result));
void store_rollback(struct store *s);
/* Moves the write-ahead log into the file; for quiet moments. */
void store_checkpoint(struct store *s);

/*
 * Was the last stop clean (also: nothing is known of one)? And: say that this one is (or, at
 * start, that it is not yet).
 */
bool store_was_clean(struct store *s);
int store_set_clean(struct store *s, bool clean) __attribute__((warn_unused_result));

/* Jails: all to enabled = 0, then each in use to 1. */
int store_disable_jails(struct store *s) __attribute__((warn_unused_result));
int store_enable_jail(struct store *s, str jail) __attribute__((warn_unused_result));

struct store_position {
	str jail, path;    /* owned by the caller, or valid during the callback */
	uint64_t dev, ino; /* 0: not known (a row of Fail2ban's) */
	str first_line;    /* SHA-1 hex of the first line with its newline; "" if none yet */
	int64_t pos;
};

/*
 * Writes both lk_position and, for the newest file of a path, Fail2ban's logs row.  Paths that are
 * not UTF-8 are kept (and found) with U+FFFD.
 */
int store_put_position(struct store *s, const struct store_position *p)
	__attribute__((warn_unused_result));
/* Every known position of a path for a jail: newest first; Fail2ban's row last, if it differs. */
int store_each_position(struct store *s, str jail, str path,
			void (*fn)(void *arg, const struct store_position *p), void *arg)
	__attribute__((warn_unused_result));
/* Forgets the rows of files (dev, ino) that are read to their end and gone. */
int store_del_position(struct store *s, str path, uint64_t dev, uint64_t ino)
	__attribute__((warn_unused_result));

/* Callbacks of the functions below must not call the store. */

/* A new ban: a row in bans, and the row of bips replaced. bantime: the jail's, for tickets without
 * their own. maxmatches: dbmaxmatches. -ENOENT: the jail was never enabled. */
int store_add_ban(struct store *s, str jail, const struct ticket *t, int64_t bantime,
		  int maxmatches) __attribute__((warn_unused_result));
/* An unban by hand: the rows of this id in both tables. jail "" : in all jails. */
int store_del_ban(struct store *s, str jail, const struct fid *id)
	__attribute__((warn_unused_result));

/* How bans are restored (section 6.4). */
struct store_restore {
	double now;
	int64_t bantime; /* the jail's; -1: permanent */
	bool increment;  /* bantime.increment: bans may be longer than the jail's ... */
	int64_t maxtime; /* ... but not than this; -1: no limit */
	int maxmatches;
};
/*
 * The bans of a jail that still run at how->now, oldest first, each with a ban time of its own,
 * cut to what is allowed today. Each ticket is handed over.
 */
int store_each_ban(struct store *s, str jail, const struct store_restore *how,
		   void (*fn)(void *arg, struct ticket *t), void *arg)
	__attribute__((warn_unused_result));

struct store_ban {
	double time; /* of the last one */
	int64_t bantime;
	unsigned count; /* bips.bancount */
};
/*
 * 1: what is known of the id's bans in this jail (jail "": the latest time, the longest ban and the
 * sum of counts over all jails); 0: nothing.
 */
int store_find_ban(struct store *s, str jail, const struct fid *id, struct store_ban *out)
	__attribute__((warn_unused_result));
/* How often the id was banned before: store_find_ban()'s count, or 0. */
unsigned store_ban_count(struct store *s, str jail, const struct fid *id);
/*
 * Matches and failures of an id over all jails ("" ) or one, for <ipmatches> and its family: of its
 * last 1,000 bans at most.  -ENOENT: there are none.
 */
int store_merged(struct store *s, str jail, const struct fid *id, int maxmatches,
		 struct ticket **out) __attribute__((warn_unused_result));

int store_put_failure(struct store *s, str jail, const struct ticket *t)
	__attribute__((warn_unused_result));
int store_del_failure(struct store *s, str jail, const struct fid *id)
	__attribute__((warn_unused_result));
int store_each_failure(struct store *s, str jail, void (*fn)(void *arg, struct ticket *t),
		       void *arg) __attribute__((warn_unused_result));

struct store_jail {
	uint64_t failed, banned; /* totals */
	str filter;              /* filter_save() bytes */
};
int store_put_jail(struct store *s, str jail, const struct store_jail *j)
	__attribute__((warn_unused_result));
/* fn is called once, if there is a row. */
int store_get_jail(struct store *s, str jail, void (*fn)(void *arg, const struct store_jail *j),
		   void *arg) __attribute__((warn_unused_result));
/* At a fresh start after a clean stop: totals, counters and filter states are forgotten. */
int store_forget_run(struct store *s) __attribute__((warn_unused_result));

/* Fail2ban's purge (section 6.3). */
int store_purge(struct store *s, double now, int64_t age) __attribute__((warn_unused_result));

/* The whole database as bytes in a sealed memfd (for a hand-over without a file), or -errno. */
int store_to_memfd(struct store *s);
/* Only in memory; the bytes are hostile. After a failure the store is empty. */
int store_from_memfd(struct store *s, int fd) __attribute__((warn_unused_result));
