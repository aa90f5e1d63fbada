#include "unit/unit.h"

#include "check/reply.h"

static void kinds(void **state)
{
	static const struct {
		const char *bytes;
		enum reply_kind kind;
		int code, enhanced[3];
	} cases[] = {
		{ "", REPLY_MORE, 0, { 0 } },
		{ "2", REPLY_MORE, 0, { 0 } },
		{ "220", REPLY_MORE, 0, { 0 } },
		{ "220 mx ESMTP", REPLY_MORE, 0, { 0 } },
		{ "220 mx ESMTP\r", REPLY_MORE, 0, { 0 } },
		{ "220 mx ESMTP\r\n", REPLY_COMPLETE, 220, { 0 } },
		{ "220\r\n", REPLY_COMPLETE, 220, { 0 } },
		{ "220-teaser\r\n", REPLY_MORE, 0, { 0 } },
		{ "220-teaser\r\n220 mx\r\n", REPLY_COMPLETE, 220, { 0 } },
		{ "250-a\r\n250-\r\n250 b\r\n", REPLY_COMPLETE, 250, { 0 } },
		{ "250-ok\r\n550 no\r\n", REPLY_MIXED, 0, { 0 } },
		{ "550-no\r\n250-ok\r\n550 no\r\n", REPLY_MIXED, 0, { 0 } },
		{ "553 5.7.1 <a@b>: no\r\n", REPLY_COMPLETE, 553, { 5, 7, 1 } },
		{ "454 4.7.1 <a@b>: no\r\n", REPLY_COMPLETE, 454, { 4, 7, 1 } },
		{ "550 5.7.999\r\n", REPLY_COMPLETE, 550, { 5, 7, 999 } },
		{ "550 2.0.0 class of another code\r\n", REPLY_COMPLETE, 550, { 0 } },
		{ "550 5.7.1000 too long\r\n", REPLY_COMPLETE, 550, { 0 } },
		{ "550 5.7.1.2 too many\r\n", REPLY_COMPLETE, 550, { 0 } },
		{ "550-5.1.1 first\r\n550 5.7.1 last\r\n", REPLY_COMPLETE, 550, { 5, 7, 1 } },
		{ "250 ok\n", REPLY_BARE, 0, { 0 } },
		{ "250-ok\n250 ok\r\n", REPLY_BARE, 0, { 0 } },
		{ "250 o\rk\r\n", REPLY_BARE, 0, { 0 } },
		{ "HTTP/1.1 400 Bad Request\r\n", REPLY_FOREIGN, 0, { 0 } },
		{ "H", REPLY_FOREIGN, 0, { 0 } },
		{ "199 low\r\n", REPLY_FOREIGN, 0, { 0 } },
		{ "600 high\r\n", REPLY_FOREIGN, 0, { 0 } },
		{ "25 short\r\n", REPLY_FOREIGN, 0, { 0 } },
		{ "2500 long\r\n", REPLY_FOREIGN, 0, { 0 } },
		{ "250-ok\r\nno code\r\n", REPLY_FOREIGN, 0, { 0 } },
		{ "25\r\n", REPLY_FOREIGN, 0, { 0 } },
		{ "\r\n", REPLY_FOREIGN, 0, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reply r = reply_parse(str_of(cases[i].bytes));

		if (r.kind != cases[i].kind || r.code != cases[i].code ||
		    memcmp(r.enhanced, cases[i].enhanced, sizeof r.enhanced) != 0)
			fail_msg("%s: kind %d, code %d, %d.%d.%d", cases[i].bytes, r.kind, r.code,
				 r.enhanced[0], r.enhanced[1], r.enhanced[2]);
	}
}

static void the_rest_is_left(void **state)
{
	struct reply r = reply_parse(STR("250 one\r\n421 two\r\n"));

	(void)state;
	assert_int_equal(r.code, 250);
	assert_int_equal(r.bytes, 9);
	assert_true(str_is(r.text, "250 one"));
}

static void limits(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_add_z(&b, "250 ");
	while (b.n < REPLY_LINE_MAX)
		buf_add_char(&b, 'x');
	assert_int_equal(reply_parse(buf_str(&b)).kind, REPLY_MORE);
	buf_add_z(&b, "\r\n");
	assert_int_equal(reply_parse(buf_str(&b)).kind, REPLY_COMPLETE);
	buf_clear(&b);
	buf_add_z(&b, "250 ");
	while (b.n <= REPLY_LINE_MAX)
		buf_add_char(&b, 'x');
	assert_int_equal(reply_parse(buf_str(&b)).kind, REPLY_LONG);
	buf_clear(&b);
	while (b.n < REPLY_BYTES_MAX)
		buf_add_z(&b, "250-again and again\r\n");
	assert_int_equal(reply_parse(buf_str(&b)).kind, REPLY_LONG);
	buf_free(&b);
}

static void offers(void **state)
{
	struct reply r =
		reply_parse(STR("250-mx AUTH is not offered by the first line\r\n"
				"250-SIZE 1000\r\n250-STARTTLSX\r\n250-auth=PLAIN LOGIN\r\n"
				"250 8BITMIME\r\n"));
	str parameters = STR_NULL;

	(void)state;
	assert_false(reply_offers(&r, STR("STARTTLS"), NULL));
	assert_true(reply_offers(&r, STR("8bitmime"), &parameters));
	assert_int_equal(parameters.n, 0);
	assert_true(reply_offers(&r, STR("AUTH"), &parameters));
	assert_true(str_is(parameters, "PLAIN LOGIN"));
	assert_true(reply_offers(&r, STR("SIZE"), &parameters));
	assert_true(str_is(parameters, "1000"));
	assert_false(reply_offers(&r, STR("SIZE="), NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(the_rest_is_left),
		cmocka_unit_test(limits),
		cmocka_unit_test(offers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
