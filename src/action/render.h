/*
 * The command of a shell action, filled in: the second of Fail2ban's two passes (behaviour section
 * 2.2).  Property values were put in by config/property.h and are trusted.  Values of a ticket are
 * hostile: one that holds a byte the shell could take for its own becomes a positional argument,
 * and the text only names the variable that carries it; every other value is put in as it is.
 */
#pragma once

#include "config/config.h"
#include "judge/ticket.h"

/* Counters of the jail, for <jail.banned> and its family. */
struct action_counters {
	uint64_t banned, banned_total, found, found_total;
};

struct action_input {
	const struct value *properties; /* of the action */
	str jail_name;
	int64_t jail_bantime;
	struct action_counters counters;
	const struct ticket *ticket; /* NULL: start, stop, flush: the tags of a ticket are empty */
	/* for <ipmatches>, <ipfailures> and <ipjail...>: NULL: the ticket itself */
	const struct ticket *merged_all, *merged_jail;
	const char *family;      /* without a ticket: "inet4", "inet6", or NULL */
	double now;              /* <time> without a ticket */
	const char *host;        /* <ip-host>; NULL: "None" */
	const char *fq_hostname; /* NULL: the tag stays */
	const char *sh_hostname;
};

/* "inet4", "inet6"; NULL: the id is no address. */
const char *action_family(const struct ticket *t);
/*
 * The script and its positional arguments ("$0" first), as handed to /bin/sh -c.  args is a
 * NULL-terminated array in `arena`; script is terminated.  -errno: circular properties, or longer
 * than the system takes in one argument.
 */
int action_render(const struct action_input *in, str command, struct arena *arena, str *script,
		  char ***args, struct err *err) __attribute__((warn_unused_result));
