/* src/config: grammar, interpolation, tags, options, times, and what a whole directory comes to. */
#include "unit/unit.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/duration.h"
#include "config/ini.h"
#include "config/options.h"
#include "config/read.h"
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

/* A configuration of files in memory: path, text, path, text, ..., NULL. */
static struct config *read_files(const char *const *files, const struct config_options *options)
{
	struct reader *r = reader_new("/nowhere");
	struct config *c = NULL;
	struct err err = { 0 };

	reader_put_file(r, "/nowhere/fail2ban.conf", STR("[Definition]\n"));
	for (; files[0]; files += 2) {
		_free_ char *path = xasprintf("/nowhere/%s", files[0]);

		reader_put_file(r, path, str_of(files[1]));
	}
	if (config_read(r, options, &c, &err) < 0)
		fail_msg("%s", err.text);
	reader_free(r);
	return c;
}

/* Does the stream hold this row, as the dump prints it? */
static void assert_row(const struct config *c, const char *row)
{
	_buf_free_ struct buf all = { 0 };

	for (size_t i = 0; i < c->stream->n; i++) {
		_buf_free_ struct buf text = { 0 };

		value_add_repr(&text, c->stream->items[i]);
		if (strcmp(buf_z(&text), row) == 0)
			return;
		buf_printf(&all, "%s\n", buf_z(&text));
	}
	fail_msg("no row %s in\n%s", row, buf_z(&all));
}

/* The value of `ignorecommand` in [j] shows what a reference comes to. */
static void test_interpolation(void **state)
{
	static const struct {
		const char *value, *result, *fault;
	} cases[] = {
		{ "plain", "plain", NULL },
		{ "%(a)s-%(B)s", "JA-DB", NULL },
		{ "100%% %%(a)s", "100% %(a)s", NULL },
		{ "%(__name__)s", "j", NULL },
		{ "%(default/a)s", "DA", NULL },
		{ "%(known/a)s", "DA", NULL },
		{ "%(known/k)s", "old", NULL },
		{ "%(other/x)s", "X JA", NULL },
		{ "%(other/b)s", "DB", NULL },
		{ "%(fail2ban_confpath)s", "/nowhere", NULL },
		{ "%(Other/x)s", NULL, "nothing is defined for %(Other/x)s" },
		{ "%(nowhere/x)s", NULL, "nothing is defined for %(nowhere/x)s" },
		{ "%(unknown)s", NULL, "nothing is defined for %(unknown)s" },
		{ "%(ignorecommand)s", NULL, "circle" },
		{ "%(deep)s", NULL, "circle" },
		{ "50%", NULL, "a '%' must be written '%%'" },
		{ "%d", NULL, "it is not at %d" },
		{ "%(a)", NULL, "it is not at %(a)" },
		{ "%()s", NULL, "it is not at %()s" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		_free_ char *jail = xasprintf("[DEFAULT]\na = DA\nb = DB\ndeep = %%(deeper)s\n"
					      "deeper = %%(deep)s\n[other]\nx = X %%(a)s\n[j]\n"
					      "enabled = 1\na = JA\nk = old\nignorecommand = %s\n",
					      cases[i].value);
		const char *const files[] = { "jail.conf", jail, "jail.local", "[j]\nk = new\n",
					      NULL };
		struct config *c = read_files(files, NULL);

		if (cases[i].fault) {
			assert_int_equal(c->n_faults, 1);
			assert_error(-EINVAL, &c->faults->err, cases[i].fault, cases[i].value);
			assert_string_equal(c->faults->err.file, "/nowhere/jail.conf");
			assert_non_null(strstr(c->faults->err.text, "'ignorecommand' of [j]"));
			assert_int_equal(c->n_jails, 0);
		} else {
			assert_int_equal(c->n_faults, 0);
			assert_int_equal(c->n_jails, 1);
			assert_true(str_is(c->jails[0]->ignorecommand, cases[i].result));
		}
		config_free(c);
	}
}

/* The value of failregex in a filter shows what tags come to. */
static void test_tags(void **state)
{
	static const struct {
		const char *value, *result, *fault;
	} cases[] = {
		{ "<HOST> <ip>", "<HOST> <ip>", NULL },
		{ "<a>|<A>", "1|1", NULL },
		{ "<b>", "2 1", NULL },
		{ "<re-<mode>>", "normal", NULL },
		{ "<lt_<logtype>/p>", "for file", NULL },
		{ "<sec/k> <Sec/k> <nix/k> <sec/a>", "K <Sec/k> <nix/k> D", NULL },
		{ "<known/mode> <known/a> <default/a>", "n 1 D", NULL },
		{ "<< a> <> <<a>", "<< a> <> <1", NULL },
		{ "<cond> <a>", "<cond> 1", NULL },
		{ "<usedns>", "<usedns>", NULL },
		{ "<maxlines>", "2", NULL },
		{ "<failregex>", NULL, "'failregex' refers to itself, by <failregex>" },
		{ "<x> ", NULL, "refers to itself" },
		{ "<laugh9>", NULL, "beyond 1 MiB" },
	};
	static const char filter[] =
		"[DEFAULT]\na = D\n[Definition]\nmaxlines = 9\na = 1\nb = 2 <a>\nre-n = "
		"normal\ncond = 4\nfailregex = %s\n"
		"%s[sec]\nk = K\n[lt_file]\np = for file\n[Init]\nmode = "
		"n\n[Init?family=inet6]\ncond = 6\n";

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf helpers = { 0 };
		_free_ char *text = NULL;
		const char *files[] = {
			"jail.conf", "[j]\nenabled = 1\nfilter = f\nusedns = raw\nmaxlines = 2\n",
			"filter.d/f.conf", NULL, NULL
		};
		struct config *c;

		if (strstr(cases[i].value, "<x>"))
			buf_add_z(&helpers, "x = <y>\ny = <x>\n");
		if (strstr(cases[i].value, "laugh")) {
			buf_add_z(&helpers, "laugh0 = ha ha ha ha ha ha ha ha ha ha ha\n");
			for (int n = 1; n < 10; n++) {
				buf_printf(&helpers, "laugh%d = ", n);
				for (int k = 0; k < 10; k++)
					buf_printf(&helpers, "<laugh%d>", n - 1);
				buf_add_char(&helpers, '\n');
			}
		}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		text = xasprintf(filter, cases[i].value, buf_z(&helpers));
#pragma GCC diagnostic pop
		files[3] = text;
		c = read_files(files, NULL);
		if (cases[i].fault) {
			assert_int_equal(c->n_faults, 1);
			assert_error(-EINVAL, &c->faults->err, cases[i].fault, cases[i].value);
			assert_string_equal(c->faults->err.file, "/nowhere/filter.d/f.conf");
			assert_int_not_equal(c->faults->err.line, 0);
		} else {
			if (c->n_faults)
				fail_msg("%s: %s", cases[i].value, c->faults->err.text);
			assert_int_equal(c->jails[0]->n_failregex, 1);
			if (!str_is(c->jails[0]->failregex[0].text, cases[i].result))
				fail_msg("%s comes to %.*s", cases[i].value,
					 STR_ARG(c->jails[0]->failregex[0].text));
		}
		buf_free(&helpers);
		config_free(c);
	}
}

/* Ten levels of ten references each, and includes that include each other, end in time. */
static void test_explosions(void **state)
{
	struct buf jail = { 0 };
	const char *files[] = { "jail.conf", NULL,
				"a.conf",    "[INCLUDES]\nbefore = b.conf\n b.conf\n",
				"b.conf",    "[INCLUDES]\nafter = a.conf\n  b.conf\n  a.conf\n",
				NULL };
	struct config *c;

	buf_add_z(&jail, "[INCLUDES]\nbefore = a.conf\n[DEFAULT]\nx0 = ha\n");
	for (int n = 1; n < 10; n++) {
		buf_printf(&jail, "x%d = ", n);
		for (int k = 0; k < 10; k++)
			buf_printf(&jail, "%%(x%d)s", n - 1);
		buf_add_char(&jail, '\n');
	}
	buf_add_z(&jail, "[j]\nenabled = 1\nignorecommand = %(x9)s\n");
	files[1] = buf_z(&jail);
	c = read_files(files, NULL);
	assert_int_equal(c->n_faults, 1);
	assert_non_null(strstr(c->faults->err.text, "more than 1 MiB"));
	config_free(c);
	buf_free(&jail);
}

static void test_jail(void **state)
{
	static const char *const files[] = {
		"jail.conf",
		"[DEFAULT]\nlogpath = /nowhere/a*.log\nfindtime = 1d\n"
		"[off]\nenabled = no\nbantime = %(unknown)s\n"
		"[j]\nenabled = yes\nfilter = f[mode=x]\nbackend = polling\nmaxretry = "
		"many\nmaxmatches = 7\n"
		"bantime = -1\nbantime.increment = true\nbantime.maxtime = 1w\nusedns = "
		"no\nignoreself = off\n"
		"ignoreip = 127.0.0.1/8, ::1\n  file:/x\n"
		"logpath = /nowhere/a*.log tail\n  /nowhere/b c.log\n"
		"journalmatch = _A=b + _C=\"d e\"\n   F=g\ndatepattern = ^%%Y\n  {EPOCH}\n"
		"action = one[port=25]\n  two.py[host=h, actname=plugin]\n  "
		"one[name=%(__name__)s-b]\n",
		"filter.d/f.conf",
		"[Definition]\nfailregex = ^<HOST> <mode>\n   ^two\nignoreregex = ^not\n"
		"prefregex = ^p<F-CONTENT>.+</F-CONTENT>$\nmaxlines = 2\nusedns = yes\n",
		"action.d/one.conf",
		"[Definition]\nactionban = ban <ip> <port> <name> <bantime>\nnorestored = "
		"1\ntimeout = 5\n"
		"[Init]\nport = 0\nblock = R\n[Init?family=inet6]\nblock = R6\n",
		NULL
	};
	struct config *c = read_files(files, NULL);
	const struct config_jail *j = config_find_jail(c, STR("j"));

	assert_non_null(j);
	assert_null(config_find_jail(c, STR("off")));
	assert_int_equal(c->n_faults, 0);
	assert_int_equal(c->n_jails, 1);
	assert_true(str_is(j->backend, "polling"));
	assert_int_equal(j->usedns, USEDNS_NO);
	assert_int_equal(j->n_failregex, 2);
	assert_true(str_is(j->failregex[0].text, "^<HOST> x"));
	assert_int_equal(j->failregex[1].usedns, USEDNS_NO);
	assert_int_equal(j->failregex[1].maxlines, 2);
	assert_int_equal(j->n_ignoreregex, 1);
	assert_int_equal(j->maxretry, 3); /* "many" is a note, and the default */
	assert_int_equal(j->maxmatches, 7);
	assert_int_equal(j->findtime, 86400);
	assert_int_equal(j->bantime, -1);
	assert_true(value_get(j->bantime_extra, STR("increment"))->b);
	assert_false(j->ignoreself);
	assert_int_equal(j->n_ignoreip, 3);
	assert_true(str_is(j->ignoreip[2], "file:/x"));
	assert_int_equal(j->n_datepattern, 2);
	assert_true(str_is(j->datepattern[0], "^%Y"));
	assert_int_equal(j->n_journalmatch, 2);
	assert_true(str_is(j->journalmatch[0]->items[2]->s, "_C=d e"));
	assert_int_equal(j->n_logpath, 2);
	assert_true(j->logpath[0].tail && !j->logpath[1].tail);
	assert_true(str_is(c->patterns[j->logpath[1].pattern], "/nowhere/b c.log"));
	assert_int_equal(j->n_action, 3);
	assert_true(str_is(j->action[0].name, "one") && str_is(j->action[2].name, "one-b"));
	assert_true(str_is(j->action[2].file, "one"));
	assert_true(str_is(config_action_property(&j->action[0], "actionban"),
			   "ban <ip> 25 j <bantime>"));
	assert_true(str_is(config_action_property(&j->action[0], "block?family=inet6"), "R6"));
	assert_true(str_is(config_action_property(&j->action[0], "norestored"), "True"));
	assert_null(config_action_property(&j->action[0], "timeout").p);
	assert_true(j->action[1].python && !j->action[0].python);
	assert_true(str_is(j->action[1].name, "plugin") && str_is(j->action[1].file, "two"));
	assert_row(c, "['set', 'j', 'addaction', 'plugin', '/nowhere/action.d/two.py', '{\"host\": "
		      "\"h\"}']");
	assert_row(c, "['set', 'j', 'addlogpath', '/nowhere/a*.log', 'tail']");
	assert_row(c, "['start', 'j']");
	config_free(c);
}

/* Each fault: what is wrong, the place, and that the other jail is none the worse. */
static void test_faults(void **state)
{
	static const struct {
		const char *jail, *place, *text;
	} cases[] = {
		{ "filter = nowhere", "/nowhere/jail.conf:6",
		  "Unable to read the filter 'nowhere'" },
		{ "filter = broken", "/nowhere/filter.d/broken.conf:2", "neither a [section]" },
		{ "filter = f[x", "/nowhere/jail.conf:6", "invalid definition 'f[x'" },
		{ "action = nowhere[a=b]", "/nowhere/jail.conf:6",
		  "Unable to read action 'nowhere'" },
		{ "action = f f", "/nowhere/jail.conf:6", "two actions are called 'f'" },
		{ "bantime = soon", "/nowhere/jail.conf:6", "bantime: 'soon' is not a time" },
		{ "findtime = 0", "/nowhere/jail.conf:6", "findtime = 0: it must be 1 s or more" },
		{ "maxretry = 0", "/nowhere/jail.conf:6",
		  "maxretry = 0: it must be between 1 and" },
		{ "bantime.maxtime = x", "/nowhere/jail.conf:6", "bantime.maxtime: 'x'" },
		{ "journalmatch = \"a", "/nowhere/jail.conf:6", "a quote is not closed: \"a" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		_free_ char *jail =
			xasprintf("[good]\nenabled = 1\n[bad]\nenabled = 1\n\n%s\n", cases[i].jail);
		const char *const files[] = { "jail.conf",
					      jail,
					      "filter.d/f.conf",
					      "[Definition]\nfailregex = x\n",
					      "action.d/f.conf",
					      "[Definition]\nactionban = x\n",
					      "filter.d/broken.conf",
					      "[Definition]\nfailregex\n",
					      NULL };
		struct config *c = read_files(files, NULL);
		_buf_free_ struct buf text = { 0 };

		assert_int_equal(c->n_faults, 1);
		assert_true(str_is(c->faults->jail, "bad"));
		err_print(&c->faults->err, &text);
		assert_ptr_equal(strstr(buf_z(&text), cases[i].place), buf_z(&text));
		assert_non_null(strstr(buf_z(&text), cases[i].text));
		assert_int_equal(c->n_jails, 1);
		assert_row(c, "['start', 'good']");
		config_free(c);
	}
}

static void test_syntax_error_ends_everything(void **state)
{
	static const char *const names[] = { "jail.conf", "fail2ban.conf" };

	for (size_t i = 0; i < COUNT(names); i++) {
		struct reader *r = reader_new("/nowhere");
		_free_ char *path = xasprintf("/nowhere/%s", names[i]);
		struct config *c = NULL;
		struct err err = { 0 };

		reader_put_file(r, path, STR("[Definition]\nword\n"));
		assert_error(config_read(r, NULL, &c, &err), &err, path, names[i]);
		assert_int_equal(err.line, 2);
		assert_null(c);
		reader_free(r);
	}
}

static void test_one_jail(void **state)
{
	static const char *const files[] = { "jail.conf", "[a]\nbackend = x\n[b]\nenabled = 1\n",
					     NULL };
	const struct config_options options = { .jail = "a",
						.force_enabled = true,
						.socket = "/s" };
	struct config *c = read_files(files, &options);

	assert_int_equal(c->n_jails, 1);
	assert_true(str_is(c->jails[0]->name, "a"));
	assert_true(str_is(c->socket, "/s"));
	config_free(c);
}

/* A jail without log files reads the journal, if there is one and it may. */
static void test_journal(void **state)
{
	static const struct {
		const char *jail, *backend;
	} cases[] = {
		{ "filter = f", "systemd" },
		{ "filter = f\nlogpath = /dev/null", "auto" },
		{ "filter = f\nsystemd_if_nologs = false", "auto" },
		{ "filter = f\nbackend = polling", "polling" },
		{ "filter = g", "auto" },
		{ "filter = g\njournalmatch = A=b", "systemd" },
	};
	const struct config_options options = { .journal_dir = "/" };

	for (size_t i = 0; i < COUNT(cases); i++) {
		_free_ char *jail = xasprintf(
			"[DEFAULT]\nlogpath = /nowhere/log\n[j]\nenabled = 1\n%s\n", cases[i].jail);
		const char *const files[] = {
			"jail.conf",
			jail,
			"filter.d/f.conf",
			"[Definition]\nfailregex = <logtype>\njournalmatch = A=b\n",
			"filter.d/g.conf",
			"[Definition]\nfailregex = <logtype>\n",
			NULL
		};
		struct config *c = read_files(files, &options);

		assert_int_equal(c->n_jails, 1);
		assert_true(str_is(c->jails[0]->backend, cases[i].backend));
		assert_true(str_is(c->jails[0]->failregex[0].text,
				   strcmp(cases[i].backend, "systemd") == 0 ? "journal" : "file"));
		config_free(c);
	}
}

/* The digest changes with a value, and not with a log file that appears. */
static void test_digest(void **state)
{
	char dir[] = "/tmp/lastknock-config.XXXXXX";
	_free_ char *jail = NULL, *other = NULL, *log = NULL;
	struct config *a, *b, *c;
	FILE *f;

	assert_non_null(mkdtemp(dir));
	jail = xasprintf("[j]\nenabled = 1\nlogpath = %s/*.log\n", dir);
	other = xasprintf("%smaxretry = 4\n", jail);
	log = xasprintf("%s/a.log", dir);
	a = read_files((const char *const[]){ "jail.conf", jail, NULL }, NULL);
	f = fopen(log, "w");
	assert_non_null(f);
	fclose(f);
	b = read_files((const char *const[]){ "jail.conf", jail, NULL }, NULL);
	c = read_files((const char *const[]){ "jail.conf", other, NULL }, NULL);
	unlink(log);
	rmdir(dir);
	assert_int_equal(a->n_notes, b->n_notes + 1); /* the missing file */
	assert_memory_equal(a->digest, b->digest, sizeof a->digest);
	assert_memory_not_equal(a->digest, c->digest, sizeof a->digest);
	config_free(a);
	config_free(b);
	config_free(c);
}

static void test_directory(void **state)
{
	struct config *c = NULL;
	struct err err = { 0 };

	assert_int_equal(config_load("/nowhere/at/all", NULL, &c, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/at/all"));
	assert_int_equal(config_load("/dev/null", NULL, &c, &err), -ENOTDIR);
	assert_string_equal(config_dir("/given"), "/given");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ini),
		cmocka_unit_test(test_ini_size),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_options_list),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_interpolation),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_explosions),
		cmocka_unit_test(test_jail),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_syntax_error_ends_everything),
		cmocka_unit_test(test_one_jail),
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
