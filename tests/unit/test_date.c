#include "unit/unit.h"

#include <math.h>
#include <time.h>

#include "base/utf8.h"
#include "base/xalloc.h"
#include "match/date.h"
#include "match/zone.h"

#define NOW 1124013600 /* 2005-08-14 12:00:00 in the zone below */
#define ZONE "CET-01CEST-02,M3.5.0,M10.5.0"

static struct date *make(const char *const *patterns, const char *zone)
{
	struct date *d = NULL;
	struct err e = { 0 };
	str list[8];
	unsigned n = 0;

	while (patterns && patterns[n]) {
		list[n] = str_of(patterns[n]);
		n++;
	}
	if (date_new(list, n, str_of(zone), &d, &e) < 0)
		print_error("%s\n", e.text);
	assert_non_null(d);
	return d;
}

/* Finds and learns; "DATE at SECONDS", "DATE none", "DATE faulty", "empty" or "-". */
static char *look(struct date *d, struct regex_space *space, const char *line, double now)
{
	str s = str_of(line);
	struct date_hit hit;

	if (!date_find(d, space, s, utf8_is_ascii(s), now, &hit))
		return xstrdup("-");
	date_learn(d, s, &hit, now);
	if (hit.empty)
		return xstrdup("empty");
	s = str_mem(line + hit.start, hit.end - hit.start);
	if (hit.result != DATE_OK)
		return xasprintf("%.*s %s", STR_ARG(s),
				 hit.result == DATE_NONE ? "none" : "faulty");
	return xasprintf("%.*s at %.15g", STR_ARG(s), hit.when);
}

struct vector {
	const char *line, *found;
};

static void expect_at(double now, const char *const *patterns, const char *zone,
		      const struct vector *v, size_t n, bool fresh)
{
	struct regex_space *space = regex_space_new();
	struct date *d = make(patterns, zone);

	for (size_t i = 0; i < n; i++) {
		_free_ char *found = look(d, space, v[i].line, now);

		assert_string_equal(found, v[i].found);
		if (fresh) {
			date_free(d);
			d = make(patterns, zone);
		}
	}
	date_free(d);
	regex_space_free(space);
}

/* fail2ban-behaviour.md section 4.2, each with a new detector */
static void built_in_formats(void **state)
{
	static const struct vector v[] = {
		{ "2005-01-23T21:59:59.98 x", "2005-01-23T21:59:59.98 at 1106513999" },
		{ "2005/01/23  8:59:59 x", "2005/01/23  8:59:59 at 1106467199" },
		{ "2006.12.21 06:43:20", "2006.12.21 06:43:20 at 1166679800" },
		{ "2005-08-14T09:59:58.123456+02:00 h",
		  "2005-08-14T09:59:58.123456+02:00 at 1124006398" },
		{ "2005-08-14T09:59:58.123456Z h", "2005-08-14T09:59:58.123456Z at 1124013598" },
		{ "2005-08-14 09:59:58 +0200 [", "2005-08-14 09:59:58 +0200 at 1124006398" },
		{ "2005-08-14 11:59:58 [123] H=", "2005-08-14 11:59:58 at 1124013598" },
		{ "Sun Jan 23 21:59:59.011 2005", "Sun Jan 23 21:59:59.011 2005 at 1106513999" },
		{ "Jan 23 21:59:59 mail x", "Jan 23 21:59:59 at 1106513999" },
		{ "Aug  9 01:02:03 mail x", "Aug  9 01:02:03 at 1123542123" },
		{ "Aug 15 12:00:00 m", "Aug 15 12:00:00 at 1124100000" }, /* now + 24 h */
		{ "Aug 15 12:00:01 m", "Aug 15 12:00:01 at 1092564001" }, /* the year before */
		{ "Sun Jan 23 2005 21:59:59", "Sun Jan 23 2005 21:59:59 at 1106513999" },
		{ "23/01/2005 21:59:59", "23/01/2005 21:59:59 at 1106513999" },
		{ "17-07-2008 17:23:25", "17-07-2008 17:23:25 at 1216308205" },
		{ "17/07/08 17:23:25", "17/07/08 17:23:25 at 1216308205" },
		{ "31/Oct/2006:09:22:55 -0000", "31/Oct/2006:09:22:55 -0000 at 1162286575" },
		{ "26-Jul-2007 15:20:52.252", "26-Jul-2007 15:20:52.252 at 1185456052" },
		{ "05/20/2008:01:57:39", "05/20/2008:01:57:39 at 1211241459" },
		{ "01-27-2012 16:22:44.252", "01-27-2012 16:22:44.252 at 1327677764" },
		{ "1138049999 x", "1138049999 at 1138049999" },
		{ "[1138049999.123] x", "1138049999.123 at 1138049999.123" },
		{ "type=A msg=audit(1138049999.123:45): x", "1138049999.123 at 1138049999.123" },
		{ "x 1138049999 x", "-" },
		{ "11:59:59 x", "11:59:59 at 1124013599" },
		{ "12:00:01 x", "12:00:01 at 1123927201" }, /* yesterday */
		{ "<09/16/08@05:03:30> x", "<09/16/08@05:03:30> at 1221534210" },
		{ "130322 11:46:11", "130322 11:46:11 at 1363949171" },
		{ "Jan 23, 2005 9:59:59 PM", "Jan 23, 2005 9:59:59 PM at 1106513999" },
		{ "Jan 23, 2005 12:00:00 AM", "Jan 23, 2005 12:00:00 AM at 1106434800" },
		{ "Apr-27-13 02:33:06", "Apr-27-13 02:33:06 at 1367022786" },
		{ "20050123T215959", "20050123T215959 at 1106513999" },
		{ "20050123-21:59:59", "20050123-21:59:59 at 1106513999" },
		{ "20050123 215959 x", "20050123 215959 at 1106513999" },
		{ "PDT Apr 16 21:05:29", "PDT Apr 16 21:05:29 at 1113710729" },
		{ "+00:00 Jan 23 21:59:59.011 2005",
		  "+00:00 Jan 23 21:59:59.011 2005 at 1106517599" },
		{ "@4000000041f4104f00000000 x", "@4000000041f4104f00000000 at 1106513999" },
		{ "host app: 2005-01-23 21:59:59: x", "2005-01-23 21:59:59 at 1106513999" },
		{ "[[2005-01-23 21:59:59]", "2005-01-23 21:59:59 at 1106513999" },
		{ "2035-01-01 00:00:00", "-" },
		{ "1999-01-01 00:00:00", "-" },
		{ "", "-" },
		{ "nothing", "-" },
	};

	(void)state;
	expect_at(NOW, NULL, NULL, v, COUNT(v), true);
}

static void impossible_dates(void **state)
{
	static const struct vector v[] = {
		{ "Feb 29 01:01:01 h", "Feb 29 01:01:01 none" },
		{ "Feb 29 01:01:01 2004", "Feb 29 01:01:01 2004 at 1078012861" },
		{ "Jan 23 24:00:00 h", "Jan 23 24:00:00 none" },
		{ "Jan 23 21:59:60 h", "Jan 23 21:59:60 none" },
		{ "2005-02-30 00:00:00", "2005-02-30 00:00:00 none" },
		{ "foo Jan 23 21:59:59", "foo Jan 23 21:59:59 none" },
		{ "QQQQ Jan 23 21:59:59", "QQQQ Jan 23 21:59:59 faulty" },
	};

	(void)state;
	expect_at(NOW, NULL, NULL, v, COUNT(v), true);
}

static void daylight_saving(void **state)
{
	static const struct vector v[] = {
		{ "2005-03-27 01:59:59", "2005-03-27 01:59:59 at 1111885199" },
		{ "2005-03-27 03:00:00", "2005-03-27 03:00:00 at 1111885200" },
		{ "2005-10-30 00:59:59", "2005-10-30 00:59:59 at 1130626799" },
		{ "2005-10-30 03:00:00", "2005-10-30 03:00:00 at 1130637600" },
		{ "2005-03-27 01:59:59", "2005-03-27 01:59:59 at 1111885199" },
	};

	(void)state;
	expect_at(NOW, NULL, NULL, v, COUNT(v), false);
}

static void settings_of_date_and_zone(void **state)
{
	static const struct {
		const char *patterns[3], *zone;
		struct vector v;
	} cases[] = {
		{ { NULL }, "UTC", { "Aug 14 09:59:58", "Aug 14 09:59:58 at 1124013598" } },
		{ { NULL }, "UTC+0200", { "Aug 14 11:59:58", "Aug 14 11:59:58 at 1124013598" } },
		{ { NULL }, "EST", { "09:59:59", "09:59:59 at 1123945199" } },
		{ { NULL },
		  "EST",
		  { "2005-01-01 00:00:00Z", "2005-01-01 00:00:00Z at 1104537600" } },
		{ { "^[^\\[]*\\[({DATE})" },
		  NULL,
		  { "1.2.3.4 - - [14/Aug/2005:11:59:58 +0200] \"G",
		    "14/Aug/2005:11:59:58 +0200 at 1124013598" } },
		{ { "^<W>{DATE}" },
		  NULL,
		  { "<W>2005-08-14 11:59:58", "<W>2005-08-14 11:59:58 at 1124013598" } },
		{ { "{NONE}" }, NULL, { "x", "empty" } },
		{ { "LEPOCH" }, NULL, { "1138049999123 x", "1138049999123 at 1138049999.123" } },
		{ { "LEPOCH" },
		  NULL,
		  { "1138049999123456", "1138049999123456 at 1138049999.12346" } },
		{ { "x({EPOCH})**" }, NULL, { "x1138049999 ", "1138049999 at 1138049999" } },
		{ { "{^LN-BEG}%Y-%m-%d" },
		  NULL,
		  { "[[2005-08-14] x", "2005-08-14 at 1123970400" } },
		{ { "{^LN-BEG}%Y-%m-%d" }, NULL, { "[[[2005-08-14] x", "-" } },
		{ { "%Y %j" }, NULL, { "2004 60", "2004 60 at 1078009200" } },
		{ { "%Y %U %w" }, NULL, { "2004 10 3", "2004 10 3 at 1078873200" } },
		{ { "%Y %W %A" }, NULL, { "2004 00 Friday", "2004 00 Friday at 1072998000" } },
		{ { "%Y %U" }, NULL, { "2004 10", "2004 10 at 1092434400" } },
		{ { "%Y %m" }, NULL, { "2004 10", "2004 10 faulty" } },
		{ { "%I:%M" }, NULL, { "12:05", "12:05 at 1123970700" } },
		{ { "%y-%m-%d" }, NULL, { "99-01-01", "99-01-01 at 4070905200" } },
		{ { "x(%H:%M:%S)", "%H:%M" }, NULL, { "x11:22:33 y", "11:22:33 at 1124011353" } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		expect_at(NOW, cases[i].patterns, cases[i].zone, &cases[i].v, 1, true);
}

/* %ExY takes whole decades up to three years ahead, and at least 2000 to 2029. */
static void years_grow(void **state)
{
	static const struct vector early = { "2030-01-01 00:00:00", "-" };
	static const struct vector later = { "2030-01-01 00:00:00",
					     "2030-01-01 00:00:00 at 1893452400" };

	(void)state;
	expect_at(1798761599, NULL, NULL, &early, 1, true); /* 2026-12-31 */
	expect_at(1798761600, NULL, NULL, &later, 1, true);
}

/* What a pattern gets around it; observed. */
static void patterns_get_boundaries(void **state)
{
	static const struct {
		const char *pattern, *name, *regex;
		bool anchored;
	} cases[] = {
#define Y "(?P<Y>\\d{4})"
#define PRE "(?=^|\\b|\\W)"
#define POST "(?=\\b|\\W|$)"
		{ "%Y", "Year", PRE "(" Y ")" POST, false },
		{ "%%Y", "%Y", PRE "(%Y)" POST, false },
		{ "^%Y", "^Year", "^(" Y ")" POST, true },
		{ "%Y$", "Year$", PRE "(" Y ")$", true },
		{ "^%Y$", "^Year$", "^(" Y ")$", true },
		{ "(^%Y)", "(^Year)", "(^" Y ")" POST, true },
		{ "(?:^%Y)", "(?:^Year)", "((?:^" Y "))" POST, false },
		{ "(?:^(%Y))", "(?:^(Year))", "(?:^(" Y "))" POST, true },
		{ "(^|\\s)%Y", "(^|\\s)Year", "(^|\\s)" Y POST, false },
		{ "(%Y$)", "(Year$)", PRE "(" Y "$)", true },
		{ "(%Y|$)", "(Year|$)", PRE "(" Y "|$)", false },
		{ "%Y(?:x$)", "Year(?:x$)", PRE "(" Y "(?:x$))", false },
		{ "%Y\\b", "Year\\b", PRE "(" Y "\\b)", false },
		{ "(%Y\\b)", "(Year\\b)", PRE "(" Y "\\b)" POST, false },
		{ "%Y\\\\b", "Year\\\\b", PRE "(" Y "\\\\b)" POST, false },
		{ "%Y\\s", "Year\\s", PRE "(" Y "\\s)", false },
		{ "**%Y**", "**Year**", "(" Y ")", false },
		{ "**(%Y)**", "**(Year)**", "(" Y ")", false },
		{ "%Y\\**", "Year\\**", PRE "(" Y "\\**)" POST, false },
		{ "{UNB}%Y", "Year", "(" Y ")", false },
		{ "{UNB}^%Y$", "^Year$", "^(" Y ")$", true },
		{ "{^LN-BEG}%Y", "{^LN-BEG}Year", "^(?:\\W{0,2})?(" Y ")" POST, true },
		{ "{^LN-BEG}^%Y", "^Year", "^(" Y ")" POST, true },
		{ "{^LN-BEG}**%Y", "**Year", "(" Y ")" POST, false },
		{ "[(]%Y", "[(]Year", PRE "[(]" Y POST, false },
		{ "\\(%Y", "\\(Year", PRE "(\\(" Y ")" POST, false },
		{ "(?P<x>%Y)", "(?P<x>Year)", PRE "((?P<x>" Y "))" POST, false },
		{ "(?i)%Y", "(?i)Year", "(?i)" PRE "(" Y ")" POST, false },
		{ "%p", "AMPM", "(?iu)" PRE "((?P<p>am|pm))" POST, false },
		{ "{EPOCH}", "{EPOCH}", PRE "((?P<_epoch>\\d{10,11}\\b(?:\\.\\d{3,6})?))" POST,
		  false },
		{ "x({EPOCH})", "x({EPOCH})",
		  PRE "x((?P<_epoch>\\d{10,11}\\b(?:\\.\\d{3,6})?))" POST, false },
		{ "{NONE}", "^", "^()", true },
#undef Y
#undef PRE
#undef POST
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct date_templates t = { .arena = arena_new(), .last_year = 2029 };
		struct err e = { 0 };

		assert_int_equal(date_templates_add(&t, str_of(cases[i].pattern), &e), 0);
		assert_int_equal(t.n, 1);
		assert_true(str_is(t.items[0].name, cases[i].name));
		assert_true(str_is(regex_text(t.items[0].regex), cases[i].regex));
		assert_int_equal(t.items[0].anchored, cases[i].anchored);
		date_templates_done(&t);
		arena_free(t.arena);
	}
}

static void sets_of_patterns(void **state)
{
	static const struct {
		const char *patterns[3];
		size_t count; /* 0: refused */
	} cases[] = {
		{ { NULL }, 31 },
		{ { "{DEFAULT}" }, 31 },
		{ { "{^LN-BEG}" }, 17 },
		{ { "{date}" }, 17 },
		{ { "%Y", "{^LN-BEG}" }, 18 },
		{ { "{^LN-BEG}", "{^LN-BEG}" }, 17 },
		{ { "EPOCH", "TAI64N" }, 2 },
		{ { "%Y", "%Y" }, 0 },
		{ { "%Q" }, 0 },
		{ { "(%Y" }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct date *d = NULL;
		struct err e = { 0 };
		str list[3];
		unsigned n = 0;
		int r;

		for (; n < 3 && cases[i].patterns[n]; n++)
			list[n] = str_of(cases[i].patterns[n]);
		r = date_new(list, n, STR_NULL, &d, &e);
		assert_int_equal(r, cases[i].count ? 0 : -22);
		if (r == 0)
			assert_int_equal(date_count(d), cases[i].count);
		if (r == 0)
			date_free(d);
	}
}

/* The order of trial after some lines, as Fail2ban's detector has it. */
static void winners_rise(void **state)
{
	static const char *const lines[] = { "pid 12 2005-01-23 21:59:59 x", "Jan 23 21:59:59 h x",
					     "\"Jan 23 21:59:59 h x", "Jan 23 21:59:59 h x" };
	static const char *const first[] = {
		"ExYear(?P<_sep>[-/.])Month(?P=_sep)Day(?:T|  ?)24hour:Minute:Second"
		"(?:[.,]Microseconds)?(?:\\s*Zone offset)?",
		"{^LN-BEG}(?:DAY )?MON Day %k:Minute:Second(?:\\.Microseconds)?(?: ExYear)?",
	};
	struct regex_space *space = regex_space_new();
	struct date *d = make(NULL, NULL);
	uint64_t hits;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		free(look(d, space, lines[i], NOW));
	assert_true(str_is(date_name(d, 0, &hits), first[0]));
	assert_int_equal(hits, 1);
	/* it rose once, from the 2nd place; a winner that wins again stays where it is */
	assert_true(str_is(date_name(d, 1, &hits), first[1]));
	assert_int_equal(hits, 3);
	date_free(d);
	regex_space_free(space);
}

/* 01-02-2005: what was seen before decides whether that is January or February. */
static void ambiguous_dates_follow_history(void **state)
{
	static const char *const patterns[] = { "{^LN-BEG}%d-%m-%Y %H:%M",
						"{^LN-BEG}%m-%d-%Y %H:%M", NULL };
	static const struct vector v[] = {
		{ "01-02-2005 00:00", "01-02-2005 00:00 at 1107212400" },
		{ "01-25-2005 00:00", "01-25-2005 00:00 at 1106607600" },
		{ "01-02-2005 00:00", "01-02-2005 00:00 at 1104620400" },
	};

	(void)state;
	expect_at(NOW, patterns, NULL, v, COUNT(v), false);
}

static void what_was_learnt_is_saved(void **state)
{
	struct regex_space *space = regex_space_new();
	struct date *a = make(NULL, NULL), *b = make(NULL, NULL), *other;
	struct buf saved = { 0 }, again = { 0 };
	const char *const ymd[] = { "%Y-%m-%d", NULL };

	(void)state;
	free(look(a, space, "x \xc3\xa9 2005-01-23 21:59:59 y", NOW));
	free(look(a, space, "Jan 23 21:59:59 h", NOW));
	date_save(a, &saved);
	assert_int_equal(date_restore(b, buf_str(&saved)), 0);
	date_save(b, &again);
	assert_true(str_eq(buf_str(&saved), buf_str(&again)));
	for (size_t i = 0; i < saved.n; i++)
		assert_int_equal(date_restore(b, str_mem(saved.p, i)), -22);
	buf_clear(&again);
	date_save(b, &again);
	assert_true(str_eq(buf_str(&saved), buf_str(&again)));
	other = make(ymd, NULL);
	assert_int_equal(date_restore(other, buf_str(&saved)), -22);
	buf_free(&saved);
	buf_free(&again);
	date_free(a);
	date_free(b);
	date_free(other);
	regex_space_free(space);
}

static void zones(void **state)
{
	static const struct {
		const char *text;
		int result, minutes;
	} cases[] = {
		{ "Z", 0, 0 },
		{ "UTC", 0, 0 },
		{ "CET", 0, 60 },
		{ "CEST", 0, 120 },
		{ "PST", 0, -480 },
		{ "NST", 0, -210 },
		{ "A", 0, 60 },
		{ "YEKST", 0, 360 },
		{ "+0200", 0, 120 },
		{ "-03", 0, -180 },
		{ "+05:30", 0, 330 },
		{ "CET+0100", 0, 120 },
		{ "CEST+02:30", 0, 270 },
		{ "+0299", 0, 219 },
		{ "", 0, 0 },
		{ "cet", -22, 0 },
		{ "+2000", -22, 0 },
		{ "+2", -22, 0 },
		{ "UTC+2", -22, 0 },
		{ "+01:3", -22, 0 },
		{ "AB", -22, 0 },
		{ "ABCDEF", -22, 0 },
		{ "J", -2, 0 },
		{ "QQQ", -2, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int minutes = 0;

		assert_int_equal(zone_parse(str_of(cases[i].text), &minutes), cases[i].result);
		assert_int_equal(minutes, cases[i].minutes);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(built_in_formats),
		cmocka_unit_test(impossible_dates),
		cmocka_unit_test(daylight_saving),
		cmocka_unit_test(settings_of_date_and_zone),
		cmocka_unit_test(years_grow),
		cmocka_unit_test(patterns_get_boundaries),
		cmocka_unit_test(sets_of_patterns),
		cmocka_unit_test(winners_rise),
		cmocka_unit_test(ambiguous_dates_follow_history),
		cmocka_unit_test(what_was_learnt_is_saved),
		cmocka_unit_test(zones),
	};

	setenv("TZ", ZONE, 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
