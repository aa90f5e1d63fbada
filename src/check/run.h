/*
 * One run of `lastknock check` against one server: what was asked for, what was seen, what was
 * found.  Everything hangs on the run's arena.
 */
#pragma once

#include "base/ip.h"
#include "check/certificate.h"
#include "check/dialogue.h"
#include "check/local_guard.h"

enum requirement { REQUIREMENT_NONE, R1, R2, R3, REQUIREMENTS };
enum status { PASS, FAIL, WARN, INFO, UNKNOWN, SKIP, NA, STATUSES };
enum severity {
	SEVERITY_OK,
	SEVERITY_INFO,
	SEVERITY_LOW,
	SEVERITY_MEDIUM,
	SEVERITY_HIGH,
	SEVERITY_CRITICAL
};

enum {
	ADDRESSES_MAX = 8, /* of one host that are tested */
	SOURCES_MAX = 64,
	ACTS_PER_SOURCE = 2,   /* guards ban after 3 at the earliest */
	ACTS_WITH_UNBAN = 100, /* where we can have the bans lifted */
	PORTS = 3,             /* 25, 587, 465 */
};

struct check_options {
	const char *host;
	const char *user, *password_file;
	const char *from, *other, *foreign, *helo;
	const char *ca, *socket;
	struct ip connect[ADDRESSES_MAX];
	size_t n_connect;
	struct ip sources[SOURCES_MAX];
	size_t n_sources;
	struct ip observer; /* family 0: none */
	bool guard, yes, unban, json, verbose;
	double settle;  /* seconds, between an attempt and its probe */
	double timeout; /* the longest wait; 0: as dialogue.h says */
};

/* One of our addresses. */
struct source {
	struct ip ip; /* family 0: the system chooses */
	enum { SOURCE_FREE, SOURCE_OBSERVER, SOURCE_GUARD } role;
	unsigned acts;        /* that a guard may have counted */
	bool shut;            /* the door closed for it */
	const char *shut_how; /* words */
	const char *name;     /* its text */
};

/* A port of an address, and what a look at it showed. */
struct endpoint {
	struct ip address;
	uint16_t port;
	const char *name; /* "192.0.2.1 port 25" */
	enum gone reach;  /* of the connection */
	bool implicit;    /* TLS from the first byte: 465 */
	bool clear465;    /* a greeting came in clear text where TLS should begin */
	struct answer greeting, ehlo, starttls, ehlo_tls; /* .text NULL: not asked */
	bool no_esmtp;                                    /* EHLO is unknown; .ehlo is HELO's */
	bool offers_starttls;
	bool auth_clear;        /* AUTH in the EHLO reply before TLS */
	const char *mechanisms; /* after TLS; NULL: no AUTH */
	const char *mechanisms_clear;
	bool tls_tried, tls_up;
	const char *tls_error;
	const char *tls_version;
	struct certificate certificate;
	const char *certificate_name; /* that it was judged by */
	struct exchange *exchanges;
	unsigned refused;  /* sources whose door was closed here */
	unsigned refusals; /* connections that got nowhere; after two there are no more */
};

struct finding {
	const struct check *check;
	enum status status;
	enum severity severity;
	bool optional;                   /* says more, but is not needed for the verdict */
	const struct endpoint *endpoint; /* NULL: of the whole host */
	const char *why;                 /* one sentence */
	const char *hint;                /* of UNKNOWN and SKIP: how to get an answer */
	struct exchange *evidence;
};

struct guard_report;
struct session;

struct run {
	const struct check_options *o;
	struct arena *arena;
	struct engine *engine;
	struct secret *secret;
	double started; /* clock_now() */

	bool host_is_address;
	struct ip addresses[ADDRESSES_MAX];
	size_t n_addresses;
	struct endpoint endpoints[ADDRESSES_MAX * PORTS];
	size_t n_endpoints;
	struct source sources[SOURCES_MAX + 1]; /* the observer, if there is one, is among them */
	size_t n_sources;

	/* who we say we are; settled once the first greeting is known */
	const char *server_host, *domain, *mail, *other, *foreign;
	bool foreign_is_own; /* --foreign is the server's own domain: it tests nothing */
	const char *seen_as; /* our address in the server's words, or NULL */
	const char *mta, *mta_version;

	unsigned planned, expected;                  /* connections */
	struct local_guard guards[LOCAL_GUARDS_MAX]; /* on this machine; asked for ban times */
	size_t n_guards;
	bool tests_guard; /* --guard, and nobody would be locked out */
	bool may_unban;   /* --unban, and there is one to tell */
	struct finding *findings;
	size_t n_findings, findings_room;
	struct guard_report *guard; /* NULL: not tested */
	bool login_works;
	struct session *shared; /* see session_for_act() */
	/* of the step at hand */
	bool over_tls; /* what can be done in clear text, or after TLS */
	bool plain;    /* AUTH PLAIN, where some proxies look for LOGIN only */
	bool optional; /* not worth an act from an address that the guard test needs */
	unsigned cost; /* acts that a refusal counts as; 0: one */

	/* For people; may be NULL. `lasting`: worth a line of its own, else only what goes on now.
	 */
	void (*progress)(void *arg, bool lasting, const char *text);
	void *progress_arg;
};

/* Appends; the caller may set the other fields. */
struct finding *finding_add(struct run *r, const struct check *c, const struct endpoint *e,
			    enum status status, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* The same, for what could not be tested: why, and how to get an answer (may be NULL). */
struct finding *finding_add_missing(struct run *r, const struct check *c, struct endpoint *e,
				    enum status status, const char *why, const char *hint);
/* Has this check been answered there (PASS, FAIL ...; UNKNOWN and SKIP are no answers)? */
const struct finding *finding_answer(const struct run *r, const char *id, const struct endpoint *e);
/* Takes the findings of this check that are no answers away, for they are about to be answered. */
void finding_forget(struct run *r, const char *id, const struct endpoint *e);

void run_progress(const struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void run_say(const struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Text in the run's arena. */
const char *run_text(const struct run *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

bool endpoint_is_open(const struct endpoint *e);
/* Where a login belongs: the first of 587, 465, 25 that offers AUTH over TLS. */
struct endpoint *endpoint_for_login(struct run *r, const struct source *s);
/*
 * Whence an endpoint is looked at: a look is no act, but may become one, so if possible a source
 * that may act.  NULL: none reaches it.
 */
struct source *source_for_look(struct run *r, const struct endpoint *e);
/* Lifts the bans of this source, if the guards here have any. */
bool run_unban(struct run *r, const struct source *s);
/* Can this source reach the endpoint (the same family, or chosen by the system)? */
bool source_reaches(const struct source *s, const struct endpoint *e);

const char *status_name(enum status s);           /* "pass" */
const char *severity_name(enum severity s);       /* "high" */
const char *requirement_name(enum requirement r); /* "R1"; NULL for none */
