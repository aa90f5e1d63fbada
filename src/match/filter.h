/*
 * One jail's filter: from a line to its matches (fail2ban-behaviour.md sections 3, 4, 5).
 * Lines are hostile; patterns are trusted but may be bad (filter_new says so) or slow (match
 * limits stop them; counted).  State kept between lines: the date detector's, the buffer of
 * `maxlines`, the MLFID sessions.  Same lines and same `now` give the same matches: nothing here
 * reads a clock.
 */
#pragma once

#include "base/err.h"
#include "config/config.h"
#include "match/match.h"

struct filter;

/* How a line is to be judged. */
struct filter_time {
	double now;         /* the present: for missing years, dates in the future, undated lines */
	double session_now; /* what MLFID sessions age by (5 minutes) */
	/*
	 * Drop lines older than now - findtime, keep odd dates in bounds, drop matches that have
	 * no date.  Off (command-line runs): the time of such a match is NAN.
	 */
	bool check_age;
	bool in_operation; /* the file was read to its end once: a date > 60 s off becomes now */
};

/* Things that a jail should say once, as a filter meets them. Set by filter_line, sticky. */
enum filter_notice {
	FILTER_MATCH_WITHOUT_DATE = 1 << 0,
	FILTER_ODD_TIME = 1 << 1,     /* "looks like a timezone problem" */
	FILTER_OLD_LINES = 1 << 2,    /* ignored: older than findtime */
	FILTER_BAD_ENCODING = 1 << 3, /* bytes replaced by U+FFFD */
	FILTER_LIMIT_HIT = 1 << 4,    /* a pattern gave up at its match limit */
};

struct filter_stats {
	uint64_t lines;        /* seen */
	uint64_t limit_hits;   /* patterns stopped by a match limit */
	unsigned notices;      /* enum filter_notice bits since filter_new */
	struct match_line odd; /* the line behind the latest notice; valid as matches are */
	double odd_time;       /* its date; NAN: not known */
};

/*
 * Compiles the jail's patterns.  Keeps pointers into `jail`.  0, or -EINVAL with *err: a pattern
 * that does not compile or names nobody, an unknown logencoding, datepattern or logtimezone.
 */
int filter_new(const struct config_jail *jail, struct filter **out, struct err *err)
	__attribute__((warn_unused_result));
void filter_free(struct filter *f);

/*
 * Judges one line (without its newline; not yet decoded).  Returns the number of matches and
 * points *out at them; 0 for the usual line.
 */
size_t filter_line(struct filter *f, str line, const struct filter_time *t,
		   const struct match **out) __attribute__((warn_unused_result));
/*
 * As filter_line for a line whose time is already known (journal): `date` is its text.
 */
size_t filter_dated_line(struct filter *f, str date, double when, str line,
			 const struct filter_time *t, const struct match **out)
	__attribute__((warn_unused_result));
/* A line that cannot match (prefilter.h says so): only its date is looked at. */
void filter_pass(struct filter *f, str line, const struct filter_time *t);
/*
 * ASCII texts one of which is in every line that the filter matches: fills at most `room` and
 * returns how many there are.  0: any line may match.  They belong to the filter.
 */
size_t filter_literals(const struct filter *f, str *out, size_t room);
const struct filter_stats *filter_stats(const struct filter *f);
/*
 * Only the date of a line, without touching any state: for seeking in a file. False: none found.
 */
bool filter_line_time(struct filter *f, str line, double now, double *when);
/*
 * Expanded text of one of the jail's failregex/ignoreregex, and of its prefregex (.n 0: none), as
 * `get JAIL failregex` shows it.
 */
str filter_expanded(const struct filter *f, const struct config_regex *regex);
str filter_expanded_prefregex(const struct filter *f);
/* Date formats in the order of trial: how many; the name of one and the lines it dated. */
size_t filter_n_dates(const struct filter *f);
str filter_date_name(const struct filter *f, size_t i, uint64_t *hits);

/*
 * Everything a later line's judgement depends on (sessions, date detector, buffer), as bytes, so
 * that a restarted engine goes on where the old one committed.  filter_restore ignores what it
 * cannot read (-EINVAL) and leaves the filter fresh.
 */
void filter_save(const struct filter *f, struct buf *out);
int filter_restore(struct filter *f, str saved) __attribute__((warn_unused_result));
