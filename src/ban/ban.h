/*
 * The active bans of one jail (Fail2ban's BanManager, section 6.2): in the order they were made,
 * with the earliest end at hand.  A ban is never evicted.  Never reads a clock.
 */
#pragma once

#include "judge/ticket.h"

struct bans;

enum ban_result {
	BAN_NEW,      /* added: enforce it */
	BAN_EXTENDED, /* was there, now ends later: nothing to enforce anew but the time-out */
	BAN_KNOWN,    /* was there and already lasts as long */
	BAN_EXPIRED,  /* its end has passed: nothing done */
};

struct bans *bans_new(void);
void bans_free(struct bans *b);
/*
 * Takes the ticket over (also when it is not kept).  `bantime` is the jail's, for tickets without
 * their own.  A new ban's bancount is raised by one.  An extended ban keeps its ticket, with a
 * ban time of its own that reaches the new end.  *now_active, if not NULL, is the ticket in the
 * table (NULL for BAN_EXPIRED).
 */
enum ban_result bans_add(struct bans *b, struct ticket *t, int64_t bantime, double now,
			 const struct ticket **now_active);
const struct ticket *bans_find(const struct bans *b, const struct fid *id);
/* The ban gets this ban time of its own (an increment): true if it is there. */
bool bans_prolong(struct bans *b, const struct fid *id, int64_t bantime, unsigned bancount);
/* Takes the ban out and hands its ticket over, or NULL. */
struct ticket *bans_take(struct bans *b, const struct fid *id);
/* Takes out one ban whose end is before `now`, or NULL: call until NULL. */
struct ticket *bans_take_expired(struct bans *b, double now);
/* The earliest end, or INFINITY. */
double bans_next_end(const struct bans *b);
/* After the jail's bantime was changed: tickets without their own get new ends. */
void bans_set_bantime(struct bans *b, int64_t bantime);
size_t bans_count(const struct bans *b);
/* Bans made since the start ("Total banned"). */
uint64_t bans_total(const struct bans *b);
void bans_set_total(struct bans *b, uint64_t total);
/* In the order of insertion; *at starts at 0. NULL at the end. */
const struct ticket *bans_each(const struct bans *b, size_t *at);
/* Takes out every ban inside `net` (also the net itself): one a call, until NULL. */
struct ticket *bans_take_inside(struct bans *b, const struct ip *net);
