/* The pickle reader and writer: opcodes, limits, frames. */
#include "unit/unit.h"

#include "control/pickle.h"

static const struct {
	const char *name;
	str in;
	const char *repr;
} good[] = {
	{ "fail2ban-client's ping, protocol 5",
	  STR("\x80\x05\x95\x0b\0\0\0\0\0\0\0]\x94\x8c\x04ping\x94"
	      "a."),
	  "['ping']" },
	{ "answer, protocol 4", STR("\x80\x04\x95\x0c\0\0\0\0\0\0\0K\0\x8c\x04pong\x94\x86\x94."),
	  "(0, 'pong')" },
	{ "protocol 0 list", STR("(lp0\nVstatus\np1\naVj1\np2\na."), "['status', 'j1']" },
	{ "protocol 1 list", STR("]q\0(X\x06\0\0\0statusq\1X\2\0\0\0j1q\2e."), "['status', 'j1']" },
	{ "none, bools", STR("(N\x88\x89I01\nI00\nt."), "(None, True, False, True, False)" },
	{ "integers", STR("(K\xffM\xff\xffJ\xff\xff\xff\xffI-5\nL7L\nL8\nt."),
	  "(255, 65535, -1, -5, 7, 8)" },
	{ "long integers",
	  STR("(\x8a\0\x8a\1\xff\x8a\2\0\x80\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"
	      "\x8b\1\0\0\0\x05t."),
	  "(0, -1, -32768, 9223372036854775807, 5)" },
	{ "floats", STR("(G?\xf8\0\0\0\0\0\0F-2.5\nF1e+20\nFinf\nt."), "(1.5, -2.5, 1e+20, inf)" },
	{ "escaped text", STR("Va\\u00e9\\U0001f600\xe9\\\\n\\u005c\\ud800\n."),
	  "'aé😀é\\\\\\\\n\\\\\xef\xbf\xbd'" },
	{ "Python 2 text", STR("(S'a\\'\\n\\x41'\nS\"b\"\nU\1cT\1\0\0\0dt."),
	  "(\"a'\\nA\", 'b', 'c', 'd')" },
	{ "bytes", STR("(C\1aB\1\0\0\0b\x8e\1\0\0\0\0\0\0\0ct."), "('a', 'b', 'c')" },
	{ "bad UTF-8 is repaired", STR("X\3\0\0\0a\xff\x80."), "'a\xef\xbf\xbd\xef\xbf\xbd'" },
	{ "tuples", STR("()K\1\x85K\1K\2\x86K\1K\2K\3\x87t."), "((), (1,), (1, 2), (1, 2, 3))" },
	{ "dict with a key left over", STR("}(U\1aK\1U\1bN]u."), NULL },
	{ "dict of items", STR("}(U\1aK\1U\1b]u."), "{'a': 1, 'b': []}" },
	{ "dict, one by one and from a mark", STR("(}U\1aK\1s(U\1bK\2dt."),
	  "({'a': 1}, {'b': 2})" },
	{ "sets become lists", STR("(\x8f(K\1K\2\x90(K\3\x91t."), "([1, 2], [3])" },
	{ "memo", STR("(U\1xq\5h\5U\1yr\6\0\0\0j\6\0\0\0Vz\np7\ng7\nt."),
	  "('x', 'x', 'y', 'y', 'z', 'z')" },
	{ "memoize counts", STR("(U\1x\x94U\1y\x94h\1h\0t."), "('x', 'y', 'y', 'x')" },
	{ "a finished list may be shared", STR("(]q\0K\1ah\0t."), "([1], [1])" },
	{ "a list that is part of another stays as it is", STR("]q\0]h\0aq\1h\0K\1ae."), NULL },
	{ "bytes behind the end are not looked at", STR("K\1.garbage"), "1" },
	/* refused */
	{ "nothing", STR(""), NULL },
	{ "no end", STR("]"), NULL },
	{ "empty stack", STR("."), NULL },
	{ "two values", STR("NN."), NULL },
	{ "open mark", STR("N(."), NULL },
	{ "cut text", STR("X\4\0\0\0abc"), NULL },
	{ "huge text", STR("X\xff\xff\xff\xff"), NULL },
	{ "huge text, 8 bytes", STR("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"), NULL },
	{ "huge long", STR("\x8b\xff\xff\xff\x7f"), NULL },
	{ "long of 9 bytes", STR("\x8a\x09\1\1\1\1\1\1\1\1\1."), NULL },
	{ "number too large", STR("I99999999999999999999\n."), NULL },
	{ "hexadecimal float", STR("F0x1p3\n."), NULL },
	{ "empty float", STR("F\n."), NULL },
	{ "unquoted text", STR("Sabc\n."), NULL },
	{ "one quote", STR("S'\n."), NULL },
	{ "bad escape", STR("S'\\q'\n."), NULL },
	{ "bad \\u", STR("V\\u12\n."), NULL },
	{ "\\U out of range", STR("V\\U00110000\n."), NULL },
	{ "append to nothing",
	  STR("N"
	      "a."),
	  NULL },
	{ "append to text", STR("U\1aNa."), NULL },
	{ "append below a mark", STR("](Na."), NULL },
	{ "append without mark", STR("]Ne."), NULL },
	{ "odd dict", STR("(Nd."), NULL },
	{ "memo of nothing", STR("q\0."), NULL },
	{ "memo index far away", STR("Nr\xff\xff\xff\x7f."), NULL },
	{ "unset memo", STR("Nh\7."), NULL },
	{ "list in itself",
	  STR("]q\0h\0"
	      "a."),
	  NULL },
	{ "list in its item",
	  STR("]q\0]q\1h\0"
	      "ah\1a."),
	  NULL },
	{ "class", STR("cposix\nsystem\n(Vid\ntR."), NULL },
	{ "class, protocol 4", STR("\x8c\5posix\x8c\6system\x93\x8c\2id\x85R."), NULL },
	{ "instance", STR("(iposix\nsystem\n."), NULL },
	{ "object", STR("(cposix\nsystem\no."), NULL },
	{ "new object", STR("cposix\nsystem\n)\x81."), NULL },
	{ "persistent id", STR("P1\n."), NULL },
	{ "extension", STR("\x82\1."), NULL },
	{ "unknown opcode", STR("\xff."), NULL },
};

static void check(str in, const char *repr, bool answer)
{
	struct arena *a = arena_new();
	struct err err = { 0 };
	struct value *v = NULL;
	struct buf text = { 0 };
	int rc = answer ? pickle_read_answer(in, a, &v, &err) : pickle_read(in, a, &v, &err);

	assert_int_equal(rc < 0, repr == NULL);
	if (repr) {
		value_add_repr(&text, v);
		assert_string_equal(buf_z(&text), repr);
	} else {
		assert_null(v);
		assert_true(err.text[0]);
	}
	buf_free(&text);
	arena_free(a);
}

static void test_reads(void **state)
{
	for (size_t i = 0; i < COUNT(good); i++) {
		/* a copy of exact size, so that reading past the end is seen */
		char *copy = xmemdup(good[i].in.p, good[i].in.n);

		print_message("%s\n", good[i].name);
		check(str_mem(copy, good[i].in.n), good[i].repr, false);
		free(copy);
	}
}

static void test_answers(void **state)
{
	static const struct {
		str in;
		const char *repr;
	} cases[] = {
		{ STR("\x80\4K\1\x8c\x13"
		      "fail2ban.exceptions\x94\x8c\x14UnknownJailException\x94\x93\x94"
		      "\x8c\4nope\x94\x85\x94R\x94\x86\x94."),
		  "(1, UnknownJailException('nope'))" },
		{ STR("cbuiltins\nstr\n(V192.0.2.1\ntR."), "'192.0.2.1'" },
		{ STR("c__builtin__\nunicode\n(Vx\ntR."), "'x'" },
		{ STR("cposix\nsystem\n(Vid\ntR."), "system('id')" },
		{ STR("cbuiltins\nOSError\n(K\2Vgone\ntR}(U\1aK\1ub."), "OSError(2, 'gone')" },
		{ STR("cbuiltins\nstr\n."), NULL },
		{ STR("]cbuiltins\nstr\na."), NULL },
		{ STR("Vx\n)R."), NULL },
		{ STR("cbuiltins\nstr\nNR."), NULL },
		{ STR("b."), NULL },
		{ STR("R."), NULL },
		{ STR("N\x93."), NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		check(cases[i].in, cases[i].repr, true);
}

static void test_limits(void **state)
{
	struct buf b = { 0 };

	/* depth: PICKLE_DEPTH_MAX lists around one value are the most */
	for (int depth = PICKLE_DEPTH_MAX; depth <= PICKLE_DEPTH_MAX + 1; depth++) {
		struct arena *a = arena_new();
		struct value *v;

		buf_clear(&b);
		buf_add_char(&b, 'N');
		for (int i = 0; i < depth; i++)
			buf_add_char(&b, '\x85');
		buf_add_char(&b, '.');
		assert_int_equal(pickle_read(buf_str(&b), a, &v, NULL),
				 depth > PICKLE_DEPTH_MAX ? -22 : 0);
		arena_free(a);
	}
	/* marks */
	buf_clear(&b);
	for (int i = 0; i < 1000; i++)
		buf_add_char(&b, '(');
	check(buf_str(&b), NULL, false);
	/* a text shared 2^30 times is as large as if it were written out */
	buf_clear(&b);
	buf_add(&b, "X\4\0\0\0aaaaq\0", 11);
	for (int i = 0; i < 30; i++)
		buf_add(&b, "h\0h\0\x86q\0", 7);
	buf_add_char(&b, '.');
	check(buf_str(&b), NULL, false);
	buf_free(&b);
}

/* Every start of a good pickle is refused, whatever is cut. */
static void test_cut(void **state)
{
	for (size_t i = 0; i < COUNT(good); i++) {
		const char *end = good[i].in.n ? memrchr(good[i].in.p, '.', good[i].in.n) : NULL;

		if (!good[i].repr || !end || good[i].in.p[good[i].in.n - 1] != '.')
			continue;
		for (size_t n = 0; n < good[i].in.n; n++) {
			char *copy = xmemdup(good[i].in.p, n);

			check(str_mem(copy, n), NULL, false);
			free(copy);
		}
	}
}

static struct value *sample(struct arena *a)
{
	struct value *all = value_list(a), *d = value_dict(a), *t = value_tuple(a);
	static const int64_t ints[] = { 0,         1,         255,        256,       65536,    -1,
					INT32_MAX, INT32_MIN, 4294967296, INT64_MAX, INT64_MIN };

	for (size_t i = 0; i < COUNT(ints); i++)
		value_add(a, all, value_int(a, ints[i]));
	value_add(a, all, value_none(a));
	value_add(a, all, value_bool(a, true));
	value_add(a, all, value_bool(a, false));
	value_add(a, all, value_float(a, -0.1));
	value_add(a, all, value_z(a, ""));
	value_add(a, all, value_z(a, "grüße\n\xf0\x9f\x98\x80"));
	value_add(a, all, value_z(a, "x" PICKLE_END "\\ü\n\xf0\x9f\x98\x80"));
	value_add(a, d, value_z(a, "k"));
	value_add(a, d, t);
	value_add(a, all, d);
	value_add(a, all, value_tuple(a));
	value_add(a, all, value_list(a));
	value_add(a, all, value_dict(a));
	return all;
}

static void test_round_trip(void **state)
{
	struct arena *a = arena_new();
	struct value *v = sample(a), *back;
	struct buf bytes = { 0 }, before = { 0 }, after = { 0 };

	pickle_write(&bytes, v);
	assert_true(str_find(buf_str(&bytes), STR(PICKLE_END)) < 0);
	assert_int_equal(pickle_read(buf_str(&bytes), a, &back, NULL), 0);
	value_add_repr(&before, v);
	value_add_repr(&after, back);
	assert_string_equal(buf_z(&after), buf_z(&before));
	buf_free(&bytes);
	buf_free(&before);
	buf_free(&after);
	arena_free(a);
}

static void test_write_errors(void **state)
{
	static const struct {
		const char *cls, *bytes;
	} cases[] = {
		{ "UnknownJailException", "cfail2ban.exceptions\nUnknownJailException\n(" },
		{ "DuplicateJailException", "cfail2ban.exceptions\nDuplicateJailException\n(" },
		{ "RegexException", "cfail2ban.server.failregex\nRegexException\n(" },
		{ "IndexError", "cbuiltins\nIndexError\n(" },
		{ "Exception", "cbuiltins\nException\n(" },
		{ "os.system\n", "cbuiltins\nException\n(" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *a = arena_new();
		struct buf out = { 0 };

		pickle_write_answer(&out, value_error(a, cases[i].cls, STR("text")));
		assert_true(str_find(buf_str(&out), str_of(cases[i].bytes)) > 0);
		assert_true(str_starts(buf_str(&out), STR("\x80\2K\1c")));
		assert_true(str_ends(buf_str(&out), STR("tR\x86." PICKLE_END)));
		buf_free(&out);
		arena_free(a);
	}
}

static void test_frames(void **state)
{
	static const char *const stream = "ab" PICKLE_END "<F2B_END" PICKLE_END PICKLE_END "rest";
	static const char *const want[] = { "ab", "<F2B_END", "" };

	for (size_t piece = 1; piece < 40; piece++) {
		struct buf in = { 0 };
		size_t searched = 0, got = 0;

		for (size_t at = 0; at < strlen(stream); at += piece) {
			str frame, more = str_head(str_from(str_of(stream), at), piece);

			buf_add_str(&in, more);
			while (pickle_frame(buf_str(&in), &searched, &frame)) {
				assert_true(got < COUNT(want));
				assert_true(str_is(frame, want[got++]));
				buf_shift(&in, frame.n + strlen(PICKLE_END));
			}
		}
		assert_int_equal(got, COUNT(want));
		assert_true(str_is(buf_str(&in), "rest"));
		buf_free(&in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),      cmocka_unit_test(test_answers),
		cmocka_unit_test(test_limits),     cmocka_unit_test(test_cut),
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_write_errors),
		cmocka_unit_test(test_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
