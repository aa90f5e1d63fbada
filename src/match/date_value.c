/*
 * Values of dates; see date_value.h.  Dates are first put together as wall time ("naive" seconds:
 * as if in UTC), what is missing is filled in from the local wall time of `now`, and only then a
 * time zone is applied: that of the line, that of `logtimezone`, or the process's own through
 * mktime(3).  Called by date.c for each dated line.
 */
#include "match/date_value.h"

#include <errno.h>

#include "match/date_format.h"
#include "match/zone.h"

enum {
	HOUR = 3600,
	DAY = 24 * HOUR,
	UNSET = -1,
};

struct parts {
	int year, month, day, hour, minute, second;
	int day_of_year, weekday, week; /* weekday 0: monday */
	bool week_from_monday;
	bool has_zone;
	int zone_minutes;
};

/* Days since 1970-01-01 of a civil date (Howard Hinnant, "chrono-Compatible Low-Level Date..."). */
static int64_t days_from_civil(int64_t y, int m, int d)
{
	int64_t era, doe;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	doe = (y - era * 400) * 365 + (y - era * 400) / 4 - (y - era * 400) / 100 +
	      (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + doe - 719468;
}

static void civil_from_days(int64_t days, int *year, int *month, int *day)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(yoe + era * 400 + (*month <= 2));
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool day_exists(int year, int month, int day)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1)
		return false;
	return day <= lengths[month - 1] + (month == 2 && is_leap(year));
}

/* A short decimal number, blanks in front allowed; UNSET if it is none (other scripts' digits). */
static int number(str s)
{
	int n = 0;

	while (s.n && *s.p == ' ')
		s = str_from(s, 1);
	if (s.n == 0 || s.n > 6)
		return UNSET;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return UNSET;
		n = n * 10 + s.p[i] - '0';
	}
	return n;
}

/* Twelve-hour clock; without am or pm it is am. */
static int hour12(const struct date_template *t, str line, int hour)
{
	bool pm = false;

	for (unsigned i = 0; i < t->n_fields; i++)
		if (t->fields[i].field == FIELD_AMPM)
			pm = str_eq_nocase(regex_group(t->regex, line, t->fields[i].group),
					   STR("pm"));
	if (hour == 12)
		return pm ? 12 : 0;
	return pm ? hour + 12 : hour;
}

static enum date_result read_zone(str text, struct parts *p)
{
	int r = zone_parse(text, &p->zone_minutes);

	p->has_zone = r == 0;
	if (r == 0)
		return DATE_OK;
	return r == -ENOENT ? DATE_FAULTY : DATE_NONE;
}

/* Where a field's number goes; NULL: it has none. */
static int *part_of(struct parts *p, enum date_field field)
{
	switch (field) {
	case FIELD_YEAR:
	case FIELD_YEAR2:
		return &p->year;
	case FIELD_MONTH:
	case FIELD_MONTH_SHORT:
	case FIELD_MONTH_LONG:
		return &p->month;
	case FIELD_DAY:
		return &p->day;
	case FIELD_HOUR:
	case FIELD_HOUR12:
		return &p->hour;
	case FIELD_MINUTE:
		return &p->minute;
	case FIELD_SECOND:
		return &p->second;
	case FIELD_DAY_OF_YEAR:
		return &p->day_of_year;
	case FIELD_WEEK_SUNDAY:
	case FIELD_WEEK_MONDAY:
		return &p->week;
	case FIELD_WEEKDAY:
	case FIELD_WEEKDAY_SHORT:
	case FIELD_WEEKDAY_LONG:
		return &p->weekday;
	case FIELD_NONE:
	case FIELD_AMPM:
	case FIELD_ZONE:
	case FIELD_ZONE_NAME:
		break;
	}
	return NULL;
}

static enum date_result read_field(const struct date_template *t, str line, enum date_field field,
				   str text, struct parts *p)
{
	int *to = part_of(p, field), n;

	if (field == FIELD_ZONE || field == FIELD_ZONE_NAME)
		return read_zone(text, p);
	if (!to)
		return DATE_OK;
	if (to == &p->month && field != FIELD_MONTH) {
		n = date_month_index(text, field == FIELD_MONTH_LONG);
		n = n < 0 ? n : n + 1;
	} else if (to == &p->weekday && field != FIELD_WEEKDAY) {
		n = date_weekday_index(text, field == FIELD_WEEKDAY_LONG);
	} else {
		n = number(text);
	}
	if (n < 0)
		return DATE_NONE;
	if (field == FIELD_YEAR2)
		n += 2000;
	else if (field == FIELD_HOUR12)
		n = hour12(t, line, n);
	else if (field == FIELD_WEEKDAY)
		n = (n + 6) % 7; /* from sunday to monday */
	else if (to == &p->week)
		p->week_from_monday = field == FIELD_WEEK_MONDAY;
	*to = n;
	return DATE_OK;
}

/* Days since the epoch of a week's day, as strptime(3) has %U and %W. */
static int64_t day_of_week(const struct parts *p)
{
	int64_t new_year = days_from_civil(p->year, 1, 1);
	int first = (int)((new_year % 7 + 7 + 3) % 7), day = p->weekday, week0;

	if (!p->week_from_monday) {
		first = (first + 1) % 7;
		day = (day + 1) % 7;
	}
	week0 = (7 - first) % 7;
	if (p->week == 0)
		return new_year + day - first;
	return new_year + week0 + 7 * (p->week - 1) + day;
}

/*
 * The wall time of `now`, for what a date leaves out: in the zone of `logtimezone`.  Fail2ban takes
 * local time when that is UTC, as its offset is 0; so do we.
 */
static int64_t wall_now(struct date_clock *c, double now)
{
	int64_t second = (int64_t)now;
	time_t when = (time_t)second;
	struct tm tm;

	if (c->fixed_zone && c->zone_minutes)
		return second + c->zone_minutes * 60;
	if (c->now_known && c->now == second)
		return c->now_naive;
	if (!localtime_r(&when, &tm))
		return second;
	c->now_known = true;
	c->now = second;
	c->now_naive = days_from_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday) * DAY +
		       tm.tm_hour * HOUR + tm.tm_min * 60 + tm.tm_sec;
	return c->now_naive;
}

static int64_t make_local(int64_t naive)
{
	struct tm tm = { .tm_isdst = -1 };
	int64_t days = (naive - (naive % DAY + DAY) % DAY) / DAY;
	int year, month;

	civil_from_days(days, &year, &month, &tm.tm_mday);
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	naive -= days * DAY;
	tm.tm_hour = (int)(naive / HOUR);
	tm.tm_min = (int)(naive / 60 % 60);
	tm.tm_sec = (int)(naive % 60);
	return mktime(&tm);
}

/* Wall time of this process to seconds since the epoch, remembering the last regular hour. */
static int64_t from_local(struct date_clock *c, int64_t naive)
{
	int64_t in_hour = (naive % HOUR + HOUR) % HOUR, hour = (naive - in_hour) / HOUR, start;

	if (c->hour_known && c->hour == hour)
		return c->hour_start + in_hour;
	start = make_local(naive - in_hour);
	if (make_local(naive - in_hour + HOUR - 1) - start != HOUR - 1)
		return make_local(naive); /* clocks change within it */
	c->hour_known = true;
	c->hour = hour;
	c->hour_start = start;
	return start + in_hour;
}

/* Fills in year, month and day. */
static enum date_result complete(struct parts *p, int64_t now_naive, bool *year_guessed,
				 bool *day_guessed)
{
	int64_t now_days = (now_naive - (now_naive % DAY + DAY) % DAY) / DAY, days;
	int year, month, day;

	civil_from_days(now_days, &year, &month, &day);
	*year_guessed = p->year == UNSET;
	*day_guessed = false;
	if (*year_guessed)
		p->year = year;
	if (p->month != UNSET && p->day != UNSET)
		return DATE_OK;
	if (p->year < 1)
		return DATE_NONE;
	if (p->day_of_year != UNSET)
		days = days_from_civil(p->year, 1, 1) + p->day_of_year - 1;
	else if (p->week != UNSET && p->weekday != UNSET)
		days = day_of_week(p);
	else if (p->month != UNSET || p->day != UNSET)
		return DATE_FAULTY;
	else {
		*day_guessed = true;
		p->month = month;
		p->day = day;
		return DATE_OK;
	}
	civil_from_days(days, &p->year, &p->month, &p->day);
	return DATE_OK;
}

static enum date_result pattern_value(const struct date_template *t, str line, double now,
				      struct date_clock *c, double *when)
{
	struct parts p = { .year = UNSET,
			   .month = UNSET,
			   .day = UNSET,
			   .day_of_year = UNSET,
			   .weekday = UNSET,
			   .week = UNSET };
	bool year_guessed, day_guessed;
	int64_t naive, now_naive = 0;
	enum date_result r = DATE_OK;

	for (unsigned i = 0; i < t->n_fields && r == DATE_OK; i++) {
		str text = regex_group(t->regex, line, t->fields[i].group);

		if (text.p)
			r = read_field(t, line, (enum date_field)t->fields[i].field, text, &p);
	}
	if (r != DATE_OK)
		return r;
	if (p.year == UNSET || p.month == UNSET || p.day == UNSET)
		now_naive = wall_now(c, now);
	r = complete(&p, now_naive, &year_guessed, &day_guessed);
	if (r != DATE_OK)
		return r;
	if (!day_exists(p.year, p.month, p.day) || p.hour > 23 || p.minute > 59 || p.second > 59)
		return DATE_NONE;
	naive = days_from_civil(p.year, p.month, p.day) * DAY + p.hour * HOUR + p.minute * 60 +
		p.second;
	if (day_guessed && naive > now_naive) {
		naive -= DAY;
	} else if (year_guessed && naive > now_naive + DAY) {
		if (!day_exists(--p.year, p.month, p.day))
			return DATE_NONE;
		naive = days_from_civil(p.year, p.month, p.day) * DAY + p.hour * HOUR +
			p.minute * 60 + p.second;
	}
	if (p.has_zone)
		*when = (double)(naive - p.zone_minutes * 60);
	else if (c->fixed_zone)
		*when = (double)(naive - c->zone_minutes * 60);
	else
		*when = (double)from_local(c, naive);
	return DATE_OK;
}

/* Digits, perhaps with a dot. strtod() would depend on the locale. */
static enum date_result epoch_value(str text, bool is_long, double *when)
{
	double whole = 0, fraction = 0, unit = 1;
	ssize_t dot = str_chr(text, '.');

	for (size_t i = 0; i < text.n; i++) {
		if ((ssize_t)i == dot)
			continue;
		if (text.p[i] < '0' || text.p[i] > '9')
			return DATE_NONE;
		if (dot >= 0 && (ssize_t)i > dot) {
			fraction = fraction * 10 + (text.p[i] - '0');
			unit *= 10;
		} else {
			whole = whole * 10 + (text.p[i] - '0');
		}
	}
	whole = (whole * unit + fraction) / unit; /* below 2^53: rounded once, as strtod() does */
	if (is_long && text.n >= 13)
		whole /= text.n >= 16 && dot < 0 ? 1e6 : 1e3;
	*when = whole;
	return DATE_OK;
}

/* "@4" and 15 hexadecimal digits of seconds; leap seconds are left uncorrected. */
static enum date_result tai64n_value(str text, double *when)
{
	int64_t seconds = 0;

	if (text.n < 17)
		return DATE_NONE;
	for (size_t i = 2; i < 17; i++) {
		char c = text.p[i];

		seconds = seconds << 4 | (c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*when = (double)seconds;
	return DATE_OK;
}

enum date_result date_value(const struct date_template *t, str line, double now,
			    struct date_clock *clock, double *when)
{
	str text = regex_group(t->regex, line, t->value_group);

	switch (t->kind) {
	case DATE_EPOCH:
	case DATE_LONG_EPOCH:
		return text.n ? epoch_value(text, t->kind == DATE_LONG_EPOCH, when) : DATE_NONE;
	case DATE_TAI64N:
		return tai64n_value(text, when);
	case DATE_PATTERN:
		break;
	}
	return pattern_value(t, line, now, clock, when);
}
