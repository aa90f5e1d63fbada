#include "unit/unit.h"

#include "judge/failure.h"

static const struct ticket *fail_at(struct failures *f, const char *id, double time, int findtime)
{
	struct match_line line = { .suffix = str_of(id) };
	struct match m = {
		.id = fid_parse(str_of(id)), .time = time, .lines = &line, .n_lines = 1
	};

	return failures_add(f, &m, findtime, 5);
}

static void the_rate_is_fail2bans(void **state)
{
	static const struct {
		double time;
		unsigned retry;
		double first;
	} cases[] = {
		/* the vector observed on Fail2ban, findtime 600 */
		{ 1000, 1, 1000 },
		{ 1100, 2, 1000 },
		{ 1200, 3, 1000 },
		{ 1700, 4, 1100 },
		{ 1900, 4, 1300 },
		{ 2500, 3, 1900 },
		/* not newer: counted, the window stays */
		{ 2400, 4, 1900 },
		{ 2500, 5, 1900 },
		/* 5 / 1000 * 600 = 3 */
		{ 2900, 4, 2300 },
		/* 4 / 960 * 600 = 2.5: halves go to the even number */
		{ 3260, 3, 2660 },
	};
	struct failures *f = failures_new(10);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct ticket *t = fail_at(f, "192.0.2.1", cases[i].time, 600);

		if (t->retry != cases[i].retry || t->first != cases[i].first)
			fail_msg("case %zu: retry %u, first %.1f", i, t->retry, t->first);
		assert_int_equal(t->failures, i + 1);
		assert_int_equal(t->n_lines, i < 5 ? i + 1 : 5);
	}
	assert_int_equal(failures_count(f), 1);
	assert_int_equal(failures_total(f), COUNT(cases));
	failures_free(f);
}

static void fields_are_those_of_the_first_failure(void **state)
{
	struct match_field bob = { STR("user"), STR("bob") }, eve = { STR("user"), STR("eve") };
	struct match m = { .id = fid_parse(STR("bob@example.org")), .time = 1, .n_fields = 1 };
	struct failures *f = failures_new(10);
	struct ticket *t;

	(void)state;
	m.fields = &bob;
	failures_add(f, &m, 600, 5);
	m.fields = &eve;
	failures_add(f, &m, 600, 5);
	t = failures_take(f, &m.id);
	assert_non_null(t);
	assert_true(str_is(ticket_field(t, STR("user")), "bob"));
	assert_null(failures_take(f, &m.id));
	assert_int_equal(failures_count(f), 0);
	assert_int_equal(failures_total(f), 2);
	ticket_free(t);
	failures_free(f);
}

static void a_long_id_is_one_id(void **state)
{
	struct failures *f = failures_new(10);
	char text[2 * FID_TEXT_MAX];
	struct match m = { .time = 1, .id.text = str_mem(text, sizeof text) };

	(void)state;
	memset(text, 'x', sizeof text);
	failures_add(f, &m, 600, 0);
	assert_int_equal(failures_add(f, &m, 600, 0)->retry, 2);
	assert_int_equal(failures_count(f), 1);
	ticket_free(failures_take(f, &m.id));
	assert_int_equal(failures_count(f), 0);
	failures_free(f);
}

static void the_oldest_last_failure_is_evicted(void **state)
{
	struct failures *f = failures_new(3);
	struct fid a = fid_parse(STR("192.0.2.1")), b = fid_parse(STR("192.0.2.2"));

	(void)state;
	fail_at(f, "192.0.2.1", 100, 600);
	fail_at(f, "192.0.2.2", 101, 600);
	fail_at(f, "192.0.2.3", 102, 600);
	fail_at(f, "192.0.2.1", 103, 600);
	fail_at(f, "2001:db8::4", 104, 600);
	assert_int_equal(failures_count(f), 3);
	assert_int_equal(failures_evicted(f), 1);
	assert_null(failures_find(f, &b));
	assert_int_equal(failures_find(f, &a)->retry, 2);
	/* a log whose dates go back: the order is that of the times, not of the lines */
	fail_at(f, "192.0.2.5", 50, 600);
	fail_at(f, "192.0.2.6", 105, 600);
	assert_int_equal(failures_evicted(f), 3);
	assert_non_null(failures_find(f, &a));
	failures_free(f);
}

static void expiry_drops_the_old(void **state)
{
	struct failures *f = failures_new(100);
	char id[32];

	(void)state;
	for (int i = 0; i < 50; i++) {
		snprintf(id, sizeof id, "192.0.2.%d", i);
		fail_at(f, id, 1000 + (i * 7) % 50, 600);
	}
	assert_int_equal(failures_expire(f, 999.9), 0);
	assert_int_equal(failures_expire(f, 1010), 11);
	assert_int_equal(failures_count(f), 39);
	failures_clear(f);
	assert_int_equal(failures_count(f), 0);
	failures_free(f);
}

struct seen {
	struct buf text;
};

static void note(void *arg, const struct fid *id, const struct ticket *t)
{
	struct seen *s = arg;

	buf_add_char(&s->text, t ? '+' : '-');
	fid_add(&s->text, id);
	if (t)
		buf_printf(&s->text, ":%u", t->retry);
	buf_add_char(&s->text, ' ');
}

static void assert_told(struct failures *f, const char *expected)
{
	struct seen s = { 0 };

	failures_each_changed(f, note, &s);
	assert_string_equal(buf_z(&s.text), expected);
	buf_free(&s.text);
}

static void assert_changes(struct failures *f, const char *expected)
{
	assert_told(f, expected);
	failures_committed(f);
}

static void changes_are_told_once(void **state)
{
	struct failures *f = failures_new(3);
	struct fid a = fid_parse(STR("192.0.2.1")), bob = fid_parse(STR("bob"));
	struct ticket *t;

	(void)state;
	fail_at(f, "192.0.2.1", 100, 600);
	fail_at(f, "bob", 101, 600);
	fail_at(f, "192.0.2.1", 102, 600);
	assert_changes(f, "+192.0.2.1:2 +bob:1 ");
	assert_changes(f, "");
	/* gone and back */
	ticket_free(failures_take(f, &a));
	fail_at(f, "192.0.2.1", 103, 600);
	assert_changes(f, "-192.0.2.1 +192.0.2.1:1 ");
	/* came and went in between: nobody has to know */
	fail_at(f, "192.0.2.9", 104, 600);
	ticket_free(failures_take(f, &(struct fid){ .ip = fid_parse(STR("192.0.2.9")).ip }));
	assert_changes(f, "");
	ticket_free(failures_take(f, &bob));
	assert_changes(f, "-bob ");
	/* read from the database: known there already, until it goes */
	t = ticket_new(&bob, 90);
	t->retry = 4;
	failures_put(f, t);
	assert_changes(f, "");
	assert_int_equal(failures_find(f, &bob)->retry, 4);
	failures_expire(f, 90);
	assert_changes(f, "-bob ");
	failures_touch_all(f);
	assert_changes(f, "+192.0.2.1:1 ");
	failures_clear(f);
	assert_changes(f, "-192.0.2.1 ");
	failures_free(f);
}

static void drop(struct failures *f, const char *text)
{
	struct fid id = fid_parse(str_of(text));
	struct ticket *t = failures_take(f, &id);

	assert_non_null(t);
	ticket_free(t);
}

/* A disk that is full: nothing is forgotten, above all not what has to be deleted. */
static void what_was_not_committed_is_told_again(void **state)
{
	struct failures *f = failures_new(10);

	(void)state;
	fail_at(f, "192.0.2.1", 100, 600);
	fail_at(f, "bob", 100, 600);
	assert_told(f, "+192.0.2.1:1 +bob:1 ");
	assert_changes(f, "+192.0.2.1:1 +bob:1 ");
	drop(f, "bob");
	assert_told(f, "-bob ");
	fail_at(f, "192.0.2.1", 101, 600);
	assert_told(f, "-bob +192.0.2.1:2 ");
	/* back meanwhile, and away again before it was ever stored */
	fail_at(f, "bob", 102, 600);
	assert_told(f, "-bob +192.0.2.1:2 +bob:1 ");
	drop(f, "bob");
	assert_told(f, "-bob +192.0.2.1:2 ");
	drop(f, "192.0.2.1");
	assert_changes(f, "-bob -192.0.2.1 ");
	assert_changes(f, "");
	failures_committed(f); /* nothing was told: nothing is forgotten */
	fail_at(f, "192.0.2.3", 103, 600);
	failures_committed(f);
	assert_changes(f, "+192.0.2.3:1 ");
	failures_free(f);
}

static void what_changes_after_the_telling_stays(void **state)
{
	struct failures *f = failures_new(10);

	(void)state;
	fail_at(f, "192.0.2.1", 100, 600);
	fail_at(f, "192.0.2.2", 100, 600);
	fail_at(f, "192.0.2.3", 100, 600);
	assert_told(f, "+192.0.2.1:1 +192.0.2.2:1 +192.0.2.3:1 ");
	fail_at(f, "192.0.2.2", 101, 600);
	drop(f, "192.0.2.3");
	fail_at(f, "192.0.2.4", 101, 600);
	failures_committed(f);
	/* .3 went in with the transaction, so it has to go */
	assert_told(f, "-192.0.2.3 +192.0.2.4:1 +192.0.2.2:2 ");
	drop(f, "192.0.2.2");
	drop(f, "192.0.2.4");
	failures_committed(f);
	assert_changes(f, "-192.0.2.2 -192.0.2.4 ");
	failures_free(f);
}

static void note_count(void *arg, const struct fid *id, const struct ticket *t)
{
	size_t *counts = arg;

	(void)id;
	counts[t ? 1 : 0]++;
}

/* While nothing can be committed, a flood of new ids does not make the list of gone ids grow. */
static void failed_transactions_stay_bounded(void **state)
{
	enum { IDS = 8 };
	struct failures *f = failures_new(IDS);
	size_t counts[2];
	char id[32];

	(void)state;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < IDS; i++) {
			snprintf(id, sizeof id, "192.0.2.%d", round * IDS + i);
			fail_at(f, id, 100 + round, 600);
		}
		memset(counts, 0, sizeof counts);
		failures_each_changed(f, note_count, counts);
		if (round == 0)
			failures_committed(f);
		assert_int_equal(counts[0], round ? IDS : 0);
		assert_int_equal(counts[1], IDS);
	}
	failures_free(f);
}

static void a_boost_counts_only_known_ids(void **state)
{
	struct failures *f = failures_new(3);
	struct fid a = fid_parse(STR("192.0.2.1"));

	(void)state;
	assert_null(failures_boost(f, &a, 2));
	fail_at(f, "192.0.2.1", 100, 600);
	assert_int_equal(failures_boost(f, &a, 2)->retry, 3);
	assert_int_equal(failures_find(f, &a)->failures, 2);
	assert_int_equal(failures_boost(f, &a, UINT32_MAX)->retry, UINT32_MAX);
	assert_int_equal(failures_total(f), 3);
	failures_set_total(f, 40);
	fail_at(f, "192.0.2.1", 100, 600);
	assert_int_equal(failures_total(f), 41);
	assert_int_equal(failures_find(f, &a)->retry, UINT32_MAX);
	failures_free(f);
}

/* Long lines from many ids: the bytes have a maximum, the counters do not suffer. */
static void lines_are_bounded_in_all(void **state)
{
	enum { IDS = 200, SIZE = 40000 };
	struct failures *f = failures_new(IDS);
	_free_ char *big = xcalloc(1, SIZE);
	struct match_line line = { .suffix = str_mem(big, SIZE) };
	size_t bytes = 0;

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < IDS; i++) {
			char text[32];
			struct match m = { .time = 100 + round, .lines = &line, .n_lines = 1 };

			snprintf(text, sizeof text, "192.0.2.%d", i);
			m.id = fid_parse(str_of(text));
			assert_int_equal(failures_add(f, &m, 600, 5)->retry, round + 1);
		}
	}
	for (int i = 0; i < IDS; i++) {
		char text[32];
		struct fid id;

		snprintf(text, sizeof text, "192.0.2.%d", i);
		id = fid_parse(str_of(text));
		bytes += ticket_bytes(failures_find(f, &id));
	}
	assert_true(bytes <= 2 * IDS * FAILURES_BYTES_PER_ID + TICKET_BYTES_MAX);
	assert_int_equal(failures_evicted(f), 0);
	failures_free(f);
}

static void many_ids_grow_and_shrink(void **state)
{
	enum { IDS = 20000 };
	struct failures *f = failures_new(IDS / 2);
	size_t left = 0;

	(void)state;
	for (unsigned i = 0; i < IDS; i++) {
		struct match m = { .time = 1000 + (i * 7919) % IDS };

		m.id.ip = (struct ip){ .family = 6, .prefix = 128, .bytes = { 0x20, 1 } };
		memcpy(m.id.ip.bytes + 8, &i, sizeof i);
		failures_add(f, &m, 600, 0);
	}
	assert_int_equal(failures_count(f), IDS / 2);
	assert_int_equal(failures_evicted(f), IDS / 2);
	for (unsigned i = 0; i < IDS; i++) {
		struct fid id = { .ip = { .family = 6, .prefix = 128, .bytes = { 0x20, 1 } } };
		struct ticket *t;

		memcpy(id.ip.bytes + 8, &i, sizeof i);
		t = failures_take(f, &id);
		left += t != NULL;
		ticket_free(t);
	}
	assert_int_equal(left, IDS / 2);
	assert_int_equal(failures_count(f), 0);
	failures_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rate_is_fail2bans),
		cmocka_unit_test(fields_are_those_of_the_first_failure),
		cmocka_unit_test(a_long_id_is_one_id),
		cmocka_unit_test(the_oldest_last_failure_is_evicted),
		cmocka_unit_test(expiry_drops_the_old),
		cmocka_unit_test(changes_are_told_once),
		cmocka_unit_test(what_was_not_committed_is_told_again),
		cmocka_unit_test(what_changes_after_the_telling_stays),
		cmocka_unit_test(failed_transactions_stay_bounded),
		cmocka_unit_test(a_boost_counts_only_known_ids),
		cmocka_unit_test(lines_are_bounded_in_all),
		cmocka_unit_test(many_ids_grow_and_shrink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
