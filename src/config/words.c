/* Shell-like words; see words.h.  Called by jail.c.  No expansion of any kind is done. */
#include "config/words.h"

#include <errno.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Adds what stands between the quote at line[at] and its end; past it, or 0. */
static size_t add_quoted(str line, size_t at, struct buf *word)
{
	char quote = line.p[at++];

	for (; at < line.n; at++) {
		char c = line.p[at];

		if (c == quote)
			return at + 1;
		if (c == '\\' && quote == '"' && at + 1 < line.n &&
		    (line.p[at + 1] == '"' || line.p[at + 1] == '\\'))
			c = line.p[++at];
		buf_add_char(word, c);
	}
	return 0;
}

int words_add(struct arena *a, str line, struct value *row, struct err *err)
{
	_buf_free_ struct buf word = { 0 };
	size_t at = 0;

	while (true) {
		while (at < line.n && is_space(line.p[at]))
			at++;
		if (at == line.n)
			return 0;
		buf_clear(&word);
		while (at < line.n && !is_space(line.p[at])) {
			char c = line.p[at];

			if (c == '"' || c == '\'') {
				at = add_quoted(line, at, &word);
				if (!at)
					return err_set(err, -EINVAL, "a quote is not closed: %.*s",
						       STR_ARG(line));
				continue;
			}
			if (c == '\\' && ++at == line.n)
				return err_set(err, -EINVAL, "nothing follows the last '\\': %.*s",
					       STR_ARG(line));
			buf_add_char(&word, line.p[at++]);
		}
		value_add(a, row, value_str(a, buf_str(&word)));
	}
}
