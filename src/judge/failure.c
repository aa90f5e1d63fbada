/*
 * Failure counters; see failure.h.  Ids are chosen by attackers: the hash is keyed, the table has
 * a maximum, and a flood of new ids costs the oldest counters, never the process.  Called by the
 * engine, by replay and by the tests.
 */
#include "judge/failure.h"

#include <assert.h>
#include <math.h>

#include "base/heap.h"
#include "base/table.h"

/* The ticket comes first: an entry is handed out, and freed, as the ticket it begins with. */
struct entry {
	struct ticket t;
	struct heap_item due; /* last failure, in microseconds */
	struct entry *next;   /* in the bucket */
	uint32_t changed_at;  /* index in `changed`, + 1 */
	bool stored;          /* it is in the database */
	bool told;            /* it is in the transaction that was told last */
	bool changed_since;   /* and has changed after that */
};
static_assert(offsetof(struct entry, t) == 0, "an entry is freed as its ticket");

struct gone {
	struct fid id; /* text owned */
	bool in_doubt; /* in the database only if the transaction that was told last goes through */
};

struct failures {
	struct entry **buckets; /* power of two */
	size_t n_buckets, n, max;
	struct heap by_time;
	size_t bytes; /* lines and fields of all tickets */

	struct entry **changed;
	size_t n_changed, changed_room;
	struct gone *gone; /* the first n_gone_told are in the transaction that was told last */
	size_t n_gone, n_gone_told, gone_room;

	uint64_t total, evicted;
};

struct failures *failures_new(size_t max_ids)
{
	struct failures *f = xcalloc(1, sizeof *f);

	assert(max_ids > 0 && max_ids < UINT32_MAX);
	f->max = max_ids;
	f->n_buckets = 16;
	f->buckets = xcalloc(f->n_buckets, sizeof(*f->buckets));
	return f;
}

static struct entry **bucket_of(const struct failures *f, const struct fid *id)
{
	char room[FID_TEXT_MAX + 1];
	str key = fid_key(id, room);

	return &f->buckets[table_hash(key.p, key.n) & (f->n_buckets - 1)];
}

/* The link that points at the id's entry, or the NULL at the end of its bucket. */
static struct entry **link_of(const struct failures *f, const struct fid *id)
{
	struct entry **link = bucket_of(f, id);
	struct fid kept = *id;

	kept.text = str_head(id->text, FID_TEXT_MAX); /* as ticket_new() keeps it */
	while (*link && !fid_eq(&(*link)->t.id, &kept))
		link = &(*link)->next;
	return link;
}

static void grow(struct failures *f)
{
	struct entry **old = f->buckets;
	size_t n_old = f->n_buckets;

	f->n_buckets *= 2;
	f->buckets = xcalloc(f->n_buckets, sizeof(*f->buckets));
	for (size_t i = 0; i < n_old; i++) {
		struct entry *e = old[i], *next;

		for (; e; e = next) {
			struct entry **bucket = bucket_of(f, &e->t.id);

			next = e->next;
			e->next = *bucket;
			*bucket = e;
		}
	}
	free(old);
}

static int64_t micros(double time)
{
	if (!(time > -1e12)) /* also NaN */
		return INT64_MIN;
	return time < 1e12 ? (int64_t)floor(time * 1e6) : INT64_MAX;
}

static void mark_changed(struct failures *f, struct entry *e)
{
	e->changed_since = true;
	if (e->changed_at)
		return;
	if (f->n_changed == f->changed_room) {
		f->changed_room = f->changed_room ? f->changed_room * 2 : 16;
		f->changed = xreallocarray(f->changed, f->changed_room, sizeof(*f->changed));
	}
	f->changed[f->n_changed++] = e;
	e->changed_at = (uint32_t)f->n_changed;
}

static void unmark_changed(struct failures *f, struct entry *e)
{
	struct entry *last;

	if (!e->changed_at)
		return;
	last = f->changed[--f->n_changed];
	f->changed[e->changed_at - 1] = last;
	last->changed_at = e->changed_at;
	e->changed_at = 0;
}

/*
 * Only ids that are stored, or may be, are told as gone: at most one table of each between two
 * transactions, however many fail (see forget_doubtful).
 */
static void mark_gone(struct failures *f, const struct fid *id, bool in_doubt)
{
	struct fid copy = *id;

	if (!id->ip.family)
		copy.text = str_mem(str_dup(id->text), id->text.n);
	if (f->n_gone == f->gone_room) {
		f->gone_room = f->gone_room ? f->gone_room * 2 : 16;
		f->gone = xreallocarray(f->gone, f->gone_room, sizeof(*f->gone));
	}
	f->gone[f->n_gone++] = (struct gone){ .id = copy, .in_doubt = in_doubt };
}

static void free_gone(struct gone *g)
{
	if (!g->id.ip.family)
		free((char *)(uintptr_t)g->id.text.p);
}

/* The transaction told last did not go through: what only it knew is not in the database. */
static void forget_doubtful(struct failures *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_gone; i++) {
		if (f->gone[i].in_doubt)
			free_gone(&f->gone[i]);
		else
			f->gone[n++] = f->gone[i];
	}
	f->n_gone = n;
}

static struct ticket *unlink_entry(struct failures *f, struct entry **link)
{
	struct entry *e = *link;

	assert(e);
	*link = e->next;
	heap_del(&f->by_time, &e->due);
	unmark_changed(f, e);
	if (e->stored || e->told)
		mark_gone(f, &e->t.id, !e->stored);
	f->bytes -= ticket_bytes(&e->t);
	f->n--;
	return &e->t;
}

static struct entry *oldest(const struct failures *f)
{
	struct heap_item *item = heap_first(&f->by_time);

	return item ? heap_entry(item, struct entry, due) : NULL;
}

static void drop(struct failures *f, struct entry *e)
{
	ticket_free(unlink_entry(f, link_of(f, &e->t.id)));
}

/* Makes the ticket an entry and the newest of its bucket. The id is not in the table. */
static struct entry *insert(struct failures *f, struct ticket *t)
{
	struct entry *e, **bucket;

	if (f->n == f->max) {
		drop(f, oldest(f));
		f->evicted++;
	}
	if (f->n == f->n_buckets)
		grow(f);
	e = xrealloc(t, sizeof *e);
	memset((char *)e + sizeof e->t, 0, sizeof *e - sizeof e->t);
	bucket = bucket_of(f, &e->t.id);
	e->next = *bucket;
	*bucket = e;
	e->due.due = micros(e->t.time);
	heap_put(&f->by_time, &e->due);
	f->n++;
	f->bytes += ticket_bytes(&e->t);
	return e;
}

static void keep_bounds(struct failures *f, struct entry *e)
{
	if (f->bytes <= f->max * FAILURES_BYTES_PER_ID)
		return;
	f->bytes -= ticket_bytes(&e->t);
	ticket_limit(&e->t, FAILURES_BYTES_PER_ID);
	f->bytes += ticket_bytes(&e->t);
}

static void add_saturating(unsigned *to, unsigned n)
{
	if (__builtin_add_overflow(*to, n, to))
		*to = UINT32_MAX;
}

/*
 * Fail2ban's counting: no list of times but an estimate of the rate, scaled down to one findtime
 * when the window is left; halves round to even, as Python's round() does.
 */
static void count_at(struct ticket *t, double time, int64_t findtime)
{
	double start = time - (double)findtime;

	if (time > t->time) {
		if (t->first < start) {
			t->retry = (unsigned)rint(t->retry / (time - t->first) * (double)findtime);
			t->first = start;
		}
		t->time = time;
	}
	add_saturating(&t->retry, 1);
	add_saturating(&t->failures, 1);
}

const struct ticket *failures_add(struct failures *f, const struct match *m, int64_t findtime,
				  int maxmatches)
{
	struct entry *e = *link_of(f, &m->id);

	f->total++;
	if (e) {
		count_at(&e->t, m->time, findtime);
		f->bytes -= ticket_bytes(&e->t);
		ticket_add_lines(&e->t, m, maxmatches);
		f->bytes += ticket_bytes(&e->t);
		e->due.due = micros(e->t.time);
		heap_put(&f->by_time, &e->due);
	} else {
		e = insert(f, ticket_from_match(m, maxmatches));
	}
	keep_bounds(f, e);
	mark_changed(f, e);
	return &e->t;
}

const struct ticket *failures_boost(struct failures *f, const struct fid *id, unsigned count)
{
	struct entry *e = *link_of(f, id);

	if (!e)
		return NULL;
	f->total++;
	add_saturating(&e->t.retry, count);
	add_saturating(&e->t.failures, 1);
	mark_changed(f, e);
	return &e->t;
}

void failures_put(struct failures *f, struct ticket *t)
{
	struct entry **link = link_of(f, &t->id), *e;
	bool replaced = *link;

	if (replaced)
		ticket_free(unlink_entry(f, link));
	e = insert(f, t);
	e->stored = true;
	keep_bounds(f, e);
	if (replaced) /* the other one will be told as gone */
		mark_changed(f, e);
}

struct ticket *failures_take(struct failures *f, const struct fid *id)
{
	struct entry **link = link_of(f, id);

	return *link ? unlink_entry(f, link) : NULL;
}

const struct ticket *failures_find(const struct failures *f, const struct fid *id)
{
	struct entry *e = *link_of(f, id);

	return e ? &e->t : NULL;
}

size_t failures_expire(struct failures *f, double time)
{
	size_t n = 0;
	struct entry *e;

	while ((e = oldest(f)) && e->t.time <= time) {
		drop(f, e);
		n++;
	}
	return n;
}

void failures_clear(struct failures *f)
{
	failures_expire(f, INFINITY);
}

size_t failures_count(const struct failures *f)
{
	return f->n;
}

uint64_t failures_total(const struct failures *f)
{
	return f->total;
}

void failures_set_total(struct failures *f, uint64_t total)
{
	f->total = total;
}

uint64_t failures_evicted(const struct failures *f)
{
	return f->evicted;
}

void failures_each_changed(struct failures *f,
			   void (*fn)(void *arg, const struct fid *id, const struct ticket *t),
			   void *arg)
{
	forget_doubtful(f);
	f->n_gone_told = f->n_gone;
	for (size_t i = 0; i < f->n_gone; i++)
		fn(arg, &f->gone[i].id, NULL);
	for (size_t i = 0; i < f->n_changed; i++) {
		struct entry *e = f->changed[i];

		e->told = true;
		e->changed_since = false;
		fn(arg, &e->t.id, &e->t);
	}
}

static void forget_gone(struct failures *f)
{
	size_t left = f->n_gone - f->n_gone_told;

	for (size_t i = 0; i < f->n_gone_told; i++)
		free_gone(&f->gone[i]);
	for (size_t i = 0; i < left; i++) {
		f->gone[i] = f->gone[f->n_gone_told + i];
		f->gone[i].in_doubt = false;
	}
	f->n_gone = left;
	f->n_gone_told = 0;
}

void failures_committed(struct failures *f)
{
	forget_gone(f);
	for (size_t i = f->n_changed; i-- > 0;) { /* from the end: the last takes a freed place */
		struct entry *e = f->changed[i];

		if (!e->told)
			continue;
		e->told = false;
		e->stored = true;
		if (!e->changed_since)
			unmark_changed(f, e);
	}
}

void failures_touch_all(struct failures *f)
{
	for (size_t i = 0; i < f->by_time.n; i++)
		mark_changed(f, heap_entry(f->by_time.items[i], struct entry, due));
}

void failures_free(struct failures *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->by_time.n; i++)
		ticket_free(&heap_entry(f->by_time.items[i], struct entry, due)->t);
	heap_done(&f->by_time);
	for (size_t i = 0; i < f->n_gone; i++)
		free_gone(&f->gone[i]);
	free(f->gone);
	free(f->changed);
	free(f->buckets);
	free(f);
}
