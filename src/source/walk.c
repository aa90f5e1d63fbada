/*
 * Opening log files safely; see walk.h for the rules.  The path is root's; the names, links and
 * owners found on the way may be anybody's.  Called by source/watch in the warden.
 */
#include "source/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"

enum {
	LINKS_MAX = 40 /* as the kernel has it */
};

struct walk {
	int dir;
	struct buf rest; /* of the path, still to be walked */
	unsigned links;
	bool foreign; /* a link of neither root nor us was followed ... */
	uid_t owner;  /* ... whose owner is */
	void (*see)(void *arg, int dir_fd);
	void *arg;
};

static int start_at(struct walk *w, const char *dir)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (w->dir >= 0)
		close(w->dir);
	w->dir = fd;
	return 0;
}

/* Takes the next component off; false at the end. -ENAMETOOLONG is told by an empty name. */
static bool next_name(struct walk *w, char name[static NAME_MAX + 1])
{
	str rest = buf_str(&w->rest);
	size_t from = 0, n;

	while (from < rest.n && rest.p[from] == '/')
		from++;
	rest = str_from(rest, from);
	for (n = 0; n < rest.n && rest.p[n] != '/'; n++)
		;
	if (n == 0)
		return false;
	name[0] = '\0';
	if (n <= NAME_MAX) {
		memcpy(name, rest.p, n);
		name[n] = '\0';
	}
	buf_shift(&w->rest, from + n);
	return true;
}

/* The target of the link goes before the rest of the path. */
static int follow_link(struct walk *w, int fd, const struct stat *st)
{
	char target[PATH_MAX];
	_buf_free_ struct buf rest = w->rest;
	ssize_t n = readlinkat(fd, "", target, sizeof target);

	w->rest = (struct buf){ 0 };
	if (n < 0)
		return -errno;
	if (n == 0 || n == sizeof target || ++w->links > LINKS_MAX)
		return -ELOOP;
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		if (w->foreign && w->owner != st->st_uid)
			return -EXDEV;
		w->foreign = true;
		w->owner = st->st_uid;
	}
	buf_add(&w->rest, target, (size_t)n);
	buf_add_char(&w->rest, '/');
	buf_add_str(&w->rest, buf_str(&rest));
	return target[0] == '/' ? start_at(w, "/") : 0;
}

/* What the name stands for: 1 the end was reached (*out is set, w->dir given away), 0, or -errno.
 */
static int step(struct walk *w, const char *name, struct walk_place *out)
{
	str rest = buf_str(&w->rest);
	bool last = true;
	struct stat st;
	int fd, r;

	for (size_t i = 0; i < rest.n; i++)
		last &= rest.p[i] == '/';
	fd = openat(w->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
	} else if (S_ISLNK(st.st_mode)) {
		w->see(w->arg, w->dir);
		r = follow_link(w, fd, &st);
	} else if (!last) {
		r = S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
		if (r == 0) {
			close(w->dir);
			w->dir = fd;
			return 0;
		}
	} else if (w->foreign && w->owner != st.st_uid) {
		r = -EXDEV;
	} else {
		w->see(w->arg, w->dir);
		out->dir = w->dir;
		out->fd = fd;
		out->st = st;
		snprintf(out->name, sizeof out->name, "%s", name);
		w->dir = -1;
		return 1;
	}
	if (fd >= 0)
		close(fd);
	return r;
}

int walk_path(str path, struct walk_place *out, void (*see)(void *arg, int dir_fd), void *arg)
{
	struct walk w = { .dir = -1, .see = see, .arg = arg };
	char name[NAME_MAX + 1];
	int r = start_at(&w, path.n && path.p[0] == '/' ? "/" : ".");

	buf_add_str(&w.rest, path);
	while (r == 0) {
		if (!next_name(&w, name))
			r = -EISDIR; /* "/", or a link to it */
		else if (!name[0])
			r = -ENAMETOOLONG;
		else
			r = step(&w, name, out);
	}
	if (r < 0 && w.dir >= 0)
		see(arg, w.dir);
	if (w.dir >= 0)
		close(w.dir);
	buf_free(&w.rest);
	return r < 0 ? r : 0;
}

void walk_done(struct walk_place *p)
{
	close(p->dir);
	close(p->fd);
}

static int open_regular(int dir, const char *name, const struct stat *expected)
{
	struct stat st;
	int fd;

	if (!S_ISREG(expected->st_mode))
		return -EINVAL;
	fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ELOOP ? -ESTALE : -errno;
	if (fstat(fd, &st) < 0 || st.st_dev != expected->st_dev || st.st_ino != expected->st_ino) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

int walk_open(const struct walk_place *p)
{
	return open_regular(p->dir, p->name, &p->st);
}

int walk_open_sibling(const struct walk_place *p, const char *name, uint64_t dev, uint64_t ino)
{
	struct stat st;
	int fd;

	if (fstatat(p->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != dev ||
	    st.st_ino != ino)
		return -ENOENT;
	fd = open_regular(p->dir, name, &st);
	return fd < 0 ? -ENOENT : fd;
}
