#include "unit/unit.h"

#include <math.h>

#include "base/clock.h"
#include "base/fid.h"
#include "base/heap.h"
#include "base/ip.h"
#include "base/log.h"
#include "base/pack.h"
#include "base/table.h"
#include "base/utf8.h"
#include "base/value.h"

static void numbers_are_strict(void **state)
{
	static const struct {
		const char *text;
		int result;
		int64_t value;
	} cases[] = {
		{ "0", 0, 0 },
		{ "-9223372036854775808", 0, INT64_MIN },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "9223372036854775808", -34, 0 },
		{ "", -22, 0 },
		{ "-", -22, 0 },
		{ "12x", -22, 0 },
		{ " 1", -22, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t out = 0;

		assert_int_equal(str_to_i64(str_of(cases[i].text), INT64_MIN, INT64_MAX, &out),
				 cases[i].result);
		assert_true(out == cases[i].value);
	}
}

static void addresses_read_and_print(void **state)
{
	static const struct {
		const char *in, *out; /* out NULL: refused */
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "192.0.2.77/24", "192.0.2.0/24" },
		{ "192.0.2.77/255.255.255.0", "192.0.2.0/24" },
		{ "192.0.2.77/255.0.255.0", NULL },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "[2001:DB8::1]", "2001:db8::1" },
		{ "2001:db8:1:2:3::/64", "2001:db8:1:2::/64" },
		{ "10.0.0.0/0", "0.0.0.0" },
		{ "1.2.3.4/32", "1.2.3.4" },
		{ "1.2.3.4/33", NULL },
		{ "1.2.3.4/-1", NULL },
		{ "01.2.3.4", NULL },
		{ "fe80::1%eth0", NULL },
		{ "1.2.3", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ip ip;
		char text[IP_TEXT_MAX];
		int r = ip_parse(str_of(cases[i].in), &ip);

		assert_int_equal(r, cases[i].out ? 0 : -22);
		if (!cases[i].out)
			continue;
		ip_print(&ip, text);
		assert_string_equal(text, cases[i].out);
	}
}

static void networks_hold_their_addresses(void **state)
{
	struct ip net, in, out, other;

	(void)state;
	assert_int_equal(ip_parse(STR("2001:db8::/33"), &net), 0);
	assert_int_equal(ip_parse(STR("2001:db8:7fff::1"), &in), 0);
	assert_int_equal(ip_parse(STR("2001:db8:8000::1"), &out), 0);
	assert_int_equal(ip_parse(STR("32.1.13.184"), &other), 0);
	assert_true(ip_in(&in, &net));
	assert_false(ip_in(&out, &net));
	assert_false(ip_in(&other, &net));
	assert_false(ip_in(&net, &in));
}

static void texts_in_the_shape_of_addresses(void **state)
{
	static const struct {
		const char *text;
		bool suspect;
	} cases[] = {
		{ "127.1", true },
		{ "300.1.1.1", true },
		{ "0x7f000001", true },
		{ "2130706433", true },
		{ "1.1.1.1,2.2.2.2", true },
		{ "localhost", true },
		{ "0.0.0.0-255.0.0.0", true },
		{ "10.0.0.0/8 ", true },
		{ "alice", false },
		{ "deadbeef", false },
		{ "bob@example.org", false },
		{ "1234567", false },
		{ "a.b", false },
		{ "session-17-x", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fid id = { .text = str_of(cases[i].text) };

		assert_int_equal(fid_looks_like_address(&id), cases[i].suspect);
	}
}

static void invalid_bytes_are_replaced_by_maximal_part(void **state)
{
	struct buf b = { 0 };

	(void)state;
	utf8_add_repaired(&b, STR("a\xff\xfe\xe2\x28\xa1"
				  "b"));
	assert_string_equal(buf_z(&b), "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd"
				       "b");
	buf_clear(&b);
	utf8_add_repaired(&b, STR("\xf0\x9f\x98"));
	assert_string_equal(buf_z(&b), "\xef\xbf\xbd");
	buf_free(&b);
}

static void table_keeps_order_and_survives_deletes(void **state)
{
	struct table *t = table_new();
	char key[16];
	size_t at = 0, seen = 0;
	str k;
	static int values[1000];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "k%d", i);
		assert_null(table_put(t, str_of(key), &values[i]));
	}
	for (int i = 0; i < 1000; i += 2) {
		snprintf(key, sizeof key, "k%d", i);
		assert_ptr_equal(table_del(t, str_of(key)), &values[i]);
	}
	for (int round = 0; round < 5000; round++) { /* holes are reused, not piled up */
		assert_null(table_put(t, STR("again"), &values[0]));
		assert_non_null(table_del(t, STR("again")));
	}
	assert_int_equal(table_count(t), 500);
	while (table_each(t, &at, &k, NULL)) {
		snprintf(key, sizeof key, "k%zu", seen * 2 + 1);
		assert_true(str_is(k, key));
		seen++;
	}
	assert_int_equal(seen, 500);
	table_free(t, NULL);
}

static void heap_gives_the_earliest(void **state)
{
	struct heap h = { 0 };
	struct heap_item items[100] = { 0 };
	int64_t last = -1;

	(void)state;
	for (int i = 0; i < 100; i++) {
		items[i].due = (i * 37) % 101;
		heap_put(&h, &items[i]);
	}
	items[5].due = 1000;
	heap_put(&h, &items[5]);
	heap_del(&h, &items[6]);
	for (int i = 0; i < 99; i++) {
		struct heap_item *first = heap_first(&h);

		assert_true(first->due >= last);
		last = first->due;
		heap_del(&h, first);
	}
	assert_null(heap_first(&h));
	assert_int_equal(last, 1000);
	heap_done(&h);
}

static void values_print_as_python_does(void **state)
{
	struct arena *a = arena_new();
	struct value *list = value_list(a), *dict = value_dict(a), *one = value_tuple(a);
	struct buf b = { 0 };

	(void)state;
	value_add(a, dict, value_z(a, "it's"));
	value_add(a, dict, value_none(a));
	value_add(a, one, value_z(a, "a\\b\n\"'"));
	value_add(a, list, value_bool(a, true));
	value_add(a, list, value_float(a, 600));
	value_add(a, list, value_float(a, 1e22));
	value_add(a, list, value_float(a, 1795292446.6240227));
	value_add(a, list, value_float(a, 0.1));
	value_add(a, list, dict);
	value_add(a, list, one);
	value_add_repr(&b, list);
	assert_string_equal(buf_z(&b), "[True, 600.0, 1e+22, 1795292446.6240227, 0.1, "
				       "{\"it's\": None}, ('a\\\\b\\n\"\\'',)]");
	buf_free(&b);
	arena_free(a);
}

static void hostile_text_stays_on_its_line(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_add_escaped(&b, STR("a\n\x1b[2J\x7f\xc2\x9b\xff\xc3\xa9"));
	assert_string_equal(buf_z(&b), "a\\n\\x1b[2J\\x7f\\x9b\\xff\xc3\xa9");
	buf_clear(&b);
	/* U+202E turns the rest of the line around, U+200B hides, U+2026 is an ordinary sign */
	buf_add_escaped(&b, STR("a\xe2\x80\xae\xe2\x80\x8b\xe2\x80\xa6\xef\xbb\xbf"));
	assert_string_equal(buf_z(&b), "a\\u202e\\u200b\xe2\x80\xa6\\ufeff");
	buf_free(&b);
}

static long offset_at(time_t when)
{
	struct tm tm;

	assert_non_null(localtime_r(&when, &tm));
	return tm.tm_gmtoff;
}

/* The zone is named, so that glibc need not look again; it is the same zone as before. */
static void the_zone_is_fixed(void **state)
{
	static const time_t winter = 1736942400, summer = 1752580800;
	_free_ char *before = getenv("TZ") ? xstrdup(getenv("TZ")) : NULL;
	long w, s;

	(void)state;
	unsetenv("TZ");
	tzset();
	w = offset_at(winter);
	s = offset_at(summer);
	clock_fix_zone();
	assert_string_equal(getenv("TZ"), ":/etc/localtime");
	assert_int_equal(offset_at(winter), w);
	assert_int_equal(offset_at(summer), s);
	/* what the administrator has set stays */
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	clock_fix_zone();
	assert_string_equal(getenv("TZ"), "CET-1CEST,M3.5.0,M10.5.0/3");
	assert_int_equal(offset_at(winter), 3600);
	assert_int_equal(offset_at(summer), 7200);
	if (before)
		setenv("TZ", before, 1);
	else
		unsetenv("TZ");
	tzset();
}

static void packed_fields_read_back_or_are_bad(void **state)
{
	struct buf b = { 0 };
	struct unpack u;

	(void)state;
	pack_u32(&b, 3);
	pack_f64(&b, -1.5);
	pack_str(&b, STR("abc"));
	u = (struct unpack){ .in = buf_str(&b) };
	assert_int_equal(unpack_count(&u, 3), 3);
	assert_true(unpack_f64(&u) == -1.5);
	assert_true(str_is(unpack_str(&u, 3), "abc"));
	assert_true(unpack_done(&u));
	for (size_t i = 0; i < b.n; i++) {
		u = (struct unpack){ .in = str_mem(b.p, i) };
		unpack_count(&u, 3);
		unpack_f64(&u);
		assert_int_equal(unpack_str(&u, 3).n, 0);
		assert_true(u.bad);
	}
	u = (struct unpack){ .in = buf_str(&b) };
	assert_int_equal(unpack_count(&u, 2), 0);
	assert_true(u.bad);
	assert_true(unpack_f64(&u) == 0);
	u = (struct unpack){ .in = str_from(buf_str(&b), 12) };
	assert_int_equal(unpack_str(&u, 2).n, 0);
	assert_true(u.bad);
	for (int i = 0; i < 3; i++) {
		buf_clear(&b);
		pack_f64(&b, (double[]){ NAN, INFINITY, -INFINITY }[i]);
		u = (struct unpack){ .in = buf_str(&b) };
		assert_true(unpack_f64(&u) == 0);
		assert_true(u.bad);
	}
	buf_free(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_strict),
		cmocka_unit_test(addresses_read_and_print),
		cmocka_unit_test(networks_hold_their_addresses),
		cmocka_unit_test(texts_in_the_shape_of_addresses),
		cmocka_unit_test(invalid_bytes_are_replaced_by_maximal_part),
		cmocka_unit_test(table_keeps_order_and_survives_deletes),
		cmocka_unit_test(heap_gives_the_earliest),
		cmocka_unit_test(values_print_as_python_does),
		cmocka_unit_test(hostile_text_stays_on_its_line),
		cmocka_unit_test(packed_fields_read_back_or_are_bad),
		cmocka_unit_test(the_zone_is_fixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
