/*
 * One running jail: its filter, its failures and its bans, from a line to an order.  The engine
 * and `replay` both run jails through here, so a decision that was replayed is the decision that
 * was made.  Never reads a clock, does no input or output; what happens is told to the owner.
 */
#pragma once

#include "ban/ban.h"
#include "judge/failure.h"
#include "judge/ignore.h"
#include "match/filter.h"

enum {
	JAIL_IDS_MAX = 200000, /* failing ids kept per jail; beyond it the oldest is forgotten */
};

struct jail {
	const struct config_jail *conf;
	struct filter *filter;
	struct failures *failures;
	struct ignore *ignore;
	struct bans *bans;
	/* in force: the configuration's, until root changes them */
	int64_t findtime, bantime;
	int maxretry, maxmatches;
	bool by_log_time;  /* replay: the present is the time of the line */
	double expired_at; /* when failures were last looked through for old ones */
	unsigned notices;  /* enum filter_notice bits that were told already */
};

/* What happens in a jail. Texts and tickets are the jail's: valid during the call. */
struct jail_events {
	void *arg;
	/* the machine's own addresses, for ignoreself */
	const struct ip *self;
	size_t n_self;

	void (*found)(void *arg, struct jail *j, const struct match *m, double time);
	void (*ignored)(void *arg, struct jail *j, const struct fid *id, const char *by);
	/* a ban was ordered: `t` is the active one (NULL if it had expired before it began) */
	void (*ban)(void *arg, struct jail *j, enum ban_result result, const struct ticket *t,
		    const struct fid *id);
	/* a ban ended by its time; `t` is freed afterwards */
	void (*unban)(void *arg, struct jail *j, const struct ticket *t);
	/* the match names a host: resolve it, then jail_judge() each address. NULL: dropped */
	void (*resolve)(void *arg, struct jail *j, const struct match *m);
	/* ignorecommand has to be asked; jail_count() if it says no. NULL: not asked */
	void (*ask)(void *arg, struct jail *j, const struct match *m);
	/* something the filter wants said once (enum filter_notice bits) */
	void (*notice)(void *arg, struct jail *j, unsigned notices);
};

/* 0, or -errno with *err: a pattern that does not compile. `conf` must outlive the jail. */
int jail_new(const struct config_jail *conf, struct jail **out, struct err *err)
	__attribute__((warn_unused_result));
void jail_free(struct jail *j);

/* One raw line, through everything. Returns how many matches it gave. */
size_t jail_line(struct jail *j, str line, const struct filter_time *t,
		 const struct jail_events *events);
/* From the ignore test on: a match whose id is known. */
void jail_judge(struct jail *j, const struct match *m, double now,
		const struct jail_events *events);
/* From the count on: a match that nobody ignores. */
void jail_count(struct jail *j, const struct match *m, double now,
		const struct jail_events *events);
/* Takes the ticket over and makes it a ban (by hand, restored, or of failures). */
enum ban_result jail_ban(struct jail *j, struct ticket *t, double now,
			 const struct jail_events *events);
/* Ends what is due: bans whose time is over, failures older than findtime. */
void jail_expire(struct jail *j, double now, const struct jail_events *events);
