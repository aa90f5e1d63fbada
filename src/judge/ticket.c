/*
 * Tickets in memory: making, growing within their bounds, copying; see ticket.h.  Every byte of a
 * line, a field or a text id comes from a log and is hostile; nothing here interprets it.  Called
 * by the judge, the ban table, the store and whoever passes tickets on.
 */
#include "judge/ticket.h"

#include <assert.h>
#include <math.h>

#include "base/utf8.h"
#include "base/value.h"
#include "judge/ticket_cost.h"

static str owned(str s)
{
	return str_mem(str_dup(s), s.n);
}

static void disown(str s)
{
	free((char *)(uintptr_t)s.p);
}

struct ticket *ticket_new(const struct fid *id, double time)
{
	struct ticket *t = xcalloc(1, sizeof *t);

	t->id.ip = id->ip;
	if (!id->ip.family)
		t->id.text = owned(str_head(id->text, FID_TEXT_MAX));
	t->first = t->time = time;
	t->bantime = TICKET_JAIL_BANTIME;
	return t;
}

void ticket_free(struct ticket *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < t->n_lines; i++)
		free(t->lines[i]);
	free(t->lines);
	for (unsigned i = 0; i < t->n_fields; i++) {
		disown(t->fields[i].name);
		disown(t->fields[i].value);
	}
	free(t->fields);
	disown(t->users);
	disown(t->id.text);
	free(t);
}

static size_t field_bytes(const struct ticket *t)
{
	size_t n = t->users.n;

	for (unsigned i = 0; i < t->n_fields; i++)
		n += TICKET_FIELD_HEAD + t->fields[i].name.n + t->fields[i].value.n;
	return n;
}

static size_t line_bytes(const struct ticket *t)
{
	size_t n = 0;

	for (unsigned i = 0; i < t->n_lines; i++)
		n += TICKET_LINE_HEAD + t->lines[i]->n;
	return n;
}

size_t ticket_bytes(const struct ticket *t)
{
	return field_bytes(t) + line_bytes(t);
}

static void drop_oldest_lines(struct ticket *t, unsigned n)
{
	if (n == 0)
		return;
	for (unsigned i = 0; i < n; i++)
		free(t->lines[i]);
	t->n_lines -= n;
	memmove(t->lines, t->lines + n, t->n_lines * sizeof(*t->lines));
}

/* The most of `s` that fits without breaking a character. */
static str cut_text(str s, size_t n)
{
	if (s.n <= n)
		return s;
	for (size_t back = 0; back < 4 && back <= n; back++) {
		str rest = str_from(s, n - back);

		if (utf8_len(rest)) /* a character starts here: whole ones stand before it */
			return str_head(s, n - back);
	}
	return str_head(s, n);
}

static struct ticket_line *line_new(const struct match_line *line)
{
	str prefix = cut_text(line->prefix, TICKET_LINE_BYTES - TICKET_LINE_HEAD);
	str date = cut_text(line->date, TICKET_LINE_BYTES - TICKET_LINE_HEAD - prefix.n);
	str suffix =
		cut_text(line->suffix, TICKET_LINE_BYTES - TICKET_LINE_HEAD - prefix.n - date.n);
	struct ticket_line *new;
	char *at;

	new = xrealloc(NULL, sizeof *new + prefix.n + date.n + suffix.n);
	new->prefix = (uint32_t)prefix.n;
	new->date = (uint32_t)date.n;
	new->n = (uint32_t)(prefix.n + date.n + suffix.n);
	at = new->text;
	if (prefix.n)
		at = mempcpy(at, prefix.p, prefix.n);
	if (date.n)
		at = mempcpy(at, date.p, date.n);
	if (suffix.n)
		memcpy(at, suffix.p, suffix.n);
	return new;
}

/* Makes room: fewer than `max` lines, and `bytes` free. */
static void make_room(struct ticket *t, unsigned max, size_t bytes)
{
	size_t used = line_bytes(t);
	unsigned n = t->n_lines > max ? t->n_lines - max : 0;

	for (unsigned i = 0; i < n; i++)
		used -= TICKET_LINE_HEAD + t->lines[i]->n;
	while (n < t->n_lines && used + bytes > TICKET_LINE_BYTES)
		used -= TICKET_LINE_HEAD + t->lines[n++]->n;
	drop_oldest_lines(t, n);
}

void ticket_add_line(struct ticket *t, const struct match_line *line, int maxmatches)
{
	unsigned max = maxmatches > TICKET_LINES_MAX ? TICKET_LINES_MAX
		       : maxmatches > 0              ? (unsigned)maxmatches
						     : 0;
	struct ticket_line *new;

	if (max == 0) {
		drop_oldest_lines(t, t->n_lines);
		return;
	}
	new = line_new(line);
	make_room(t, max - 1, TICKET_LINE_HEAD + new->n);
	t->lines = xreallocarray(t->lines, t->n_lines + 1, sizeof(*t->lines));
	t->lines[t->n_lines++] = new;
}

void ticket_add_lines(struct ticket *t, const struct match *m, int maxmatches)
{
	for (unsigned i = 0; i < m->n_lines; i++)
		ticket_add_line(t, &m->lines[i], maxmatches);
}

static void drop_last_field(struct ticket *t)
{
	struct match_field *last = &t->fields[--t->n_fields];

	disown(last->name);
	disown(last->value);
}

void ticket_add_field(struct ticket *t, str name, str value)
{
	size_t had = 0;
	unsigned at = 0;

	while (at < t->n_fields && !str_eq(t->fields[at].name, name))
		at++;
	if (at < t->n_fields)
		had = TICKET_FIELD_HEAD + name.n + t->fields[at].value.n;
	else if (at == TICKET_FIELDS_MAX)
		return;
	/* each alone first, so that the sum cannot wrap */
	if (name.n > TICKET_FIELD_BYTES || value.n > TICKET_FIELD_BYTES ||
	    field_bytes(t) - had + TICKET_FIELD_HEAD + name.n + value.n > TICKET_FIELD_BYTES)
		return;
	if (at < t->n_fields) {
		str old = t->fields[at].value;

		t->fields[at].value = owned(value);
		disown(old);
		return;
	}
	t->fields = xreallocarray(t->fields, t->n_fields + 1, sizeof(*t->fields));
	t->fields[t->n_fields++] =
		(struct match_field){ .name = owned(name), .value = owned(value) };
}

void ticket_set_users(struct ticket *t, str repr)
{
	str old = t->users;

	if (repr.n > TICKET_FIELD_BYTES || field_bytes(t) - old.n + repr.n > TICKET_FIELD_BYTES)
		return;
	t->users = repr.n ? owned(repr) : STR_NULL;
	disown(old);
}

/* Python's repr of the list, without the users that do not fit. */
static void set_user_list(struct ticket *t, const str *users, unsigned n)
{
	size_t room = TICKET_FIELD_BYTES - field_bytes(t);
	_buf_free_ struct buf b = { 0 };

	buf_add_char(&b, '[');
	for (unsigned i = 0; i < n; i++) {
		size_t before = b.n;

		if (users[i].n > TICKET_FIELD_BYTES)
			continue;
		if (before > 1)
			buf_add_z(&b, ", ");
		value_add_str_repr(&b, users[i]);
		if (b.n + 1 > room)
			b.n = before;
	}
	buf_add_char(&b, ']');
	if (b.n > 2)
		ticket_set_users(t, buf_str(&b));
}

struct ticket *ticket_from_match(const struct match *m, int maxmatches)
{
	struct ticket *t = ticket_new(&m->id, m->time);

	t->retry = t->failures = 1;
	for (unsigned i = 0; i < m->n_fields; i++)
		ticket_add_field(t, m->fields[i].name, m->fields[i].value);
	if (m->n_users)
		set_user_list(t, m->users, m->n_users);
	ticket_add_lines(t, m, maxmatches);
	return t;
}

struct ticket *ticket_copy(const struct ticket *t)
{
	struct ticket *copy = xmemdup(t, sizeof *t);

	if (t->id.text.p)
		copy->id.text = owned(t->id.text);
	if (t->users.p)
		copy->users = owned(t->users);
	copy->lines = NULL;
	copy->fields = NULL;
	if (t->n_lines)
		copy->lines = xreallocarray(NULL, t->n_lines, sizeof(*copy->lines));
	for (unsigned i = 0; i < t->n_lines; i++)
		copy->lines[i] = xmemdup(t->lines[i], sizeof **t->lines + t->lines[i]->n);
	if (t->n_fields)
		copy->fields = xreallocarray(NULL, t->n_fields, sizeof(*copy->fields));
	for (unsigned i = 0; i < t->n_fields; i++)
		copy->fields[i] = (struct match_field){ .name = owned(t->fields[i].name),
							.value = owned(t->fields[i].value) };
	return copy;
}

str ticket_field(const struct ticket *t, str name)
{
	for (unsigned i = 0; i < t->n_fields; i++)
		if (str_eq(t->fields[i].name, name))
			return t->fields[i].value;
	return STR_NULL;
}

struct match_line ticket_line_parts(const struct ticket_line *line)
{
	str text = ticket_line_text(line);

	return (struct match_line){
		.prefix = str_head(text, line->prefix),
		.date = str_head(str_from(text, line->prefix), line->date),
		.suffix = str_from(text, (size_t)line->prefix + line->date),
	};
}

double ticket_end(const struct ticket *t, int64_t jail_bantime)
{
	int64_t bantime = t->bantime == TICKET_JAIL_BANTIME ? jail_bantime : t->bantime;

	return bantime == -1 ? INFINITY : t->time + (double)bantime;
}

void ticket_limit(struct ticket *t, size_t bytes)
{
	size_t fields = field_bytes(t), used = line_bytes(t), room;
	unsigned n = 0;

	room = bytes > fields ? bytes - fields : 0;
	while (n + 1 < t->n_lines && used > room)
		used -= TICKET_LINE_HEAD + t->lines[n++]->n;
	drop_oldest_lines(t, n);
	if (used > room && room <= TICKET_LINE_HEAD) {
		drop_oldest_lines(t, t->n_lines);
	} else if (used > room) {
		struct match_line last = ticket_line_parts(t->lines[0]);
		str text = cut_text(ticket_line_text(t->lines[0]), room - TICKET_LINE_HEAD);
		struct ticket_line *cut;

		last.prefix = str_head(text, last.prefix.n);
		last.date = str_head(str_from(text, last.prefix.n), last.date.n);
		last.suffix = str_from(text, last.prefix.n + last.date.n);
		cut = line_new(&last);
		free(t->lines[0]);
		t->lines[0] = cut;
	}
	while (t->n_fields && field_bytes(t) > bytes)
		drop_last_field(t);
	if (t->users.n > bytes)
		ticket_set_users(t, STR_NULL);
}
