/*
 * What the subcommands that talk to a running guard share: options, errors, asking.
 */
#pragma once

#include "base/value.h"

enum { TALK_REFUSED = 255 }; /* fail2ban-client's exit status for everything but success */

struct talk {
	const char *socket; /* NULL until talk_settle() */
	const char *dir;    /* -c, or NULL */
	struct arena *arena;
};

/* Takes -s SOCKET and -c DIR from the front; how many of argv that was, with argv[0]; -1: usage. */
int talk_options(int argc, char **argv, struct talk *t);
/* The socket is the given one, or the configuration's. 0, or -errno after complaining. */
int talk_settle(struct talk *t) __attribute__((warn_unused_result));
/* `2026-11-21 20:21:16,756 fail2ban                [23681]: ERROR   TEXT` on standard error. */
void talk_complain(const char *text);
/* Sends, waits, prints the answer; the exit status. */
int talk_ask(const struct talk *t, const struct value *words);
/* Whether anybody answers. */
bool talk_ping(const struct talk *t);

/* reload.c: `reload` and `restart JAIL`; argv are the words behind. */
int talk_reload(const struct talk *t, bool restart, int argc, char **argv);
