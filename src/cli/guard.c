/*
 * `lastknock guard`: starts the guard, in the foreground or behind us; and the entrance of each
 * of its processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "control/client.h"
#include "daemon/console.h"
#include "daemon/engine.h"
#include "daemon/herald.h"
#include "daemon/keeper.h"
#include "daemon/spawn.h"
#include "daemon/warden.h"

#define READY_MS 30000

static int run_role(const struct guard_options *o)
{
	/* a process of the guard without its channel was started by hand */
	if (o->role != ROLE_WARDEN && fcntl(SPAWN_CHANNEL_FD, F_GETFD) < 0) {
		fprintf(stderr, "lastknock: --role is for the guard itself\n");
		return 2;
	}
	switch (o->role) {
	case ROLE_WARDEN:
		return warden_main(o);
	case ROLE_ENGINE:
		return engine_main(o);
	case ROLE_CONSOLE:
		return console_main(o);
	case ROLE_HERALD:
		return herald_main(o);
	case ROLES:
		break;
	}
	return 2;
}

/* Does the guard answer at its socket? */
static bool answers(const char *socket)
{
	struct arena *a = arena_new();
	struct value *words = value_add(a, value_list(a), value_z(a, "ping")), *answer = NULL;
	struct err err = { 0 };
	int fd = client_connect(socket, &err);
	bool ok = fd >= 0 && client_call(fd, words, 2000, a, &answer, &err) == 0 &&
		  answer->type == VALUE_STR;

	if (fd >= 0)
		close(fd);
	arena_free(a);
	return ok;
}

/* Waits for the guard that runs behind us: its first answer, or its end. */
static int wait_ready(pid_t guard, const char *socket)
{
	static const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	int64_t until = clock_ticks_ms() + READY_MS;
	int status;

	while (clock_ticks_ms() < until) {
		if (waitpid(guard, &status, WNOHANG) == guard)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
		if (answers(socket)) {
			puts("Server ready");
			return 0;
		}
		nanosleep(&pause, NULL);
	}
	fprintf(stderr, "lastknock: the guard does not answer at %s\n", socket);
	return 1;
}

static int run_behind(const struct guard_options *o, const char *socket)
{
	pid_t guard;
	int null;

	guard = fork();
	if (guard < 0) {
		perror("lastknock: fork");
		return 1;
	}
	if (guard > 0)
		return wait_ready(guard, socket);
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
	}
	_exit(keeper_main(o));
}

static void print_help(void)
{
	struct buf help = { 0 };

	guard_options_help(&help);
	printf("usage: lastknock guard [OPTION]...\n\n%s", buf_z(&help));
	buf_free(&help);
}

static int start(const struct guard_options *o, const struct config *config)
{
	_free_ char *socket = str_dup(config->socket);
	enum log_level level;

	if (log_level_parse(config->loglevel, &level) < 0) {
		fprintf(stderr, "lastknock: Invalid log level '%.*s'\n", STR_ARG(config->loglevel));
		return 1;
	}
	/* before anything of its is touched: it may be a Fail2ban on the same configuration */
	if (answers(socket)) {
		fprintf(stderr, "lastknock: a server already answers at %s\n", socket);
		return 1;
	}
	if (geteuid() != 0)
		fputs("lastknock: not started as root: logs may be out of reach, and nobody can be "
		      "banned\n",
		      stderr);
	if (config->n_jails == 0)
		fputs("lastknock: no jail is in use, nothing is guarded; see lastknock config "
		      "test\n",
		      stderr);
	return o->foreground ? keeper_main(o) : run_behind(o, socket);
}

/* The same words as `lastknock config test`. */
static int test_configuration(const struct guard_options *o)
{
	char *argv[] = { (char *)(uintptr_t) "config", (char *)(uintptr_t) "test",
			 (char *)(uintptr_t) "-c", (char *)(uintptr_t)o->dir, NULL };

	return cli_config(o->dir ? 4 : 2, argv);
}

int cli_guard(int argc, char **argv)
{
	struct guard_options o;
	struct config *config;
	struct err err = { 0 };
	struct buf text = { 0 };
	int r = guard_options_parse(argc, argv, &o, &err), status;

	if (r == 1) {
		print_help();
		return 0;
	}
	if (r < 0) {
		fprintf(stderr, "lastknock: %s\n", err.text);
		return subcommand_usage("guard");
	}
	if (o.has_role)
		return run_role(&o);
	if (o.test)
		return test_configuration(&o);
	if (guard_options_config(&o, &config, &err) < 0) {
		err_print(&err, &text);
		fprintf(stderr, "lastknock: %s\n", buf_z(&text));
		return 1;
	}
	status = start(&o, config);
	config_free(config);
	return status;
}
