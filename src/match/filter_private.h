/* What filter.c, filter_time.c and filter_state.c share. Not for others. */
#pragma once

#include "match/date.h"
#include "match/filter.h"
#include "match/pattern.h"
#include "match/session.h"
#include "match/text.h"
#include "match/window.h"

struct filter {
	const struct config_jail *jail;
	struct pattern *fail, *ignore; /* as many as the jail has */
	struct pattern pref;           /* regex NULL: none */
	unsigned content_group;        /* of pref; 0: none */

	struct regex_space *space;
	struct text *text;
	struct date *date;
	struct window *window;
	struct sessions *sessions;

	/* the latest date: undated lines within a minute take it */
	bool has_last_date;
	double last_date;
	struct buf last_date_text;

	struct arena *line; /* what matches point into */
	struct buf content; /* the subject after prefregex cut it out */
	struct match match;
	struct filter_stats stats;
};

/* A line with its date cut out. */
struct dated_line {
	struct match_line line;
	bool ascii;
	bool has_time; /* else `when` means nothing */
	double when;
	bool no_date; /* none was found, `when` is a guess */
};

/* Sections 4.6 and 4.4: cuts the date out of the line. False: the line is to be left alone. */
bool filter_cut(struct filter *f, const struct text_line *line, const struct filter_time *t,
		struct dated_line *out);
/* Is it too old, or its time odd? False: leave it alone. */
bool filter_check_time(struct filter *f, const struct filter_time *t, struct dated_line *line);
void filter_notice(struct filter *f, enum filter_notice notice, const struct match_line *line,
		   double when);
