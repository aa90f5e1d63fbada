/*
 * Subcommands: one function each, a row each in main.c's table.  argv[0] is the subcommand's
 * name.  The result is the exit status: 0 fine, 1 the answer is "no" (a bad configuration, a
 * refused command), 2 wrong usage, 255 what fail2ban-client would exit with; those of `check` are
 * its own.
 */
#pragma once

struct subcommand {
	const char *name;
	const char *arguments; /* for the usage line */
	const char *help;      /* one sentence */
	int (*run)(int argc, char **argv);
};

/* The table, ended by a row without a name; and its row for a name, or NULL. */
extern const struct subcommand subcommands[];
const struct subcommand *subcommand_find(const char *name);
/* Prints "usage: lastknock NAME ARGUMENTS" on standard error; returns 2. */
int subcommand_usage(const char *name);

int cli_check(int argc, char **argv);  /* check.c: a verdict on a mail server */
int cli_config(int argc, char **argv); /* config.c: test, dump */
int cli_guard(int argc, char **argv);  /* guard.c: the daemon */
int cli_replay(int argc, char **argv); /* replay.c: finished logs */
int cli_client(int argc, char **argv); /* client.c: status, ban, unban ... */
