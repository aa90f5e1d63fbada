/*
 * One shell command as a child process of its own session: output captured up to a bound, ended
 * with its whole process group when it takes too long.  For this folder only.  Never blocks.
 */
#pragma once

#include <event2/event.h>

#include "base/buf.h"

enum {
	COMMAND_OUTPUT_MAX = 64 * 1024 /* kept of each of stdout and stderr */
};

struct command_result {
	int status; /* as waitpid() gives it; -1: not known, it could not be ended */
	bool timed_out;
	str output[2];       /* stdout, stderr */
	bool more_output[2]; /* there was more, which was dropped */
};

struct command;

/*
 * Starts /bin/sh -c SCRIPT ARGS.  `done` is called once, never from within this call; what its
 * result points to is gone when it returns.  NULL and errno: it could not be started.
 */
struct command *command_start(struct event_base *base, const char *script, char *const args[],
			      int64_t timeout_ms,
			      void (*done)(void *arg, const struct command_result *result),
			      void *arg);
pid_t command_pid(const struct command *c);
/* The child has ended with this status: calls `done` if it was not called, and frees. */
void command_reaped(struct command *c, int status);
/* Ends the process group at once and frees, without calling `done`; somebody else reaps. */
void command_free(struct command *c);
