/*
 * From a path to a file, one component at a time and without a race: what was looked at is what is
 * held open.  Runs with root's rights over directories that others may write to, so:
 * - a symbolic link that neither root nor this process' user made is followed only if the file
 *   that it leads to, through any number of links, has the same owner as the link.  Else whoever
 *   may write to a directory of logs could have any file of the machine read, matched and quoted;
 * - only regular files are opened; a FIFO or a device is never, not even for a moment.
 */
#pragma once

#include <limits.h>
#include <sys/stat.h>

#include "base/str.h"

struct walk_place {
	int dir;                 /* O_PATH: the directory that holds the file itself */
	int fd;                  /* O_PATH: the file (or directory) */
	struct stat st;          /* of it */
	char name[NAME_MAX + 1]; /* in `dir`; "" for the root directory */
};

/*
 * Walks along the path. 0, with both descriptors the caller's (walk_done), or -errno: -ENOENT
 * (something is missing), -ELOOP, -EXDEV (the rule about links) and so on.
 * dir() is called for each directory that the outcome depends on: those that hold a link on the
 * way, the last one, and on failure the last one that was reached.
 */
int walk_path(str path, struct walk_place *out, void (*dir)(void *arg, int dir_fd), void *arg)
	__attribute__((warn_unused_result));
void walk_done(struct walk_place *p);
/*
 * A descriptor for reading a regular file found by walk_path(), or -errno (-EINVAL: not a regular
 * file; -ESTALE: another file took its place meanwhile).
 */
int walk_open(const struct walk_place *p);
/*
 * As walk_open() for another name in the same directory, if it is a regular file of that identity;
 * else -ENOENT.
 */
int walk_open_sibling(const struct walk_place *p, const char *name, uint64_t dev, uint64_t ino);
