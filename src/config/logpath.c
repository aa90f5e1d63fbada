/*
 * Patterns of log files; see logpath.h.  Called by jail.c.
 *
 * Unlike Fail2ban, a pattern without a file is kept: the file may appear later, and a mail server
 * whose first log line is an attack should not be without its guard.
 */
#include "config/logpath.h"

#include <glob.h>
#include <sys/stat.h>

#include "config/fault.h"
#include "config/list.h"
#include "config/stream.h"

enum {
	PATTERNS_MAX = 1000 /* log paths of one jail */
};

/* "PATH tail" or "PATH head"; any other last word belongs to a path with blanks in it. */
static str split_tail(str line, bool *tail)
{
	ssize_t blank = str_rchr(line, ' ');
	str last = blank < 0 ? STR("") : str_from(line, (size_t)blank + 1);

	*tail = str_is(last, "tail");
	if (*tail || str_is(last, "head"))
		return str_trim(str_head(line, (size_t)blank));
	return line;
}

static unsigned pattern_index(struct config *c, str pattern)
{
	for (unsigned i = 0; i < c->n_patterns; i++)
		if (str_eq(c->patterns[i], pattern))
			return i;
	c->patterns = list_append(c->arena, c->patterns, &c->n_patterns, sizeof *c->patterns);
	c->patterns[c->n_patterns - 1] = arena_str(c->arena, pattern);
	return c->n_patterns - 1;
}

static void add_row(struct arena *a, struct value *rows, str jail, str path, bool tail)
{
	struct value *row = stream_set(a, rows, jail, "addlogpath");

	value_add(a, row, value_str(a, path));
	value_add(a, row, value_z(a, tail ? "tail" : "head"));
}

static unsigned add_files(struct config *c, str jail, str pattern, bool tail, struct value *rows)
{
	unsigned found = 0;
	glob_t g;

	if (glob(arena_str(c->arena, pattern).p, GLOB_NOESCAPE, NULL, &g) != 0)
		return 0;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct stat st;

		if (stat(g.gl_pathv[i], &st) < 0)
			continue; /* a link to nowhere */
		add_row(c->arena, rows, jail, str_of(g.gl_pathv[i]), tail);
		found++;
	}
	globfree(&g);
	return found;
}

bool logpath_exists(struct reader *r, str value)
{
	str line;

	while (!r->no_disk && str_split(&value, '\n', &line)) {
		bool tail, any;
		glob_t g;
		str pattern = split_tail(str_trim(line), &tail);

		if (pattern.n == 0 || glob(arena_str(r->arena, pattern).p,
					   GLOB_NOESCAPE | GLOB_NOSORT, NULL, &g) != 0)
			continue;
		any = g.gl_pathc > 0;
		globfree(&g);
		if (any)
			return true;
	}
	return false;
}

unsigned logpath_add(struct reader *r, struct config *c, struct config_jail *jail,
		     const struct conf_key *key, str value, struct value *rows)
{
	size_t lines = 1;
	unsigned found = 0;
	str line;

	for (size_t i = 0; i < value.n; i++)
		lines += value.p[i] == '\n';
	if (lines > PATTERNS_MAX)
		lines = PATTERNS_MAX;
	jail->logpath = arena_alloc(c->arena, lines * sizeof *jail->logpath);
	while (str_split(&value, '\n', &line)) {
		bool tail;
		str pattern = split_tail(str_trim(line), &tail);
		unsigned here;

		if (pattern.n == 0)
			continue;
		if (jail->n_logpath == lines) {
			note_add(c, jail->name, key, "only the first %d log paths are used",
				 PATTERNS_MAX);
			break;
		}
		jail->logpath[jail->n_logpath++] =
			(struct config_logpath){ .pattern = pattern_index(c, pattern),
						 .tail = tail };
		here = r->no_disk ? 0 : add_files(c, jail->name, pattern, tail, rows);
		if (!here) {
			add_row(c->arena, rows, jail->name, pattern, tail);
			note_add(c, jail->name, key, "there is no file %.*s (yet)",
				 STR_ARG(pattern));
		}
		found += here;
	}
	return found;
}
