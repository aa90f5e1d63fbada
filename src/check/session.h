/*
 * An SMTP session up to the point where a check begins, the budget of acts that a guard may count,
 * and the mail transaction that most checks are.
 */
#pragma once

#include "check/run.h"

enum session_kind {
	SESSION_CLEAR, /* greeting, EHLO; never on a port with TLS from the first byte */
	SESSION_TLS,   /* and TLS, EHLO */
	SESSION_LOGIN, /* and the test account's login */
};

enum session_end {
	SESSION_HERE,
	SESSION_DOOR, /* no connection, or no greeting but a refusal: see gone */
	SESSION_BUSY, /* 421 */
	SESSION_TLS_FAILED,
	SESSION_LOGIN_REFUSED,
	SESSION_LOGIN_LATER, /* the login could not be checked: 4xx */
	SESSION_BROKEN,      /* anything else */
};

struct session {
	struct dialogue *d;
	struct endpoint *e;
	struct source *s;
	enum session_kind kind;
	enum session_end end;
	enum gone gone;
	struct answer answer;      /* the last one */
	const char *why;           /* not HERE: words */
	struct exchange *evidence; /* not HERE: what was said */
	struct answer greeting;
};

/* Opens one; true if it is HERE. Charges a refused login, or a session that broke off. */
bool session_open(struct run *r, struct endpoint *e, struct source *s, enum session_kind kind,
		  struct session *out);
void session_close(struct run *r, struct session *x, enum close_how how);
/*
 * Ends a dialogue politely, whose greeting is given.  Sendmail complains in its log of every client
 * that "did not issue MAIL", which stock filters count: it hears a MAIL FROM:<> first.
 */
void session_goodbye(struct run *r, struct dialogue *d, const struct answer *greeting);

/* EHLO with our name, or HELO where EHLO is unknown: then *old, unless NULL, becomes true. */
const struct answer *session_hello(struct run *r, struct dialogue *d, bool *old);
/* STARTTLS where the port wants it, TLS, EHLO; false with x->end and x->why. */
bool session_secure(struct run *r, struct session *x);

/*
 * One login with PLAIN or LOGIN, whichever the server offers; the answer to its last step, or NULL
 * if it offers neither.  The password never shows in the evidence.
 */
struct login {
	str user, password;
	bool made_up; /* then its reply may be shown */
};
const struct answer *session_auth(struct run *r, struct session *x, const struct login *l,
				  double wait);

/* ---- the budget */

enum {
	ACT = 1,
	ACT_LOGIN = 2, /* a refused login: stock filters in aggressive mode count it twice */
};
/* May this source make the act at hand (r->cost)? */
bool act_may(const struct run *r, const struct source *s);
/* A source that may make the act at hand, on this endpoint; NULL: none is left. */
struct source *act_source(struct run *r, const struct endpoint *e);
/* Can an act be made in such a session: the one that is open, or a new one? */
bool acts_allow(struct run *r, const struct endpoint *e, enum session_kind kind);
/* The server refused: a guard may have counted it. */
void act_charge(struct source *s, unsigned acts);

/*
 * A session for an act, from the source that is next: the one that is open already if it fits,
 * else a new one; a source whose door has closed is passed over.  NULL with *why, when there is
 * none.  Shared: the next call may close it.
 */
struct session *session_for_act(struct run *r, struct endpoint *e, enum session_kind kind,
				const char **why);
/* Ends the shared session, if there is one. */
void session_share_end(struct run *r);

/* ---- transactions */

enum outcome {
	OUTCOME_ACCEPTED, /* the recipient was taken */
	OUTCOME_REFUSED,
	OUTCOME_ADDRESS, /* refused, but for an address that the server thinks wrong */
	OUTCOME_LATER,   /* 4xx: greylisting, load, DNS */
	OUTCOME_BROKEN,  /* 421, gone, or not SMTP */
};

struct transaction {
	enum outcome outcome;
	const char *from;
	bool at_mail; /* decided at MAIL FROM, not at RCPT TO */
	struct answer answer;
	const char *reply; /* "550 5.7.1 no", or "closed": for a sentence */
	struct exchange *evidence;
};

/*
 * Says NOOP or RSET, whose answer is known: a reply that is of another command shows that those
 * before it were, too.  False, and *a becomes ANSWER_MALFORMED.
 */
bool session_in_step(struct session *x, const char *command, struct answer *a);

/* MAIL FROM, RCPT TO, RSET; never DATA. */
struct transaction session_transaction(struct run *r, struct session *x, const char *from,
				       const char *to);
/* First line of an answer, cut for a sentence; or what happened instead. */
const char *answer_brief(const struct run *r, const struct answer *a);
