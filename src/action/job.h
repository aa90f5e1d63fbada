/*
 * A verb of an action on its way: the order of commands that Fail2ban gives it (behaviour section
 * 2.4).  job.c decides what comes next, jobs.c runs it.  For this folder only.
 */
#pragma once

#include "action/action.h"

/* An action's state is kept for each address family, and for ids that have none. */
enum slot { SLOT_NONE, SLOT_INET4, SLOT_INET6, SLOTS };

struct action {
	unsigned jail, index; /* of the configuration in force */
	char *jail_name, *name;
	struct arena *arena; /* holds properties */
	struct value *properties;
	bool python, on_demand, norestored, repair_on_unban;
	bool uses_lines, uses_merged; /* by tags in its commands */
	bool wanted[SLOTS];           /* families that a start is for */
	int64_t timeout_ms;

	bool claimed; /* by the reload under way */
	bool gone;    /* no longer configured; freed with its last job */
	size_t jobs;

	bool started[SLOTS], items[SLOTS];
	char *start_script[SLOTS]; /* what started it; NULL: a ban alone did */
};

struct action *action_new(const struct config_jail *jail, unsigned index, bool allow_ipv6,
			  struct err *err);
void action_free(struct action *a);
/* What is started stays; the rest is taken from `from`, which is freed. */
void action_renew(struct action *a, struct action *from);
/* Is the command there and not blank? */
bool action_has(const struct action *a, const char *command);

enum phase {
	PHASE_DEMAND, /* actionstart, before the first ban */
	PHASE_MAIN,
	PHASE_CHECK,
	PHASE_REPAIR,
	PHASE_REPAIR_STOP,
	PHASE_REPAIR_START,
	PHASE_RECHECK
};

struct job {
	struct job *next;
	struct queue *queue;
	struct action *action; /* NULL: a single command, see jobs.c */
	enum action_verb verb;
	struct ticket *ticket, *merged_all, *merged_jail;
	struct action_counters counters;
	int64_t jail_bantime;
	double now;
	size_t bytes; /* of the tickets */

	bool todo[SLOTS];
	enum slot slot;
	enum phase phase;
	bool second;      /* the main command was tried before */
	bool ok;          /* nothing failed so far */
	char *ran[SLOTS]; /* scripts of the verb that were run: the same one is not run again */

	/* what is run at present, or with action NULL the one command there is */
	struct command *running;
	struct arena *arena; /* holds script and args */
	str script;
	char **args;
	char *jail_name, *command;
	void (*done)(void *arg, int status);
	void *done_arg;
};

/* The first command; false: there is nothing to do. */
bool job_begin(struct job *job);
/* The property that holds the command of the present phase; "" if it is not set. */
str job_command(const struct job *job);
/* Start, stop and checks are filled in without the ticket: with the family alone. */
bool job_wants_ticket(const struct job *job);
const char *job_family(const struct job *job);
/* Would this script only repeat what has been done for another family? */
bool job_is_repeated(const struct job *job, const char *script);
/* Notes the script that is about to be run, or that is repeated. */
void job_note_script(struct job *job, const char *script);
/*
 * The present command ended (or there was none, or it was repeated: ok).  True: go on with
 * job_command(); false: the job is done, job->ok says how.  Logs what has gone wrong.
 */
bool job_advance(struct job *job, bool ok, const struct action_callbacks *cb);
void job_free(struct job *job);
