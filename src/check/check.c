/*
 * One run, from the first connection to the last finding: survey, what it tells, acts, guard test.
 */
#include "check/check.h"

#include <errno.h>

#include "check/acts.h"
#include "check/consent.h"
#include "check/guard.h"
#include "check/survey.h"

/* ---------------------------------------------------------------- judging what was seen */

static unsigned port_bit(uint16_t port)
{
	return port == 25 ? PORT_25 : port == 587 ? PORT_587 : PORT_465;
}

static void judge_endpoint(struct run *r, const struct check *c, struct endpoint *e)
{
	bool greeted = e->greeting.code == 220;
	size_t before = r->n_findings;

	if (!(c->ports & port_bit(e->port)) || (e->reach != HERE && c->run != check_ports))
		return;
	/* what CON-02, TLS-02 and the like have said already */
	if ((c->needs & NEEDS_GREETING) && !greeted &&
	    !(e->implicit && c->run == check_tls_works)) {
		finding_add(r, c, e, UNKNOWN, "no greeting")->hint = "see CON-02";
		return;
	}
	if (((c->needs & NEEDS_TLS) && !e->tls_up) || ((c->needs & NEEDS_AUTH) && !e->mechanisms))
		return;
	c->run(r, c, e);
	for (; before < r->n_findings; before++)
		if (!r->findings[before].evidence)
			r->findings[before].evidence = e->exchanges;
}

/* Could no port of this address be tried from here? */
static bool is_out_of_reach(const struct run *r, const struct ip *address)
{
	for (size_t i = 0; i < r->n_endpoints; i++) {
		const struct endpoint *e = &r->endpoints[i];

		if (ip_eq(&e->address, address) && e->reach != GONE_NO_ROUTE &&
		    e->reach != GONE_LOCAL)
			return false;
	}
	return true;
}

/* What was not looked at may be what is in clear text, or an open relay. */
static void judge_unseen(struct run *r)
{
	static const char *const ids[] = { "AUTH-01", "REL-01" };
	size_t n = sizeof ids / sizeof *ids;

	for (size_t i = 0; i < r->n_endpoints; i++) {
		struct endpoint *e = &r->endpoints[i];

		for (size_t k = 0; k < n && i % PORTS == 0; k++)
			if (is_out_of_reach(r, &e->address))
				finding_add_missing(r, check_find(ids[k]), e, UNKNOWN,
						    "this address cannot be reached from here",
						    "give a --source of its family, or name the "
						    "addresses to test with --connect");
		if (e->reach == GONE_UNTRIED || e->reach == GONE_LATE)
			finding_add_missing(r, check_find("CON-04"), e, UNKNOWN,
					    gone_name(e->reach),
					    "give more addresses (--source), or try again");
	}
}

static void judge_survey(struct run *r)
{
	for (const struct check *c = checks; c->id; c++)
		for (size_t i = 0; i < r->n_endpoints; i++)
			if (!(c->needs & (NEEDS_ACT | NEEDS_GUARD)) &&
			    source_for_look(r, &r->endpoints[i]))
				judge_endpoint(r, c, &r->endpoints[i]);
	judge_unseen(r);
}

/* ---------------------------------------------------------------- the guard */

static void test_guard(struct run *r)
{
	static const char *const left[] = { "AUTH-06", "SND-02", "SND-03", "SND-04" };

	guard_run(r);
	for (const struct check *c = checks; c->id; c++)
		if (c->needs & NEEDS_GUARD)
			c->run(r, c, NULL);
	for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
		bool known = false;

		for (size_t k = 0; k < r->n_findings; k++)
			known |= strcmp(r->findings[k].check->id, left[i]) == 0;
		if (!known)
			finding_add_missing(
				r, check_find(left[i]), NULL, UNKNOWN,
				"the guard test ended before it",
				"see GRD-a and GRD-b; with more addresses (--source) no act "
				"comes before the guard test");
	}
}

static void skip_guard(struct run *r, const char *why, const char *hint)
{
	for (const struct check *c = checks; c->id; c++)
		if (c->needs & NEEDS_GUARD)
			finding_add_missing(r, c, NULL, SKIP, why, hint);
}

/* Behind an address translation the server bans another address than we think. */
static bool would_lock_out(const struct run *r)
{
	struct ip client = consent_ssh_client(), seen;

	return r->seen_as && ip_parse(str_of(r->seen_as), &seen) == 0 &&
	       consent_locks_out(&seen, &client);
}

/* ---------------------------------------------------------------- all of it */

static bool any_open(const struct run *r)
{
	for (size_t i = 0; i < r->n_endpoints; i++)
		if (r->endpoints[i].reach == HERE)
			return true;
	return false;
}

/* A check that found no place still has its row. */
static void complete(struct run *r, enum status status, const char *why)
{
	for (const struct check *c = checks; c->id; c++) {
		bool there = false;

		for (size_t i = 0; i < r->n_findings && !there; i++)
			there = r->findings[i].check == c;
		if (!there)
			finding_add_missing(r, c, NULL, status, why, NULL);
	}
}

/* "25 refused, 587 timed out" of the first address */
static const char *reaches(const struct run *r)
{
	struct buf b _buf_free_ = { 0 };

	for (size_t i = 0; i < PORTS; i++)
		buf_printf(&b, "%s%u %s", i ? ", " : "", r->endpoints[i].port,
			   gone_name(r->endpoints[i].reach));
	return arena_str(r->arena, buf_str(&b)).p;
}

int check_run(struct run *r, struct err *err)
{
	for (size_t i = 0; i < r->n_endpoints; i++)
		survey_endpoint(r, &r->endpoints[i]);
	survey_busy(r);
	survey_names(r);
	judge_survey(r);
	if (!any_open(r)) {
		complete(r, UNKNOWN, "no mail port can be reached");
		return err_set(err, -EHOSTUNREACH, "no mail port of %s can be reached: %s",
			       r->o->host, reaches(r));
	}
	if (r->o->guard && !would_lock_out(r))
		r->tests_guard = true;
	acts_run(r);
	if (r->tests_guard)
		test_guard(r);
	else if (r->o->guard)
		skip_guard(r, "the server sees the address that you are logged in from by SSH",
			   "run it from another network: the ban would lock you out");
	else
		skip_guard(r, "not tested",
			   "run with --guard (it gets the addresses of --source banned)");
	complete(r, NA, "no port that it is about");
	for (size_t i = 0; r->o->unban && i < r->n_sources; i++)
		if (r->sources[i].acts || r->sources[i].shut)
			(void)run_unban(r, &r->sources[i]);
	return 0;
}
