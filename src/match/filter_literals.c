/*
 * What a line must hold for a filter to match it; see filter.h.  The literals are looked for in the
 * raw line, but patterns see it decoded and with its date cut out, so only ASCII letters, digits
 * and underscores count: the built-in date formats never have such a character on both sides, hence
 * no literal comes about by the cut.  With datepatterns of the administrator's, with more than one
 * line at a time, or in encodings that change ASCII, nothing is promised.
 */
#include "match/filter_private.h"

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_';
}

/* The longest run of word characters. */
static str word_of(str s)
{
	str best = STR("");

	for (size_t i = 0; i < s.n;) {
		size_t n = 0;

		while (i + n < s.n && is_word(s.p[i + n]))
			n++;
		if (n > best.n)
			best = str_mem(s.p + i, n);
		i += n ? n : 1;
	}
	return best;
}

size_t filter_literals(const struct filter *f, str *out, size_t room)
{
	unsigned n = f->jail->n_failregex;
	str literal;

	if (f->jail->maxlines > 1 || !date_is_builtin(f->date) || !text_keeps_ascii(f->text))
		return 0;
	if (f->pref.regex) {
		literal = word_of(regex_literal(f->pref.regex));
		if (literal.n) {
			if (room)
				out[0] = literal;
			return 1;
		}
	}
	for (unsigned i = 0; i < n; i++) {
		literal = word_of(regex_literal(f->fail[i].regex));
		if (!literal.n)
			return 0;
		if (i < room)
			out[i] = literal;
	}
	return n;
}
