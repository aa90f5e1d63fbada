/*
 * Where the log files are: globs, directory watches, rotation.  Runs in the warden (it needs to
 * see every path); trusted patterns, hostile file names possible in shared directories (opened
 * with O_NOFOLLOW only where a path component is not root's - see watch.c).
 * The inotify descriptor is shared with the engine: it reads the events, the warden only adds
 * watches.  Every call is safe to repeat.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

struct watch;

/* `patterns` stay the caller's. */
struct watch *watch_new(const str *patterns, size_t n, struct err *err);
void watch_free(struct watch *w);
/* For passing on. */
int watch_fd(const struct watch *w);

struct watch_file {
	str path;
	unsigned *patterns; /* which patterns name it */
	unsigned n_patterns;
	int fd; /* open for reading, the callee's to pass on or close */
	int wd; /* of IN_MODIFY and friends on the file */
	uint64_t dev, ino;
};

/*
 * Expands the patterns (again) and opens each file that is new under its path, or another inode
 * than last time; calls fn for each.  Also (re)adds directory watches.  Cheap when nothing
 * changed.  Returns the number of files opened.
 */
size_t watch_scan(struct watch *w, void (*fn)(void *arg, const struct watch_file *f), void *arg);
/*
 * A file of that inode in the same directory as a path that matches the pattern: what a rotated
 * file is called now.  A descriptor, or -ENOENT.
 */
int watch_open_rotated(struct watch *w, unsigned pattern, uint64_t dev, uint64_t ino);
/* Forgets what was opened, so that the next scan opens everything again (a new engine). */
void watch_forget(struct watch *w);
