/*
 * Log files, opened with the warden's rights and read by the engine.  Each open file is also
 * kept here (the same open description, never read), so that an engine that died finds what it
 * had, also a rotated file that has no name any more.  See warden.h.
 */
#include "daemon/warden.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>

/* How long a replaced file is kept for a new engine: less than the engine keeps its position. */
#define OLD_FILE_MS (120 * 1000)

static void free_held(struct held_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	free(f->patterns);
	free(f);
}

static void send_file(struct channel *engine, const struct held_file *f, unsigned flags, int fd)
{
	struct buf b = { 0 };

	pack_u8(&b, (uint8_t)flags);
	pack_u64(&b, f->dev);
	pack_u64(&b, f->ino);
	pack_u32(&b, (uint32_t)f->wd);
	pack_u32(&b, f->n_patterns);
	for (unsigned i = 0; i < f->n_patterns; i++)
		pack_u32(&b, f->patterns[i]);
	pack_str(&b, str_of(f->path));
	channel_send(engine, MSG_LOG_FD, &b, fd);
	buf_free(&b);
}

static void send_held(struct warden *w, struct channel *engine, const struct held_file *f)
{
	int fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);

	if (fd >= 0)
		send_file(engine, f, f->replaced_ms ? LOG_FD_OLD : 0, fd);
	else
		warden_log(w, LEVEL_ERROR, "%s is not followed: %s", f->path, strerror(errno));
}

/* A file that the watch has opened: new under its path. */
static void on_opened(void *arg, const struct watch_file *opened)
{
	struct warden *w = arg;
	struct held_file *f = xcalloc(1, sizeof *f), **last;
	struct channel *engine = warden_engine(w);

	*f = (struct held_file){
		.path = str_dup(opened->path),
		.patterns = xmemdup(opened->patterns, opened->n_patterns * sizeof(unsigned)),
		.n_patterns = opened->n_patterns,
		.fd = opened->fd,
		.wd = opened->wd,
		.dev = opened->dev,
		.ino = opened->ino,
	};
	for (last = &w->files; *last; last = &(*last)->next)
		if (!(*last)->replaced_ms && strcmp((*last)->path, f->path) == 0)
			(*last)->replaced_ms = clock_ticks_ms();
	*last = f;
	if (engine)
		send_held(w, engine, f);
}

void warden_sources_scan(struct warden *w)
{
	struct channel *engine = warden_engine(w);

	if (w->watch)
		watch_scan(w->watch, on_opened, w);
	if (engine)
		channel_send(engine, MSG_SCANNED, NULL, -1);
}

static void on_refused(void *arg, str path, const char *why)
{
	warden_log(arg, LEVEL_WARNING, "%.*s is not followed: %s", STR_ARG(path), why);
}

void warden_sources_open(struct warden *w)
{
	struct err err = { 0 };

	w->watch = watch_new(w->config->patterns, w->config->n_patterns, &err);
	if (!w->watch) {
		warden_log(w, LEVEL_ERROR, "cannot watch log files: %s", err.text);
		return;
	}
	watch_on_refused(w->watch, on_refused, w);
	watch_scan(w->watch, on_opened, w);
}

static unsigned count_held(const struct warden *w)
{
	unsigned n = 0;

	for (const struct held_file *f = w->files; f; f = f->next)
		n++;
	return n;
}

static const struct held_file *nth_held(const struct warden *w, unsigned n)
{
	const struct held_file *f = w->files;

	while (n-- > 0)
		f = f->next;
	return f;
}

void warden_sources_begin(struct warden *w, struct channel *engine)
{
	int fd = w->watch ? fcntl(watch_fd(w->watch), F_DUPFD_CLOEXEC, 0) : -1;

	if (fd >= 0)
		channel_send(engine, MSG_WATCH_FD, NULL, fd);
	/* each old one is read before those that came earlier: so the newest goes first */
	for (unsigned n = count_held(w); n-- > 0;)
		if (nth_held(w, n)->replaced_ms)
			send_held(w, engine, nth_held(w, n));
	for (const struct held_file *f = w->files; f; f = f->next)
		if (!f->replaced_ms)
			send_held(w, engine, f);
	warden_sources_scan(w);
}

int warden_sources_rotated(struct warden *w, str payload)
{
	struct unpack u = { .in = payload };
	struct held_file f = { .fd = -1, .path = (char *)(uintptr_t) "", .wd = -1 };
	unsigned pattern = unpack_u32(&u);

	f.dev = unpack_u64(&u);
	f.ino = unpack_u64(&u);
	if (!unpack_done(&u))
		return -EBADMSG;
	if (pattern >= w->config->n_patterns || !w->watch)
		return -ERANGE;
	f.patterns = &pattern;
	f.n_patterns = 1;
	f.fd = watch_open_rotated(w->watch, pattern, f.dev, f.ino);
	send_file(warden_engine(w), &f, LOG_FD_OLD | LOG_FD_ROTATED, f.fd >= 0 ? f.fd : -1);
	return 0;
}

void warden_sources_forget_old(struct warden *w)
{
	int64_t now = clock_ticks_ms();

	for (struct held_file **at = &w->files; *at;) {
		struct held_file *f = *at;
		struct stat st;

		if (!f->replaced_ms && fstat(f->fd, &st) == 0 && st.st_nlink == 0)
			f->replaced_ms = now; /* deleted, and nothing took its name yet */
		if (f->replaced_ms && now - f->replaced_ms > OLD_FILE_MS) {
			*at = f->next;
			free_held(f);
		} else {
			at = &f->next;
		}
	}
}

/* The patterns of the configuration in force that name the file. */
static void match_patterns(const struct warden *w, struct held_file *f)
{
	f->patterns = xreallocarray(f->patterns, w->config->n_patterns + 1, sizeof *f->patterns);
	f->n_patterns = 0;
	for (unsigned i = 0; i < w->config->n_patterns; i++) {
		_free_ char *pattern = str_dup(w->config->patterns[i]);

		if (fnmatch(pattern, f->path, FNM_PATHNAME | FNM_PERIOD | FNM_NOESCAPE) == 0)
			f->patterns[f->n_patterns++] = i;
	}
}

void warden_sources_change(struct warden *w)
{
	for (struct held_file **at = &w->files; *at;) {
		struct held_file *f = *at;

		f->wd = -1; /* of the old watch */
		match_patterns(w, f);
		if (f->replaced_ms && f->n_patterns) {
			at = &f->next;
		} else { /* what stands at a path now is opened again */
			*at = f->next;
			free_held(f);
		}
	}
	watch_free(w->watch);
	w->watch = NULL;
	warden_sources_open(w);
}
