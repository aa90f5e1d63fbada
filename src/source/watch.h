/*
 * Where the log files are: globs, directory watches, rotation.  Runs in the warden (it needs to
 * see every path); trusted patterns, hostile file names and links possible in shared directories
 * (see walk.h for what is opened and what is not).  Patterns are those of Fail2ban: `*`, `?` and
 * `[...]`, a leading dot only by itself, no escapes.
 *
 * The inotify descriptor is shared with the engine: it reads the events, the warden only adds
 * watches (and takes those of directories away); watches of files are removed by the engine when
 * it closes them.  Every call is safe to repeat.  Directories are watched where a file, a link on
 * the way to it, or a missing part of its path would appear.  Not noticed: that a directory further
 * up was renamed; so ask for a scan now and then, too.  Nor is a file that came and was renamed
 * away between two scans.
 * Two descriptors are needed for each file while it is handed out, one (O_PATH) as long as it is
 * there: the caller raises RLIMIT_NOFILE.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

enum {
	WATCH_FILES_MAX = 4096,
	WATCH_DIRS_MAX = 4096,
};

struct watch;

/* `patterns` stay the caller's. NULL with *err if the system has no inotify instance left. */
struct watch *watch_new(const str *patterns, size_t n, struct err *err);
void watch_free(struct watch *w);
/* For passing on. Non-blocking. */
int watch_fd(const struct watch *w);
/*
 * Who is told of a path that is not followed, and why (or that is followed without events); once,
 * until it works or the reason changes.  A missing file is not told. The path may be hostile.
 */
void watch_on_refused(struct watch *w, void (*fn)(void *arg, str path, const char *why), void *arg);

struct watch_file {
	str path;           /* valid during the call; hostile where a pattern has wildcards */
	unsigned *patterns; /* which patterns name it */
	unsigned n_patterns;
	int fd; /* open for reading, the callee's to pass on or close */
	int wd; /* of IN_MODIFY and friends on the file; -1: no watch to be had, look now and then
		 */
	uint64_t dev, ino;
};

/*
 * Expands the patterns (again) and opens each file that is new under its path, or another inode
 * than last time; calls fn for each.  Also (re)adds directory watches.  Cheap when nothing
 * changed.  Returns the number of files opened.  Two paths of one inode are two files with the
 * same wd.
 */
size_t watch_scan(struct watch *w, void (*fn)(void *arg, const struct watch_file *f), void *arg);
/*
 * A file of that inode in the same directory as a path that matches the pattern (and the one its
 * link leads to): what a rotated file is called now.  Its name must begin as the log's does, up to
 * the last dot ("mail.log" - "mail.log.1", "mail-20260101.log"), because who asks may be hostile.
 * A descriptor, or -ENOENT.
 */
int watch_open_rotated(struct watch *w, unsigned pattern, uint64_t dev, uint64_t ino);
/* Forgets what was opened, so that the next scan opens everything again (a new engine). */
void watch_forget(struct watch *w);
