/* See filter_file.h. */
#include "support/filter_file.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"

enum { LIST_MAX = 500 };

static str unescape(struct arena *a, str s)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n && (s.p[i + 1] == 'n' || s.p[i + 1] == '\\'))
			out[n++] = s.p[++i] == 'n' ? '\n' : '\\';
		else
			out[n++] = s.p[i];
	}
	return str_mem(out, n);
}

static enum usedns usedns(str s)
{
	if (str_is(s, "no"))
		return USEDNS_NO;
	if (str_is(s, "raw"))
		return USEDNS_RAW;
	return str_is(s, "yes") ? USEDNS_YES : USEDNS_WARN;
}

static void add_regex(struct config_regex *list, unsigned *n, str text, const struct config_jail *j)
{
	if (*n < LIST_MAX)
		list[(*n)++] = (struct config_regex){ .text = text,
						      .usedns = j->usedns,
						      .maxlines = j->maxlines };
}

static void set(struct filter_file *f, str key, str value)
{
	struct config_jail *j = &f->jail;
	double number = strtod(arena_strdup(f->arena, arena_str(f->arena, value).p), NULL);

	if (str_is(key, "failregex"))
		add_regex(j->failregex, &j->n_failregex, value, j);
	else if (str_is(key, "ignoreregex"))
		add_regex(j->ignoreregex, &j->n_ignoreregex, value, j);
	else if (str_is(key, "prefregex"))
		j->prefregex = value;
	else if (str_is(key, "datepattern") && j->n_datepattern < LIST_MAX)
		j->datepattern[j->n_datepattern++] = value;
	else if (str_is(key, "usedns"))
		j->usedns = usedns(value);
	else if (str_is(key, "maxlines"))
		j->maxlines = (int)number;
	else if (str_is(key, "logencoding"))
		j->logencoding = value;
	else if (str_is(key, "logtimezone"))
		j->logtimezone = value;
	else if (str_is(key, "findtime"))
		j->findtime = (int64_t)number;
	else if (str_is(key, "now"))
		f->time.now = f->time.session_now = number;
	else if (str_is(key, "check_age"))
		f->time.check_age = number != 0;
	else if (str_is(key, "in_operation"))
		f->time.in_operation = number != 0;
	else
		errx(2, "unknown key: %.*s", STR_ARG(key));
}

void filter_file_read(struct filter_file *f, const char *path)
{
	FILE *in = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	if (!in)
		err(2, "%s", path);
	*f = (struct filter_file){ .arena = arena_new() };
	f->jail = (struct config_jail){
		.name = STR("test"),
		.maxlines = 1,
		.findtime = 600,
		.usedns = USEDNS_WARN,
		.failregex = arena_alloc(f->arena, LIST_MAX * sizeof(struct config_regex)),
		.ignoreregex = arena_alloc(f->arena, LIST_MAX * sizeof(struct config_regex)),
		.datepattern = arena_alloc(f->arena, LIST_MAX * sizeof(str)),
	};
	while ((n = getline(&line, &room, in)) > 0) {
		str s = str_mem(line, (size_t)n - (line[n - 1] == '\n'));
		ssize_t at = str_chr(s, '=');

		if (at < 0)
			errx(2, "%s: no '=' in: %s", path, line);
		set(f, str_head(s, (size_t)at), unescape(f->arena, str_from(s, (size_t)at + 1)));
	}
	free(line);
	fclose(in);
}
