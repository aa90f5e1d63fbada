/*
 * The guard test (R3): makes each behaviour again and again, from an address of its own, and looks
 * after each attempt whether the door is still open.  It gets these addresses banned; the caller
 * has the consent.
 */
#pragma once

#include "check/door.h"
#include "check/session.h"

enum {
	ATTEMPTS_MAX = 12, /* two more than R3 allows, to tell 11 and 12 from never */
	ATTEMPTS_LEAST = 3,
	ATTEMPTS_MOST = 10, /* R3: the block comes after 3 to 10 */
	BAN_LEAST = 3 * 3600,
	BAN_MOST = 24 * 3600, /* and lasts 3 to 24 hours */
	BEHAVIOURS = 3,
};

struct attempt {
	unsigned number;
	double at;         /* seconds since the run began */
	const char *kind;  /* "login", "SND-02", "c1" ... */
	const char *reply; /* what the server answered last */
	bool counts;       /* was the behaviour really shown? */
	const char *probe; /* the door after it: door_name() */
	double probe_seconds;
};

struct series {
	char letter;           /* a wrong login, b unauthorised sender, c broken authentication */
	struct source *source; /* NULL: there is none */
	struct endpoint *endpoint;
	struct attempt attempts[ATTEMPTS_MAX];
	unsigned made, counted, unchecked; /* unchecked: 4xx, nobody looked at the password */
	unsigned acts_before;              /* of this source, in this run */
	double baseline;                   /* seconds to the greeting */
	enum { SERIES_RUNS, SERIES_BLOCKED, SERIES_NEVER, SERIES_UNKNOWN, SERIES_ACCEPTED } state;
	enum door kind, last_door;
	bool door_closed; /* for certain; whether for us only is another question */
	bool tried;       /* in the round at hand */
	double suspected; /* when the door was first seen closed; 0: it was not */
	bool limited, soft, slowed, tarpit;
	uint16_t closed[PORTS], still_open[PORTS];
	size_t n_closed, n_open;
	bool ban_known;
	struct local_ban ban;
	const char *why; /* of SERIES_UNKNOWN */
	const char *hint;
	struct exchange *evidence; /* of the last attempt */
	/* how a made-up login is made, see guard_attempt.c */
	double first_seconds, not_before;
	bool repeats;
	char user[80], password[17];
};

struct guard_report {
	struct series series[BEHAVIOURS];
};

/* Which sources make which series; before the acts are planned. */
void guard_assign(struct run *r);
/* Does this series have a source? It will answer AUTH-06 (a), SND-02 to -04 (b). */
bool guard_will_test(const struct run *r, char letter);
/* How many connections it makes, at the most and usually. */
unsigned guard_connections(const struct run *r);
unsigned guard_connections_usual(const struct run *r);
/* Longest time that it takes, and a usual one, in seconds. */
double guard_longest(const struct run *r);
void guard_run(struct run *r);
/* GRD-a, GRD-b, GRD-c, from the report. */
void check_guard(struct run *r, const struct check *c, struct endpoint *e);

/* guard_attempt.c: one attempt, the next of its series. False: the door was closed before it. */
bool guard_attempt(struct run *r, struct series *s);
/* "wrong logins", "unauthorised senders", "broken logins" */
const char *guard_behaviour(char letter);
