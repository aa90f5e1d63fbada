/*
 * Properties of an action while it runs: the first of the two passes in which Fail2ban fills a
 * command (behaviour section 2.2).  Tags that name a property are replaced by its value, with the
 * variant for an address family first (`blocktype?family=inet6` before `blocktype`), until nothing
 * changes.  Trusted input, but circles and unbounded growth are errors.  Tags that nothing names
 * (`<ip>`, `<matches>`) stay for the second pass.
 */
#pragma once

#include "base/err.h"
#include "base/value.h"

struct property_scope {
	const struct value *properties; /* dict of str */
	const char *family;             /* "inet4", "inet6"; NULL: not known */
	const char *fq_hostname;        /* <fq-hostname>; NULL: the tag stays */
	const char *sh_hostname;        /* <sh-hostname> */
};

/* The value for the family, or STR_NULL. */
str property_find(const struct property_scope *s, str name);
/* Is there a property with a condition (`...?family=...`)? */
bool property_has_conditions(const struct value *properties);
/* -ELOOP: 26 rounds were not enough; -E2BIG: it grew beyond a mebibyte. */
int property_expand(const struct property_scope *s, str text, struct arena *arena, str *out,
		    struct err *err) __attribute__((warn_unused_result));
/* Is the byte one that Fail2ban escapes or hands over as a variable? */
bool property_is_special(char c);
