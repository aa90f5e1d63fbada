/*
 * What is in the sets: single addresses in the hash set, ranges in the interval set.  The hash set
 * is not mirrored here; "delete if it is there" and "renew" are told to the kernel as add, delete
 * (and add again) in one transaction, which holds on every kernel, while DESTROYSETELEM needs 6.3
 * and renewing by a second add needs 6.12.  Packets never see the moment between.
 */
#include "firewall/handle.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

enum {
	ELEMENTS_PER_BATCH = 16384,
	ELEMENT_BYTES = 56, /* IPv6 with time-out, and its share of the message's head */
};

struct nft_place place_of(const struct handle *h, const struct side *s, bool net)
{
	return (struct nft_place){ .family = h->rule.family,
				   .table = h->table,
				   .set = net ? s->net : s->set };
}

void element_list_add(struct element_list *l, const struct nft_element *e)
{
	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 16;
		l->items = xreallocarray(l->items, l->room, sizeof *l->items);
	}
	l->items[l->n] = *e;
	l->items[l->n].order = (uint32_t)l->n;
	l->n++;
}

void element_list_add_ip(struct element_list *l, const struct ip *ip, int64_t timeout_ms)
{
	struct nft_element e = { .len = ip->family == 4 ? 4 : 16, .timeout_ms = timeout_ms };

	memcpy(e.key, ip->bytes, sizeof e.key);
	element_list_add(l, &e);
}

int element_cmp(const void *x, const void *y)
{
	const struct nft_element *a = x, *b = y;

	return memcmp(a->key, b->key, sizeof a->key);
}

static int by_key_and_order(const void *x, const void *y)
{
	const struct nft_element *a = x, *b = y;
	int order = element_cmp(x, y);

	return order ? order : (a->order > b->order) - (a->order < b->order);
}

void element_list_tidy(struct element_list *l)
{
	size_t n = 0;

	if (l->n > 1)
		qsort(l->items, l->n, sizeof *l->items, by_key_and_order);
	for (size_t i = 0; i < l->n; i++)
		if (i + 1 == l->n || element_cmp(&l->items[i], &l->items[i + 1]) != 0)
			l->items[n++] = l->items[i];
	l->n = n;
}

void element_list_free(struct element_list *l)
{
	free(l->items);
	*l = (struct element_list){ 0 };
}

static size_t per_batch(const struct firewall *fw)
{
	size_t fit = fw->nft.room / (3 * ELEMENT_BYTES);

	return fit < 1 ? 1 : fit < ELEMENTS_PER_BATCH ? fit : ELEMENTS_PER_BATCH;
}

static int renew(struct firewall *fw, const struct nft_place *place, const struct nft_element *e,
		 size_t n)
{
	nft_batch_begin(&fw->nft, &fw->batch, 0);
	nft_put_elements(&fw->batch, NFT_MSG_NEWSETELEM, 0, true, place, e, n);
	nft_put_elements(&fw->batch, NFT_MSG_DELSETELEM, 0, true, place, e, n);
	nft_put_elements(&fw->batch, NFT_MSG_NEWSETELEM, 0, false, place, e, n);
	return nft_batch_commit(&fw->nft, &fw->batch);
}

static int take_out(struct firewall *fw, const struct nft_place *place, const struct nft_element *e,
		    size_t n)
{
	nft_batch_begin(&fw->nft, &fw->batch, 0);
	nft_put_elements(&fw->batch, NFT_MSG_NEWSETELEM, 0, true, place, e, n);
	nft_put_elements(&fw->batch, NFT_MSG_DELSETELEM, 0, true, place, e, n);
	return nft_batch_commit(&fw->nft, &fw->batch);
}

int elements_add(struct firewall *fw, const struct handle *h, const struct side *s,
		 struct nft_element *e, size_t n, bool fresh)
{
	struct nft_place place = place_of(h, s, false);
	int r = 0;

	for (size_t at = 0, take; at < n && r == 0; at += take) {
		take = n - at < per_batch(fw) ? n - at : per_batch(fw);
		r = -EEXIST;
		if (fresh) {
			nft_batch_begin(&fw->nft, &fw->batch, 0);
			nft_put_elements(&fw->batch, NFT_MSG_NEWSETELEM, NLM_F_EXCL, false, &place,
					 e + at, take);
			r = nft_batch_commit(&fw->nft, &fw->batch);
		}
		if (r == -EEXIST)
			r = renew(fw, &place, e + at, take);
		/* an element may end between our add and our delete */
		if (r == -ENOENT)
			r = renew(fw, &place, e + at, take);
	}
	return r;
}

int elements_del(struct firewall *fw, const struct handle *h, const struct side *s,
		 struct nft_element *e, size_t n)
{
	struct nft_place place = place_of(h, s, false);
	int r = 0;

	for (size_t at = 0, take; at < n && r == 0; at += take) {
		take = n - at < per_batch(fw) ? n - at : per_batch(fw);
		r = take_out(fw, &place, e + at, take);
		if (r == -ENOENT)
			r = take_out(fw, &place, e + at, take);
	}
	return r;
}

/* The two elements that stand for a range; the end has no time-out, it goes with its start. */
static void list_range(struct element_list *l, uint8_t family, const struct range *range,
		       int64_t now_ms)
{
	struct nft_element e = { .len = family == 4 ? 4 : 16 };

	memcpy(e.key, range->first, sizeof e.key);
	if (range->until_ms != UNTIL_EVER)
		e.timeout_ms = range->until_ms - now_ms;
	element_list_add(l, &e);
	e = (struct nft_element){ .len = e.len, .end = true };
	if (range_end(range, family, e.key))
		element_list_add(l, &e);
}

static void put_ranges(struct nft_batch *b, uint16_t type, const struct nft_place *place,
		       const struct side *s, const struct ranges *ranges, int64_t now_ms)
{
	struct element_list list = { 0 };

	for (size_t i = 0; i < ranges->n; i++)
		list_range(&list, s->family, &ranges->items[i], now_ms);
	if (list.n)
		nft_put_elements(b, type, 0, type == NFT_MSG_DELSETELEM, place, list.items, list.n);
	element_list_free(&list);
}

/* From `have` to `want`: what changed only, or (all) everything anew. */
static void put_change(struct firewall *fw, const struct handle *h, const struct side *s,
		       const struct ranges *want, int64_t now_ms, bool all)
{
	struct nft_place place = place_of(h, s, true);
	struct ranges gone = { 0 }, come = { 0 };

	if (!s->net_made) {
		build_set(&fw->batch, h, s, true);
		build_rules(&fw->batch, h, s, true);
	}
	if (all && s->net_made) {
		nft_put_elements(&fw->batch, NFT_MSG_DELSETELEM, 0, true, &place, NULL, 0);
		put_ranges(&fw->batch, NFT_MSG_NEWSETELEM, &place, s, want, now_ms);
		return;
	}
	ranges_diff(&s->have, want, &gone, &come);
	put_ranges(&fw->batch, NFT_MSG_DELSETELEM, &place, s, &gone, now_ms);
	put_ranges(&fw->batch, NFT_MSG_NEWSETELEM, &place, s, &come, now_ms);
	ranges_free(&gone);
	ranges_free(&come);
}

static int change_ranges(struct firewall *fw, const struct handle *h, const struct side *s,
			 const struct ranges *want, int64_t now_ms, bool all)
{
	nft_batch_begin(&fw->nft, &fw->batch, 0);
	put_change(fw, h, s, want, now_ms, all);
	return nft_batch_commit(&fw->nft, &fw->batch);
}

static void drop_ended(struct ranges *r, int64_t now_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		if (r->items[i].until_ms > now_ms)
			r->items[n++] = r->items[i];
	r->n = n;
}

int elements_apply_prefixes(struct firewall *fw, const struct handle *h, struct side *s)
{
	int64_t now_ms = clock_ticks_ms();
	struct ranges want = { 0 };
	int r = 0;

	drop_ended(&s->have, now_ms);
	ranges_of(&s->want, now_ms, &want);
	if (s->net_made || want.n) {
		r = change_ranges(fw, h, s, &want, now_ms, false);
		/* the kernel's clock and ours differ by a moment: one of the ranges had ended */
		if (r == -ENOENT || r == -EEXIST || r == -EBUSY || r == -ENOTEMPTY)
			r = change_ranges(fw, h, s, &want, now_ms, true);
		s->net_made |= r == 0;
	}
	ranges_free(r == 0 ? &s->have : &want);
	if (r == 0)
		s->have = want;
	return r;
}

size_t elements_put_singles(struct firewall *fw, const struct handle *h, const struct side *s,
			    const struct element_list *list)
{
	struct nft_place place = place_of(h, s, false);
	size_t n = list->n < per_batch(fw) ? list->n : per_batch(fw);

	/* the set may stand and hold some of them already: without NLM_F_EXCL */
	if (n)
		nft_put_elements(&fw->batch, NFT_MSG_NEWSETELEM, 0, false, &place, list->items, n);
	return n;
}

void elements_put_prefixes(struct firewall *fw, const struct handle *h, struct side *s)
{
	int64_t now_ms = clock_ticks_ms();
	struct ranges want = { 0 };

	ranges_free(&s->have);
	ranges_of(&s->want, now_ms, &want);
	if (want.n || s->net_made)
		put_change(fw, h, s, &want, now_ms, true);
	s->have = want;
}

void elements_prefixes_stand(struct side *s)
{
	s->net_made |= s->have.n > 0;
}
