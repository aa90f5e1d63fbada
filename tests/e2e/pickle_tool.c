/*
 * For test_pickle_python.py: reads a pickle from standard input, as a request or ("answer") as an
 * answer, and writes it again; "repr" prints it instead.  Exit status 1: refused.
 */
#include <stdio.h>
#include <unistd.h>

#include "control/pickle.h"

int main(int argc, char **argv)
{
	struct arena *a = arena_new();
	struct buf in = { 0 }, out = { 0 };
	struct err err = { 0 };
	struct value *v;
	ssize_t n;
	int rc;

	while ((n = read(STDIN_FILENO, buf_reserve(&in, 65536), 65536)) > 0)
		in.n += (size_t)n;
	if (argc > 1 && strcmp(argv[1], "answer") == 0)
		rc = pickle_read_answer(buf_str(&in), a, &v, &err);
	else
		rc = pickle_read(buf_str(&in), a, &v, &err);
	if (rc < 0)
		fprintf(stderr, "%s\n", err.text);
	else if (argc > 1 && strcmp(argv[1], "repr") == 0)
		value_add_repr(&out, v);
	else
		pickle_write(&out, v);
	fwrite(out.n ? out.p : "", 1, out.n, stdout);
	buf_free(&in);
	buf_free(&out);
	arena_free(a);
	return rc < 0;
}
