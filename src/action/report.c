/*
 * What the log says of failures; see report.h.  The lines follow Fail2ban's, because people and
 * programs look for them.  Output of commands and values of tickets are hostile: the log escapes
 * them; their length is bounded here.
 */
#include "action/report.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/table.h"
#include "base/value.h"

enum { COMMAND_SHOWN_MAX = 8 * 1024, LINES_SHOWN_MAX = 100 };

static void say(const struct action_callbacks *cb, enum log_level level, const char *logger,
		struct buf *text)
{
	cb->log(cb->arg, (int)level, logger, buf_z(text));
	buf_clear(text);
}

bool report_is_success(const struct command_result *r, bool or_one)
{
	if (r->timed_out || r->status < 0 || !WIFEXITED(r->status))
		return false;
	return WEXITSTATUS(r->status) == 0 || (or_one && WEXITSTATUS(r->status) == 1);
}

/* The text, or with variables Python's list of it and their values. */
static void add_command(struct buf *out, const char *script, char *const args[])
{
	_buf_free_ struct buf text = { 0 };

	if (!args[0]) {
		buf_add_z(&text, script);
	} else {
		buf_add_char(&text, '[');
		value_add_str_repr(&text, str_of(script));
		for (size_t i = 0; args[i]; i++) {
			buf_add_z(&text, ", ");
			value_add_str_repr(&text, str_of(args[i]));
		}
		buf_add_char(&text, ']');
	}
	buf_add_str(out, str_head(buf_str(&text), COMMAND_SHOWN_MAX));
	if (text.n > COMMAND_SHOWN_MAX)
		buf_printf(out, "... (%zu bytes)", text.n);
}

static void report_output(const struct action_callbacks *cb, const char *id, const char *name,
			  str output, bool more)
{
	_buf_free_ struct buf text = { 0 };
	unsigned shown = 0;
	str line;

	if (output.n && output.p[output.n - 1] == '\n')
		output.n--;
	if (output.n == 0)
		return;
	while (shown < LINES_SHOWN_MAX && str_split(&output, '\n', &line)) {
		buf_printf(&text, "%s -- %s: ", id, name);
		value_add_str_repr(&text, line);
		say(cb, LEVEL_ERROR, "utils", &text);
		shown++;
	}
	if (!output.p && !more)
		return;
	buf_printf(&text, "%s -- %s: (the rest is left out)", id, name);
	say(cb, LEVEL_ERROR, "utils", &text);
}

static void report_end(const struct action_callbacks *cb, const char *id, const char *script,
		       char *const args[], int status)
{
	_buf_free_ struct buf text = { 0 };
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	int sig = code < 0 ? -code : code > 128 ? code - 128 : 0;
	const char *name = sig ? sigabbrev_np(sig) : NULL;

	if (status == -1)
		buf_printf(&text, "%s -- could not be ended", id);
	else if (sig && name)
		buf_printf(&text, "%s -- killed with SIG%s (return code: %d)", id, name, code);
	else if (sig)
		buf_printf(&text, "%s -- killed with signal %d (return code: %d)", id, sig, code);
	else
		buf_printf(&text, "%s -- returned %d", id, code);
	say(cb, LEVEL_ERROR, "utils", &text);
	if (code != 127)
		return;
	buf_add_z(&text, "HINT on 127: \"Command not found\".  Is each command in '");
	add_command(&text, script, args);
	buf_printf(&text, "' installed, and in a folder of PATH (%s)?",
		   getenv("PATH") ? getenv("PATH") : "not set");
	say(cb, LEVEL_INFO, "utils", &text);
}

void report_command(const struct action_callbacks *cb, const char *script, char *const args[],
		    int64_t timeout_ms, const struct command_result *r)
{
	_buf_free_ struct buf text = { 0 };
	char id[16];

	snprintf(id, sizeof id, "%012llx",
		 (unsigned long long)table_hash(script, strlen(script)) & 0xffffffffffffull);
	buf_printf(&text, "%s -- exec: ", id);
	add_command(&text, script, args);
	say(cb, LEVEL_ERROR, "utils", &text);
	if (r->timed_out) {
		buf_printf(&text, "%s -- timed out after %g seconds.", id,
			   (double)timeout_ms / 1000);
		say(cb, LEVEL_ERROR, "utils", &text);
	}
	report_output(cb, id, "stdout", r->output[0], r->more_output[0]);
	report_output(cb, id, "stderr", r->output[1], r->more_output[1]);
	report_end(cb, id, script, args, r->status);
}

static void add_info(struct buf *out, const struct ticket *t)
{
	const char *family = action_family(t);
	_buf_free_ struct buf id = { 0 };

	fid_add(&id, &t->id);
	buf_add_z(out, "ActionInfo({'fid': ");
	value_add_str_repr(out, buf_str(&id));
	buf_printf(out, ", 'family': '%s'})", family ? family : "None");
}

void report_action(const struct action_callbacks *cb, const char *jail, const char *action,
		   enum action_verb verb, const struct ticket *t, bool in_start)
{
	static const struct {
		const char *failed, *error;
	} words[] = {
		[ACTION_START] = { "start", "starting" },
		[ACTION_BAN] = { "ban", "banning" },
		[ACTION_UNBAN] = { "unban", "unbanning" },
		[ACTION_PROLONG] = { "prolong", "prolonging" },
		[ACTION_REBAN] = { "reban", "banning" },
		[ACTION_RELOAD] = { "reload", "reloading" },
		[ACTION_FLUSH] = { "flush bans in", "flushing" },
		[ACTION_STOP] = { "stop", "stopping" },
	};
	_buf_free_ struct buf text = { 0 };

	if (t) {
		buf_printf(&text, "Failed to execute %s jail '%s' action '%s' info '",
			   words[verb].failed, jail, action);
		add_info(&text, t);
		buf_add_z(&text, "': ");
	} else {
		buf_printf(&text, "Failed to %s jail '%s' action '%s': ", words[verb].failed, jail,
			   action);
	}
	if (t && !in_start) {
		buf_printf(&text, "Error %s ", words[verb].error);
		fid_add(&text, &t->id);
	} else {
		buf_printf(&text, "Error %s action Jail('%s')/%s: 'Script error'",
			   in_start ? "starting" : words[verb].error, jail, action);
	}
	say(cb, LEVEL_ERROR, "actions", &text);
}
