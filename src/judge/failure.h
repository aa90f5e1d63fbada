/*
 * The failures of one jail (Fail2ban's FailManager, section 6.1): a ticket per id, counted by the
 * rate estimate that Fail2ban uses, in a table with a fixed maximum that evicts the id whose last
 * failure is oldest.  Never reads a clock.
 */
#pragma once

#include "judge/ticket.h"

struct failures;

struct failures *failures_new(size_t max_ids);
void failures_free(struct failures *f);
/*
 * Counts one failure.  Returns the ticket as it now stands (it stays owned by the table).
 * `changed_at` of the entry is set, so that failures_each_changed() finds it.
 */
const struct ticket *failures_add(struct failures *f, const struct match *m, int64_t findtime,
				  int maxmatches);
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
 * What changed since the last call: each id added or counted again (`t`) or gone (`t` NULL).
 * Forgets them as it goes; for the store's commit.
 */
void failures_each_changed(struct failures *f,
			   void (*fn)(void *arg, const struct fid *id, const struct ticket *t),
			   void *arg);
