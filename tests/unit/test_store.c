/* The database: rows there and back, crashes, locks, full disks, damage, old versions. */
#include "unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ban/store.h"

/* A folder for each test. */
struct place {
	char dir[64], path[128];
};

static int set_up(void **state)
{
	struct place *p = xcalloc(1, sizeof *p);

	snprintf(p->dir, sizeof p->dir, "/tmp/test_store.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof p->path, "%s/db.sqlite3", p->dir);
	*state = p;
	return 0;
}

/* Calls fn for each file of the folder. */
static void each_file(const struct place *p, void (*fn)(void *arg, const char *path), void *arg)
{
	DIR *d = opendir(p->dir);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d))) {
		char path[512];

		snprintf(path, sizeof path, "%s/%s", p->dir, e->d_name);
		if (e->d_name[0] != '.')
			fn(arg, path);
	}
	closedir(d);
}

static void remove_file(void *arg, const char *path)
{
	if (unlink(path) < 0)
		rmdir(path);
}

static int tear_down(void **state)
{
	struct place *p = *state;

	each_file(p, remove_file, NULL);
	rmdir(p->dir);
	free(p);
	return 0;
}

static struct store *open_at(const char *path)
{
	struct store *s = NULL;
	struct err err = { 0 };
	bool made;
	int rc = store_open(path, &s, &made, &err);

	if (rc < 0)
		print_message("%s\n", err.text);
	assert_int_equal(rc, 0);
	assert_string_equal(err.text, "");
	return s;
}

/* What a query gives, rows joined by ';' and columns by '|', as anybody else sees the file. */
static const char *ask(const char *path, const char *sql)
{
	static char text[4096];
	struct buf b = { 0 };
	sqlite3_stmt *st;
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW) {
		buf_add_z(&b, b.n ? ";" : "");
		for (int i = 0; i < sqlite3_column_count(st); i++) {
			const unsigned char *z = sqlite3_column_text(st, i);

			buf_printf(&b, "%s%s", i ? "|" : "", z ? (const char *)z : "NULL");
		}
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
	snprintf(text, sizeof text, "%s", buf_z(&b));
	buf_free(&b);
	return text;
}

static void do_sql(const char *path, const char *sql)
{
	char *why = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_exec(db, sql, NULL, NULL, &why);
	if (why)
		print_message("%s\n", why);
	assert_null(why);
	sqlite3_close(db);
}

static struct ticket *ticket(const char *id, double time)
{
	struct fid fid = fid_parse(str_of(id));
	struct ticket *t = ticket_new(&fid, time);

	t->failures = 3;
	t->bancount = 1;
	return t;
}

static int add_ban(struct store *s, const char *jail, const char *id, double time, int64_t bantime)
{
	struct ticket *t = ticket(id, time);
	struct match_line line = { STR("pre "), STR("date"), STR(" post") };
	int rc;

	t->bantime = bantime;
	ticket_add_line(t, &line, 10);
	ticket_add_field(t, STR("user"), STR("bob"));
	rc = store_add_ban(s, str_of(jail), t, 600, 10);
	ticket_free(t);
	return rc;
}

/* "ID@TIME+BANTIME#COUNT " of each ticket. */
static void collect(void *arg, struct ticket *t)
{
	struct buf *b = arg;

	fid_add(b, &t->id);
	buf_printf(b, "@%.0f+%lld#%u ", t->time, (long long)t->bantime, t->bancount);
	assert_true(t->restored || t->bantime == TICKET_JAIL_BANTIME);
	ticket_free(t);
}

static void test_new_file(void **state)
{
	struct place *p = *state;
	char deep[192];
	struct store *s;
	struct stat st;
	bool made = false;

	snprintf(deep, sizeof deep, "%s/folder/db.sqlite3", p->dir);
	assert_int_equal(store_open(deep, &s, &made, NULL), 0);
	assert_true(made);
	assert_true(store_was_clean(s));
	assert_int_equal(stat(deep, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	store_close(s);
	assert_int_equal(store_open(deep, &s, &made, NULL), 0);
	assert_false(made);
	store_close(s);
	assert_string_equal(ask(deep, "SELECT version FROM fail2banDb"), "4");
	unlink(deep);
	/* two levels are not made */
	snprintf(deep, sizeof deep, "%s/a/b/db.sqlite3", p->dir);
	assert_int_equal(store_open(deep, &s, &made, NULL), -ENOENT);
}

static void test_clean(void **state)
{
	struct place *p = *state;
	struct store *s = open_at(p->path);

	assert_int_equal(store_set_clean(s, false), 0);
	store_close(s);
	s = open_at(p->path);
	assert_false(store_was_clean(s));
	assert_int_equal(store_set_clean(s, true), 0);
	store_close(s);
	s = open_at(p->path);
	assert_true(store_was_clean(s));
	store_close(s);
}

static void test_jails(void **state)
{
	struct place *p = *state;
	struct store *s = open_at(p->path);

	assert_int_equal(store_enable_jail(s, STR("a")), 0);
	assert_int_equal(store_enable_jail(s, STR("b")), 0);
	assert_int_equal(store_disable_jails(s), 0);
	assert_int_equal(store_enable_jail(s, STR("b")), 0);
	assert_string_equal(ask(p->path, "SELECT name, enabled FROM jails ORDER BY 1"), "a|0;b|1");
	assert_int_equal(add_ban(s, "unknown", "192.0.2.1", 1, 1), -ENOENT);
	store_close(s);
}

static void test_ban_rows(void **state)
{
	static const struct {
		double time;
		const char *rounded;
	} times[] = {
		{ 1000.5, "1000" }, { 1001.5, "1002" }, { 1002.4, "1002" }, { 1002.6, "1003" }
	};
	struct place *p = *state;
	struct store *s = open_at(p->path);

	assert_int_equal(store_enable_jail(s, STR("j")), 0);
	for (size_t i = 0; i < COUNT(times); i++) {
		assert_int_equal(add_ban(s, "j", "192.0.2.1", times[i].time, TICKET_JAIL_BANTIME),
				 0);
		assert_string_equal(ask(p->path, "SELECT timeofban FROM bips"), times[i].rounded);
	}
	assert_string_equal(ask(p->path, "SELECT count(*) FROM bans"), "4");
	assert_int_equal(add_ban(s, "j", "2001:DB8::1", 5, -1), 0);
	assert_string_equal(
		ask(p->path, "SELECT ip, jail, timeofban, bantime, bancount, typeof(data), "
			     "CAST(data AS TEXT) FROM bips WHERE bantime = -1"),
		"2001:db8::1|j|5|-1|1|blob|{\"matches\": [[\"pre \", \"date\", \" post\"]], "
		"\"failures\": 3, \"user\": \"bob\"}");
	assert_string_equal(ask(p->path, "SELECT ip, bantime, typeof(timeofban), typeof(bantime)"
					 " FROM bans WHERE rowid = 1"),
			    "192.0.2.1|600|integer|integer");
	store_close(s);
}

static void test_restore(void **state)
{
	/* at 1000; jail's ban time 600 unless said */
	static const struct {
		const char *row; /* time, bantime */
		int64_t bantime;
		bool increment;
		int64_t maxtime;
		const char *want;
	} cases[] = {
		{ "900, 600", 600, false, -1, "192.0.2.1@900+600#2 " },
		{ "400, 600", 600, false, -1, "" }, /* ends now */
		{ "401, 600", 600, false, -1, "192.0.2.1@401+600#2 " },
		{ "400, 3600", 600, false, -1, "" }, /* older than the jail's ban time */
		{ "500, 3600", 600, false, -1, "192.0.2.1@500+600#2 " },
		{ "500, 3600", 3600, false, -1, "192.0.2.1@500+3600#2 " },
		{ "500, -1", 600, false, -1, "192.0.2.1@500+600#2 " },
		{ "300, -1", 600, false, -1, "" },
		{ "500, -1", -1, false, -1, "192.0.2.1@500+-1#2 " },
		{ "1, -1", -1, false, -1, "192.0.2.1@1+-1#2 " },
		{ "900, -2", 600, false, -1, "192.0.2.1@900+600#2 " },
		{ "100, -2", 600, false, -1, "" },
		{ "100, 3600", 600, true, -1, "192.0.2.1@100+3600#2 " },
		{ "100, 3600", 600, true, 1000, "192.0.2.1@100+1000#2 " },
		{ "100, 3600", 600, true, 900, "" },
		{ "100, -1", 600, true, -1, "192.0.2.1@100+-1#2 " },
		{ "100, -1", 600, true, 1000, "192.0.2.1@100+1000#2 " },
		{ "999, 10.5", 600, false, -1, "192.0.2.1@999+11#2 " },
		{ "999, 'x'", 600, false, -1, "" },
		{ "999, 9e300", 600, false, -1, "192.0.2.1@999+600#2 " },
		{ "9e300, 5", 600, false, -1, NULL }, /* any answer that is no crash */
		{ "'x', 5", 600, false, -1, NULL },
	};
	struct place *p = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct store *s = open_at(p->path);
		struct store_restore how = { .now = 1000,
					     .bantime = cases[i].bantime,
					     .increment = cases[i].increment,
					     .maxtime = cases[i].maxtime,
					     .maxmatches = 10 };
		struct buf got = { 0 };
		char sql[256];

		assert_int_equal(store_enable_jail(s, STR("j")), 0);
		snprintf(sql, sizeof sql,
			 "DELETE FROM bips; INSERT INTO bips VALUES('192.0.2.1', 'j', %s, 2, '{}')",
			 cases[i].row);
		do_sql(p->path, sql);
		assert_int_equal(store_each_ban(s, STR("j"), &how, collect, &got), 0);
		if (cases[i].want)
			assert_string_equal(buf_z(&got), cases[i].want);
		buf_free(&got);
		assert_int_equal(store_each_ban(s, STR("other"), &how, collect, &got), 0);
		assert_int_equal(got.n, 0);
		buf_free(&got);
		store_close(s);
	}
}

static void take(void *arg, struct ticket *t)
{
	*(struct ticket **)arg = t;
}

static void test_restored_ticket(void **state)
{
	struct store_restore how = { .now = 1000, .bantime = 600, .maxmatches = 10 };
	struct store *s;
	bool made;
	struct ticket *t = NULL;

	assert_int_equal(store_open(NULL, &s, &made, NULL), 0);
	assert_int_equal(store_enable_jail(s, STR("j")), 0);
	assert_int_equal(add_ban(s, "j", "some-id", 999, 300), 0);
	assert_int_equal(store_each_ban(s, STR("j"), &how, take, &t), 0);
	assert_true(str_is(t->id.text, "some-id"));
	assert_int_equal(t->bantime, 300);
	assert_int_equal(t->failures, 3);
	assert_int_equal(t->n_lines, 1);
	assert_true(str_is(ticket_line_text(t->lines[0]), "pre date post"));
	assert_true(str_is(ticket_field(t, STR("user")), "bob"));
	ticket_free(t);
	store_close(s);
}

static void test_del_and_find(void **state)
{
	struct store *s;
	bool made;
	struct fid id = fid_parse(STR("192.0.2.1")), other = fid_parse(STR("192.0.2.2"));
	struct store_ban last;
	struct ticket *t;

	assert_int_equal(store_open(NULL, &s, &made, NULL), 0);
	assert_int_equal(store_enable_jail(s, STR("a")), 0);
	assert_int_equal(store_enable_jail(s, STR("b")), 0);
	assert_int_equal(add_ban(s, "a", "192.0.2.1", 100, 10), 0);
	assert_int_equal(add_ban(s, "a", "192.0.2.1", 200, 10), 0);
	assert_int_equal(add_ban(s, "b", "192.0.2.1", 150, 30), 0);
	assert_int_equal(store_ban_count(s, STR("a"), &id), 1);
	assert_int_equal(store_ban_count(s, STR(""), &id), 2);
	assert_int_equal(store_ban_count(s, STR(""), &other), 0);
	assert_int_equal(store_find_ban(s, STR("a"), &id, &last), 1);
	assert_true(last.time == 200 && last.bantime == 10);
	assert_int_equal(store_find_ban(s, STR(""), &id, &last), 1);
	assert_true(last.time == 200 && last.bantime == 30 && last.count == 2);
	assert_int_equal(store_find_ban(s, STR("a"), &other, &last), 0);

	assert_int_equal(store_merged(s, STR("a"), &id, 10, &t), 0);
	assert_int_equal(t->failures, 6);
	assert_int_equal(t->n_lines, 2);
	ticket_free(t);
	assert_int_equal(store_merged(s, STR(""), &id, 2, &t), 0);
	assert_int_equal(t->failures, 9);
	assert_int_equal(t->n_lines, 2);
	ticket_free(t);
	assert_int_equal(store_merged(s, STR(""), &other, 10, &t), -ENOENT);

	assert_int_equal(store_del_ban(s, STR("a"), &id), 0);
	assert_int_equal(store_ban_count(s, STR("a"), &id), 0);
	assert_int_equal(store_merged(s, STR("a"), &id, 10, &t), -ENOENT);
	assert_int_equal(store_ban_count(s, STR("b"), &id), 1);
	assert_int_equal(store_del_ban(s, STR(""), &id), 0);
	assert_int_equal(store_ban_count(s, STR(""), &id), 0);
	store_close(s);
}

static void test_hostile_ids(void **state)
{
	static const struct {
		str id;
		const char *stored;
	} cases[] = {
		{ STR("a\xff\x80z"), "a\xef\xbf\xbd\xef\xbf\xbdz" },
		{ STR("'; DROP TABLE bans; --"), "'; DROP TABLE bans; --" },
		{ STR("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ STR(""), "" },
	};
	struct place *p = *state;
	struct store *s = open_at(p->path);
	struct fid nul = { .text = STR("a\0b") };
	struct ticket *t = ticket_new(&nul, 1);

	assert_int_equal(store_enable_jail(s, STR("j")), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fid id = { .text = cases[i].id };
		struct ticket *bad = ticket_new(&id, 1);

		assert_int_equal(store_add_ban(s, STR("j"), bad, 600, 10), 0);
		assert_string_equal(ask(p->path, "SELECT ip FROM bips"), cases[i].stored);
		assert_int_equal(store_put_failure(s, STR("j"), bad), 0);
		assert_int_equal(store_del_failure(s, STR("j"), &id), 0);
		assert_int_equal(store_ban_count(s, STR("j"), &id), 1);
		assert_int_equal(store_del_ban(s, STR("j"), &id), 0);
		ticket_free(bad);
	}
	assert_int_equal(store_add_ban(s, STR("j"), t, 600, 10), 0);
	assert_string_equal(ask(p->path, "SELECT hex(ip) FROM bans"), "610062");
	assert_int_equal(store_del_ban(s, STR("j"), &nul), 0);
	assert_string_equal(ask(p->path, "SELECT count(*) FROM bans"), "0");
	assert_string_equal(ask(p->path, "SELECT count(*) FROM lk_failure"), "0");
	ticket_free(t);
	store_close(s);
}

static void list_position(void *arg, const struct store_position *p)
{
	buf_printf(arg, "%llu:%llu:%.*s:%lld ", (unsigned long long)p->dev,
		   (unsigned long long)p->ino, STR_ARG(p->first_line), (long long)p->pos);
}

static const char *positions(struct store *s, const char *jail, const char *path)
{
	static char text[512];
	struct buf b = { 0 };

	assert_int_equal(store_each_position(s, str_of(jail), str_of(path), list_position, &b), 0);
	snprintf(text, sizeof text, "%s", buf_z(&b));
	buf_free(&b);
	return text;
}

static void put_position(struct store *s, uint64_t ino, const char *first, int64_t pos)
{
	struct store_position p = { .jail = STR("j"),
				    .path = STR("/var/log/mail.log"),
				    .dev = UINT64_MAX,
				    .ino = ino,
				    .first_line = str_of(first),
				    .pos = pos };

	assert_int_equal(store_put_position(s, &p), 0);
}

#define DEV "18446744073709551615"

static void test_positions(void **state)
{
	const char *const log = "/var/log/mail.log", *logs = "SELECT * FROM logs";
	struct place *p = *state;
	struct store *s = open_at(p->path);

	assert_int_equal(store_enable_jail(s, STR("j")), 0);
	put_position(s, 7, "aa", 10);
	assert_string_equal(ask(p->path, logs), "j|/var/log/mail.log|aa|10");
	put_position(s, 7, "aa", 20);
	assert_string_equal(positions(s, "j", log), DEV ":7:aa:20 ");
	assert_string_equal(positions(s, "other", log), "");
	/* rotated: a new file of that path, while the old one is still read to its end */
	put_position(s, 8, "", 0);
	put_position(s, 7, "aa", 30);
	assert_string_equal(positions(s, "j", log), DEV ":8::0 " DEV ":7:aa:30 ");
	assert_string_equal(ask(p->path, logs), "j|/var/log/mail.log||0");
	put_position(s, 8, "bb", 5);
	assert_string_equal(ask(p->path, logs), "j|/var/log/mail.log|bb|5");
	assert_int_equal(store_del_position(s, str_of(log), UINT64_MAX, 7), 0);
	assert_string_equal(positions(s, "j", log), DEV ":8:bb:5 ");
	/* Fail2ban went on */
	do_sql(p->path, "UPDATE logs SET lastfilepos = 50");
	assert_string_equal(positions(s, "j", log), DEV ":8:bb:5 0:0:bb:50 ");
	do_sql(p->path, "UPDATE logs SET lastfilepos = -5");
	assert_string_equal(positions(s, "j", log), DEV ":8:bb:5 ");
	store_close(s);
}

static void list_jail(void *arg, const struct store_jail *j)
{
	buf_printf(arg, "%llu %llu %zu", (unsigned long long)j->failed,
		   (unsigned long long)j->banned, j->filter.n);
}

static void test_run(void **state)
{
	struct place *p = *state;
	struct store *s = open_at(p->path);
	struct store_jail j = { .failed = 5, .banned = 2, .filter = STR("a\0b") };
	struct ticket *t = ticket("192.0.2.1", 100.25), *got = NULL;
	struct buf text = { 0 };

	assert_int_equal(store_put_jail(s, STR("j"), &j), 0);
	j.filter = STR("");
	assert_int_equal(store_put_jail(s, STR("k"), &j), 0);
	assert_int_equal(store_get_jail(s, STR("j"), list_jail, &text), 0);
	assert_string_equal(buf_z(&text), "5 2 3");
	assert_int_equal(store_put_failure(s, STR("j"), t), 0);
	t->retry = 4;
	assert_int_equal(store_put_failure(s, STR("j"), t), 0);
	assert_int_equal(store_each_failure(s, STR("j"), take, &got), 0);
	assert_true(got->time == 100.25);
	assert_int_equal(got->retry, 4);
	ticket_free(got);
	/* what cannot be unpacked is left out */
	do_sql(p->path, "UPDATE lk_failure SET ticket = x'00112233'");
	got = NULL;
	assert_int_equal(store_each_failure(s, STR("j"), take, &got), 0);
	assert_null(got);
	assert_int_equal(store_forget_run(s), 0);
	buf_clear(&text);
	assert_int_equal(store_get_jail(s, STR("j"), list_jail, &text), 0);
	assert_int_equal(text.n, 0);
	buf_free(&text);
	ticket_free(t);
	store_close(s);
}

static void test_purge(void **state)
{
	struct place *p = *state;
	struct store *s = open_at(p->path);

	assert_int_equal(store_enable_jail(s, STR("j")), 0);
	assert_int_equal(store_enable_jail(s, STR("gone")), 0);
	assert_int_equal(add_ban(s, "gone", "192.0.2.9", 100, 1), 0);
	assert_int_equal(add_ban(s, "j", "192.0.2.1", 100, 10), 0);   /* old: goes */
	assert_int_equal(add_ban(s, "j", "192.0.2.2", 100, -1), 0);   /* permanent: bips stays */
	assert_int_equal(add_ban(s, "j", "192.0.2.3", 100, 1000), 0); /* 100 + 3000 is not over */
	assert_int_equal(add_ban(s, "j", "192.0.2.4", 1500, 10), 0);  /* young */
	for (uint64_t ino = 1; ino <= 20; ino++)
		put_position(s, ino, "x", 1);
	assert_int_equal(store_disable_jails(s), 0);
	assert_int_equal(store_enable_jail(s, STR("j")), 0);
	assert_int_equal(store_purge(s, 2000, 1000), 0);
	assert_string_equal(ask(p->path, "SELECT ip FROM bans"), "192.0.2.4");
	assert_string_equal(ask(p->path, "SELECT ip FROM bips ORDER BY ip"),
			    "192.0.2.2;192.0.2.3;192.0.2.4");
	assert_string_equal(ask(p->path, "SELECT name FROM jails"), "j");
	assert_string_equal(ask(p->path, "SELECT min(ino), count(*) FROM lk_position"), "5|16");
	store_close(s);
}

/* Runs fn in a child; it is to end by itself or kill itself. Returns its wait status. */
static int in_child(void (*fn)(const struct place *p), const struct place *p)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		fn(p);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void die_inside_transaction(const struct place *p)
{
	struct store *s = open_at(p->path);
	struct ticket *t = ticket("192.0.2.7", 5);

	if (store_set_clean(s, false) < 0 || store_enable_jail(s, STR("j")) < 0)
		_exit(1);
	if (store_begin(s) < 0 || add_ban(s, "j", "192.0.2.1", 100, 10) < 0 ||
	    store_put_failure(s, STR("j"), t) < 0 || store_commit(s) < 0)
		_exit(2);
	if (store_begin(s) < 0 || add_ban(s, "j", "192.0.2.2", 100, 10) < 0)
		_exit(3);
	for (int i = 0; i < 5000; i++) /* so much that the log is written to */
		if (add_ban(s, "j", "192.0.2.3", i, 10) < 0)
			_exit(4);
	kill(getpid(), SIGKILL);
}

static void test_crash(void **state)
{
	struct place *p = *state;
	int status = in_child(die_inside_transaction, p);
	struct ticket *t = NULL;
	struct store *s;

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	s = open_at(p->path);
	assert_false(store_was_clean(s));
	assert_string_equal(ask(p->path, "SELECT ip FROM bans"), "192.0.2.1");
	assert_int_equal(store_each_failure(s, STR("j"), take, &t), 0);
	assert_true(t->time == 5);
	ticket_free(t);
	store_close(s);
}

static void test_two_processes(void **state)
{
	struct place *p = *state;
	struct store *a = open_at(p->path), *b = open_at(p->path);
	struct store_restore how = { .now = 100, .bantime = 600, .maxmatches = 1 };
	struct buf got = { 0 };

	/* two connections, as of an old and a new engine: SQLite's locks do not care for pids */
	assert_int_equal(store_enable_jail(a, STR("j")), 0);
	assert_int_equal(store_begin(a), 0);
	assert_int_equal(add_ban(a, "j", "192.0.2.1", 100, 10), 0);
	assert_int_equal(store_begin(b), -EBUSY);
	assert_int_equal(add_ban(b, "j", "192.0.2.2", 100, 10), -EBUSY);
	store_rollback(b); /* harmless without a transaction */
	/* readers do not wait, and see what was committed */
	assert_int_equal(store_each_ban(b, STR("j"), &how, collect, &got), 0);
	assert_int_equal(got.n, 0);
	assert_int_equal(store_commit(a), 0);
	assert_int_equal(add_ban(b, "j", "192.0.2.2", 101, 10), 0);
	assert_int_equal(store_each_ban(a, STR("j"), &how, collect, &got), 0);
	assert_string_equal(buf_z(&got), "192.0.2.1@100+10#1 192.0.2.2@101+10#1 ");
	buf_free(&got);
	store_close(a);
	store_close(b);
}

static void test_locked_by_another(void **state)
{
	struct place *p = *state;
	struct store *s;
	sqlite3 *other;
	bool made;

	assert_int_equal(sqlite3_open(p->path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "CREATE TABLE x(y); BEGIN EXCLUSIVE", 0, 0, 0),
			 SQLITE_OK);
	assert_int_equal(store_open(p->path, &s, &made, NULL), -EBUSY);
	sqlite3_close(other);
	s = open_at(p->path);
	store_close(s);
}

/* Adds bans, 50 a transaction, until that fails; what it says. */
static int fill_up(struct store *s)
{
	int rc = 0;

	for (int n = 0; n < 10000 && rc == 0; n++) {
		rc = store_begin(s);
		for (int i = 0; i < 50 && rc == 0; i++)
			rc = add_ban(s, "j", "192.0.2.2", n, 10);
		if (rc == 0)
			rc = store_commit(s);
	}
	store_rollback(s);
	return rc;
}

static void fill_small_file(const struct place *p)
{
	struct rlimit small = { .rlim_cur = 400000, .rlim_max = 400000 };
	struct store *s = open_at(p->path);
	struct fid id = fid_parse(STR("192.0.2.1"));
	int rc;

	signal(SIGXFSZ, SIG_IGN);
	if (store_enable_jail(s, STR("j")) < 0 || add_ban(s, "j", "192.0.2.1", 100, 10) < 0 ||
	    setrlimit(RLIMIT_FSIZE, &small) < 0)
		_exit(1);
	rc = fill_up(s);
	if (rc >= 0 || rc == -EUCLEAN || rc == -EBUSY)
		_exit(2);
	if (store_ban_count(s, STR("j"), &id) != 1) /* it can still be read */
		_exit(3);
	store_close(s);
	_exit(0);
}

static void fill_small_disk(const struct place *p)
{
	struct fid id = fid_parse(STR("192.0.2.1"));
	struct store *s;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", p->dir, "tmpfs", 0, "size=1m") < 0)
		_exit(77);
	s = open_at(p->path);
	if (store_enable_jail(s, STR("j")) < 0 || add_ban(s, "j", "192.0.2.1", 100, 10) < 0)
		_exit(1);
	if (fill_up(s) != -ENOSPC)
		_exit(2);
	if (store_ban_count(s, STR("j"), &id) != 1)
		_exit(3);
	store_close(s);
	_exit(0);
}

static void test_full_disk(void **state)
{
	struct place *p = *state;
	int status = in_child(fill_small_file, p);
	struct store *s;

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	s = open_at(p->path);
	assert_string_equal(ask(p->path, "SELECT count(*) FROM bans WHERE ip = '192.0.2.1'"), "1");
	assert_int_equal(atoi(ask(p->path, "SELECT count(*) FROM bans")) % 50, 1);
	assert_int_equal(add_ban(s, "j", "192.0.2.3", 100, 10), 0);
	store_close(s);
}

static void test_no_space(void **state)
{
	int status = in_child(fill_small_disk, *state);

	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip(); /* not root */
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void overwrite(const char *path, long at, size_t n)
{
	FILE *f = fopen(path, "r+b");

	assert_non_null(f);
	assert_int_equal(fseek(f, at, SEEK_SET), 0);
	for (size_t i = 0; i < n; i++)
		fputc('\xa5', f);
	assert_int_equal(fclose(f), 0);
}

static void find_damaged(void *arg, const char *path)
{
	if (strstr(path, "db.sqlite3.damaged-"))
		++*(int *)arg;
}

static void test_damage(void **state)
{
	static const struct {
		long at;
		size_t n;
		bool clean;
	} cases[] = {
		{ 0, 20000, false }, /* no database any more */
		{ 0, 20000, true },
		{ 4096, 60000, false }, /* pages in the middle */
		{ 100, 200, true },     /* the first page, where the tables are named */
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct place *p = *state;
		struct store *s = open_at(p->path);
		struct err err = { 0 };
		int damaged = 0;
		bool made = false;

		assert_int_equal(store_enable_jail(s, STR("j")), 0);
		for (int k = 0; k < 500; k++)
			assert_int_equal(add_ban(s, "j", "192.0.2.1", k, 10), 0);
		assert_int_equal(store_set_clean(s, cases[i].clean), 0);
		store_close(s);
		overwrite(p->path, cases[i].at, cases[i].n);
		assert_int_equal(store_open(p->path, &s, &made, &err), 0);
		assert_true(made);
		assert_non_null(strstr(err.text, "is damaged"));
		each_file(p, find_damaged, &damaged);
		assert_int_equal(damaged, 1);
		assert_int_equal(store_enable_jail(s, STR("j")), 0);
		assert_int_equal(add_ban(s, "j", "192.0.2.1", 1, 10), 0);
		store_close(s);
		each_file(p, remove_file, NULL);
	}
}

/* Damage that is met while running is looked for at the next start, although the stop is clean. */
static void test_damage_met_late(void **state)
{
	struct place *p = *state;
	struct store *s = open_at(p->path);
	struct err err = { 0 };
	bool made;
	int rc = 0;

	assert_int_equal(store_enable_jail(s, STR("j")), 0);
	for (int k = 0; k < 2000; k++)
		assert_int_equal(add_ban(s, "j", "192.0.2.1", k, 10), 0);
	assert_int_equal(store_set_clean(s, true), 0);
	store_close(s);
	/* all but the pages of tables that are read at the start and the end */
	overwrite(p->path, 30 * 4096, 20 * 4096);
	s = open_at(p->path);
	for (int k = 0; k < 2000 && rc == 0; k++)
		rc = add_ban(s, "j", "192.0.2.2", k, 10);
	assert_int_equal(rc, -EUCLEAN);
	assert_int_equal(store_set_clean(s, true), 0);
	store_close(s);
	assert_int_equal(store_open(p->path, &s, &made, &err), 0);
	assert_true(made);
	assert_non_null(strstr(err.text, "is damaged"));
	store_close(s);
}

static const char *const old_schemas[] = {
	[1] = "CREATE TABLE fail2banDb(version INTEGER);"
	      "CREATE TABLE jails(name TEXT NOT NULL UNIQUE, enabled INTEGER NOT NULL DEFAULT 1);"
	      "CREATE INDEX jails_name ON jails(name);"
	      "CREATE TABLE logs(jail TEXT NOT NULL, path TEXT, firstlinemd5 TEXT,"
	      " lastfilepos INTEGER DEFAULT 0, FOREIGN KEY(jail) REFERENCES jails(name)"
	      " ON DELETE CASCADE, UNIQUE(path), UNIQUE(path, firstlinemd5));"
	      "CREATE INDEX logs_path ON logs(path);"
	      "CREATE TABLE bans(jail TEXT NOT NULL, ip TEXT, timeofban INTEGER NOT NULL,"
	      " data JSON, FOREIGN KEY(jail) REFERENCES jails(name));"
	      "CREATE INDEX bans_jail_timeofban_ip ON bans(jail, timeofban);"
	      "CREATE INDEX bans_jail_ip ON bans(jail, ip);"
	      "CREATE INDEX bans_ip ON bans(ip);"
	      "INSERT INTO jails VALUES('j', 1); INSERT INTO fail2banDb VALUES(1);"
	      "INSERT INTO logs VALUES('j', '/a', 'aa', 5);"
	      "INSERT INTO bans VALUES('j', '192.0.2.1', 100, '{\"failures\": 3}'),"
	      " ('j', '192.0.2.1', 900, '{\"failures\": 4}'), ('j', NULL, 5, '{}');",
	[2] = "ALTER TABLE logs RENAME TO o; CREATE TABLE logs(jail TEXT NOT NULL, path TEXT,"
	      " firstlinemd5 TEXT, lastfilepos INTEGER DEFAULT 0, FOREIGN KEY(jail) REFERENCES"
	      " jails(name) ON DELETE CASCADE, UNIQUE(jail, path),"
	      " UNIQUE(jail, path, firstlinemd5)); INSERT INTO logs SELECT * FROM o;"
	      " DROP TABLE o; UPDATE fail2banDb SET version = 2;",
	[3] = "ALTER TABLE bans RENAME TO o; CREATE TABLE bans(jail TEXT NOT NULL, ip TEXT,"
	      " timeofban INTEGER NOT NULL, bantime INTEGER NOT NULL,"
	      " bancount INTEGER NOT NULL default 1, data JSON,"
	      " FOREIGN KEY(jail) REFERENCES jails(name));"
	      "INSERT INTO bans SELECT jail, ip, timeofban, -2, 1, data FROM o; DROP TABLE o;"
	      "UPDATE bans SET bantime = 3600 WHERE timeofban = 100;"
	      "UPDATE fail2banDb SET version = 3;",
};

static void find_copy(void *arg, const char *path)
{
	const char *at = strstr(path, "db.sqlite3.2");

	if (at && strlen(at) == strlen("db.sqlite3.20261121-202032"))
		snprintf(arg, 128, "%s",
			 ask(path, "SELECT version, (SELECT count(*) FROM bans)"
				   " FROM fail2banDb"));
}

static void test_old_versions(void **state)
{
	struct place *p = *state;

	for (int version = 1; version <= 3; version++) {
		struct store_restore how = { .now = 1000, .bantime = 600, .maxmatches = 10 };
		struct buf got = { 0 };
		char copied[128] = "", want[128];
		struct store *s;

		for (int v = 1; v <= version; v++)
			do_sql(p->path, old_schemas[v]);
		s = open_at(p->path);
		assert_true(store_was_clean(s));
		each_file(p, find_copy, copied);
		snprintf(want, sizeof want, "%d|3", version);
		assert_string_equal(copied, want);
		assert_string_equal(ask(p->path, "SELECT version FROM fail2banDb"), "4");
		assert_string_equal(ask(p->path, "SELECT * FROM logs"), "j|/a|aa|5");
		assert_string_equal(
			ask(p->path, "SELECT ip, timeofban, bantime, bancount FROM bans"
				     " ORDER BY timeofban"),
			version < 3 ? "NULL|5|-2|1;192.0.2.1|100|-2|1;192.0.2.1|900|-2|1"
				    : "NULL|5|-2|1;192.0.2.1|100|3600|1;192.0.2.1|900|-2|1");
		assert_int_equal(store_each_ban(s, STR("j"), &how, collect, &got), 0);
		assert_string_equal(buf_z(&got), "192.0.2.1@900+600#1 ");
		assert_string_equal(ask(p->path, "SELECT count(*) FROM sqlite_master WHERE type ="
						 " 'index' AND name LIKE '%\\_%' ESCAPE '\\'"
						 " AND tbl_name NOT LIKE 'lk%'"
						 " AND name NOT LIKE 'sqlite%'"),
				    "8");
		buf_free(&got);
		store_close(s);
		s = open_at(p->path); /* nothing more to do */
		store_close(s);
		each_file(p, remove_file, NULL);
	}
}

static void test_newer_version(void **state)
{
	struct place *p = *state;
	struct err err = { 0 };
	struct store *s;
	bool made;

	do_sql(p->path,
	       "CREATE TABLE fail2banDb(version INTEGER); INSERT INTO fail2banDb VALUES(5)");
	assert_int_equal(store_open(p->path, &s, &made, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "newer Fail2ban"));
	assert_string_equal(ask(p->path, "SELECT count(*) FROM sqlite_master"), "1");
}

/* A trigger that somebody put into the file does nothing. */
static void test_hostile_schema(void **state)
{
	struct place *p = *state;
	struct store *s = open_at(p->path);

	assert_int_equal(store_enable_jail(s, STR("j")), 0);
	store_close(s);
	do_sql(p->path, "CREATE TRIGGER t AFTER INSERT ON bans BEGIN DELETE FROM jails; "
			"DELETE FROM bans; END");
	s = open_at(p->path);
	assert_int_equal(add_ban(s, "j", "192.0.2.1", 1, 1), 0);
	assert_string_equal(ask(p->path, "SELECT count(*) FROM bans"), "1");
	store_close(s);
}

static void test_memfd(void **state)
{
	struct place *p = *state;
	const char *const paths[] = { NULL, p->path };

	for (size_t i = 0; i < COUNT(paths); i++) {
		struct store *from, *to;
		struct fid id = fid_parse(STR("192.0.2.1"));
		bool made;
		int fd, garbage;

		assert_int_equal(store_open(paths[i], &from, &made, NULL), 0);
		assert_int_equal(store_open(NULL, &to, &made, NULL), 0);
		assert_int_equal(store_enable_jail(from, STR("j")), 0);
		assert_int_equal(add_ban(from, "j", "192.0.2.1", 1, 1), 0);
		fd = store_to_memfd(from);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, "x", 1), -1); /* sealed */
		assert_int_equal(store_from_memfd(to, fd), 0);
		assert_int_equal(store_ban_count(to, STR("j"), &id), 1);
		assert_int_equal(add_ban(to, "j", "192.0.2.1", 2, 1), 0);
		if (paths[i])
			assert_int_equal(store_from_memfd(from, fd), -EINVAL);
		/* damaged: empty, but good for use */
		garbage = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
		assert_true(garbage >= 0);
		for (int k = 0; k < 1000; k++)
			assert_int_equal(write(garbage, "garbage!", 8), 8);
		assert_true(store_from_memfd(to, garbage) < 0);
		assert_int_equal(store_ban_count(to, STR("j"), &id), 0);
		assert_int_equal(store_enable_jail(to, STR("j")), 0);
		assert_int_equal(add_ban(to, "j", "192.0.2.1", 2, 1), 0);
		close(garbage);
		close(fd);
		store_close(from);
		store_close(to);
	}
}

static void count_and_free(void *arg, struct ticket *t)
{
	++*(int *)arg;
	ticket_free(t);
}

/* A file with flipped bytes is refused or gives some rows; nothing else happens. */
static void test_flipped_bytes(void **state)
{
	struct store_restore how = { .now = 100, .bantime = -1, .maxmatches = 10 };
	struct store *from, *to;
	unsigned random = 1;
	int fd, rows = 0;
	off_t size;
	char *image;
	bool made;

	assert_int_equal(store_open(NULL, &from, &made, NULL), 0);
	assert_int_equal(store_open(NULL, &to, &made, NULL), 0);
	assert_int_equal(store_enable_jail(from, STR("j")), 0);
	for (int i = 0; i < 200; i++) {
		struct ticket *t = ticket("some-id", i);

		assert_int_equal(add_ban(from, "j", i % 2 ? "192.0.2.1" : "x", i, 1000), 0);
		assert_int_equal(store_put_failure(from, STR("j"), t), 0);
		ticket_free(t);
	}
	fd = store_to_memfd(from);
	size = lseek(fd, 0, SEEK_END);
	image = xcalloc(1, (size_t)size);
	assert_int_equal(pread(fd, image, (size_t)size, 0), size);
	close(fd);
	for (int round = 0; round < 300; round++) {
		char *copy = xmemdup(image, (size_t)size);

		for (int i = 0; i < 1 + round / 10; i++) {
			random = random * 1103515245 + 12345;
			copy[random % (unsigned)size] = (char)(random >> 24);
		}
		fd = memfd_create("flipped", MFD_CLOEXEC);
		assert_int_equal(write(fd, copy, (size_t)size), size);
		if (store_from_memfd(to, fd) == 0) {
			/* also the rows may be damage */
			(void)!store_each_ban(to, STR("j"), &how, count_and_free, &rows);
			(void)!store_each_failure(to, STR("j"), count_and_free, &rows);
			(void)!add_ban(to, "j", "192.0.2.1", 1, 1);
			(void)!store_purge(to, 1000, 10);
		}
		close(fd);
		free(copy);
	}
	assert_true(rows > 0); /* some were still good */
	free(image);
	store_close(from);
	store_close(to);
}

static off_t size_of(const struct place *p, const char *tail)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof path, "%s%s", p->path, tail);
	return stat(path, &st) < 0 ? -1 : st.st_size;
}

static void test_log_is_bounded(void **state)
{
	struct place *p = *state;
	struct store *s = open_at(p->path);
	off_t before;

	assert_int_equal(store_enable_jail(s, STR("j")), 0);
	/* below the limit nothing is moved into the file */
	before = size_of(p, "");
	for (int i = 0; i < 100; i++)
		assert_int_equal(add_ban(s, "j", "192.0.2.1", i, 10), 0);
	assert_int_equal(size_of(p, ""), before);
	assert_true(size_of(p, "-wal") > 100 * 4096);
	for (int i = 0; i < 2000; i++)
		assert_int_equal(add_ban(s, "j", "192.0.2.1", i, 10), 0);
	assert_true(size_of(p, "-wal") < (9 << 20));
	assert_true(size_of(p, "") > before);
	store_checkpoint(s);
	assert_int_equal(size_of(p, "-wal"), 0);
	store_close(s);
	assert_int_equal(size_of(p, "-wal"), -1); /* one file, for Fail2ban */
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		IN_PLACE(test_new_file),       IN_PLACE(test_clean),
		IN_PLACE(test_jails),          IN_PLACE(test_ban_rows),
		IN_PLACE(test_restore),        IN_PLACE(test_restored_ticket),
		IN_PLACE(test_del_and_find),   IN_PLACE(test_hostile_ids),
		IN_PLACE(test_positions),      IN_PLACE(test_run),
		IN_PLACE(test_purge),          IN_PLACE(test_crash),
		IN_PLACE(test_two_processes),  IN_PLACE(test_locked_by_another),
		IN_PLACE(test_full_disk),      IN_PLACE(test_no_space),
		IN_PLACE(test_damage),         IN_PLACE(test_damage_met_late),
		IN_PLACE(test_old_versions),   IN_PLACE(test_newer_version),
		IN_PLACE(test_hostile_schema), IN_PLACE(test_memfd),
		IN_PLACE(test_flipped_bytes),  IN_PLACE(test_log_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
