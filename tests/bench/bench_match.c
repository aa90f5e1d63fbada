/*
 * bench_match FILTER LOG [ROUNDS]: lines per second of processor time of one filter
 * over a log held in memory.  The
 * filter's file is as in tests/support/filter_file.h.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/xalloc.h"
#include "support/filter_file.h"

int main(int argc, char **argv)
{
	struct filter_file file;
	struct filter *f;
	struct err e = { 0 };
	struct buf log = { 0 };
	size_t lines = 0, matches = 0;
	double start, seconds;
	char chunk[65536];
	size_t n;
	FILE *in;
	long rounds = argc > 3 ? strtol(argv[3], NULL, 10) : 1;

	if (argc < 3)
		errx(2, "usage: bench_match FILTER LOG [ROUNDS]");
	filter_file_read(&file, argv[1]);
	if (filter_new(&file.jail, &f, &e) < 0)
		errx(1, "%s", e.text);
	in = fopen(argv[2], "re");
	if (!in)
		err(2, "%s", argv[2]);
	while ((n = fread(chunk, 1, sizeof chunk, in)) > 0)
		buf_add(&log, chunk, n);
	fclose(in);
	start = (double)clock() / CLOCKS_PER_SEC;
	for (long i = 0; i < rounds; i++) {
		str rest = buf_str(&log), line;

		while (str_split(&rest, '\n', &line)) {
			const struct match *m;

			if (line.n == 0)
				continue;
			matches += filter_line(f, line, &file.time, &m);
			lines++;
		}
	}
	seconds = (double)clock() / CLOCKS_PER_SEC - start;
	printf("%zu lines, %zu matches, %.3f s, %.0f lines/s, %llu limit hits\n", lines, matches,
	       seconds, (double)lines / seconds, (unsigned long long)filter_stats(f)->limit_hits);
	filter_free(f);
	buf_free(&log);
	arena_free(file.arena);
	return 0;
}
