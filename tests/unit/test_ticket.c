#include "unit/unit.h"

#include <jansson.h>
#include <math.h>

#include "base/utf8.h"
#include "judge/ticket.h"

static struct match_line line_of(const char *prefix, const char *date, const char *suffix)
{
	return (struct match_line){ .prefix = str_of(prefix),
				    .date = str_of(date),
				    .suffix = str_of(suffix) };
}

static struct ticket *address_ticket(const char *text)
{
	struct fid id = fid_parse(str_of(text));

	return ticket_new(&id, 1000.5);
}

static void add_text(struct ticket *t, const char *text, int maxmatches)
{
	struct match_line line = line_of("", "", text);

	ticket_add_line(t, &line, maxmatches);
}

static void assert_str(str s, const char *expected)
{
	_free_ char *z = str_dup(s);

	assert_int_equal(s.n, strlen(expected));
	assert_string_equal(z, expected);
}

static void a_match_becomes_a_ticket(void **state)
{
	struct match_field fields[] = { { STR("ip4"), STR("192.0.2.1") },
					{ STR("user"), STR("bob") },
					{ STR("user"), STR("eve") } };
	struct match_line lines[] = { line_of("<", "12:00", "> one"), line_of("", "12:01", " two"),
				      line_of("", "", "three") };
	str users[] = { STR("bob"), STR("o'neil"), STR("\xff") };
	struct match m = { .id = fid_parse(STR("192.0.2.1")),
			   .time = 1234.25,
			   .fields = fields,
			   .n_fields = COUNT(fields),
			   .lines = lines,
			   .n_lines = COUNT(lines),
			   .users = users,
			   .n_users = COUNT(users) };
	struct ticket *t = ticket_from_match(&m, 2);

	(void)state;
	assert_true(fid_eq(&t->id, &m.id));
	assert_true(t->first == 1234.25 && t->time == 1234.25);
	assert_int_equal(t->retry, 1);
	assert_int_equal(t->failures, 1);
	assert_true(t->bantime == TICKET_JAIL_BANTIME);
	assert_int_equal(t->n_fields, 2);
	assert_str(ticket_field(t, STR("user")), "eve");
	assert_null(ticket_field(t, STR("host")).p);
	assert_str(t->users, "['bob', \"o'neil\", '\\xff']");
	assert_int_equal(t->n_lines, 2);
	assert_str(ticket_line_text(t->lines[0]), "12:01 two");
	assert_str(ticket_line_parts(t->lines[0]).date, "12:01");
	assert_str(ticket_line_parts(t->lines[0]).suffix, " two");
	assert_str(ticket_line_text(t->lines[1]), "three");
	ticket_free(t);
}

static void lines_are_the_last_ones(void **state)
{
	static const struct {
		int maxmatches;
		unsigned kept;
		const char *first;
	} cases[] = {
		{ 0, 0, NULL }, { -1, 0, NULL }, { 1, 1, "5" }, { 3, 3, "3" }, { 9, 5, "1" }
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ticket *t = address_ticket("192.0.2.1");

		for (int n = 1; n <= 5; n++) {
			char text[8];

			snprintf(text, sizeof text, "%d", n);
			add_text(t, text, cases[i].maxmatches);
		}
		assert_int_equal(t->n_lines, cases[i].kept);
		if (cases[i].first)
			assert_str(ticket_line_text(t->lines[0]), cases[i].first);
		/* a lower limit later, as after a reload */
		add_text(t, "last", 2);
		assert_true(t->n_lines <= 2);
		assert_str(ticket_line_text(t->lines[t->n_lines - 1]), "last");
		add_text(t, "gone", 0);
		assert_int_equal(t->n_lines, 0);
		ticket_free(t);
	}
}

static void bytes_are_bounded(void **state)
{
	struct ticket *t = address_ticket("2001:db8::1");
	size_t n = 3 * TICKET_BYTES_MAX;
	_free_ char *big = xcalloc(1, n + 1);
	_buf_free_ struct buf packed = { 0 };
	struct match_line line = { 0 };

	(void)state;
	/* two-byte characters, at an odd offset: a cut must not fall inside one */
	for (size_t i = 0; i + 1 < n; i += 2)
		memcpy(big + i, "\xc3\xa4", 2);
	for (int i = 0; i < 200; i++) {
		char name[16];

		snprintf(name, sizeof name, "f%d", i);
		ticket_add_field(t, str_of(name), str_mem(big, (size_t)i * 10));
	}
	assert_true(t->n_fields > 10 && t->n_fields <= TICKET_FIELDS_MAX);
	ticket_add_field(t, STR("huge"), str_mem(big, n));
	assert_null(ticket_field(t, STR("huge")).p);
	line = (struct match_line){ STR("x"), STR(""), str_mem(big, n) };
	ticket_add_line(t, &line, 10);
	assert_int_equal(t->n_lines, 1);
	assert_true(t->lines[0]->n > TICKET_LINE_BYTES - 20);
	assert_true(utf8_is_valid(ticket_line_text(t->lines[0])));
	assert_true(ticket_bytes(t) <= TICKET_BYTES_MAX);
	add_text(t, "pushes the big one out", 10);
	assert_int_equal(t->n_lines, 1);
	for (int i = 0; i < 2 * TICKET_LINES_MAX; i++)
		add_text(t, "", INT32_MAX);
	assert_int_equal(t->n_lines, TICKET_LINES_MAX);
	for (int i = 0; i < 100; i++)
		ticket_add_line(t, &(struct match_line){ STR("y"), STR("z"), str_mem(big, 1000) },
				500);
	assert_true(ticket_bytes(t) <= TICKET_BYTES_MAX);
	assert_int_equal(t->n_lines, TICKET_LINE_BYTES / (1000 + 2 + 12));
	ticket_pack(t, &packed);
	assert_true(packed.n <= TICKET_PACKED_MAX);
	ticket_free(t);
}

static void limits_cut_lines_before_fields(void **state)
{
	struct ticket *t = address_ticket("192.0.2.1");
	struct match_line line = line_of("<", "12:00", "> something long enough to be cut");

	(void)state;
	ticket_add_field(t, STR("user"), STR("bob"));
	ticket_set_users(t, STR("['bob']"));
	add_text(t, "older", 5);
	ticket_add_line(t, &line, 5);
	ticket_limit(t, 1000);
	assert_int_equal(t->n_lines, 2);
	ticket_limit(t, 60);
	assert_int_equal(t->n_lines, 1);
	assert_true(ticket_bytes(t) <= 60);
	assert_str(ticket_line_parts(t->lines[0]).date, "12:00");
	ticket_limit(t, 30);
	assert_int_equal(t->n_lines, 0);
	assert_str(ticket_field(t, STR("user")), "bob");
	ticket_limit(t, 10);
	assert_int_equal(t->n_fields, 0);
	assert_str(t->users, "['bob']");
	ticket_limit(t, 0);
	assert_int_equal(ticket_bytes(t), 0);
	ticket_free(t);
}

static void ends_count_from_the_last_failure(void **state)
{
	struct ticket *t = address_ticket("192.0.2.1");

	(void)state;
	assert_true(ticket_end(t, 600) == 1600.5);
	assert_true(isinf(ticket_end(t, -1)));
	t->bantime = 10;
	assert_true(ticket_end(t, -1) == 1010.5);
	t->bantime = -1;
	assert_true(isinf(ticket_end(t, 600)));
	ticket_free(t);
}

static struct ticket *full_ticket(const char *id)
{
	struct ticket *t = address_ticket(id);
	struct match_line line = line_of("[", "2026-01-01", "] \xff\x01 line");

	t->first = 990.125;
	t->retry = 7;
	t->failures = 9;
	t->bantime = -1;
	t->bancount = 3;
	t->restored = true;
	t->by_hand = true;
	ticket_add_field(t, STR("user"), str_mem("a\0b", 3));
	ticket_add_field(t, STR("empty"), STR(""));
	ticket_set_users(t, STR("['x']"));
	ticket_add_line(t, &line, 5);
	add_text(t, "", 5);
	return t;
}

static void assert_same(const struct ticket *a, const struct ticket *b)
{
	_buf_free_ struct buf x = { 0 }, y = { 0 };

	ticket_pack(a, &x);
	ticket_pack(b, &y);
	assert_int_equal(x.n, y.n);
	assert_memory_equal(x.p, y.p, x.n);
	assert_true(fid_eq(&a->id, &b->id));
}

static void packing_keeps_everything(void **state)
{
	static const char *const ids[] = { "192.0.2.1", "2001:db8::/32", "0.0.0.0/0", "bob@host" };

	(void)state;
	for (size_t i = 0; i < COUNT(ids); i++) {
		struct ticket *t = full_ticket(ids[i]), *copy = ticket_copy(t), *out = NULL;
		_buf_free_ struct buf b = { 0 };
		str in;

		assert_same(t, copy);
		ticket_pack(t, &b);
		buf_add_z(&b, "rest");
		in = buf_str(&b);
		assert_int_equal(ticket_unpack(&in, &out), 0);
		assert_true(str_is(in, "rest"));
		assert_same(t, out);
		assert_int_equal(out->retry, 7);
		assert_true(out->by_hand && out->restored && out->time == 1000.5);
		assert_int_equal(ticket_line_parts(out->lines[0]).date.n, 10);
		/* no part of it is a ticket */
		for (size_t n = 0; n < b.n - 4; n++) {
			str part = str_mem(b.p, n);

			assert_int_equal(ticket_unpack(&part, &out), -22);
			assert_int_equal(part.n, n);
		}
		ticket_free(out);
		ticket_free(copy);
		ticket_free(t);
	}
}

static void unpacking_refuses(void **state)
{
	static const struct {
		const char *why;
		size_t at;
		unsigned char byte;
	} cases[] = {
		{ "version", 0, 2 },
		{ "unknown flag", 1, 4 },
		{ "family", 2, 5 },
		{ "address with a text", 20, 1 },
		{ "prefix beyond the family", 3, 33 },
		{ "host bits", 3, 24 },
		{ "bytes behind an IPv4 address", 4 + 10, 1 },
		{ "time that is not a number", 24 + 7, 0x7f },
		{ "endless ban time", 24 + 24 + 7, 0x7f },
	};
	struct ticket *t = address_ticket("192.0.2.1"), *out = NULL;
	_buf_free_ struct buf good = { 0 };
	str in;

	(void)state;
	ticket_pack(t, &good);
	ticket_free(t);
	for (size_t i = 0; i < COUNT(cases); i++) {
		_buf_free_ struct buf bad = { 0 };

		buf_add(&bad, good.p, good.n);
		bad.p[cases[i].at] = (char)cases[i].byte;
		in = buf_str(&bad);
		if (ticket_unpack(&in, &out) != -22)
			fail_msg("taken: %s", cases[i].why);
	}
	in = buf_str(&good);
	assert_int_equal(ticket_unpack(&in, &out), 0);
	/* an IPv4 address in IPv6 clothes */
	out->id.ip = (struct ip){ .family = 6, .prefix = 128, .bytes = { [10] = 255, [11] = 255 } };
	buf_clear(&good);
	ticket_pack(out, &good);
	ticket_free(out);
	in = buf_str(&good);
	assert_int_equal(ticket_unpack(&in, &out), -22);
}

/* Protected addresses are tested in binary: an address must not pass as a text. */
static void unpacking_refuses_addresses_as_text(void **state)
{
	static const struct {
		const char *text;
		int result;
	} cases[] = {
		{ "192.0.2.1", -22 },
		{ "192.0.2.0/24", -22 },
		{ "192.0.2.77/255.255.255.0", -22 },
		{ "[192.0.2.1]", -22 },
		{ "2001:DB8:0:0::1", -22 },
		{ "[2001:db8::1]", -22 },
		{ "::ffff:192.0.2.1", -22 },
		{ "::/0", -22 },
		{ "bob@host", 0 },
		{ "192.0.2.1 ", 0 },
		{ "192.0.2.999", 0 },
		{ "192.0.2.1/33", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fid id = { .text = str_of(cases[i].text) };
		struct ticket *t = ticket_new(&id, 1), *out = NULL;
		_buf_free_ struct buf b = { 0 };
		str in;

		ticket_pack(t, &b);
		in = buf_str(&b);
		if (ticket_unpack(&in, &out) != cases[i].result)
			fail_msg("%s: not %d", cases[i].text, cases[i].result);
		ticket_free(out);
		ticket_free(t);
	}
}

/* The parts of a line have to lie inside it. */
static void unpacking_refuses_parts_beyond_the_line(void **state)
{
	static const struct {
		unsigned char prefix, date;
		int result;
	} cases[] = { { 1, 2, 0 },   { 2, 2, 0 },   { 0, 4, 0 },
		      { 5, 0, -22 }, { 0, 5, -22 }, { 3, 2, -22 } };
	struct ticket *t = address_ticket("192.0.2.1"), *out = NULL;
	struct match_line line = line_of("1", "23", "4");
	_buf_free_ struct buf b = { 0 };

	(void)state;
	ticket_add_line(t, &line, 5);
	ticket_pack(t, &b);
	ticket_free(t);
	for (size_t i = 0; i < COUNT(cases); i++) {
		str in = buf_str(&b);

		b.p[b.n - 16] = (char)cases[i].prefix;
		b.p[b.n - 12] = (char)cases[i].date;
		assert_int_equal(ticket_unpack(&in, &out), cases[i].result);
		if (cases[i].result == 0)
			ticket_free(out);
	}
}

static void json_is_fail2bans(void **state)
{
	struct ticket *t = address_ticket("192.0.2.1");
	struct match_line line = line_of("<", "12:00", "> a\"\xff");
	_free_ char *some = NULL, *none = NULL, *empty = NULL;
	json_t *a, *b;

	(void)state;
	empty = ticket_data_json(t, 5);
	a = json_loads(empty, 0, NULL);
	b = json_loads("{\"matches\": [], \"failures\": 0}", 0, NULL);
	assert_true(a && b && json_equal(a, b));
	json_decref(a);
	json_decref(b);
	add_text(t, "pushed out", 9);
	ticket_add_line(t, &line, 9);
	ticket_add_line(t, &line, 9);
	ticket_add_field(t, STR("user"), STR("J\xc3\xb6rg"));
	ticket_add_field(t, STR("matches"), STR("not the group"));
	ticket_set_users(t, STR("['bob', 'root']"));
	t->failures = 3;
	some = ticket_data_json(t, 2);
	a = json_loads(some, 0, NULL);
	b = json_loads("{\"matches\": [[\"<\", \"12:00\", \"> a\\\"\\ufffd\"], "
		       "\"<12:00> a\\\"\\ufffd\"], \"failures\": 3, \"user\": \"J\\u00f6rg\", "
		       "\"users\": \"['bob', 'root']\"}",
		       0, NULL);
	assert_true(a && b && json_equal(a, b));
	assert_non_null(strstr(some, "J\xc3\xb6rg"));
	json_decref(a);
	json_decref(b);
	none = ticket_data_json(t, 0);
	assert_null(strstr(none, "\"matches\""));
	ticket_free(t);
}

static void json_of_any_version_is_read(void **state)
{
	static const struct {
		const char *json;
		unsigned failures, n_lines, n_fields;
		const char *last, *users;
	} cases[] = {
		{ "{\"matches\": [[\"<\", \"d\", \">\"], \"two\"], \"failures\": 2}", 2, 2, 0,
		  "two", "" },
		{ "{\"matches\": [\"a\", [\"b\", \"c\", \"d\"]], \"failures\": 5}", 5, 2, 0, "bcd",
		  "" },
		{ "{\"matches\": [[\"b\", \"c\"], 7, null], \"user\": \"x\", \"ip4\": null}", 0, 1,
		  1, "bc", "" },
		{ "{\"matches\": \"no list\", \"failures\": -1, \"a\": 1, \"b\": 1.5}", 0, 0, 2,
		  NULL, "" },
		{ "{\"users\": \"['bob']\", \"x\": [1]}", 0, 0, 0, NULL, "['bob']" },
		{ "{\"users\": [\"bob\", 1, \"eve\"]}", 0, 0, 0, NULL, "['bob', 'eve']" },
		{ "{\"matches\": [\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]}", 0, 4, 0, "6", "" },
		{ "{\"matches\": [\"bad \xff byte\"]}", 0, 1, 0, "bad \xef\xbf\xbd byte", "" },
		{ "[1, 2]", 0, 0, 0, NULL, "" },
		{ "{\"failures\": 3", 0, 0, 0, NULL, "" },
		{ "", 0, 0, 0, NULL, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ticket *t = address_ticket("192.0.2.1");

		ticket_read_json(t, str_of(cases[i].json), 4);
		assert_int_equal(t->failures, cases[i].failures);
		assert_int_equal(t->n_lines, cases[i].n_lines);
		assert_int_equal(t->n_fields, cases[i].n_fields);
		assert_str(t->users, cases[i].users);
		if (cases[i].last)
			assert_str(ticket_line_text(t->lines[t->n_lines - 1]), cases[i].last);
		ticket_free(t);
	}
}

static void json_goes_round(void **state)
{
	struct ticket *t = address_ticket("192.0.2.1"), *back = address_ticket("192.0.2.1");
	struct match_line line = { STR("p"), STR("d"), str_mem("s\0\n\x7f", 4) };
	_free_ char *json = NULL, *again = NULL;

	(void)state;
	ticket_add_line(t, &line, 5);
	add_text(t, "two", 5);
	ticket_add_field(t, STR("user"), str_mem("\0", 1));
	t->failures = 4;
	json = ticket_data_json(t, 5);
	ticket_read_json(back, str_of(json), 5);
	again = ticket_data_json(back, 5);
	assert_string_equal(json, again);
	assert_same(t, (back->first = t->first, back));
	ticket_free(back);
	ticket_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_match_becomes_a_ticket),
		cmocka_unit_test(lines_are_the_last_ones),
		cmocka_unit_test(bytes_are_bounded),
		cmocka_unit_test(limits_cut_lines_before_fields),
		cmocka_unit_test(ends_count_from_the_last_failure),
		cmocka_unit_test(packing_keeps_everything),
		cmocka_unit_test(unpacking_refuses),
		cmocka_unit_test(unpacking_refuses_addresses_as_text),
		cmocka_unit_test(unpacking_refuses_parts_beyond_the_line),
		cmocka_unit_test(json_is_fail2bans),
		cmocka_unit_test(json_of_any_version_is_read),
		cmocka_unit_test(json_goes_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
