/*
 * Lines out of an open log file.  The descriptor comes from elsewhere; nothing is opened here.
 * The bytes are hostile.  Rules, the same live and in replay:
 * - a line ends at '\n'; what stands behind the last one waits for more;
 * - all trailing '\r' and '\n' are taken off; NUL and every other byte stay in the line;
 * - a line longer than FILE_LINE_MAX bytes is not judged at all: it is skipped whole and counted.
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

enum file_status {
	FILE_MORE,      /* the budget is used up, there may be more: call again */
	FILE_END,       /* read to the end */
	FILE_TRUNCATED, /* the file became shorter than the position: it starts again at 0 */
	FILE_FAILED,    /* read error; errno is set */
};

/*
 * Calls fn for each complete line, at most about `budget` bytes of them.  `end` is the position
 * behind the line's newline: what to commit once the line is judged.
 */
enum file_status file_read(struct file *f, size_t budget,
			   void (*fn)(void *arg, str line, int64_t end), void *arg);
/* Position behind the last complete line that was handed out. */
int64_t file_pos(const struct file *f);
/* Goes on from there; what was buffered is dropped. */
void file_seek(struct file *f, int64_t pos);
int64_t file_size(const struct file *f); /* from fstat; -errno */
int file_identity(const struct file *f, uint64_t *dev, uint64_t *ino)
	__attribute__((warn_unused_result));
/* SHA-1 of the first line with its newline, hex; "" while there is no complete first line. */
void file_first_line(const struct file *f, char out[static FILE_HASH_TEXT]);
uint64_t file_overlong(const struct file *f); /* lines skipped for their length */
uint64_t file_truncations(const struct file *f);
/*
 * Moves to about the first line dated at or after `since` by bisection (section 7.1), asking
 * date() for the time of a line (false: it has none). Never goes back before `from`.
 */
void file_seek_time(struct file *f, int64_t from, double since,
		    bool (*date)(void *arg, str line, double *when), void *arg);
