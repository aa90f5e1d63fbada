#include "unit/unit.h"

#include "base/xalloc.h"
#include "match/prefilter.h"

#define NOW 1124013600

static const struct filter_time now = { .now = NOW, .session_now = NOW };

struct made {
	struct config_jail jail;
	struct config_regex fail[2];
	str date;
	struct filter *filter;
};

static void make(struct made *m, const char *pref, const char *fail, const char *fail2,
		 const char *date, int maxlines)
{
	struct err e = { 0 };

	*m = (struct made){ .fail = { { str_of(fail), USEDNS_NO, 1 },
				      { str_of(fail2), USEDNS_NO, 1 } },
			    .date = str_of(date) };
	m->jail = (struct config_jail){ .name = STR("j"),
					.failregex = m->fail,
					.n_failregex = fail2 ? 2 : 1,
					.prefregex = str_of(pref),
					.datepattern = &m->date,
					.n_datepattern = date ? 1 : 0,
					.maxlines = maxlines };
	assert_int_equal(filter_new(&m->jail, &m->filter, &e), 0);
}

static void filters_name_their_literals(void **state)
{
	static const struct {
		const char *pref, *fail, *fail2, *date;
		int maxlines;
		const char *literals; /* joined by commas */
	} cases[] = {
		{ "^ .*: reject: ", "^x <ADDR>", NULL, NULL, 1, "reject" },
		{ "^ .* ", "^Failed password <ADDR>", "^invalid_user <ADDR>", NULL, 1,
		  "password,invalid_user" },
		{ "^ .* ", "^Failed password <ADDR>", "^\\w+ <ADDR>", NULL, 1, "" },
		{ NULL, "^Failed (?:a|b) <ADDR>", NULL, "{^LN-BEG}", 1, "Failed" },
		{ NULL, "^Failed <ADDR>", NULL, "x(%Y)y", 1, "" }, /* could join x and y */
		{ NULL, "^Failed <ADDR>", NULL, NULL, 2, "" },
		{ NULL, "^\\[\\] <ADDR>", NULL, NULL, 1, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		_buf_free_ struct buf joined = { 0 };
		struct made m;
		str out[4];
		size_t n;

		make(&m, cases[i].pref, cases[i].fail, cases[i].fail2, cases[i].date,
		     cases[i].maxlines);
		n = filter_literals(m.filter, out, COUNT(out));
		for (size_t k = 0; k < n; k++) {
			if (k)
				buf_add_char(&joined, ',');
			buf_add_str(&joined, out[k]);
		}
		assert_string_equal(buf_z(&joined), cases[i].literals);
		filter_free(m.filter);
	}
}

static void lines_are_sorted(void **state)
{
	struct made a, b, c;
	struct prefilter *p;
	bool may[3];

	(void)state;
	make(&a, NULL, "^ foo <ADDR>", "^ bar <ADDR>", NULL, 1);
	make(&b, NULL, "^ bar <ADDR>", NULL, NULL, 1);
	make(&c, NULL, "^ \\w+ <ADDR>", NULL, NULL, 1);
	p = prefilter_new((struct filter *[]){ a.filter, b.filter, c.filter }, 3);
	prefilter_scan(p, STR("x foo y"), may);
	assert_true(may[0] && !may[1] && may[2]);
	prefilter_scan(p, STR("bar"), may);
	assert_true(may[0] && may[1] && may[2]);
	prefilter_scan(p, STR(""), may);
	assert_true(!may[0] && !may[1] && may[2]);
	prefilter_free(p);
	filter_free(a.filter);
	filter_free(b.filter);
	filter_free(c.filter);
}

/* A line passed over leaves a filter as a line that did not match does. */
static void passing_over_is_as_judging(void **state)
{
	static const char *const lines[] = { "2005-08-14 09:59:58 nothing", "Aug 14 09:59:59 h x",
					     "no date", "1124013599 x" };
	struct buf judged = { 0 }, passed = { 0 };
	const struct match *found;
	struct made a, b;

	(void)state;
	make(&a, NULL, "^ foo <ADDR>", NULL, NULL, 1);
	make(&b, NULL, "^ foo <ADDR>", NULL, NULL, 1);
	for (size_t i = 0; i < COUNT(lines); i++) {
		assert_int_equal(filter_line(a.filter, str_of(lines[i]), &now, &found), 0);
		filter_pass(b.filter, str_of(lines[i]), &now);
	}
	filter_save(a.filter, &judged);
	filter_save(b.filter, &passed);
	assert_true(str_eq(buf_str(&judged), buf_str(&passed)));
	buf_free(&judged);
	buf_free(&passed);
	filter_free(a.filter);
	filter_free(b.filter);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_name_their_literals),
		cmocka_unit_test(lines_are_sorted),
		cmocka_unit_test(passing_over_is_as_judging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
