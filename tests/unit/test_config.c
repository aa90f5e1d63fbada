/* src/config: interpolation, tags, jails, faults, and what a whole directory comes to. */
#include "unit/unit.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/read.h"

/* What a case expects: an error whose text (with file and line) holds this. */
static void assert_error(int rc, const struct err *err, const char *part, const char *name)
{
	_buf_free_ struct buf text = { 0 };

	err_print(err, &text);
	if (rc >= 0 || !strstr(buf_z(&text), part))
		fail_msg("%s: %d '%s' does not hold '%s'", name, rc, buf_z(&text), part);
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
