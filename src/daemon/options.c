/* The guard's command line; see options.h.  Trusted: root typed it. */
#include "daemon/options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

struct option_row {
	const char *name, *other; /* "-c", "--config" */
	size_t at;                /* of the text or flag in struct guard_options */
	bool takes_value;
	const char *argument, *help;
};

#define TEXT(field) offsetof(struct guard_options, field), true
#define FLAG(field) offsetof(struct guard_options, field), false

static const struct option_row rows[] = {
	{ "-f", "--foreground", FLAG(foreground), "", "stay in the foreground" },
	{ "-c", "--conf", TEXT(dir), "DIR", "configuration directory" },
	{ "--observe", NULL, FLAG(observe), "", "do everything but ban: say what would be banned" },
	{ "-t", "--test", FLAG(test), "", "read the configuration, report, and end" },
	{ "-s", "--socket", TEXT(socket), "FILE", "control socket" },
	{ "-p", "--pidfile", TEXT(pidfile), "FILE", "process id file" },
	{ "--loglevel", NULL, TEXT(loglevel), "LEVEL",
	  "CRITICAL, ERROR, WARNING, NOTICE, INFO, DEBUG" },
	{ "--logtarget", NULL, TEXT(logtarget), "TARGET", "a file, STDOUT, STDERR or SYSLOG" },
	{ "--dbfile", NULL, TEXT(dbfile), "FILE", "database, in a directory of its own; or None" },
};
#define ROWS (sizeof rows / sizeof *rows)

static const struct option_row *find_row(const char *word)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(word, rows[i].name) == 0 ||
		    (rows[i].other && strcmp(word, rows[i].other) == 0))
			return &rows[i];
	return NULL;
}

static int parse_internal(const char *word, const char *value, struct guard_options *o)
{
	int64_t number;

	if (!value)
		return -EINVAL;
	if (strcmp(word, "--server-pid") == 0) {
		if (str_to_i64(str_of(value), 1, INT32_MAX, &number) < 0)
			return -EINVAL;
		o->server_pid = (int)number;
		return 0;
	}
	if (strcmp(word, "--role") != 0)
		return -EINVAL;
	for (enum role r = ROLE_WARDEN; r < ROLES; r++) {
		if (strcmp(value, role_name(r)) == 0) {
			o->role = r;
			o->has_role = true;
			return 0;
		}
	}
	return -EINVAL;
}

int guard_options_parse(int argc, char **argv, struct guard_options *out, struct err *err)
{
	struct guard_options o = { 0 };

	for (int i = 1; i < argc; i++) {
		const struct option_row *row = find_row(argv[i]);
		char *at;

		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0)
			return 1;
		if (!row) {
			if (parse_internal(argv[i], i + 1 < argc ? argv[i + 1] : NULL, &o) < 0)
				return err_set(err, -EINVAL, "unknown option '%s'", argv[i]);
			i++;
			continue;
		}
		at = (char *)&o + row->at;
		if (!row->takes_value) {
			*(bool *)at = true;
			continue;
		}
		if (i + 1 == argc)
			return err_set(err, -EINVAL, "option %s needs a value", argv[i]);
		memcpy(at, &argv[++i], sizeof(char *));
	}
	*out = o;
	return 0;
}

char **guard_options_argv(const struct guard_options *o, enum role role, struct arena *a)
{
	char **argv = arena_alloc(a, (2 * ROWS + 8) * sizeof(char *));
	size_t n = 0;
	char number[16];

	snprintf(number, sizeof number, "%d", o->server_pid);
	argv[n++] = arena_strdup(a, "lastknock");
	argv[n++] = arena_strdup(a, "guard");
	argv[n++] = arena_strdup(a, "--role");
	argv[n++] = arena_strdup(a, role_name(role));
	argv[n++] = arena_strdup(a, "--server-pid");
	argv[n++] = arena_strdup(a, number);
	for (size_t i = 0; i < ROWS; i++) {
		const char *at = (const char *)o + rows[i].at;
		const char *value;

		if (!rows[i].takes_value) {
			if (*(const bool *)at)
				argv[n++] = arena_strdup(a, rows[i].name);
			continue;
		}
		memcpy(&value, at, sizeof value);
		if (!value)
			continue;
		argv[n++] = arena_strdup(a, rows[i].name);
		argv[n++] = arena_strdup(a, value);
	}
	return argv;
}

int guard_options_config(const struct guard_options *o, struct config **out, struct err *err)
{
	/* beside a Fail2ban, nothing of its own may be touched */
	struct config_options c = {
		.socket = o->observe ? "/run/lastknock/observe.sock" : NULL,
		.pidfile = o->observe ? "/run/lastknock/observe.pid" : NULL,
		.dbfile = o->observe ? "/var/lib/lastknock-observe/observe.sqlite3" : NULL,
		.logtarget = o->observe ? "/var/log/lastknock-observe.log" : NULL,
	};

	if (o->socket)
		c.socket = o->socket;
	if (o->pidfile)
		c.pidfile = o->pidfile;
	if (o->dbfile)
		c.dbfile = o->dbfile;
	if (o->logtarget)
		c.logtarget = o->logtarget;
	c.loglevel = o->loglevel;
	return config_load(config_dir(o->dir), &c, out, err);
}

void guard_options_help(struct buf *out)
{
	for (size_t i = 0; i < ROWS; i++) {
		char left[40];

		snprintf(left, sizeof left, "%s%s%s %s", rows[i].name, rows[i].other ? ", " : "",
			 rows[i].other ? rows[i].other : "", rows[i].argument);
		buf_printf(out, "  %-24s %s\n", left, rows[i].help);
	}
	buf_printf(out, "  %-24s %s\n", "-h, --help", "print this");
}
