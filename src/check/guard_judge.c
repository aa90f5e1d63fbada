/*
 * GRD-a, GRD-b, GRD-c: what the attempts say of R3.
 */
#include "check/check.h"
#include "check/guard.h"
#include "check/tcp.h"

static const char *kind_name(enum door d)
{
	switch (d) {
	case DOOR_DROP:
		return "then silence";
	case DOOR_REJECT:
		return "then refused connections";
	case DOOR_APP:
		return "then connections that end at once";
	case DOOR_SMTP:
		return "then refused by the mail server";
	case DOOR_LIMIT:
		return "then 421 instead of a greeting";
	case DOOR_OPEN:
	case DOOR_UNKNOWN:
		break;
	}
	return "then closed";
}

static const char *duration(const struct run *r, int64_t seconds)
{
	if (seconds < 0)
		return "for ever";
	if (seconds % 3600 == 0)
		return run_text(r, "%lld h", (long long)seconds / 3600);
	if (seconds < 6000 || seconds % 60)
		return seconds % 60 ? run_text(r, "%lld s", (long long)seconds)
				    : run_text(r, "%lld min", (long long)seconds / 60);
	return run_text(r, "%lld h %lld min", (long long)seconds / 3600,
			(long long)seconds % 3600 / 60);
}

/* Guards spare the machine itself: no block seen from there is no fault of theirs. */
static bool is_spared(const struct series *s)
{
	return s->source->ip.family &&
	       (ip_is_loopback(&s->source->ip) || tcp_can_come_from(&s->endpoint->address));
}

static void judge_never(struct run *r, const struct check *c, struct series *s)
{
	const char *what = guard_behaviour(s->letter), *but = "";
	struct finding *f;

	if (s->counted < ATTEMPTS_MOST || is_spared(s)) {
		f = finding_add(
			r, c, s->endpoint, UNKNOWN, "%u %s, never blocked%s", s->counted, what,
			is_spared(s)       ? "; but guards spare the machine's own addresses"
			: s->unchecked > 0 ? run_text(r,
						      ", but %u more were not even looked at "
						      "by the server (4xx)",
						      s->unchecked)
					   : "");
		f->hint = is_spared(s)
				  ? "run it from another machine"
				  : "see that the server's login service is well, then try again";
		f->evidence = s->evidence;
		return;
	}
	if (s->soft)
		but = "; the right password is refused, too, but the door is open";
	else if (s->limited)
		but = "; only a limit per minute";
	else if (s->slowed || s->tarpit)
		but = "; answers only slow down";
	f = finding_add(r, c, s->endpoint, FAIL, "%u %s from %s: never blocked%s", s->counted, what,
			s->source->name, but);
	f->evidence = s->evidence;
}

/* "after 5 wrong logins (connections are refused), for 4 h by fail2ban's jail postfix" */
static const char *block_text(const struct run *r, const struct series *s)
{
	const char *text = run_text(r, "after %u %s, %s", s->counted, guard_behaviour(s->letter),
				    kind_name(s->kind));

	if (s->acts_before)
		text = run_text(r, "%s (and %u other act%s before)", text, s->acts_before,
				s->acts_before > 1 ? "s" : "");
	if (s->ban_known)
		text = run_text(r, "%s, %s%s by %s's jail %s", text,
				s->ban.seconds < 0 ? "" : "for ", duration(r, s->ban.seconds),
				s->ban.guard, s->ban.jail);
	return text;
}

static void judge_blocked(struct run *r, const struct check *c, struct series *s)
{
	const char *text = block_text(r, s);
	struct finding *f = finding_add(r, c, s->endpoint, PASS, "%s", text);
	int64_t ban = s->ban.seconds;

	f->evidence = s->evidence;
	if (s->counted == 0) {
		f->status = UNKNOWN;
		f->why = run_text(r, "the door closed before the server had refused anything: %s",
				  text);
		f->hint = "find out why; then try again";
	} else if (s->counted > ATTEMPTS_MOST) {
		f->status = FAIL;
		f->why = run_text(r, "blocked %s: too late, %d are enough", text, ATTEMPTS_MOST);
	} else if (s->n_open > 0) {
		f->status = FAIL;
		f->why =
			run_text(r, "blocked %s; but port %u stays open: an attacker goes on there",
				 text, s->still_open[0]);
	} else if (!s->ban_known) {
		f->status = UNKNOWN;
		f->why = run_text(r, "%s; for how long is not known", text);
		f->hint =
			"let its guard be asked for the ban time: run it as root where the guard's "
			"socket is, or name one (-s SOCKET) that is forwarded from there";
	} else if (ban >= 0 && ban < BAN_LEAST) {
		f->status = FAIL;
		f->why = run_text(r, "blocked %s: too short, 3 to 24 hours are wanted", text);
	} else if (ban < 0 || ban > BAN_MOST) {
		f->status = WARN;
		f->why = run_text(r, "blocked %s: longer than the recommended 24 hours", text);
	} else if (s->counted + s->acts_before < ATTEMPTS_LEAST) {
		f->status = WARN;
		f->why = run_text(r,
				  "blocked %s: sooner than the recommended %d; who mistypes is "
				  "locked out",
				  text, ATTEMPTS_LEAST);
	}
	f->severity = f->status == FAIL   ? c->severity
		      : f->status == PASS ? SEVERITY_OK
					  : SEVERITY_LOW;
}

void check_guard(struct run *r, const struct check *c, struct endpoint *e)
{
	struct series *s = &r->guard->series[c->id[4] - 'a'];
	struct finding *f;

	(void)e;
	switch (s->state) {
	case SERIES_BLOCKED:
		judge_blocked(r, c, s);
		return;
	case SERIES_NEVER:
		judge_never(r, c, s);
		return;
	case SERIES_ACCEPTED:
		f = finding_add(r, c, s->endpoint, FAIL,
				s->letter == 'a'
					? "the login is let in: there is nothing to block"
					: "the sender is accepted: there is nothing to block");
		f->evidence = s->evidence;
		return;
	case SERIES_RUNS:
	case SERIES_UNKNOWN:
		break;
	}
	f = finding_add(r, c, s->endpoint, UNKNOWN, "%s", s->why);
	f->hint = s->hint;
	f->evidence = s->evidence;
}
