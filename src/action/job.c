/* The life of an action, one command after the other; see job.h.  Runs nothing, waits for nothing.
 */
#include "action/job.h"

#include "action/report.h"
#include "base/log.h"
#include "config/duration.h"
#include "config/property.h"

enum { TIMEOUT_MS = 60 * 1000 };

static const char *const slot_family[SLOTS] = { NULL, "inet4", "inet6" };

static str property(const struct action *a, const char *name)
{
	const struct value *v = value_get(a->properties, str_of(name));

	return v && v->type == VALUE_STR ? v->s : STR_NULL;
}

bool action_has(const struct action *a, const char *command)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		struct property_scope scope = { .properties = a->properties,
						.family = slot_family[i] };

		if (str_trim(property_find(&scope, str_of(command))).n)
			return true;
	}
	return false;
}

static bool any_names(const struct value *properties, const char *tag)
{
	for (size_t i = 1; i < properties->n; i += 2)
		if (properties->items[i]->type == VALUE_STR &&
		    str_find(properties->items[i]->s, str_of(tag)) >= 0)
			return true;
	return false;
}

static struct value *copy_properties(struct arena *arena, const struct value *from)
{
	struct value *to = value_dict(arena);

	for (size_t i = 0; from && i + 1 < from->n; i += 2) {
		_buf_free_ struct buf text = { 0 };

		value_add_str(&text, from->items[i + 1]);
		value_add(arena, to, value_str(arena, from->items[i]->s));
		value_add(arena, to, value_str(arena, buf_str(&text)));
	}
	return to;
}

static void choose_families(struct action *a, bool allow_ipv6)
{
	str families = property(a, "families");
	bool conditions = property_has_conditions(a->properties);

	if (families.p) {
		a->wanted[SLOT_INET4] = str_find(families, STR("inet4")) >= 0;
		a->wanted[SLOT_INET6] = str_find(families, STR("inet6")) >= 0;
	} else if (conditions) {
		a->wanted[SLOT_INET4] = true;
		a->wanted[SLOT_INET6] = allow_ipv6;
	}
	if (!a->wanted[SLOT_INET4] && !a->wanted[SLOT_INET6])
		a->wanted[SLOT_NONE] = true;
	a->on_demand = conditions;
	if (property(a, "actionstart_on_demand").p)
		a->on_demand = str_to_bool(property(a, "actionstart_on_demand"));
}

struct action *action_new(const struct config_jail *jail, unsigned index, bool allow_ipv6,
			  struct err *err)
{
	const struct config_action *conf = &jail->action[index];
	struct action *a = xcalloc(1, sizeof *a);
	double seconds = 0;
	bool whole;

	a->jail = jail->index;
	a->index = index;
	a->jail_name = str_dup(jail->name);
	a->name = str_dup(conf->name);
	a->python = conf->python;
	a->arena = arena_new();
	a->properties = copy_properties(a->arena, conf->properties);
	a->norestored = str_to_bool(property(a, "norestored"));
	a->repair_on_unban = str_to_bool(property(a, "actionrepair_on_unban"));
	a->uses_lines = any_names(a->properties, "matches>") || any_names(a->properties, "raw-");
	a->uses_merged = any_names(a->properties, "<ipmatches>") ||
			 any_names(a->properties, "<ipfailures>") ||
			 any_names(a->properties, "<ipjail");
	choose_families(a, allow_ipv6);
	a->timeout_ms = TIMEOUT_MS;
	if (str_trim(property(a, "timeout")).n) {
		if (duration_parse(property(a, "timeout"), &seconds, &whole, err) < 0) {
			action_free(a);
			return NULL;
		}
		/* a command has at least a moment, and at most a day */
		a->timeout_ms = seconds < 0.1     ? 100
				: seconds > 86400 ? (int64_t)86400 * 1000
						  : (int64_t)(seconds * 1000);
	}
	return a;
}

void action_free(struct action *a)
{
	if (!a)
		return;
	for (unsigned i = 0; i < SLOTS; i++)
		free(a->start_script[i]);
	arena_free(a->arena);
	free(a->jail_name);
	free(a->name);
	free(a);
}

void action_renew(struct action *a, struct action *from)
{
	struct action old = *a;

	*a = *from;
	a->jobs = old.jobs;
	memcpy(a->started, old.started, sizeof a->started);
	memcpy(a->items, old.items, sizeof a->items);
	memcpy(a->start_script, old.start_script, sizeof a->start_script);
	/* texts of the old one go with the shell that `from` was */
	from->arena = old.arena;
	from->jail_name = old.jail_name;
	from->name = old.name;
	memset(from->start_script, 0, sizeof from->start_script);
	action_free(from);
}

static enum slot slot_of(const struct ticket *t)
{
	const char *family = action_family(t);

	return !family ? SLOT_NONE : family[4] == '4' ? SLOT_INET4 : SLOT_INET6;
}

static bool is_left_out(const struct job *job)
{
	const struct action *a = job->action;

	if (a->python || (job->ticket && job->ticket->restored && a->norestored))
		return true;
	if (job->verb == ACTION_UNBAN && !a->items[slot_of(job->ticket)])
		return true;
	return (job->verb == ACTION_PROLONG && !action_has(a, "actionprolong")) ||
	       (job->verb == ACTION_RELOAD && !action_has(a, "actionreload")) ||
	       (job->verb == ACTION_FLUSH && !action_has(a, "actionflush"));
}

static void enter_slot(struct job *job)
{
	bool bans = job->verb == ACTION_BAN || job->verb == ACTION_REBAN;

	job->second = false;
	job->phase = bans && job->action->on_demand && !job->action->started[job->slot]
			     ? PHASE_DEMAND
			     : PHASE_MAIN;
}

static bool next_slot(struct job *job)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		if (!job->todo[i])
			continue;
		job->todo[i] = false;
		job->slot = (enum slot)i;
		enter_slot(job);
		return true;
	}
	return false;
}

bool job_begin(struct job *job)
{
	const struct action *a = job->action;

	job->ok = true;
	if (is_left_out(job))
		return false;
	if (job->ticket)
		job->todo[slot_of(job->ticket)] = true;
	for (unsigned i = 0; i < SLOTS && !job->ticket; i++) {
		if (job->verb == ACTION_START)
			job->todo[i] = a->wanted[i] && !a->on_demand && !a->started[i];
		else if (job->verb == ACTION_FLUSH)
			job->todo[i] = a->items[i];
		else
			job->todo[i] = a->started[i];
	}
	return next_slot(job);
}

static const char *main_command(const struct job *job)
{
	switch (job->verb) {
	case ACTION_START:
		return "actionstart";
	case ACTION_BAN:
		return "actionban";
	case ACTION_UNBAN:
		return "actionunban";
	case ACTION_PROLONG:
		return "actionprolong";
	case ACTION_REBAN:
		return action_has(job->action, "actionreban") ? "actionreban" : "actionban";
	case ACTION_RELOAD:
		return "actionreload";
	case ACTION_FLUSH:
		return "actionflush";
	case ACTION_STOP:
		return "actionstop";
	}
	return "";
}

static const char *phase_command(const struct job *job)
{
	switch (job->phase) {
	case PHASE_DEMAND:
	case PHASE_REPAIR_START:
		return "actionstart";
	case PHASE_MAIN:
		return main_command(job);
	case PHASE_CHECK:
	case PHASE_RECHECK:
		return "actioncheck";
	case PHASE_REPAIR:
		return "actionrepair";
	case PHASE_REPAIR_STOP:
		return "actionstop";
	}
	return "";
}

bool job_wants_ticket(const struct job *job)
{
	return job->ticket && job->phase == PHASE_MAIN;
}

const char *job_family(const struct job *job)
{
	return slot_family[job->slot];
}

str job_command(const struct job *job)
{
	struct property_scope scope = { .properties = job->action->properties,
					.family = slot_family[job->slot] };
	str text = str_trim(property_find(&scope, str_of(phase_command(job))));

	return text.p ? text : STR("");
}

static bool is_starting(const struct job *job)
{
	return job->phase == PHASE_DEMAND || job->phase == PHASE_REPAIR_START ||
	       (job->phase == PHASE_MAIN && job->verb == ACTION_START);
}

bool job_is_repeated(const struct job *job, const char *script)
{
	const struct action *a = job->action;
	bool starting = is_starting(job);

	if (!starting && (job->phase != PHASE_MAIN || job->ticket))
		return false;
	for (unsigned i = 0; i < SLOTS; i++) {
		const char *before = starting ? a->start_script[i] : job->ran[i];

		if (i == (unsigned)job->slot || (starting && !a->started[i]))
			continue;
		if (before && strcmp(before, script) == 0)
			return true;
	}
	return false;
}

void job_note_script(struct job *job, const char *script)
{
	char **place =
		is_starting(job) ? &job->action->start_script[job->slot] : &job->ran[job->slot];

	if (!is_starting(job) && job->phase != PHASE_MAIN)
		return;
	free(*place);
	*place = xstrdup(script);
}

static void clear_slot(struct action *a, enum slot slot)
{
	a->started[slot] = a->items[slot] = false;
	free(a->start_script[slot]);
	a->start_script[slot] = NULL;
}

/* What a main command that ended well means; a stop counts however it ended. */
static void take_effect(struct job *job)
{
	struct action *a = job->action;

	if (job->verb == ACTION_START) {
		a->started[job->slot] = true;
	} else if (job->verb == ACTION_BAN || job->verb == ACTION_REBAN) {
		a->started[job->slot] = a->items[job->slot] = true;
	} else if (job->verb == ACTION_FLUSH) {
		a->items[job->slot] = false;
	} else if (job->verb == ACTION_STOP) {
		clear_slot(a, job->slot);
	}
}

/* The slot is done; true: another one is next. */
static bool slot_ended(struct job *job, bool ok, bool in_start, const struct action_callbacks *cb)
{
	job->ok &= ok;
	if (!ok)
		report_action(cb, job->action->jail_name, job->action->name, job->verb, job->ticket,
			      in_start);
	return next_slot(job);
}

static bool after_main(struct job *job, bool ok, const struct action_callbacks *cb)
{
	bool simple =
		job->verb == ACTION_START || job->verb == ACTION_STOP || job->verb == ACTION_RELOAD;

	if (ok || job->verb == ACTION_STOP)
		take_effect(job);
	if (ok || simple || job->second)
		return slot_ended(job, ok, false, cb);
	job->second = true;
	if (action_has(job->action, "actioncheck"))
		job->phase = PHASE_CHECK;
	return true;
}

static bool after_failed_check(struct job *job, const struct action_callbacks *cb)
{
	struct action *a = job->action;

	if (job->verb == ACTION_UNBAN && !a->repair_on_unban) {
		cb->log(cb->arg, LEVEL_ERROR, "CommandAction",
			"Invariant check failed. Unban is impossible.");
		return slot_ended(job, false, false, cb);
	}
	cb->log(cb->arg, LEVEL_ERROR, "CommandAction",
		"Invariant check failed. Trying to restore a sane environment");
	if (cb->repaired && !a->gone)
		cb->repaired(cb->arg, a->jail, a->index);
	job->phase = action_has(a, "actionrepair") ? PHASE_REPAIR : PHASE_REPAIR_STOP;
	return true;
}

bool job_advance(struct job *job, bool ok, const struct action_callbacks *cb)
{
	struct action *a = job->action;

	switch (job->phase) {
	case PHASE_DEMAND:
		if (!ok)
			return slot_ended(job, false, true, cb);
		a->started[job->slot] = true;
		job->phase = PHASE_MAIN;
		return true;
	case PHASE_MAIN:
		return after_main(job, ok, cb);
	case PHASE_CHECK:
		if (!ok)
			return after_failed_check(job, cb);
		job->phase = PHASE_MAIN;
		return true;
	case PHASE_REPAIR:
		job->phase = PHASE_RECHECK;
		return true;
	case PHASE_REPAIR_STOP:
		clear_slot(a, job->slot);
		/* a start for all families together is undone with it */
		clear_slot(a, SLOT_NONE);
		job->phase = PHASE_REPAIR_START;
		return true;
	case PHASE_REPAIR_START:
		a->started[job->slot] |= ok;
		job->phase = PHASE_RECHECK;
		return true;
	case PHASE_RECHECK:
		if (ok) {
			job->phase = PHASE_MAIN;
			return true;
		}
		cb->log(cb->arg, LEVEL_CRITICAL, "CommandAction", "Unable to restore environment");
		return slot_ended(job, false, false, cb);
	}
	return false;
}

void job_free(struct job *job)
{
	ticket_free(job->ticket);
	ticket_free(job->merged_all);
	ticket_free(job->merged_jail);
	for (unsigned i = 0; i < SLOTS; i++)
		free(job->ran[i]);
	if (job->arena)
		arena_free(job->arena);
	free(job->jail_name);
	free(job->command);
	free(job);
}
