/*
 * fail2ban.conf: the settings of the guard as a whole, and the commands that send them.
 */
#pragma once

#include "config/config.h"
#include "config/reader.h"

/* Fills the general members of *c and appends the rows.  -errno: fail2ban.conf breaks the grammar.
 */
int general_read(struct reader *r, struct config *c, const struct config_options *options,
		 struct value *rows, struct err *err) __attribute__((warn_unused_result));
