/*
 * A compiled pattern: Python's dialect, run by PCRE2.  Patterns are configuration; subjects are
 * bytes of a hostile log, always valid UTF-8 (the caller repairs them first).
 *
 * A search is bounded.  PCRE2 counts steps and gives up at a limit: 200,000 for a pattern that can
 * match at one place only (`^..`), else as many as let all start positions of the subject together
 * make 4 million, but at least 1,000 each.  A step takes 2 to 4 ns in machine code (a fifth of the
 * limits hold where there is none), and the first attempt that reaches its limit ends the search:
 * a hostile line costs less than a millisecond with the patterns that are known as catastrophic,
 * such as `(a+)+$`, `(\w+\s?)+$` or `(a|aa)+$`.  A search that hits a limit gives no match.
 */
#pragma once

#include "base/err.h"

struct regex;
struct regex_space;

enum {
	REGEX_MULTILINE = 1, /* ^ and $ match at inner lines */
};

enum regex_result {
	REGEX_LIMIT = -1, /* gave up: counts as no match */
	REGEX_NO_MATCH = 0,
	REGEX_MATCH = 1,
};

/* What searches share: limits, the stack of machine code. One per filter. */
struct regex_space *regex_space_new(void);
void regex_space_free(struct regex_space *s);

/*
 * Compiles.  0, or -EINVAL with *err: Fail2ban's "Unable to compile regular expression '..':" and
 * what is wrong.  Names of groups point into the regex.
 */
int regex_new(str pattern, unsigned flags, struct regex **out, struct err *err)
	__attribute__((warn_unused_result));
void regex_free(struct regex *r);
/* The pattern as it was given. */
str regex_text(const struct regex *r);
/* Groups including group 0, the whole match; a group's name (.n 0: none); a name's group, or 0. */
unsigned regex_n_groups(const struct regex *r);
str regex_group_name(const struct regex *r, unsigned group);
unsigned regex_find_group(const struct regex *r, str name);
/* ASCII text that every match contains; .n 0: none is known. */
str regex_literal(const struct regex *r);

/*
 * Python's pattern.search(subject, from, subject.n): `^` is the start of the subject, look-behind
 * sees what is before `from`.  `ascii`: the subject has no byte above 0x7f.
 */
enum regex_result regex_search(struct regex *r, struct regex_space *space, str subject, bool ascii,
			       size_t from);
/* After REGEX_MATCH, until the next search with the same regex: false if it took no part. */
bool regex_span(const struct regex *r, unsigned group, size_t *start, size_t *end);
/* The text of a group out of that subject; STR_NULL if it took no part. */
str regex_group(const struct regex *r, str subject, unsigned group);
