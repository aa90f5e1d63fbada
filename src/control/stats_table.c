/*
 * The table of `stats`; see beautify.h.  The terminal is taken to know UTF-8.
 */
#include "control/beautify.h"

static bool is_counts(const struct value *v)
{
	return value_is_sequence(v) && v->n == 3 && value_is_pair(v->items[1]) &&
	       value_is_pair(v->items[2]);
}

/* Characters, not bytes. */
static size_t width(str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

enum { STATS_COLUMNS = 6 };

static void add_times(struct buf *out, const char *z, size_t times)
{
	while (times--)
		buf_add_z(out, z);
}

static void add_cell(struct buf *out, str s, size_t room, bool right)
{
	size_t pad = room > width(s) ? room - width(s) : 0;

	if (right)
		add_times(out, " ", pad);
	buf_add_str(out, s);
	if (!right)
		add_times(out, " ", pad);
}

static void add_rule(struct buf *out, const size_t *w, const char *cross)
{
	const size_t parts[] = { w[0] + 2, w[1] + 2, w[2] + w[3] + 5, w[4] + w[5] + 5 };

	for (size_t i = 0; i < 4; i++) {
		if (i)
			buf_add_z(out, cross);
		add_times(out, "═", parts[i]);
	}
}

static void add_row(struct buf *out, const str *cell, const size_t *w, bool numbers)
{
	static const char *const before[STATS_COLUMNS] = { " ", " ║ ", " ║ ", " │ ", " ║ ", " │ " };

	for (size_t i = 0; i < STATS_COLUMNS; i++) {
		buf_add_z(out, before[i]);
		add_cell(out, cell[i], w[i], numbers && i > 1);
	}
}

static void add_stats_head(struct buf *out, const size_t *w)
{
	const str titles[] = { STR("cur"), STR("tot"), STR("cur"), STR("tot") };

	for (int line = 0; line < 3; line++) {
		buf_add_char(out, ' ');
		add_cell(out, line == 1 ? STR("Jail") : STR(""), w[0], false);
		buf_add_z(out, " ║ ");
		add_cell(out, line == 1 ? STR("Backend") : STR(""), w[1], false);
		if (line == 1) {
			buf_add_z(out, " ╟");
			add_times(out, "─", w[2] + w[3] + 5);
			buf_add_z(out, "╫");
			add_times(out, "─", w[4] + w[5] + 5);
		}
		for (size_t i = 2; line == 0 && i < STATS_COLUMNS; i += 2) {
			buf_add_z(out, " ║ ");
			add_cell(out, i == 2 ? STR("Filter") : STR("Actions"), w[i] + w[i + 1] + 3,
				 false);
		}
		for (size_t i = 2; line == 2 && i < STATS_COLUMNS; i++) {
			buf_add_z(out, i % 2 ? " │ " : " ║ ");
			add_cell(out, titles[i - 2], w[i], true);
		}
		buf_add_char(out, '\n');
	}
}

/* Texts of the cells of one jail. */
static void stats_cells(struct arena *a, const struct value *name, const struct value *counts,
			str *cell)
{
	const struct value *const v[STATS_COLUMNS] = {
		name,
		counts->items[0],
		counts->items[1]->items[0],
		counts->items[1]->items[1],
		counts->items[2]->items[0],
		counts->items[2]->items[1],
	};
	struct buf text _buf_free_ = { 0 };

	for (size_t i = 0; i < STATS_COLUMNS; i++) {
		buf_clear(&text);
		beautify_line(&text, v[i]);
		cell[i] = arena_str(a, buf_str(&text));
	}
}

/* A dict of jail to [backend, (failed now, all), (banned now, all)]. */
bool print_stats(const struct reply *r, const char *text, const char *none)
{
	size_t w[STATS_COLUMNS] = { 8, 8, 3, 3, 3, 3 }, n = r->value->n / 2;
	struct arena *a;
	str *cells;

	if (r->value->type != VALUE_DICT)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_counts(r->value->items[2 * i + 1]))
			return false;
	if (n == 0) {
		buf_add_z(r->out, "No jails found.");
		return true;
	}
	a = arena_new();
	cells = arena_alloc(a, n * STATS_COLUMNS * sizeof *cells);
	for (size_t i = 0; i < n; i++) {
		str *cell = cells + i * STATS_COLUMNS;

		stats_cells(a, r->value->items[2 * i], r->value->items[2 * i + 1], cell);
		for (size_t k = 0; k < STATS_COLUMNS; k++)
			if (width(cell[k]) > w[k])
				w[k] = width(cell[k]);
	}
	add_stats_head(r->out, w);
	add_rule(r->out, w, "╬");
	for (size_t i = 0; i < n; i++) {
		buf_add_char(r->out, '\n');
		add_row(r->out, cells + i * STATS_COLUMNS, w, true);
	}
	buf_add_char(r->out, '\n');
	add_rule(r->out, w, "╩");
	arena_free(a);
	return true;
}
