/*
 * Tokens of date patterns; see date_format.h.  One table: token, label, regular expression.  Names
 * of months and days are English whatever the locale: logs are written by daemons, not for people.
 */
#include "match/date_format.h"

#include <errno.h>

#define WEEKDAYS "mon|tue|wed|thu|fri|sat|sun"
#define MONTHS "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
#define MONTHS_LONG                                                                                \
	"september|february|november|december|january|october|august|march|april|june|july|may"
#define TIME "(?P<H>2[0-3]|[0-1]\\d|\\d):(?P<M>[0-5]\\d|\\d):(?P<S>6[0-1]|[0-5]\\d|\\d)"

static const char *const months[] = { "january",   "february", "march",    "april",
				      "may",       "june",     "july",     "august",
				      "september", "october",  "november", "december" };
static const char *const weekdays[] = { "monday", "tuesday",  "wednesday", "thursday",
					"friday", "saturday", "sunday" };

static const struct token {
	const char *token, *label, *regex;
} tokens[] = {
	{ "%", "%", "%" },
	{ "A", "DAYNAME", "(?P<A>wednesday|thursday|saturday|tuesday|monday|friday|sunday)" },
	{ "B", "MONTH", "(?P<B>" MONTHS_LONG ")" },
	{ "ExH", "Ex24hour", "(?P<H>[0-1]\\d|2[0-3])" },
	{ "ExM", "ExMinute", "(?P<M>[0-5]\\d)" },
	{ "ExS", "ExSecond", "(?P<S>[0-5]\\d|6[0-1])" },
	{ "ExY", "ExYear", NULL }, /* made on the spot */
	{ "ExZ", "ExZone name", "(?P<Z>[A-Z](?:[A-Z]{2,4})?)" },
	{ "Exd", "ExDay", "(?P<d>[1-2]\\d|0[1-9]|3[0-1])" },
	{ "Exk", "%Exk", " ?(?P<H>[0-1]?\\d|2[0-3])" },
	{ "Exl", "Ex%l", " ?(?P<I>1[0-2]|\\d)" },
	{ "Exm", "ExMonth", "(?P<m>0[1-9]|1[0-2])" },
	{ "Exy", "ExYear2", "(?P<y>\\d{2})" },
	{ "Exz", "ExZone offset",
	  "(?P<z>(?:[A-Z](?:[A-Z]{2,4})?)?[+-][01]\\d(?::?\\d{2})?|[A-Z](?:[A-Z]{2,4})?)" },
	{ "G", "%G", "(?P<G>\\d\\d\\d\\d)" },
	{ "H", "24hour", "(?P<H>[0-1]?\\d|2[0-3])" },
	{ "I", "12hour", "(?P<I>1[0-2]|0[1-9]|[1-9])" },
	{ "M", "Minute", "(?P<M>[0-5]?\\d)" },
	{ "S", "Second", "(?P<S>[0-5]?\\d|6[0-1])" },
	{ "U", "Yearweek", "(?P<U>5[0-3]|[0-4]\\d|\\d)" },
	{ "V", "%V", "(?P<V>5[0-3]|0[1-9]|[1-4]\\d|\\d)" },
	{ "W", "Yearweek", "(?P<W>5[0-3]|[0-4]\\d|\\d)" },
	{ "X", "%X", TIME },
	{ "Y", "Year", "(?P<Y>\\d{4})" },
	{ "Z", "Zone name", "(?P<Z>Z|[A-Z]{3,5})" },
	{ "a", "DAY", "(?P<a>" WEEKDAYS ")" },
	{ "b", "MON", "(?P<b>" MONTHS ")" },
	{ "c", "%c",
	  "(?P<a>" WEEKDAYS ")\\s+(?P<b>" MONTHS
	  ")\\s+(?P<d>3[0-1]|[1-2]\\d|0[1-9]|[1-9]| [1-9])\\s+" TIME "\\s+(?P<Y>\\d\\d\\d\\d)" },
	{ "d", "Day", "(?P<d>[1-2]\\d|[0 ]?[1-9]|3[0-1])" },
	{ "f", "Microseconds", "(?P<f>[0-9]{1,6})" },
	{ "j", "Yearday",
	  "(?P<j>36[0-6]|3[0-5]\\d|[1-2]\\d\\d|0[1-9]\\d|00[1-9]|[1-9]\\d|0[1-9]|[1-9])" },
	{ "k", "%k", " ?(?P<H>[0-2]?\\d)" },
	{ "l", "%l", " ?(?P<I>1?\\d)" },
	{ "m", "Month", "(?P<m>0?[1-9]|1[0-2])" },
	{ "p", "AMPM", "(?P<p>am|pm)" },
	{ "u", "%u", "(?P<u>[1-7])" },
	{ "w", "Weekday", "(?P<w>[0-6])" },
	{ "x", "%x",
	  "(?P<m>1[0-2]|0[1-9]|[1-9])/(?P<d>3[0-1]|[1-2]\\d|0[1-9]|[1-9]| [1-9])/(?P<y>\\d\\d)" },
	{ "y", "Year2", "(?P<y>\\d\\d)" },
	{ "z", "Zone offset", "(?P<z>Z|UTC|GMT|[+-][01]\\d(?::?\\d{2})?)" },
};

/*
 * The token behind the percent sign at the start of s, and its length with the sign.  `%Ex` before
 * no known letter is no token.
 */
static const struct token *find_token(str s, size_t *len)
{
	str name = str_head(str_from(s, 1), str_starts(str_from(s, 1), STR("Ex")) ? 3 : 1);

	*len = name.n + 1;
	for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
		if (str_is(name, tokens[i].token))
			return &tokens[i];
	return NULL;
}

static void add_years(struct buf *out, int last_year)
{
	int decades = last_year > 2099 ? 9 : (last_year - 2000) / 10;

	buf_add_z(out, "(?P<Y>20[");
	for (int i = 0; i <= decades; i++)
		buf_printf(out, "%d", i);
	buf_add_z(out, "]\\d)");
}

int date_format_regex(str pattern, int last_year, struct buf *out, struct err *err)
{
	while (pattern.n) {
		size_t len = 1;

		if (*pattern.p != '%') {
			buf_add_char(out, *pattern.p);
		} else {
			const struct token *t = find_token(pattern, &len);

			if (!t)
				return err_set(err, -EINVAL,
					       "invalid format or unescaped percent char: '%.*s'",
					       STR_ARG(str_head(pattern, len)));
			if (t->regex)
				buf_add_z(out, t->regex);
			else
				add_years(out, last_year);
		}
		pattern = str_from(pattern, len);
	}
	return 0;
}

void date_format_name(str pattern, struct buf *out)
{
	while (pattern.n) {
		size_t len = 1;
		const struct token *t = *pattern.p == '%' ? find_token(pattern, &len) : NULL;

		if (t)
			buf_add_z(out, t->label);
		else
			buf_add(out, pattern.p, len);
		pattern = str_from(pattern, len);
	}
}

/* Is there a one-letter token out of `letters`, or the long one `name`? */
static bool has_token(str pattern, const char *letters, const char *name)
{
	while (pattern.n) {
		size_t len = 1;
		const struct token *t = *pattern.p == '%' ? find_token(pattern, &len) : NULL;

		if (t && (t->token[1] ? strcmp(t->token, name) == 0 : !!strchr(letters, *t->token)))
			return true;
		pattern = str_from(pattern, len);
	}
	return false;
}

bool date_format_any_case(str pattern)
{
	return has_token(pattern, "aAbBpc", "");
}

bool date_format_has_years(str pattern)
{
	return has_token(pattern, "", "ExY");
}

static int name_index(str text, bool whole_name, const char *const *list, int n)
{
	for (int i = 0; i < n; i++) {
		str name = str_of(list[i]);

		if (str_eq_nocase(text, whole_name ? name : str_head(name, 3)))
			return i;
	}
	return -1;
}

int date_month_index(str text, bool whole_name)
{
	return name_index(text, whole_name, months, 12);
}

int date_weekday_index(str text, bool whole_name)
{
	return name_index(text, whole_name, weekdays, 7);
}
