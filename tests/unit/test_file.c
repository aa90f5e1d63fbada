#include "unit/unit.h"

#include <fcntl.h>
#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "source/file.h"

static struct file *memory_file(void)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return file_new(fd);
}

static void append(struct file *f, const void *p, size_t n)
{
	assert_int_equal(write(file_fd(f), p, n), n);
}

static void append_z(struct file *f, const char *z)
{
	append(f, z, strlen(z));
}

static void collect(void *arg, str line, int64_t end)
{
	struct buf *b = arg;

	buf_printf(b, "%d:", (int)end);
	buf_add_escaped(b, line);
	buf_add_char(b, '|');
}

static void count(void *arg, str line, int64_t end)
{
	(void)line;
	(void)end;
	++*(size_t *)arg;
}

static void assert_reads(struct file *f, enum file_status status, const char *lines)
{
	_buf_free_ struct buf b = { 0 };

	assert_int_equal(file_read(f, 1 << 20, collect, &b), status);
	assert_string_equal(buf_z(&b), lines);
}

static void lines_end_at_newlines(void **state)
{
	struct file *f = memory_file();

	(void)state;
	assert_reads(f, FILE_END, "");
	append_z(f, "one\ntwo\r\nthree\r\r\n\n\r\nfour\rfive\npart");
	assert_reads(f, FILE_END, "4:one|9:two|17:three|18:|20:|30:four\\rfive|");
	assert_int_equal(file_pos(f), 30);
	assert_reads(f, FILE_END, "");
	append_z(f, "ial");
	assert_reads(f, FILE_END, "");
	append_z(f, " line\r");
	assert_reads(f, FILE_END, "");
	append_z(f, "\n");
	assert_reads(f, FILE_END, "44:partial line|");
	append(f, "a\0b\xff\n\0\n", 7);
	assert_reads(f, FILE_END, "49:a\\x00b\\xff|51:\\x00|");
	file_seek(f, 9);
	append_z(f, "x");
	assert_reads(f, FILE_END,
		     "17:three|18:|20:|30:four\\rfive|44:partial line|49:a\\x00b\\xff|51:\\x00|");
	assert_int_equal(file_size(f), 52);
	assert_int_equal(file_overlong(f), 0);
	file_free(f);
}

static void overlong_lines_are_skipped_whole(void **state)
{
	static const struct {
		size_t n;
		uint64_t overlong;
	} cases[] = {
		{ FILE_LINE_MAX - 1, 0 }, { FILE_LINE_MAX, 0 },
		{ FILE_LINE_MAX + 1, 1 }, { 2 * FILE_LINE_MAX - 1, 1 },
		{ 2 * FILE_LINE_MAX, 1 }, { 2 * FILE_LINE_MAX + 1, 1 },
		{ 1000001, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct file *f = memory_file();
		_free_ char *line = xcalloc(1, cases[i].n);
		size_t lines = 0;

		append_z(f, "before\n");
		append(f, line, cases[i].n);
		/* in two looks, and with the smallest budget */
		while (file_read(f, 1, count, &lines) == FILE_MORE)
			;
		assert_int_equal(lines, 1);
		append_z(f, "\nafter\n");
		while (file_read(f, 1, count, &lines) == FILE_MORE)
			;
		assert_int_equal(lines, 3 - cases[i].overlong);
		assert_int_equal(file_overlong(f), cases[i].overlong);
		assert_int_equal(file_pos(f), 7 + cases[i].n + 1 + 6);
		file_free(f);
	}
}

static void an_incomplete_long_line_may_be_taken_back(void **state)
{
	struct file *f = memory_file();
	_free_ char *line = xcalloc(1, 300000);

	(void)state;
	append_z(f, "one\n");
	append(f, line, 300000);
	assert_reads(f, FILE_END, "4:one|");
	assert_int_equal(ftruncate(file_fd(f), 4), 0);
	lseek(file_fd(f), 4, SEEK_SET);
	append_z(f, "two\n");
	assert_reads(f, FILE_END, "8:two|");
	assert_int_equal(file_truncations(f), 0);
	assert_int_equal(file_overlong(f), 0);
	file_free(f);
}

static void a_budget_shares_out_the_work(void **state)
{
	struct file *f = memory_file();
	size_t lines = 0, calls = 0;

	(void)state;
	for (int i = 0; i < 20000; i++)
		append_z(f, "a line of some thirty letters.\n");
	while (file_read(f, 100000, count, &lines) == FILE_MORE) {
		calls++;
		assert_true(lines <= calls * (100000 + 65536) / 31 + 1);
	}
	assert_int_equal(lines, 20000);
	assert_true(calls >= 3);
	file_free(f);
}

static void truncation_starts_again(void **state)
{
	struct file *f = memory_file();
	char before[FILE_HASH_TEXT], after[FILE_HASH_TEXT];

	(void)state;
	append_z(f, "one\ntwo\n");
	assert_reads(f, FILE_END, "4:one|8:two|");
	file_first_line(f, before);
	assert_int_equal(ftruncate(file_fd(f), 0), 0);
	assert_reads(f, FILE_TRUNCATED, "");
	assert_reads(f, FILE_END, "");
	lseek(file_fd(f), 0, SEEK_SET);
	append_z(f, "six\n");
	assert_reads(f, FILE_END, "4:six|");
	file_first_line(f, after);
	assert_string_not_equal(before, after);
	/* truncated and grown past the position between two looks */
	assert_int_equal(ftruncate(file_fd(f), 0), 0);
	lseek(file_fd(f), 0, SEEK_SET);
	append_z(f, "ten\neleven\n");
	assert_reads(f, FILE_TRUNCATED, "");
	assert_reads(f, FILE_END, "4:ten|11:eleven|");
	assert_int_equal(file_truncations(f), 2);
	file_free(f);
}

/* `prog > log` without O_APPEND: after a truncation it writes on at its old offset. */
static void the_hole_of_a_writer_is_left_out(void **state)
{
	struct file *f = memory_file();
	_free_ char *text = xcalloc(1, 1 << 20);
	size_t lines = 0;

	(void)state;
	memset(text, '\n', 1 << 20);
	append(f, text, 1 << 20);
	while (file_read(f, 1 << 20, count, &lines) == FILE_MORE)
		;
	assert_int_equal(ftruncate(file_fd(f), 0), 0);
	append_z(f, "new\nlines\n");
	assert_reads(f, FILE_TRUNCATED, "");
	assert_true(file_pos(f) > 0);
	assert_reads(f, FILE_END, "1048580:new|1048586:lines|");
	file_free(f);
}

static void the_first_line_is_known_by_its_sha1(void **state)
{
	struct file *f = memory_file();
	char hash[FILE_HASH_TEXT];
	_free_ char *big = xcalloc(1, 200001);

	(void)state;
	file_first_line(f, hash);
	assert_string_equal(hash, "");
	append_z(f, "hello");
	file_first_line(f, hash);
	assert_string_equal(hash, "");
	append_z(f, "\nworld\n");
	file_first_line(f, hash);
	/* printf 'hello\n' | sha1sum */
	assert_string_equal(hash, "f572d396fae9206628714fb2ce00f72e94f2258f");
	file_free(f);
	f = memory_file();
	memset(big, 'a', 200000);
	append(f, big, 200000);
	append_z(f, "\nx\n");
	file_first_line(f, hash);
	/* head -c 200000 /dev/zero | tr '\0' a | (cat; echo) | sha1sum */
	assert_string_equal(hash, "8751e171a213206ebdc5ed6c8bb8f6f74fec3aff");
	file_free(f);
}

/* A log with one dated line in `every`, dates from 0 on in steps of a second per two lines. */
struct dated {
	size_t asked;
};

static bool date_of(void *arg, str line, double *when)
{
	struct dated *d = arg;
	ssize_t blank = str_chr(line, ' ');
	int64_t n;

	d->asked++;
	if (blank <= 0 || str_to_i64(str_head(line, (size_t)blank), 0, INT64_MAX, &n) < 0)
		return false;
	*when = (double)n;
	return true;
}

static struct file *dated_log(int lines, int every)
{
	struct file *f = memory_file();
	_buf_free_ struct buf b = { 0 };

	for (int i = 0; i < lines; i++) {
		if (i % every == 0)
			buf_printf(&b, "%d a line %d\n", i / 2, i);
		else
			buf_printf(&b, "\tno date on line %d\n", i);
	}
	append(f, b.p, b.n);
	return f;
}

/*
 * Where the slow way ends: at the first dated line >= since; or behind the last older one, when
 * there is none. Index: since + 1.
 */
struct slow {
	int64_t *expected;
	int n; /* known so far */
	int64_t start, old_end;
};

static void slow_search(void *arg, str line, int64_t end)
{
	struct slow *s = arg;
	struct dated d;
	double when;

	if (date_of(&d, line, &when)) {
		while (s->n - 1 <= (int)when)
			s->expected[s->n++] = s->start;
		s->old_end = end;
	}
	s->start = end;
}

static void seeking_finds_the_exact_line(void **state)
{
	static const struct {
		int lines, every, step;
	} logs[] = { { 0, 1, 1 },  { 1, 1, 1 },     { 3, 1, 1 },       { 10, 3, 1 },
		     { 50, 7, 1 }, { 20000, 1, 7 }, { 20000, 40, 13 }, { 30000, 250, 29 } };

	(void)state;
	for (size_t i = 0; i < COUNT(logs); i++) {
		struct file *f = dated_log(logs[i].lines, logs[i].every);
		int last = logs[i].lines / 2 + 2;
		_free_ int64_t *expected = xcalloc((size_t)last + 2, sizeof *expected);
		struct slow s = { .expected = expected };
		struct dated d;

		while (file_read(f, 1 << 20, slow_search, &s) == FILE_MORE)
			;
		while (s.n <= last + 1)
			expected[s.n++] = s.old_end;
		for (int since = -1; since <= last; since += logs[i].step) {
			file_seek_time(f, 0, since, date_of, &d);
			assert_int_equal(file_pos(f), expected[since + 1]);
		}
		file_free(f);
	}
}

static void seeking_asks_few_lines(void **state)
{
	struct file *f = dated_log(600000, 1);
	struct dated d = { 0 };
	size_t lines = 0;
	int64_t from;

	(void)state;
	file_seek_time(f, 0, 299990, date_of, &d);
	while (file_read(f, 1 << 20, count, &lines) == FILE_MORE)
		;
	assert_int_equal(lines, 20);
	assert_true(d.asked < 5000);
	/* never before the position that was committed */
	file_seek_time(f, 0, 200000, date_of, &d);
	from = file_pos(f);
	file_seek_time(f, from, 0, date_of, &d);
	assert_int_equal(file_pos(f), from);
	assert_int_equal(file_overlong(f), 0);
	file_free(f);
}

/* Nothing dated, or one endless line: bounded work, and nothing is skipped. */
static void seeking_without_dates_stays(void **state)
{
	struct file *f = memory_file();
	_free_ char *big = xcalloc(1, 3 << 20);
	struct dated d = { 0 };

	(void)state;
	append_z(f, "1 old\n");
	append(f, big, 3 << 20);
	append_z(f, "\n900 new\n");
	file_seek_time(f, 0, 500, date_of, &d);
	assert_int_equal(file_pos(f), 6);
	file_free(f);
	f = memory_file();
	for (int i = 0; i < 100000; i++)
		append_z(f, "no date in any of these lines\n");
	file_seek_time(f, 0, 500, date_of, &d);
	assert_int_equal(file_pos(f), 0);
	assert_true(d.asked < 60000);
	file_free(f);
}

static void failures_are_told(void **state)
{
	int fd = open("/", O_RDONLY | O_CLOEXEC);
	struct file *f = file_new(fd);
	uint64_t dev, ino;
	size_t lines = 0;

	(void)state;
	assert_int_equal(file_read(f, 1 << 20, count, &lines), FILE_FAILED);
	assert_int_equal(file_identity(f, &dev, &ino), 0);
	assert_true(ino > 0);
	file_free(f);
	file_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_end_at_newlines),
		cmocka_unit_test(overlong_lines_are_skipped_whole),
		cmocka_unit_test(an_incomplete_long_line_may_be_taken_back),
		cmocka_unit_test(a_budget_shares_out_the_work),
		cmocka_unit_test(truncation_starts_again),
		cmocka_unit_test(the_hole_of_a_writer_is_left_out),
		cmocka_unit_test(the_first_line_is_known_by_its_sha1),
		cmocka_unit_test(seeking_finds_the_exact_line),
		cmocka_unit_test(seeking_asks_few_lines),
		cmocka_unit_test(seeking_without_dates_stays),
		cmocka_unit_test(failures_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
