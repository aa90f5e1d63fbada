/*
 * The date detector of a filter: finds the date in a line among many formats, and learns which to
 * try first (fail2ban-behaviour.md section 4.4).  Lines are hostile and valid UTF-8.
 */
#pragma once

#include "base/buf.h"
#include "match/date_value.h"

struct date;

struct date_hit {
	size_t start, end; /* the date itself, group 1, in bytes */
	enum date_result result;
	double when; /* if result is DATE_OK */
	bool empty;  /* matched, but no text: the line needs no date */
	/* for date_learn() */
	size_t at, match_start, match_end, start_chars, end_chars;
};

/* `patterns` as in config_jail; none: the built-in ones.  `zone`: logtimezone, .n 0: local. */
int date_new(const str *patterns, unsigned n, str zone, struct date **out, struct err *err)
	__attribute__((warn_unused_result));
void date_free(struct date *d);

/* Finds a date.  Learns nothing: for that, date_learn() with the hit. */
bool date_find(struct date *d, struct regex_space *space, str line, bool ascii, double now,
	       struct date_hit *hit);
void date_learn(struct date *d, str line, const struct date_hit *hit, double now);

/* Are all its formats built-in ones? Those never match next to a letter, digit or underscore. */
bool date_is_builtin(const struct date *d);
/* Templates in their present order: name and how often each won; for `get JAIL datepattern`. */
size_t date_count(const struct date *d);
str date_name(const struct date *d, size_t i, uint64_t *hits);

/* What was learnt, as bytes. date_restore: 0 or -EINVAL, then nothing was changed. */
void date_save(const struct date *d, struct buf *out);
int date_restore(struct date *d, str saved) __attribute__((warn_unused_result));
