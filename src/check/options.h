/*
 * The command line of `lastknock check`.
 */
#pragma once

#include "base/err.h"
#include "check/run.h"

/* 0; 1: --help was asked for; -EINVAL with *err: names the option and the value. Points into argv.
 */
int check_options_parse(int argc, char **argv, struct check_options *out, struct err *err)
	__attribute__((warn_unused_result));
/* One line for each option. */
void check_options_help(struct buf *out);
