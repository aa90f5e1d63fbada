/*
 * Static `<tag>` substitution (behaviour section 2.1): options of a filter or an action that name
 * each other, resolved when the configuration is read.  Tags that nothing defines (`<HOST>`,
 * `<ip>`) stay.  Trusted input; circles and unbounded growth are errors.
 */
#pragma once

#include "config/interpolate.h"

enum {
	TAG_REPEAT_MAX = 25 /* times that one tag is replaced within a value */
};

struct tags {
	struct table *options;      /* name -> struct conf_key: resolved in place */
	const struct table *ignore; /* names whose value and tag stay; or NULL */
	/* For names that are no option: its plain keys, and `section/key` of its configuration. */
	const struct scope *definition;
};

/* The part of "blocktype?family=inet6" before the '?', or STR_NULL. */
str tag_of_condition(str name);
int tags_resolve(const struct tags *t, struct err *err) __attribute__((warn_unused_result));
