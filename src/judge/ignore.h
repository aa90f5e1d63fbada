/*
 * Who is never banned (section 5): the machine's own addresses (ignoreself), ignoreip addresses,
 * networks and names.  Names are resolved by the herald; until it has answered, a name covers
 * nothing, and afterwards its addresses are kept and renewed.
 */
#pragma once

#include "base/fid.h"
#include "config/config.h"

struct ignore;

/* Reads the jail's list. Bad entries are names. */
struct ignore *ignore_new(const struct config_jail *jail);
void ignore_free(struct ignore *ig);
/*
 * The source of the rule that covers the id, as the log names it ("ip", "dns", "ignoreself rule"),
 * or NULL: not ignored. `self` are the machine's own addresses.
 */
const char *ignore_test(const struct ignore *ig, const struct fid *id, const struct ip *self,
			size_t n_self);
/* Names that the herald has to look up: n-th, or STR_NULL behind the last. */
str ignore_name(const struct ignore *ig, size_t n);
/* The addresses of a name, replacing what was known (an empty answer keeps the old ones). */
void ignore_set_addresses(struct ignore *ig, str name, const struct ip *ips, size_t n);
/* The machine's own addresses (getifaddrs), at most `max`; returns how many. Needs no right. */
size_t ignore_own_addresses(struct ip *out, size_t max);
