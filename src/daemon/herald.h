/*
 * The herald: the one process that talks to the network.  For now it resolves: host names that a
 * log showed, names in `ignoreip`.  It reads no file once it has started and sees no log.
 */
#pragma once

#include "daemon/options.h"

int herald_main(const struct guard_options *options);
