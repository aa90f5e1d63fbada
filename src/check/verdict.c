/*
 * The verdict; see verdict.h.
 */
#include "check/verdict.h"

#include "check/check.h"

const char *result_name(enum result v)
{
	static const char *const names[] = { "safe", "upgrade", "unknown" };

	return names[v];
}

bool finding_is_missing(const struct finding *f)
{
	return f->check->required && !f->optional && (f->status == UNKNOWN || f->status == SKIP);
}

static enum status requirement_of(const struct run *r, enum requirement requirement)
{
	bool passed = false, missing = false;

	for (size_t i = 0; i < r->n_findings; i++) {
		const struct finding *f = &r->findings[i];

		if (f->check->requirement != requirement)
			continue;
		if (f->status == FAIL)
			return FAIL;
		missing |= finding_is_missing(f);
		passed |= f->check->required && (f->status == PASS || f->status == WARN);
	}
	return passed && !missing ? PASS : UNKNOWN;
}

const char *finding_ports(const struct run *r, const struct check *c, enum status s)
{
	static const uint16_t ports[PORTS] = { 25, 587, 465 };
	struct buf b _buf_free_ = { 0 };

	for (size_t k = 0; k < PORTS; k++) {
		bool there = false;

		for (size_t i = 0; i < r->n_findings; i++) {
			const struct finding *f = &r->findings[i];

			there |= f->check == c && f->status == s && f->endpoint &&
				 f->endpoint->port == ports[k];
		}
		if (there)
			buf_printf(&b, "%s%u", b.n ? ", " : "", ports[k]);
	}
	return arena_str(r->arena, buf_str(&b)).p;
}

/* The worst fault of a requirement, in words. */
static void add_fault(struct buf *out, const struct run *r, enum requirement requirement)
{
	const struct finding *worst = NULL;
	const char *ports;

	for (size_t i = 0; i < r->n_findings; i++) {
		const struct finding *f = &r->findings[i];

		if (f->check->requirement == requirement && f->status == FAIL &&
		    (!worst || f->severity > worst->severity))
			worst = f;
	}
	if (!worst)
		return;
	ports = finding_ports(r, worst->check, FAIL);
	buf_printf(out, "%s%s %s", out->n ? "; " : "", requirement_name(requirement),
		   requirement == R3 ? worst->why : worst->check->fault);
	if (*ports && worst->check->ports && worst->check->ports != PORT_LOGIN)
		buf_printf(out, " on %s", ports);
}

static void add_gap(struct buf *out, enum requirement requirement, enum status s)
{
	static const char *const names[REQUIREMENTS] = {
		[R1] = "secure logins",
		[R2] = "authorised senders",
		[R3] = "the guard",
	};

	if (s == UNKNOWN)
		buf_printf(out, "%s%s %s", out->n ? "; " : "", requirement_name(requirement),
			   names[requirement]);
}

struct verdict verdict_of(const struct run *r)
{
	struct verdict v = { .result = RESULT_SAFE };
	struct buf why _buf_free_ = { 0 };

	for (enum requirement q = R1; q < REQUIREMENTS; q++) {
		v.requirements[q] = requirement_of(r, q);
		if (v.requirements[q] == FAIL)
			v.result = RESULT_UPGRADE;
		else if (v.requirements[q] == UNKNOWN && v.result == RESULT_SAFE)
			v.result = RESULT_UNKNOWN;
	}
	for (enum requirement q = R1; q < REQUIREMENTS; q++)
		if (v.result == RESULT_UPGRADE)
			add_fault(&why, r, q);
		else
			add_gap(&why, q, v.requirements[q]);
	switch (v.result) {
	case RESULT_SAFE:
		v.text = "safe";
		break;
	case RESULT_UPGRADE:
		v.text = run_text(r, "needs a security upgrade (%s)", buf_z(&why));
		break;
	case RESULT_UNKNOWN:
		v.text = run_text(r, "cannot tell (not known: %s)", buf_z(&why));
		break;
	}
	return v;
}
