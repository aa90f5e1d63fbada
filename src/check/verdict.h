/*
 * From findings to three requirements to one word.  UNKNOWN never counts as safe.
 */
#pragma once

#include "check/run.h"

enum result { RESULT_SAFE, RESULT_UPGRADE, RESULT_UNKNOWN };

struct verdict {
	enum result result;
	enum status requirements[REQUIREMENTS]; /* PASS, FAIL or UNKNOWN; [0] is not used */
	const char *text; /* "needs a security upgrade (R1 AUTH is offered in clear text, ...)" */
};

struct verdict verdict_of(const struct run *r);
/* "safe", "upgrade", "unknown" */
const char *result_name(enum result v);
/* Is this finding one that keeps its requirement from passing for want of an answer? */
bool finding_is_missing(const struct finding *f);
/* The ports of all findings of this check with this status: "25, 587"; "" if it has none. */
const char *finding_ports(const struct run *r, const struct check *c, enum status s);
