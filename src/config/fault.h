/*
 * What is wrong (faults: the jail, or the file, is left out) and what is only remarkable (notes: it
 * works, but perhaps not as meant), gathered for `config test` and the start of the guard.
 */
#pragma once

#include "config/config.h"
#include "config/reader.h"

/* `jail` is STR_NULL for the whole configuration. */
void fault_add(struct config *c, str jail, const struct err *err);
/* At the place of `key`, or at none if that is NULL. */
void note_add(struct config *c, str jail, const struct conf_key *key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Sets the place of an error to that of the key, if it came from a file. */
void fault_at(struct err *err, const struct conf_key *key);
