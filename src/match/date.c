/*
 * The date detector; see date.h.  Which template wins, and how winners rise in the order, follows
 * Fail2ban, because for dates like 01-02-2005 the order decides what they mean.  One difference:
 * Fail2ban counts matches of the built-in templates over all jails of the process, this detector
 * only its own, so that a filter's verdicts depend on nothing but its own lines.
 */
#include "match/date.h"

#include <errno.h>
#include <math.h>

#include "base/arena.h"
#include "base/pack.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "match/zone.h"

enum {
	UNUSED_AGE = 300,       /* a template that did not win for so long gives way */
	FIRST_LAST_YEAR = 2029, /* %ExY takes 2000..2029 at least */
	YEARS_AHEAD = 3,
	EDGE_MAX = 4, /* bytes of one character */
};

#define NEVER SIZE_MAX /* distance of a template that has not won yet */

/* A character beside or at the edge of a match; n 0: the line ends there. */
struct edge {
	unsigned char n;
	char bytes[EDGE_MAX];
};

struct entry {
	unsigned template; /* index in templates */
	uint64_t hits;     /* won */
	uint64_t matches;  /* matched, won or not */
	double last_used;
	size_t distance; /* characters before its latest match */
};

struct date {
	struct arena *arena;
	struct date_templates templates;
	struct entry *entries; /* in order of trial */
	size_t *matched;       /* entries that matched in the latest date_find() */
	size_t n_matched;
	struct date_clock clock;
	bool builtin;
	size_t last; /* index of the latest winner in entries; n: none yet */
	size_t first_unused;
	size_t last_start, last_end; /* of its match, in characters */
	struct edge before, first, final, after;
	double years_until; /* when last_year is to be raised */
};

static double year_start(int year)
{
	struct tm tm = { .tm_year = year - 1900, .tm_mday = 1 };

	return (double)timegm(&tm);
}

/* Makes %ExY take what is three years ahead of now, in whole decades.  Rare: not to be inlined. */
static __attribute__((noinline)) void follow_years(struct date *d, double now)
{
	struct err ignored;
	int last = d->templates.last_year;

	while (last < 2099 && now >= year_start(last + 1 - YEARS_AHEAD))
		last += 10;
	d->years_until = last < 2099 ? year_start(last + 1 - YEARS_AHEAD) : INFINITY;
	if (last != d->templates.last_year &&
	    date_templates_set_year(&d->templates, last, &ignored) < 0)
		d->years_until = INFINITY;
}

int date_new(const str *patterns, unsigned n, str zone, struct date **out, struct err *err)
{
	struct date *d = xcalloc(1, sizeof *d);
	int r = 0;

	d->arena = arena_new();
	d->templates.arena = d->arena;
	d->templates.last_year = FIRST_LAST_YEAR;
	d->builtin = true;
	d->years_until = year_start(FIRST_LAST_YEAR + 1 - YEARS_AHEAD);
	if (zone.n) {
		d->clock.fixed_zone = true;
		if (zone_parse(zone, &d->clock.zone_minutes) < 0)
			r = err_set(err, -EINVAL, "Unknown or unsupported time zone: '%.*s'",
				    STR_ARG(zone));
	}
	for (unsigned i = 0; i < n && r == 0; i++)
		if (patterns[i].n)
			r = date_templates_add(&d->templates, patterns[i], err);
	if (r == 0 && d->templates.n == 0)
		r = date_templates_add_default(&d->templates, err);
	if (r < 0) {
		date_free(d);
		return r;
	}
	for (unsigned i = 0; i < n; i++)
		d->builtin = d->builtin && date_templates_are_builtin(patterns[i]);
	d->entries = xcalloc(d->templates.n, sizeof *d->entries);
	for (unsigned i = 0; i < d->templates.n; i++)
		d->entries[i] = (struct entry){ .template = i, .distance = NEVER };
	d->matched = xcalloc(d->templates.n + 1, sizeof *d->matched); /* the last may match twice */
	d->last = d->templates.n;
	*out = d;
	return 0;
}

void date_free(struct date *d)
{
	if (!d)
		return;
	date_templates_done(&d->templates);
	arena_free(d->arena);
	free(d->entries);
	free(d->matched);
	free(d);
}

static const struct date_template *template_of(const struct date *d, size_t at)
{
	return &d->templates.items[d->entries[at].template];
}

/* Characters of the first n bytes. */
static size_t chars_of(str line, bool ascii, size_t n)
{
	size_t chars = 0;

	if (ascii)
		return n;
	for (size_t i = 0; i < n; i++)
		chars += ((unsigned char)line.p[i] & 0xc0) != 0x80;
	return chars;
}

/* Where a character begins; the end of the line if there are fewer. */
static size_t byte_of(str line, bool ascii, size_t chars)
{
	size_t i = 0;

	if (ascii)
		return chars < line.n ? chars : line.n;
	for (; i < line.n; i++)
		if (((unsigned char)line.p[i] & 0xc0) != 0x80 && chars-- == 0)
			break;
	return i;
}

static struct edge char_after(str line, size_t at)
{
	struct edge e = { 0 };
	size_t n = utf8_len(str_from(line, at));

	if (n)
		memcpy(e.bytes, line.p + at, n);
	e.n = (unsigned char)n;
	return e;
}

static struct edge char_before(str line, size_t at)
{
	size_t start = at;

	while (start > 0 && at - start < EDGE_MAX) {
		start--;
		if (((unsigned char)line.p[start] & 0xc0) != 0x80)
			break;
	}
	return start == at ? (struct edge){ 0 } : char_after(str_head(line, at), start);
}

static bool edge_eq(const struct edge *a, const struct edge *b)
{
	return a->n == b->n && memcmp(a->bytes, b->bytes, a->n) == 0;
}

/* Python's isalnum(), taking every character outside of ASCII for a letter. */
static bool edge_is_word(const struct edge *e)
{
	char c = e->bytes[0];

	return e->n > 1 || (e->n == 1 && ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
					  (c >= 'A' && c <= 'Z')));
}

struct look {
	struct date *d;
	struct regex_space *space;
	str line;
	bool ascii;
};

/* Searches one template; fills the hit's place. */
static bool try(const struct look *l, size_t at, str line, size_t from, struct date_hit *hit)
{
	const struct date_template *t = template_of(l->d, at);
	size_t start, end;

	if (regex_search(t->regex, l->space, line, l->ascii, from) != REGEX_MATCH)
		return false;
	l->d->matched[l->d->n_matched++] = at;
	*hit = (struct date_hit){ .at = at };
	if (!regex_span(t->regex, 0, &hit->match_start, &hit->match_end))
		return false;
	hit->start_chars = chars_of(line, l->ascii, hit->match_start);
	hit->end_chars = chars_of(line, l->ascii, hit->match_end);
	if (regex_span(t->regex, 1, &start, &end)) {
		hit->start = start;
		hit->end = end;
	} else { /* a group of the pattern's own that took no part */
		hit->start = hit->end = 0;
	}
	hit->empty = hit->start == hit->end;
	return true;
}

/* Does the line look the same around the place of the latest match? */
static bool same_place(const struct date *d, str line, size_t start, size_t end)
{
	struct edge before = char_before(line, start), first = char_after(line, start);
	struct edge final = char_before(line, end), after = char_after(line, end);

	return (edge_eq(&before, &d->before) ||
		(edge_eq(&first, &d->first) && !edge_is_word(&first))) &&
	       (edge_eq(&after, &d->after) ||
		(edge_eq(&final, &d->final) && !edge_is_word(&final)));
}

enum first_try {
	FIRST_NOTHING,
	FIRST_WINNER,
	FIRST_CANDIDATE, /* matched elsewhere: others may be better */
};

/* The latest winner comes first, if possible in the same place only. */
static enum first_try try_last(const struct look *l, struct date_hit *hit, size_t *skip)
{
	struct date *d = l->d;
	bool anchored = template_of(d, d->last)->anchored;
	size_t start, end;
	bool found;

	start = byte_of(l->line, l->ascii, d->last_start);
	end = byte_of(l->line, l->ascii, d->last_end);
	if (!anchored && start <= end && same_place(d, l->line, start, end)) {
		found = try(l, d->last, str_head(l->line, end), start, hit);
	} else {
		found = try(l, d->last, l->line, 0, hit);
		*skip = d->last;
	}
	if (!found)
		return FIRST_NOTHING;
	if (d->templates.n == 1 || anchored ||
	    (hit->start_chars == d->last_start && hit->end_chars == d->last_end))
		return FIRST_WINNER;
	return FIRST_CANDIDATE;
}

/* Is this match good enough to stop, or may one of a later template be better? */
static bool is_winner(const struct date *d, const struct date_hit *hit)
{
	const struct entry *e = &d->entries[hit->at];

	if (hit->at + 1 >= d->templates.n || template_of(d, hit->at)->anchored)
		return true;
	if (hit->start_chars == 0 && e->hits && !d->entries[hit->at + 1].matches)
		return true;
	return hit->start_chars <= e->distance && hit->start_chars <= d->last_start;
}

static bool search_all(const struct look *l, bool candidate, size_t skip, struct date_hit *hit)
{
	for (size_t i = 0; i < l->d->templates.n; i++) {
		struct date_hit next;

		if (i == skip || !try(l, i, l->line, 0, &next))
			continue;
		if (is_winner(l->d, &next)) {
			*hit = next;
			return true;
		}
		if (!candidate || next.start_chars < hit->start_chars) {
			*hit = next;
			candidate = true;
		}
	}
	return candidate;
}

bool date_find(struct date *d, struct regex_space *space, str line, bool ascii, double now,
	       struct date_hit *hit)
{
	struct look l = { .d = d, .space = space, .line = line, .ascii = ascii };
	enum first_try first = FIRST_NOTHING;
	size_t skip = d->templates.n;

	d->n_matched = 0;
	if (now >= d->years_until)
		follow_years(d, now);
	if (d->last < d->templates.n)
		first = try_last(&l, hit, &skip);
	if (first != FIRST_WINNER && !search_all(&l, first == FIRST_CANDIDATE, skip, hit))
		return false;
	hit->result = DATE_NONE;
	if (!hit->empty)
		hit->result = date_value(template_of(d, hit->at), line, now, &d->clock, &hit->when);
	return true;
}

static double weight_of(const struct date *d, const struct entry *e)
{
	return (double)e->hits * d->templates.items[e->template].weight /
	       (double)(e->distance ? e->distance : 1);
}

static bool gives_way(const struct date *d, const struct entry *target, const struct entry *e)
{
	return weight_of(d, e) > weight_of(d, target) ||
	       target->last_used < e->last_used - UNUSED_AGE;
}

/* Lets the winner at `at` rise; returns its new place. */
static size_t bubble(struct date *d, size_t at)
{
	size_t to = d->first_unused < at ? d->first_unused : at / 2;
	struct entry e = d->entries[at];

	if (!gives_way(d, &d->entries[to], &e)) {
		to = at - 1;
		if (!gives_way(d, &d->entries[to], &e))
			return at;
	}
	memmove(&d->entries[to + 1], &d->entries[to], (at - to) * sizeof *d->entries);
	d->entries[to] = e;
	return to;
}

void date_learn(struct date *d, str line, const struct date_hit *hit, double now)
{
	struct entry *e = &d->entries[hit->at];
	size_t at = hit->at;

	for (size_t i = 0; i < d->n_matched; i++)
		d->entries[d->matched[i]].matches++;
	e->hits++;
	e->distance = hit->start_chars;
	e->last_used = now;
	d->last_start = hit->start_chars;
	d->last_end = hit->end_chars;
	d->before = char_before(line, hit->match_start);
	d->first = char_after(line, hit->match_start);
	d->final = char_before(line, hit->match_end);
	d->after = char_after(line, hit->match_end);
	if (d->first_unused == at)
		d->first_unused++;
	if (at != 0 && at != d->last) {
		at = bubble(d, at);
		if (d->first_unused == at)
			d->first_unused++;
	}
	d->last = at;
}

bool date_is_builtin(const struct date *d)
{
	return d->builtin;
}

size_t date_count(const struct date *d)
{
	return d->templates.n;
}

str date_name(const struct date *d, size_t i, uint64_t *hits)
{
	*hits = d->entries[i].hits;
	return template_of(d, i)->name;
}

/* Saved state is only good for the same list of templates. */
static uint64_t signature(const struct date *d)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a: must be the same in the next process */

	for (size_t i = 0; i < d->templates.n; i++) {
		str s = d->templates.items[i].source;

		for (size_t k = 0; k <= s.n; k++)
			h = (h ^ (k < s.n ? (unsigned char)s.p[k] : 0xff)) * 1099511628211u;
	}
	return h;
}

static void save_edge(struct buf *out, const struct edge *e)
{
	pack_str(out, str_mem(e->bytes, e->n));
}

static struct edge restore_edge(struct unpack *u)
{
	str s = unpack_str(u, EDGE_MAX);
	struct edge e = { .n = (unsigned char)s.n };

	memcpy(e.bytes, s.p, s.n);
	return e;
}

void date_save(const struct date *d, struct buf *out)
{
	pack_u64(out, signature(d));
	pack_u32(out, (uint32_t)d->last);
	pack_u32(out, (uint32_t)d->first_unused);
	pack_u64(out, d->last_start);
	pack_u64(out, d->last_end);
	save_edge(out, &d->before);
	save_edge(out, &d->first);
	save_edge(out, &d->final);
	save_edge(out, &d->after);
	for (size_t i = 0; i < d->templates.n; i++) {
		const struct entry *e = &d->entries[i];

		pack_u32(out, e->template);
		pack_u64(out, e->hits);
		pack_u64(out, e->matches);
		pack_f64(out, e->last_used);
		pack_u64(out, e->distance);
	}
}

/* The entries must be a permutation of the templates. */
static void restore_entries(struct unpack *u, struct entry *entries, uint32_t n)
{
	for (unsigned i = 0; i < n; i++) {
		struct entry *e = &entries[i];

		e->template = unpack_count(u, n - 1);
		e->hits = unpack_u64(u);
		e->matches = unpack_u64(u);
		e->last_used = unpack_f64(u);
		e->distance = (size_t)unpack_u64(u);
		for (unsigned k = 0; k < i; k++)
			if (entries[k].template == e->template)
				u->bad = true;
	}
}

int date_restore(struct date *d, str saved)
{
	struct unpack u = { .in = saved };
	uint32_t n = (uint32_t)d->templates.n;
	_free_ struct entry *entries = xcalloc(n, sizeof *entries);
	struct date fresh = *d;

	if (unpack_u64(&u) != signature(d))
		return -EINVAL;
	fresh.last = unpack_count(&u, n);
	fresh.first_unused = unpack_count(&u, n);
	fresh.last_start = (size_t)unpack_u64(&u);
	fresh.last_end = (size_t)unpack_u64(&u);
	fresh.before = restore_edge(&u);
	fresh.first = restore_edge(&u);
	fresh.final = restore_edge(&u);
	fresh.after = restore_edge(&u);
	restore_entries(&u, entries, n);
	if (!unpack_done(&u))
		return -EINVAL;
	memcpy(d->entries, entries, n * sizeof *entries);
	*d = fresh;
	return 0;
}
