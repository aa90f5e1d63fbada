#include "unit/unit.h"

#include <poll.h>
#include <sys/wait.h>

#include "source/follow.h"
#include "source/watch.h"
#include "unit/tempdir.h"

/* Warden and engine in one: a watch, a follow, and everything that was said. */
struct bench {
	struct tempdir dir;
	str patterns[2];
	struct watch *w;
	struct follow *f;
	double now;
	bool scan;
	bool quiet;        /* lines are counted only */
	struct buf lines;  /* "text|" each, with "!" before it when in operation */
	struct buf events; /* "name:event " each */
	size_t n_lines, n_scans;
	int opened; /* a pipe that gets a byte for each file opened; -1: none */
};

static str name_of(const struct bench *b, const struct follow_file *f)
{
	return str_from(f->path, strlen(b->dir.path) + 1);
}

static void on_line(void *arg, struct follow_file *f, str line, int64_t end)
{
	struct bench *b = arg;

	assert_true(end > file_pos(f->src));
	b->n_lines++;
	if (b->quiet)
		return;
	if (f->in_operation)
		buf_add_char(&b->lines, '!');
	buf_add_escaped(&b->lines, line);
	buf_add_char(&b->lines, '|');
}

static void on_event(void *arg, struct follow_file *f, enum follow_event e)
{
	static const char *const names[] = { "rotated", "truncated", "failed", "gone" };
	struct bench *b = arg;

	buf_add_str(&b->events, name_of(b, f));
	buf_printf(&b->events, ":%s ", names[e]);
}

static void on_scan(void *arg)
{
	struct bench *b = arg;

	b->scan = true;
	b->n_scans++;
}

static void on_file(void *arg, const struct watch_file *w)
{
	struct bench *b = arg;
	struct follow_file *f = follow_add(b->f, w->path, w->fd, w->wd, w->dev, w->ino, b->now);

	assert_true(f->current);
	if (b->opened >= 0)
		assert_int_equal(write(b->opened, "", 1), 1);
}

static void setup(struct bench *b, const char *pattern)
{
	struct follow_hooks hooks = {
		.arg = b, .line = on_line, .event = on_event, .scan = on_scan
	};
	struct err err;

	*b = (struct bench){ .dir = tempdir_new(), .now = 1000, .opened = -1 };
	b->patterns[0] = str_of(tempdir_path(&b->dir, pattern));
	b->w = watch_new(b->patterns, 1, &err);
	assert_non_null(b->w);
	b->f = follow_new(watch_fd(b->w), &hooks);
}

static void teardown(struct bench *b)
{
	follow_free(b->f);
	watch_free(b->w);
	tempdir_remove(&b->dir);
	free((char *)(uintptr_t)b->patterns[0].p);
	buf_free(&b->lines);
	buf_free(&b->events);
}

/* Everything that is to be done at this moment. */
static void settle(struct bench *b)
{
	do {
		assert_int_equal(follow_events(b->f, b->now), 0);
		if (b->scan) {
			b->scan = false;
			watch_scan(b->w, on_file, b);
		}
		follow_read(b->f, 1 << 20, b->now);
	} while (b->scan || follow_pending(b->f));
}

static void pass(struct bench *b, double seconds)
{
	b->now += seconds;
	follow_tick(b->f, b->now);
	settle(b);
}

static void assert_said(struct bench *b, const char *lines, const char *events)
{
	assert_string_equal(buf_z(&b->lines), lines);
	assert_string_equal(buf_z(&b->events), events);
	buf_clear(&b->lines);
	buf_clear(&b->events);
}

static struct follow_file *find(struct bench *b, const char *name)
{
	_free_ char *path = tempdir_path(&b->dir, name);

	return follow_find(b->f, str_of(path));
}

static size_t count_files(struct bench *b)
{
	size_t at = 0, n = 0;

	while (follow_each(b->f, &at))
		n++;
	return n;
}

static void lines_come_as_they_are_written(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, "mail.log");
	tempdir_append(&b.dir, "mail.log", "one\ntwo\n");
	pass(&b, 0);
	assert_said(&b, "one|two|", "");
	tempdir_append(&b.dir, "mail.log", "thr");
	settle(&b);
	assert_said(&b, "", "");
	tempdir_append(&b.dir, "mail.log", "ee\r\nfour\n");
	settle(&b);
	assert_said(&b, "!three|!four|", "");
	assert_int_equal(file_pos(find(&b, "mail.log")->src), 20);
	assert_true(find(&b, "mail.log")->at_end);
	assert_false(follow_pending(b.f));
	teardown(&b);
}

static void a_file_is_in_operation_after_its_first_end_with_content(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, "mail.log");
	tempdir_append(&b.dir, "mail.log", "");
	pass(&b, 0);
	assert_false(find(&b, "mail.log")->in_operation);
	tempdir_append(&b.dir, "mail.log", "first\n");
	settle(&b);
	tempdir_append(&b.dir, "mail.log", "second\n");
	settle(&b);
	assert_said(&b, "first|!second|", "");
	/* kept over rotation */
	tempdir_rename(&b.dir, "mail.log", "mail.log.1");
	tempdir_append(&b.dir, "mail.log", "third\n");
	pass(&b, 1);
	assert_said(&b, "!third|", "mail.log:rotated ");
	teardown(&b);
	/* a file that starts at its end */
	setup(&b, "mail.log");
	tempdir_append(&b.dir, "mail.log", "old\n");
	follow_tick(b.f, b.now);
	watch_scan(b.w, on_file, &b);
	file_seek(find(&b, "mail.log")->src, 4);
	follow_set_in_operation(find(&b, "mail.log"), true);
	tempdir_append(&b.dir, "mail.log", "new\n");
	settle(&b);
	assert_said(&b, "!new|", "");
	teardown(&b);
}

static void renaming_loses_no_line(void **state)
{
	struct bench b;
	int writer;

	(void)state;
	setup(&b, "mail.log");
	writer = tempdir_open(&b.dir, "mail.log", 0);
	assert_int_equal(write(writer, "1\n2\n", 4), 4);
	pass(&b, 0);
	assert_said(&b, "1|2|", "");
	/* the writer goes on after the renaming, and after there is a new file */
	tempdir_rename(&b.dir, "mail.log", "mail.log.1");
	assert_int_equal(write(writer, "3\n", 2), 2);
	pass(&b, 1);
	assert_said(&b, "!3|", "");
	tempdir_append(&b.dir, "mail.log", "5\n");
	assert_int_equal(write(writer, "4\n", 2), 2);
	pass(&b, 1);
	assert_said(&b, "!4|!5|", "mail.log:rotated ");
	tempdir_append(&b.dir, "mail.log", "7\n");
	assert_int_equal(write(writer, "6\n", 2), 2);
	settle(&b);
	assert_said(&b, "!6|!7|", "");
	assert_int_equal(count_files(&b), 2);
	/* silent for long enough */
	pass(&b, FOLLOW_QUIET - 1);
	assert_said(&b, "", "");
	pass(&b, FOLLOW_LOOK);
	assert_said(&b, "", "mail.log:gone ");
	assert_int_equal(count_files(&b), 1);
	close(writer);
	teardown(&b);
}

static void an_old_file_stays_while_the_new_one_is_empty(void **state)
{
	struct bench b;
	int writer;

	(void)state;
	setup(&b, "mail.log");
	writer = tempdir_open(&b.dir, "mail.log", 0);
	pass(&b, 0);
	tempdir_rename(&b.dir, "mail.log", "mail.log.1");
	tempdir_append(&b.dir, "mail.log", "");
	pass(&b, 1);
	for (int i = 0; i < 10; i++)
		pass(&b, FOLLOW_QUIET);
	assert_int_equal(write(writer, "late\n", 5), 5);
	settle(&b);
	assert_said(&b, "late|", "mail.log:rotated ");
	tempdir_append(&b.dir, "mail.log", "new\n");
	for (int i = 0; i < 3; i++)
		pass(&b, FOLLOW_QUIET);
	assert_said(&b, "new|", "mail.log:gone ");
	close(writer);
	teardown(&b);
}

/* Even where inotify is silent (no watches left), nothing is closed unread. */
static void an_old_file_is_not_closed_with_news(void **state)
{
	struct bench b;
	_free_ char *path = NULL;
	struct follow_file *old;
	int fd;

	(void)state;
	setup(&b, "mail.log");
	tempdir_append(&b.dir, "mail.log", "new\n");
	pass(&b, 0);
	tempdir_append(&b.dir, "mail.log.1", "old\n");
	path = tempdir_path(&b.dir, "mail.log.1");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	free(path);
	path = tempdir_path(&b.dir, "mail.log");
	old = follow_add_old(b.f, str_of(path), fd, 1, 2, b.now);
	assert_false(old->current);
	assert_int_equal(old->wd, -1);
	settle(&b);
	assert_said(&b, "new|!old|", "");
	b.now += 2 * FOLLOW_QUIET;
	tempdir_append(&b.dir, "mail.log.1", "late\n");
	follow_tick(b.f, b.now);
	settle(&b);
	assert_said(&b, "!late|", "");
	pass(&b, 2 * FOLLOW_QUIET);
	assert_said(&b, "", "mail.log:gone ");
	teardown(&b);
}

/* After a restart: the rotated file first, and its end does not put the current one in operation.
 */
static void old_files_come_first(void **state)
{
	struct bench b;
	_free_ char *path = NULL, *rotated = NULL;

	(void)state;
	setup(&b, "mail.log");
	tempdir_append(&b.dir, "mail.log", "three\n");
	tempdir_append(&b.dir, "mail.log.1", "one\ntwo\n");
	path = tempdir_path(&b.dir, "mail.log");
	rotated = tempdir_path(&b.dir, "mail.log.1");
	watch_scan(b.w, on_file, &b);
	file_seek(
		follow_add_old(b.f, str_of(path), open(rotated, O_RDONLY | O_CLOEXEC), 1, 2, b.now)
			->src,
		4);
	settle(&b);
	assert_said(&b, "two|three|", "");
	tempdir_append(&b.dir, "mail.log", "four\n");
	settle(&b);
	assert_said(&b, "!four|", "");
	teardown(&b);
}

static void truncating_starts_again(void **state)
{
	struct bench b;
	_free_ char *path = NULL;

	(void)state;
	setup(&b, "mail.log");
	tempdir_append(&b.dir, "mail.log", "one\ntwo\n");
	pass(&b, 0);
	path = tempdir_path(&b.dir, "mail.log");
	assert_int_equal(truncate(path, 0), 0);
	tempdir_append(&b.dir, "mail.log", "3\n");
	settle(&b);
	assert_said(&b, "one|two|!3|", "mail.log:truncated ");
	/* grown past the position before anybody looked */
	assert_int_equal(truncate(path, 0), 0);
	tempdir_append(&b.dir, "mail.log", "four\nfive\n");
	settle(&b);
	assert_said(&b, "!four|!five|", "mail.log:truncated ");
	assert_int_equal(count_files(&b), 1);
	teardown(&b);
}

static void a_deleted_file_is_closed_and_may_come_back(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, "sub/mail.log");
	tempdir_mkdir(&b.dir, "sub");
	tempdir_append(&b.dir, "sub/mail.log", "one\n");
	pass(&b, 0);
	tempdir_unlink(&b.dir, "sub/mail.log");
	pass(&b, 1);
	assert_int_equal(count_files(&b), 1);
	pass(&b, FOLLOW_QUIET);
	pass(&b, FOLLOW_LOOK);
	assert_said(&b, "one|", "sub/mail.log:gone ");
	assert_int_equal(count_files(&b), 0);
	assert_null(find(&b, "sub/mail.log"));
	/* another one, perhaps with the same inode */
	tempdir_append(&b.dir, "sub/mail.log", "two\n");
	pass(&b, 1);
	assert_said(&b, "two|", "");
	/* again, without a moment in between */
	tempdir_unlink(&b.dir, "sub/mail.log");
	tempdir_append(&b.dir, "sub/mail.log", "three\n");
	pass(&b, 1);
	assert_said(&b, "!three|", "sub/mail.log:rotated ");
	teardown(&b);
}

static void links_and_renaming_back(void **state)
{
	struct bench b;
	struct follow_file *first;

	(void)state;
	setup(&b, "mail.log");
	tempdir_append(&b.dir, "a", "a1\n");
	tempdir_append(&b.dir, "b", "b1\n");
	tempdir_symlink(&b.dir, "a", "mail.log");
	pass(&b, 0);
	first = find(&b, "mail.log");
	tempdir_unlink(&b.dir, "mail.log");
	tempdir_symlink(&b.dir, "b", "mail.log");
	pass(&b, 1);
	assert_said(&b, "a1|!b1|", "mail.log:rotated ");
	assert_false(first->current);
	tempdir_append(&b.dir, "a", "a2\n");
	settle(&b);
	/* the link goes back before the old file was closed */
	tempdir_unlink(&b.dir, "mail.log");
	tempdir_symlink(&b.dir, "a", "mail.log");
	tempdir_append(&b.dir, "a", "a3\n");
	tempdir_append(&b.dir, "b", "b2\n");
	pass(&b, 1);
	assert_ptr_equal(find(&b, "mail.log"), first);
	assert_true(first->current);
	assert_said(&b, "!a2|!b2|!a3|", "mail.log:rotated ");
	assert_int_equal(count_files(&b), 2);
	teardown(&b);
}

static void two_paths_of_one_file(void **state)
{
	struct bench b;
	_free_ char *path = NULL;

	(void)state;
	setup(&b, "*.log");
	tempdir_append(&b.dir, "a.log", "one\n");
	tempdir_symlink(&b.dir, "a.log", "b.log");
	pass(&b, 0);
	assert_int_equal(count_files(&b), 2);
	assert_said(&b, "one|one|", "");
	assert_int_equal(find(&b, "a.log")->wd, find(&b, "b.log")->wd);
	/* the watch outlives the first of them */
	path = tempdir_path(&b.dir, "b.log");
	follow_del(b.f, str_of(path));
	tempdir_append(&b.dir, "a.log", "two\n");
	settle(&b);
	assert_said(&b, "!two|", "");
	teardown(&b);
}

static void odd_bytes_pass(void **state)
{
	struct bench b;
	_free_ char *big = xcalloc(1, 200001);
	int fd;

	(void)state;
	setup(&b, "mail.log");
	memset(big, 'x', 200000);
	fd = tempdir_open(&b.dir, "mail.log", 0);
	assert_int_equal(write(fd, "a\0b\r\n", 5), 5);
	assert_int_equal(write(fd, big, 200000), 200000);
	pass(&b, 0);
	assert_int_equal(write(fd, big, 200000), 200000);
	settle(&b);
	assert_int_equal(write(fd, "\n\n\xff\r\r\n", 6), 6);
	settle(&b);
	assert_said(&b, "a\\x00b|!|!\\xff|", "");
	assert_int_equal(file_overlong(find(&b, "mail.log")->src), 1);
	close(fd);
	teardown(&b);
}

static void a_busy_log_does_not_starve_others(void **state)
{
	struct bench b;
	_buf_free_ struct buf big = { 0 };
	size_t rounds = 0;

	(void)state;
	setup(&b, "*.log");
	for (int i = 0; i < 100000; i++)
		buf_printf(&big, "busy line %d\n", i);
	tempdir_append(&b.dir, "a.log", buf_z(&big));
	for (int i = 0; i < 49; i++) {
		char name[16];

		snprintf(name, sizeof name, "q%d.log", i);
		tempdir_append(&b.dir, name, "quiet\n");
	}
	watch_scan(b.w, on_file, &b);
	b.quiet = true;
	while (follow_pending(b.f)) {
		size_t used = follow_read(b.f, 256 * 1024, b.now), at = 0, ends = 0;
		const struct follow_file *f;

		assert_true(used <= 2 * 256 * 1024);
		while ((f = follow_each(b.f, &at)))
			ends += f->at_end;
		assert_true(ends >= 49); /* within the first round */
		rounds++;
	}
	assert_int_equal(b.n_lines, 100049);
	assert_true(rounds > 3);
	/* all of them still move */
	for (int i = 0; i < 49; i++) {
		char name[16];

		snprintf(name, sizeof name, "q%d.log", i);
		tempdir_append(&b.dir, name, "again\n");
	}
	settle(&b);
	assert_int_equal(b.n_lines, 100098);
	teardown(&b);
}

static void scans_are_not_asked_for_too_often(void **state)
{
	struct bench b;
	char name[32];

	(void)state;
	setup(&b, "mail.log");
	pass(&b, 0);
	b.n_scans = 0;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "other%d", i);
		tempdir_append(&b.dir, name, "");
		b.now += 0.01;
		settle(&b);
	}
	assert_true(b.n_scans >= 1 && b.n_scans <= 5);
	/* the last request is not forgotten */
	b.n_scans = 0;
	tempdir_append(&b.dir, "last", "");
	settle(&b);
	assert_int_equal(b.n_scans, 0);
	assert_true(follow_next_tick(b.f) <= b.now + 0.25);
	b.now = follow_next_tick(b.f);
	follow_tick(b.f, b.now);
	assert_int_equal(b.n_scans, 1);
	settle(&b);
	/* nothing happens: one a minute */
	b.n_scans = 0;
	for (int i = 0; i < 600; i++)
		pass(&b, 1);
	assert_int_equal(b.n_scans, 10);
	teardown(&b);
}

static void a_file_without_a_watch_is_looked_at(void **state)
{
	struct bench b;
	_free_ char *path = NULL;
	struct stat st;

	(void)state;
	setup(&b, "nothing");
	tempdir_append(&b.dir, "mail.log", "one\n");
	path = tempdir_path(&b.dir, "mail.log");
	assert_int_equal(stat(path, &st), 0);
	follow_add(b.f, str_of(path), open(path, O_RDONLY | O_CLOEXEC), -1, st.st_dev, st.st_ino,
		   b.now);
	settle(&b);
	tempdir_append(&b.dir, "mail.log", "two\n");
	settle(&b);
	assert_said(&b, "one|", "");
	pass(&b, 1);
	assert_said(&b, "!two|", "");
	assert_true(follow_next_tick(b.f) <= b.now + 1);
	teardown(&b);
}

static void reading_that_fails_is_told_once(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, "mail.log");
	follow_add(b.f, STR("/tmp/lastknock-test-XXXXXX/d"), open("/", O_RDONLY | O_CLOEXEC), -1, 1,
		   1, b.now);
	for (int i = 0; i < 5; i++)
		pass(&b, FOLLOW_LOOK);
	assert_said(&b, "", "d:failed ");
	teardown(&b);
}

/*
 * The worst that logrotate and a slow writer do, from another process, while we read.  It rotates
 * only a file that was opened: one that came and went between two scans nobody could know of.
 */
static void write_and_rotate(const struct tempdir *d, int n, int opened)
{
	int fd = tempdir_open(d, "mail.log", 0);
	char text[64];

	for (int i = 0; i < n; i++) {
		int len = snprintf(text, sizeof text, "line %d\n", i);

		if (write(fd, text, (size_t)len) != len)
			_exit(1);
		if (i % 5000 == 2500) {
			if (read(opened, text, 1) != 1)
				_exit(2);
			tempdir_rename(d, "mail.log", "mail.log.1");
		}
		if (i % 5000 == 2600) { /* a hundred lines into the renamed file */
			close(fd);
			fd = tempdir_open(d, "mail.log", 0);
		}
	}
	_exit(0);
}

static void on_numbered_line(void *arg, struct follow_file *f, str line, int64_t end)
{
	struct bench *b = arg;
	char expected[32];

	(void)f;
	(void)end;
	snprintf(expected, sizeof expected, "line %zu", b->n_lines);
	if (!str_is(line, expected))
		fail_msg("%.*s where %s was expected", STR_ARG(line), expected);
	b->n_lines++;
}

static void rotation_under_writing_loses_nothing(void **state)
{
	enum { LINES = 40000 };
	struct bench b;
	struct follow_hooks hooks = {
		.arg = &b, .line = on_numbered_line, .event = on_event, .scan = on_scan
	};
	pid_t child;
	int status, ends[2];

	(void)state;
	setup(&b, "mail.log");
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	b.opened = ends[1];
	follow_free(b.f);
	b.f = follow_new(watch_fd(b.w), &hooks);
	follow_tick(b.f, b.now);
	settle(&b);
	fflush(NULL);
	child = fork();
	if (child == 0)
		write_and_rotate(&b.dir, LINES, ends[0]);
	assert_true(child > 0);
	while (b.n_lines < LINES) {
		struct pollfd p = { .fd = watch_fd(b.w), .events = POLLIN };

		/* an event always comes; the limit is for a test that would hang */
		if (poll(&p, 1, 10000) <= 0)
			fail_msg("only %zu lines", b.n_lines);
		pass(&b, 0.3);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	pass(&b, 1);
	assert_int_equal(b.n_lines, LINES);
	close(ends[0]);
	close(ends[1]);
	teardown(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_come_as_they_are_written),
		cmocka_unit_test(a_file_is_in_operation_after_its_first_end_with_content),
		cmocka_unit_test(renaming_loses_no_line),
		cmocka_unit_test(an_old_file_stays_while_the_new_one_is_empty),
		cmocka_unit_test(an_old_file_is_not_closed_with_news),
		cmocka_unit_test(old_files_come_first),
		cmocka_unit_test(truncating_starts_again),
		cmocka_unit_test(a_deleted_file_is_closed_and_may_come_back),
		cmocka_unit_test(links_and_renaming_back),
		cmocka_unit_test(two_paths_of_one_file),
		cmocka_unit_test(odd_bytes_pass),
		cmocka_unit_test(a_busy_log_does_not_starve_others),
		cmocka_unit_test(scans_are_not_asked_for_too_often),
		cmocka_unit_test(a_file_without_a_watch_is_looked_at),
		cmocka_unit_test(reading_that_fails_is_told_once),
		cmocka_unit_test(rotation_under_writing_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
