/*
 * `name[option="value", ...]`: how filters, actions and a few others are given parameters
 * (behaviour section 1.5), and the list of them that `action =` holds.  Trusted input.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum {
	OPTIONS_MAX = 1000 /* options of one name */
};

struct option {
	str name, value; /* parts of the text that was parsed */
};

struct options {
	str name;             /* everything before the first '[' */
	struct option *items; /* in the order written; the same name may come twice */
	size_t n;
};

/* -EINVAL and *err when the text is something else. The array lives in the arena. */
int options_parse(struct arena *arena, str text, struct options *out, struct err *err)
	__attribute__((warn_unused_result));
/*
 * The next `name[...]` of a list separated by blanks and newlines; blanks are allowed within and
 * before the brackets.  Text of any other shape yields its next run without blanks, for
 * options_parse() to refuse.  False when nothing is left.
 */
bool options_next(str *rest, str *one);
