/*
 * A filter in a file, one "key=value" a line ("\n" for a newline), for the differential test and
 * the bench: failregex, ignoreregex, prefregex, datepattern (each line adds one), usedns, maxlines
 * (for what follows), logencoding, logtimezone, findtime, now, check_age, in_operation.
 */
#pragma once

#include "match/filter.h"

struct filter_file {
	struct arena *arena;
	struct config_jail jail;
	struct filter_time time;
};

/* Ends the process with a message if the file cannot be read. */
void filter_file_read(struct filter_file *f, const char *path);
