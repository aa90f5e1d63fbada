/*
 * The catalogue: every check is one row.  Source of the rows: RFC 5321, 4954, 3207, 8314, 8997,
 * 7817; what is asked of a server is in the manual, lastknock-check(1).
 */
#pragma once

#include "check/run.h"

enum needs {
	NEEDS_GREETING = 1 << 0, /* a greeting was read on the port */
	NEEDS_TLS = 1 << 1,      /* the port speaks TLS */
	NEEDS_AUTH = 1 << 2,     /* the port offers AUTH after TLS */
	NEEDS_ACT = 1 << 3,      /* may be counted by a guard: takes from the budget */
	NEEDS_USER = 1 << 4,     /* a test account */
	NEEDS_LOGIN = 1 << 5,    /* and its login works */
	NEEDS_GUARD = 1 << 6,    /* --guard, with consent */
};

enum ports {
	PORT_25 = 1,
	PORT_587 = 2,
	PORT_465 = 4,
	PORT_ALL = 7,
	PORT_LOGIN = 8 /* one that takes logins */
};

struct check {
	const char *id;
	enum requirement requirement;
	bool required;          /* UNKNOWN here makes the requirement unknown */
	enum severity severity; /* of a FAIL */
	unsigned level; /* of harm: 1 ordinary connections, 2 a few suspicious acts, 3 bans */
	unsigned needs; /* enum needs */
	unsigned ports; /* enum ports; 0: of the whole host */
	/* Adds one finding or more.  `e` is NULL for checks of the whole host. */
	void (*run)(struct run *r, const struct check *c, struct endpoint *e);
	const char *title; /* what is right */
	const char *fault; /* what is wrong, for the verdict line */
};

/* All of them, in the order of the report, ended by a row without an id. */
extern const struct check checks[];
const struct check *check_find(const char *id); /* must exist */

/*
 * Before the first connection: addresses, sources, plan (r->planned, r->expected, r->guard).  Looks
 * the host's name up.  -errno with *err: exit status 3.
 */
int check_prepare(struct run *r, struct err *err) __attribute__((warn_unused_result));
/*
 * Runs the whole of it: r->findings.  -errno with *err when no port could be reached; the findings
 * of the ports are there all the same.
 */
int check_run(struct run *r, struct err *err) __attribute__((warn_unused_result));

/* connect.c, tls.c, auth.c: judged from what the survey saw */
void check_ports(struct run *r, const struct check *c, struct endpoint *e);
void check_greeting(struct run *r, const struct check *c, struct endpoint *e);
void check_ehlo(struct run *r, const struct check *c, struct endpoint *e);
void check_implicit_tls(struct run *r, const struct check *c, struct endpoint *e);
void check_starttls_offered(struct run *r, const struct check *c, struct endpoint *e);
void check_tls_works(struct run *r, const struct check *c, struct endpoint *e);
void check_certificate(struct run *r, const struct check *c, struct endpoint *e);
void check_auth_clear(struct run *r, const struct check *c, struct endpoint *e);
void check_mechanisms(struct run *r, const struct check *c, struct endpoint *e);
/* with connections of their own */
void check_old_tls(struct run *r, const struct check *c, struct endpoint *e);
void check_auth_unadvertised(struct run *r, const struct check *c, struct endpoint *e);
void check_any_login(struct run *r, const struct check *c, struct endpoint *e);
void check_login(struct run *r, const struct check *c, struct endpoint *e);
void check_submission_open(struct run *r, const struct check *c, struct endpoint *e);
/* sender.c */
void check_own_sender(struct run *r, const struct check *c, struct endpoint *e);
void check_sender(struct run *r, const struct check *c, struct endpoint *e);
void check_local_sender(struct run *r, const struct check *c, struct endpoint *e);
/* relay.c */
void check_relay(struct run *r, const struct check *c, struct endpoint *e);
void check_relay_local(struct run *r, const struct check *c, struct endpoint *e);
