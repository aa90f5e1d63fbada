/*
 * Starting the guard's processes: fork and exec of the same binary, so that each has its own
 * address space layout and no memory of its parent's secrets.
 */
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "daemon/options.h"

enum {
	SPAWN_CHANNEL_FD = 3 /* where a child finds its end of the channel to the warden */
};

/* Adds the signals that are meant for the guard as a whole: end, reload, open the log anew. */
void spawn_guard_signals(sigset_t *set);
/*
 * Starts the role.  `channel` (-1: none) becomes SPAWN_CHANNEL_FD; all other descriptors but
 * 0, 1, 2 are closed in the child, which dies with its parent.  The pid, or -errno.
 */
pid_t spawn_role(const struct guard_options *o, enum role role, int channel)
	__attribute__((warn_unused_result));
