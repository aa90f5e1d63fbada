/*
 * The rounds of the guard test; see guard.h.  Each round makes one attempt of each behaviour that
 * is not decided, waits for the guard to read its log, and knocks at each door.
 */
#include "check/guard.h"

#include <math.h>

#include "check/check.h"

enum {
	PROBE_PATIENCE = 5,
	COVER_PATIENCE = 3, /* for further ports, when the first was dropped in silence */
	CONFIRM_AFTER = 10,
	LIMIT_AFTER = 75, /* limits per minute are over then */
	TARPIT_MORE = 1,  /* seconds to the greeting, more than at first */
};

/* ---------------------------------------------------------------- sources */

void guard_assign(struct run *r)
{
	static const char letters[BEHAVIOURS] = { 'a', 'b', 'c' };
	struct guard_report *g = arena_alloc(r->arena, sizeof *g);
	struct source *free_ones[SOURCES_MAX];
	size_t n = 0, wanted = r->o->user ? BEHAVIOURS : BEHAVIOURS - 1, next;

	r->guard = g;
	for (size_t i = 0; i < r->n_sources; i++)
		if (r->sources[i].role == SOURCE_FREE && n < SOURCES_MAX)
			free_ones[n++] = &r->sources[i];
	next = n > wanted ? n - wanted : 0;
	for (size_t i = 0; i < BEHAVIOURS; i++) {
		struct series *s = &g->series[i];

		s->letter = letters[i];
		if (s->letter == 'b' && !r->o->user) {
			s->state = SERIES_UNKNOWN;
			s->why = "no test account";
			s->hint = "give --user and --password-file";
		} else if (next < n) {
			s->source = free_ones[next++];
			s->source->role = SOURCE_GUARD;
		} else {
			s->state = SERIES_UNKNOWN;
			s->why = "no address is left for it: each behaviour needs its own";
			s->hint = "give one more --source";
		}
	}
	/* who looks whether the server is still there, unless somebody was named */
	for (size_t i = 0; i < r->n_sources; i++)
		if (r->sources[i].role == SOURCE_OBSERVER)
			return;
	if (n > wanted)
		free_ones[n - wanted - 1]->role = SOURCE_OBSERVER;
}

bool guard_will_test(const struct run *r, char letter)
{
	for (size_t i = 0; r->guard && i < BEHAVIOURS; i++)
		if (r->guard->series[i].letter == letter)
			return r->guard->series[i].source != NULL;
	return false;
}

static unsigned series_count(const struct run *r)
{
	unsigned n = 0;

	for (size_t i = 0; i < BEHAVIOURS; i++)
		n += r->guard->series[i].source != NULL;
	return n;
}

unsigned guard_connections(const struct run *r)
{
	/*
	 * a first look; an attempt and a knock each, and knocks that find a slow server;
	 * confirmation by this and other ports; the observer; at the end two logins
	 */
	return series_count(r) * (1 + 2 * ATTEMPTS_MAX + 4 + PORTS + 1) + 2;
}

unsigned guard_connections_usual(const struct run *r)
{
	const unsigned rounds = 5; /* what most guards allow */

	return series_count(r) * (1 + 2 * rounds + PORTS + 1);
}

double guard_longest(const struct run *r)
{
	return ATTEMPTS_MAX * (series_count(r) * 2 * (PACE + 2) + r->o->settle + 17) +
	       series_count(r) * (4 * PROBE_PATIENCE + CONFIRM_AFTER) + LIMIT_AFTER;
}

/* Somebody else who can tell whether the server is up: an observer, a free source, one in a series.
 */
static struct source *find_observer(struct run *r, const struct series *s)
{
	struct source *best = NULL;

	for (size_t i = 0; i < r->n_sources; i++) {
		struct source *o = &r->sources[i];

		if (o->shut || o == s->source || o->role == SOURCE_GUARD)
			continue;
		if (o->role == SOURCE_OBSERVER)
			return o;
		best = best ? best : o;
	}
	for (size_t i = 0; !best && i < BEHAVIOURS; i++) {
		const struct series *other = &r->guard->series[i];

		if (other != s && other->source && other->state == SERIES_RUNS && other->tried &&
		    other->last_door == DOOR_OPEN)
			best = other->source;
	}
	return best;
}

/* ---------------------------------------------------------------- knocking */

static double patience(const struct series *s)
{
	return fmax(PROBE_PATIENCE, s->baseline + 3);
}

static void unknown(struct series *s, const char *why, const char *hint)
{
	s->state = SERIES_UNKNOWN;
	s->why = why;
	s->hint = hint;
}

/* Of several bans the longest counts: only then the door opens. */
static bool ask_local_guards(struct run *r, struct series *s)
{
	for (size_t i = 0; i < r->n_guards; i++) {
		struct local_ban ban;

		run_progress(r, "asking the guard at %s", r->guards[i].shown);
		if (!local_guard_ban(&r->guards[i], &s->source->ip, r->arena, &ban))
			continue;
		if (!s->ban_known ||
		    (s->ban.seconds != -1 && (ban.seconds == -1 || ban.seconds > s->ban.seconds)))
			s->ban = ban;
		s->ban_known = true;
	}
	return s->ban_known;
}

/* Before the first attempt every door must be open. */
static void look_first(struct run *r, struct series *s)
{
	struct probe p;

	s->acts_before = s->source->acts;
	s->endpoint = endpoint_for_login(r, s->source);
	if (!s->endpoint) {
		unknown(s, "no port offers AUTH over TLS to this address",
			"see TLS-02 and AUTH-04; give a --source of the server's family");
		return;
	}
	if (ask_local_guards(r, s)) {
		unknown(s, "the guard here bans this address already",
			"lift the ban of an earlier run, or give other addresses (--source)");
		return;
	}
	p = door_probe(r, s->endpoint, s->source, WAIT_GREETING);
	s->baseline = p.seconds;
	if (p.door != DOOR_OPEN)
		unknown(s,
			run_text(r, "the door was closed before the first attempt: %s", p.detail),
			"lift the ban of an earlier run, or give other addresses (--source)");
}

static void knock(struct run *r, struct series *s)
{
	struct probe p = door_probe(r, s->endpoint, s->source, patience(s));

	s->last_door = p.door;
	if (s->made > 0) {
		s->attempts[s->made - 1].probe = door_name(p.door);
		s->attempts[s->made - 1].probe_seconds = p.seconds;
	}
	s->tarpit |= p.door == DOOR_OPEN && p.seconds > s->baseline + TARPIT_MORE;
	if (p.door == DOOR_OPEN || p.door == DOOR_UNKNOWN)
		return;
	s->suspected = engine_elapsed(r->engine);
	s->kind = p.door;
	if (p.evidence)
		s->evidence = p.evidence;
}

/* Which other ports of the address are closed as well? */
static void look_around(struct run *r, struct series *s)
{
	double wait = s->kind == DOOR_DROP ? COVER_PATIENCE : patience(s);

	s->n_open = s->n_closed = 0;
	for (size_t i = 0; i < r->n_endpoints; i++) {
		struct endpoint *e = &r->endpoints[i];
		struct probe p;

		if (e == s->endpoint || e->reach != HERE || e->greeting.code != 220 ||
		    !ip_eq(&e->address, &s->endpoint->address))
			continue;
		p = door_probe(r, e, s->source, wait);
		if (p.door == DOOR_UNKNOWN)
			continue;
		if (p.door == DOOR_OPEN) {
			/* where no login is taken, an attacker cannot go on */
			if (e->mechanisms || e->auth_clear)
				s->still_open[s->n_open++] = e->port;
		} else {
			s->closed[s->n_closed++] = e->port;
			s->kind = p.door; /* the first look may have been cut off in its middle */
		}
	}
}

/*
 * Looks again, some seconds later, and at the other ports, too: closed ones confirm it as well as
 * the same one would.  False: the door is open after all.
 */
static bool is_still_closed(struct run *r, struct series *s)
{
	bool limit = s->kind == DOOR_LIMIT;
	double after = limit ? LIMIT_AFTER : CONFIRM_AFTER;
	struct probe p;

	/* a limit per minute must have its minute */
	if (!limit)
		after = engine_wait_cap(r->engine, after);
	engine_pause(r->engine, s->suspected + after - engine_elapsed(r->engine),
		     limit ? "a limit per minute would be over by then (421)"
			   : "a closed door is looked at twice");
	s->suspected = 0;
	if (!limit)
		look_around(r, s);
	if (limit || s->n_closed == 0 || s->n_open > 0) {
		p = door_probe(r, s->endpoint, s->source, patience(s));
		if (p.door == DOOR_UNKNOWN) {
			unknown(s, run_text(r, "could not look again: %s", p.detail), "try again");
			return false;
		}
		if (p.door == DOOR_OPEN) {
			s->n_open = s->n_closed = 0;
			s->limited |= limit;
			s->slowed |= !limit;
			return false;
		}
		s->kind = p.door;
		if (limit)
			look_around(r, s);
	}
	s->closed[s->n_closed++] = s->endpoint->port;
	return true;
}

/* The door was seen closed once: is it, and for this address only? */
static void confirm(struct run *r, struct series *s)
{
	struct source *o;
	struct endpoint *e;

	if (!is_still_closed(r, s))
		return;
	s->door_closed = true;
	o = find_observer(r, s);
	e = o ? endpoint_for_login(r, o) : NULL;
	if (!e) {
		unknown(s,
			run_text(r,
				 "the door closed after %u %s (%s), but nobody could look whether "
				 "the server is still up",
				 s->counted, guard_behaviour(s->letter), door_name(s->kind)),
			"give an --observer: one more address, that does nothing wrong");
		return;
	}
	if (door_probe(r, e, o, patience(s)).door != DOOR_OPEN) {
		unknown(s,
			"the door closed for the observer, too: the server is down, or a whole "
			"network is banned",
			"see that the server is up; give an --observer in another network");
		return;
	}
	s->state = SERIES_BLOCKED;
	s->source->shut = true;
}

/* ---------------------------------------------------------------- rounds */

static void tell_round(const struct run *r, unsigned round)
{
	struct buf b _buf_free_ = { 0 };

	for (size_t i = 0; i < BEHAVIOURS; i++) {
		const struct series *s = &r->guard->series[i];

		if (!s->tried)
			continue;
		buf_printf(&b, "%s%s %u: %s", b.n ? ", " : "", guard_behaviour(s->letter), s->made,
			   s->state == SERIES_ACCEPTED  ? "accepted"
			   : s->state == SERIES_BLOCKED ? "door closed"
			   : s->state == SERIES_UNKNOWN ? "cannot tell"
							: "still open");
	}
	run_say(r, "round %u: %s", round, buf_z(&b));
}

/* The attempts that are due. False: none is; *when is the next. */
static bool attempt_all(struct run *r, double *when)
{
	bool any = false;

	*when = INFINITY;
	for (size_t i = 0; i < BEHAVIOURS; i++) {
		struct series *s = &r->guard->series[i];

		s->tried = false;
		if (s->state != SERIES_RUNS)
			continue;
		if (s->not_before > engine_elapsed(r->engine)) {
			*when = fmin(*when, s->not_before);
			continue;
		}
		run_progress(r, "guard test: %s %u of %d", guard_behaviour(s->letter), s->made + 1,
			     ATTEMPTS_MAX);
		(void)guard_attempt(r, s); /* a door that was closed is seen by the knock */
		any = s->tried = true;
	}
	return any;
}

static void finish_round(struct run *r)
{
	for (size_t i = 0; i < BEHAVIOURS; i++) {
		struct series *s = &r->guard->series[i];

		if (s->tried && s->state == SERIES_RUNS)
			knock(r, s);
	}
	for (size_t i = 0; i < BEHAVIOURS; i++) {
		struct series *s = &r->guard->series[i];

		if (s->state == SERIES_RUNS && s->suspected > 0)
			confirm(r, s);
		if (s->state == SERIES_RUNS && s->made >= ATTEMPTS_MAX)
			s->state = SERIES_NEVER;
	}
}

static void rounds(struct run *r)
{
	/* an attempt may come to nothing, and there is a round without one: twice is enough */
	for (unsigned round = 1; round <= 2 * ATTEMPTS_MAX && !engine_late(r->engine);) {
		double when;

		if (!attempt_all(r, &when)) {
			if (isinf(when))
				return;
			engine_pause(r->engine, when - engine_elapsed(r->engine),
				     "the server answers guesses more and more slowly; it forgets");
			continue;
		}
		engine_pause(r->engine, r->o->settle, "the guard reads its log");
		finish_round(r);
		tell_round(r, round++);
	}
	for (size_t i = 0; i < BEHAVIOURS; i++)
		if (r->guard->series[i].state == SERIES_RUNS)
			unknown(&r->guard->series[i], "the attempts could not be made",
				"try again");
}

/* Is the right password refused to who guessed, while others may use it? */
static void look_for_soft_block(struct run *r, struct series *s)
{
	struct source *o = find_observer(r, s);
	struct session x;
	bool refused;

	r->cost = ACT_LOGIN;
	if (s->letter != 'a' || s->state != SERIES_NEVER || !r->login_works || !o || !act_may(r, o))
		return;
	refused = !session_open(r, s->endpoint, s->source, SESSION_LOGIN, &x) &&
		  x.end == SESSION_LOGIN_REFUSED;
	session_close(r, &x, CLOSE_QUIT);
	if (!refused)
		return;
	if (session_open(r, s->endpoint, o, SESSION_LOGIN, &x))
		s->soft = true;
	session_close(r, &x, CLOSE_QUIT);
}

void guard_run(struct run *r)
{
	struct guard_report *g = r->guard;

	session_share_end(r);
	engine_extend(r->engine, 2 * guard_longest(r));
	for (size_t i = 0; i < BEHAVIOURS; i++)
		if (g->series[i].source)
			look_first(r, &g->series[i]);
	rounds(r);
	for (size_t i = 0; i < BEHAVIOURS; i++) {
		look_for_soft_block(r, &g->series[i]);
		if (g->series[i].state == SERIES_BLOCKED)
			(void)ask_local_guards(r, &g->series[i]);
	}
}
