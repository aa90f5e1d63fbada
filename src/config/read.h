/*
 * The configuration read by a given reader: config_load() with files from memory, for fuzzers.
 */
#pragma once

#include "config/config.h"
#include "config/reader.h"

/* As config_load(); the reader stays the caller's. */
int config_read(struct reader *r, const struct config_options *options, struct config **out,
		struct err *err) __attribute__((warn_unused_result));
