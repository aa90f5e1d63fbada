/*
 * `reload` and `restart JAIL`: the client reads the configuration and sends what it comes to, as
 * Fail2ban's does (section 9.5).  Of a guard of ours only the names and flags are used; it reads
 * the files itself.
 */
#include <stdio.h>

#include "cli/talk.h"
#include "config/config.h"
#include "config/reader.h"

/* Flags in front go to `opts`; the rest is one jail or nothing. */
static int take_words(const struct talk *t, struct value *opts, int argc, char **argv,
		      const char **jail)
{
	static const char *const flags[] = { "--restart", "--unban", "--if-exists" };
	_buf_free_ struct buf text = { 0 };
	struct value *rest = value_list(t->arena);
	int i = 0;

	for (bool known = true; known && i < argc; i += known) {
		known = false;
		for (size_t k = 0; k < sizeof flags / sizeof *flags; k++)
			known |= strcmp(argv[i], flags[k]) == 0;
		if (known)
			value_add(t->arena, opts, value_z(t->arena, argv[i]));
	}
	*jail = i < argc && strcmp(argv[i], "--all") != 0 ? argv[i] : NULL;
	if (argc - i < 2 && !(*jail && (*jail)[0] == '-'))
		return 0;
	for (; i < argc; i++)
		value_add(t->arena, rest, value_z(t->arena, argv[i]));
	buf_add_z(&text, "Unexpected argument(s) for reload: ");
	value_add_repr(&text, rest);
	talk_complain(buf_z(&text));
	return -1;
}

/* A jail of that name is written down, enabled or not. */
static bool jail_is_known(const char *dir, const char *jail)
{
	struct reader *r = reader_new(dir);
	const struct conf *conf;
	bool known = reader_conf(r, STR("jail"), &conf, NULL) == 0 &&
		     table_find(conf->sections, str_of(jail));

	reader_free(r);
	return known;
}

static void complain_config(const struct err *err)
{
	_buf_free_ struct buf text = { 0 };

	buf_add_z(&text, "Failed during configuration: ");
	err_print(err, &text);
	talk_complain(buf_z(&text));
}

static struct config *load(const struct talk *t, const char *jail)
{
	const struct config_options options = { .jail = jail };
	const char *dir = config_dir(t->dir);
	struct config *c;
	struct err err = { 0 };

	if (config_load(dir, &options, &c, &err) < 0) {
		complain_config(&err);
		return NULL;
	}
	for (const struct config_fault *f = c->faults; f; f = f->next)
		complain_config(&f->err);
	if (jail && !jail_is_known(dir, jail)) {
		err = (struct err){ 0 };
		err_set(&err, 0, "No section: '%s'", jail);
		complain_config(&err);
	} else if (!jail || !c->n_faults) {
		return c;
	}
	config_free(c);
	return NULL;
}

int talk_reload(const struct talk *t, bool restart, int argc, char **argv)
{
	struct arena *a = t->arena;
	struct value *words = value_list(a), *opts = value_list(a);
	struct config *c;
	const char *jail;
	int status;

	if (restart)
		value_add(a, opts, value_z(a, "--restart"));
	if (take_words(t, opts, argc, argv, &jail) < 0)
		return TALK_REFUSED;
	if (restart && !jail) {
		talk_complain("restart needs a jail; the guard itself is restarted as a service");
		return TALK_REFUSED;
	}
	if (!talk_ping(t)) {
		talk_complain("Could not find server");
		return TALK_REFUSED;
	}
	c = load(t, jail);
	if (!c)
		return TALK_REFUSED;
	value_add(a, words, value_z(a, "reload"));
	value_add(a, words, value_z(a, jail ? jail : "--all"));
	value_add(a, words, opts);
	value_add(a, words, c->stream);
	status = talk_ask(t, words);
	config_free(c);
	return status;
}
