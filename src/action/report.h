/* The log lines of a command or an action that failed, in Fail2ban's form. For this folder only. */
#pragma once

#include "action/action.h"
#include "action/command.h"

/* Did it end well?  Exit status 0; or_one: 1 as well. */
bool report_is_success(const struct command_result *r, bool or_one);
/* What was run, what it printed, how it ended: a line each, of bounded number and length. */
void report_command(const struct action_callbacks *cb, const char *script, char *const args[],
		    int64_t timeout_ms, const struct command_result *r);
/* "Failed to execute ban jail 'J' action 'A' info '...': Error banning IP"; in_start: because the
 * start on demand had failed. */
void report_action(const struct action_callbacks *cb, const char *jail, const char *action,
		   enum action_verb verb, const struct ticket *t, bool in_start);
