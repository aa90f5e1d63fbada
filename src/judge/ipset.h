/* A set of addresses and networks, asked whether it covers one. Any number, constant time. */
#pragma once

#include "base/ip.h"

struct ipset;

struct ipset *ipset_new(void);
void ipset_free(struct ipset *s);
void ipset_add(struct ipset *s, const struct ip *ip);
/* Is `ip` (an address or a network) one of the set, or inside one? */
bool ipset_covers(const struct ipset *s, const struct ip *ip);
/* Is any of the set inside `net`, or `net` inside one of it? */
bool ipset_touches(const struct ipset *s, const struct ip *net);
