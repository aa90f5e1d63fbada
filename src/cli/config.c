/*
 * `lastknock config test` and `config dump`: what is wrong with the configuration, and what it
 * comes to (one command a line, as `fail2ban-client -d` prints them).  It reads and prints; nothing
 * is started and no log is opened.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "config/config.h"
#include "match/filter.h"

static void print_item(FILE *out, const char *kind, const struct config_fault *f)
{
	_buf_free_ struct buf text = { 0 };

	if (f->jail.p) {
		buf_add_z(&text, "jail ");
		buf_add_escaped(&text, f->jail);
		buf_add_z(&text, ": ");
	}
	err_print(&f->err, &text);
	fprintf(out, "%s: %s\n", kind, buf_z(&text));
}

static void print_faults(FILE *out, const struct config *c)
{
	for (const struct config_fault *f = c->faults; f; f = f->next)
		print_item(out, "ERROR", f);
}

/* Patterns, dates and encodings, which reading alone does not try. How many jails fail. */
static unsigned print_filter_faults(FILE *out, const struct config *c)
{
	unsigned bad = 0;

	for (unsigned i = 0; i < c->n_jails; i++) {
		struct config_fault f = { .jail = c->jails[i]->name };
		struct filter *filter = NULL;

		if (str_starts(c->jails[i]->backend, STR("systemd"))) {
			err_set(&f.err, 0, "backend %.*s: the journal is not read, only files",
				STR_ARG(c->jails[i]->backend));
			print_item(out, "ERROR", &f);
			bad++;
			continue;
		}
		if (filter_new(c->jails[i], &filter, &f.err) < 0) {
			print_item(out, "ERROR", &f);
			bad++;
		}
		filter_free(filter);
	}
	return bad;
}

static int test(const struct config *c)
{
	unsigned bad = c->n_faults;

	print_faults(stdout, c);
	bad += print_filter_faults(stdout, c);
	for (const struct config_fault *f = c->notes; f; f = f->next)
		print_item(stdout, "NOTE", f);
	if (bad) {
		printf("ERROR: %u of the configuration's parts cannot be used\n", bad);
		return 1;
	}
	puts("OK: configuration test is successful");
	return 0;
}

static int dump(const struct config *c)
{
	_buf_free_ struct buf text = { 0 };

	for (size_t i = 0; i < c->stream->n; i++) {
		value_add_repr(&text, c->stream->items[i]);
		buf_add_char(&text, '\n');
	}
	fwrite(text.p, 1, text.n, stdout);
	print_faults(stderr, c);
	return c->n_faults ? 1 : 0;
}

static const struct verb {
	const char *name;
	int (*run)(const struct config *c);
} verbs[] = {
	{ "test", test },
	{ "dump", dump },
	{ NULL, NULL },
};

static int load(const char *dir, const struct config_options *options, struct config **out)
{
	struct err err = { 0 };
	_buf_free_ struct buf text = { 0 };

	if (config_load(config_dir(dir), options, out, &err) == 0)
		return 0;
	err_print(&err, &text);
	fprintf(stderr, "ERROR: %s\n", buf_z(&text));
	return -1;
}

int cli_config(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "jail", required_argument, NULL, 'j' },
		{ 0 },
	};
	struct config_options options = { 0 };
	const struct verb *verb = verbs;
	struct config *c = NULL;
	const char *dir = NULL;
	int opt, rc;

	while ((opt = getopt_long(argc, argv, "c:j:", long_options, NULL)) != -1) {
		if (opt == 'c')
			dir = optarg;
		else if (opt == 'j')
			options.jail = optarg;
		else
			return subcommand_usage("config");
	}
	while (verb->name && (optind >= argc || strcmp(verb->name, argv[optind]) != 0))
		verb++;
	if (!verb->name || optind + 1 != argc)
		return subcommand_usage("config");
	options.force_enabled = options.without_logs = options.jail != NULL;
	if (load(dir, &options, &c) < 0)
		return 1;
	rc = options.jail && !c->n_jails && !c->n_faults ? -1 : verb->run(c);
	if (rc < 0) {
		fprintf(stderr, "ERROR: there is no jail '%s'\n", options.jail);
		rc = 1;
	}
	config_free(c);
	return rc;
}
