/*
 * Sender addresses that are not the test account's, for SND-* and for the guard test.
 */
#pragma once

#include "check/session.h"

/* The sender of SND-02, -03 or -04; made up anew for each call where it is made up. */
const char *sender_of(const struct run *r, const char *id);
/* The finding from what the server said to it, logged in. */
void sender_judge(struct run *r, const struct check *c, const struct endpoint *e,
		  const struct transaction *t);
/* Was it refused in a way that a guard counts? */
bool outcome_is_refusal(enum outcome o);
