/*
 * The engine's side of log files: which are open, which have news, and whose turn it is.  It knows
 * no jails, opens no path and never reads a clock.  Bytes are hostile; paths and numbers come from
 * the warden.
 *
 * A path has generations: the file that stands there now (current), and files that stood there
 * before and were renamed away.  Old ones are drained through their descriptors before the current
 * one is read further, so lines keep their order and none written late is lost; an old one is
 * closed when it has been silent for FOLLOW_QUIET seconds and the current one has data.  A current
 * file that was deleted is closed after the same time at its end.  (A last line without a newline
 * is no line; it goes with its file.)
 *
 * Work is shared out by turns of FOLLOW_SLICE bytes, so one busy log never starves others.
 * What inotify cannot tell is looked for: each file by fstat(2) every FOLLOW_LOOK seconds (files
 * without a watch every second), and a scan by the warden is asked for every FOLLOW_SCAN seconds.
 */
#pragma once

#include "source/file.h"

enum {
	FOLLOW_SLICE = 64 * 1024,
	FOLLOW_QUIET = 10,
	FOLLOW_LOOK = 5,
	FOLLOW_SCAN = 60,
	FOLLOW_GENERATIONS_MAX = 8, /* of one path; more close the oldest */
};

struct follow;

/* One generation. Callers read it, and write only `user` and `committed`. */
struct follow_file {
	str path;
	struct file *src; /* for file_pos(), file_first_line(); to seek before it is read */
	uint64_t dev, ino;
	int wd;
	bool current;
	bool at_end; /* nothing was left at the last look */
	/*
	 * Section 7.2: true once the end was reached while there was content; kept over rotation.
	 * The lines of the batch that reaches it are still handed out with false.
	 */
	bool in_operation;
	int64_t committed; /* the caller's: what is in the database; -1 at first */
	void *user;        /* the caller's */
};

enum follow_event {
	FOLLOW_ROTATED,   /* another file stands at its path: it is drained, then closed */
	FOLLOW_TRUNCATED, /* it started again at 0 */
	FOLLOW_FAILED,    /* reading failed (errno); told once, tried again every FOLLOW_LOOK */
	FOLLOW_GONE,      /* read as far as possible; closed when the call returns */
};

/* The calls must not call back into this module, but for follow_set_in_operation(). */
struct follow_hooks {
	void *arg;
	/* A complete line; `end` is the position to commit once it is judged. */
	void (*line)(void *arg, struct follow_file *f, str line, int64_t end);
	void (*event)(void *arg, struct follow_file *f, enum follow_event e);
	/* The warden is to scan. At most four times a second. */
	void (*scan)(void *arg);
};

/* `inotify` stays the caller's: the descriptor shared with the warden, non-blocking; -1: none. */
struct follow *follow_new(int inotify, const struct follow_hooks *hooks);
void follow_free(struct follow *f);

/*
 * The warden opened the file that stands at `path`. Takes fd over.  Starts at position 0: seek, or
 * have the current one's state, before the next follow_read().  A file that is followed there
 * already (by dev and ino) keeps its place: fd is closed and that one is returned.
 */
struct follow_file *follow_add(struct follow *f, str path, int fd, int wd, uint64_t dev,
			       uint64_t ino, double now);
/* A file that stood there before, found by its inode at start-up: drained before the others. */
struct follow_file *follow_add_old(struct follow *f, str path, int fd, uint64_t dev, uint64_t ino,
				   double now);
/* No jail reads the path any more: closes all its files, without events. */
void follow_del(struct follow *f, str path);
/* For a path that starts in operation ("tail"), for it and what will stand there. */
void follow_set_in_operation(struct follow_file *file, bool in_operation);

/* Reads the inotify events that are there. 0 or -errno. */
int follow_events(struct follow *f, double now) __attribute__((warn_unused_result));
/* Hands out lines of about `budget` bytes, each file with news in turn. Returns bytes read. */
size_t follow_read(struct follow *f, size_t budget, double now);
/* Is there anything that follow_read() would look at? */
bool follow_pending(const struct follow *f);
/* What time brings: looks, closing, scans. Cheap; call it when follow_next_tick() is due. */
void follow_tick(struct follow *f, double now);
double follow_next_tick(const struct follow *f);

/* Every generation, by path in the order added, oldest first. *at starts at 0; NULL at the end. */
struct follow_file *follow_each(const struct follow *f, size_t *at);
/* The file that stands at the path, or NULL. */
struct follow_file *follow_find(const struct follow *f, str path);
