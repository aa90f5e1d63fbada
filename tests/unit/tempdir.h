/* A directory of its own for a test that needs real files.  For tests/unit only. */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

struct tempdir {
	char path[64];
};

static inline struct tempdir tempdir_new(void)
{
	struct tempdir d = { "/tmp/lastknock-test-XXXXXX" };

	assert_non_null(mkdtemp(d.path));
	return d;
}

/* The caller frees. */
static inline char *tempdir_path(const struct tempdir *d, const char *name)
{
	return xasprintf("%s/%s", d->path, name);
}

static inline int tempdir_open(const struct tempdir *d, const char *name, int flags)
{
	_free_ char *path = tempdir_path(d, name);
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | flags, 0600);

	assert_true(fd >= 0);
	return fd;
}

static inline void tempdir_append(const struct tempdir *d, const char *name, const char *text)
{
	int fd = tempdir_open(d, name, 0);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static inline void tempdir_rename(const struct tempdir *d, const char *from, const char *to)
{
	_free_ char *a = tempdir_path(d, from), *b = tempdir_path(d, to);

	assert_int_equal(rename(a, b), 0);
}

static inline void tempdir_unlink(const struct tempdir *d, const char *name)
{
	_free_ char *path = tempdir_path(d, name);

	assert_int_equal(unlink(path), 0);
}

static inline void tempdir_mkdir(const struct tempdir *d, const char *name)
{
	_free_ char *path = tempdir_path(d, name);

	assert_int_equal(mkdir(path, 0700), 0);
}

static inline void tempdir_symlink(const struct tempdir *d, const char *target, const char *name)
{
	_free_ char *path = tempdir_path(d, name);

	assert_int_equal(symlink(target, path), 0);
}

static inline int tempdir_remove_entry(const char *path, const struct stat *st, int type,
				       struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void tempdir_remove(const struct tempdir *d)
{
	assert_int_equal(nftw(d->path, tempdir_remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}
