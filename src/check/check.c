/*
 * One run, from the first connection to the last finding: survey, what it tells, acts, guard test.
 */
#include "check/check.h"

#include <errno.h>
#include <netdb.h>

#include "check/guard.h"
#include "check/survey.h"

/*
 * The acts, in the order in which the budget is spent: what would be worst first.  Port 0: wherever
 * logins are taken.
 */
static const struct step {
	const char *id;
	uint16_t port;
	bool over_tls, optional;
} steps[] = {
	{ "AUTH-02", 587, false, false }, { "REL-01", 25, false, false },
	{ "AUTH-06", 0, true, false },    { "TLS-03", 587, false, false },
	{ "SND-02", 0, true, false },     { "SND-04", 0, true, false },
	{ "SND-03", 0, true, false },     { "TLS-03", 465, true, false },
	{ "TLS-03", 25, false, false },   { "AUTH-02", 25, false, false },
	{ "REL-03", 25, false, false },   { "REL-01", 587, true, true },
	{ "AUTH-07", 587, true, true },   { "REL-01", 465, true, true },
	{ "AUTH-07", 465, true, true },   { "REL-01", 25, true, true },
	{ "SND-09", 25, true, true },
};
enum { STEPS = sizeof steps / sizeof *steps };

static const char more_sources[] = "give more addresses (--source)";

/* ---------------------------------------------------------------- before the first connection */

static int resolve(struct run *r, struct err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	int code;

	if (r->o->n_connect) {
		memcpy(r->addresses, r->o->connect, r->o->n_connect * sizeof *r->addresses);
		r->n_addresses = r->o->n_connect;
		return 0;
	}
	if (r->host_is_address) {
		r->n_addresses = ip_parse(str_of(r->o->host), &r->addresses[0]) == 0;
		return 0;
	}
	run_progress(r, "looking up %s", r->o->host);
	code = getaddrinfo(r->o->host, NULL, &hints, &list);
	if (code)
		return err_set(err, -EHOSTUNREACH, "%s: %s", r->o->host, gai_strerror(code));
	for (const struct addrinfo *ai = list; ai && r->n_addresses < ADDRESSES_MAX;
	     ai = ai->ai_next) {
		struct ip ip = ip_from_sockaddr(ai->ai_addr);
		bool known = ip.family == 0;

		for (size_t i = 0; i < r->n_addresses; i++)
			known |= ip_eq(&r->addresses[i], &ip);
		if (!known)
			r->addresses[r->n_addresses++] = ip;
	}
	freeaddrinfo(list);
	return r->n_addresses ? 0 : err_set(err, -EHOSTUNREACH, "%s has no address", r->o->host);
}

static void add_source(struct run *r, const struct ip *ip, bool observer)
{
	struct source *s = &r->sources[r->n_sources++];
	char text[IP_TEXT_MAX] = "this machine";

	*s = (struct source){ .ip = *ip, .role = observer ? SOURCE_OBSERVER : SOURCE_FREE };
	if (ip->family)
		ip_print(ip, text);
	s->name = run_text(r, "%s", text);
}

static void list_sources(struct run *r)
{
	for (size_t i = 0; i < r->o->n_sources; i++)
		add_source(r, &r->o->sources[i], false);
	if (!r->n_sources)
		add_source(r, &(struct ip){ 0 }, false);
	if (r->o->observer.family)
		add_source(r, &r->o->observer, true);
}

/* Is each of them an address of this machine? */
static int look_at_sources(const struct run *r, struct err *err)
{
	for (size_t i = 0; i < r->n_sources; i++) {
		const struct source *s = &r->sources[i];

		if (s->ip.family && !dialogue_can_come_from(&s->ip))
			return err_set(err, -EADDRNOTAVAIL, "%s is no address of this machine",
				       s->name);
	}
	return 0;
}

/* The first that can reach it: a look is no act, so any will do. */
static struct source *looking_source(struct run *r, const struct endpoint *e)
{
	for (size_t i = 0; i < r->n_sources; i++)
		if (source_reaches(&r->sources[i], e))
			return &r->sources[i];
	return NULL;
}

static void list_endpoints(struct run *r)
{
	static const uint16_t ports[PORTS] = { 25, 587, 465 };

	for (size_t i = 0; i < r->n_addresses; i++)
		for (size_t k = 0; k < PORTS; k++) {
			struct endpoint *e = &r->endpoints[r->n_endpoints++];
			char text[IP_TEXT_MAX];

			ip_print(&r->addresses[i], text);
			*e = (struct endpoint){ .address = r->addresses[i],
						.port = ports[k],
						.reach = GONE_LOCAL,
						.implicit = ports[k] == 465 };
			e->name = run_text(r, "%s port %u", text, e->port);
		}
}

static void plan(struct run *r)
{
	unsigned acts = 0, looks = 0;

	for (size_t i = 0; i < r->n_sources; i++)
		acts += r->may_unban ? ACTS_WITH_UNBAN : ACTS_PER_SOURCE;
	if (acts > STEPS)
		acts = STEPS;
	for (size_t i = 0; i < r->n_endpoints; i++)
		looks += looking_source(r, &r->endpoints[i]) != NULL;
	r->expected = looks + (r->o->user ? 1 : 0) + acts - acts / 4;
	/* a look is repeated when it fails, a step when its source was shut out */
	r->planned = 3 * looks + STEPS + 2 + (unsigned)r->n_sources;
	if (r->guard) {
		r->planned += guard_connections(r);
		r->expected += guard_connections(r) / 2;
	}
}

/* ---------------------------------------------------------------- judging what was seen */

static unsigned port_bit(uint16_t port)
{
	return port == 25 ? PORT_25 : port == 587 ? PORT_587 : PORT_465;
}

static void judge_endpoint(struct run *r, const struct check *c, struct endpoint *e)
{
	bool greeted = e->greeting.code == 220;

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
}

static void judge_survey(struct run *r)
{
	for (const struct check *c = checks; c->id; c++)
		for (size_t i = 0; i < r->n_endpoints; i++)
			if (!(c->needs & (NEEDS_ACT | NEEDS_GUARD)) &&
			    looking_source(r, &r->endpoints[i]))
				judge_endpoint(r, c, &r->endpoints[i]);
}

/* ---------------------------------------------------------------- acts */

/* A port that answered, but not to the end: what it would have offered is not known. */
static bool survey_has_gaps(const struct run *r)
{
	for (size_t i = 0; i < r->n_endpoints; i++) {
		const struct endpoint *e = &r->endpoints[i];

		if (e->reach == HERE && e->ehlo_tls.kind != ANSWER_YES &&
		    !(e->ehlo.kind == ANSWER_YES && !e->offers_starttls))
			return true;
		if (e->reach == GONE_TIMEOUT && e->port == 25)
			return true;
	}
	return false;
}

static struct finding *add_missing(struct run *r, const struct check *c, struct endpoint *e,
				   enum status status, const char *why, const char *hint)
{
	struct finding *f = finding_add(r, c, e, status, "%s", why);

	f->hint = hint;
	return f;
}

/* Where a step happens; NULL with a finding if it cannot. */
static struct endpoint *place_of(struct run *r, const struct check *c, uint16_t port)
{
	struct source *s = NULL;
	struct endpoint *e;

	/* the first address that a source may act on, else any */
	for (size_t i = 0; i < r->n_endpoints && !s; i++)
		s = act_source(r, &r->endpoints[i]);
	e = port ? endpoint_find(r, port, s) : endpoint_for_login(r, s);
	if (e)
		return e;
	if (!port && survey_has_gaps(r))
		add_missing(r, c, NULL, UNKNOWN, "no port was found that offers AUTH over TLS",
			    "see CON-02 and TLS-02");
	else if (!port)
		add_missing(r, c, NULL, NA, "no port offers AUTH over TLS", NULL);
	for (size_t i = 0; port && i < r->n_endpoints; i++) {
		struct endpoint *p = &r->endpoints[i];

		if (p->port != port || !looking_source(r, p))
			continue;
		if (p->reach == HERE || (p->reach == GONE_TIMEOUT && port == 25) ||
		    p->reach == GONE_LATE)
			add_missing(r, c, p, UNKNOWN, "the port does not answer as it should",
				    "see CON-01 and CON-02");
		break;
	}
	return NULL;
}

/* Does the check need what is not there? Then it has its finding. */
static bool lacks(struct run *r, const struct check *c, struct endpoint *e)
{
	const struct finding *own = finding_answer(r, "SND-01", NULL);

	if ((c->needs & (NEEDS_USER | NEEDS_LOGIN)) && !r->o->user) {
		add_missing(r, c, e, SKIP, "needs a test account",
			    "give --user and --password-file");
		return true;
	}
	if ((c->needs & NEEDS_LOGIN) && !r->login_works) {
		add_missing(r, c, e, SKIP, "the login does not work", "see AUTH-10");
		return true;
	}
	if (c->run == check_sender && (!own || own->status != PASS)) {
		add_missing(r, c, e, UNKNOWN,
			    "the account's own sender is not accepted, so a refusal "
			    "says nothing",
			    "see SND-01");
		return true;
	}
	if ((c->needs & NEEDS_TLS) && !e->tls_up) {
		if (e->offers_starttls || e->implicit)
			add_missing(r, c, e, UNKNOWN, "no TLS on this port", "see TLS-02");
		return true;
	}
	if (engine_late(r->engine)) {
		add_missing(r, c, e, UNKNOWN, "the time is up", "try again; the server is slow");
		return true;
	}
	if ((c->needs & NEEDS_ACT) && !acts_left(r, e)) {
		add_missing(r, c, e, UNKNOWN, "not tried: two acts from each address are made",
			    more_sources);
		return true;
	}
	return false;
}

static void take_step(struct run *r, const struct step *s)
{
	const struct check *c = check_find(s->id);
	size_t before = r->n_findings;
	bool no_mx = s->port != 25 && c->run == check_relay && !endpoint_find(r, 25, NULL);
	struct endpoint *e;

	r->over_tls = s->over_tls;
	r->optional = s->optional && !no_mx;
	e = place_of(r, c, s->port);
	if (e && !lacks(r, c, e)) {
		run_progress(r, "%s %s", c->id, c->title);
		c->run(r, c, e);
	}
	for (size_t i = before; i < r->n_findings; i++)
		r->findings[i].optional |= r->optional;
	r->optional = false;
}

/* The guard test will answer it, for nothing. */
static bool left_to_guard(const struct run *r, const struct check *c)
{
	if (!r->o->guard)
		return false;
	if (c->run == check_sender)
		return guard_will_test(r, 'b') && r->login_works &&
		       endpoint_for_login((struct run *)r, NULL);
	return c->run == check_any_login && guard_will_test(r, 'a');
}

static void note_doors(struct run *r)
{
	const struct check *c = check_find("CON-01");

	for (size_t i = 0; i < r->n_sources; i++) {
		const struct source *s = &r->sources[i];

		if (s->shut && s->acts)
			finding_add(
				r, c, NULL, INFO,
				"the door closed for %s after %u act%s (%s): a guard is at work; "
				"--guard would measure it",
				s->name, s->acts, s->acts > 1 ? "s" : "", gone_name(s->shut_how));
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

static void act(struct run *r)
{
	take_step(r, &(struct step){ "AUTH-10", 0, true, false });
	take_step(r, &(struct step){ "SND-01", 0, true, false });
	for (size_t i = 0; i < STEPS; i++)
		if (!left_to_guard(r, check_find(steps[i].id)))
			take_step(r, &steps[i]);
	session_share_end(r);
	note_doors(r);
	count_missing_sources(r);
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
			add_missing(r, check_find(left[i]), NULL, UNKNOWN,
				    "the guard test ended before it", "see GRD-a and GRD-b");
	}
}

static void skip_guard(struct run *r)
{
	for (const struct check *c = checks; c->id; c++)
		if (c->needs & NEEDS_GUARD)
			add_missing(r, c, NULL, SKIP, "not tested",
				    "run with --guard (it gets the addresses of --source banned)");
}

/* ---------------------------------------------------------------- all of it */

static bool any_open(const struct run *r)
{
	for (size_t i = 0; i < r->n_endpoints; i++)
		if (r->endpoints[i].reach == HERE)
			return true;
	return false;
}

int check_prepare(struct run *r, struct err *err)
{
	int rc = resolve(r, err);

	if (rc < 0)
		return rc;
	list_sources(r);
	list_endpoints(r);
	rc = look_at_sources(r, err);
	if (rc < 0)
		return rc;
	if (r->o->guard)
		guard_assign(r);
	if (r->o->guard || r->o->unban)
		r->n_guards = local_guards_find(r->o->socket, r->arena, r->guards);
	r->may_unban = r->o->unban && r->n_guards > 0;
	plan(r);
	return 0;
}

int check_run(struct run *r, struct err *err)
{
	for (size_t i = 0; i < r->n_endpoints; i++) {
		struct source *s = looking_source(r, &r->endpoints[i]);

		if (s)
			survey_endpoint(r, &r->endpoints[i], s);
	}
	survey_names(r);
	judge_survey(r);
	if (!any_open(r))
		return err_set(err, -EHOSTUNREACH, "no mail port of %s can be reached", r->o->host);
	act(r);
	if (r->o->guard)
		test_guard(r);
	else
		skip_guard(r);
	for (size_t i = 0; r->may_unban && i < r->n_sources; i++)
		if (r->sources[i].acts || r->sources[i].shut)
			(void)run_unban(r, &r->sources[i]);
	return 0;
}
