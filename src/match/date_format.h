/*
 * The %-tokens of a datepattern (fail2ban-behaviour.md section 4.1): as a regular expression, and
 * as the name that `get JAIL datepattern` shows.  Configuration.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* What a group that a token makes stands for; its name is the letter. */
enum date_field {
	FIELD_NONE = 0,
	FIELD_YEAR = 'Y',
	FIELD_YEAR2 = 'y',
	FIELD_MONTH = 'm',
	FIELD_MONTH_SHORT = 'b',
	FIELD_MONTH_LONG = 'B',
	FIELD_DAY = 'd',
	FIELD_HOUR = 'H',
	FIELD_HOUR12 = 'I',
	FIELD_AMPM = 'p',
	FIELD_MINUTE = 'M',
	FIELD_SECOND = 'S',
	FIELD_DAY_OF_YEAR = 'j',
	FIELD_WEEK_SUNDAY = 'U',
	FIELD_WEEK_MONDAY = 'W',
	FIELD_WEEKDAY = 'w',
	FIELD_WEEKDAY_SHORT = 'a',
	FIELD_WEEKDAY_LONG = 'A',
	FIELD_ZONE = 'z',
	FIELD_ZONE_NAME = 'Z',
};

/*
 * Adds the pattern with its tokens replaced.  %ExY takes years of whole decades from 2000 to that
 * of `last_year` (at most 2099).  0, or -EINVAL for a token that does not exist.
 */
int date_format_regex(str pattern, int last_year, struct buf *out, struct err *err)
	__attribute__((warn_unused_result));
/* Adds its name. */
void date_format_name(str pattern, struct buf *out);
/* Do letters of either case match? (a token of it stands for words) */
bool date_format_any_case(str pattern);
/* Does the regular expression depend on `last_year`? */
bool date_format_has_years(str pattern);

/* 0.. in the English list, or -1; any case. `text` is hostile. */
int date_month_index(str text, bool whole_name);
int date_weekday_index(str text, bool whole_name); /* 0: monday */
