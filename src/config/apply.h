/*
 * A jail's commands applied, in their order, to the struct that the guard works with.
 */
#pragma once

#include "config/config.h"

/*
 * Every row of `rows` but the log paths, which are in the jail already.  Values are checked here:
 * -EINVAL or -ERANGE, *err (without a place) and *key (what it is called in jail.conf) tell of the
 * first that makes no sense.
 */
int apply_jail(struct config *c, struct config_jail *jail, const struct value *rows,
	       const char **key, struct err *err) __attribute__((warn_unused_result));
