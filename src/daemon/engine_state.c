/*
 * The engine's memory on disk.  Positions, counters, filter states and bans are committed in one
 * transaction, at most a second after the first of them changed; after a crash the lines since
 * then are read again onto the committed counters, so each counts once.  A database that cannot
 * be written stops nothing: what waits stays in memory and is tried again.  See engine.h.
 */
#include "daemon/engine.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define COMMIT_AFTER_MS 500
#define PURGE_EVERY 3600.0
#define BUSY_TRIES 100 /* tenths of a second */

/* ---------------------------------------------------------------- what waits */

static void free_write(struct pending_write *p)
{
	ticket_free(p->ticket);
	free(p->text);
	free(p);
}

static void queue_write(struct engine *e, struct pending_write *p)
{
	*e->last_write = p;
	e->last_write = &p->next;
}

void engine_positions_changed(struct engine *e)
{
	static const struct timeval soon = { .tv_usec = COMMIT_AFTER_MS * 1000 };

	if (e->dirty || !e->commit)
		return;
	e->dirty = true;
	evtimer_add(e->commit, &soon);
}

void engine_changed(struct engine *e, unsigned jail)
{
	e->jails[jail].changed = true;
	engine_positions_changed(e);
}

void engine_write_ban(struct engine *e, unsigned jail, const struct ticket *t)
{
	struct pending_write *p = xcalloc(1, sizeof *p);

	p->what = WRITE_BAN;
	p->jail = jail;
	p->ticket = ticket_copy(t);
	queue_write(e, p);
	engine_changed(e, jail);
}

void engine_write_unban(struct engine *e, unsigned jail, const struct fid *id)
{
	struct pending_write *p = xcalloc(1, sizeof *p);
	struct buf text = { 0 };

	fid_add(&text, id);
	p->what = WRITE_UNBAN;
	p->jail = jail;
	p->text = buf_take(&text);
	queue_write(e, p);
	engine_changed(e, jail);
}

void engine_write_gone(struct engine *e, str path, uint64_t dev, uint64_t ino)
{
	struct pending_write *p = xcalloc(1, sizeof *p);

	p->what = WRITE_GONE;
	p->text = str_dup(path);
	p->dev = dev;
	p->ino = ino;
	queue_write(e, p);
	engine_positions_changed(e);
}

/* ---------------------------------------------------------------- commit */

struct committer {
	struct engine *e;
	unsigned jail;
	int result;
};

static void put_failure(void *arg, const struct fid *id, const struct ticket *t)
{
	struct committer *c = arg;
	str name = c->e->config->jails[c->jail]->name;
	int r = t ? store_put_failure(c->e->store, name, t)
		  : store_del_failure(c->e->store, name, id);

	if (r < 0)
		c->result = r;
}

static int put_jail(struct engine *e, unsigned i)
{
	struct jail *j = e->jails[i].jail;
	struct committer c = { .e = e, .jail = i };
	struct buf saved = { 0 };
	struct store_jail row = { .failed = failures_total(j->failures),
				  .banned = bans_total(j->bans) };

	filter_save(j->filter, &saved);
	row.filter = buf_str(&saved);
	c.result = store_put_jail(e->store, j->conf->name, &row);
	buf_free(&saved);
	failures_each_changed(j->failures, put_failure, &c);
	return c.result;
}

static int put_write(struct engine *e, const struct pending_write *p)
{
	const struct config_jail *conf;
	struct fid id;

	if (p->what == WRITE_GONE)
		return store_del_position(e->store, str_of(p->text), p->dev, p->ino);
	conf = e->config->jails[p->jail];
	if (p->what == WRITE_BAN)
		return store_add_ban(e->store, conf->name, p->ticket,
				     e->jails[p->jail].jail->bantime, e->config->dbmaxmatches);
	id = fid_parse(str_of(p->text));
	return store_del_ban(e->store, conf->name, &id);
}

/* One row that the database will never take must not keep all the others out. */
static bool is_hopeless(int r)
{
	return r == -ENOENT || r == -E2BIG || r == -EINVAL;
}

static int write_all(struct engine *e)
{
	int r = store_begin(e->store);

	for (const struct pending_write *p = e->writes; r == 0 && p; p = p->next) {
		r = put_write(e, p);
		if (!is_hopeless(r))
			continue;
		engine_log(e, LEVEL_ERROR, "database", "a row could not be written: %s",
			   strerror(-r));
		r = 0;
	}
	for (unsigned i = 0; r == 0 && i < e->config->n_jails; i++)
		if (e->jails[i].jail && e->jails[i].changed)
			r = put_jail(e, i);
	if (r == 0)
		r = engine_put_positions(e);
	if (r == 0)
		r = store_commit(e->store);
	if (r < 0) {
		store_rollback(e->store);
		engine_forget_committed(e);
		return r;
	}
	for (unsigned i = 0; i < e->config->n_jails; i++)
		if (e->jails[i].jail && e->jails[i].changed)
			failures_committed(e->jails[i].jail->failures);
	return 0;
}

static void forget_writes(struct engine *e)
{
	for (struct pending_write *p = e->writes, *next; p; p = next) {
		next = p->next;
		free_write(p);
	}
	e->writes = NULL;
	e->last_write = &e->writes;
}

void engine_commit(struct engine *e)
{
	static const struct timeval later = { .tv_sec = 2 };
	int r;

	if (!e->store || !e->dirty) {
		forget_writes(e);
		e->dirty = false;
		return;
	}
	r = write_all(e);
	if (r < 0) {
		engine_log(e, LEVEL_ERROR, "database",
			   "the database cannot be written (%s); going on in memory, trying again",
			   strerror(-r));
		evtimer_add(e->commit, &later);
		return;
	}
	forget_writes(e);
	for (unsigned i = 0; i < e->config->n_jails; i++)
		e->jails[i].changed = false;
	e->dirty = false;
}

static void on_commit(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;
	double now = clock_now();

	(void)fd;
	(void)what;
	engine_commit(e);
	if (e->store && now - e->last_purge > PURGE_EVERY) {
		e->last_purge = now;
		if (store_purge(e->store, now, e->config->dbpurgeage) < 0)
			engine_log(e, LEVEL_ERROR, "database", "the database cannot be purged");
		store_checkpoint(e->store);
	}
	log_flush(&e->child.log);
}

/* ---------------------------------------------------------------- start */

/*
 * Another process (a backup, a shell) may hold the database for a moment; no line has been read
 * yet, so waiting costs nothing.
 */
static int patiently(int (*try)(struct engine *e, void *arg), struct engine *e, void *arg)
{
	static const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
	int r = try(e, arg);

	for (int i = 0; i < BUSY_TRIES && r == -EBUSY; i++) {
		nanosleep(&pause, NULL);
		r = try(e, arg);
	}
	return r;
}

struct opening {
	const char *path;
	bool made;
	struct err err;
};

static int try_open(struct engine *e, void *arg)
{
	struct opening *o = arg;

	return store_open(o->path, &e->store, &o->made, &o->err);
}

static int try_begin(struct engine *e, void *arg)
{
	(void)arg;
	return store_begin(e->store);
}

static int open_store(struct engine *e, int memfd)
{
	bool in_memory = str_is(e->config->dbfile, "None");
	_free_ char *path = in_memory ? NULL : str_dup(e->config->dbfile);
	struct opening o = { .path = path };
	int r = patiently(try_open, e, &o);

	if (o.err.text[0])
		engine_log(e, LEVEL_ERROR, "database", "%s", o.err.text);
	if (r < 0) { /* the state is kept in memory: better than none, worse than a file */
		in_memory = true;
		r = store_open(NULL, &e->store, &o.made, &o.err);
	}
	e->store_in_memory = in_memory;
	if (r == 0 && in_memory && memfd >= 0)
		r = store_from_memfd(e->store, memfd);
	if (r == 0 && !in_memory) {
		engine_log(e, LEVEL_INFO, "database",
			   "Connected to fail2ban persistent database '%s'", path);
		if (o.made)
			engine_log(e, LEVEL_WARNING, "database",
				   "New database created. Version '4'");
	}
	return r;
}

struct restorer {
	struct engine *e;
	unsigned jail;
	bool say;
};

static void restore_failure(void *arg, struct ticket *t)
{
	struct restorer *r = arg;

	failures_put(r->e->jails[r->jail].jail->failures, t);
}

static void restore_totals(void *arg, const struct store_jail *row)
{
	struct restorer *r = arg;
	struct jail *j = r->e->jails[r->jail].jail;

	failures_set_total(j->failures, row->failed);
	bans_set_total(j->bans, row->banned);
	/* a state that cannot be read leaves the filter fresh: sessions begin anew */
	if (row->filter.n && filter_restore(j->filter, row->filter) < 0)
		engine_log(r->e, LEVEL_WARNING, "database",
			   "[%.*s] the filter's state could not be read", STR_ARG(j->conf->name));
}

static void restore_ban(void *arg, struct ticket *t)
{
	struct restorer *r = arg;
	struct engine *e = r->e;
	struct jail *j = e->jails[r->jail].jail;
	const struct ticket *active = NULL;
	uint64_t total = bans_total(j->bans);
	struct buf id = { 0 };

	if (ignore_test(j->ignore, &t->id, e->self, e->n_self)) {
		/* the configuration spares it now: the kernel may still hold it */
		engine_order(e, r->jail, MSG_BAN_DEL, 0, t);
		ticket_free(t);
		return;
	}
	t->restored = true;
	if (bans_add(j->bans, t, j->bantime, e->turn_now, &active) == BAN_NEW && active) {
		engine_order(e, r->jail, MSG_BAN_ADD, BAN_FLAG_RESTORED, active);
		engine_relieve(e);
		fid_add(&id, &active->id);
		if (r->say)
			engine_log(e, LEVEL_NOTICE, "actions", "[%.*s] Restore Ban %s",
				   STR_ARG(j->conf->name), buf_z(&id));
		else
			bans_set_total(j->bans, total); /* it was counted when it was made */
		buf_free(&id);
	}
}

static void restore_jail(struct engine *e, unsigned i, bool say)
{
	struct restorer r = { .e = e, .jail = i, .say = say };
	struct jail *j = e->jails[i].jail;
	struct store_restore how = { .now = e->turn_now,
				     .bantime = j->bantime,
				     .maxtime = -1,
				     .maxmatches = e->config->dbmaxmatches };
	str name = j->conf->name;
	int bad = 0;

	bad |= store_enable_jail(e->store, name) < 0;
	bad |= store_get_jail(e->store, name, restore_totals, &r) < 0;
	bad |= store_each_failure(e->store, name, restore_failure, &r) < 0;
	bad |= store_each_ban(e->store, name, &how, restore_ban, &r) < 0;
	if (bad)
		engine_log(e, LEVEL_ERROR, "database", "[%.*s] not all could be read",
			   STR_ARG(name));
}

void engine_state_open(struct engine *e, int memfd, bool reloaded)
{
	bool clean;

	e->commit = evtimer_new(e->child.base, on_commit, e);
	e->last_purge = clock_now();
	if (open_store(e, memfd) < 0) {
		engine_log(e, LEVEL_ERROR, "database", "no database: the state is lost at the end");
		store_close(e->store);
		e->store = NULL;
	}
	if (memfd >= 0)
		close(memfd);
	if (!e->store)
		return;
	clean = !reloaded && store_was_clean(e->store);
	if (patiently(try_begin, e, NULL) < 0) {
		engine_log(e, LEVEL_ERROR, "database",
			   "the database is held by somebody else: going on without it");
		store_close(e->store);
		e->store = NULL;
		return;
	}
	if (clean && store_forget_run(e->store) < 0)
		engine_log(e, LEVEL_ERROR, "database", "the last run could not be forgotten");
	if (store_set_clean(e->store, false) < 0 || store_disable_jails(e->store) < 0)
		engine_log(e, LEVEL_ERROR, "database", "the database cannot be written");
	for (unsigned i = 0; i < e->config->n_jails; i++)
		if (e->jails[i].jail)
			restore_jail(e, i, clean);
	if (store_commit(e->store) < 0)
		store_rollback(e->store);
}

int engine_state_close(struct engine *e, bool final)
{
	int fd = -1;

	if (!e->store)
		return -1;
	e->dirty = true;
	engine_commit(e);
	if (final && store_set_clean(e->store, true) < 0)
		engine_log(e, LEVEL_ERROR, "database", "the database cannot be written");
	if (e->store_in_memory && !final)
		fd = store_to_memfd(e->store);
	else
		store_checkpoint(e->store);
	store_close(e->store);
	e->store = NULL;
	return fd;
}
