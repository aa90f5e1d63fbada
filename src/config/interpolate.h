/*
 * `%(name)s` in values (behaviour section 1.4), and looking up a key where such names apply.
 * Trusted input, yet values that refer to each other in circles or grow without end are errors.
 */
#pragma once

#include "config/reader.h"

enum {
	VALUE_MAX = 1 << 20, /* bytes of one expanded value */
	INTERPOLATE_DEPTH_MAX = 10
};

/* Where a value is looked up; earlier members win. */
struct scope {
	struct reader *reader;
	const struct table
		*vars; /* lower-case name -> struct conf_key: explicit options; or NULL */
	const struct table
		*known; /* "known/NAME" -> struct conf_key, of a jail's filter; or NULL */
	const struct conf *conf;
	const struct conf_section *section; /* may be NULL: [DEFAULT] alone */
};

/* The raw value and its place, or NULL. The name may be written in any case. */
const struct conf_key *scope_find(const struct scope *s, str name);
/*
 * The expanded value, in the reader's arena.  -ENOENT (err untouched): there is no such key;
 * -EINVAL and *err (file, line, key and value): it cannot be expanded.
 */
int scope_get(const struct scope *s, str name, str *out, struct err *err)
	__attribute__((warn_unused_result));
/* Lower-case (ASCII) copy in the arena. */
str lower_copy(struct arena *a, str s);
