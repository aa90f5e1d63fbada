#include "unit/unit.h"

#include <math.h>

#include "ban/ban.h"

static struct ticket *ticket_at(const char *id, double time, int64_t bantime)
{
	struct fid f = fid_parse(str_of(id));
	struct ticket *t = ticket_new(&f, time);

	t->bantime = bantime;
	return t;
}

static const struct ticket *find(const struct bans *b, const char *id)
{
	struct fid f = fid_parse(str_of(id));

	return bans_find(b, &f);
}

/* The ids in order, each behind a blank. */
static void assert_listing(const struct bans *b, const char *expected)
{
	_buf_free_ struct buf text = { 0 };
	const struct ticket *t;
	size_t at = 0;

	while ((t = bans_each(b, &at))) {
		buf_add_char(&text, ' ');
		fid_add(&text, &t->id);
	}
	assert_string_equal(buf_z(&text), expected);
}

static void assert_taken(struct ticket *t, const char *id)
{
	struct fid f = fid_parse(str_of(id));

	assert_non_null(t);
	assert_true(fid_eq(&t->id, &f));
	ticket_free(t);
}

#define JAIL TICKET_JAIL_BANTIME

static void a_ban_is_new_known_extended_or_expired(void **state)
{
	static const struct {
		double time;
		int64_t bantime;
		enum ban_result result;
		double end; /* of what is in the table then; 0: nothing */
	} cases[] = {
		{ 300, JAIL, BAN_EXPIRED, 0 },
		{ 400, JAIL, BAN_NEW, 1000 }, /* its end is now: not before now */
		{ 400, JAIL, BAN_KNOWN, 1000 },
		{ 350, JAIL, BAN_EXPIRED, 1000 },
		{ 500, JAIL, BAN_EXTENDED, 1100 },
		{ 550.5, JAIL, BAN_EXTENDED, 1151 }, /* whole seconds, never earlier */
		{ 450, 900, BAN_EXTENDED, 1350 },
		{ 390, 980, BAN_EXTENDED, 1380 }, /* an older failure, a longer ban */
		{ 900, 100, BAN_KNOWN, 1380 },
		{ 900, -1, BAN_EXTENDED, INFINITY },
		{ 900, -1, BAN_KNOWN, INFINITY },
		{ 900, 5000, BAN_KNOWN, INFINITY },
	};
	struct bans *b = bans_new();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct ticket *active;
		enum ban_result r =
			bans_add(b, ticket_at("192.0.2.1", cases[i].time, cases[i].bantime), 600,
				 1000, &active);

		if (r != cases[i].result)
			fail_msg("case %zu: result %d", i, (int)r);
		assert_int_equal(bans_count(b), cases[i].end != 0);
		assert_ptr_equal(active, r == BAN_EXPIRED ? NULL : find(b, "192.0.2.1"));
		if (cases[i].end != 0) {
			assert_true(bans_next_end(b) == cases[i].end);
			assert_true(ticket_end(find(b, "192.0.2.1"), 600) == cases[i].end);
		}
	}
	assert_int_equal(bans_total(b), 1);
	assert_int_equal(find(b, "192.0.2.1")->bancount, 1);
	assert_true(find(b, "192.0.2.1")->time == 400);
	bans_free(b);
}

static void an_extended_end_is_exact(void **state)
{
	struct bans *b = bans_new();

	(void)state;
	bans_add(b, ticket_at("192.0.2.1", 100, JAIL), 600, 100, NULL);
	assert_true(bans_next_end(b) == 700);
	bans_add(b, ticket_at("192.0.2.1", 130, JAIL), 600, 130, NULL);
	assert_true(bans_next_end(b) == 730);
	bans_add(b, ticket_at("192.0.2.1", 130.25, JAIL), 600, 130, NULL);
	assert_true(bans_next_end(b) == 731);
	bans_free(b);
}

static void bans_end_in_order(void **state)
{
	struct bans *b = bans_new();
	double last = 0;
	struct ticket *t;
	size_t n = 0;

	(void)state;
	assert_true(isinf(bans_next_end(b)));
	for (int i = 0; i < 500; i++) {
		char id[32];

		snprintf(id, sizeof id, "10.0.%d.%d", i / 250, i % 250);
		bans_add(b, ticket_at(id, 1000 + (i * 37) % 500, i % 10 == 5 ? -1 : JAIL), 600,
			 1000, NULL);
	}
	assert_int_equal(bans_count(b), 500);
	assert_null(bans_take_expired(b, 1600)); /* the end itself is still banned */
	while ((t = bans_take_expired(b, 1800.5))) {
		assert_true(t->time >= last && t->bantime == JAIL);
		last = t->time;
		ticket_free(t);
		n++;
	}
	assert_true(last == 1200);
	assert_true(n > 150 && bans_count(b) == 500 - n);
	assert_true(bans_next_end(b) > 1800.5);
	while ((t = bans_take_expired(b, 1e11)))
		ticket_free(t);
	assert_int_equal(bans_count(b), 50);
	assert_true(isinf(bans_next_end(b)));
	bans_free(b);
}

static void the_jails_bantime_acts_back(void **state)
{
	struct bans *b = bans_new();

	(void)state;
	bans_add(b, ticket_at("192.0.2.1", 100, JAIL), 600, 100, NULL);
	bans_add(b, ticket_at("192.0.2.2", 100, 900), 600, 100, NULL);
	assert_true(bans_next_end(b) == 700);
	bans_set_bantime(b, -1);
	assert_true(bans_next_end(b) == 1000);
	bans_set_bantime(b, 60);
	assert_true(bans_next_end(b) == 160);
	assert_taken(bans_take_expired(b, 161), "192.0.2.1");
	assert_null(bans_take_expired(b, 161));
	assert_true(bans_prolong(b, &find(b, "192.0.2.2")->id, 50, 7));
	assert_int_equal(find(b, "192.0.2.2")->bancount, 7);
	assert_taken(bans_take_expired(b, 161), "192.0.2.2");
	bans_free(b);
}

static void the_listing_keeps_the_order(void **state)
{
	struct bans *b = bans_new();
	struct fid two = fid_parse(STR("192.0.2.2"));

	(void)state;
	bans_add(b, ticket_at("192.0.2.1", 100, JAIL), 600, 100, NULL);
	bans_add(b, ticket_at("192.0.2.2", 50, JAIL), 600, 100, NULL);
	bans_add(b, ticket_at("bob", 100, -1), 600, 100, NULL);
	assert_listing(b, " 192.0.2.1 192.0.2.2 bob");
	assert_taken(bans_take(b, &two), "192.0.2.2");
	assert_null(bans_take(b, &two));
	bans_add(b, ticket_at("192.0.2.2", 90, JAIL), 600, 100, NULL);
	assert_listing(b, " 192.0.2.1 bob 192.0.2.2");
	assert_int_equal(bans_total(b), 4);
	bans_set_total(b, 9);
	assert_int_equal(bans_total(b), 9);
	bans_free(b);
}

static void a_network_is_emptied(void **state)
{
	static const char *const ids[] = { "192.0.2.1",   "198.51.100.1",  "192.0.2.0/24",
					   "bob",         "192.0.2.9",     "192.0.0.0/16",
					   "2001:db8::1", "192.0.2.128/25" };
	struct bans *b = bans_new();
	struct ip net = fid_parse(STR("192.0.2.0/24")).ip;

	(void)state;
	for (size_t i = 0; i < COUNT(ids); i++)
		bans_add(b, ticket_at(ids[i], 100, JAIL), 600, 100, NULL);
	assert_taken(bans_take_inside(b, &net), "192.0.2.1");
	/* a new ban between two calls is found too */
	bans_add(b, ticket_at("192.0.2.1", 100, JAIL), 600, 100, NULL);
	assert_taken(bans_take_inside(b, &net), "192.0.2.0/24");
	assert_taken(bans_take_inside(b, &net), "192.0.2.9");
	assert_taken(bans_take_inside(b, &net), "192.0.2.128/25");
	assert_taken(bans_take_inside(b, &net), "192.0.2.1");
	assert_null(bans_take_inside(b, &net));
	assert_listing(b, " 198.51.100.1 bob 192.0.0.0/16 2001:db8::1");
	bans_free(b);
}

/* The table closes its gaps when it grows: a walk through it must not lose its place. */
static void a_network_is_emptied_while_bans_come(void **state)
{
	struct bans *b = bans_new();
	struct ip net = fid_parse(STR("10.0.0.0/8")).ip;
	struct ticket *t;
	size_t taken = 0;
	char id[32];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(id, sizeof id, "10.0.0.%d", i);
		bans_add(b, ticket_at(id, 100, JAIL), 600, 100, NULL);
	}
	while ((t = bans_take_inside(b, &net))) {
		ticket_free(t);
		if (++taken == 50)
			for (int i = 0; i < 500; i++) {
				snprintf(id, sizeof id, "192.0.%d.%d", i / 250, i % 250);
				bans_add(b, ticket_at(id, 100, JAIL), 600, 100, NULL);
			}
	}
	assert_int_equal(taken, 100);
	assert_int_equal(bans_count(b), 500);
	bans_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ban_is_new_known_extended_or_expired),
		cmocka_unit_test(an_extended_end_is_exact),
		cmocka_unit_test(bans_end_in_order),
		cmocka_unit_test(the_jails_bantime_acts_back),
		cmocka_unit_test(the_listing_keeps_the_order),
		cmocka_unit_test(a_network_is_emptied),
		cmocka_unit_test(a_network_is_emptied_while_bans_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
