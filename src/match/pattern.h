/*
 * A failregex, ignoreregex or prefregex: its tags expanded, compiled, and what its groups mean to
 * Fail2ban (fail2ban-behaviour.md sections 3.1 and 3.2).  Configuration; subjects are hostile.
 */
#pragma once

#include "config/config.h"
#include "match/fields.h"
#include "match/regex.h"

struct pattern {
	struct regex *regex;
	/* groups alt_NAME and tuple_NAME in the order of their names */
	struct pattern_part {
		unsigned group;
		bool tuple;
		str target; /* the field they go to */
	} * parts;
	unsigned n_parts;
};

/* 0, or -EINVAL with *err. `flags`: REGEX_MULTILINE. */
int pattern_init(struct pattern *p, str text, enum usedns usedns, unsigned flags, struct err *err)
	__attribute__((warn_unused_result));
void pattern_done(struct pattern *p);
/* Does it have a group that says who failed, or in which session? */
bool pattern_has_id(const struct pattern *p);
/* Puts the groups that took part in the latest match over *f; `a` holds what must be made. */
void pattern_fields(const struct pattern *p, str subject, struct arena *a, struct fields *f);
