/*
 * `logpath`: patterns of log files, each with where to begin reading.  Trusted input.
 */
#pragma once

#include "config/config.h"
#include "config/reader.h"

/* Is there any file for any of the lines? */
bool logpath_exists(struct reader *r, str value);
/*
 * Adds each line's pattern to the jail, and a row to `rows` for every file it finds now, or for the
 * pattern itself if there is none yet (with a note).  `key` is where the value was written.
 * Returns the number of files found.  The jail has no log paths yet.
 */
unsigned logpath_add(struct reader *r, struct config *c, struct config_jail *jail,
		     const struct conf_key *key, str value, struct value *rows);
