/*
 * Lines out of an open log file.  The descriptor comes from elsewhere; nothing is opened here, and
 * the descriptor's own offset is neither used nor moved.  The bytes are hostile.  Rules, the same
 * live and in replay:
 * - a line ends at '\n'; what stands behind the last one waits for more;
 * - all trailing '\r' and '\n' are taken off; NUL and every other byte stay in the line;
 * - a line of more than FILE_LINE_MAX bytes before its '\n' is not judged at all: it is skipped
 *   whole and counted.
 * When a file starts again (copy and truncate):
 * - it is shorter than the position; or
 * - it is long enough, but the last bytes before the position (up to 64) are no longer those that
 *   were read there: it was truncated and grew past the position between two looks.  This costs
 *   one small read per call and finds any rewriting, unless those very bytes came to stand at that
 *   very place again.
 * The position is then 0, or behind the hole that a writer without O_APPEND leaves at the start.
 */
#pragma once

#include <sys/types.h>

#include "base/str.h"

enum {
	FILE_LINE_MAX = 64 * 1024,
	FILE_HASH_TEXT = 41, /* SHA-1 in hex and NUL */
};

struct file;

/* Takes the descriptor over. Starts at position 0. */
struct file *file_new(int fd);
void file_free(struct file *f);
/* For asking the system about it; stays the file's. */
int file_fd(const struct file *f);

enum file_status {
	FILE_MORE,      /* the budget is used up, there may be more: call again */
	FILE_END,       /* read to the end */
	FILE_TRUNCATED, /* the file started again, see above: call again */
	FILE_FAILED,    /* read error; errno is set */
};

/*
 * Calls fn for each complete line, at most about `budget` bytes of them.  `end` is the position
 * behind the line's newline: what to commit once the line is judged.  The line is valid during
 * the call; fn must not touch the file.  No memory is kept between calls: an incomplete last line
 * is read again when there is more of it.
 */
enum file_status file_read(struct file *f, size_t budget,
			   void (*fn)(void *arg, str line, int64_t end), void *arg);
/* Might file_read() find anything? One fstat(2). */
bool file_has_news(const struct file *f);
/* Position behind the last complete line that was handed out (or skipped for its length). */
int64_t file_pos(const struct file *f);
/* Goes on from there; what was buffered is dropped. */
void file_seek(struct file *f, int64_t pos);
int64_t file_size(const struct file *f); /* from fstat; -errno */
int file_identity(const struct file *f, uint64_t *dev, uint64_t *ino)
	__attribute__((warn_unused_result));
/*
 * SHA-1 of the first line with its newline, hex; "" while there is no complete first line (or it
 * has more than a megabyte).  Kept until the file starts again.  libcrypto looks for its
 * configuration when it is first used: do that before a sandbox.
 */
void file_first_line(struct file *f, char out[static FILE_HASH_TEXT]);
uint64_t file_overlong(const struct file *f); /* lines skipped for their length */
uint64_t file_truncations(const struct file *f);
uint64_t file_bytes_read(const struct file *f); /* work done: for sharing it out */
/*
 * Moves to about the first line dated at or after `since` by bisection (section 7.1), asking
 * date() for the time of a line (false: it has none). Never goes back before `from`, which is the
 * start of a line.  If the dates never go back, no line dated at or after `since` is skipped;
 * lines without a date right after an older one may be. Where no date is found for a long stretch
 * it stops before it.
 */
void file_seek_time(struct file *f, int64_t from, double since,
		    bool (*date)(void *arg, str line, double *when), void *arg);
