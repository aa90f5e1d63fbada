#include "unit/unit.h"

#include <errno.h>
#include <poll.h>
#include <sys/inotify.h>

#include "source/watch.h"
#include "unit/tempdir.h"

/* A watch over patterns below a directory, and what it said since it was asked last. */
struct bench {
	struct tempdir dir;
	str patterns[4];
	struct watch *w;
	struct buf found, refused;
	int last_wd;
	uint64_t last_ino;
};

static void note_refused(void *arg, str path, const char *why)
{
	struct bench *b = arg;

	buf_add_str(&b->refused, str_from(path, strlen(b->dir.path) + 1));
	buf_printf(&b->refused, ": %s\n", why);
}

static void setup(struct bench *b, const char *const *patterns, size_t n)
{
	struct err err;

	*b = (struct bench){ .dir = tempdir_new() };
	for (size_t i = 0; i < n; i++)
		b->patterns[i] = str_of(tempdir_path(&b->dir, patterns[i]));
	b->w = watch_new(b->patterns, n, &err);
	assert_non_null(b->w);
	watch_on_refused(b->w, note_refused, b);
}

static void teardown(struct bench *b)
{
	watch_free(b->w);
	tempdir_remove(&b->dir);
	for (size_t i = 0; i < COUNT(b->patterns); i++)
		free((char *)(uintptr_t)b->patterns[i].p);
	buf_free(&b->found);
	buf_free(&b->refused);
}

static void note_file(void *arg, const struct watch_file *f)
{
	struct bench *b = arg;
	struct stat st;

	assert_int_equal(fstat(f->fd, &st), 0);
	assert_true(st.st_ino == f->ino && st.st_dev == f->dev);
	assert_true(f->wd >= 0);
	b->last_wd = f->wd;
	b->last_ino = f->ino;
	close(f->fd);
	if (b->found.n)
		buf_add_char(&b->found, ' ');
	buf_add_str(&b->found, str_from(f->path, strlen(b->dir.path) + 1));
	for (unsigned i = 0; i < f->n_patterns; i++)
		buf_printf(&b->found, ":%u", f->patterns[i]);
}

static void assert_scan(struct bench *b, const char *expected)
{
	buf_clear(&b->found);
	watch_scan(b->w, note_file, b);
	assert_string_equal(buf_z(&b->found), expected);
}

/* Takes the events that are there; true if there were any. */
static bool events(struct bench *b)
{
	char room[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool any = false;

	while (read(watch_fd(b->w), room, sizeof room) > 0)
		any = true;
	return any;
}

static void patterns_name_files(void **state)
{
	static const char *const patterns[] = { "mail.log", "*.log", "sub*/[ab]?/x.log" };
	struct bench b;

	(void)state;
	setup(&b, patterns, 3);
	assert_scan(&b, "");
	tempdir_append(&b.dir, "mail.log", "x\n");
	tempdir_append(&b.dir, "auth.log", "");
	tempdir_append(&b.dir, ".hidden.log", "");
	tempdir_append(&b.dir, "mail.log.1", "");
	assert_true(events(&b));
	assert_scan(&b, "mail.log:0:1 auth.log:1");
	assert_scan(&b, "");
	/* directories under wildcards, each level when it comes */
	tempdir_mkdir(&b.dir, "sub1");
	assert_true(events(&b));
	assert_scan(&b, "");
	tempdir_mkdir(&b.dir, "sub1/a1");
	assert_true(events(&b));
	assert_scan(&b, "");
	tempdir_append(&b.dir, "sub1/a1/x.log", "");
	assert_true(events(&b));
	assert_scan(&b, "sub1/a1/x.log:2");
	watch_forget(b.w);
	assert_scan(&b, "mail.log:0:1 auth.log:1 sub1/a1/x.log:2");
	assert_string_equal(buf_z(&b.refused), "");
	teardown(&b);
}

static void missing_directories_appear(void **state)
{
	static const char *const patterns[] = { "a/b/mail.log" };
	struct bench b;

	(void)state;
	setup(&b, patterns, 1);
	assert_scan(&b, "");
	tempdir_mkdir(&b.dir, "a");
	assert_true(events(&b));
	assert_scan(&b, "");
	tempdir_mkdir(&b.dir, "a/b");
	assert_true(events(&b));
	assert_scan(&b, "");
	tempdir_append(&b.dir, "a/b/mail.log", "");
	assert_true(events(&b));
	assert_scan(&b, "a/b/mail.log:0");
	events(&b);
	/* the directory is renamed and made anew */
	tempdir_rename(&b.dir, "a/b", "a/old");
	assert_true(events(&b));
	assert_scan(&b, "");
	tempdir_mkdir(&b.dir, "a/b");
	assert_true(events(&b));
	assert_scan(&b, "");
	tempdir_append(&b.dir, "a/b/mail.log", "");
	assert_true(events(&b));
	assert_scan(&b, "a/b/mail.log:0");
	events(&b);
	/* the one renamed away is watched no more */
	tempdir_append(&b.dir, "a/old/other", "");
	assert_false(events(&b));
	teardown(&b);
}

static void rotation_gives_the_new_file(void **state)
{
	static const char *const patterns[] = { "mail.log" };
	struct bench b;
	uint64_t old_ino;
	struct stat st;
	int fd;

	(void)state;
	setup(&b, patterns, 1);
	tempdir_append(&b.dir, "mail.log", "old\n");
	assert_scan(&b, "mail.log:0");
	old_ino = b.last_ino;
	events(&b);
	tempdir_append(&b.dir, "mail.log", "more\n");
	assert_true(events(&b));
	tempdir_rename(&b.dir, "mail.log", "mail.log.1");
	assert_true(events(&b));
	assert_scan(&b, "");
	tempdir_append(&b.dir, "mail.log", "new\n");
	assert_true(events(&b));
	assert_scan(&b, "mail.log:0");
	assert_true(b.last_ino != old_ino);
	/* the old one, by its inode, whatever it is called */
	assert_int_equal(stat(b.dir.path, &st), 0);
	fd = watch_open_rotated(b.w, 0, st.st_dev, old_ino);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_ino == old_ino);
	close(fd);
	tempdir_rename(&b.dir, "mail.log.1", "mail-20260101.log");
	fd = watch_open_rotated(b.w, 0, st.st_dev, old_ino);
	assert_true(fd >= 0);
	close(fd);
	/* but no file that is not named like the log, nor one that is not there */
	tempdir_rename(&b.dir, "mail-20260101.log", "secret");
	assert_int_equal(watch_open_rotated(b.w, 0, st.st_dev, old_ino), -ENOENT);
	assert_int_equal(watch_open_rotated(b.w, 1, st.st_dev, old_ino), -ENOENT);
	teardown(&b);
}

static void deletion_and_creation_is_a_new_file(void **state)
{
	static const char *const patterns[] = { "mail.log" };
	struct bench b;

	(void)state;
	setup(&b, patterns, 1);
	tempdir_append(&b.dir, "mail.log", "old\n");
	assert_scan(&b, "mail.log:0");
	for (int i = 0; i < 5; i++) {
		events(&b);
		tempdir_unlink(&b.dir, "mail.log");
		assert_true(events(&b));
		if (i % 2) /* with a look in between, and without: the inode may be the same */
			assert_scan(&b, "");
		tempdir_append(&b.dir, "mail.log", "new\n");
		assert_true(events(&b));
		assert_scan(&b, "mail.log:0");
		assert_scan(&b, "");
	}
	teardown(&b);
}

static void links_are_watched_at_both_ends(void **state)
{
	static const char *const patterns[] = { "logs/mail.log" };
	struct bench b;
	uint64_t first;
	struct stat st;
	int fd;

	(void)state;
	setup(&b, patterns, 1);
	tempdir_mkdir(&b.dir, "logs");
	tempdir_mkdir(&b.dir, "data");
	tempdir_symlink(&b.dir, "../data/mail.1", "logs/mail.log");
	assert_scan(&b, ""); /* dangling: not an error */
	tempdir_append(&b.dir, "data/mail.1", "");
	assert_true(events(&b));
	assert_scan(&b, "logs/mail.log:0");
	first = b.last_ino;
	events(&b);
	/* what happens to the file itself */
	tempdir_append(&b.dir, "data/mail.1", "x\n");
	assert_true(events(&b));
	/* the link is swapped */
	tempdir_append(&b.dir, "data/mail.2", "");
	events(&b);
	tempdir_symlink(&b.dir, "../data/mail.2", "logs/new");
	tempdir_rename(&b.dir, "logs/new", "logs/mail.log");
	assert_true(events(&b));
	assert_scan(&b, "logs/mail.log:0");
	assert_true(b.last_ino != first);
	/* the first one is found beside the target */
	assert_int_equal(stat(b.dir.path, &st), 0);
	fd = watch_open_rotated(b.w, 0, st.st_dev, first);
	assert_true(fd >= 0);
	close(fd);
	events(&b);
	/* the target is replaced under the link */
	tempdir_rename(&b.dir, "data/mail.2", "data/mail.3");
	tempdir_append(&b.dir, "data/mail.2", "");
	assert_true(events(&b));
	assert_scan(&b, "logs/mail.log:0");
	/* a directory on the way is a link */
	tempdir_rename(&b.dir, "logs", "real");
	tempdir_symlink(&b.dir, "real", "logs");
	assert_true(events(&b));
	assert_scan(&b, "");
	tempdir_unlink(&b.dir, "logs");
	tempdir_mkdir(&b.dir, "other");
	tempdir_append(&b.dir, "other/mail.log", "");
	tempdir_symlink(&b.dir, "other", "logs");
	assert_true(events(&b));
	assert_scan(&b, "logs/mail.log:0");
	assert_string_equal(buf_z(&b.refused), "");
	teardown(&b);
}

static void only_regular_files_are_opened(void **state)
{
	static const char *const patterns[] = { "x*", "loop" };
	struct bench b;
	_free_ char *fifo = NULL;

	(void)state;
	setup(&b, patterns, 2);
	fifo = tempdir_path(&b.dir, "xfifo");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	tempdir_mkdir(&b.dir, "xdir");
	tempdir_symlink(&b.dir, "/dev/null", "xnull");
	tempdir_symlink(&b.dir, "loop", "loop");
	tempdir_append(&b.dir, "xlog", "");
	assert_scan(&b, "xlog:0");
	assert_string_equal(buf_z(&b.refused), "xdir: a directory\n"
					       "xfifo: not a regular file\n"
					       "xnull: not a regular file\n"
					       "loop: too many symbolic links\n");
	/* said once */
	buf_clear(&b.refused);
	assert_scan(&b, "");
	assert_string_equal(buf_z(&b.refused), "");
	/* until it works */
	assert_int_equal(unlink(fifo), 0);
	tempdir_append(&b.dir, "xfifo", "");
	assert_scan(&b, "xfifo:0");
	teardown(&b);
}

static void links_of_others_lead_to_their_own_files_only(void **state)
{
	static const char *const patterns[] = { "mail.log" };
	struct bench b;
	_free_ char *link = NULL, *target = NULL;

	(void)state;
	if (geteuid() != 0)
		skip(); /* nobody else can make files belong to another */
	setup(&b, patterns, 1);
	link = tempdir_path(&b.dir, "mail.log");
	target = tempdir_path(&b.dir, "secret");
	tempdir_append(&b.dir, "secret", "");
	tempdir_symlink(&b.dir, "hop", "mail.log");
	tempdir_symlink(&b.dir, "secret", "hop");
	assert_int_equal(lchown(link, 65534, 65534), 0);
	assert_scan(&b, "");
	assert_string_equal(
		buf_z(&b.refused),
		"mail.log: a symbolic link of another owner than the file it leads to\n");
	assert_int_equal(chown(target, 65534, 65534), 0);
	assert_scan(&b, "mail.log:0");
	/* root's link may lead anywhere */
	assert_int_equal(lchown(link, 0, 0), 0);
	watch_forget(b.w);
	assert_scan(&b, "mail.log:0");
	teardown(&b);
}

static void many_files(void **state)
{
	static const char *const patterns[] = { "m*", "m1*" };
	struct bench b;
	char name[32];

	(void)state;
	setup(&b, patterns, 2);
	for (int i = 0; i < WATCH_FILES_MAX + 10; i++) {
		snprintf(name, sizeof name, "m%d", i);
		tempdir_append(&b.dir, name, "");
	}
	buf_clear(&b.found);
	assert_true(watch_scan(b.w, note_file, &b) <= WATCH_FILES_MAX);
	assert_int_equal(watch_scan(b.w, note_file, &b), 0);
	teardown(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_name_files),
		cmocka_unit_test(missing_directories_appear),
		cmocka_unit_test(rotation_gives_the_new_file),
		cmocka_unit_test(deletion_and_creation_is_a_new_file),
		cmocka_unit_test(links_are_watched_at_both_ends),
		cmocka_unit_test(only_regular_files_are_opened),
		cmocka_unit_test(links_of_others_lead_to_their_own_files_only),
		cmocka_unit_test(many_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
