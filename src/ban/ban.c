/*
 * The table of active bans; see ban.h.  Ids may be hostile text; they are only compared.  Called by
 * the engine, by replay and by the tests; enforcing is somebody else's.
 */
#include "ban/ban.h"

#include <math.h>

#include "base/heap.h"
#include "base/table.h"

struct ban {
	struct ticket *t;
	double end;
	struct heap_item due; /* end in microseconds; a permanent ban is not in the heap */
};

struct bans {
	struct table *by_id; /* fid_key -> struct ban */
	struct heap by_end;
	int64_t bantime; /* the jail's */
	uint64_t total;
	/* where bans_take_inside() goes on: all before is outside `inside` */
	struct ip inside;
	size_t inside_at;
};

struct bans *bans_new(void)
{
	struct bans *b = xcalloc(1, sizeof *b);

	b->by_id = table_new();
	return b;
}

static void ban_free(void *value)
{
	struct ban *ban = value;

	ticket_free(ban->t);
	free(ban);
}

void bans_free(struct bans *b)
{
	if (!b)
		return;
	table_free(b->by_id, ban_free);
	heap_done(&b->by_end);
	free(b);
}

static struct ban *find(const struct bans *b, const struct fid *id)
{
	char room[FID_TEXT_MAX + 1];

	return table_find(b->by_id, fid_key(id, room));
}

static void set_end(struct bans *b, struct ban *ban)
{
	ban->end = ticket_end(ban->t, b->bantime);
	if (isinf(ban->end)) {
		heap_del(&b->by_end, &ban->due);
		return;
	}
	ban->due.due = ban->end < 1e12 ? (int64_t)floor(ban->end * 1e6) : INT64_MAX;
	heap_put(&b->by_end, &ban->due);
}

/*
 * The old ticket keeps its time, so its ban time grows by the time between the two failures, as
 * Fail2ban has it; rounded up, so that the ban never ends before the later failure's would.
 */
static void extend(struct bans *b, struct ban *ban, const struct ticket *t)
{
	int64_t bantime = t->bantime == TICKET_JAIL_BANTIME ? b->bantime : t->bantime;

	if (bantime != -1 && t->time > ban->t->time)
		bantime += (int64_t)ceil(t->time - ban->t->time);
	ban->t->bantime = bantime;
	set_end(b, ban);
}

static struct ban *insert(struct bans *b, struct ticket *t)
{
	char room[FID_TEXT_MAX + 1];
	struct ban *ban = xcalloc(1, sizeof *ban);

	ban->t = t;
	t->bancount++;
	table_put(b->by_id, fid_key(&t->id, room), ban);
	set_end(b, ban);
	b->total++;
	b->inside.family = 0; /* the table's positions may have moved */
	return ban;
}

enum ban_result bans_add(struct bans *b, struct ticket *t, int64_t bantime, double now,
			 const struct ticket **now_active)
{
	enum ban_result result = BAN_NEW;
	struct ban *ban = NULL;

	bans_set_bantime(b, bantime);
	if (ticket_end(t, bantime) < now) {
		result = BAN_EXPIRED;
	} else if ((ban = find(b, &t->id))) {
		result = BAN_KNOWN;
		if (ticket_end(t, bantime) > ban->end) {
			extend(b, ban, t);
			result = BAN_EXTENDED;
		}
	}
	if (result == BAN_NEW)
		ban = insert(b, t);
	else
		ticket_free(t);
	if (now_active)
		*now_active = ban ? ban->t : NULL;
	return result;
}

const struct ticket *bans_find(const struct bans *b, const struct fid *id)
{
	struct ban *ban = find(b, id);

	return ban ? ban->t : NULL;
}

bool bans_prolong(struct bans *b, const struct fid *id, int64_t bantime, unsigned bancount)
{
	struct ban *ban = find(b, id);

	if (!ban)
		return false;
	ban->t->bantime = bantime;
	ban->t->bancount = bancount;
	set_end(b, ban);
	return true;
}

static struct ticket *take(struct bans *b, struct ban *ban)
{
	char room[FID_TEXT_MAX + 1];
	struct ticket *t = ban->t;

	heap_del(&b->by_end, &ban->due);
	table_del(b->by_id, fid_key(&t->id, room));
	free(ban);
	return t;
}

struct ticket *bans_take(struct bans *b, const struct fid *id)
{
	struct ban *ban = find(b, id);

	return ban ? take(b, ban) : NULL;
}

static struct ban *first(const struct bans *b)
{
	struct heap_item *item = heap_first(&b->by_end);

	return item ? heap_entry(item, struct ban, due) : NULL;
}

struct ticket *bans_take_expired(struct bans *b, double now)
{
	struct ban *ban = first(b);

	return ban && ban->end < now ? take(b, ban) : NULL;
}

double bans_next_end(const struct bans *b)
{
	struct ban *ban = first(b);

	return ban ? ban->end : INFINITY;
}

void bans_set_bantime(struct bans *b, int64_t bantime)
{
	size_t at = 0;
	void *value;

	if (bantime == b->bantime)
		return;
	b->bantime = bantime;
	while (table_each(b->by_id, &at, NULL, &value)) {
		struct ban *ban = value;

		if (ban->t->bantime == TICKET_JAIL_BANTIME)
			set_end(b, ban);
	}
}

size_t bans_count(const struct bans *b)
{
	return table_count(b->by_id);
}

uint64_t bans_total(const struct bans *b)
{
	return b->total;
}

void bans_set_total(struct bans *b, uint64_t total)
{
	b->total = total;
}

const struct ticket *bans_each(const struct bans *b, size_t *at)
{
	void *value;

	return table_each(b->by_id, at, NULL, &value) ? ((struct ban *)value)->t : NULL;
}

struct ticket *bans_take_inside(struct bans *b, const struct ip *net)
{
	void *value;

	if (!ip_eq(&b->inside, net)) {
		b->inside = *net;
		b->inside_at = 0;
	}
	while (table_each(b->by_id, &b->inside_at, NULL, &value)) {
		struct ban *ban = value;

		if (ip_in(&ban->t->id.ip, net))
			return take(b, ban);
	}
	b->inside.family = 0;
	return NULL;
}
