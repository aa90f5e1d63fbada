/*
 * Subcommands that talk to a running guard, ours or Fail2ban's, with fail2ban-client's words,
 * output and exit status: 0, or 255 for every refusal.  Called from main.c's table; `lastknock
 * client WORD...` sends what it is given.
 */
#include "cli/cli.h"

#include "cli/talk.h"

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

static int run(struct talk *t, const char *subcommand, int argc, char **argv)
{
	if (talk_settle(t) < 0)
		return TALK_REFUSED;
	if (strcmp(subcommand, "client") == 0 &&
	    (strcmp(argv[0], "reload") == 0 || strcmp(argv[0], "restart") == 0)) {
		subcommand = *argv++;
		argc--;
	}
	if (strcmp(subcommand, "reload") == 0 || strcmp(subcommand, "restart") == 0)
		return talk_reload(t, strcmp(subcommand, "restart") == 0, argc, argv);
	return talk_ask(t, words_of(t->arena, subcommand, argc, argv));
}

int cli_client(int argc, char **argv)
{
	struct talk t = { 0 };
	int took = talk_options(argc, argv, &t), least = 0, status;

	if (strcmp(argv[0], "ban") == 0)
		least = 2;
	else if (strcmp(argv[0], "unban") == 0 || strcmp(argv[0], "client") == 0)
		least = 1;
	if (took < 0 || argc - took < least ||
	    (took < argc && (strcmp(argv[took], "--help") == 0 || strcmp(argv[took], "-h") == 0)))
		return subcommand_usage(argv[0]);
	t.arena = arena_new();
	status = run(&t, argv[0], argc - took, argv + took);
	arena_free(t.arena);
	return status;
}
