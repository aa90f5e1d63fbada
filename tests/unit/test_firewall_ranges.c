#include "unit/unit.h"

#include "firewall/ranges.h"

static struct ip ip_of(const char *text)
{
	struct ip ip;

	assert_int_equal(ip_parse(str_of(text), &ip), 0);
	return ip;
}

static void put(struct prefixes *p, const char *text, int64_t until)
{
	struct ip ip = ip_of(text);

	prefixes_put(p, &ip, until);
}

static void add_text(struct buf *out, const struct ranges *r, uint8_t family)
{
	for (size_t i = 0; i < r->n; i++) {
		struct ip first = { .family = family, .prefix = family == 4 ? 32 : 128 };
		struct ip last = first;

		memcpy(first.bytes, r->items[i].first, 16);
		memcpy(last.bytes, r->items[i].last, 16);
		ip_add(out, &first);
		buf_add_char(out, '-');
		ip_add(out, &last);
		if (r->items[i].until_ms == UNTIL_EVER)
			buf_add_z(out, " ever; ");
		else
			buf_printf(out, " %lld; ", (long long)r->items[i].until_ms);
	}
}

static void overlaps_become_ranges(void **state)
{
	static const struct {
		struct {
			const char *text;
			int64_t until;
		} put[5];
		const char *wanted;
	} cases[] = {
		{ { { "10.0.0.0/8", 50 } }, "10.0.0.0-10.255.255.255 50; " },
		/* a shorter ban inside a longer one changes nothing, before or after it */
		{ { { "10.0.0.0/8", 50 }, { "10.1.0.0/16", 40 } }, "10.0.0.0-10.255.255.255 50; " },
		{ { { "10.1.0.0/16", 40 }, { "10.0.0.0/8", 50 } }, "10.0.0.0-10.255.255.255 50; " },
		/* a longer one cuts it */
		{ { { "10.0.0.0/8", 50 }, { "10.1.0.0/16", UNTIL_EVER } },
		  "10.0.0.0-10.0.255.255 50; 10.1.0.0-10.1.255.255 ever; 10.2.0.0-10.255.255.255 "
		  "50; " },
		{ { { "10.0.0.0/8", 50 }, { "10.0.0.0/16", 60 }, { "10.255.0.0/16", 60 } },
		  "10.0.0.0-10.0.255.255 60; 10.1.0.0-10.254.255.255 50; 10.255.0.0-10.255.255.255 "
		  "60; " },
		/* three deep; the innermost lasts less than its parent */
		{ { { "10.0.0.0/8", 50 }, { "10.0.0.0/16", 60 }, { "10.0.1.0/24", 55 } },
		  "10.0.0.0-10.0.255.255 60; 10.1.0.0-10.255.255.255 50; " },
		/* neighbours with the same end stay two */
		{ { { "10.0.0.0/9", 50 }, { "10.128.0.0/9", 50 } },
		  "10.0.0.0-10.127.255.255 50; 10.128.0.0-10.255.255.255 50; " },
		/* the last word about a prefix counts; what has ended is out */
		{ { { "10.0.0.0/8", 50 }, { "10.0.0.0/8", 20 } }, "10.0.0.0-10.255.255.255 20; " },
		{ { { "10.0.0.0/8", 10 }, { "11.0.0.0/8", 11 } }, "11.0.0.0-11.255.255.255 11; " },
		/* the whole of it, and its highest address */
		{ { { "0.0.0.0/0", 50 }, { "255.255.255.0/24", 60 } },
		  "0.0.0.0-255.255.254.255 50; 255.255.255.0-255.255.255.255 60; " },
		{ { { "::/0", 50 }, { "ffff::/16", 60 }, { "ffff:8000::/17", 70 } },
		  "::-fffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff 50; "
		  "ffff::-ffff:7fff:ffff:ffff:ffff:ffff:ffff:ffff 60; "
		  "ffff:8000::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 70; " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct prefixes p = { 0 };
		struct ranges r = { 0 };
		_buf_free_ struct buf text = { 0 };

		for (size_t k = 0; k < COUNT(cases[i].put) && cases[i].put[k].text; k++)
			put(&p, cases[i].put[k].text, cases[i].put[k].until);
		ranges_of(&p, 10, &r);
		add_text(&text, &r, ip_of(cases[i].put[0].text).family);
		assert_string_equal(buf_z(&text), cases[i].wanted);
		prefixes_clear(&p);
		ranges_free(&r);
	}
}

static void what_a_prefix_covered_comes_back(void **state)
{
	struct prefixes p = { 0 };
	struct ranges before = { 0 }, after = { 0 }, gone = { 0 }, come = { 0 };
	_buf_free_ struct buf text = { 0 };
	struct ip net = ip_of("10.0.0.0/8");

	(void)state;
	put(&p, "10.0.0.0/8", 50);
	put(&p, "10.1.0.0/16", 40);
	put(&p, "192.0.2.0/24", 40);
	ranges_of(&p, 0, &before);
	prefixes_del(&p, &net);
	ranges_of(&p, 0, &after);
	ranges_diff(&before, &after, &gone, &come);
	add_text(&text, &gone, 4);
	buf_add_z(&text, "| ");
	add_text(&text, &come, 4);
	assert_string_equal(buf_z(&text),
			    "10.0.0.0-10.255.255.255 50; | 10.1.0.0-10.1.255.255 40; ");
	prefixes_clear(&p);
	ranges_free(&before);
	ranges_free(&after);
	ranges_free(&gone);
	ranges_free(&come);
}

static void add_ip(void *arg, const struct ip *ip, int64_t until_ms)
{
	ip_add(arg, ip);
	buf_printf(arg, " %lld; ", (long long)until_ms);
}

static void ranges_split_into_prefixes(void **state)
{
	static const struct {
		const char *first, *last, *wanted;
	} cases[] = {
		{ "10.0.0.0", "10.255.255.255", "10.0.0.0/8 7; " },
		{ "10.0.0.1", "10.0.0.4", "10.0.0.1 7; 10.0.0.2/31 7; 10.0.0.4 7; " },
		{ "10.0.0.5", "10.0.0.5", "10.0.0.5 7; " },
		{ "255.255.255.254", "255.255.255.255", "255.255.255.254/31 7; " },
		{ "0.0.0.0", "255.255.255.255", "0.0.0.0 7; " }, /* printed without its /0 */
		{ "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ":: 7; " },
		{ "8000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "8000::/1 7; " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ip first = ip_of(cases[i].first), last = ip_of(cases[i].last);
		struct range r = { .until_ms = 7 };
		_buf_free_ struct buf text = { 0 };

		memcpy(r.first, first.bytes, 16);
		memcpy(r.last, last.bytes, 16);
		range_split(&r, first.family, add_ip, &text);
		assert_string_equal(buf_z(&text), cases[i].wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overlaps_become_ranges),
		cmocka_unit_test(what_a_prefix_covered_comes_back),
		cmocka_unit_test(ranges_split_into_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
