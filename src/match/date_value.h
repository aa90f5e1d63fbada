/*
 * From the groups of a matched date to seconds since the epoch (fail2ban-behaviour.md section 4.5).
 * The text is hostile.
 */
#pragma once

#include <time.h>

#include "match/date_template.h"

enum date_result {
	DATE_OK,
	DATE_NONE, /* no such day or hour, a word that is no time zone: as if there were no date */
	DATE_FAULTY, /* Fail2ban trips over it and drops the line */
};

/* Local time is slow to compute; consecutive lines share an hour. Zero-initialised is fine. */
struct date_clock {
	bool fixed_zone; /* logtimezone: dates without a zone are of this one */
	int zone_minutes;
	bool hour_known;
	int64_t hour, hour_start; /* naive hours since 1970; when that was */
	bool now_known;
	int64_t now;       /* the second that the next three are of */
	int64_t now_naive; /* local wall time as if it were UTC */
};

/* `line` is what t->regex has just matched. */
enum date_result date_value(const struct date_template *t, str line, double now,
			    struct date_clock *clock, double *when);
