/* Actions with the real /bin/sh: what ran is read back from a file that the commands append to. */
#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "action/action.h"
#include "base/log.h"

struct world {
	char dir[64];
	struct event_base *base;
	struct event *child;
	struct action_jobs *jobs;
	struct arena *arena;
	struct buf log;  /* lines "LEVEL logger text" */
	struct buf done; /* "jail/action verb ok; " */
	unsigned repaired;
};

static void on_child(evutil_socket_t sig, short what, void *arg)
{
	struct world *w = arg;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		assert_true(action_jobs_reap(w->jobs, pid, status));
}

static void on_log(void *arg, int level, const char *logger, const char *text)
{
	struct world *w = arg;

	buf_printf(&w->log, "%d %s %s\n", level, logger, text);
}

static void on_done(void *arg, unsigned jail, unsigned action, enum action_verb verb,
		    const struct ticket *t, bool ok)
{
	static const char *const verbs[] = { "start", "ban",    "unban", "prolong",
					     "reban", "reload", "flush", "stop" };
	struct world *w = arg;

	buf_printf(&w->done, "%u/%u %s%s; ", jail, action, verbs[verb], ok ? "" : " failed");
}

static void on_repaired(void *arg, unsigned jail, unsigned action)
{
	((struct world *)arg)->repaired++;
}

static struct world *world_new(unsigned parallel)
{
	struct world *w = calloc(1, sizeof *w);
	struct action_callbacks cb = {
		.arg = w, .log = on_log, .done = on_done, .repaired = on_repaired
	};

	snprintf(w->dir, sizeof w->dir, "/tmp/action_jobs.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->base = event_base_new();
	w->child = evsignal_new(w->base, SIGCHLD, on_child, w);
	event_add(w->child, NULL);
	w->jobs = action_jobs_new(w->base, &cb, parallel);
	w->arena = arena_new();
	return w;
}

static void world_free(struct world *w)
{
	action_jobs_free(w->jobs);
	event_free(w->child);
	event_base_free(w->base);
	arena_free(w->arena);
	buf_free(&w->log);
	buf_free(&w->done);
	if (fork() == 0)
		execlp("rm", "rm", "-r", w->dir, (char *)NULL);
	(void)wait(NULL);
	free(w);
}

static void run(struct world *w)
{
	while (action_jobs_pending(w->jobs))
		assert_int_not_equal(event_base_loop(w->base, EVLOOP_ONCE), -1);
}

typedef const char *pairs[][2];

/* A jail of one action; "@" in a command is the folder, "+x" appends x to its file `out`. */
static int add(struct world *w, const char *name, unsigned index, const char *const (*p)[2],
	       size_t n, bool python)
{
	struct config_action *action = arena_alloc(w->arena, sizeof *action);
	struct config_jail *jail = arena_alloc(w->arena, sizeof *jail);
	struct err err = { 0 };

	*action = (struct config_action){ .name = STR("act"),
					  .file = STR("act"),
					  .python = python,
					  .properties = value_dict(w->arena) };
	*jail = (struct config_jail){
		.name = str_of(name), .index = index, .action = action, .n_action = 1
	};
	for (size_t i = 0; i < n; i++) {
		_buf_free_ struct buf text = { 0 };

		for (const char *c = p[i][1]; *c; c++) {
			if (*c == '@')
				buf_add_z(&text, w->dir);
			else if (*c == '+')
				buf_printf(&text, "echo >>%s/out ", w->dir);
			else
				buf_add_char(&text, *c);
		}
		value_add(w->arena, action->properties, value_z(w->arena, p[i][0]));
		value_add(w->arena, action->properties, value_str(w->arena, buf_str(&text)));
	}
	return action_jobs_add(w->jobs, jail, 0, true, &err);
}

#define ADD(w, name, index, ...)                                                                   \
	do {                                                                                       \
		static const pairs p_ = __VA_ARGS__;                                               \
		assert_int_equal(add(w, name, index, p_, COUNT(p_), false), 0);                    \
	} while (0)

static void verb_user(struct world *w, unsigned jail, enum action_verb verb, const char *id,
		      const char *user, bool restored)
{
	struct ticket *t = NULL;
	struct fid fid;

	if (id) {
		fid = fid_parse(str_of(id));
		t = ticket_new(&fid, 5);
		t->restored = restored;
		if (user)
			ticket_add_field(t, STR("user"), str_of(user));
	}
	action_jobs_queue(w->jobs, jail, 0, verb, t, NULL, NULL, NULL, 600);
	ticket_free(t);
}

static void verb(struct world *w, unsigned jail, enum action_verb v, const char *id)
{
	verb_user(w, jail, v, id, NULL, false);
}

/* What the commands wrote, lines joined by a blank; and forgets it. */
static void expect(struct world *w, const char *wanted)
{
	char path[128], text[4096] = "";
	ssize_t n = 0;
	int fd;

	run(w);
	snprintf(path, sizeof path, "%s/out", w->dir);
	fd = open(path, O_RDONLY);
	if (fd >= 0) {
		n = read(fd, text, sizeof text - 1);
		close(fd);
		unlink(path);
	}
	for (ssize_t i = 0; i < n; i++)
		if (text[i] == '\n')
			text[i] = i + 1 == n ? '\0' : ' ';
	assert_string_equal(text, wanted);
}

static void expect_done(struct world *w, const char *wanted)
{
	run(w);
	assert_string_equal(buf_z(&w->done), wanted);
	buf_clear(&w->done);
}

static bool logged(struct world *w, const char *text)
{
	return strstr(buf_z(&w->log), text) != NULL;
}

static void the_usual_life(void **state)
{
	struct world *w = world_new(2);

	(void)state;
	ADD(w, "j", 0,
	    { { "actionstart", "+start" },
	      { "actionstop", "+stop" },
	      { "actionban", "+ban <ip>" },
	      { "actionunban", "+unban <ip>" },
	      { "actionprolong", "+prolong <ip> <bantime>" } });
	verb(w, 0, ACTION_START, NULL);
	verb(w, 0, ACTION_UNBAN, "192.0.2.9"); /* it has banned nothing yet */
	verb(w, 0, ACTION_BAN, "192.0.2.1");
	verb(w, 0, ACTION_BAN, "2001:db8::1");
	verb(w, 0, ACTION_PROLONG, "192.0.2.1");
	verb(w, 0, ACTION_UNBAN, "192.0.2.1");
	verb(w, 0, ACTION_RELOAD, NULL); /* has no such command */
	verb(w, 0, ACTION_FLUSH, NULL);
	verb(w, 0, ACTION_STOP, NULL);
	verb(w, 0, ACTION_STOP, NULL);
	expect(w, "start ban 192.0.2.1 ban 2001:db8::1 prolong 192.0.2.1 600 unban 192.0.2.1 stop");
	expect_done(w, "0/0 start; 0/0 unban; 0/0 ban; 0/0 ban; 0/0 prolong; 0/0 unban; "
		       "0/0 reload; 0/0 flush; 0/0 stop; 0/0 stop; ");
	assert_false(action_jobs_can_flush(w->jobs, 0, 0));
	assert_int_equal(w->log.n, 0);
	world_free(w);
}

static void families_start_on_demand(void **state)
{
	struct world *w = world_new(2);

	(void)state;
	ADD(w, "j", 0,
	    { { "actionstart", "+start <x> <family>" },
	      { "actionstop", "+stop <x>" },
	      { "actionban", "+ban <x> <ip>" },
	      { "actionflush", "+flush <x>" },
	      { "x", "four" },
	      { "x?family=inet6", "six" } });
	verb(w, 0, ACTION_START, NULL);
	expect(w, "");
	verb(w, 0, ACTION_BAN, "192.0.2.1");
	verb(w, 0, ACTION_BAN, "192.0.2.2");
	verb(w, 0, ACTION_FLUSH, NULL);
	verb(w, 0, ACTION_FLUSH, NULL); /* nothing is left */
	expect(w, "start four inet4 ban four 192.0.2.1 ban four 192.0.2.2 flush four");
	assert_true(action_jobs_can_flush(w->jobs, 0, 0));
	verb(w, 0, ACTION_BAN, "2001:db8::1");
	verb(w, 0, ACTION_BAN, "192.0.2.3");
	verb(w, 0, ACTION_FLUSH, NULL);
	verb(w, 0, ACTION_STOP, NULL);
	expect(w, "start six inet6 ban six 2001:db8::1 ban four 192.0.2.3 flush four flush six "
		  "stop four stop six");
	verb(w, 0, ACTION_BAN, "192.0.2.1"); /* from the beginning */
	expect(w, "start four inet4 ban four 192.0.2.1");
	world_free(w);
}

static void commands_equal_for_both_families_run_once(void **state)
{
	struct world *w = world_new(2);

	(void)state;
	ADD(w, "demand", 0,
	    { { "actionstart", "+start" },
	      { "actionstop", "+stop" },
	      { "actionban", "+<x>" },
	      { "actionflush", "+flush" },
	      { "x", "four" },
	      { "x?family=inet6", "six" } });
	ADD(w, "once", 1,
	    { { "actionstart", "+start" },
	      { "actionstop", "+stop" },
	      { "actionban", "+<x>" },
	      { "actionflush", "+flush" },
	      { "actionstart_on_demand", "false" },
	      { "x", "four" },
	      { "x?family=inet6", "six" } });
	for (unsigned jail = 0; jail < 2; jail++) {
		verb(w, jail, ACTION_START, NULL);
		verb(w, jail, ACTION_BAN, "192.0.2.1");
		verb(w, jail, ACTION_BAN, "2001:db8::1");
		verb(w, jail, ACTION_FLUSH, NULL);
		verb(w, jail, ACTION_STOP, NULL);
		expect(w, "start four six flush stop");
	}
	world_free(w);
}

static void a_failed_ban_is_tried_once_more(void **state)
{
	struct world *w = world_new(2);

	(void)state;
	ADD(w, "j", 0,
	    { { "actionban", "+ban <ip>; echo to stdout; echo 'to\n err' >&2; exit 3" },
	      { "actionunban", "+unban" } });
	verb(w, 0, ACTION_BAN, "192.0.2.1");
	verb(w, 0, ACTION_UNBAN, "192.0.2.1"); /* was never banned: nothing runs */
	expect(w, "ban 192.0.2.1 ban 192.0.2.1");
	expect_done(w, "0/0 ban failed; 0/0 unban; ");
	assert_true(logged(w, " -- exec: echo >>"));
	assert_true(logged(w, " -- stdout: 'to stdout'\n"));
	assert_true(logged(w, " -- stderr: 'to'\n"));
	assert_true(logged(w, " -- stderr: ' err'\n"));
	assert_true(logged(w, " -- returned 3\n"));
	assert_true(logged(w, "40 actions Failed to execute ban jail 'j' action 'act' info "
			      "'ActionInfo({'fid': '192.0.2.1', 'family': 'inet4'})': "
			      "Error banning 192.0.2.1\n"));
	world_free(w);
}

static void a_check_that_is_fine_leads_to_another_try(void **state)
{
	struct world *w = world_new(2);

	(void)state;
	ADD(w, "j", 0,
	    { { "actionban", "+ban; test -e @/tried || { touch @/tried; exit 1; }" },
	      { "actioncheck", "+check" } });
	verb(w, 0, ACTION_BAN, "192.0.2.1");
	expect(w, "ban check ban");
	expect_done(w, "0/0 ban; ");
	assert_int_equal(w->repaired, 0);
	world_free(w);
}

static void a_broken_environment_is_made_anew(void **state)
{
	struct world *w = world_new(2);
	char path[128];

	(void)state;
	snprintf(path, sizeof path, "%s/up", w->dir);
	ADD(w, "j", 0,
	    { { "actionstart", "+start; touch @/up" },
	      { "actionstop", "+stop" },
	      { "actioncheck", "+check; test -e @/up" },
	      { "actionban", "+ban; test -e @/up" },
	      { "actionunban", "+unban; test -e @/up" } });
	ADD(w, "own", 1,
	    { { "actionrepair", "+repair; touch @/up" },
	      { "actionstop", "+stop" },
	      { "actioncheck", "+check; test -e @/up" },
	      { "actionban", "+ban; test -e @/up" },
	      { "actionrepair_on_unban", "1" },
	      { "actionunban", "+unban; test -e @/up" } });
	ADD(w, "never", 2,
	    { { "actionrepair", "+repair" },
	      { "actioncheck", "+check; test -e @/never" },
	      { "actionban", "+ban; test -e @/never" } });
	verb(w, 0, ACTION_BAN, "192.0.2.1");
	expect(w, "ban check stop start check ban");
	assert_int_equal(w->repaired, 1);
	assert_true(logged(w, "40 CommandAction Invariant check failed. Trying to restore a sane "
			      "environment\n"));
	assert_int_equal(unlink(path), 0);
	verb(w, 0, ACTION_UNBAN, "192.0.2.1");
	expect(w, "unban check");
	assert_true(logged(w, "40 CommandAction Invariant check failed. Unban is impossible.\n"));
	assert_true(logged(w, "Error unbanning 192.0.2.1\n"));

	verb(w, 1, ACTION_BAN, "192.0.2.1");
	expect(w, "ban check repair check ban");
	assert_int_equal(unlink(path), 0);
	verb(w, 1, ACTION_UNBAN, "192.0.2.1");
	expect(w, "unban check repair check unban");

	verb(w, 2, ACTION_BAN, "192.0.2.1");
	expect(w, "ban check repair check");
	assert_true(logged(w, "50 CommandAction Unable to restore environment\n"));
	expect_done(w, "0/0 ban; 0/0 unban failed; 1/0 ban; 1/0 unban; 2/0 ban failed; ");
	world_free(w);
}

static void a_failed_start_or_stop_is_said_once(void **state)
{
	struct world *w = world_new(2);

	(void)state;
	ADD(w, "j", 0,
	    { { "actionstart", "+start; exit 4" },
	      { "actionstop", "+stop; exit 5" },
	      { "actionban", "+ban" } });
	ADD(w, "demand", 1,
	    { { "actionstart", "+start; exit 4" },
	      { "actionban", "+ban" },
	      { "actionstart_on_demand", "1" } });
	verb(w, 0, ACTION_START, NULL);
	verb(w, 0, ACTION_BAN, "192.0.2.1");
	verb(w, 0, ACTION_STOP, NULL);
	expect(w, "start ban stop");
	assert_true(logged(w, "40 actions Failed to start jail 'j' action 'act': "
			      "Error starting action Jail('j')/act: 'Script error'\n"));
	assert_true(logged(w, "40 actions Failed to stop jail 'j' action 'act': "
			      "Error stopping action Jail('j')/act: 'Script error'\n"));
	verb(w, 1, ACTION_BAN, "192.0.2.1");
	expect(w, "start");
	assert_true(logged(w, "': Error starting action Jail('demand')/act: 'Script error'\n"));
	expect_done(w, "0/0 start failed; 0/0 ban; 0/0 stop failed; 1/0 ban failed; ");
	world_free(w);
}

static void what_a_command_finds(void **state)
{
	struct world *w = world_new(2);

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	ADD(w, "j", 0,
	    { { "actionban",
		"read x || +no input; ls /proc/self/fd | wc -l >>@/out; "
		"ps -o sid= -p $$ | grep -q $$ && +session; "
		/* 32 and 33 are glibc's own: make starts its children with them ignored */
		"grep -Eq '^SigIgn:.*0000000[01][08]0000000$' /proc/self/status && "
		"+signals" } });
	verb(w, 0, ACTION_BAN, "192.0.2.1");
	expect(w, "no input 4 session signals"); /* 4: the listing itself */
	signal(SIGPIPE, SIG_DFL);
	world_free(w);
}

static void hostile_values_arrive_as_they_are(void **state)
{
	static const char *const users[] = {
		"bob",   "a b",      "$(touch @/hit)", "`id`", "';id;'", "\"",      "\\",
		"$HOME", "*",        "a\nb\n",         "-n",   "<ip>",   "\x1b[2J", "~",
		"#x",    "\xff\xfe",
	};
	struct world *w = world_new(2);

	(void)state;
	ADD(w, "j", 0, { { "actionban", "printf %s \"<F-USER>\" >@/value" } });
	for (size_t i = 0; i < COUNT(users); i++) {
		char path[128], text[256];
		ssize_t n;
		int fd;

		verb_user(w, 0, ACTION_BAN, "192.0.2.1", users[i], false);
		run(w);
		snprintf(path, sizeof path, "%s/value", w->dir);
		fd = open(path, O_RDONLY);
		assert_true(fd >= 0);
		n = read(fd, text, sizeof text - 1);
		assert_true(n >= 0);
		text[n] = '\0';
		assert_string_equal(text, users[i]);
		close(fd);
	}
	assert_int_equal(w->log.n, 0);
	world_free(w);
}

/* Waits until the last process that holds the pipe open is gone. */
static void wait_for_end(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 60000), 1);
	assert_true(p.revents & POLLHUP);
}

static void a_command_that_takes_too_long(void **state)
{
	struct world *w = world_new(2);
	char path[128];
	int fd;

	(void)state;
	/* a grandchild that ignores SIGTERM holds the pipe; the shell ends at SIGTERM */
	ADD(w, "j", 0,
	    { { "actionban", "exec 9>@/pipe; (trap '' TERM; exec sleep 1000) & "
			     "echo begun; wait" },
	      { "timeout", "0.5" } });
	snprintf(path, sizeof path, "%s/pipe", w->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	verb(w, 0, ACTION_BAN, "192.0.2.1");
	expect_done(w, "0/0 ban failed; ");
	assert_true(logged(w, " -- timed out after 0.5 seconds.\n"));
	assert_true(logged(w, " -- stdout: 'begun'\n"));
	assert_true(logged(w, " -- killed with SIGTERM (return code: -15)\n"));
	wait_for_end(fd);
	close(fd);
	world_free(w);
}

static void a_shell_that_ignores_sigterm(void **state)
{
	struct world *w = world_new(2);

	(void)state;
	ADD(w, "j", 0,
	    { { "actionban", "trap '' TERM; sleep 1000; sleep 1000" }, { "timeout", "0.2" } });
	verb(w, 0, ACTION_BAN, "192.0.2.1");
	expect_done(w, "0/0 ban failed; ");
	assert_true(logged(w, " -- killed with SIGKILL (return code: -9)\n"));
	world_free(w);
}

static void a_background_process_does_not_hold_us(void **state)
{
	struct world *w = world_new(2);
	char path[128];
	int fd;

	(void)state;
	/* it keeps our pipes open until we, too, have the fifo open */
	ADD(w, "j", 0, { { "actionban", "(echo x >@/pipe) & +ban" } });
	snprintf(path, sizeof path, "%s/pipe", w->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	verb(w, 0, ACTION_BAN, "192.0.2.1");
	expect_done(w, "0/0 ban; ");
	fd = open(path, O_RDONLY);
	close(fd);
	world_free(w);
}

static void jails_do_not_delay_each_other(void **state)
{
	struct world *w = world_new(2);
	char path[128];

	(void)state;
	/* the first waits for what only the second gives it */
	ADD(w, "waiter", 0, { { "actionban", "read x <@/pipe; +got $x" } });
	ADD(w, "giver", 1, { { "actionban", "echo it >@/pipe" } });
	snprintf(path, sizeof path, "%s/pipe", w->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	verb(w, 0, ACTION_BAN, "192.0.2.1");
	verb(w, 1, ACTION_BAN, "192.0.2.1");
	expect(w, "got it");
	assert_non_null(strstr(buf_z(&w->done), "0/0 ban; "));
	assert_non_null(strstr(buf_z(&w->done), "1/0 ban; "));
	world_free(w);
}

static void jails_take_turns(void **state)
{
	struct world *w = world_new(1);

	(void)state;
	ADD(w, "a", 0, { { "actionban", "+a<ip>" } });
	ADD(w, "b", 1, { { "actionban", "+b<ip>" } });
	for (int i = 1; i <= 3; i++) {
		char id[16];

		snprintf(id, sizeof id, "192.0.2.%d", i);
		verb(w, 0, ACTION_BAN, id);
	}
	verb(w, 1, ACTION_BAN, "192.0.2.1");
	expect(w, "a192.0.2.1 b192.0.2.1 a192.0.2.2 a192.0.2.3");
	world_free(w);
}

static void output_has_a_bound(void **state)
{
	struct world *w = world_new(1);
	unsigned lines = 0;

	(void)state;
	ADD(w, "j", 0, { { "actionban", "yes | head -c 5000000; nosuchcommand" } });
	verb(w, 0, ACTION_BAN, "192.0.2.1");
	run(w);
	assert_true(logged(w, " -- stdout: (the rest is left out)\n"));
	assert_true(logged(w, " -- returned 127\n"));
	assert_true(logged(w, "20 utils HINT on 127: \"Command not found\"."));
	for (const char *p = buf_z(&w->log); (p = strchr(p, '\n')); p++)
		lines++;
	assert_true(lines > 200 && lines < 220); /* twice */
	world_free(w);
}

static void on_status(void *arg, int status)
{
	buf_printf(arg, "%d ", status);
}

static void single_commands(void **state)
{
	static const char *const commands[] = { "exit 0",
						"exit 1",
						"exit 5",
						"kill -9 $$",
						"test <ip> = 192.0.2.1",
						"test '<F-USER>' = bob" };
	struct world *w = world_new(1);
	_buf_free_ struct buf got = { 0 };
	struct fid id = fid_parse(STR("192.0.2.1"));
	struct ticket *t = ticket_new(&id, 5);

	(void)state;
	ticket_add_field(t, STR("user"), STR("bob"));
	for (size_t i = 0; i < COUNT(commands); i++)
		action_jobs_run(w->jobs, STR("j"), str_of(commands[i]), t, 600, on_status, &got);
	assert_int_equal(got.n, 0); /* never from within */
	run(w);
	assert_string_equal(buf_z(&got), "0 1 5 -1 0 0 ");
	assert_true(logged(w, " -- returned 5\n"));
	assert_false(logged(w, " -- returned 1\n"));
	ticket_free(t);
	world_free(w);
}

static void an_ignorecommand_does_not_wait_for_bans(void **state)
{
	struct world *w = world_new(1);
	_buf_free_ struct buf got = { 0 };
	struct fid id = fid_parse(STR("192.0.2.1"));
	struct ticket *t = ticket_new(&id, 5);
	_buf_free_ struct buf command = { 0 };
	char path[128];

	(void)state;
	ADD(w, "j", 0, { { "actionban", "read x <@/pipe; +got $x" } });
	snprintf(path, sizeof path, "%s/pipe", w->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	verb(w, 0, ACTION_BAN, "192.0.2.1");
	buf_printf(&command, "echo it >%s", path);
	action_jobs_run(w->jobs, STR("j"), buf_str(&command), t, 600, on_status, &got);
	expect(w, "got it");
	assert_string_equal(buf_z(&got), "0 ");
	ticket_free(t);
	world_free(w);
}

static void a_reload_keeps_what_stays(void **state)
{
	struct world *w = world_new(2);

	(void)state;
	ADD(w, "stays", 0,
	    { { "actionstart", "+start" },
	      { "actionstop", "+stop" },
	      { "actionban", "+ban" },
	      { "actionunban", "+unban" } });
	ADD(w, "goes", 1,
	    { { "actionstart", "+gstart" },
	      { "actionstop", "+gstop" },
	      { "actionban", "+gban" },
	      { "actionflush", "+gflush" } });
	verb(w, 0, ACTION_START, NULL);
	verb(w, 0, ACTION_BAN, "192.0.2.1");
	expect(w, "start ban");
	verb(w, 1, ACTION_START, NULL);
	verb(w, 1, ACTION_BAN, "192.0.2.1");
	expect(w, "gstart gban");
	buf_clear(&w->done);

	action_jobs_mark(w->jobs);
	ADD(w, "stays", 7,
	    { { "actionstart", "+start2" },
	      { "actionstop", "+stop2" },
	      { "actionban", "+ban2" },
	      { "actionunban", "+unban2" },
	      { "actionreload", "+reload2" } });
	action_jobs_sweep(w->jobs);
	expect(w, "gflush gstop");
	verb(w, 7, ACTION_START, NULL); /* it has started */
	verb(w, 7, ACTION_RELOAD, NULL);
	expect_done(w, "7/0 start; 7/0 reload; ");
	verb(w, 7, ACTION_UNBAN, "192.0.2.1");
	verb(w, 7, ACTION_STOP, NULL);
	expect(w, "reload2 unban2 stop2");
	world_free(w);
}

static void what_is_left_out(void **state)
{
	static const pairs python = { { "actionban", "+python" } };
	struct world *w = world_new(2);

	(void)state;
	assert_int_equal(add(w, "py", 0, python, 1, true), 0);
	assert_true(logged(w,
			   "30 actions Jail 'py' action 'act' is a Python plugin (act.py): it is "
			   "not run\n"));
	ADD(w, "j", 1,
	    { { "actionban", "+ban" }, { "actionunban", "+unban" }, { "norestored", "1" } });
	ADD(w, "circle", 2, { { "actionban", "+<a>" }, { "a", "<b>" }, { "b", "<a>" } });
	verb(w, 0, ACTION_BAN, "192.0.2.1");
	verb_user(w, 1, ACTION_BAN, "192.0.2.1", NULL, true);
	expect(w, "");
	verb(w, 1, ACTION_BAN, "192.0.2.1");
	expect(w, "ban");
	verb(w, 2, ACTION_BAN, "192.0.2.1");
	run(w);
	assert_true(logged(w, "Jail 'circle' action 'act': possible self referencing"));
	expect_done(w, "0/0 ban; 1/0 ban; 1/0 ban; 2/0 ban failed; ");
	world_free(w);
}

static void freed_while_it_runs(void **state)
{
	struct world *w = world_new(2);
	char path[128];
	int fd;

	(void)state;
	ADD(w, "j", 0, { { "actionban", "exec 9>@/pipe; echo begun >&9; sleep 1000" } });
	snprintf(path, sizeof path, "%s/pipe", w->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	verb(w, 0, ACTION_BAN, "192.0.2.1");
	verb(w, 0, ACTION_BAN, "192.0.2.2");
	event_base_loop(w->base, EVLOOP_ONCE);
	assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 60000), 1);
	event_del(w->child);
	world_free(w);
	while (wait(NULL) > 0)
		;
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_life),
		cmocka_unit_test(families_start_on_demand),
		cmocka_unit_test(commands_equal_for_both_families_run_once),
		cmocka_unit_test(a_failed_ban_is_tried_once_more),
		cmocka_unit_test(a_check_that_is_fine_leads_to_another_try),
		cmocka_unit_test(a_broken_environment_is_made_anew),
		cmocka_unit_test(a_failed_start_or_stop_is_said_once),
		cmocka_unit_test(what_a_command_finds),
		cmocka_unit_test(hostile_values_arrive_as_they_are),
		cmocka_unit_test(a_command_that_takes_too_long),
		cmocka_unit_test(a_shell_that_ignores_sigterm),
		cmocka_unit_test(a_background_process_does_not_hold_us),
		cmocka_unit_test(jails_do_not_delay_each_other),
		cmocka_unit_test(jails_take_turns),
		cmocka_unit_test(output_has_a_bound),
		cmocka_unit_test(single_commands),
		cmocka_unit_test(an_ignorecommand_does_not_wait_for_bans),
		cmocka_unit_test(a_reload_keeps_what_stays),
		cmocka_unit_test(what_is_left_out),
		cmocka_unit_test(freed_while_it_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
