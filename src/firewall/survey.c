/* Reading what stands; see survey.h.  Other programs' objects are looked at, never assumed. */
#include "firewall/survey.h"

#include <errno.h>
#include <string.h>

void survey_done(struct survey *s)
{
	free(s->rules);
	s->rules = NULL;
	s->n_rules = 0;
}

static void on_lookup(void *arg, const char *chain, uint64_t rule, const char *set)
{
	struct survey *s = arg;
	bool ours = strcmp(chain, s->h->chain) == 0, named = false;

	for (unsigned i = 0; i < 4; i++) {
		const struct side *side = &s->h->side[i / 2];

		if (!side->family || strcmp(set, i % 2 == NET ? side->net : side->set) != 0)
			continue;
		named = true;
		s->elsewhere[i / 2][i % 2] |= !ours;
	}
	if (!named || !ours || (s->n_rules && s->rules[s->n_rules - 1] == rule))
		return;
	s->rules = xreallocarray(s->rules, s->n_rules + 1, sizeof *s->rules);
	s->rules[s->n_rules++] = rule;
}

static int survey_once(struct firewall *fw, struct survey *s)
{
	const struct handle *h = s->h;
	struct nft *nft = &fw->nft;
	int r = nft_genid(nft, &s->genid);

	if (r == 0)
		r = nft_read_table(nft, h->rule.family, h->table, &s->table);
	if (r < 0 || !s->table.exists)
		return r;
	r = nft_read_chain(nft, h->rule.family, h->table, h->chain, &s->chain);
	for (unsigned i = 0; i < 4 && r == 0; i++) {
		const struct side *side = &h->side[i / 2];
		struct nft_place place = place_of(h, side, i % 2 == NET);

		if (side->family)
			r = nft_read_set(nft, &place, &s->set[i / 2][i % 2]);
	}
	if (r == 0)
		r = nft_each_lookup(nft, h->rule.family, h->table, on_lookup, s);
	return r == -ENOENT ? -EINTR : r; /* gone while we looked */
}

int survey_read(struct firewall *fw, const struct handle *h, struct survey *out)
{
	int r = -EINTR;

	for (int i = 0; i < ATTEMPTS && r == -EINTR; i++) {
		*out = (struct survey){ .h = h };
		r = survey_once(fw, out);
		if (r < 0)
			survey_done(out);
	}
	return r;
}

bool survey_set_fits(const struct survey *s, unsigned side, unsigned which)
{
	const struct nft_set_info *set = &s->set[side][which];
	uint32_t mask = NFT_SET_INTERVAL | NFT_SET_TIMEOUT | NFT_SET_MAP | NFT_SET_CONSTANT |
			NFT_SET_EVAL | NFT_SET_CONCAT;
	uint32_t flags = NFT_SET_TIMEOUT | (which == NET ? NFT_SET_INTERVAL : 0);

	return set->exists && (set->flags & mask) == flags &&
	       set->key_len == (s->h->side[side].family == 4 ? 4u : 16u);
}

void leftovers_free(struct leftovers *l)
{
	free(l->items);
	*l = (struct leftovers){ 0 };
}

struct reading {
	uint8_t family;
	bool knows_ends;
	struct element_list raw;
	struct leftovers *out;
};

static void add_leftover(void *arg, const struct ip *ip, int64_t timeout_ms)
{
	struct reading *r = arg;
	struct leftovers *l = r->out;

	if (timeout_ms == 0 && !r->knows_ends)
		timeout_ms = -1;
	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 16;
		l->items = xreallocarray(l->items, l->room, sizeof *l->items);
	}
	l->items[l->n++] = (struct leftover){ .ip = *ip, .timeout_ms = timeout_ms };
}

static void on_element(void *arg, const struct nft_element *e)
{
	struct reading *r = arg;

	if (e->len == (r->family == 4 ? 4 : 16))
		element_list_add(&r->raw, e);
}

static void add_singles(struct reading *r)
{
	for (size_t i = 0; i < r->raw.n; i++) {
		struct ip ip = { .family = r->family, .prefix = r->family == 4 ? 32 : 128 };

		memcpy(ip.bytes, r->raw.items[i].key, sizeof ip.bytes);
		add_leftover(r, &ip, r->raw.items[i].timeout_ms);
	}
}

static void add_interval(struct reading *r, const struct nft_element *start,
			 const struct nft_element *behind)
{
	struct range range = { .until_ms = start->timeout_ms };

	memcpy(range.first, start->key, sizeof range.first);
	if (behind) {
		memcpy(range.last, behind->key, sizeof range.last);
		address_before(range.last, r->family);
	} else {
		memset(range.last, 0xff, start->len);
	}
	range_split(&range, r->family, add_leftover, r);
}

static int end_before_start(const void *x, const void *y)
{
	const struct nft_element *a = x, *b = y;
	int order = element_cmp(x, y);

	return order ? order : b->end - a->end;
}

/* The kernel lists an interval set in falling order: sort, then pair starts with ends. */
static void add_intervals(struct reading *r)
{
	const struct nft_element *start = NULL;

	if (r->raw.n > 1)
		qsort(r->raw.items, r->raw.n, sizeof *r->raw.items, end_before_start);
	for (size_t i = 0; i < r->raw.n; i++) {
		if (start)
			add_interval(r, start, &r->raw.items[i]);
		start = r->raw.items[i].end ? NULL : &r->raw.items[i];
	}
	if (start)
		add_interval(r, start, NULL);
}

int leftovers_read(struct firewall *fw, const struct survey *s, unsigned side, unsigned which,
		   struct leftovers *out)
{
	const struct side *of = &s->h->side[side];
	const struct nft_set_info *set = &s->set[side][which];
	struct nft_place place = place_of(s->h, of, which == NET);
	struct reading reading = { .family = of->family,
				   .knows_ends = set->flags & NFT_SET_TIMEOUT,
				   .out = out };
	int r;

	if (!set->exists || set->flags & (NFT_SET_MAP | NFT_SET_CONCAT))
		return 0;
	r = nft_each_element(&fw->nft, &place, on_element, &reading);
	if (r == 0 && set->flags & NFT_SET_INTERVAL)
		add_intervals(&reading);
	else if (r == 0)
		add_singles(&reading);
	element_list_free(&reading.raw);
	return r == -ENOENT ? -EINTR : r;
}
