/*
 * Shell actions of action.d, as Fail2ban runs them (fail2ban-behaviour.md sections 2.2-2.4): start
 * on demand, one retry, actioncheck and repair after a failure, flush instead of many unbans, stop.
 * Runs in the warden, with root's rights, because that is what such actions are for.  Texts of
 * commands come from the configuration (trusted); values of tickets are hostile and reach the
 * shell as positional arguments only, never as text when they hold a special character
 * (action/render.h).
 *
 * Nothing blocks: commands of one jail run one after the other, jails beside each other.
 */
#pragma once

#include <event2/event.h>

#include "action/render.h"
#include "base/err.h"

enum action_verb {
	ACTION_START,
	ACTION_BAN,
	ACTION_UNBAN,
	ACTION_PROLONG,
	ACTION_REBAN, /* actionreban, or actionban: after a repair lost the bans */
	ACTION_RELOAD,
	ACTION_FLUSH,
	ACTION_STOP
};

struct action_jobs;

/* What the runner tells its owner. All texts are ready to log (not yet escaped). */
struct action_callbacks {
	void *arg;
	/* a line for the log: level is enum log_level; logger "utils", "CommandAction", "actions"
	 */
	void (*log)(void *arg, int level, const char *logger, const char *text);
	/* a verb of an action ended; ok false: also the retry failed */
	void (*done)(void *arg, unsigned jail, unsigned action, enum action_verb verb,
		     const struct ticket *t, bool ok);
	/* the environment of an action was broken and is made anew: its earlier bans are lost and
	 * want ACTION_REBAN (Fail2ban's ban epoch). May be NULL. */
	void (*repaired)(void *arg, unsigned jail, unsigned action);
};

/* max_parallel_jails: how many jails' commands may run at a time; as many ignorecommands beside. */
struct action_jobs *action_jobs_new(struct event_base *base, const struct action_callbacks *cb,
				    unsigned max_parallel_jails);
/* Ends what still runs, without waiting. */
void action_jobs_free(struct action_jobs *j);

/*
 * Makes an action known under the configuration's indices; what is needed of the configuration is
 * copied.  An action of the same jail and name that is known already takes the new properties and
 * indices and keeps what it has started (a reload).  A Python action is known, says once that it
 * is not run, and each verb of it succeeds.  allow_ipv6 decides whether inet6 is started.
 */
int action_jobs_add(struct action_jobs *j, const struct config_jail *jail, unsigned action,
		    bool allow_ipv6, struct err *err) __attribute__((warn_unused_result));
/*
 * A reload: action_jobs_mark(), then action_jobs_add() for each action of the new configuration,
 * then action_jobs_sweep(), which flushes and stops those that were not added again.
 */
void action_jobs_mark(struct action_jobs *j);
void action_jobs_sweep(struct action_jobs *j);

/*
 * Queues a verb; the ticket (NULL for START, RELOAD, FLUSH, STOP) is copied, as far as the action
 * uses it. `merged_all`/`merged_jail` (may be NULL) feed <ipmatches> and <ipjailmatches>.
 * Tickets waiting have a maximum in bytes (their lines are cut down first) and in number (then the
 * verb fails at once, with a line in the log).
 */
void action_jobs_queue(struct action_jobs *j, unsigned jail, unsigned action, enum action_verb verb,
		       const struct ticket *t, const struct ticket *merged_all,
		       const struct ticket *merged_jail, const struct action_counters *counters,
		       int64_t jail_bantime);
/* Has the action an actionflush, so that FLUSH does for UNBAN of each ticket? */
bool action_jobs_can_flush(const struct action_jobs *j, unsigned jail, unsigned action);
/* Commands waiting and running. */
size_t action_jobs_pending(const struct action_jobs *j);
/* To be called for each child of the process that ended and is not known otherwise; true: ours. */
bool action_jobs_reap(struct action_jobs *j, pid_t pid, int status);

/*
 * Runs one command for a ticket, such as ignorecommand, apart from the jail's actions: those of
 * one jail one after the other.  `done` (never called from within) is told the exit status; -1:
 * killed, timed out or not started.  Statuses other than 0 and 1 are logged.
 */
void action_jobs_run(struct action_jobs *j, str jail_name, str command, const struct ticket *t,
		     int64_t jail_bantime, void (*done)(void *arg, int status), void *arg);
