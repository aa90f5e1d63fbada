/*
 * The process that was started: it starts the warden and waits for its end.  A warden that is
 * killed is started again at once; one that ends by itself ends the guard.  It opens, reads and
 * parses nothing but the configuration's pid file name.
 */
#pragma once

#include "daemon/options.h"

/* Runs the guard until it ends; the exit status. */
int keeper_main(const struct guard_options *options);
