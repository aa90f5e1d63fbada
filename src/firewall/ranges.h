/*
 * Banned prefixes as the kernel wants them: an interval set takes no overlaps, but bans overlap
 * (a /16 for an hour, a /24 within it for a day).  The prefixes are kept here as ordered; what goes
 * to the kernel is the same union cut into disjoint ranges, each lasting as long as the longest ban
 * that covers it.  Pure computation, no clock and no netlink.
 */
#pragma once

#include "base/ip.h"

#define UNTIL_EVER INT64_MAX

struct prefix {
	struct ip ip;
	int64_t until_ms; /* of a clock that never jumps; UNTIL_EVER: permanent */
	size_t order;     /* among equals the last one put counts */
};

/* Zero-initialised is empty and valid. One family each. */
struct prefixes {
	struct prefix *items;
	size_t n, room;
};

/* Adds, or changes the end of, a prefix. */
void prefixes_put(struct prefixes *p, const struct ip *ip, int64_t until_ms);
/* Takes it out; one that is not there is no error. */
void prefixes_del(struct prefixes *p, const struct ip *ip);
void prefixes_clear(struct prefixes *p);

struct range {
	uint8_t first[16], last[16]; /* both in it; network order, IPv4 in the first 4 */
	int64_t until_ms;
};

struct ranges {
	struct range *items;
	size_t n, room;
};

/*
 * Sorts the prefixes, drops those that ended at or before now_ms, and appends their disjoint
 * ranges in ascending order.
 */
void ranges_of(struct prefixes *p, int64_t now_ms, struct ranges *out);
/* What has to go and what has to come so that `have` becomes `want`; both sorted. */
void ranges_diff(const struct ranges *have, const struct ranges *want, struct ranges *gone,
		 struct ranges *come);
void ranges_add(struct ranges *r, const struct range *item);
void ranges_free(struct ranges *r);
/* The prefixes that make up a range, smallest number of them. */
void range_split(const struct range *r, uint8_t family,
		 void (*fn)(void *arg, const struct ip *ip, int64_t until_ms), void *arg);
/* The address behind the range; false: it ends with the last address there is. */
bool range_end(const struct range *r, uint8_t family, uint8_t out[static 16]);
/* The address before, of the same family. */
void address_before(uint8_t address[static 16], uint8_t family);
