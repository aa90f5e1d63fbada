/*
 * Queues of verbs and the commands that run for them; see action.h.  A queue is a jail's actions,
 * or a jail's ignorecommands; the commands of a queue run one after the other.  Queues take turns:
 * after each verb the next queue that waits is served, so that a slow jail delays nobody else.
 * Nothing runs from within a call of the owner: all begins in an event of the loop.
 */
#include "action/action.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

#include "action/command.h"
#include "action/job.h"
#include "action/known.h"
#include "action/report.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/table.h"

enum {
	BYTES_MAX = 64 * 1024 * 1024, /* of tickets waiting; above it they are copied cut down */
	TICKET_CUT = 1024,
	JOBS_MAX = 100 * 1000, /* bans waiting; unbans are bounded by bans */
	SINGLE_TIMEOUT_MS = 60 * 1000
};

/* Two kinds of queues, each with its own number of places. */
enum kind { KIND_ACTIONS, KIND_SINGLE, KINDS };

struct queue {
	struct action_jobs *owner;
	enum kind kind;
	struct job *first, *last; /* waiting */
	struct job *running;
	bool waits; /* in the list of queues that want a place */
	struct queue *next_waiting;
};

struct action_jobs {
	struct event_base *base;
	struct action_callbacks cb;
	unsigned places[KINDS]; /* free ones */
	struct known known;
	struct table *queues; /* kind and jail name -> struct queue */
	struct queue *waiting[KINDS], *waiting_last[KINDS];
	struct event *kick;
	struct job **running; /* those with a command, for action_jobs_reap() */
	size_t n_running, room_running;
	struct command **given_up; /* of jobs that are over; the child has still to be reaped */
	size_t n_given_up;
	size_t pending, bytes;
	bool full; /* said so in the log */
};

static void serve(struct action_jobs *j);

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
	serve(arg);
}

/* Serves the queues once the caller has returned to the loop. */
static void serve_soon(struct action_jobs *j)
{
	event_active(j->kick, EV_TIMEOUT, 0);
}

struct action_jobs *action_jobs_new(struct event_base *base, const struct action_callbacks *cb,
				    unsigned max_parallel_jails)
{
	struct action_jobs *j = xcalloc(1, sizeof *j);

	j->base = base;
	j->cb = *cb;
	j->places[KIND_ACTIONS] = j->places[KIND_SINGLE] =
		max_parallel_jails ? max_parallel_jails : 1;
	j->queues = table_new();
	j->kick = event_new(base, -1, 0, on_kick, j);
	known_init(&j->known);
	return j;
}

static void queue_free(void *arg)
{
	struct queue *q = arg;

	if (q->running)
		job_free(q->running);
	while (q->first) {
		struct job *job = q->first;

		q->first = job->next;
		job_free(job);
	}
	free(q);
}

void action_jobs_free(struct action_jobs *j)
{
	if (!j)
		return;
	for (size_t i = 0; i < j->n_running; i++) {
		command_free(j->running[i]->running);
		j->running[i]->running = NULL;
	}
	for (size_t i = 0; i < j->n_given_up; i++)
		command_free(j->given_up[i]);
	table_free(j->queues, queue_free);
	known_done(&j->known);
	event_free(j->kick);
	free(j->running);
	free(j->given_up);
	free(j);
}

int action_jobs_add(struct action_jobs *j, const struct config_jail *jail, unsigned action,
		    bool allow_ipv6, struct err *err)
{
	const struct action *a = known_add(&j->known, jail, action, allow_ipv6, err);

	if (!a)
		return -EINVAL;
	if (a->python) {
		_buf_free_ struct buf text = { 0 };

		buf_printf(&text,
			   "Jail '%s' action '%s' is a Python plugin (%.*s.py): it is not run",
			   a->jail_name, a->name, STR_ARG(jail->action[action].file));
		j->cb.log(j->cb.arg, LEVEL_WARNING, "actions", buf_z(&text));
	}
	return 0;
}

static struct queue *queue_of(struct action_jobs *j, enum kind kind, const char *jail)
{
	_buf_free_ struct buf key = { 0 };
	struct queue *q;

	buf_add_char(&key, kind == KIND_ACTIONS ? 'a' : 's');
	buf_add_z(&key, jail);
	q = table_find(j->queues, buf_str(&key));
	if (!q) {
		q = xcalloc(1, sizeof *q);
		q->owner = j;
		q->kind = kind;
		(void)table_put(j->queues, buf_str(&key), q);
	}
	return q;
}

static void want_place(struct queue *q)
{
	struct action_jobs *j = q->owner;

	if (q->waits || q->running || !q->first)
		return;
	q->waits = true;
	q->next_waiting = NULL;
	if (j->waiting_last[q->kind])
		j->waiting_last[q->kind]->next_waiting = q;
	else
		j->waiting[q->kind] = q;
	j->waiting_last[q->kind] = q;
	serve_soon(j);
}

static void put_job(struct queue *q, struct job *job)
{
	struct action_jobs *j = q->owner;

	job->queue = q;
	job->next = NULL;
	if (q->last)
		q->last->next = job;
	else
		q->first = job;
	q->last = job;
	j->pending++;
	j->bytes += job->bytes;
	if (job->action)
		job->action->jobs++;
	want_place(q);
}

/* A copy of what the action can use of it. */
static struct ticket *copy_ticket(const struct action_jobs *j, const struct ticket *t, bool lines)
{
	struct ticket shallow, *copy;

	if (!t)
		return NULL;
	shallow = *t;
	if (!lines)
		shallow.n_lines = 0;
	copy = ticket_copy(&shallow);
	if (j->bytes > BYTES_MAX)
		ticket_limit(copy, TICKET_CUT);
	return copy;
}

static size_t bytes_of(const struct ticket *t)
{
	return t ? ticket_bytes(t) + sizeof *t : 0;
}

static bool is_too_many(struct action_jobs *j, enum action_verb verb)
{
	if (j->pending < JOBS_MAX) {
		j->full = false;
		return false;
	}
	if (verb != ACTION_BAN && verb != ACTION_REBAN && verb != ACTION_PROLONG)
		return false;
	if (!j->full)
		j->cb.log(j->cb.arg, LEVEL_ERROR, "actions",
			  "Too many bans wait for their commands; further ones are left out");
	j->full = true;
	return true;
}

static struct job *new_job(struct action_jobs *j, struct action *a, enum action_verb verb,
			   int64_t jail_bantime)
{
	struct job *job = xcalloc(1, sizeof *job);

	job->action = a;
	job->verb = verb;
	job->jail_bantime = jail_bantime;
	return job;
}

void action_jobs_queue(struct action_jobs *j, unsigned jail, unsigned action, enum action_verb verb,
		       const struct ticket *t, const struct ticket *merged_all,
		       const struct ticket *merged_jail, const struct action_counters *counters,
		       int64_t jail_bantime)
{
	struct action *a = known_find(&j->known, jail, action);
	struct job *job;

	assert(a && (t != NULL) == (verb == ACTION_BAN || verb == ACTION_UNBAN ||
				    verb == ACTION_PROLONG || verb == ACTION_REBAN));
	if (is_too_many(j, verb)) {
		j->cb.done(j->cb.arg, jail, action, verb, t, false);
		return;
	}
	job = new_job(j, a, verb, jail_bantime);
	job->ticket = copy_ticket(j, t, a->uses_lines);
	if (a->uses_merged && j->bytes <= BYTES_MAX) {
		job->merged_all = copy_ticket(j, merged_all, a->uses_lines);
		job->merged_jail = copy_ticket(j, merged_jail, a->uses_lines);
	}
	if (counters)
		job->counters = *counters;
	job->bytes = bytes_of(job->ticket) + bytes_of(job->merged_all) + bytes_of(job->merged_jail);
	put_job(queue_of(j, KIND_ACTIONS, a->jail_name), job);
}

void action_jobs_run(struct action_jobs *j, str jail_name, str command, const struct ticket *t,
		     int64_t jail_bantime, void (*done)(void *arg, int status), void *arg)
{
	struct job *job = new_job(j, NULL, ACTION_BAN, jail_bantime);

	job->ticket = copy_ticket(j, t, true);
	job->jail_name = str_dup(jail_name);
	job->command = str_dup(command);
	job->done = done;
	job->done_arg = arg;
	job->bytes = bytes_of(job->ticket);
	put_job(queue_of(j, KIND_SINGLE, job->jail_name), job);
}

void action_jobs_mark(struct action_jobs *j)
{
	for (size_t i = 0; i < j->known.n; i++)
		j->known.items[i]->claimed = false;
}

void action_jobs_sweep(struct action_jobs *j)
{
	for (size_t i = 0; i < j->known.n; i++) {
		struct action *a = j->known.items[i];
		struct queue *q;

		if (a->claimed || a->gone)
			continue;
		a->gone = true;
		q = queue_of(j, KIND_ACTIONS, a->jail_name);
		put_job(q, new_job(j, a, ACTION_FLUSH, 0));
		put_job(q, new_job(j, a, ACTION_STOP, 0));
	}
}

bool action_jobs_can_flush(const struct action_jobs *j, unsigned jail, unsigned action)
{
	const struct action *a = known_find(&j->known, jail, action);

	return a && action_has(a, "actionflush");
}

size_t action_jobs_pending(const struct action_jobs *j)
{
	return j->pending;
}

/* The job is over: tells its owner and lets the next queue have the place. */
static void end_job(struct job *job, int status)
{
	struct queue *q = job->queue;
	struct action_jobs *j = q->owner;
	struct action *a = job->action;

	j->pending--;
	j->bytes -= job->bytes;
	j->places[q->kind]++;
	q->running = NULL;
	want_place(q);
	serve_soon(j);
	if (!a)
		job->done(job->done_arg, status);
	else if (!a->gone)
		j->cb.done(j->cb.arg, a->jail, a->index, job->verb, job->ticket, job->ok);
	if (a && --a->jobs == 0 && a->gone)
		known_drop(&j->known, a);
	job_free(job);
}

static int render(struct job *job, str command)
{
	static const struct value none = { .type = VALUE_DICT };
	struct action_jobs *j = job->queue->owner;
	struct action *a = job->action;
	struct action_input in = { .properties = a ? a->properties : &none,
				   .jail_name = str_of(a ? a->jail_name : job->jail_name),
				   .jail_bantime = job->jail_bantime,
				   .counters = job->counters,
				   .ticket = !a || job_wants_ticket(job) ? job->ticket : NULL,
				   .merged_all = job->merged_all,
				   .merged_jail = job->merged_jail,
				   .family = a ? job_family(job) : NULL,
				   .now = job->now,
				   .fq_hostname = j->known.fq_hostname,
				   .sh_hostname = j->known.sh_hostname };
	struct err err = { 0 };
	int r;

	arena_reset(job->arena);
	r = action_render(&in, command, job->arena, &job->script, &job->args, &err);
	if (r < 0) {
		_buf_free_ struct buf text = { 0 };

		buf_printf(&text, "Jail '%s' action '%s': ", a ? a->jail_name : job->jail_name,
			   a ? a->name : "ignorecommand");
		buf_add_z(&text, err.text);
		j->cb.log(j->cb.arg, LEVEL_ERROR, "CommandAction", buf_z(&text));
	}
	return r;
}

static void on_done(void *arg, const struct command_result *result);

static bool launch(struct job *job, int64_t timeout_ms)
{
	struct action_jobs *j = job->queue->owner;

	job->running = command_start(j->base, job->script.p, job->args, timeout_ms, on_done, job);
	if (!job->running) {
		_buf_free_ struct buf text = { 0 };

		buf_printf(&text, "Cannot start a command: %m");
		j->cb.log(j->cb.arg, LEVEL_ERROR, "CommandAction", buf_z(&text));
		return false;
	}
	if (j->n_running == j->room_running) {
		j->room_running = j->room_running ? j->room_running * 2 : 8;
		j->running = xreallocarray(j->running, j->room_running, sizeof(struct job *));
	}
	j->running[j->n_running++] = job;
	return true;
}

/* Runs the job's commands from the present one on, until one has to be waited for. */
static void go_on(struct job *job)
{
	const struct action_callbacks *cb = &job->queue->owner->cb;

	for (;;) {
		str command = job_command(job);
		bool ok = true;

		if (command.n) {
			ok = render(job, command) == 0;
			if (ok && job_is_repeated(job, job->script.p)) {
				job_note_script(job, job->script.p);
			} else if (ok) {
				job_note_script(job, job->script.p);
				ok = launch(job, job->action->timeout_ms);
				if (ok)
					return;
			}
		}
		if (!job_advance(job, ok, cb)) {
			end_job(job, 0);
			return;
		}
	}
}

static void begin(struct job *job)
{
	job->now = clock_now();
	job->arena = arena_new();
	if (!job->action) {
		if (render(job, str_of(job->command)) < 0 || !launch(job, SINGLE_TIMEOUT_MS))
			end_job(job, -1);
	} else if (job_begin(job)) {
		go_on(job);
	} else {
		end_job(job, 0);
	}
}

static void serve(struct action_jobs *j)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		while (j->places[kind] && j->waiting[kind]) {
			struct queue *q = j->waiting[kind];

			j->waiting[kind] = q->next_waiting;
			if (!j->waiting[kind])
				j->waiting_last[kind] = NULL;
			q->waits = false;
			q->running = q->first;
			q->first = q->first->next;
			if (!q->first)
				q->last = NULL;
			j->places[kind]--;
			begin(q->running);
		}
	}
}

static void forget_running(struct action_jobs *j, const struct job *job)
{
	for (size_t i = 0; i < j->n_running; i++)
		if (j->running[i] == job) {
			j->running[i] = j->running[--j->n_running];
			return;
		}
}

static void on_done(void *arg, const struct command_result *result)
{
	struct job *job = arg;
	struct action_jobs *j = job->queue->owner;
	bool ok = report_is_success(result, !job->action);
	int64_t timeout_ms = job->action ? job->action->timeout_ms : SINGLE_TIMEOUT_MS;

	forget_running(j, job);
	if (result->status == -1) {
		j->given_up =
			xreallocarray(j->given_up, j->n_given_up + 1, sizeof(struct command *));
		j->given_up[j->n_given_up++] = job->running;
	}
	job->running = NULL;
	if (!ok)
		report_command(&j->cb, job->script.p, job->args, timeout_ms, result);
	if (!job->action)
		end_job(job, result->timed_out || result->status < 0 || !WIFEXITED(result->status)
				     ? -1
				     : WEXITSTATUS(result->status));
	else if (job_advance(job, ok, &j->cb))
		go_on(job);
	else
		end_job(job, 0);
}

bool action_jobs_reap(struct action_jobs *j, pid_t pid, int status)
{
	for (size_t i = 0; i < j->n_running; i++) {
		if (command_pid(j->running[i]->running) != pid)
			continue;
		command_reaped(j->running[i]->running, status);
		return true;
	}
	for (size_t i = 0; i < j->n_given_up; i++) {
		if (command_pid(j->given_up[i]) != pid)
			continue;
		command_reaped(j->given_up[i], status);
		j->given_up[i] = j->given_up[--j->n_given_up];
		return true;
	}
	return false;
}
