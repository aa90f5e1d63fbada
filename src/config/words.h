/*
 * A line cut into words as a POSIX shell quotes them (Python's shlex.split): for journalmatch.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/value.h"

/* Appends each word to `row`. -EINVAL and *err for a quote that is not closed. */
int words_add(struct arena *a, str line, struct value *row, struct err *err)
	__attribute__((warn_unused_result));
