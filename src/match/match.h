/*
 * What a filter makes of a line: a match says which id failed, when, and how the log showed it.
 * Values are bytes of a hostile log.  They live in the filter's line arena: valid until the next
 * filter_line() on the same filter.
 */
#pragma once

#include "base/fid.h"

struct match_field {
	str name; /* lower case: "user", "ip4", "mlfid" ... */
	str value;
};

/* A matched line as cut by the date detector; its text is prefix + date + suffix. */
struct match_line {
	str prefix, date, suffix;
};

struct match {
	struct fid id;
	str host;    /* .n > 0: a host name to be resolved first; id is not set then */
	double time; /* seconds since the epoch; NAN only without filter_time.check_age */
	struct match_field *fields; /* captured groups in Fail2ban's names, unset ones left out */
	unsigned n_fields;
	struct match_line *lines;
	unsigned n_lines;
	str *users; /* distinct users of the session, when it is followed by MLFID */
	unsigned n_users;
};

/* A field's value, or STR_NULL. */
str match_field(const struct match *m, str name);
