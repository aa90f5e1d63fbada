/*
 * The window of lines; see window.h.  Called by filter.c for each line.
 */
#include "match/window.h"

#include "base/utf8.h"
#include "base/xalloc.h"

enum {
	LINES_MAX = 10000,        /* whatever `maxlines` says */
	SAVED_LINE_MAX = 1 << 20, /* longer parts are not taken from saved state */
};

struct row {
	struct match_line line;
	char *copy; /* what line points into; NULL: into the caller's */
	bool ascii;
	bool matched; /* by the latest window_matched() */
};

struct window {
	struct row *rows; /* oldest first */
	unsigned n, max;
	struct buf text;
	bool ascii;
};

struct window *window_new(int maxlines)
{
	struct window *w = xcalloc(1, sizeof *w);

	w->max = maxlines < 1 ? 1 : maxlines > LINES_MAX ? LINES_MAX : (unsigned)maxlines;
	w->rows = xcalloc(w->max, sizeof *w->rows);
	return w;
}

void window_clear(struct window *w)
{
	for (unsigned i = 0; i < w->n; i++)
		free(w->rows[i].copy);
	w->n = 0;
}

void window_free(struct window *w)
{
	if (!w)
		return;
	window_clear(w);
	free(w->rows);
	buf_free(&w->text);
	free(w);
}

static void copy_line(struct row *row)
{
	struct match_line *l = &row->line;
	size_t n = l->prefix.n + l->date.n + l->suffix.n;
	char *p = xcalloc(1, n + 1);
	str *parts[] = { &l->prefix, &l->date, &l->suffix };

	row->copy = p;
	for (size_t i = 0; i < 3; i++) {
		if (parts[i]->n)
			memcpy(p, parts[i]->p, parts[i]->n);
		parts[i]->p = p;
		p += parts[i]->n;
	}
}

static void add_line(struct buf *out, const struct match_line *l)
{
	char *p = buf_reserve(out, l->prefix.n + l->suffix.n + 1);

	if (l->prefix.n)
		memcpy(p, l->prefix.p, l->prefix.n);
	if (l->suffix.n)
		memcpy(p + l->prefix.n, l->suffix.p, l->suffix.n);
	p[l->prefix.n + l->suffix.n] = '\n';
	out->n += l->prefix.n + l->suffix.n + 1;
}

void window_push(struct window *w, struct match_line line, bool ascii)
{
	struct row *row;

	if (w->n == w->max) {
		/* the analyzer does not see that memmove() puts another row in its place */
		free(w->rows[0].copy); /* NOLINT(clang-analyzer-unix.Malloc) */
		memmove(w->rows, w->rows + 1, (w->n - 1) * sizeof *w->rows);
		w->n--;
	}
	row = &w->rows[w->n++];
	*row = (struct row){ .line = line, .ascii = ascii };
	if (w->max > 1)
		copy_line(row);
	buf_clear(&w->text);
	w->ascii = true;
	for (unsigned i = 0; i < w->n; i++) {
		add_line(&w->text, &w->rows[i].line);
		w->ascii = w->ascii && w->rows[i].ascii;
	}
}

str window_text(const struct window *w, bool *ascii)
{
	*ascii = w->ascii;
	return buf_str(&w->text);
}

static unsigned newlines(str s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

/* A line as a skiplines group has it. Python splits those at other breaks too: no equal then. */
static bool is_skipped(const struct match_line *l, str skipped)
{
	size_t n = l->prefix.n;

	for (size_t i = 0; i < skipped.n; i++) {
		char c = skipped.p[i];

		if (c == '\r' || c == '\v' || c == '\f' || (c >= 0x1c && c <= 0x1e))
			return false;
	}
	return skipped.n == n + l->suffix.n && str_eq(str_head(skipped, n), l->prefix) &&
	       str_eq(str_from(skipped, n), l->suffix);
}

static void unmark_skipped(const struct window *w, unsigned first, unsigned end, str group)
{
	while (group.n) {
		str line = group;
		ssize_t at = str_chr(group, '\n');

		line.n = at < 0 ? group.n : (size_t)at;
		group = str_from(group, line.n + 1);
		for (unsigned i = first; i < end; i++) {
			if (!w->rows[i].matched || !is_skipped(&w->rows[i].line, line))
				continue;
			w->rows[i].matched = false;
			first = i;
			break;
		}
	}
}

void window_matched(const struct window *w, const struct regex *regex, str subject, size_t start,
		    size_t end, struct arena *a, struct lines *out)
{
	ssize_t before = str_rchr(str_head(subject, start + 1), '\n');
	size_t last = end ? end - 1 : 0;
	ssize_t after = str_chr(str_from(subject, last), '\n');
	unsigned first_row, end_row;

	first_row = newlines(str_head(subject, (size_t)(before + 1)));
	end_row = newlines(str_head(subject, after < 0 ? subject.n : last + (size_t)after + 1));
	if (end_row > w->n)
		end_row = w->n;
	for (unsigned i = 0; i < w->n; i++)
		w->rows[i].matched = i >= first_row && i < end_row;
	for (unsigned g = 1; w->max > 1 && g < regex_n_groups(regex); g++)
		if (str_starts(regex_group_name(regex, g), STR("skiplines")))
			unmark_skipped(w, first_row, end_row, regex_group(regex, subject, g));
	for (unsigned i = first_row; i < end_row; i++) {
		const struct match_line *l = &w->rows[i].line;

		if (w->rows[i].matched)
			lines_add(out, a,
				  (struct match_line){ .prefix = arena_str(a, l->prefix),
						       .date = arena_str(a, l->date),
						       .suffix = arena_str(a, l->suffix) });
	}
}

void window_drop_matched(struct window *w)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < w->n; i++) {
		if (w->rows[i].matched)
			free(w->rows[i].copy);
		else
			w->rows[kept++] = w->rows[i];
	}
	w->n = kept;
}

void window_save(const struct window *w, struct buf *out)
{
	unsigned n = w->max > 1 ? w->n : 0;

	pack_u32(out, n);
	for (unsigned i = 0; i < n; i++)
		line_pack(out, &w->rows[i].line);
}

static void restore_row(struct window *w, struct unpack *u)
{
	struct match_line l = line_unpack(u, SAVED_LINE_MAX);

	if (!utf8_is_valid(l.prefix) || !utf8_is_valid(l.date) || !utf8_is_valid(l.suffix))
		u->bad = true;
	if (!u->bad)
		window_push(w, l, utf8_is_ascii(l.prefix) && utf8_is_ascii(l.suffix));
}

void window_restore(struct window *w, struct unpack *u)
{
	window_clear(w);
	for (uint32_t n = unpack_count(u, w->max > 1 ? w->max : 0); n > 0 && !u->bad; n--)
		restore_row(w, u);
}
