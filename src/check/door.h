/*
 * Is the door open?  A fresh connection, the greeting, QUIT; and what it means when they do not
 * come.  The kinds of closing are those that firewalls, proxies and mail servers have.
 */
#pragma once

#include "check/run.h"

enum door {
	DOOR_OPEN,
	DOOR_DROP,    /* no answer to the SYN */
	DOOR_REJECT,  /* refused, reset, or an ICMP message */
	DOOR_APP,     /* a connection that ends before a greeting: a proxy, tcpwrappers */
	DOOR_SMTP,    /* 5xx instead of a greeting */
	DOOR_LIMIT,   /* 421 instead of a greeting */
	DOOR_UNKNOWN, /* our own fault, or no time */
};

struct probe {
	enum door door;
	double seconds; /* until the greeting, or until it was clear that there is none */
	const char *detail;
	struct exchange *evidence;
};

/* `patience`: seconds for the connection and, each, for the greeting. */
struct probe door_probe(struct run *r, const struct endpoint *e, const struct source *s,
			double patience);
/* "open", "drop", "reject" ... as in the report. */
const char *door_name(enum door d);
/* Of a connection that got nowhere. */
enum door door_of(enum gone g, const struct answer *greeting);
