/*
 * The warden: the one process with rights.  It opens what the configuration names, talks to the
 * kernel's firewall, runs the configured commands and keeps the other processes alive.  It parses
 * no line of a log and no byte of a client, and decides nothing: it carries out, after checking
 * again, what the engine orders.  This header is private to the warden*.c files.
 *
 *   warden.c           start, end, signals, the state directory, log and socket
 *   warden_children.c  starting, greeting and restarting the others, reload
 *   warden_orders.c    the messages of the others, re-checked
 *   warden_actions.c   the configured actions: set up, changed, taken down
 *   warden_ban.c       orders to ban and unban: checked, then carried out
 *   warden_sources.c   log files: opened here, read elsewhere
 */
#pragma once

#include <event2/event.h>

#include "action/action.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/table.h"
#include "config/config.h"
#include "daemon/channel.h"
#include "daemon/options.h"
#include "firewall/firewall.h"
#include "source/watch.h"

enum {
	SELF_MAX = 256, /* own addresses kept */
};

struct child_process {
	pid_t pid; /* 0: not running */
	struct channel *channel;
	bool greeted;  /* its HELLO was right */
	bool stopping; /* was told to */
	int64_t started_ms;
	unsigned early_deaths; /* in a row, each within seconds of its start */
	struct event *restart;
};

/* How one action of one jail is carried out. */
struct enforcer {
	enum { ENFORCE_NOTHING, ENFORCE_NATIVE, ENFORCE_SHELL } kind;
	int handle;         /* of the firewall */
	bool retry;         /* native, but could not be set up: tried again now and then */
	struct table *bans; /* the shell's: ids it was run for; the values mean nothing */
};

/* What the warden keeps of a jail. */
struct enforced_jail {
	struct enforcer *actions; /* as many as the jail has */
	/* longest ban in seconds that the engine may order; -1: permanent */
	int64_t longest;
};

/* A log file that is open, so that a new engine can be given what the old one had. */
struct held_file {
	struct held_file *next;
	char *path;
	unsigned *patterns;
	unsigned n_patterns;
	int fd;
	int wd;
	uint64_t dev, ino;
	int64_t replaced_ms; /* when another file took its name; 0: current */
};

/* A reload on its way: the new engine is starting while the old one still works. */
struct reload {
	struct config *config; /* NULL: none on its way */
	uint32_t answer_to;    /* the console's request */
	struct child_process engine;
};

struct warden {
	struct event_base *base;
	struct guard_options options;
	struct config *config;
	struct log log;
	struct child_process children[ROLES]; /* [ROLE_WARDEN] unused */
	struct reload reload;
	struct firewall *firewall;
	struct enforced_jail *enforced; /* [jail] */
	struct action_jobs *jobs;
	struct watch *watch;
	struct held_file *files;
	struct table *by_hand; /* jail + id that root ordered -> struct allowance */
	int listen_fd;
	char *socket_path; /* where it listens, to be removed at the end */
	int state_fd;      /* memfd with the state of a stopped engine, or -1 */
	struct ip self[SELF_MAX];
	size_t n_self;
	bool stopping;
	int exit_status;
	struct event *signals[5], *address_change, *housekeeping, *finish;
};

/* warden.c */
int warden_main(const struct guard_options *options);
void warden_log(struct warden *w, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Begins the end: engine, actions, firewall, in this order. */
void warden_stop(struct warden *w);
/* Goes on with the end, as far as it can. */
void warden_stop_next(struct warden *w);
void warden_refresh_self(struct warden *w);
void warden_send_self(const struct warden *w, struct channel *engine);
/* After a reload: log level and target, where they differ from `old`. */
void warden_log_settings(struct warden *w, const struct config *old);
/* (Re)opens the log target and hands it to the children. */
int warden_open_log(struct warden *w, struct err *err) __attribute__((warn_unused_result));
void warden_send_log(struct warden *w, struct channel *to);

/* warden_children.c */
int warden_start_child(struct warden *w, enum role role) __attribute__((warn_unused_result));
void warden_reap(struct warden *w);
/* The engine to send to: NULL while there is none. */
struct channel *warden_engine(struct warden *w);
/* Answers the console later. 0, or -errno with *err: nothing has changed. */
int warden_reload(struct warden *w, uint32_t answer_to, struct err *err)
	__attribute__((warn_unused_result));
/* Gives up a reload that is on its way. */
void warden_reload_drop(struct warden *w);
void warden_answer(struct warden *w, uint32_t id, bool ok, const char *text);
int warden_hello(struct warden *w, struct channel *ch, str payload);
void warden_child_stopped(struct warden *w, struct channel *ch, int state_fd);

/* warden_orders.c */
int warden_message(void *arg, struct channel *ch, enum message_type type, str payload, int fd);

/* warden_actions.c */
/* Makes every action of the configuration ready; what cannot be is logged and left out. */
void warden_actions_setup(struct warden *w);
/* After a reload: `old` was in force before. Unchanged actions keep what they hold. */
void warden_actions_change(struct warden *w, const struct config *old);
/* Queues the stop of every shell action. */
void warden_actions_stop(struct warden *w);
/* Takes down what is native. */
void warden_actions_teardown(struct warden *w);
/* Looks whether the kernel still holds what was set up; if not, mends it. */
void warden_actions_check(struct warden *w);
/* Is any action left to the shell? */
bool warden_needs_shell(const struct config *c);

/* warden_ban.c */
bool warden_is_protected(const struct warden *w, const struct ip *ip);
int warden_ban_order(struct warden *w, enum message_type type, str payload);
int warden_by_hand(struct warden *w, str payload);
/* Most of root's words are never needed: only a ban that is otherwise refused asks for one. */
void warden_forget_by_hand(struct warden *w);

/* warden_sources.c */
void warden_sources_open(struct warden *w);
/* Everything a newly started engine needs to know of files. */
void warden_sources_begin(struct warden *w, struct channel *engine);
void warden_sources_scan(struct warden *w);
int warden_sources_rotated(struct warden *w, str payload);
void warden_sources_forget_old(struct warden *w);
/* After a reload: the new patterns; rotated files that they name as well stay open. */
void warden_sources_change(struct warden *w);
