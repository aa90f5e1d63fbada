/*
 * A guard that runs on this machine, Fail2ban or lastknock, asked through its control socket how
 * long our ban lasts, or told to lift it.  It is found by its listening socket, which must belong
 * to root (or to us): finding it proves nothing, only the ban that it tells of counts, and only
 * once the door was seen closed.
 */
#pragma once

#include "base/arena.h"
#include "base/ip.h"

struct local_guard {
	const char *name;   /* "lastknock", "fail2ban", or "guard" where it was only a socket */
	const char *socket; /* a path that we can connect to */
	const char *shown;  /* the path as the guard has it */
	bool mute;          /* it did not answer: it is not asked again */
};

enum { LOCAL_GUARDS_MAX = 8 };

/*
 * Those that run where one of the server's addresses is a local one (the same network namespace),
 * and thus may guard it; `socket`, unless NULL, is the only one looked at. How many.
 */
size_t local_guards_find(const char *socket, const struct ip *server, size_t n_server,
			 struct arena *a, struct local_guard out[static LOCAL_GUARDS_MAX]);

struct local_ban {
	const char *guard, *jail;
	int64_t seconds; /* its whole length; -1: for ever */
};
/* Does this guard ban the address, and for how long?  Jails of repeat offenders do not count. */
bool local_guard_ban(struct local_guard *g, const struct ip *ip, struct arena *a,
		     struct local_ban *out);
/* Does anybody answer there that we may trust? */
bool local_guard_answers(struct local_guard *g, struct arena *a);
/* Lifts all bans of the address. */
bool local_guard_unban(struct local_guard *g, const struct ip *ip, struct arena *a);
/*
 * The length in one row of `get JAIL banip --with-time`, "IP \tTIME + SECONDS = TIME", if the
 * row's address or network holds `ip`.
 */
bool local_guard_row(str row, const struct ip *ip, int64_t *seconds);
