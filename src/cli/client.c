/*
 * Subcommands that talk to a running guard, ours or Fail2ban's, with fail2ban-client's words,
 * output and exit status: 0, or 255 for every refusal.  Called from main.c's table; also for
 * `lastknock client WORD...`, which sends what it is given.
 */
#include "cli/cli.h"

#include <stdio.h>

#include "base/log.h"
#include "control/client.h"

#define DEFAULT_SOCKET "/var/run/fail2ban/fail2ban.sock"

enum { EXIT_REFUSED = 255 };

struct options {
	const char *socket;
};

/* `2026-11-21 20:21:16,756 fail2ban                [23681]: ERROR   TEXT` on standard error. */
static void complain(const char *text)
{
	struct log log = { .fd = STDERR_FILENO, .form = LOG_FORM_FILE, .level = LEVEL_ERROR };

	log.pid = getpid();
	log_line(&log, LEVEL_ERROR, "", "%s", text);
	log_flush(&log);
	buf_free(&log.pending);
}

/* -s SOCKET in front of the words; returns how many of argv it took, or -1. */
static int take_options(int argc, char **argv, struct options *o)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i += 2) {
		if (strcmp(argv[i], "--") == 0)
			return i + 1;
		if (argv[i][1] != 's' || argv[i][2] || i + 1 == argc)
			break;
		o->socket = argv[i + 1];
	}
	return i;
}

static struct value *words_of(struct arena *a, const char *subcommand, int argc, char **argv)
{
	struct value *words = value_list(a);
	int i = 0;

	if (strcmp(subcommand, "ban") == 0) {
		value_add(a, words, value_z(a, "set"));
		value_add(a, words, value_z(a, argv[i++]));
		value_add(a, words, value_z(a, "banip"));
	} else if (strcmp(subcommand, "client") != 0) {
		value_add(a, words, value_z(a, subcommand));
	}
	for (; i < argc; i++)
		value_add(a, words, value_z(a, argv[i]));
	return words;
}

/* Asks, prints; the exit status. */
static int ask(const struct options *o, const struct value *words, struct arena *a)
{
	struct buf text _buf_free_ = { 0 };
	struct err err = { 0 };
	struct value *answer;
	int fd = client_connect(o->socket, &err), rc = fd;

	if (fd >= 0) {
		rc = client_call(fd, words, -1, a, &answer, &err);
		client_close(fd);
	}
	if (rc < 0) {
		complain(err.text);
		return EXIT_REFUSED;
	}
	if (answer->type == VALUE_ERROR) {
		client_print_refusal(&text, answer);
		complain(buf_z(&text));
		buf_clear(&text);
	}
	client_print(&text, words, answer);
	buf_add_char(&text, '\n');
	fwrite(text.p, 1, text.n, stdout);
	return answer->type == VALUE_ERROR ? EXIT_REFUSED : 0;
}

int cli_client(int argc, char **argv)
{
	struct options o = { .socket = DEFAULT_SOCKET };
	int took = take_options(argc, argv, &o), least = 0, status;
	struct arena *a;

	if (strcmp(argv[0], "ban") == 0)
		least = 2;
	else if (strcmp(argv[0], "unban") == 0 || strcmp(argv[0], "client") == 0)
		least = 1;
	if (argc - took < least)
		return subcommand_usage(argv[0]);
	a = arena_new();
	status = ask(&o, words_of(a, argv[0], argc - took, argv + took), a);
	arena_free(a);
	return status;
}
