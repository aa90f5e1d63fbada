/*
 * The engine: all parsing of log bytes, all policy, the state on disk.  It has no rights: what it
 * decides it asks the warden to carry out.  This header is private to the engine*.c files.
 *
 *   engine.c          start, end, messages of the warden
 *   engine_sources.c  files -> lines -> jails
 *   engine_jails.c    what happens in a jail: log lines, orders to the warden, look-ups
 *   engine_state.c    what is read from and committed to the database
 *   engine_control.c  the words of clients (with engine_status.c, engine_jail_words.c)
 */
#pragma once

#include <event2/event.h>

#include "ban/jail.h"
#include "ban/store.h"
#include "base/clock.h"
#include "base/table.h"
#include "daemon/child.h"
#include "source/follow.h"

enum {
	ENGINE_SELF_MAX = 256,
	ENGINE_PENDING_MAX = 10000, /* matches that wait for a name or a command */
	ENGINE_ASKED_MAX = 64,      /* rotated files that the warden looks for at a start */
};

/* A file that was read to its end and closed, whose position is still kept. */
struct gone_file {
	struct gone_file *next;
	char *path;
	uint64_t dev, ino;
	double since;
};

/* A rotated file that the warden was asked for. */
struct asked_file {
	uint64_t dev, ino;
	char *path;
};

/* A jail as the engine runs it. */
struct running {
	struct jail *jail; /* NULL: its filter does not compile; `fault` says why */
	struct err fault;
	/* orders gathered during one turn of the loop */
	struct buf add, del;
	uint32_t n_add, n_del;
	bool changed; /* since the last commit */
};

/* A write that waits for the next commit. */
struct pending_write {
	struct pending_write *next;
	enum { WRITE_BAN, WRITE_UNBAN, WRITE_GONE } what;
	unsigned jail;
	struct ticket *ticket; /* WRITE_BAN */
	char *text;            /* WRITE_UNBAN: the id; WRITE_GONE: the path */
	uint64_t dev, ino;     /* WRITE_GONE */
};

struct engine {
	struct child child;
	struct guard_options options;
	struct config *config;
	struct running *jails; /* as many as config->n_jails */
	struct follow *follow;
	struct channel *console, *herald;
	struct ip self[ENGINE_SELF_MAX];
	size_t n_self;

	struct store *store; /* NULL: not open; the guard works without it */
	bool store_in_memory;
	bool dirty;
	struct pending_write *writes, **last_write;

	struct table *waiting; /* request number -> struct waiting (engine_jails.c) */
	uint32_t last_request;
	double turn_now; /* the time of this turn of the loop */

	/* a client's words, as far as they have come (engine_control.c) */
	struct buf command;
	uint32_t command_id;

	struct asked_file asked[ENGINE_ASKED_MAX];
	unsigned n_asked;
	double asked_at;
	struct gone_file *gone;

	bool began, scanned;
	int inotify;
	struct event *work, *follow_due, *commit, *tick, *watch_readable;
	double last_purge, resolved_at;
	struct jail_events events;
};

/* engine.c */
int engine_main(const struct guard_options *options);
void engine_log(struct engine *e, enum log_level level, const char *logger, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Waits for the warden while a great many orders are on their way. */
void engine_relieve(struct engine *e);
/* Sends what was gathered in this turn, and writes out the log. */
void engine_end_turn(struct engine *e);

/* engine_sources.c */
int engine_watch_fd(struct engine *e, int fd);
int engine_log_fd(struct engine *e, str payload, int fd);
/* The paths that a jail reads now, for its status. */
void engine_add_paths(struct engine *e, unsigned jail, struct arena *a, struct value *list);
/* Positions of all files, written into the open transaction. */
int engine_put_positions(struct engine *e) __attribute__((warn_unused_result));
/* After a commit that failed: all of them again. */
void engine_forget_committed(struct engine *e);
void engine_wake(struct engine *e);
/* Lets go of positions of files that are gone for good. */
void engine_forget_gone(struct engine *e);
void engine_sources_free(struct engine *e);

/* engine_jails.c */
void engine_jails_init(struct engine *e);
void engine_jails_free(struct engine *e);
int engine_peer_message(void *arg, struct channel *ch, enum message_type type, str payload, int fd);
int engine_ignore_done(struct engine *e, str payload);
/* Asks the herald for every name in an ignoreip. */
void engine_resolve_ignored(struct engine *e);
/* A new herald: the names that wait for an answer, and those in ignoreip. */
void engine_ask_again(struct engine *e);
/* Adds a ticket to the orders of this turn. */
void engine_order(struct engine *e, unsigned jail, enum message_type type, unsigned flags,
		  const struct ticket *t);
/* Orders a ban again without its lines: for the kernel's time-outs. */
void engine_renew(struct engine *e, unsigned jail, unsigned flags, const struct ticket *t);
/* Says every ban again, because the kernel has lost them. */
void engine_say_bans(struct engine *e);
/* The last words on what waits for an answer, before the engine ends. */
void engine_settle_waiting(struct engine *e);
/* Takes a ban back by root's word. True if there was one. */
bool engine_unban(struct engine *e, unsigned jail, const struct fid *id);
/* Ends every ban of every jail in the firewall (a final stop); the database keeps them. */
void engine_repeal_all(struct engine *e);

/* engine_state.c */
void engine_state_open(struct engine *e, int memfd, bool reloaded);
void engine_changed(struct engine *e, unsigned jail);
void engine_positions_changed(struct engine *e);
/* The positions of a file that cannot come back are of no use any more. */
void engine_write_gone(struct engine *e, str path, uint64_t dev, uint64_t ino);
void engine_write_ban(struct engine *e, unsigned jail, const struct ticket *t);
void engine_write_unban(struct engine *e, unsigned jail, const struct fid *id);
void engine_commit(struct engine *e);
/* The last commit; a memfd if the state is in memory only and is handed over, else -1. */
int engine_state_close(struct engine *e, bool final);

/* engine_control.c */
int engine_command(struct engine *e, str payload);
