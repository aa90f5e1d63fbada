/*
 * Files to lines to jails.  The warden opens, inotify wakes, follow/ reads in turns; here each line
 * goes to the jails that read its file, and positions are kept per jail.  See engine.h.
 */
#include "daemon/engine.h"

#include <errno.h>
#include <limits.h>

#define READ_BUDGET (64u * 1024u)        /* bytes in one turn of the loop: about a millisecond */
#define BACKLOG_MAX (8u * 1024u * 1024u) /* orders waiting for the warden before reading stops */
#define BACKLOG_PAUSE_MS 10
#define OLD_FILES_MAX 16
#define GONE_SECONDS 300.0 /* longer than the warden holds a replaced file */
#define ASKED_SECONDS 10.0 /* how long reading waits for the warden's answers at a start */

/* A jail's place in a file: lines that end at or before `start` are not its business. */
struct reader {
	unsigned jail;
	int64_t start;
};

struct readers {
	unsigned n;
	struct reader list[];
};

/* ---------------------------------------------------------------- lines */

static void on_line(void *arg, struct follow_file *f, str line, int64_t end)
{
	struct engine *e = arg;
	const struct readers *r = f->user;
	struct filter_time t = { .now = e->turn_now,
				 .session_now = e->turn_now,
				 .check_age = true,
				 .in_operation = f->in_operation };

	for (unsigned i = 0; r && i < r->n; i++) {
		struct running *j = &e->jails[r->list[i].jail];

		if (end <= r->list[i].start)
			continue;
		jail_line(j->jail, line, &t, &e->events);
		j->changed = true; /* sessions and date formats are learned from every line */
	}
}

static void remember_gone(struct engine *e, const struct follow_file *f)
{
	struct gone_file *g = xcalloc(1, sizeof *g);

	*g = (struct gone_file){ .next = e->gone,
				 .path = str_dup(f->path),
				 .dev = f->dev,
				 .ino = f->ino,
				 .since = e->turn_now };
	e->gone = g;
}

void engine_forget_gone(struct engine *e)
{
	for (struct gone_file **at = &e->gone; *at;) {
		struct gone_file *g = *at;

		if (e->turn_now - g->since < GONE_SECONDS) {
			at = &g->next;
			continue;
		}
		engine_write_gone(e, str_of(g->path), g->dev, g->ino);
		*at = g->next;
		free(g->path);
		free(g);
	}
}

static void on_file_event(void *arg, struct follow_file *f, enum follow_event event)
{
	struct engine *e = arg;
	struct readers *r = f->user;

	switch (event) {
	case FOLLOW_ROTATED:
		engine_log(e, LEVEL_MSG, "filter", "Log rotation detected for %.*s",
			   STR_ARG(f->path));
		break;
	case FOLLOW_TRUNCATED:
		engine_log(e, LEVEL_MSG, "filter", "Log truncation detected for %.*s",
			   STR_ARG(f->path));
		for (unsigned i = 0; r && i < r->n; i++)
			r->list[i].start = 0;
		break;
	case FOLLOW_FAILED:
		engine_log(e, LEVEL_ERROR, "filter", "Unable to read %.*s: %s", STR_ARG(f->path),
			   strerror(errno));
		break;
	case FOLLOW_GONE:
		/* the warden may still hold it for an engine to come: its position stays a while */
		remember_gone(e, f);
		free(r);
		f->user = NULL;
		break;
	}
}

static void on_scan(void *arg)
{
	struct engine *e = arg;

	channel_send(e->child.warden, MSG_SCAN, NULL, -1);
}

void engine_wake(struct engine *e)
{
	static const struct timeval at_once = { 0 };

	/* a timer, not event_active(): other events get their turn between two reads */
	if (e->work && e->follow && e->scanned && e->n_asked == 0)
		evtimer_add(e->work, &at_once);
}

static void on_work(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval pause = { .tv_usec = BACKLOG_PAUSE_MS * 1000 };
	struct engine *e = arg;

	(void)fd;
	(void)what;
	if (channel_backlog(e->child.warden) > BACKLOG_MAX) {
		evtimer_add(e->work, &pause); /* bans first: lines wait in their files */
		return;
	}
	e->turn_now = clock_now();
	if (follow_read(e->follow, READ_BUDGET, e->turn_now))
		engine_positions_changed(e);
	engine_end_turn(e);
	if (follow_pending(e->follow))
		engine_wake(e);
}

/* No answer is an answer, too: what is here must not wait for ever. */
static void give_up_asked(struct engine *e)
{
	engine_log(e, LEVEL_ERROR, "filter", "%u rotated files could not be looked for",
		   e->n_asked);
	while (e->n_asked)
		free(e->asked[--e->n_asked].path);
	engine_wake(e);
}

/* What is due now, and a timer for what is due next. */
static void tick(struct engine *e)
{
	double now = clock_now(), wait;
	struct timeval next;

	follow_tick(e->follow, now);
	if (e->n_asked && now - e->asked_at > ASKED_SECONDS)
		give_up_asked(e);
	if (follow_pending(e->follow))
		engine_wake(e);
	wait = follow_next_tick(e->follow) - now;
	wait = wait < 0.001 ? 0.001 : wait > 1 ? 1 : wait;
	next.tv_sec = (time_t)wait;
	next.tv_usec = (suseconds_t)((wait - (double)next.tv_sec) * 1e6);
	evtimer_add(e->follow_due, &next);
}

static void on_follow_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	tick(arg);
}

static void on_inotify(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;

	(void)fd;
	(void)what;
	if (follow_events(e->follow, clock_now()) < 0)
		engine_log(e, LEVEL_ERROR, "filter", "inotify cannot be read");
	tick(e);
}

static void new_follow(struct engine *e, int inotify)
{
	const struct follow_hooks hooks = {
		.arg = e, .line = on_line, .event = on_file_event, .scan = on_scan
	};

	e->follow = follow_new(inotify, &hooks);
	e->work = evtimer_new(e->child.base, on_work, e);
	e->follow_due = evtimer_new(e->child.base, on_follow_due, e);
	tick(e);
}

int engine_watch_fd(struct engine *e, int fd)
{
	if (e->follow) {
		close(fd);
		return -EPROTO;
	}
	e->inotify = fd;
	new_follow(e, fd);
	e->watch_readable = event_new(e->child.base, fd, EV_READ | EV_PERSIST, on_inotify, e);
	event_add(e->watch_readable, NULL);
	return 0;
}

/* ---------------------------------------------------------------- where to begin */

struct start {
	struct engine *e;
	struct follow_file *file;
	unsigned pattern;
	char first_line[FILE_HASH_TEXT];
	bool found;
	int64_t pos;
	/* files that stood there when positions were committed, newest first */
	struct {
		uint64_t dev, ino;
	} old[OLD_FILES_MAX];
	unsigned n_old;
};

static void on_position(void *arg, const struct store_position *p)
{
	struct start *s = arg;
	bool same_hash = p->first_line.n == 0 || str_is(p->first_line, s->first_line);

	if (p->ino == s->file->ino && p->dev == s->file->dev) {
		if (!s->found && same_hash)
			s->pos = p->pos;
		s->found = true;
	} else if (p->ino == 0) { /* a row of Fail2ban's */
		if (!s->found && p->first_line.n && same_hash) {
			s->found = true;
			s->pos = p->pos;
		}
	} else if (s->n_old < OLD_FILES_MAX) {
		s->old[s->n_old].dev = p->dev;
		s->old[s->n_old++].ino = p->ino;
	}
}

static bool line_date(void *arg, str line, double *when)
{
	const struct jail *j = ((void **)arg)[0];
	const struct engine *e = ((void **)arg)[1];

	return filter_line_time(j->filter, line, e->turn_now, when);
}

static struct follow_file *find_followed(const struct engine *e, uint64_t dev, uint64_t ino)
{
	struct follow_file *f;
	size_t at = 0;

	while ((f = follow_each(e->follow, &at)) != NULL)
		if (f->dev == dev && f->ino == ino)
			return f;
	return NULL;
}

/* Asks for a file that stood at this path when its position was committed. */
static void ask_rotated(struct engine *e, const struct start *s, uint64_t dev, uint64_t ino)
{
	struct buf b = { 0 };

	if (find_followed(e, dev, ino))
		return; /* the warden had it open and has sent it */
	for (unsigned i = 0; i < e->n_asked; i++)
		if (e->asked[i].dev == dev && e->asked[i].ino == ino)
			return;
	if (e->n_asked == ENGINE_ASKED_MAX)
		return;
	e->asked[e->n_asked++] =
		(struct asked_file){ .dev = dev, .ino = ino, .path = str_dup(s->file->path) };
	e->asked_at = clock_now();
	pack_u32(&b, s->pattern);
	pack_u64(&b, dev);
	pack_u64(&b, ino);
	channel_send(e->child.warden, MSG_OPEN_ROTATED, &b, -1);
	buf_free(&b);
}

/* Where a jail begins in a file. `old`: the path names another file by now. */
static int64_t find_start(struct engine *e, struct follow_file *f, const struct jail *j,
			  unsigned pattern, bool tail, bool old)
{
	struct start s = { .e = e, .file = f, .pattern = pattern };
	int64_t size = file_size(f->src);
	void *arg[2] = { (void *)(uintptr_t)j, e };

	file_first_line(f->src, s.first_line);
	if (e->store && store_each_position(e->store, j->conf->name, f->path, on_position, &s) < 0)
		engine_log(e, LEVEL_ERROR, "database", "[%.*s] position of %.*s cannot be read",
			   STR_ARG(j->conf->name), STR_ARG(f->path));
	if (s.found && s.pos > size)
		s.pos = 0; /* truncated while nobody looked */
	for (unsigned i = 0; !old && !e->scanned && i < s.n_old; i++)
		ask_rotated(e, &s, s.old[i].dev, s.old[i].ino);
	if (old || e->scanned || s.n_old)
		return s.pos; /* what appeared while we watched is all news */
	if (!s.found && tail) {
		follow_set_in_operation(f, true);
		return size < 0 ? 0 : size;
	}
	file_seek_time(f->src, s.pos, e->turn_now - (double)j->findtime, line_date, arg);
	return file_pos(f->src);
}

/* ---------------------------------------------------------------- files */

/* How a jail comes to a pattern; NULL if it does not read it. */
static const struct config_logpath *logpath_of(const struct config_jail *jail, unsigned pattern)
{
	for (unsigned i = 0; i < jail->n_logpath; i++)
		if (jail->logpath[i].pattern == pattern)
			return &jail->logpath[i];
	return NULL;
}

static bool reads(const struct readers *r, unsigned jail)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->list[i].jail == jail)
			return true;
	return false;
}

/* It is back: its position is of use again. */
static void take_back_gone(struct engine *e, const struct follow_file *f)
{
	for (struct gone_file **at = &e->gone; *at;) {
		struct gone_file *g = *at;

		if (g->dev != f->dev || g->ino != f->ino || !str_is(f->path, g->path)) {
			at = &g->next;
			continue;
		}
		*at = g->next;
		free(g->path);
		free(g);
	}
}

static void add_readers(struct engine *e, struct follow_file *f, const unsigned *patterns,
			unsigned n_patterns, bool old)
{
	struct readers *r = xcalloc(1, sizeof *r + e->config->n_jails * sizeof *r->list);
	int64_t first = INT64_MAX;
	char hash[FILE_HASH_TEXT];

	for (unsigned p = 0; p < n_patterns; p++) {
		for (unsigned j = 0; j < e->config->n_jails; j++) {
			const struct config_logpath *path =
				logpath_of(e->config->jails[j], patterns[p]);
			int64_t start;

			if (!path || !e->jails[j].jail || reads(r, j))
				continue;
			start = find_start(e, f, e->jails[j].jail, patterns[p], path->tail, old);
			r->list[r->n++] = (struct reader){ .jail = j, .start = start };
			if (start < first)
				first = start;
		}
	}
	f->user = r;
	take_back_gone(e, f);
	file_seek(f->src, r->n ? first : 0);
	file_first_line(f->src, hash);
	engine_log(e, LEVEL_INFO, "filter", "Added logfile: '%.*s' (pos = %lld, hash = %s)",
		   STR_ARG(f->path), (long long)file_pos(f->src), hash);
	/* where it begins is known from now on: after a crash, the end may be further */
	engine_positions_changed(e);
	engine_commit(e);
}

/* The answer to ask_rotated(): the path that the file had, or STR_NULL if nobody asked. */
static char *take_asked(struct engine *e, uint64_t dev, uint64_t ino)
{
	for (unsigned i = 0; i < e->n_asked; i++) {
		if (e->asked[i].dev == dev && e->asked[i].ino == ino) {
			char *path = e->asked[i].path;

			e->asked[i] = e->asked[--e->n_asked];
			return path;
		}
	}
	return NULL;
}

struct log_fd {
	unsigned flags, n_patterns;
	uint64_t dev, ino;
	int wd;
	unsigned patterns[256];
	str path;
};

static int unpack_log_fd(const struct engine *e, str payload, struct log_fd *m)
{
	struct unpack u = { .in = payload };

	m->flags = unpack_u8(&u);
	m->dev = unpack_u64(&u);
	m->ino = unpack_u64(&u);
	m->wd = (int)unpack_u32(&u);
	m->n_patterns = unpack_u32(&u);
	if (u.bad || m->n_patterns > 256)
		return -EBADMSG;
	for (unsigned i = 0; i < m->n_patterns; i++) {
		m->patterns[i] = unpack_u32(&u);
		if (m->patterns[i] >= e->config->n_patterns)
			return -ERANGE;
	}
	m->path = unpack_str(&u, PATH_MAX);
	return unpack_done(&u) ? 0 : -EBADMSG;
}

int engine_log_fd(struct engine *e, str payload, int fd)
{
	struct log_fd m;
	int r = unpack_log_fd(e, payload, &m);
	_free_ char *asked = NULL;
	struct follow_file *f;

	if (r < 0 || !e->follow) {
		if (fd >= 0)
			close(fd);
		return r < 0 ? r : -EPROTO;
	}
	if (m.flags & LOG_FD_ROTATED) {
		asked = take_asked(e, m.dev, m.ino);
		m.path = str_of(asked);
		engine_wake(e);
	}
	if (fd < 0 || !m.path.p) {
		if (fd >= 0)
			close(fd);
		else if (m.path.p &&
			 !find_followed(e, m.dev, m.ino)) /* the rotated file is gone: what it held
							     is not to be had */
			engine_write_gone(e, m.path, m.dev, m.ino);
		return 0;
	}
	e->turn_now = clock_now();
	if (m.flags & LOG_FD_OLD)
		f = follow_add_old(e->follow, m.path, fd, m.dev, m.ino, e->turn_now);
	else
		f = follow_add(e->follow, m.path, fd, m.wd, m.dev, m.ino, e->turn_now);
	if (f && !f->user)
		add_readers(e, f, m.patterns, m.n_patterns, m.flags & LOG_FD_OLD);
	engine_wake(e);
	return 0;
}

void engine_add_paths(struct engine *e, unsigned jail, struct arena *a, struct value *list)
{
	const struct follow_file *f;
	size_t at = 0;

	while (e->follow && (f = follow_each(e->follow, &at)) != NULL)
		if (f->current && f->user && reads(f->user, jail))
			value_add(a, list, value_str(a, f->path));
}

/* ---------------------------------------------------------------- positions */

static int put_file(struct engine *e, struct follow_file *f)
{
	const struct readers *r = f->user;
	struct store_position p = { .path = f->path, .dev = f->dev, .ino = f->ino };
	char hash[FILE_HASH_TEXT];
	int result = 0;

	int64_t pos = file_pos(f->src);

	if (pos == f->committed || !r)
		return 0;
	file_first_line(f->src, hash);
	p.first_line = str_of(hash);
	for (unsigned i = 0; result == 0 && i < r->n; i++) {
		/* a jail that was ahead when the file was opened stays ahead */
		p.pos = pos > r->list[i].start ? pos : r->list[i].start;
		p.jail = e->config->jails[r->list[i].jail]->name;
		result = store_put_position(e->store, &p);
	}
	f->committed = pos;
	return result;
}

int engine_put_positions(struct engine *e)
{
	struct follow_file *f;
	size_t at = 0;
	int r = 0;

	while (e->follow && r == 0 && (f = follow_each(e->follow, &at)) != NULL)
		r = put_file(e, f);
	return r;
}

void engine_forget_committed(struct engine *e)
{
	struct follow_file *f;
	size_t at = 0;

	while (e->follow && (f = follow_each(e->follow, &at)) != NULL)
		f->committed = -1;
}

void engine_sources_free(struct engine *e)
{
	struct follow_file *f;
	size_t at = 0;

	if (!e->follow)
		return;
	while ((f = follow_each(e->follow, &at)) != NULL)
		free(f->user);
	follow_free(e->follow);
}
