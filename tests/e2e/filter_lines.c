/*
 * filter_lines FILTER LOG: judges each line of a log with the filter of a file and prints one JSON
 * object per match.  For tests/e2e/test_filter_diff.py, which compares with Fail2ban.
 */
#include <err.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/filter_file.h"

static json_t *text(str s)
{
	return json_stringn(s.p ? s.p : "", s.n);
}

static void print_match(size_t number, const struct match *m, struct arena *a)
{
	_buf_free_ struct buf id = { 0 };
	json_t *fields = json_object(), *lines = json_array(), *users = json_array(), *o;

	fid_add(&id, &m->id);
	for (unsigned i = 0; i < m->n_fields; i++)
		json_object_set_new(fields, arena_str(a, m->fields[i].name).p,
				    text(m->fields[i].value));
	for (unsigned i = 0; i < m->n_lines; i++)
		json_array_append_new(lines,
				      json_pack("[o, o, o]", text(m->lines[i].prefix),
						text(m->lines[i].date), text(m->lines[i].suffix)));
	for (unsigned i = 0; i < m->n_users; i++)
		json_array_append_new(users, text(m->users[i]));
	o = json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "line", (json_int_t)number, "id",
		      text(buf_str(&id)), "host", text(m->host), "time",
		      isnan(m->time) ? json_null() : json_real(m->time), "fields", fields, "lines",
		      lines, "users", users);
	json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(17));
	putchar('\n');
	json_decref(o);
}

int main(int argc, char **argv)
{
	struct filter_file file;
	struct filter *f;
	struct err e = { 0 };
	char *line = NULL;
	size_t room = 0, number = 0;
	ssize_t n;
	FILE *log;

	if (argc != 3)
		errx(2, "usage: filter_lines FILTER LOG");
	filter_file_read(&file, argv[1]);
	if (filter_new(&file.jail, &f, &e) < 0)
		errx(1, "%s", e.text);
	log = fopen(argv[2], "re");
	if (!log)
		err(2, "%s", argv[2]);
	while ((n = getline(&line, &room, log)) > 0) {
		const struct match *m;
		size_t got = filter_line(f, str_mem(line, (size_t)n - (line[n - 1] == '\n')),
					 &file.time, &m);

		for (size_t i = 0; i < got; i++)
			print_match(number, &m[i], file.arena);
		number++;
	}
	fclose(log);
	free(line);
	filter_free(f);
	arena_free(file.arena);
	return 0;
}
