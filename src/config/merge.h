/*
 * Parsed files laid over each other (behaviour section 1.2): a later file's keys win, and what they
 * replaced stays reachable as `%(known/key)s`.
 */
#pragma once

#include "config/ini.h"
#include "config/reader.h"

struct conf *merge_new(struct reader *r, str name);
void merge_file(struct reader *r, struct conf *c, const struct ini *file);
/*
 * The value of `before` or `after` in the file's own [INCLUDES], expanded with nothing but that
 * file; empty when there is none.
 */
int merge_include_list(struct reader *r, const struct ini *file, const char *key, str *out,
		       struct err *err) __attribute__((warn_unused_result));
