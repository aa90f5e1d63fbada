/*
 * Finding log files and watching for new ones; see watch.h.  File names, links and their owners
 * are hostile in directories that others write to; walk.c decides what may be opened.  Reads no
 * byte of any log.  Called by the warden.
 */
#include "source/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/table.h"
#include "base/xalloc.h"
#include "source/rotated.h"
#include "source/walk.h"

enum {
	FILE_EVENTS = IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF,
	DIR_EVENTS = IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF,
};

/* A path that some pattern names. */
struct entry {
	bool seen; /* in this scan */
	unsigned *patterns;
	unsigned n_patterns;
	int pin; /* O_PATH on the file that was opened: keeps its inode number from being reused */
	uint64_t dev, ino;
	const char *refused; /* the reason that was told; not freed (see why_text) */
};

struct dir {
	int wd;
	bool seen;
};

struct watch {
	const str *patterns;
	size_t n_patterns;
	int inotify;
	struct table *entries; /* path -> struct entry */
	struct table *dirs;    /* dev, ino -> struct dir */
	void (*refused)(void *arg, str path, const char *why);
	void *refused_arg;
};

struct watch *watch_new(const str *patterns, size_t n, struct err *err)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	struct watch *w;

	if (fd < 0) {
		err_set(err, -errno, "cannot watch files (inotify): %s", strerror(errno));
		return NULL;
	}
	w = xcalloc(1, sizeof *w);
	w->patterns = patterns;
	w->n_patterns = n;
	w->inotify = fd;
	w->entries = table_new();
	w->dirs = table_new();
	return w;
}

static void entry_free(void *value)
{
	struct entry *e = value;

	if (e->pin >= 0)
		close(e->pin);
	free(e->patterns);
	free(e);
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	table_free(w->entries, entry_free);
	table_free(w->dirs, free);
	close(w->inotify);
	free(w);
}

int watch_fd(const struct watch *w)
{
	return w->inotify;
}

void watch_on_refused(struct watch *w, void (*fn)(void *arg, str path, const char *why), void *arg)
{
	w->refused = fn;
	w->refused_arg = arg;
}

/* By descriptor, so that the file watched is the one that was looked at. */
static int add_watch(struct watch *w, int fd, uint32_t events)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return inotify_add_watch(w->inotify, path, events);
}

static void watch_dir(void *arg, int fd)
{
	struct watch *w = arg;
	struct stat st;
	struct dir *d;
	uint64_t id[2];
	str key = str_mem(id, sizeof id);

	if (fstat(fd, &st) < 0)
		return;
	id[0] = st.st_dev;
	id[1] = st.st_ino;
	d = table_find(w->dirs, key);
	if (!d && table_count(w->dirs) >= WATCH_DIRS_MAX)
		return;
	if (!d) {
		d = xcalloc(1, sizeof *d);
		table_put(w->dirs, key, d);
	}
	if (!d->seen)
		/* also when known: another directory may have got the same inode */
		d->wd = add_watch(w, fd, DIR_EVENTS | IN_ONLYDIR);
	d->seen = true;
}

static bool has_wildcard(str s)
{
	return str_chr(s, '*') >= 0 || str_chr(s, '?') >= 0 || str_chr(s, '[') >= 0;
}

static void note_path(struct watch *w, str path, unsigned pattern)
{
	struct entry *e = table_find(w->entries, path);

	if (!e && table_count(w->entries) >= WATCH_FILES_MAX)
		return;
	if (!e) {
		e = xcalloc(1, sizeof *e);
		e->pin = -1;
		table_put(w->entries, path, e);
	}
	e->seen = true;
	for (unsigned i = 0; i < e->n_patterns; i++)
		if (e->patterns[i] == pattern)
			return;
	e->patterns = xreallocarray(e->patterns, e->n_patterns + 1, sizeof(*e->patterns));
	e->patterns[e->n_patterns++] = pattern;
}

/* Watches each directory of a pattern in which something that matches could appear. */
static void watch_level(struct watch *w, str prefix)
{
	_free_ char *z = str_dup(prefix);
	glob_t found = { 0 };

	if (!has_wildcard(prefix)) {
		struct walk_place p;

		if (walk_path(prefix, &p, watch_dir, w) == 0) {
			if (S_ISDIR(p.st.st_mode))
				watch_dir(w, p.fd);
			walk_done(&p);
		}
		return;
	}
	if (glob(z, GLOB_NOESCAPE | GLOB_ONLYDIR, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc && i < WATCH_DIRS_MAX; i++) {
			struct walk_place p;

			if (walk_path(str_of(found.gl_pathv[i]), &p, watch_dir, w) < 0)
				continue;
			if (S_ISDIR(p.st.st_mode))
				watch_dir(w, p.fd);
			walk_done(&p);
		}
	}
	globfree(&found);
}

static void expand(struct watch *w, unsigned pattern)
{
	str text = w->patterns[pattern];
	_free_ char *z = str_dup(text);
	glob_t found = { 0 };
	size_t wild = 0;

	if (!has_wildcard(text)) {
		note_path(w, text, pattern);
		return;
	}
	while (!has_wildcard(str_head(text, wild)))
		wild++;
	/* from the directory of the first wildcard to that of the file */
	for (size_t i = 0; i < text.n; i++) {
		ssize_t next = str_chr(str_from(text, i + 1), '/');

		if (text.p[i] == '/' && (next < 0 || i + 1 + (size_t)next >= wild))
			watch_level(w, str_head(text, i ? i : 1));
	}
	if (glob(z, GLOB_NOESCAPE, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			note_path(w, str_of(found.gl_pathv[i]), pattern);
	globfree(&found);
}

/* Constant texts, so that an entry can remember the one that was told. */
static const char *why_text(int error)
{
	switch (error) {
	case EINVAL:
		return "not a regular file";
	case EXDEV:
		return "a symbolic link of another owner than the file it leads to";
	case ELOOP:
		return "too many symbolic links";
	case EACCES:
		return "permission denied";
	case ENOTDIR:
		return "a part of the path is not a directory";
	case EISDIR:
		return "a directory";
	case EMFILE:
	case ENFILE:
		return "too many open files";
	default:
		return "cannot be opened";
	}
}

static void tell(struct watch *w, str path, struct entry *e, const char *why)
{
	if (why && e->refused != why && w->refused)
		w->refused(w->refused_arg, path, why);
	e->refused = why;
}

static void unpin(struct entry *e)
{
	if (e->pin >= 0)
		close(e->pin);
	e->pin = -1;
}

/* Opens the file for the engine, and keeps an eye on it. */
static int open_entry(struct watch *w, str path, struct entry *e, struct walk_place *p,
		      struct watch_file *out)
{
	int fd = walk_open(p);

	if (fd < 0)
		return fd;
	unpin(e);
	e->pin = fcntl(p->fd, F_DUPFD_CLOEXEC, 0);
	if (e->pin < 0) {
		close(fd);
		return -EMFILE;
	}
	e->dev = p->st.st_dev;
	e->ino = p->st.st_ino;
	*out = (struct watch_file){ .path = path,
				    .patterns = e->patterns,
				    .n_patterns = e->n_patterns,
				    .fd = fd,
				    .wd = add_watch(w, p->fd, FILE_EVENTS),
				    .dev = e->dev,
				    .ino = e->ino };
	tell(w, path, e, out->wd < 0 ? "no inotify watch left: looked at only now and then" : NULL);
	return 0;
}

/* True if the file is new and was handed out. */
static bool look_at(struct watch *w, str path, struct entry *e,
		    void (*fn)(void *arg, const struct watch_file *f), void *arg)
{
	struct walk_place p;
	struct watch_file file;
	int r = walk_path(path, &p, watch_dir, w);
	bool new = false;

	if (r == 0) {
		if (e->pin < 0 || p.st.st_dev != e->dev || p.st.st_ino != e->ino) {
			r = S_ISDIR(p.st.st_mode) ? -EISDIR : open_entry(w, path, e, &p, &file);
			new = r == 0;
		}
		walk_done(&p);
	}
	if (new)
		fn(arg, &file);
	if (r == -ENOENT || r == -ESTALE)
		unpin(e); /* gone: what comes next is new, whatever its inode */
	else if (r < 0)
		tell(w, path, e, why_text(-r));
	return new;
}

static void drop_unseen(struct watch *w)
{
	size_t at = 0;
	void *value;
	str key;

	while (table_each(w->entries, &at, &key, &value)) {
		struct entry *e = value;

		if (!e->seen)
			entry_free(table_del(w->entries, key));
	}
	at = 0;
	while (table_each(w->dirs, &at, &key, &value)) {
		struct dir *d = value;

		if (d->seen)
			continue;
		inotify_rm_watch(w->inotify, d->wd);
		free(table_del(w->dirs, key));
	}
}

size_t watch_scan(struct watch *w, void (*fn)(void *arg, const struct watch_file *f), void *arg)
{
	size_t at = 0, opened = 0;
	void *value;
	str path;

	while (table_each(w->entries, &at, NULL, &value))
		((struct entry *)value)->seen = false;
	at = 0;
	while (table_each(w->dirs, &at, NULL, &value))
		((struct dir *)value)->seen = false;
	for (size_t i = 0; i < w->n_patterns; i++)
		expand(w, (unsigned)i);
	at = 0;
	while (table_each(w->entries, &at, &path, &value)) {
		struct entry *e = value;

		if (e->seen && look_at(w, path, e, fn, arg))
			opened++;
	}
	drop_unseen(w);
	return opened;
}

int watch_open_rotated(struct watch *w, unsigned pattern, uint64_t dev, uint64_t ino)
{
	size_t at = 0;
	void *value;
	str path;

	if (pattern >= w->n_patterns)
		return -ENOENT;
	while (table_each(w->entries, &at, &path, &value)) {
		const struct entry *e = value;

		for (unsigned i = 0; i < e->n_patterns; i++) {
			int fd = -ENOENT;

			if (e->patterns[i] == pattern)
				fd = rotated_open(path, dev, ino);
			if (fd >= 0)
				return fd;
		}
	}
	return -ENOENT;
}

void watch_forget(struct watch *w)
{
	size_t at = 0;
	void *value;

	while (table_each(w->entries, &at, NULL, &value))
		unpin(value);
}
