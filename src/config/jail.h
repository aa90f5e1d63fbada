/*
 * One section of jail.conf made into the commands that create the jail (behaviour section 1.6).
 */
#pragma once

#include "config/config.h"
#include "config/reader.h"

enum jail_result {
	JAIL_READ,
	JAIL_OFF, /* not enabled, or asked to be left out when it has no logs */
};

/*
 * Fills `jail` (its log paths) and appends its commands to `rows`, up to but without "start".
 * -EINVAL and *err: it cannot be used.
 */
int config_jail_read(struct reader *r, struct config *c, const struct config_options *options,
		     const struct conf *conf, const struct conf_section *section,
		     struct config_jail *jail, struct value *rows, enum jail_result *result,
		     struct err *err) __attribute__((warn_unused_result));
