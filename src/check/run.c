/*
 * Findings, endpoints and words of a run; see run.h.
 */
#include "check/check.h"

#include <assert.h>

#include "check/session.h"

const char *status_name(enum status s)
{
	static const char *const names[STATUSES] = {
		[PASS] = "pass",       [FAIL] = "fail", [WARN] = "warn", [INFO] = "info",
		[UNKNOWN] = "unknown", [SKIP] = "skip", [NA] = "na",
	};
	return names[s];
}

const char *severity_name(enum severity s)
{
	static const char *const names[] = { "ok", "info", "low", "medium", "high", "critical" };

	return names[s];
}

const char *requirement_name(enum requirement r)
{
	static const char *const names[REQUIREMENTS] = { NULL, "R1", "R2", "R3" };

	return names[r];
}

const char *run_text(const struct run *r, const char *fmt, ...)
{
	struct buf b _buf_free_ = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	return arena_str(r->arena, buf_str(&b)).p;
}

static void tell(const struct run *r, bool lasting, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));
static void tell(const struct run *r, bool lasting, const char *fmt, va_list ap)
{
	struct buf b _buf_free_ = { 0 };

	if (!r->progress)
		return;
	buf_vprintf(&b, fmt, ap);
	r->progress(r->progress_arg, lasting, buf_z(&b));
}

void run_progress(const struct run *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(r, false, fmt, ap);
	va_end(ap);
}

void run_say(const struct run *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(r, true, fmt, ap);
	va_end(ap);
}

/* ---------------------------------------------------------------- findings */

static enum severity severity_of(const struct check *c, enum status s)
{
	switch (s) {
	case FAIL:
		return c->severity;
	case WARN:
		return c->severity < SEVERITY_MEDIUM ? c->severity : SEVERITY_MEDIUM;
	case PASS:
		return SEVERITY_OK;
	case INFO:
	case UNKNOWN:
	case SKIP:
	case NA:
	case STATUSES:
		break;
	}
	return SEVERITY_INFO;
}

struct finding *finding_add(struct run *r, const struct check *c, const struct endpoint *e,
			    enum status status, const char *fmt, ...)
{
	struct buf b _buf_free_ = { 0 };
	struct finding *f;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	if (r->n_findings == r->findings_room) {
		r->findings_room = r->findings_room ? 2 * r->findings_room : 64;
		r->findings = xreallocarray(r->findings, r->findings_room, sizeof *r->findings);
	}
	f = &r->findings[r->n_findings++];
	*f = (struct finding){ .check = c,
			       .status = status,
			       .severity = severity_of(c, status),
			       .endpoint = e,
			       .why = arena_str(r->arena, buf_str(&b)).p };
	return f;
}

static bool is_answer(enum status s)
{
	return s != UNKNOWN && s != SKIP;
}

static bool is_of(const struct finding *f, const char *id, const struct endpoint *e)
{
	return strcmp(f->check->id, id) == 0 && (!e || f->endpoint == e);
}

const struct finding *finding_answer(const struct run *r, const char *id, const struct endpoint *e)
{
	for (size_t i = 0; i < r->n_findings; i++)
		if (is_of(&r->findings[i], id, e) && is_answer(r->findings[i].status))
			return &r->findings[i];
	return NULL;
}

void finding_forget(struct run *r, const char *id, const struct endpoint *e)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->n_findings; i++)
		if (!is_of(&r->findings[i], id, e) || is_answer(r->findings[i].status))
			r->findings[kept++] = r->findings[i];
	r->n_findings = kept;
}

struct finding *finding_add_missing(struct run *r, const struct check *c, struct endpoint *e,
				    enum status status, const char *why, const char *hint)
{
	struct finding *f = finding_add(r, c, e, status, "%s", why);

	f->hint = hint;
	return f;
}

/* ---------------------------------------------------------------- endpoints, sources */

bool run_unban(struct run *r, const struct source *s)
{
	bool lifted = false;

	if (!s->ip.family)
		return false;
	run_progress(r, "asking the guard to lift the ban of %s", s->name);
	for (size_t i = 0; i < r->n_guards; i++)
		lifted |= local_guard_unban(&r->guards[i], &s->ip, r->arena);
	if (lifted)
		run_say(r, "the ban of %s is lifted", s->name);
	return lifted;
}

bool source_reaches(const struct source *s, const struct endpoint *e)
{
	return s->ip.family == 0 || s->ip.family == e->address.family;
}

bool endpoint_is_open(const struct endpoint *e)
{
	return e->reach == HERE && e->refusals < 2;
}

struct endpoint *endpoint_for_login(struct run *r, const struct source *s)
{
	static const uint16_t order[PORTS] = { 587, 465, 25 };

	for (size_t i = 0; i < PORTS; i++)
		for (size_t k = 0; k < r->n_endpoints; k++) {
			struct endpoint *e = &r->endpoints[k];

			if (e->port == order[i] && e->mechanisms && endpoint_is_open(e) &&
			    (!s || source_reaches(s, e)))
				return e;
		}
	return NULL;
}

struct source *source_for_look(struct run *r, const struct endpoint *e)
{
	struct source *any = NULL;

	for (size_t i = 0; i < r->n_sources; i++) {
		struct source *s = &r->sources[i];

		if (!source_reaches(s, e))
			continue;
		if (act_may(r, s) && s->role == SOURCE_FREE)
			return s;
		if (!any || (!act_may(r, any) && act_may(r, s)))
			any = s;
	}
	return any;
}
