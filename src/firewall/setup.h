/* Making and unmaking what an action needs in the kernel. For this folder only. */
#pragma once

#include "firewall/handle.h"

int setup_make(struct firewall *fw, struct handle *h,
	       void (*found)(void *arg, const struct ip *ip, int64_t timeout_ms), void *arg)
	__attribute__((warn_unused_result));
int setup_remove(struct firewall *fw, const struct handle *h) __attribute__((warn_unused_result));
/* 0: all stands; -ENOENT: something of it is gone. */
int setup_check(struct firewall *fw, const struct handle *h) __attribute__((warn_unused_result));
