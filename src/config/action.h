/*
 * An action of action.d with the options a jail gives it (behaviour section 1.6, step 5).
 */
#pragma once

#include "config/config.h"
#include "config/options.h"
#include "config/reader.h"

/*
 * Appends the action to the jail, and the commands that would hand it to a server to `rows`.
 * `jail_options` (-> struct conf_key) may be named by the action.  `X.py` is a Python plugin, which
 * is not opened.  -EEXIST: the jail has an action of that name.
 */
int config_action_read(struct reader *r, struct config *c, const struct options *options,
		       struct config_jail *jail, const struct table *jail_options,
		       struct value *rows, struct err *err) __attribute__((warn_unused_result));
