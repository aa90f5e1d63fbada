/*
 * Finding a rotated log by its inode; see rotated.h.  The numbers may come from a stolen engine and
 * the names from anybody who may write to the directory: only a regular file beside the log, named
 * like it, is opened.  Called by source/watch in the warden.
 */
#include "source/rotated.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "source/walk.h"

enum {
	ENTRIES_MAX = 100000 /* of a directory that are looked at */
};

/* The log's name up to its last dot; a name that begins with a dot is taken whole. */
static str stem(str name)
{
	ssize_t dot = str_rchr(name, '.');

	return dot > 0 ? str_head(name, (size_t)dot) : name;
}

static int search_dir(const struct walk_place *p, str name, uint64_t dev, uint64_t ino)
{
	int fd = openat(p->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), found = -ENOENT;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return -ENOENT;
	}
	for (int i = 0; found < 0 && i < ENTRIES_MAX && (d = readdir(dir)); i++)
		if (str_starts(str_of(d->d_name), stem(name)))
			found = walk_open_sibling(p, d->d_name, dev, ino);
	closedir(dir);
	return found;
}

/* Sees nothing: for walks that are no part of a scan. */
static void ignore_dir(void *arg, int fd)
{
	(void)arg;
	(void)fd;
}

int rotated_open(str path, uint64_t dev, uint64_t ino)
{
	ssize_t slash = str_rchr(path, '/');
	str base = str_from(path, (size_t)(slash + 1));
	str parent = slash < 0 ? STR(".") : slash == 0 ? STR("/.") : str_head(path, (size_t)slash);
	struct walk_place p;
	int fd = -ENOENT;

	if (walk_path(parent, &p, ignore_dir, NULL) == 0) {
		/* a place inside the directory, as it were */
		struct walk_place inside = { .dir = p.fd };

		if (S_ISDIR(p.st.st_mode))
			fd = search_dir(&inside, base, dev, ino);
		walk_done(&p);
	}
	if (fd < 0 && walk_path(path, &p, ignore_dir, NULL) == 0) {
		fd = search_dir(&p, str_of(p.name), dev, ino);
		walk_done(&p);
	}
	return fd;
}
