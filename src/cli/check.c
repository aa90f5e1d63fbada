/*
 * `lastknock check`: is this mail server safe?  Exit status: 0 safe, 1 needs a security upgrade, 2
 * cannot tell, 3 unreachable, 64 wrong usage (EX_USAGE).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "check/check.h"
#include "check/consent.h"
#include "check/guard.h"
#include "check/options.h"
#include "check/report.h"
#include "cli/cli.h"

enum { EXIT_UNREACHABLE = 3, EXIT_USAGE = 64, TIME_LIMIT = 300 };

/* Where the words for people go while it runs. */
struct screen {
	FILE *out;
	bool terminal; /* can take a line back */
	bool dirty;    /* a line that is to be taken back stands there */
	bool lasting;  /* print what lasts */
};

static void wipe(struct screen *s)
{
	if (s->dirty)
		fputs("\r\033[K", s->out);
	s->dirty = false;
}

static void show(struct screen *s, const char *text)
{
	if (!s->terminal)
		return;
	wipe(s);
	fprintf(s->out, "%.78s", text);
	fflush(s->out);
	s->dirty = true;
}

static void on_progress(void *arg, bool lasting, const char *text)
{
	struct screen *s = arg;

	if (!lasting) {
		show(s, text);
		return;
	}
	wipe(s);
	if (s->lasting || s->terminal)
		fprintf(s->out, "%s\n", text);
	fflush(s->out);
}

static void on_waiting(void *arg, const char *reason, double elapsed, double limit)
{
	char text[200];

	snprintf(text, sizeof text, "waiting: %s (%.0f of at most %.0f s)", reason, elapsed, limit);
	show(arg, text);
}

static int usage(const struct err *err)
{
	if (err)
		fprintf(stderr, "lastknock check: %s\n", err->text);
	subcommand_usage("check");
	fputs("lastknock check --help lists the options\n", stderr);
	return EXIT_USAGE;
}

static int help(void)
{
	struct buf b _buf_free_ = { 0 };

	buf_add_z(&b, "usage: lastknock check HOST [OPTION]...\n\n");
	check_options_help(&b);
	buf_add_z(&b, "\nexit status: 0 safe, 1 needs a security upgrade, 2 cannot tell, "
		      "3 unreachable, 64 usage\n");
	fwrite(b.p, 1, b.n, stdout);
	return 0;
}

/* The guard test may ban nobody who did not agree to it, and not who runs it. */
static bool may_ban(const struct run *r)
{
	struct ip client = consent_ssh_client();

	for (size_t i = 0; i < r->n_sources; i++) {
		if (!consent_locks_out(&r->sources[i].ip, &client))
			continue;
		fprintf(stderr,
			"lastknock check: you are logged in by SSH from %s: a ban of it would lock "
			"you "
			"out; choose another --source\n",
			r->sources[i].name);
		return false;
	}
	if (r->o->yes || consent_ask("Ban these addresses?"))
		return true;
	fputs("lastknock check: --guard, or acts that --unban allows, get the sources banned, and "
	      "need "
	      "your consent: --yes\n",
	      stderr);
	return false;
}

static int run(struct run *r, struct screen *screen, const struct report_options *ro)
{
	struct verdict v;
	struct err err = { 0 };
	int rc = check_prepare(r, &err);

	if (rc == 0) {
		report_plan(r, screen->out);
		if (r->o->guard)
			report_guard_plan(r, screen->out);
		fflush(screen->out);
		if ((r->o->guard || r->may_unban) && !may_ban(r))
			return EXIT_USAGE;
		fflush(screen->out);
		rc = check_run(r, &err);
	}
	wipe(screen);
	if (rc == -EADDRNOTAVAIL || rc == -EINVAL) {
		fprintf(stderr, "lastknock check: %s\n", err.text);
		return EXIT_USAGE;
	}
	v = verdict_of(r);
	if (r->o->json)
		report_json(r, &v, stdout);
	else if (rc == 0)
		report_text(r, &v, stdout, ro);
	if (rc < 0) {
		fprintf(stderr, "lastknock check: %s\n", err.text);
		return EXIT_UNREACHABLE;
	}
	return (int)v.result;
}

static int with_engine(const struct check_options *o, struct secret *secret)
{
	struct screen screen = { .out = o->json ? stderr : stdout };
	struct arena *arena = arena_new();
	struct ip ip;
	struct run r = { .o = o,
			 .arena = arena,
			 .secret = secret,
			 .started = clock_now(),
			 .host_is_address = ip_parse(str_of(o->host), &ip) == 0,
			 .progress = on_progress,
			 .progress_arg = &screen };
	struct engine_options eo = { .ca = o->ca,
				     .server_name = r.host_is_address ? NULL : o->host,
				     .longest_wait = o->timeout,
				     .time_limit = TIME_LIMIT,
				     .secret = secret,
				     .hooks = { &screen, on_waiting } };
	struct report_options ro = { .verbose = o->verbose };
	struct err err = { 0 };
	int status = EXIT_USAGE;

	screen.terminal = isatty(fileno(screen.out));
	screen.lasting = !o->json;
	ro.colours = screen.terminal && !o->json && !getenv("NO_COLOR");
	r.engine = engine_new(arena, &eo, &err);
	if (r.engine)
		status = run(&r, &screen, &ro);
	else
		fprintf(stderr, "lastknock check: %s\n", err.text);
	engine_free(r.engine);
	free(r.findings);
	arena_free(arena);
	return status;
}

int cli_check(int argc, char **argv)
{
	struct check_options o;
	struct secret *secret = NULL;
	struct err err = { 0 };
	int rc = check_options_parse(argc, argv, &o, &err), status;

	if (rc > 0)
		return help();
	if (rc < 0)
		return usage(&err);
	/* a server that closes while we write is an answer, too */
	sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	if (o.password_file) {
		if (secret_read(o.password_file, &secret, &err) < 0) {
			fprintf(stderr, "lastknock check: %s\n", err.text);
			return EXIT_USAGE;
		}
		secret_prepare(secret, str_of(o.user));
	}
	status = with_engine(&o, secret);
	secret_free(secret);
	return status;
}
