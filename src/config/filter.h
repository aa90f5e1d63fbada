/*
 * A filter of filter.d with the options a jail gives it (behaviour section 1.6, steps 2 and 3).
 */
#pragma once

#include "config/options.h"
#include "config/reader.h"

struct config_filter {
	struct table *all;   /* -> struct conf_key: everything it defines, resolved */
	struct table *given; /* what came from `[...]` or [Init], in that order */
};

/* What a jail may set as well as its filter; ended by NULL, in the order of the stream. */
extern const char *const config_filter_keys[];

/*
 * `backend` decides between the two forms of a log line: from a file, or from the journal.  Of the
 * jail's options (-> struct conf_key), `basic` ones may be named by any value of the filter; `jail`
 * ones (with the basic among them) win over keys of the same name in [Definition].
 */
int config_filter_read(struct reader *r, const struct options *options, str backend,
		       const struct table *basic, const struct table *jail,
		       struct config_filter *out, struct err *err)
	__attribute__((warn_unused_result));
