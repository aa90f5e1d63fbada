#include "unit/unit.h"

#include <math.h>
#include <time.h>

#include "base/xalloc.h"
#include "match/filter.h"

#define NOW 1124013600 /* 2005-08-14 10:00:00 UTC */
#define REGEXES 12

/* A jail of literals; maxlines 0 means 1. */
struct setup {
	const char *fail[REGEXES], *ignore[REGEXES], *pref, *dates[REGEXES];
	const char *encoding;
	enum usedns usedns;
	int maxlines;
};

struct made {
	struct config_jail jail;
	struct config_regex fail[REGEXES], ignore[REGEXES];
	str dates[REGEXES];
	struct filter *filter;
	struct err err;
	int result;
};

static void make(struct made *m, const struct setup *s)
{
	*m = (struct made){ 0 };
	m->jail = (struct config_jail){ .name = STR("j"),
					.failregex = m->fail,
					.ignoreregex = m->ignore,
					.datepattern = m->dates,
					.prefregex = str_of(s->pref),
					.usedns = s->usedns,
					.findtime = 600,
					.maxlines = s->maxlines ? s->maxlines : 1,
					.logencoding = str_of(s->encoding) };
	for (unsigned i = 0; i < REGEXES && s->fail[i]; i++)
		m->fail[m->jail.n_failregex++] =
			(struct config_regex){ str_of(s->fail[i]), s->usedns, m->jail.maxlines };
	for (unsigned i = 0; i < REGEXES && s->ignore[i]; i++)
		m->ignore[m->jail.n_ignoreregex++] =
			(struct config_regex){ str_of(s->ignore[i]), s->usedns, m->jail.maxlines };
	for (unsigned i = 0; i < REGEXES && s->dates[i]; i++)
		m->dates[m->jail.n_datepattern++] = str_of(s->dates[i]);
	m->result = filter_new(&m->jail, &m->filter, &m->err);
}

static void make_good(struct made *m, const struct setup *s)
{
	make(m, s);
	assert_string_equal(m->err.text, "");
	assert_int_equal(m->result, 0);
}

/* "ID user=U users=a,b [line|line]" or "-"; the lines without their date. */
static char *show(const struct match *m, size_t n)
{
	struct buf b = { 0 };
	str user;

	if (n == 0)
		return xstrdup("-");
	assert_int_equal(n, 1);
	fid_add(&b, &m->id);
	if (m->host.n) {
		buf_add_z(&b, "host:");
		buf_add_str(&b, m->host);
	}
	user = match_field(m, STR("user"));
	if (user.p) {
		buf_add_z(&b, " user=");
		buf_add_str(&b, user);
	}
	for (unsigned i = 0; m->n_users > 1 && i < m->n_users; i++) {
		buf_add_z(&b, i ? "," : " users=");
		buf_add_str(&b, m->users[i]);
	}
	buf_add_z(&b, " [");
	for (unsigned i = 0; i < m->n_lines; i++) {
		if (i)
			buf_add_char(&b, '|');
		buf_add_str(&b, m->lines[i].prefix);
		buf_add_str(&b, str_trim(m->lines[i].suffix));
	}
	buf_add_char(&b, ']');
	return buf_take(&b);
}

static const struct filter_time plain = { .now = NOW, .session_now = NOW };

static void expect_at(struct made *m, const struct filter_time *t, const char *line,
		      const char *expected)
{
	const struct match *found = NULL;
	size_t n = filter_line(m->filter, str_of(line), t, &found);
	_free_ char *shown = show(found, n);

	assert_string_equal(shown, expected);
}

static void expect(struct made *m, const char *line, const char *expected)
{
	_free_ char *dated = xasprintf("2005-08-14 09:59:58 %s", line);

	expect_at(m, &plain, dated, expected);
}

struct vector {
	const char *line, *expected;
};

static void expect_all(const struct setup *s, const struct vector *v, size_t n)
{
	struct made m;

	make_good(&m, s);
	for (size_t i = 0; i < n; i++)
		expect(&m, v[i].line, v[i].expected);
	filter_free(m.filter);
}

static const struct setup sessions = {
	.pref = "^ <F-MLFID>s\\d+</F-MLFID> <F-CONTENT>.+</F-CONTENT>$",
	.fail = { "^info <F-NOFAIL>from</F-NOFAIL> <ADDR>$", "^bad <F-USER>\\S+</F-USER>$",
		  "^<F-NOFAIL><F-MLFFORGET>close</F-MLFFORGET></F-NOFAIL>$",
		  "^<F-MLFFORGET><F-MLFGAINED>ok</F-MLFGAINED></F-MLFFORGET> <F-USER>\\S+</F-USER>"
		  "$" },
	.usedns = USEDNS_NO,
};

/* fail2ban-behaviour.md section 3.6, worked vectors */
static void sessions_follow_the_vectors(void **state)
{
	static const struct vector v[] = {
		{ "s1 info from 1.1.1.1", "-" },
		{ "s1 bad u1", "1.1.1.1 user=u1 [s1 info from 1.1.1.1|s1 bad u1]" },
		{ "s1 bad u1", "1.1.1.1 user=u1 [s1 bad u1]" },
		{ "s1 ok u1", "-" },
		{ "s2 bad u2", "-" },
		{ "s2 info from 2.2.2.2", "2.2.2.2 user=u2 [s2 bad u2|s2 info from 2.2.2.2]" },
		{ "s2 close", "-" },
		{ "s3 info from 3.3.3.3", "-" },
		{ "s3 close", "-" },
		{ "s4 info from 4.4.4.4", "-" },
		{ "s4 bad a", "4.4.4.4 user=a [s4 info from 4.4.4.4|s4 bad a]" },
		{ "s4 bad b", "4.4.4.4 user=b users=a,b [s4 bad b]" },
		{ "s4 ok b", "4.4.4.4 user=b users=a,b [s4 ok b]" },
		{ "s5 bad q", "-" },
		{ "s5 close", "-" },
		{ "s5 info from 5.5.5.5", "-" },
	};

	(void)state;
	expect_all(&sessions, v, COUNT(v));
}

static void sessions_end_after_five_minutes(void **state)
{
	struct filter_time t = plain;
	struct made m;

	(void)state;
	make_good(&m, &sessions);
	expect(&m, "s1 info from 1.1.1.1", "-");
	t.session_now = NOW + 299;
	expect_at(&m, &t, "2005-08-14 09:59:58 s1 bad a",
		  "1.1.1.1 user=a [s1 info from 1.1.1.1|s1 bad a]");
	t.session_now = NOW + 300;
	expect_at(&m, &t, "2005-08-14 09:59:58 s1 bad a", "-");
	filter_free(m.filter);
}

static void the_oldest_session_goes_first(void **state)
{
	struct made m;

	(void)state;
	make_good(&m, &sessions);
	for (int i = 0; i < 101; i++) {
		_free_ char *line = xasprintf("s%d info from 1.1.1.1", i);

		expect(&m, line, "-");
	}
	expect(&m, "s0 bad a", "-");
	expect(&m, "s2 bad a", "1.1.1.1 user=a [s2 info from 1.1.1.1|s2 bad a]");
	filter_free(m.filter);
}

/* No stream of lines makes a session grow without end. */
static void sessions_are_bounded(void **state)
{
	const struct match *found;
	struct buf saved = { 0 };
	struct made m;

	(void)state;
	make_good(&m, &sessions);
	for (int i = 0; i < 2000; i++) {
		_free_ char *line = xasprintf("2005-08-14 09:59:58 s1 bad user%d-%0200d", i, i);

		(void)!filter_line(m.filter, str_of(line), &plain, &found);
	}
	filter_save(m.filter, &saved);
	assert_true(saved.n < 200 * 1024);
	buf_free(&saved);
	filter_free(m.filter);
}

static void ids_are_chosen_as_fail2ban_does(void **state)
{
	static const struct {
		enum usedns usedns;
		const char *regex, *line, *expected;
	} cases[] = {
		{ USEDNS_NO, "a <SUBNET>", "a 1.2.3.4/24", "1.2.3.0/24 [a 1.2.3.4/24]" },
		{ USEDNS_NO, "a <SUBNET>", "a 1.2.3.4/99", "1.2.3.4 [a 1.2.3.4/99]" },
		{ USEDNS_NO, "a <ADDR>", "a [2001:DB8::1]", "2001:db8::1 [a [2001:DB8::1]]" },
		{ USEDNS_NO, "a <ADDR>", "a ::ffff:1.2.3.4", "1.2.3.4 [a ::ffff:1.2.3.4]" },
		{ USEDNS_NO, "a <ADDR>", "a 999.1.1.1", "999.1.1.1 [a 999.1.1.1]" },
		{ USEDNS_NO, "a <ADDR> <F-ID>\\S+</F-ID>", "a 1.2.3.4 1.2.3.4",
		  "1.2.3.4 [a 1.2.3.4 1.2.3.4]" },
		{ USEDNS_NO, "a <ADDR> <F-ID>\\S+</F-ID>", "a 1.2.3.4 sess",
		  "sess [a 1.2.3.4 sess]" },
		{ USEDNS_NO, "a <ADDR> <F-ID>\\S+</F-ID>", "a 1.2.3.4 5.6.7.8/24",
		  "5.6.7.0/24 [a 1.2.3.4 5.6.7.8/24]" },
		{ USEDNS_NO, "a <F-ID>.*</F-ID>", "a x y", "x y [a x y]" },
		{ USEDNS_NO, "a <F-ID>.*</F-ID>", "a [1.2.3.4]", "1.2.3.4 [a [1.2.3.4]]" },
		{ USEDNS_RAW, "a <F-ID>.*</F-ID>", "a [1.2.3.4]", "1.2.3.4 [a [1.2.3.4]]" },
		{ USEDNS_NO, "a <F-ID>.*</F-ID>", "a ", "-" },
		{ USEDNS_YES, "a <HOST>$", "a mx.example", "host:mx.example [a mx.example]" },
		{ USEDNS_YES, "a <F-DNS/>$", "a 1.2.3.4", "1.2.3.4 [a 1.2.3.4]" },
		{ USEDNS_NO, "a <F-DNS/>$", "a mx.example", "-" },
		{ USEDNS_RAW, "a <HOST>$", "a mx.example", "mx.example [a mx.example]" },
		{ USEDNS_NO, "a <HOST>$", "a mx.example", "-" },
		{ USEDNS_NO, "a <ADDR> <F-TUPLE_ID>\\S+</F-TUPLE_ID>", "a 1.2.3.4 q",
		  "(None, 'q') [a 1.2.3.4 q]" },
		{ USEDNS_NO, "a <ADDR> <F-USER>\\S*</F-USER> <F-ALT_USER_2>\\S*</F-ALT_USER_2>",
		  "a 1.2.3.4  u", "1.2.3.4 user=u [a 1.2.3.4  u]" },
		{ USEDNS_NO, "a <ADDR> <F-USER>\\S*</F-USER> <F-ALT_USER1>\\S*</F-ALT_USER1>",
		  "a 1.2.3.4 v u", "1.2.3.4 user=v [a 1.2.3.4 v u]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct setup s = { .fail = { cases[i].regex }, .usedns = cases[i].usedns };
		struct vector v = { cases[i].line, cases[i].expected };

		expect_all(&s, &v, 1);
	}
}

static void the_address_beside_an_id_is_a_field(void **state)
{
	struct setup s = { .fail = { "a <ADDR> <F-ID>\\S+</F-ID>" }, .usedns = USEDNS_NO };
	const struct match *found;
	struct made m;

	(void)state;
	make_good(&m, &s);
	assert_int_equal(filter_line(m.filter, STR("12:00:00 a 1.2.3.4 x"), &plain, &found), 1);
	assert_true(str_is(match_field(found, STR("ip")), "1.2.3.4"));
	assert_true(str_is(match_field(found, STR("fid")), "x"));
	assert_null(match_field(found, STR("ip6")).p);
	filter_free(m.filter);
}

static void content_replaces_the_subject(void **state)
{
	static const struct setup s = {
		.pref = "^\\s*p <ADDR>(?: <F-X>z</F-X>)? c:<F-CONTENT>.*</F-CONTENT>$",
		.fail = { "^\\s*p 1.1.1.1 c:$", "^<F-USER>\\w+</F-USER>$" },
		.usedns = USEDNS_NO,
	};
	static const struct vector v[] = {
		{ "p 1.1.1.1 c:u", "1.1.1.1 user=u [p 1.1.1.1 c:u]" },
		{ "p 1.1.1.1 c:", "1.1.1.1 [p 1.1.1.1 c:]" }, /* empty: the line stays */
		{ "q 1.1.1.1 c:u", "-" },
		{ "u", "-" },
	};

	(void)state;
	expect_all(&s, v, COUNT(v));
}

static void unset_groups_do_not_override(void **state)
{
	static const struct setup s = {
		.pref = "^\\s*p <ADDR> <F-USER>\\w+</F-USER> c:<F-CONTENT>.*</F-CONTENT>$",
		.fail = { "^a(?: <F-USER>\\w+</F-USER>)?$" },
		.usedns = USEDNS_NO,
	};
	static const struct vector v[] = {
		{ "p 1.1.1.1 u c:a", "1.1.1.1 user=u [p 1.1.1.1 u c:a]" },
		{ "p 1.1.1.1 u c:a v", "1.1.1.1 user=v [p 1.1.1.1 u c:a v]" },
	};

	(void)state;
	expect_all(&s, v, COUNT(v));
}

/* Early only with three failregexes more than ignoreregexes; then on the whole line. */
static void ignoreregex_comes_early_or_late(void **state)
{
	static const char pref[] = "^\\s*p <ADDR> c:<F-CONTENT>.*</F-CONTENT>$";
	static const struct setup late = {
		.pref = pref,
		.fail = { "^x", "^y", "^z" },
		.ignore = { "p 1" },
		.usedns = USEDNS_NO,
	};
	static const struct setup early = {
		.pref = pref,
		.fail = { "^x", "^y", "^z", "^w" },
		.ignore = { "p 1" },
		.usedns = USEDNS_NO,
	};
	static const struct setup content = {
		.pref = pref,
		.fail = { "^x", "^y", "^z", "^w" },
		.ignore = { "^x" },
		.usedns = USEDNS_NO,
	};
	static const struct vector line = { "p 1.1.1.1 c:x", "1.1.1.1 [p 1.1.1.1 c:x]" };
	static const struct vector none = { "p 1.1.1.1 c:x", "-" };

	(void)state;
	expect_all(&late, &line, 1);
	expect_all(&early, &none, 1);
	expect_all(&content, &none, 1);
}

static void windows_hold_several_lines(void **state)
{
	static const struct setup s = {
		.fail = { "^\\s*start <ADDR>(?:<SKIPLINES>)?^\\s*end$" },
		.ignore = { "q" },
		.usedns = USEDNS_NO,
		.maxlines = 4,
	};
	static const struct vector v[] = {
		{ "start 1.1.1.1", "-" },
		{ "end", "1.1.1.1 [start 1.1.1.1|end]" },
		{ "end", "-" },
		{ "start 1.1.1.1", "-" },
		{ "x", "-" },
		{ "q", "-" },
		{ "end", "1.1.1.1 [start 1.1.1.1|end]" }, /* q was skipped, so not ignored */
		{ "start 2.2.2.2", "-" },
		{ "start 3.3.3.3", "-" },
		{ "end", "2.2.2.2 [start 2.2.2.2|end]" },
		{ "end", "3.3.3.3 [start 3.3.3.3|end]" }, /* skipped lines stay */
		{ "start 4.4.4.4", "-" },
		{ "x", "-" },
		{ "y", "-" },
		{ "z", "-" },
		{ "end", "-" }, /* start fell out */
	};

	(void)state;
	expect_all(&s, v, COUNT(v));
}

static const struct setup dated = { .fail = { "^\\s*a <ADDR>" }, .usedns = USEDNS_NO };

struct dated_vector {
	const char *line, *date; /* date of the match's line; NULL: no match */
	double time;
};

static void expect_dates(const struct filter_time *t, const struct dated_vector *v, size_t n)
{
	struct made m;

	make_good(&m, &dated);
	for (size_t i = 0; i < n; i++) {
		const struct match *found = NULL;
		size_t got = filter_line(m.filter, str_of(v[i].line), t, &found);

		assert_int_equal(got, v[i].date != NULL);
		if (!got)
			continue;
		assert_true(str_is(found->lines[0].date, v[i].date));
		if (isnan(v[i].time))
			assert_true(isnan(found->time));
		else
			assert_true(found->time == v[i].time);
	}
	filter_free(m.filter);
}

/* fail2ban-behaviour.md section 4.6 */
static void dates_in_operation(void **state)
{
	static const struct filter_time t = {
		.now = NOW, .session_now = NOW, .check_age = true, .in_operation = true
	};
	static const struct dated_vector v[] = {
		{ "a 1.2.3.4", "", NOW },
		{ "2005-08-14 09:59:58 x", NULL, 0 },
		{ "a 1.2.3.4", "2005-08-14 09:59:58", NOW - 2 },
		{ "Feb 30 00:00:00 a 1.2.3.4", NULL, 0 }, /* not cut: the last date stands in */
		{ "2005-08-14 09:59:00 x", NULL, 0 },
		{ "a 1.2.3.4", "", NOW }, /* 60 seconds are too old */
		{ "2005-08-14 09:58:59 a 1.1.1.1", "2005-08-14 09:58:59", NOW },
		{ "2005-08-14 10:01:00 a 1.1.1.1", "2005-08-14 10:01:00", NOW },
		{ "2004-08-14 09:49:59 a 1.1.1.1", "2004-08-14 09:49:59", NOW },
		{ "a 1.2.3.4", "2004-08-14 09:49:59", NOW },
	};

	(void)state;
	expect_dates(&t, v, COUNT(v));
}

static void dates_while_catching_up(void **state)
{
	static const struct filter_time t = { .now = NOW, .session_now = NOW, .check_age = true };
	static const struct dated_vector v[] = {
		{ "a 1.2.3.4", NULL, 0 },
		{ "2005-08-14 09:50:00 a 1.1.1.1", "2005-08-14 09:50:00", NOW - 600 },
		{ "2005-08-14 09:49:59 a 1.1.1.1", NULL, 0 },
		{ "2006-08-14 09:49:59 a 1.1.1.1", "2006-08-14 09:49:59", NOW },
	};

	(void)state;
	expect_dates(&t, v, COUNT(v));
}

static void dates_without_age(void **state)
{
	static const struct dated_vector v[] = {
		{ "a 1.2.3.4", "", NAN },
		{ "2004-08-14 09:50:00 a 1.1.1.1", "2004-08-14 09:50:00", 1092477000 },
		{ "2006-08-14 10:00:00 a 1.1.1.1", "2006-08-14 10:00:00", 1155549600 },
	};

	(void)state;
	expect_dates(&plain, v, COUNT(v));
}

static void notices_name_the_line(void **state)
{
	static const struct filter_time live = {
		.now = NOW, .session_now = NOW, .check_age = true, .in_operation = true
	};
	static const struct filter_time old = { .now = NOW, .session_now = NOW, .check_age = true };
	const struct filter_stats *s;
	struct made m;

	(void)state;
	make_good(&m, &dated);
	s = filter_stats(m.filter);
	expect_at(&m, &live, "a 1.2.3.4", "1.2.3.4 [a 1.2.3.4]");
	assert_int_equal(s->notices, FILTER_MATCH_WITHOUT_DATE);
	expect_at(&m, &live, "2005-08-14 08:00:00 x", "-");
	assert_int_equal(s->notices, FILTER_MATCH_WITHOUT_DATE | FILTER_ODD_TIME);
	assert_true(s->odd_time == NOW - 7200);
	assert_true(str_is(s->odd.suffix, " x"));
	expect_at(&m, &old, "2005-08-14 07:00:00 y", "-");
	assert_true(s->notices & FILTER_OLD_LINES);
	assert_true(str_is(s->odd.date, "2005-08-14 07:00:00"));
	assert_int_equal(s->lines, 3);
	filter_free(m.filter);
}

static void lines_with_a_known_date(void **state)
{
	const struct match *found;
	struct made m;

	(void)state;
	make_good(&m, &dated);
	assert_int_equal(
		filter_dated_line(m.filter, STR("D"), NOW - 5.5, STR("a 1.2.3.4"), &plain, &found),
		1);
	assert_true(found->time == NOW - 5.5);
	assert_true(str_is(found->lines[0].date, "D"));
	filter_free(m.filter);
}

static void seeking_changes_nothing(void **state)
{
	struct buf before = { 0 }, after = { 0 };
	struct made m;
	double when = 0;

	(void)state;
	make_good(&m, &dated);
	expect(&m, "a 1.2.3.4", "1.2.3.4 [a 1.2.3.4]");
	filter_save(m.filter, &before);
	assert_true(filter_line_time(m.filter, STR("Aug 13 10:00:00 h x"), NOW, &when));
	assert_true(when == NOW - 86400);
	assert_false(filter_line_time(m.filter, STR("nothing"), NOW, &when));
	filter_save(m.filter, &after);
	assert_true(str_eq(buf_str(&before), buf_str(&after)));
	buf_free(&before);
	buf_free(&after);
	filter_free(m.filter);
}

static void encodings_are_decoded(void **state)
{
	static const struct {
		const char *encoding, *line, *expected;
		bool bad;
	} cases[] = {
		{ "auto", "a 1.1.1.1 \xc3\xa9", "1.1.1.1 user=\xc3\xa9 [a 1.1.1.1 \xc3\xa9]",
		  false },
		{ "UTF-8", "a 1.1.1.1 x\xffy",
		  "1.1.1.1 user=x\xef\xbf\xbdy [a 1.1.1.1 x\xef\xbf\xbdy]", true },
		{ "ascii", "a 1.1.1.1 \xc3\xa9",
		  "1.1.1.1 user=\xef\xbf\xbd\xef\xbf\xbd [a 1.1.1.1 \xef\xbf\xbd\xef\xbf\xbd]",
		  true },
		{ "latin-1", "a 1.1.1.1 \xe9", "1.1.1.1 user=\xc3\xa9 [a 1.1.1.1 \xc3\xa9]",
		  false },
		{ "ISO_8859-1", "a 1.1.1.1 \xe9", "1.1.1.1 user=\xc3\xa9 [a 1.1.1.1 \xc3\xa9]",
		  false },
		{ "cp1252", "a 1.1.1.1 \x80", "1.1.1.1 user=\xe2\x82\xac [a 1.1.1.1 \xe2\x82\xac]",
		  false },
		{ "cp1252", "a 1.1.1.1 \x81", "1.1.1.1 user=\xef\xbf\xbd [a 1.1.1.1 \xef\xbf\xbd]",
		  true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct setup s = { .fail = { "a <ADDR> <F-USER>\\S+</F-USER>$" },
				   .usedns = USEDNS_NO,
				   .encoding = cases[i].encoding };
		struct made m;

		make_good(&m, &s);
		expect(&m, cases[i].line, cases[i].expected);
		assert_int_equal(!!(filter_stats(m.filter)->notices & FILTER_BAD_ENCODING),
				 cases[i].bad);
		filter_free(m.filter);
	}
}

static void bad_settings_are_refused(void **state)
{
	static const struct {
		struct setup s;
		const char *text;
	} cases[] = {
		{ { .fail = { "a (<HOST>" } }, "Unable to compile regular expression 'a ((?:" },
		{ { .fail = { "a" } }, "No failure-id group in 'a'" },
		{ { .fail = { "" } }, "Cannot add empty regex" },
		{ { .fail = { "<HOST>" }, .encoding = "klingon" }, "unknown encoding: klingon" },
		{ { .fail = { "<HOST>" }, .dates = { "%Q" } }, "invalid format" },
		{ { .fail = { "<HOST>" }, .ignore = { "[" } },
		  "Unable to compile regular expression '['" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct made m;

		make(&m, &cases[i].s);
		assert_int_equal(m.result, -22);
		assert_true(str_starts(str_of(m.err.text), str_of(cases[i].text)));
	}
}

static void expansions_are_shown(void **state)
{
	struct setup s = { .fail = { "a <ADDR>" },
			   .ignore = { "<F-USER>b</F-USER>" },
			   .pref = "c" };
	struct made m;

	(void)state;
	make_good(&m, &s);
	assert_true(
		str_starts(filter_expanded(m.filter, &m.fail[0]), STR("a \\[?(?:(?:::f{4,6}:)?")));
	assert_true(str_is(filter_expanded(m.filter, &m.ignore[0]), "(?P<user>b)"));
	assert_true(str_is(filter_expanded_prefregex(m.filter), "c"));
	filter_free(m.filter);
}

/* Lines that are meant to hurt: no crash, no match, and a word about it. */
static void hostile_lines(void **state)
{
	static const struct setup s = {
		.fail = { "(?:\\w+\\s?)+!<ADDR>", "^\\s*(a|aa)+$<F-ID>x</F-ID>", "b <HOST>$" },
		.usedns = USEDNS_NO,
	};
	_free_ char *line = xcalloc(1, 100001);
	const struct match *found;
	struct made m;

	(void)state;
	make_good(&m, &s);
	memset(line, 'a', 100000);
	assert_int_equal(filter_line(m.filter, str_mem(line, 100000), &plain, &found), 0);
	line[9999] = '!';
	assert_int_equal(filter_line(m.filter, str_mem(line, 10000), &plain, &found), 0);
	assert_true(filter_stats(m.filter)->limit_hits > 0);
	assert_true(filter_stats(m.filter)->notices & FILTER_LIMIT_HIT);
	memset(line, 0, 1000);
	assert_int_equal(filter_line(m.filter, str_mem(line, 1000), &plain, &found), 0);
	assert_int_equal(filter_line(m.filter, STR(""), &plain, &found), 0);
	assert_int_equal(filter_line(m.filter, STR("\r\n"), &plain, &found), 0);
	assert_int_equal(filter_line(m.filter, STR("b 1.2.3.4\0"), &plain, &found), 0);
	assert_int_equal(filter_line(m.filter, STR("b 1.2.3.4\r\n"), &plain, &found), 1);
	filter_free(m.filter);
}

static void state_survives(void **state)
{
	static const struct setup both = {
		.fail = { "^ <F-MLFID>s\\d+</F-MLFID> from <ADDR><F-NOFAIL></F-NOFAIL>$",
			  "^\\s*begin\\n.*end <ADDR>" },
		.usedns = USEDNS_NO,
		.maxlines = 3,
	};
	struct buf saved = { 0 }, again = { 0 };
	struct made a, b;

	(void)state;
	make_good(&a, &sessions);
	make_good(&b, &sessions);
	expect(&a, "s1 info from 1.1.1.1", "-");
	filter_save(a.filter, &saved);
	assert_int_equal(filter_restore(b.filter, buf_str(&saved)), 0);
	filter_save(b.filter, &again);
	assert_true(str_eq(buf_str(&saved), buf_str(&again)));
	expect(&b, "s1 bad u", "1.1.1.1 user=u [s1 info from 1.1.1.1|s1 bad u]");
	for (size_t i = 0; i < saved.n; i++)
		assert_int_equal(filter_restore(b.filter, str_mem(saved.p, i)), -22);
	saved.p[0] = 1; /* of a version before */
	assert_int_equal(filter_restore(b.filter, buf_str(&saved)), -22);
	expect(&b, "s1 bad u", "-");
	filter_free(a.filter);
	filter_free(b.filter);

	make_good(&a, &both);
	make_good(&b, &both);
	expect(&a, "begin", "-");
	buf_clear(&saved);
	filter_save(a.filter, &saved);
	assert_int_equal(filter_restore(b.filter, buf_str(&saved)), 0);
	expect(&b, "end 1.2.3.4", "1.2.3.4 [begin|end 1.2.3.4]");
	filter_free(a.filter);
	filter_free(b.filter);
	buf_free(&saved);
	buf_free(&again);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_follow_the_vectors),
		cmocka_unit_test(sessions_end_after_five_minutes),
		cmocka_unit_test(the_oldest_session_goes_first),
		cmocka_unit_test(sessions_are_bounded),
		cmocka_unit_test(ids_are_chosen_as_fail2ban_does),
		cmocka_unit_test(the_address_beside_an_id_is_a_field),
		cmocka_unit_test(content_replaces_the_subject),
		cmocka_unit_test(unset_groups_do_not_override),
		cmocka_unit_test(ignoreregex_comes_early_or_late),
		cmocka_unit_test(windows_hold_several_lines),
		cmocka_unit_test(dates_in_operation),
		cmocka_unit_test(dates_while_catching_up),
		cmocka_unit_test(dates_without_age),
		cmocka_unit_test(notices_name_the_line),
		cmocka_unit_test(lines_with_a_known_date),
		cmocka_unit_test(seeking_changes_nothing),
		cmocka_unit_test(encodings_are_decoded),
		cmocka_unit_test(bad_settings_are_refused),
		cmocka_unit_test(expansions_are_shown),
		cmocka_unit_test(hostile_lines),
		cmocka_unit_test(state_survives),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
