/* Disjoint ranges from overlapping prefixes; see ranges.h. */
#include "firewall/ranges.h"

#include <assert.h>
#include <string.h>

#include "base/xalloc.h"

typedef unsigned __int128 wide; /* an address as a number; IPv4 in the low 32 bits */

#define GONE INT64_MIN /* until_ms of a prefix that was taken out */

static unsigned width_of(uint8_t family)
{
	return family == 4 ? 32 : 128;
}

static wide max_of(uint8_t family)
{
	return family == 4 ? (wide)UINT32_MAX : ~(wide)0;
}

static wide wide_of(const uint8_t bytes[static 16], uint8_t family)
{
	wide w = 0;

	for (unsigned i = 0; i < width_of(family) / 8; i++)
		w = w << 8 | bytes[i];
	return w;
}

static void bytes_of(wide w, uint8_t family, uint8_t out[static 16])
{
	memset(out, 0, 16);
	for (unsigned i = width_of(family) / 8; i-- > 0; w >>= 8)
		out[i] = (uint8_t)w;
}

static wide last_of(const struct ip *ip)
{
	unsigned host = width_of(ip->family) - ip->prefix;
	wide first = wide_of(ip->bytes, ip->family);

	return host >= 128 ? ~(wide)0 : first | (((wide)1 << host) - 1);
}

void prefixes_put(struct prefixes *p, const struct ip *ip, int64_t until_ms)
{
	if (p->n == p->room) {
		p->room = p->room ? p->room * 2 : 16;
		p->items = xreallocarray(p->items, p->room, sizeof *p->items);
	}
	p->items[p->n] = (struct prefix){ .ip = *ip, .until_ms = until_ms, .order = p->n };
	p->n++;
}

void prefixes_del(struct prefixes *p, const struct ip *ip)
{
	if (p->n)
		prefixes_put(p, ip, GONE);
}

void prefixes_clear(struct prefixes *p)
{
	free(p->items);
	*p = (struct prefixes){ 0 };
}

/* By address, a prefix before what is inside it, and the last one put at the end of its equals. */
static int by_place(const void *x, const void *y)
{
	const struct prefix *a = x, *b = y;
	int order = memcmp(a->ip.bytes, b->ip.bytes, sizeof a->ip.bytes);

	if (order)
		return order;
	if (a->ip.prefix != b->ip.prefix)
		return a->ip.prefix < b->ip.prefix ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

static void tidy(struct prefixes *p, int64_t now_ms)
{
	size_t n = 0;

	if (p->n)
		qsort(p->items, p->n, sizeof *p->items, by_place);
	for (size_t i = 0; i < p->n; i++) {
		if (i + 1 < p->n && ip_eq(&p->items[i].ip, &p->items[i + 1].ip))
			continue;
		if (p->items[i].until_ms == GONE || p->items[i].until_ms <= now_ms)
			continue;
		p->items[n] = p->items[i];
		p->items[n].order = n;
		n++;
	}
	p->n = n;
}

void ranges_add(struct ranges *r, const struct range *item)
{
	if (r->n == r->room) {
		r->room = r->room ? r->room * 2 : 16;
		r->items = xreallocarray(r->items, r->room, sizeof *r->items);
	}
	r->items[r->n++] = *item;
}

void ranges_free(struct ranges *r)
{
	free(r->items);
	*r = (struct ranges){ 0 };
}

/* Prefixes that hold the present place, outermost first: at most one of each length. */
struct sweep {
	struct ranges *out;
	uint8_t family;
	struct {
		wide last;
		int64_t until_ms; /* longest of it and of all around it */
	} open[129];
	unsigned n;
	wide at;        /* first address not yet written */
	bool beyond;    /* there is none: the highest address was written */
	size_t started; /* ranges written before the outermost open prefix */
};

/* Writes [s->at, last] if it is not empty. */
static void write_to(struct sweep *s, wide last, int64_t until_ms)
{
	struct range r = { .until_ms = until_ms };

	if (s->beyond || s->at > last)
		return;
	bytes_of(s->at, s->family, r.first);
	bytes_of(last, s->family, r.last);
	/* what a longer ban covers is one piece with it; neighbours stay as they were ordered */
	if (s->out->n > s->started && s->out->items[s->out->n - 1].until_ms == until_ms)
		memcpy(s->out->items[s->out->n - 1].last, r.last, sizeof r.last);
	else
		ranges_add(s->out, &r);
	s->beyond = last == max_of(s->family);
	s->at = last + 1;
}

static void close_until(struct sweep *s, wide first, bool all)
{
	while (s->n && (all || s->open[s->n - 1].last < first)) {
		write_to(s, s->open[s->n - 1].last, s->open[s->n - 1].until_ms);
		s->n--;
	}
}

void ranges_of(struct prefixes *p, int64_t now_ms, struct ranges *out)
{
	struct sweep s = { .out = out };

	tidy(p, now_ms);
	for (size_t i = 0; i < p->n; i++) {
		const struct prefix *item = &p->items[i];
		int64_t until = item->until_ms;
		wide first;

		s.family = item->ip.family;
		first = wide_of(item->ip.bytes, s.family);
		close_until(&s, first, false);
		if (s.n == 0) {
			s.started = out->n;
		} else {
			if (s.at < first)
				write_to(&s, first - 1, s.open[s.n - 1].until_ms);
			if (until < s.open[s.n - 1].until_ms)
				until = s.open[s.n - 1].until_ms;
		}
		s.at = first;
		assert(s.n < sizeof s.open / sizeof *s.open);
		s.open[s.n].last = last_of(&item->ip);
		s.open[s.n++].until_ms = until;
	}
	close_until(&s, 0, true);
}

static int by_first(const struct range *a, const struct range *b)
{
	return memcmp(a->first, b->first, sizeof a->first);
}

static bool same(const struct range *a, const struct range *b)
{
	return memcmp(a->first, b->first, sizeof a->first) == 0 &&
	       memcmp(a->last, b->last, sizeof a->last) == 0 && a->until_ms == b->until_ms;
}

void ranges_diff(const struct ranges *have, const struct ranges *want, struct ranges *gone,
		 struct ranges *come)
{
	size_t h = 0, w = 0;

	while (h < have->n || w < want->n) {
		int order;

		if (h == have->n)
			order = 1;
		else if (w == want->n)
			order = -1;
		else
			order = by_first(&have->items[h], &want->items[w]);
		if (order == 0 && same(&have->items[h], &want->items[w])) {
			h++;
			w++;
			continue;
		}
		if (order <= 0)
			ranges_add(gone, &have->items[h++]);
		if (order >= 0)
			ranges_add(come, &want->items[w++]);
	}
}

void range_split(const struct range *r, uint8_t family,
		 void (*fn)(void *arg, const struct ip *ip, int64_t until_ms), void *arg)
{
	wide at = wide_of(r->first, family), last = wide_of(r->last, family);

	while (at <= last) {
		struct ip ip = { .family = family };
		unsigned host = 0;

		/* the largest block that begins here and does not pass the end */
		while (host < width_of(family)) {
			wide size = host + 1 < 128 ? (wide)1 << (host + 1) : 0;

			if ((at & (size - 1)) != 0 || (size - 1) > last - at)
				break;
			host++;
		}
		bytes_of(at, family, ip.bytes);
		ip.prefix = (uint8_t)(width_of(family) - host);
		fn(arg, &ip, r->until_ms);
		if (last_of(&ip) == last)
			break;
		at = last_of(&ip) + 1;
	}
}

bool range_end(const struct range *r, uint8_t family, uint8_t out[static 16])
{
	wide last = wide_of(r->last, family);

	if (last == max_of(family))
		return false;
	bytes_of(last + 1, family, out);
	return true;
}

void address_before(uint8_t address[static 16], uint8_t family)
{
	bytes_of(wide_of(address, family) - 1, family, address);
}
