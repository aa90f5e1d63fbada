/*
 * Who is never banned (section 5): the machine's own addresses (ignoreself), ignoreip addresses,
 * networks, names and files.  Names are resolved by the herald; until it has answered, a name
 * covers nothing, and afterwards its addresses are kept and renewed.
 *
 * A "file:PATH" entry is a list in a file (words separated by blanks or commas, comments after '#'
 * or ';').  It is opened by ignore_new(), before any sandbox, and stays open: writing into the file
 * is noticed wherever this runs.  A file put in its place by renaming is noticed only where the
 * process may still open the path; see ignore_file().  When a file cannot be read any more, or has
 * grown beyond 8 MiB, the list read last stays in force.
 */
#pragma once

#include "base/fid.h"
#include "config/config.h"

struct ignore;

/* Reads the jail's list and its files. Bad entries are names. Keeps pointers into `jail`. */
struct ignore *ignore_new(const struct config_jail *jail);
void ignore_free(struct ignore *ig);
/*
 * The source of the rule that covers the id, as the log names it ("ip", "dns", "file:PATH",
 * "ignoreself rule"), or NULL: not ignored.  A network is covered by one that holds it whole.
 * `self` are the machine's own addresses; loopback addresses are always among them.
 * ignorecommand and ignorecache are not looked at here.
 */
const char *ignore_test(const struct ignore *ig, const struct fid *id, const struct ip *self,
			size_t n_self);
/* Does the network hold any address that ignore_test() covers, or a part of one of its networks? */
bool ignore_inside(const struct ignore *ig, const struct ip *net, const struct ip *self,
		   size_t n_self);
/*
 * Names that the herald has to look up: n-th, or STR_NULL behind the last.  The list may grow
 * after ignore_refresh().
 */
str ignore_name(const struct ignore *ig, size_t n);
/*
 * The addresses of a name, replacing what was known (an empty answer keeps the old ones).  They
 * come from the DNS: at most the first 256 are taken.
 */
void ignore_set_addresses(struct ignore *ig, str name, const struct ip *ips, size_t n);
/* Paths of the list files, n-th or STR_NULL: for a sandbox that lets them be opened again. */
str ignore_file(const struct ignore *ig, size_t n);
/* Looks at most once a second whether files have changed; true if a list was read anew. */
bool ignore_refresh(struct ignore *ig, double now);
/*
 * The machine's own addresses (getifaddrs), at most `max`; returns how many. Needs no right, but a
 * netlink socket.
 */
size_t ignore_own_addresses(struct ip *out, size_t max);
