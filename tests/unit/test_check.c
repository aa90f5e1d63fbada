/*
 * The parts of `lastknock check` that need no network: options, secrets, consent, verdicts,
 * budgets.
 */
#include "unit/unit.h"

#include <errno.h>

#include "check/check.h"
#include "check/consent.h"
#include "check/fix.h"
#include "check/local_guard.h"
#include "check/options.h"
#include "check/report.h"
#include "check/session.h"
#include "unit/tempdir.h"

static struct ip ip_of(const char *text)
{
	struct ip ip;

	assert_int_equal(ip_parse(str_of(text), &ip), 0);
	return ip;
}

/* ---------------------------------------------------------------- options */

static void options_that_are_refused(void **state)
{
	static const struct {
		const char *argv[8];
		const char *says;
	} cases[] = {
		{ { "check" }, "which HOST?" },
		{ { "check", "h", "--nonsense" }, "unknown option '--nonsense'" },
		{ { "check", "h", "--user" }, "option --user needs a value" },
		{ { "check", "h", "--user", "u" }, "--user and --password-file go together" },
		{ { "check", "h", "--password-file", "f" }, "--user and --password-file" },
		{ { "check", "h", "--guard", "--yes" }, "name them, each with --source" },
		{ { "check", "h", "--source", "192.0.2.300" }, "--source '192.0.2.300'" },
		{ { "check", "h", "--source", "192.0.2.0/24" }, "not an IP address" },
		{ { "check", "h", "--from", "a" }, "--from 'a': not a mail address" },
		{ { "check", "h", "--from", "a@b\r\nQUIT" }, "not a mail address" },
		{ { "check", "h", "--helo", "a b" }, "not a domain name" },
		{ { "check", "h", "--foreign", "a@b" }, "not a domain name" },
		{ { "check", "h", "--settle", "soon" }, "not a number of seconds" },
		{ { "check", "h", "--timeout", "nan" }, "not a number of seconds" },
		{ { "check", "h h" }, "no host name" },
		{ { "check", "192.0.2.0/24" }, "no host name" },
		{ { "check", "h", "--guard=yes" }, "--guard takes no value" },
		{ { "check", "h", "--source=192.0.2.300" }, "--source '192.0.2.300'" },
		{ { "check", "h", "--connect", "::1", "--connect", "::1" }, "given twice" },
		{ { "check", "h", "two" }, "one HOST at a time: 'h', 'two'" },
		{ { "check", "h", "--source", "::1", "--observer", "::1" },
		  "cannot be a --source" },
		{ { "check", "h", "--source", "::1", "--source", "::1" }, "given twice" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct check_options o;
		struct err err = { 0 };
		char *argv[8];
		int argc = 0;

		for (; argc < 8 && cases[i].argv[argc]; argc++)
			argv[argc] = xstrdup(cases[i].argv[argc]);
		if (check_options_parse(argc, argv, &o, &err) != -EINVAL ||
		    !strstr(err.text, cases[i].says))
			fail_msg("case %zu: %s", i, err.text);
		while (argc > 0)
			free(argv[--argc]);
	}
}

/* ---------------------------------------------------------------- secrets */

static struct secret *secret_of(const char *content, struct err *err)
{
	struct tempdir dir = tempdir_new();
	_free_ char *path = tempdir_path(&dir, "password");
	struct secret *s = NULL;

	tempdir_append(&dir, "password", content);
	if (secret_read(path, &s, err) < 0)
		s = NULL;
	tempdir_remove(&dir);
	return s;
}

static void a_password_never_shows(void **state)
{
	static const char *const texts[] = {
		"535 wrong password s3cret! for alice",
		"535 czNjcmV0IQ==",
		"535 czNjcmV0IQ without padding",
		"535 AGFsaWNlAHMzY3JldCE=",
		"s3cret!s3cret!",
	};
	struct err err = { 0 };
	struct secret *s = secret_of("s3cret!\r\nsecond line\n", &err);
	struct buf b = { 0 };

	(void)state;
	assert_non_null(s);
	assert_true(str_is(secret_password(s), "s3cret!"));
	secret_prepare(s, STR("alice"));
	for (size_t i = 0; i < COUNT(texts); i++) {
		buf_clear(&b);
		secret_scrub(s, &b, str_of(texts[i]));
		assert_null(strstr(buf_z(&b), "s3cret"));
		assert_null(strstr(buf_z(&b), "czNjcmV0"));
		assert_null(strstr(buf_z(&b), "AGFsaWNl"));
		assert_non_null(strstr(buf_z(&b), "***"));
	}
	buf_free(&b);
	secret_free(s);
}

static void an_empty_password_is_none(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_null(secret_of("\nx", &err));
	assert_non_null(strstr(err.text, "is empty"));
}

/* ---------------------------------------------------------------- consent, bans */

static void who_would_be_locked_out(void **state)
{
	static const struct {
		const char *source, *client;
		bool locked;
	} cases[] = {
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.8", false },
		{ "2001:db8::7", "2001:db8::7", true },
		{ "2001:db8::7", "2001:db8::8:9", true }, /* guards ban a /64 */
		{ "2001:db8::7", "2001:db8:0:1::7", false },
		{ "192.0.2.7", "2001:db8::7", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ip source = ip_of(cases[i].source), client = ip_of(cases[i].client);

		assert_int_equal(consent_locks_out(&source, &client), cases[i].locked);
	}
	setenv("SSH_CONNECTION", "203.0.113.9 50022 198.51.100.2 22", 1);
	struct ip client = consent_ssh_client(), expected = ip_of("203.0.113.9");

	assert_true(ip_eq(&client, &expected));
	unsetenv("SSH_CONNECTION");
}

static void rows_of_bans(void **state)
{
	static const struct {
		const char *row, *ip;
		int64_t seconds; /* -2: not this one */
	} cases[] = {
		{ "192.0.2.7 \t2026-11-21 20:21:11 + 14400 = 2026-11-22 00:21:11", "192.0.2.7",
		  14400 },
		{ "192.0.2.7 \t2026-11-21 20:21:11 + -1 = 9999-12-31 23:59:59", "192.0.2.7", -1 },
		{ "192.0.2.70 \t2026-11-21 20:21:11 + 600 = 2026-11-21 20:31:11", "192.0.2.7", -2 },
		{ "2001:db8:1:2::/64 \t2026-11-21 20:21:11 + 600 = x", "2001:db8:1:2::9", 600 },
		{ "2001:db8:1:2::/64 \t2026-11-21 20:21:11 + 600 = x", "2001:db8:1:3::9", -2 },
		{ "192.0.2.7", "192.0.2.7", -2 },
		{ "192.0.2.7 + many = x", "192.0.2.7", -2 },
		{ "", "192.0.2.7", -2 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ip ip = ip_of(cases[i].ip);
		int64_t seconds = -2;
		bool found = local_guard_row(str_of(cases[i].row), &ip, &seconds);

		assert_int_equal(found, cases[i].seconds != -2);
		if (found)
			assert_int_equal(seconds, cases[i].seconds);
	}
}

/* ---------------------------------------------------------------- verdicts */

static const struct check_options no_options = { .host = "mx.example.org" };

static struct run run_new(void)
{
	return (struct run){ .o = &no_options,
			     .arena = arena_new(),
			     .domain = "example.org",
			     .server_host = "mx.example.org",
			     .foreign = "example.net" };
}

static void run_free(struct run *r)
{
	free(r->findings);
	arena_free(r->arena);
}

/* Every required check has this status. */
static void answer_all(struct run *r, enum status s)
{
	for (const struct check *c = checks; c->id; c++)
		if (c->required)
			finding_add(r, c, NULL, s, "%s", "");
}

static void only_three_passes_are_safe(void **state)
{
	(void)state;
	for (const struct check *c = checks; c->id; c++) {
		for (enum status s = PASS; s < STATUSES; s++) {
			struct run r = run_new();
			struct verdict v;

			answer_all(&r, PASS);
			for (size_t i = 0; i < r.n_findings; i++)
				if (r.findings[i].check == c)
					r.findings[i].status = s;
			v = verdict_of(&r);
			if (c->required && s == FAIL)
				assert_int_equal(v.result, RESULT_UPGRADE);
			else if (c->required && (s == UNKNOWN || s == SKIP))
				assert_int_equal(v.result, RESULT_UNKNOWN);
			else
				assert_int_equal(v.result, RESULT_SAFE);
			run_free(&r);
		}
	}
}

static void nothing_is_not_safe(void **state)
{
	struct run r = run_new();
	struct verdict v = verdict_of(&r);

	(void)state;
	assert_int_equal(v.result, RESULT_UNKNOWN);
	for (enum requirement q = R1; q < REQUIREMENTS; q++)
		assert_int_equal(v.requirements[q], UNKNOWN);
	run_free(&r);
}

static void a_fault_outweighs_what_is_not_known(void **state)
{
	struct run r = run_new();

	(void)state;
	answer_all(&r, UNKNOWN);
	finding_add(&r, check_find("REL-01"), NULL, FAIL, "%s", "taken");
	assert_int_equal(verdict_of(&r).result, RESULT_UPGRADE);
	assert_non_null(strstr(verdict_of(&r).text, "R2 an open relay"));
	run_free(&r);
}

static void what_is_optional_is_not_missed(void **state)
{
	struct run r = run_new();

	(void)state;
	answer_all(&r, PASS);
	finding_add(&r, check_find("REL-01"), NULL, UNKNOWN, "%s", "not tried")->optional = true;
	assert_int_equal(verdict_of(&r).result, RESULT_SAFE);
	run_free(&r);
}

/* ---------------------------------------------------------------- the budget */

static void two_acts_an_address(void **state)
{
	struct endpoint e = { .address = ip_of("192.0.2.1"), .port = 25, .reach = HERE };
	struct run r = run_new();
	unsigned acts[6] = { 0 };

	(void)state;
	r.sources[0] = (struct source){ .ip = ip_of("192.0.2.2"), .role = SOURCE_GUARD };
	r.sources[1] = (struct source){ .ip = ip_of("2001:db8::2") }; /* cannot reach it */
	r.sources[2] = (struct source){ .ip = ip_of("192.0.2.3"), .role = SOURCE_OBSERVER };
	r.sources[3] = (struct source){ .ip = ip_of("192.0.2.4") };
	r.sources[4] = (struct source){ .ip = ip_of("192.0.2.5"), .shut = true };
	r.sources[5] = (struct source){ .ip = ip_of("192.0.2.6"), .role = SOURCE_GUARD };
	r.n_sources = 6;
	for (int i = 0; i < 8; i++) {
		struct source *s = act_source(&r, &e);

		assert_non_null(s);
		/* free ones first, then those of the guard test in turn, at last the observer */
		assert_ptr_equal(s, i < 2    ? &r.sources[3]
				    : i >= 6 ? &r.sources[2]
				    : i % 2  ? &r.sources[5]
					     : &r.sources[0]);
		act_charge(s, ACT);
		acts[s - r.sources]++;
	}
	assert_null(act_source(&r, &e));
	for (size_t i = 0; i < COUNT(acts); i++)
		assert_true(acts[i] <= ACTS_PER_SOURCE);
	run_free(&r);
}

static void a_wrong_login_counts_twice(void **state)
{
	struct endpoint e = { .address = ip_of("192.0.2.1"), .port = 25, .reach = HERE };
	struct run r = run_new();

	(void)state;
	r.sources[0] = (struct source){ .ip = ip_of("192.0.2.2"), .acts = 1 };
	r.sources[1] = (struct source){ .ip = ip_of("192.0.2.3") };
	r.n_sources = 2;
	r.cost = ACT_LOGIN;
	assert_ptr_equal(act_source(&r, &e), &r.sources[1]);
	act_charge(&r.sources[1], ACT_LOGIN);
	assert_null(act_source(&r, &e));
	r.cost = ACT;
	assert_ptr_equal(act_source(&r, &e), &r.sources[0]);
	run_free(&r);
}

static void optional_acts_spare_the_guard_test(void **state)
{
	struct endpoint e = { .address = ip_of("192.0.2.1"), .port = 25, .reach = HERE };
	struct run r = run_new();

	(void)state;
	r.sources[0] = (struct source){ .ip = ip_of("192.0.2.2"), .role = SOURCE_GUARD };
	r.n_sources = 1;
	r.optional = true;
	assert_null(act_source(&r, &e));
	run_free(&r);
}

/* ---------------------------------------------------------------- fixes */

static void every_fix_is_of_a_check(void **state)
{
	struct run r = run_new();

	(void)state;
	for (const struct fix *f = fixes; f->check; f++) {
		const char *text;

		(void)check_find(f->check); /* asserts that it exists */
		assert_non_null(f->mta);
		text = fix_text(&r, f);
		assert_null(strstr(text, "{user}"));
		assert_null(strstr(text, "{mail}"));
		assert_null(strstr(text, "{domain}"));
		assert_null(strstr(text, "{host}"));
	}
	run_free(&r);
}

static void every_required_check_has_fixes(void **state)
{
	static const char *const mtas[] = { "postfix", "exim", "sendmail" };

	(void)state;
	for (const struct check *c = checks; c->id; c++)
		for (size_t i = 0; c->required && i < COUNT(mtas); i++) {
			const char *mta = c->requirement == R3 ? "guard" : mtas[i];
			bool found = false;

			for (const struct fix *f = fixes; f->check; f++)
				found |= strcmp(f->check, c->id) == 0 && strcmp(f->mta, mta) == 0;
			if (!found)
				fail_msg("%s has no fix for %s", c->id, mta);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_that_are_refused),
		cmocka_unit_test(a_password_never_shows),
		cmocka_unit_test(an_empty_password_is_none),
		cmocka_unit_test(who_would_be_locked_out),
		cmocka_unit_test(rows_of_bans),
		cmocka_unit_test(only_three_passes_are_safe),
		cmocka_unit_test(nothing_is_not_safe),
		cmocka_unit_test(a_fault_outweighs_what_is_not_known),
		cmocka_unit_test(what_is_optional_is_not_missed),
		cmocka_unit_test(two_acts_an_address),
		cmocka_unit_test(a_wrong_login_counts_twice),
		cmocka_unit_test(optional_acts_spare_the_guard_test),
		cmocka_unit_test(every_fix_is_of_a_check),
		cmocka_unit_test(every_required_check_has_fixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
