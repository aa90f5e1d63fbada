/*
 * The failures of one jail (Fail2ban's FailManager, section 6.1): a ticket per id, counted by the
 * rate estimate that Fail2ban uses, in a table with a fixed maximum that evicts the id whose last
 * failure is oldest.  Never reads a clock.
 *
 * Memory: under 200 bytes an id beside its lines and fields.  These have a maximum in all of
 * FAILURES_BYTES_PER_ID * max_ids; while it is used up, a ticket that fails again keeps no more
 * than FAILURES_BYTES_PER_ID of them.  Counters are never given up for lines.
 */
#pragma once

#include "judge/ticket.h"

enum { FAILURES_BYTES_PER_ID = 1024 };

struct failures;

/* `max_ids` is 1 or more. */
struct failures *failures_new(size_t max_ids);
void failures_free(struct failures *f);
/*
 * Counts one failure.  Returns the ticket as it now stands (it stays owned by the table, valid
 * until the next call that is not const).  The match's fields are kept from an id's first failure
 * only; its lines are appended.
 */
const struct ticket *failures_add(struct failures *f, const struct match *m, int64_t findtime,
				  int maxmatches);
/*
 * `count` failures more for an id that was banned before (section 6.5), if it is in the table:
 * its ticket, or NULL.
 */
const struct ticket *failures_boost(struct failures *f, const struct fid *id, unsigned count);
/* Puts a ticket read from the database (takes it over), without counting anything. */
void failures_put(struct failures *f, struct ticket *t);
/* Takes the id out and hands its ticket to the caller; NULL if it is not there. */
struct ticket *failures_take(struct failures *f, const struct fid *id);
const struct ticket *failures_find(const struct failures *f, const struct fid *id);
/* Drops ids whose last failure is at or before `time`; returns how many. */
size_t failures_expire(struct failures *f, double time);
void failures_clear(struct failures *f);
size_t failures_count(const struct failures *f);
/* Failures counted since the start ("Total failed"); restored with the counters. */
uint64_t failures_total(const struct failures *f);
void failures_set_total(struct failures *f, uint64_t total);
uint64_t failures_evicted(const struct failures *f);

/*
 * What changed since the last transaction that went through: first each id that is gone (`t`
 * NULL), then each one that was added or counted again (`t`); an id that went and came back is in
 * both.  An id that came and went in between is not told at all.  For the store: `fn` writes them
 * into a transaction, and failures_committed() says that it went through.  Without that they are
 * told again, together with what has changed since.
 */
void failures_each_changed(struct failures *f,
			   void (*fn)(void *arg, const struct fid *id, const struct ticket *t),
			   void *arg);
/* The database now holds what was told last; what changed after the telling stays to be told. */
void failures_committed(struct failures *f);
/* Every id counts as changed: for a new database. */
void failures_touch_all(struct failures *f);
