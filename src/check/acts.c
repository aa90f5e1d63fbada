/*
 * The acts that a guard may count, one after the other, until the budget is spent.
 */
#include "check/acts.h"

#include <assert.h>

#include "check/check.h"
#include "check/guard.h"
#include "check/session.h"

/*
 * The acts, in the order in which the budget is spent: what would be worst first.  Port 0: wherever
 * logins are taken.
 */
static const struct step {
	const char *id;
	uint16_t port;
	bool over_tls, optional, plain;
} steps[] = {
	{ .id = "AUTH-02", .port = 587 },
	{ .id = "REL-01", .port = 25 },
	{ .id = "AUTH-06" },
	{ .id = "SND-02" },
	{ .id = "SND-04" },
	{ .id = "SND-03" },
	{ .id = "TLS-03", .port = 587 },
	{ .id = "TLS-03", .port = 465 },
	{ .id = "TLS-03", .port = 25 },
	{ .id = "AUTH-02", .port = 25 },
	{ .id = "REL-03", .port = 25 },
	/* what follows says more, but is not needed for a verdict */
	{ .id = "REL-01", .port = 587, .over_tls = true, .optional = true },
	{ .id = "AUTH-07", .port = 587, .over_tls = true, .optional = true },
	{ .id = "REL-01", .port = 465, .over_tls = true, .optional = true },
	{ .id = "AUTH-07", .port = 465, .over_tls = true, .optional = true },
	{ .id = "REL-01", .port = 25, .over_tls = true, .optional = true },
	{ .id = "SND-09", .port = 25, .over_tls = true, .optional = true },
	{ .id = "AUTH-02", .port = 587, .plain = true, .optional = true },
	{ .id = "AUTH-02", .port = 25, .plain = true, .optional = true },
};
enum { STEPS = sizeof steps / sizeof *steps };
static_assert((int)STEPS == (int)ACTS_STEPS, "acts.h says how many there are");

static const char more_sources[] = "give more addresses (--source)";

/* Nobody listens there; of 25 only a refusal says so, for providers block it on its way. */
static bool is_closed(const struct endpoint *e)
{
	return e->reach == GONE_REFUSED ||
	       (e->port != 25 && (e->reach == GONE_TIMEOUT || e->reach == GONE_UNREACHABLE));
}

/* A port that was not looked at to the end: what it would have offered is not known. */
static bool survey_has_gaps(const struct run *r)
{
	for (size_t i = 0; i < r->n_endpoints; i++) {
		const struct endpoint *e = &r->endpoints[i];

		if (is_closed(e))
			continue;
		if (e->reach != HERE || e->mechanisms) /* offered, but not open any more */
			return true;
		if (e->ehlo_tls.kind != ANSWER_YES &&
		    !(e->ehlo.kind == ANSWER_YES && !e->offers_starttls))
			return true;
	}
	return false;
}

/* A port of one address. */
static struct endpoint *port_of(struct run *r, size_t address, uint16_t port)
{
	for (size_t i = address * PORTS; i < (address + 1) * PORTS; i++)
		if (r->endpoints[i].port == port)
			return &r->endpoints[i];
	return NULL;
}

/* Where a step of this port happens; NULL, with a finding unless the port is closed. */
static struct endpoint *place_of_port(struct run *r, const struct check *c, struct endpoint *e)
{
	if (!source_for_look(r, e)) /* check.c has said so */
		return NULL;
	if (endpoint_is_open(e))
		return e;
	if (!is_closed(e))
		finding_add_missing(r, c, e, UNKNOWN, "the port does not answer as it should",
				    "see CON-01 and CON-02");
	return NULL;
}

/* Where logins are taken, by a source that may act if there is one. */
static struct endpoint *place_of_login(struct run *r, const struct check *c)
{
	struct endpoint *e = NULL;

	for (size_t i = 0; i < r->n_sources && !e; i++)
		if (act_may(r, &r->sources[i]))
			e = endpoint_for_login(r, &r->sources[i]);
	if (!e)
		e = endpoint_for_login(r, NULL);
	if (!e && survey_has_gaps(r))
		finding_add_missing(r, c, NULL, UNKNOWN,
				    "no port was found that offers AUTH over TLS",
				    "see CON-02 and TLS-02");
	else if (!e)
		finding_add_missing(r, c, NULL, NA, "no port offers AUTH over TLS", NULL);
	return e;
}

/* The session that a check is made in, as far as the budget is concerned. */
static enum session_kind kind_of(const struct check *c)
{
	return c->needs & (NEEDS_USER | NEEDS_LOGIN) ? SESSION_LOGIN : SESSION_TLS;
}

static bool uses_foreign(const struct check *c)
{
	return c->run == check_relay || c->run == check_relay_local ||
	       c->run == check_submission_open || strcmp(c->id, "SND-04") == 0;
}

/* Does the check need what is not there? Then it has its finding. */
static bool lacks(struct run *r, const struct check *c, struct endpoint *e)
{
	const struct finding *own = finding_answer(r, "SND-01", NULL);

	if ((c->needs & (NEEDS_USER | NEEDS_LOGIN)) && !r->o->user) {
		finding_add_missing(r, c, e, SKIP, "needs a test account",
				    "give --user and --password-file");
		return true;
	}
	if ((c->needs & NEEDS_LOGIN) && !r->login_works) {
		finding_add_missing(r, c, e, SKIP, "the login does not work", "see AUTH-10");
		return true;
	}
	if (c->run == check_sender && (!own || own->status != PASS)) {
		finding_add_missing(r, c, e, UNKNOWN,
				    "the account's own sender is not accepted, so a refusal "
				    "says nothing",
				    "see SND-01");
		return true;
	}
	if ((c->needs & NEEDS_TLS) && !e->tls_up) {
		if (e->offers_starttls || e->implicit)
			finding_add_missing(r, c, e, UNKNOWN, "no TLS on this port", "see TLS-02");
		return true;
	}
	if (r->foreign_is_own && uses_foreign(c)) {
		finding_add_missing(r, c, e, UNKNOWN, "the foreign domain is the server's own",
				    "give a domain of yours that is not the server's (--foreign)");
		return true;
	}
	if (engine_late(r->engine)) {
		finding_add_missing(r, c, e, UNKNOWN, "the time is up",
				    "try again; the server is slow");
		return true;
	}
	if ((c->needs & NEEDS_ACT) && !acts_allow(r, e, kind_of(c))) {
		if (r->optional && finding_answer(r, c->id, e))
			return true; /* it would only have been said a second time */
		finding_add_missing(r, c, e, UNKNOWN, "not tried: each address may act only twice",
				    more_sources);
		return true;
	}
	return false;
}

/* Where we may: opens the doors that have closed. True: one was. */
static bool lift_bans(struct run *r)
{
	bool any = false;

	for (size_t i = 0; r->may_unban && i < r->n_sources; i++) {
		struct source *s = &r->sources[i];

		if (s->shut && run_unban(r, s)) {
			s->shut = false;
			s->acts = 0;
			any = true;
		}
	}
	return any;
}

static bool has_no_answer(const struct run *r, size_t from)
{
	for (size_t i = from; i < r->n_findings; i++)
		if (r->findings[i].status != UNKNOWN)
			return false;
	return true;
}

static void make_step(struct run *r, const struct check *c, const struct step *s, size_t address)
{
	struct endpoint *e =
		s->port ? place_of_port(r, c, port_of(r, address, s->port)) : place_of_login(r, c);

	if (!e || lacks(r, c, e))
		return;
	run_progress(r, "%s %s", c->id, c->title);
	c->run(r, c, e);
}

/* `address`: the number of the one that a step of a port is made at. */
static void take_step(struct run *r, const struct step *s, size_t address)
{
	const struct check *c = check_find(s->id);
	size_t before = r->n_findings;
	/* where port 25 is closed, a relay can only be another port */
	bool no_mx = s->port != 25 && c->run == check_relay &&
		     !endpoint_is_open(port_of(r, address, 25));

	r->over_tls = s->over_tls;
	r->plain = s->plain;
	r->optional = s->optional && !no_mx;
	r->cost = c->run == check_any_login ? ACT_LOGIN : ACT;
	lift_bans(r);
	make_step(r, c, s, address);
	if (lift_bans(r) && r->n_findings > before && has_no_answer(r, before)) {
		r->n_findings = before; /* the ban fell in the middle: once more */
		make_step(r, c, s, address);
	}
	/* what was tried and gave no answer counts all the same */
	for (size_t i = before; i < r->n_findings; i++)
		r->findings[i].optional |= r->optional && r->findings[i].hint == more_sources;
	r->optional = false;
	r->cost = ACT;
}

/* The guard test will answer it, for nothing. */
static bool left_to_guard(struct run *r, const struct check *c)
{
	if (!r->tests_guard)
		return false;
	if (c->run == check_sender)
		return guard_will_test(r, 'b') && r->login_works && endpoint_for_login(r, NULL);
	return c->run == check_any_login && guard_will_test(r, 'a');
}

static void note_doors(struct run *r)
{
	const struct check *c = check_find("CON-01");

	for (size_t i = 0; i < r->n_sources; i++) {
		const struct source *s = &r->sources[i];

		if (s->shut)
			finding_add(
				r, c, NULL, INFO,
				"the door closed for %s after %u act%s (%s): a guard is at work; "
				"--guard would measure it",
				s->name, s->acts, s->acts == 1 ? "" : "s", s->shut_how);
	}
}

/* How many more addresses would answer everything that is required? */
static void count_missing_sources(struct run *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_findings; i++)
		n += r->findings[i].hint == more_sources && r->findings[i].check->required &&
		     !r->findings[i].optional;
	n = (n + ACTS_PER_SOURCE - 1) / ACTS_PER_SOURCE;
	for (size_t i = 0; n && i < r->n_findings; i++)
		if (r->findings[i].hint == more_sources)
			r->findings[i].hint =
				run_text(r,
					 "give %zu more address%s (--source): each may make %d "
					 "suspicious acts",
					 n, n > 1 ? "es" : "", ACTS_PER_SOURCE);
}

/* The first address that we reach: it gets all steps, the others those that are required. */
static size_t first_address(struct run *r)
{
	size_t i = 0;

	while (i + 1 < r->n_addresses && !source_for_look(r, &r->endpoints[i * PORTS]))
		i++;
	return i;
}

void acts_run(struct run *r)
{
	size_t first = first_address(r);

	take_step(r, &(struct step){ .id = "AUTH-10" }, first);
	take_step(r, &(struct step){ .id = "SND-01" }, first);
	for (size_t i = 0; i < STEPS; i++)
		if (!left_to_guard(r, check_find(steps[i].id)))
			take_step(r, &steps[i], first);
	for (size_t a = 0; a < r->n_addresses; a++)
		for (size_t i = 0; a != first && i < STEPS; i++)
			if (steps[i].port && !steps[i].optional)
				take_step(r, &steps[i], a);
	session_share_end(r);
	note_doors(r);
	count_missing_sources(r);
}
