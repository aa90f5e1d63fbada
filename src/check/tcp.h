/*
 * A TCP connection from a chosen address, made within the engine's loop.
 */
#pragma once

#include "check/dialogue.h"

/*
 * *fd is the caller's to close, also on failure (-1: there is none).  `from` with family 0: the
 * system chooses; `wait`: seconds.  0, or -errno: -ETIMEDOUT no answer, -EADDRNOTAVAIL `from` is
 * not ours, and what connect(2) and ICMP messages say.
 */
int tcp_connect(struct engine *e, const struct ip *to, uint16_t port, const struct ip *from,
		double wait, int *fd) __attribute__((warn_unused_result));
/* Is it an address of this machine? */
bool tcp_can_come_from(const struct ip *ip);
