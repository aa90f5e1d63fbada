/*
 * Values of a stock nftables action in the words of nft(8): ports, protocols, block types,
 * priorities.  For recognise.c only; text from the configuration (trusted, but mistakes are
 * normal).
 */
#pragma once

#include "base/arena.h"
#include "firewall/firewall.h"

/*
 * "smtp,465,8000:8010" or with blanks and '-': numbers, ranges and names of /etc/services, sorted
 * and without overlaps.  -EINVAL, and *bad is the piece that cannot be read.
 */
int values_ports(str text, struct arena *arena, struct firewall_rule *out, str *bad)
	__attribute__((warn_unused_result));
/* "tcp,udp"; "all" is none. The same. */
int values_protocols(str text, struct arena *arena, struct firewall_rule *out, str *bad)
	__attribute__((warn_unused_result));
/* "-1", "filter", "filter - 1", "mangle+5". 0 or -EINVAL. */
int values_priority(str text, int *out) __attribute__((warn_unused_result));
/*
 * "drop", "reject", "reject with icmpx type admin-prohibited", "reject with tcp reset"; needs the
 * family and the protocols of `out`.  1: it is filled; 0: another block type.
 */
int values_blocktype(str text, struct firewall_rule *out) __attribute__((warn_unused_result));
