/*
 * What engine, console and herald have in common: an event loop, the channel to the warden, the
 * log, the order of events at their start (hello, sandbox, then messages).
 */
#pragma once

#include "base/log.h"
#include "daemon/channel.h"
#include "daemon/options.h"

struct child {
	struct event_base *base;
	struct channel *warden;
	struct log log;
	enum role role;
	void *arg;
	/* a message of the warden's that the child itself does not know */
	int (*message)(void *arg, enum message_type type, str payload, int fd);
};

/* Loop and log; no channel yet. */
void child_init(struct child *c, enum role role, const struct guard_options *o);
/*
 * Sandbox, then hello: from here on messages arrive in child_run(). -errno when root could not
 * be given up.
 */
int child_enter(struct child *c, const char *writable, const unsigned char digest[static 32])
	__attribute__((warn_unused_result));
/* A channel to another child, as handed over with PEER_FD. Refusals are logged. */
struct channel *child_peer(struct child *c, int fd, enum role peer,
			   int (*message)(void *arg, struct channel *ch, enum message_type type,
					  str payload, int fd),
			   void (*closed)(void *arg, struct channel *ch));
/* Until child_stop(). Returns the exit status. */
int child_run(struct child *c);
/* Says STOPPED (with `fd`, or -1) and ends child_run(). */
void child_stop(struct child *c, int fd);
