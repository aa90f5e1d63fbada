/*
 * lastknock: one program, a subcommand for each thing it does.  Nothing is decided here.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

const struct subcommand subcommands[] = {
	{ "guard", "[-f] [-c DIR] [--observe] [OPTION]...",
	  "guards: reads logs, bans who fails (--help: all options)", cli_guard },
	{ "replay", "[-c DIR] [--jail NAME] [--now TIME] [--json] LOG...",
	  "judges finished logs, prints each ban, touches nothing", cli_replay },
	{ "check", "HOST [--user NAME --password-file FILE] [--guard] [OPTION]...",
	  "tests whether a mail server is safe (--help: all options)", cli_check },
	{ "status", "[-s SOCKET] [-c DIR] [JAIL|--all [FLAVOR]]", "what a running guard is doing",
	  cli_client },
	{ "banned", "[-s SOCKET] [-c DIR] [IP]...",
	  "who is banned, or in which jails an address is", cli_client },
	{ "ban", "[-s SOCKET] [-c DIR] JAIL IP...", "bans addresses in a jail", cli_client },
	{ "unban", "[-s SOCKET] [-c DIR] IP... | --all", "lifts bans in all jails", cli_client },
	{ "get", "[-s SOCKET] [-c DIR] [JAIL] WORD...", "shows a setting of a running guard",
	  cli_client },
	{ "set", "[-s SOCKET] [-c DIR] [JAIL] WORD VALUE...",
	  "changes a setting of a running guard", cli_client },
	{ "flushlogs", "[-s SOCKET] [-c DIR]", "makes a running guard open its log anew",
	  cli_client },
	{ "reload", "[-s SOCKET] [-c DIR]", "makes a running guard read its configuration anew",
	  cli_client },
	{ "stop", "[-s SOCKET] [-c DIR]", "stops a running guard", cli_client },
	{ "ping", "[-s SOCKET] [-c DIR]", "asks whether a guard is running", cli_client },
	{ "version", "[-s SOCKET] [-c DIR]",
	  "shows the version of Fail2ban that a running guard speaks", cli_client },
	{ "client", "[-s SOCKET] [-c DIR] WORD...",
	  "sends a running guard any of fail2ban-client's words", cli_client },
	{ "config", "test|dump [-c DIR] [--jail NAME]",
	  "tests the configuration, or prints the commands it comes to", cli_config },
	{ 0 },
};

const struct subcommand *subcommand_find(const char *name)
{
	for (const struct subcommand *s = subcommands; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

int subcommand_usage(const char *name)
{
	const struct subcommand *s = subcommand_find(name);

	fprintf(stderr, "usage: lastknock %s %s\n", name, s ? s->arguments : "");
	return 2;
}

static void help(FILE *out)
{
	fputs("usage: lastknock COMMAND [ARGUMENT]...\n\n", out);
	for (const struct subcommand *s = subcommands; s->name; s++)
		fprintf(out, "  %-9s %s\n            %s\n", s->name, s->arguments, s->help);
}

int main(int argc, char **argv)
{
	const struct subcommand *s;

	if (argc < 2) {
		help(stderr);
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		help(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		puts("lastknock " LASTKNOCK_VERSION);
		return 0;
	}
	s = subcommand_find(argv[1]);
	if (!s) {
		fprintf(stderr, "lastknock: there is no command '%s'\n\n", argv[1]);
		help(stderr);
		return 2;
	}
	return s->run(argc - 1, argv + 1);
}
