#include "unit/unit.h"

#include "base/utf8.h"
#include "base/xalloc.h"
#include "match/dialect.h"
#include "match/facts.h"
#include "match/regex.h"
#include "match/tags.h"

#define V4 "(?:\\d{1,3}\\.){3}\\d{1,3}"
#define V6 "(?:[0-9a-fA-F]{1,4}::?|:){1,7}(?:[0-9a-fA-F]{1,4}|(?<=:):)"
#define ADDR "\\[?(?:(?:::f{4,6}:)?(?P<ip4>" V4 ")|(?P<ip6>" V6 "))\\]?"

static void tags_expand_to_the_text(void **state)
{
	static const struct {
		const char *in;
		enum usedns usedns;
		const char *out;
	} cases[] = {
		{ "<HOST>", USEDNS_NO, ADDR },
		{ "<HOST>", USEDNS_WARN, "(?:" ADDR "|(?P<dns>[\\w\\-.^_]*\\w))" },
		{ "<HOST>", USEDNS_RAW, "(?:" ADDR "|(?P<dns>[\\w\\-.^_]*\\w))" },
		{ "<ADDR>", USEDNS_YES, ADDR },
		{ "<F-IP4/>", USEDNS_YES, "(?:::f{4,6}:)?(?P<ip4>" V4 ")" },
		{ "<CIDR>", USEDNS_YES, "(?P<cidr>\\d+)" },
		{ "<SUBNET>", USEDNS_YES,
		  "\\[?(?:(?:::f{4,6}:)?(?P<ip4>" V4 ")|(?P<ip6>" V6 "))(?:/(?P<cidr>\\d+))?\\]?" },
		{ "<F-ID/> <F-PORT/>", USEDNS_YES, "(?P<fid>\\S+) (?P<fport>\\w+)" },
		{ "<F-ID>x</F-ID><F-PORT>y</F-PORT>", USEDNS_YES, "(?P<fid>x)(?P<fport>y)" },
		{ "<F-USER>x</F-USER>", USEDNS_YES, "(?P<user>x)" },
		{ "<F-ALT_USER1>x</F-ALT_USER1>", USEDNS_YES, "(?P<alt_user1>x)" },
		{ "</F-USER><F-user><F-HOST/><foo></HOST><HOST/>", USEDNS_YES,
		  "</F-USER><F-user><F-HOST/><foo></HOST><HOST/>" },
		{ "a<SKIPLINES>b<SKIPLINES>", USEDNS_YES,
		  "a\\n(?P<skiplines0>(?:(?:.*\\n)*?))b\\n(?P<skiplines1>(?:(?:.*\\n)*?))" },
		{ "<TIMESTAMP><", USEDNS_YES, "<TIMESTAMP><" },
		{ "((?i)abc)", USEDNS_YES, "(?i:abc)" },
		{ "x(?:(?im)abc)", USEDNS_YES, "x(?im:abc)" },
		{ "(((?i)a))", USEDNS_YES, "((?i:a))" },
		{ "((?-i)a)", USEDNS_YES, "((?-i)a)" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		_buf_free_ struct buf out = { 0 };

		tags_expand(str_of(cases[i].in), cases[i].usedns, &out);
		assert_string_equal(buf_z(&out), cases[i].out);
	}
}

static void dialect_is_rewritten(void **state)
{
	static const struct {
		const char *in, *out; /* out NULL: refused */
	} cases[] = {
		{ "a{,2}", "a{0,2}" },
		{ "a{,}", "a{0,}" },
		{ "a{2,}", "a{2,}" },
		{ "a{x}{ 1}", "a\\{x}\\{ 1}" },
		{ "a\\Z", "a\\z" },
		{ "a\\\\Z", "a\\\\Z" },
		{ "[\\Z]", NULL },
		{ "(?iu)a", "(?i)a" },
		{ "(?u)a", "a" },
		{ "(?P<n>a)(?P=n)", "(a)\\g{1}" },
		{ "(?P<n>a)?(?(n)b|c)", "(a)?(?(1)b|c)" },
		{ "(a)\\1", "(a)\\g{1}" },
		{ "\\101\\x41\\u0041", "\\x{41}\\x{41}\\x{41}" },
		{ "\\s[\\s]", "[\\s\\x1c-\\x1f][\\s\\x1c-\\x1f]" },
		{ "[x\\S]", "(?:[x]|[^\\s\\x1c-\\x1f])" },
		{ "[^x\\S]", "(?:(?![x])[\\s\\x1c-\\x1f])" },
		{ "[^\\S]", "[\\s\\x1c-\\x1f]" },
		{ "[[:alpha:]]", "[\\[:alpha:]]" },
		{ "[]a^]", "[\\]a\\^]" },
		{ "\\v[\\b]", "\\x0b[\\x08]" },
		{ "a(?#b)+", "a+" },
		{ "(?x)a #)\n", "(?x)a \n" },
		{ "\\h", NULL },
		{ "\\R", NULL },
		{ "\\K", NULL },
		{ "\\Qa\\E", NULL },
		{ "\\z", NULL },
		{ "(?R)", NULL },
		{ "(?1)", NULL },
		{ "(?|a)", NULL },
		{ "(?<n>a)", NULL },
		{ "(?'n'a)", NULL },
		{ "(?P>n)", NULL },
		{ "(?C)", NULL },
		{ "(?)", NULL },
		{ "(*FAIL)", NULL },
		{ "(?a)x", NULL },
		{ "\\N{DASH}", NULL },
		{ "(?P<n>a)(?P<n>b)", NULL },
		{ "(?P<a-b>a)", NULL },
		{ "(?P=n)", NULL },
		{ "(a", NULL },
		{ "a)", NULL },
		{ "[a", NULL },
		{ "\\", NULL },
		{ "\xff", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dialect d = { 0 };
		struct err e = { 0 };
		int r = dialect_translate(str_of(cases[i].in), &d, &e);

		if (cases[i].out) {
			assert_int_equal(r, 0);
			assert_string_equal(buf_z(&d.text), cases[i].out);
		} else {
			assert_int_equal(r, -22);
			assert_true(e.text[0]);
		}
		dialect_done(&d);
	}
}

static struct regex *compile(const char *pattern, unsigned flags)
{
	struct regex *r = NULL;
	struct err e = { 0 };

	if (regex_new(str_of(pattern), flags, &r, &e) < 0)
		print_error("%s\n", e.text);
	assert_non_null(r);
	return r;
}

/* What Python's re finds, as spans of bytes. */
static void searches_find_what_python_finds(void **state)
{
	static const struct {
		const char *pattern, *subject;
		size_t start, end;
		bool match;
	} cases[] = {
		{ "a\\Z", "a\n", 0, 0, false },
		{ "a$", "a\n", 0, 1, true },
		{ "a{,2}b", "aaab", 1, 4, true },
		{ "\\s", "x\x1c", 1, 2, true },
		{ "[^\\s]", "\x1c", 0, 0, false },
		{ "[x\\S]+", "x\x1cy", 0, 1, true },
		{ "\\w+", "\xc3\xa9-", 0, 2, true },
		{ "\xc3\xa9*x", "x", 0, 1, true },
		{ "\xc3\xa9*$", "\xc3\xa9\xc3\xa9", 0, 4, true },
		{ "(?i)\xc3\x89", "\xc3\xa9", 0, 2, true },
		{ "\\be",
		  "\xc3\xa9"
		  "e",
		  0, 0, false },
		{ "\\d", "\xd9\xa1", 0, 2, true },
		{ ".", "\n", 0, 0, false },
		{ "^[ab]x", "cx", 0, 0, false },
		{ "^(?:a|b)?x", "bx", 0, 2, true },
		{ "(?:(?P<q>a)|b)(?(q)c|d)", "bd", 0, 2, true },
	};
	struct regex_space *space = regex_space_new();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct regex *r = compile(cases[i].pattern, 0);
		str s = str_of(cases[i].subject);
		size_t start = 0, end = 0;

		assert_int_equal(regex_search(r, space, s, utf8_is_ascii(s), 0), cases[i].match);
		if (cases[i].match) {
			assert_true(regex_span(r, 0, &start, &end));
			assert_int_equal(start, cases[i].start);
			assert_int_equal(end, cases[i].end);
		}
		regex_free(r);
	}
	regex_space_free(space);
}

static void multiline_is_pythons(void **state)
{
	struct regex *r = compile("\\Z^", REGEX_MULTILINE), *plain = compile("^b", 0);
	struct regex_space *space = regex_space_new();

	(void)state;
	assert_int_equal(regex_search(r, space, STR("a\n"), true, 0), REGEX_MATCH);
	assert_int_equal(regex_search(plain, space, STR("a\nb"), true, 0), REGEX_NO_MATCH);
	regex_free(r);
	regex_free(plain);
	regex_space_free(space);
}

static void searches_begin_where_told(void **state)
{
	struct regex *r = compile("(?<=a)b|^a", 0);
	struct regex_space *space = regex_space_new();
	size_t start, end;

	(void)state;
	assert_int_equal(regex_search(r, space, STR("ab"), true, 1), REGEX_MATCH);
	assert_true(regex_span(r, 0, &start, &end));
	assert_int_equal(start, 1);
	assert_int_equal(regex_search(r, space, STR("aa"), true, 1), REGEX_NO_MATCH);
	regex_free(r);
	regex_space_free(space);
}

static void long_group_names_are_kept(void **state)
{
	static const char name[] = "a_name_that_is_longer_than_pcre2_takes_it";
	_free_ char *pattern = xasprintf("(x)(?P<%s>y)", name);
	struct regex *r = compile(pattern, 0);

	(void)state;
	assert_int_equal(regex_n_groups(r), 3);
	assert_int_equal(regex_find_group(r, str_of(name)), 2);
	assert_int_equal(regex_group_name(r, 1).n, 0);
	assert_int_equal(regex_find_group(r, STR("b")), 0);
	regex_free(r);
}

static void catastrophes_end_at_the_limit(void **state)
{
	static const char *const patterns[] = { "^(a+)+$", "(a+)+$", "(\\w+\\s?)+$", "^(a|aa)+$",
						"^(([a-z])+.)+[A-Z]([a-z])+$" };
	struct regex_space *space = regex_space_new();
	char line[5000];

	(void)state;
	memset(line, 'a', sizeof line);
	line[sizeof line - 1] = '!';
	for (size_t i = 0; i < COUNT(patterns); i++) {
		struct regex *r = compile(patterns[i], 0);

		assert_int_equal(regex_search(r, space, str_mem(line, sizeof line), true, 0),
				 REGEX_LIMIT);
		regex_free(r);
	}
	regex_space_free(space);
}

/* Facts may be missing, but never wrong. */
static void facts_are_found(void **state)
{
	static const struct {
		const char *pattern, *literal, *begin, *not_begin; /* NULL: may begin with all */
	} cases[] = {
		{ "^abc \\[x\\]d", "abc [x]d", "a", "b\n " },
		{ "^[aA]uth (?:failure|error) for", "uth ", "aA", "bf" },
		{ "^(?:error: )?foo", "foo", "ef", "o" },
		{ "^(?:a|b)cd", "cd", "ab", "c" },
		{ "^\\s*ab{2}c", "ab", " \ta", "b" },
		{ "^(?P<u>ROOT)? LOGIN", " LOGIN", "R ", "L" },
		{ "^(?=x)abc", "abc", "a", "b" },
		{ "^[^x]yz", "yz", "ay\xc3", "x" },
		{ "^\\d", "", "0\xd9", "a" },
		{ "^\\D", "", "a\xd9", "0" },
		{ "^(?(1)a|b)c", "c", NULL, "c" },
		{ "^a*", "", NULL, NULL },
		{ "^", "", NULL, NULL },
		{ "abcd", "abcd", NULL, NULL },
		{ "^ab|cd", "", NULL, NULL },
		{ "^(?i:ab)", "", NULL, NULL },
		{ "(?i)^ab", "", NULL, NULL },
		{ "^\\x41", "", NULL, NULL },
		{ "^(?P<a>x)(?P=a)", "", NULL, NULL },
		{ "^a{,3}bb", "bb", "ab", "c" },
		{ "^a{x", "a{x", "a", "x" },
		{ "^\xc3\xa9", "", "\xc3", "a" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct facts f;

		facts_find(str_of(cases[i].pattern), false, &f);
		assert_true(str_is(str_mem(f.literal, f.literal_n), cases[i].literal));
		if (!cases[i].not_begin)
			assert_false(f.anchored);
		for (const char *c = cases[i].begin; c && *c; c++)
			assert_true(facts_may_begin(&f, str_mem(c, 1)));
		for (const char *c = cases[i].not_begin; c && *c && cases[i].begin; c++)
			assert_false(facts_may_begin(&f, str_mem(c, 1)));
		facts_find(str_of(cases[i].pattern), true, &f);
		assert_false(f.anchored);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_expand_to_the_text),
		cmocka_unit_test(dialect_is_rewritten),
		cmocka_unit_test(searches_find_what_python_finds),
		cmocka_unit_test(multiline_is_pythons),
		cmocka_unit_test(searches_begin_where_told),
		cmocka_unit_test(long_group_names_are_kept),
		cmocka_unit_test(catastrophes_end_at_the_limit),
		cmocka_unit_test(facts_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
