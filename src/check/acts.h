/*
 * Checks that may look like an attack: in which order, where, and whether they are made at all.
 */
#pragma once

#include "check/run.h"

enum {
	ACTS_STEPS = 19, /* how many there are; each makes one connection or none */
	ACTS_AGAIN = 7,  /* those that are made again at every further address */
};

/*
 * Logs in, then makes the acts in the order of what would be worst; each adds its finding, also if
 * it could not be made.  What the guard test will answer is left to it.
 */
void acts_run(struct run *r);
