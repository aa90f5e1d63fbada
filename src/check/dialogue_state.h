/*
 * What engine.c and dialogue.c share; nobody else includes it.
 */
#pragma once

#include <event2/event.h>

#include "check/dialogue.h"

struct engine {
	struct arena *arena;
	struct event_base *base;
	SSL_CTX *tls;
	struct engine_options options;
	unsigned connections;
	int64_t began_ms, last_start_ms; /* clock_ticks_ms() */
	int64_t end_ms;                  /* 0: no limit */
};

/* What a wait is for; `done` is asked after each event. */
struct waiting {
	const char *reason;
	double limit; /* seconds */
	bool (*done)(void *arg);
	void *arg;
};

/* Runs the loop until done or the time is up: was it done? */
bool engine_wait(struct engine *e, const struct waiting *w);
/* Takes in what has come by now, without waiting. */
void engine_look(struct engine *e);
/* Waits until a connection may be begun, and counts it. */
void engine_pace(struct engine *e);
