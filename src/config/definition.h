/*
 * What filter.d/X and action.d/X have in common: [Definition] and [Init], with the options that a
 * jail passes in `X[option=value]` over them (behaviour section 1.6, step 3).  Trusted input.
 */
#pragma once

#include "config/interpolate.h"
#include "config/options.h"

struct definition {
	struct reader *reader;
	const struct conf *conf;
	/*
	 * Explicit options, -> struct conf_key: first those of the jail as they were written, then
	 * (definition_add_init) the keys of [Init] they leave open, and every one as "known/KEY".
	 */
	struct table *given;
	struct table *args; /* of these, only what the jail wrote */
	struct table *vars; /* the jail's, by lower-case name: for %(name)s and <name> */
	struct scope scope; /* of [Definition] */
};

/*
 * `folder` is "filter.d" or "action.d".  `jail` (-> struct conf_key, or NULL) holds options of the
 * jail that win over keys of [Definition], yet not over `options`.  Errors name the file at fault.
 */
int definition_open(struct definition *d, struct reader *r, const char *folder,
		    const struct options *options, const struct table *jail, struct err *err)
	__attribute__((warn_unused_result));
/* One more explicit option, unless it is there. */
void definition_give(struct definition *d, str name, str value);
/* Has the section [Definition] itself (not [DEFAULT]) this key? */
bool definition_has(const struct definition *d, str name);
int definition_add_init(struct definition *d, struct err *err) __attribute__((warn_unused_result));
/*
 * The value of a key (in lower case) of [Definition], as a new struct conf_key for tags to be
 * resolved in. -ENOENT: there is none.
 */
int definition_get(const struct definition *d, str name, struct conf_key **out, struct err *err)
	__attribute__((warn_unused_result));
/* Names in `options` that have a variant for a condition ("x?family=inet6"), added to `ignore`. */
void definition_add_conditional(const struct table *options, struct table *ignore);
