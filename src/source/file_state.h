/* What a struct file holds; shared by file.c and file_seek.c only. */
#pragma once

#include "source/file.h"

enum {
	FILE_CHUNK = 64 * 1024, /* bytes asked from the system at once */
	FILE_TAIL = 64,         /* bytes before the position that are remembered */
};

struct file {
	int fd;
	int64_t pos;              /* start of the first line that was not handed out */
	int64_t seen;             /* no newline stands in pos .. seen */
	bool skipping;            /* that part alone is longer than FILE_LINE_MAX */
	struct timespec modified; /* when `seen` was the end */
	unsigned tail_n;
	char tail[FILE_TAIL]; /* the last tail_n bytes before pos */
	char first_line[FILE_HASH_TEXT];
	uint64_t overlong, truncations, bytes_read;
};
