/* src/config, the texts: the grammar of a file, times, name[options] and shell-like words. */
#include "unit/unit.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "config/duration.h"
#include "config/ini.h"
#include "config/options.h"
#include "config/words.h"

/* What a case expects: an error whose text (with file and line) holds this. */
static void assert_error(int rc, const struct err *err, const char *part, const char *name)
{
	_buf_free_ struct buf text = { 0 };

	err_print(err, &text);
	if (rc >= 0 || !strstr(buf_z(&text), part))
		fail_msg("%s: %d '%s' does not hold '%s'", name, rc, buf_z(&text), part);
}

/* "section/key=value|key=value/section..." of a parsed file */
static void describe(const struct ini *ini, struct buf *out)
{
	for (size_t s = 0; s < ini->n_sections; s++) {
		buf_printf(out, "[%.*s]", STR_ARG(ini->sections[s].name));
		for (size_t k = 0; k < ini->sections[s].n_keys; k++)
			buf_printf(out, "%.*s{%.*s}", STR_ARG(ini->sections[s].keys[k].name),
				   STR_ARG(ini->sections[s].keys[k].value));
	}
}

static void test_ini(void **state)
{
	static const struct {
		const char *text, *result, *error;
	} cases[] = {
		{ "", "", NULL },
		{ "[a]\nk = v\n", "[a]k{v}", NULL },
		{ "[a]\nKey: v=w\nx=y:z\n", "[a]key{v=w}x{y:z}", NULL },
		{ "[a]b] trailing\nk=\n", "[a]b]k{}", NULL },
		{ "# c\n  ; c\n[a]\nk = 1 ; c\nl = 1; c\nm = a;b\nn = ;z\no = #x\n",
		  "[a]k{1}l{1; c}m{a;b}n{}o{#x}", NULL },
		{ "[a]\nk = 1\n  2\n\t3\n", "[a]k{1\n2\n3}", NULL },
		{ "[a]\nk =\n  1\n\n  2\n\n\n", "[a]k{\n1\n\n2}", NULL },
		{ "[a]\nk = 1\n # c\n 2\n", "[a]k{1\n2}", NULL },
		{ "[a]\n  k = 1\n  l = 2\n    m = 3\n", "[a]k{1}l{2\nm = 3}", NULL },
		{ "[a]\nk = 1\n [b]\n", "[a]k{1\n[b]}", NULL },
		{ "[a]\r\nk = 1\r\n  2\rl = 3", "[a]k{1\n2}l{3}", NULL },
		{ "[a]\nk = \"v\"\n", "[a]k{\"v\"}", NULL },
		{ "[a]\nx?family=inet6 = v\n", "[a]x?family{inet6 = v}", NULL },
		{ "[DEFAULT]\na=1\n[DEFAULT]\nb=2\n", "[DEFAULT]a{1}[DEFAULT]b{2}", NULL },
		{ "k = v\n", NULL, "f:1: this line stands before the first [section]: 'k = v'" },
		{ "[a]\n\nword\n", NULL, "f:3: this line is neither" },
		{ "[]\n", NULL, "f:1: this line stands before" },
		{ "[a]\n= v\n", NULL, "f:2: this line is neither" },
		{ "[a]\nk=1\nK=2\n", NULL, "f:3: this key is in the section twice: 'k'" },
		{ "[DEFAULT]\nk=1\n[DEFAULT]\nk=2\n", NULL,
		  "f:4: this key is in the section twice" },
		{ "[a]\n[b]\n[a]\n", NULL, "f:3: this section is in the file twice: 'a'" },
		{ "[a]\nk = \xff\n", NULL, "f: the file is not UTF-8 text" },
		{ "\xef\xbb\xbf[a]\n", NULL, "f:1: the file begins with a byte order mark" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *arena = arena_new();
		_buf_free_ struct buf text = { 0 };
		struct err err = { 0 };
		struct ini *ini = NULL;
		int rc = ini_parse(arena, "f", str_of(cases[i].text), &ini, &err);

		if (cases[i].error) {
			assert_error(rc, &err, cases[i].error, cases[i].text);
		} else {
			assert_int_equal(rc, 0);
			describe(ini, &text);
			assert_string_equal(buf_z(&text), cases[i].result);
		}
		arena_free(arena);
	}
}

static void test_ini_size(void **state)
{
	struct arena *arena = arena_new();
	struct buf text = { 0 };
	struct ini *ini = NULL;
	struct err err = { 0 };

	buf_add_z(&text, "[a]\nk = ");
	while (text.n < INI_FILE_MAX)
		buf_add_char(&text, 'x');
	assert_int_equal(ini_parse(arena, "f", buf_str(&text), &ini, &err), 0);
	buf_add_char(&text, 'x');
	assert_error(ini_parse(arena, "f", buf_str(&text), &ini, &err), &err, "larger than 1 MiB",
		     "size");
	buf_free(&text);
	arena_free(arena);
}

static void test_duration(void **state)
{
	static const struct {
		const char *text;
		double seconds;
		bool whole;
	} good[] = {
		{ "600", 600, true },
		{ "10m", 600, true },
		{ "-1", -1, true },
		{ "1d12h", 129600, true },
		{ "1d 12h", 129600, true },
		{ "1 d 12 h", 129600, true },
		{ "1year-6mo", 15778800, false },
		{ "1.5h", 5400, false },
		{ "2*3", 6, true },
		{ "1/2h", 1800, false },
		{ "2*1h30m", 9000, true },
		{ "1h-30m", 1800, true },
		{ "(1+2) h", 10800, true },
		{ "2*(1h+1)", 7202, true },
		{ "1h 30", 3630, true },
		{ "1m5", 65, true },
		{ "1H", 3600, true },
		{ " 5 ", 5, true },
		{ ".5h", 1800, false },
		{ "5.", 5, false },
		{ "1_000", 1000, true },
		{ "--1", 1, true },
		{ "1+-1", 0, true },
		{ "1 month 2 weeks", 3839400, false },
		{ "3s4", 7, true },
		{ "1wee1da", 691200, true },
		{ "1 yy", 31557600, false },
		{ "1minute", 60, true },
		{ "00", 0, true },
	};
	static const char *const bad[] = {
		"",
		"  ",
		"m5",
		"1x",
		"1e3",
		"1hm",
		"1mont",
		"1/0",
		"1h+",
		"1.5.5",
		"(1",
		"1)",
		"soon",
		"0x10",
		"1 es",
		".",
		"*2",
		"1//2",
		"1,5",
		"1mins",
		"1e400",
		"1;2",
		"((((((((((((((((((((((((((((((((((((1",
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		struct err err = { 0 };
		double seconds = 0;
		bool whole = false;

		if (duration_parse(str_of(good[i].text), &seconds, &whole, &err) < 0)
			fail_msg("'%s': %s", good[i].text, err.text);
		assert_true(fabs(seconds - good[i].seconds) < 1e-9);
		assert_int_equal(whole, good[i].whole);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct err err = { 0 };
		double seconds = 42;
		bool whole;

		if (duration_parse(str_of(bad[i]), &seconds, &whole, &err) != -EINVAL ||
		    !err.text[0])
			fail_msg("'%s' is taken for a time", bad[i]);
		assert_true(seconds > 41);
	}
}

static void test_options(void **state)
{
	static const struct {
		const char *text, *result, *error;
	} cases[] = {
		{ "f", "f", NULL },
		{ "f[]", "f", NULL },
		{ "f [a=1]", "f (a=1)", NULL },
		{ "f[a=1]", "f(a=1)", NULL },
		{ "f[a=1, b=2]", "f(a=1)(b=2)", NULL },
		{ "f[a=1 b=2]", "f(a=1 b=2)", NULL },
		{ "f[a=1][b=2] [c=3]", "f(a=1)(b=2)(c=3)", NULL },
		{ "f[a=\"1, 2]\", b=' x ']", "f(a=1, 2])(b=x)", NULL },
		{ "f[a=\"'\", b='\"']", "f(a=')(b=\")", NULL },
		{ "f[a=\"1\n2\",\n  b=3,]", "f(a=1\n2)(b=3)", NULL },
		{ "f[a=]", "f(a=)", NULL },
		{ "f[a-b.c_d=1]", "f(a-b.c_d=1)", NULL },
		{ "f[a?family=inet6=1]", "f(a?family=inet6=1)", NULL },
		{ "f[a=1=2]", "f(a=1=2)", NULL },
		{ "[a=1]", NULL, "it must be name[option=value, ...]" },
		{ "f[a=1", NULL, "it must be name[option=value, ...]" },
		{ "f[a=1]x", NULL, "it must be name[option=value, ...]" },
		{ "f[a]", NULL, "expected option=value at 0: a" },
		{ "f[a=1,b c=2]", NULL, "expected option=value at 4: b c=2" },
		{ "f[a=\"1\"x]", NULL, "unexpected text behind an option at 5: x" },
		{ "f[a=1]b]", NULL, "unexpected text behind an option at 3: ]b" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *arena = arena_new();
		_buf_free_ struct buf text = { 0 };
		struct err err = { 0 };
		struct options o = { 0 };
		int rc = options_parse(arena, str_of(cases[i].text), &o, &err);

		if (cases[i].error) {
			assert_error(rc, &err, cases[i].error, cases[i].text);
		} else {
			assert_int_equal(rc, 0);
			buf_add_str(&text, o.name);
			for (size_t k = 0; k < o.n; k++)
				buf_printf(&text, "(%.*s=%.*s)", STR_ARG(o.items[k].name),
					   STR_ARG(o.items[k].value));
			assert_string_equal(buf_z(&text), cases[i].result);
		}
		arena_free(arena);
	}
}

static void test_options_list(void **state)
{
	static const struct {
		const char *text, *result;
	} cases[] = {
		{ "", "" },
		{ " \n ", "" },
		{ "a b\n  c", "{a}{b}{c}" },
		{ "a[x=1] b", "{a[x=1]}{b}" },
		{ "a[x=1, y=\"2 ]\"]\nb", "{a[x=1, y=\"2 ]\"]}{b}" },
		{ "a [x=1]", "{a [x=1]}" },
		{ "a[x=1] [y=2] c", "{a[x=1] [y=2]}{c}" },
		{ "a[x=1]\n  [y=2]\nc", "{a[x=1]\n  [y=2]}{c}" },
		{ "a[x=1,\n   y=2,]", "{a[x=1,\n   y=2,]}" },
		{ "a[x=1] [y", "{a[x=1]}{[y}" },
		{ "a[x", "{a[x}" },
		{ "a[x=1]b[y=2] c", "{a[x=1]b[y=2]}{c}" },
		{ "a[x=\"a\" , y =2]", "{a[x=\"a\"}{,}{y}{=2]}" },
		{ "[x=1],", "{[x=1],}" },
		{ "a[] b", "{a[]}{b}" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		_buf_free_ struct buf text = { 0 };
		str rest = str_of(cases[i].text), one;

		while (options_next(&rest, &one))
			buf_printf(&text, "{%.*s}", STR_ARG(one));
		assert_string_equal(buf_z(&text), cases[i].result);
	}
}

static void test_words(void **state)
{
	static const struct {
		const char *text, *result;
	} cases[] = {
		{ "", "[]" },
		{ " _A=b  +\t_C=d ", "['_A=b', '+', '_C=d']" },
		{ "_C=\"d e\" 'f \"g'", "['_C=d e', 'f \"g']" },
		{ "a\\ b \"e\\\\\\\"f\\n\" g\"h\"i \"\" # x",
		  "['a b', 'e\\\\\"f\\\\n', 'ghi', '', '#', 'x']" },
		{ "\"open", NULL },
		{ "'open", NULL },
		{ "last\\", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *arena = arena_new();
		_buf_free_ struct buf text = { 0 };
		struct value *list = value_list(arena);
		struct err err = { 0 };
		int rc = words_add(arena, str_of(cases[i].text), list, &err);

		assert_int_equal(rc, cases[i].result ? 0 : -EINVAL);
		value_add_repr(&text, list);
		if (cases[i].result)
			assert_string_equal(buf_z(&text), cases[i].result);
		arena_free(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ini),          cmocka_unit_test(test_ini_size),
		cmocka_unit_test(test_duration),     cmocka_unit_test(test_options),
		cmocka_unit_test(test_options_list), cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
