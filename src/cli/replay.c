/*
 * `lastknock replay`: the guard's own match and judge over finished logs, by the time in the log.
 * It reads the logs and the configuration, prints each ban, and touches nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ban/jail.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "source/file.h"

#define READ_BYTES (256u * 1024u)

/* One log: lines that were read but not judged yet. */
struct input {
	const char *path;
	struct file *file;
	double now;      /* what yearless dates are completed by */
	struct buf text; /* lines, each behind its length */
	size_t at;
	bool ended;
	double time; /* of the line at hand, or of the one before if it has none */
	str line;    /* the line at hand; .p NULL: none */
};

struct replay {
	struct config *config;
	struct jail **jails;
	unsigned n_jails;
	struct input *inputs;
	size_t n_inputs;
	struct ip self[64];
	struct jail_events events;
	const char *jail; /* the only one, or NULL */
	bool json;
	uint64_t lines, hosts, ignored;
};

struct replay_options {
	const char *dir, *jail;
	double now; /* NAN: each log's own */
	bool json;
	char **logs;
	int n_logs;
};

/* ---------------------------------------------------------------- input */

static void keep_line(void *arg, str line, int64_t end)
{
	struct input *in = arg;

	(void)end;
	buf_add(&in->text, &line.n, sizeof line.n);
	buf_add_str(&in->text, line);
}

/* The next line of this log into in->line, or NULL at its end. */
static void next_line(struct input *in)
{
	size_t n;

	in->line = STR_NULL;
	if (in->at == in->text.n) {
		in->at = 0;
		buf_clear(&in->text);
		while (!in->ended && in->text.n == 0)
			in->ended = file_read(in->file, READ_BYTES, keep_line, in) != FILE_MORE;
	}
	if (in->text.n == 0)
		return;
	memcpy(&n, in->text.p + in->at, sizeof n);
	in->line = str_mem(in->text.p + in->at + sizeof n, n);
	in->at += sizeof n + n;
}

static void advance(struct replay *r, struct input *in)
{
	double time;

	next_line(in);
	/* needed for the order of several logs, and for sessions to age by */
	if (in->line.p && r->n_jails &&
	    filter_line_time(r->jails[0]->filter, in->line, in->now, &time))
		in->time = time;
}

static struct input *earliest(struct replay *r)
{
	struct input *first = NULL;

	for (size_t i = 0; i < r->n_inputs; i++)
		if (r->inputs[i].line.p && (!first || r->inputs[i].time < first->time))
			first = &r->inputs[i];
	return first;
}

static int open_input(struct input *in, const char *path, double now)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		fprintf(stderr, "lastknock: %s: %s\n", path, strerror(errno));
		return -errno;
	}
	if (!S_ISREG(st.st_mode)) {
		fprintf(stderr, "lastknock: %s is not a file\n", path);
		close(fd);
		return -EINVAL;
	}
	in->path = path;
	in->file = file_new(fd);
	in->now = isnan(now) ? (double)st.st_mtim.tv_sec + (double)st.st_mtim.tv_nsec / 1e9 : now;
	in->time = -INFINITY;
	return 0;
}

/* ---------------------------------------------------------------- output */

static void print_json(const struct jail *j, const struct ticket *t, const char *id)
{
	_free_ char *jail = str_dup(j->conf->name);
	json_t *o = json_pack("{s:s, s:s, s:f, s:i}", "jail", jail, "ip", id, "time", t->time,
			      "failures", (int)t->failures);
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	if (text)
		puts(text);
	free(text);
	json_decref(o);
}

static void on_ban(void *arg, struct jail *j, enum ban_result result, const struct ticket *t,
		   const struct fid *fid)
{
	struct replay *r = arg;
	struct buf id = { 0 }, text = { 0 }, safe = { 0 };

	if (result != BAN_NEW)
		return;
	fid_add(&id, fid);
	if (r->json) {
		print_json(j, t, buf_z(&id));
	} else {
		clock_add_local(&text, t->time);
		buf_printf(&text, " [%.*s] Ban %s (%u failures)", STR_ARG(j->conf->name),
			   buf_z(&id), t->failures);
		buf_add_escaped(&safe, buf_str(&text));
		puts(buf_z(&safe));
	}
	buf_free(&id);
	buf_free(&text);
	buf_free(&safe);
}

static void on_resolve(void *arg, struct jail *j, const struct match *m)
{
	struct replay *r = arg;

	(void)j;
	(void)m;
	r->hosts++; /* asking a name server would tell the world what is replayed */
}

static void on_ignored(void *arg, struct jail *j, const struct fid *id, const char *by)
{
	struct replay *r = arg;

	(void)j;
	(void)id;
	(void)by;
	r->ignored++;
}

static void print_summary(const struct replay *r)
{
	fprintf(stderr, "%llu lines", (unsigned long long)r->lines);
	for (unsigned i = 0; i < r->n_jails; i++)
		fprintf(stderr, "; %.*s: %llu failures, %llu bans",
			STR_ARG(r->jails[i]->conf->name),
			(unsigned long long)failures_total(r->jails[i]->failures),
			(unsigned long long)bans_total(r->jails[i]->bans));
	fputs("\n", stderr);
	if (r->ignored)
		fprintf(stderr, "%llu failures of ignored addresses were left out\n",
			(unsigned long long)r->ignored);
	if (r->hosts)
		fprintf(stderr,
			"%llu failures with a host name instead of an address were left out\n",
			(unsigned long long)r->hosts);
}

/* ---------------------------------------------------------------- run */

static void print_faults(const struct config *c)
{
	for (const struct config_fault *f = c->faults; f; f = f->next) {
		struct buf text = { 0 };

		err_print(&f->err, &text);
		fprintf(stderr, "lastknock: jail %.*s left out: %s\n", STR_ARG(f->jail),
			buf_z(&text));
		buf_free(&text);
	}
}

static int open_jails(struct replay *r)
{
	r->jails = xcalloc(r->config->n_jails, sizeof(struct jail *));
	for (unsigned i = 0; i < r->config->n_jails; i++) {
		struct err err = { 0 };

		if (jail_new(r->config->jails[i], &r->jails[r->n_jails], &err) < 0) {
			fprintf(stderr, "lastknock: jail %.*s left out: %s\n",
				STR_ARG(r->config->jails[i]->name), err.text);
			continue;
		}
		r->jails[r->n_jails++]->by_log_time = true;
	}
	if (r->n_jails == 0 && r->config->n_faults == 0)
		fprintf(stderr, "lastknock: %.*s has no jail %s\n", STR_ARG(r->config->dir),
			r->jail ? r->jail : "that is enabled");
	return r->n_jails ? 0 : -ENOENT;
}

static void judge_all(struct replay *r)
{
	struct input *in;

	for (size_t i = 0; i < r->n_inputs; i++)
		advance(r, &r->inputs[i]);
	while ((in = earliest(r)) != NULL) {
		struct filter_time t = { .now = in->now, .session_now = in->time };

		r->lines++;
		for (unsigned i = 0; i < r->n_jails; i++)
			jail_line(r->jails[i], in->line, &t, &r->events);
		advance(r, in);
	}
}

/* Seconds since the epoch, or "YYYY-MM-DD HH:MM:SS" in local time. */
static int parse_now(const char *text, double *out)
{
	struct tm tm = { .tm_isdst = -1 };
	char *end;
	double seconds = strtod(text, &end);

	if (*text && *end == '\0' && isfinite(seconds)) {
		*out = seconds;
		return 0;
	}
	end = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
	if (!end || *end)
		return -EINVAL;
	*out = (double)mktime(&tm);
	return 0;
}

static int parse(int argc, char **argv, struct replay_options *o)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		bool value = i + 1 < argc;

		if (strcmp(argv[i], "--json") == 0)
			o->json = true;
		else if (strcmp(argv[i], "-c") == 0 && value)
			o->dir = argv[++i];
		else if (strcmp(argv[i], "--jail") == 0 && value)
			o->jail = argv[++i];
		else if (strcmp(argv[i], "--now") != 0 || !value ||
			 parse_now(argv[++i], &o->now) < 0)
			return -EINVAL;
	}
	o->logs = argv + i;
	o->n_logs = argc - i;
	return o->n_logs ? 0 : -EINVAL;
}

static void clean_up(struct replay *r)
{
	for (unsigned i = 0; i < r->n_jails; i++)
		jail_free(r->jails[i]);
	free(r->jails);
	for (size_t i = 0; i < r->n_inputs; i++) {
		file_free(r->inputs[i].file);
		buf_free(&r->inputs[i].text);
	}
	free(r->inputs);
	config_free(r->config);
}

int cli_replay(int argc, char **argv)
{
	struct replay r = { 0 };
	struct replay_options o = { .now = NAN };
	struct config_options c = { 0 };
	struct err err = { 0 };
	struct buf text = { 0 };

	if (parse(argc, argv, &o) < 0)
		return subcommand_usage("replay");
	c.jail = o.jail;
	c.force_enabled = o.jail != NULL;
	c.without_logs = true;
	if (config_load(config_dir(o.dir), &c, &r.config, &err) < 0) {
		err_print(&err, &text);
		fprintf(stderr, "lastknock: %s\n", buf_z(&text));
		buf_free(&text);
		return 1;
	}
	print_faults(r.config);
	r.json = o.json;
	r.jail = o.jail;
	r.events = (struct jail_events){ .arg = &r,
					 .ban = on_ban,
					 .ignored = on_ignored,
					 .resolve = on_resolve,
					 .self = r.self };
	r.events.n_self = ignore_own_addresses(r.self, 64);
	r.inputs = xcalloc((size_t)o.n_logs, sizeof *r.inputs);
	for (int i = 0; i < o.n_logs; i++, r.n_inputs++)
		if (open_input(&r.inputs[i], o.logs[i], o.now) < 0)
			break;
	if (r.n_inputs != (size_t)o.n_logs || open_jails(&r) < 0) {
		clean_up(&r);
		return 1;
	}
	judge_all(&r);
	print_summary(&r);
	clean_up(&r);
	return 0;
}
