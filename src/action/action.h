/*
 * Shell actions of action.d, as Fail2ban runs them (fail2ban-behaviour.md sections 2.2-2.4): start
 * on demand, one retry, actioncheck and repair after a failure, flush instead of many unbans, stop.
 * Runs in the warden, with root's rights, because that is what such actions are for.  Texts of
 * commands come from the configuration (trusted); values of tickets are hostile and reach the
 * shell as positional arguments only, never as text when they hold a special character.
 *
 * Nothing blocks: commands of one jail run one after the other, jails beside each other.
 */
#pragma once

#include <event2/event.h>

#include "base/err.h"
#include "config/config.h"
#include "judge/ticket.h"

enum action_verb {
	ACTION_START,
	ACTION_BAN,
	ACTION_UNBAN,
	ACTION_PROLONG,
	ACTION_FLUSH,
	ACTION_STOP
};

/* Counters of the jail, for <jail.banned> and its family. */
struct action_counters {
	uint64_t banned, banned_total, found, found_total;
};

struct action_jobs;

/* What the runner tells its owner. All texts are ready to log (not yet escaped). */
struct action_callbacks {
	void *arg;
	/* a line for the log: level is enum log_level, logger "CommandAction" or "actions" */
	void (*log)(void *arg, int level, const char *logger, const char *text);
	/* a verb of an action ended; ok false: also the retry failed */
	void (*done)(void *arg, unsigned jail, unsigned action, enum action_verb verb,
		     const struct ticket *t, bool ok);
};

struct action_jobs *action_jobs_new(struct event_base *base, const struct action_callbacks *cb,
				    unsigned max_parallel_jails);
void action_jobs_free(struct action_jobs *j);

/*
 * Makes an action known; `jail` and `action` are the configuration's indices, `conf` stays the
 * configuration's.  allow_ipv6 decides whether inet6 is started.
 */
int action_jobs_add(struct action_jobs *j, const struct config_jail *jail, unsigned action,
		    bool allow_ipv6, struct err *err) __attribute__((warn_unused_result));
/*
 * Queues a verb; the ticket (NULL for START, FLUSH, STOP) is copied. `merged_all`/`merged_jail`
 * (may be NULL) feed <ipmatches> and <ipjailmatches>.
 */
void action_jobs_queue(struct action_jobs *j, unsigned jail, unsigned action, enum action_verb verb,
		       const struct ticket *t, const struct ticket *merged_all,
		       const struct ticket *merged_jail, const struct action_counters *counters,
		       int64_t jail_bantime);
/* Commands waiting and running. */
size_t action_jobs_pending(const struct action_jobs *j);
/* To be called for each child of the process that ended and is not known otherwise; true: ours. */
bool action_jobs_reap(struct action_jobs *j, pid_t pid, int status);

/*
 * The script of a verb and its positional arguments ("$0" first), as handed to /bin/sh -c: for
 * tests and for ignorecommand.  args is a NULL-terminated array in `arena`.
 */
int action_render(const struct config_action *action, str command, const struct ticket *t,
		  const struct ticket *merged_all, const struct ticket *merged_jail,
		  const struct action_counters *counters, str jail_name, int64_t jail_bantime,
		  struct arena *arena, str *script, char ***args, struct err *err)
	__attribute__((warn_unused_result));
