/*
 * Making and unmaking the table, chain, sets and rules of an action.  What stands already is read
 * first; the batch that changes it names the generation that was read, so it is refused, and all
 * is read again, when somebody else changed the ruleset in between.  Only rules of our chain that
 * use our sets are ours; what else is in table or chain is somebody else's and stays.
 */
#include "firewall/setup.h"

#include <errno.h>

#include "base/clock.h"
#include "firewall/survey.h"

static bool try_again(int r)
{
	/* -ERESTART: another generation; the others: what we read is no longer so */
	return r == -ERESTART || r == -EINTR || r == -ENOENT || r == -EEXIST;
}

/* What has to be in a hash set and an interval set that are made anew. */
struct contents {
	struct element_list singles;
	struct leftovers left; /* everything found, to be reported */
};

static void contents_done(struct contents *c)
{
	element_list_free(&c->singles);
	leftovers_free(&c->left);
}

/* Ends for what knew none: for a while only, until the owner says what it knows. */
static int64_t given_end(int64_t timeout_ms)
{
	return timeout_ms < 0 ? ADOPTED_MS : timeout_ms;
}

static int read_contents(struct firewall *fw, struct handle *h, const struct survey *s, unsigned i,
			 struct contents *c)
{
	struct side *side = &h->side[i];
	int64_t now_ms = clock_ticks_ms();
	size_t of_hash;
	int r;

	prefixes_clear(&side->want);
	ranges_free(&side->have);
	side->net_made = false;
	r = leftovers_read(fw, s, i, HASH, &c->left);
	of_hash = c->left.n;
	if (r == 0)
		r = leftovers_read(fw, s, i, NET, &c->left);
	for (size_t k = 0; k < c->left.n && r == 0; k++) {
		const struct leftover *l = &c->left.items[k];
		int64_t timeout_ms = given_end(l->timeout_ms);

		if (!ip_is_single(&l->ip))
			prefixes_put(&side->want, &l->ip,
				     timeout_ms ? now_ms + timeout_ms : UNTIL_EVER);
		else if (k >= of_hash || !survey_set_fits(s, i, HASH))
			element_list_add_ip(&c->singles, &l->ip, timeout_ms);
	}
	element_list_tidy(&c->singles);
	return r;
}

/* The messages for one address family; returns how many of its single addresses they add. */
static size_t put_side(struct firewall *fw, struct handle *h, const struct survey *s, unsigned i,
		       const struct contents *c)
{
	struct nft_batch *b = &fw->batch;
	struct side *side = &h->side[i];
	bool stays = survey_set_fits(s, i, HASH);

	if (s->set[i][NET].exists) {
		/* made again with the first prefix, unless somebody else's rule holds it */
		side->net_made = s->elsewhere[i][NET] && survey_set_fits(s, i, NET);
		if (!side->net_made)
			build_delete_set(b, h, side->net);
		else
			build_rules(b, h, side, true);
	}
	if (!stays && s->set[i][HASH].exists)
		build_delete_set(b, h, side->set);
	if (!stays)
		build_set(b, h, side, false);
	build_rules(b, h, side, false);
	elements_put_prefixes(fw, h, side);
	return elements_put_singles(fw, h, side, &c->singles);
}

/* One batch, so that what stood is replaced without a moment of openness. */
static int set_up_once(struct firewall *fw, struct handle *h, struct contents c[2])
{
	size_t done[2] = { 0 };
	struct survey s;
	int r = survey_read(fw, h, &s);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < 2 && r == 0; i++)
		if (h->side[i].family)
			r = read_contents(fw, h, &s, i, &c[i]);
	if (r == 0) {
		nft_batch_begin(&fw->nft, &fw->batch, s.genid);
		if (!s.table.exists)
			build_table(&fw->batch, h);
		if (!s.chain.exists)
			build_chain(&fw->batch, h);
		for (size_t k = 0; k < s.n_rules; k++)
			build_delete_rule(&fw->batch, h, s.rules[k]);
		for (unsigned i = 0; i < 2; i++)
			if (h->side[i].family)
				done[i] = put_side(fw, h, &s, i, &c[i]);
		r = nft_batch_commit(&fw->nft, &fw->batch);
	}
	for (unsigned i = 0; i < 2 && r == 0; i++) {
		if (!h->side[i].family)
			continue;
		elements_prefixes_stand(&h->side[i]);
		r = elements_add(fw, h, &h->side[i], c[i].singles.items + done[i],
				 c[i].singles.n - done[i], false);
	}
	survey_done(&s);
	return r;
}

int setup_make(struct firewall *fw, struct handle *h,
	       void (*found)(void *arg, const struct ip *ip, int64_t timeout_ms), void *arg)
{
	struct contents c[2] = { 0 };
	int r = -ERESTART;

	for (int k = 0; k < ATTEMPTS && try_again(r); k++) {
		contents_done(&c[0]);
		contents_done(&c[1]);
		r = set_up_once(fw, h, c);
	}
	for (unsigned i = 0; i < 2; i++) {
		for (size_t k = 0; r == 0 && found && k < c[i].left.n; k++)
			found(arg, &c[i].left.items[k].ip, c[i].left.items[k].timeout_ms);
		contents_done(&c[i]);
	}
	return r;
}

static void put_removal(struct firewall *fw, const struct handle *h, const struct survey *s)
{
	struct nft_batch *b = &fw->batch;
	bool chain = s->chain.exists && s->chain.accepts && s->chain.use == s->n_rules;
	uint32_t sets = 0;

	for (size_t k = 0; k < s->n_rules; k++)
		build_delete_rule(b, h, s->rules[k]);
	for (unsigned i = 0; i < 4; i++) {
		const struct side *side = &h->side[i / 2];
		struct nft_place place = place_of(h, side, i % 2 == NET);

		if (!s->set[i / 2][i % 2].exists)
			continue;
		if (s->elsewhere[i / 2][i % 2]) {
			nft_put_elements(b, NFT_MSG_DELSETELEM, 0, true, &place, NULL, 0);
			continue;
		}
		build_delete_set(b, h, place.set);
		sets++;
	}
	if (!chain)
		return;
	build_delete_chain(b, h);
	/* unnamed sets are those of rules: with the only chain they are gone */
	if (s->table.chains == 1 && s->table.sets == sets && s->table.others == 0)
		build_delete_table(b, h);
}

int setup_remove(struct firewall *fw, const struct handle *h)
{
	int r = -ERESTART;

	for (int k = 0; k < ATTEMPTS && try_again(r); k++) {
		struct survey s;

		r = survey_read(fw, h, &s);
		if (r == 0 && s.table.exists) {
			nft_batch_begin(&fw->nft, &fw->batch, s.genid);
			put_removal(fw, h, &s);
			r = nft_batch_commit(&fw->nft, &fw->batch);
		}
		if (r != -EINTR)
			survey_done(&s);
	}
	return r;
}

int setup_check(struct firewall *fw, const struct handle *h)
{
	size_t rules = 0;
	struct survey s;
	int r = survey_read(fw, h, &s);

	if (r < 0)
		return r;
	if (!s.table.exists || !s.chain.exists)
		r = -ENOENT;
	for (unsigned i = 0; i < 2 && r == 0; i++) {
		size_t each = h->rule.all_ports ? 1 : h->rule.n_protocols;

		if (!h->side[i].family)
			continue;
		if (!survey_set_fits(&s, i, HASH) ||
		    (h->side[i].net_made && !survey_set_fits(&s, i, NET)))
			r = -ENOENT;
		rules += h->side[i].net_made ? 2 * each : each;
	}
	if (r == 0 && s.n_rules < rules)
		r = -ENOENT;
	survey_done(&s);
	return r;
}
