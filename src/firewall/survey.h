/*
 * What stands in the kernel of an action before we set it up or tear it down, and what its sets
 * hold.  For this folder only.
 */
#pragma once

#include "firewall/handle.h"

enum { HASH, NET }; /* of the two sets of a side */

struct survey {
	const struct handle *h;
	uint32_t genid;
	struct nft_table_info table;
	struct nft_chain_info chain;
	struct nft_set_info set[2][2]; /* [side][HASH or NET] */
	bool elsewhere[2][2];          /* a rule that is not ours uses that set */
	uint64_t *rules;               /* ours: of our chain, using our sets; each once */
	size_t n_rules;
};

int survey_read(struct firewall *fw, const struct handle *h, struct survey *out)
	__attribute__((warn_unused_result));
void survey_done(struct survey *s);
/* May the set stay: has it the flags that we would give it? */
bool survey_set_fits(const struct survey *s, unsigned side, unsigned which);

/* Elements of one set as bans. */
struct leftover {
	struct ip ip;
	int64_t timeout_ms; /* what is left of it; 0: permanent; -1: the set knew no ends */
};

struct leftovers {
	struct leftover *items;
	size_t n, room;
};

/* Appends what the set holds; -EINTR: it changed meanwhile, survey again. */
int leftovers_read(struct firewall *fw, const struct survey *s, unsigned side, unsigned which,
		   struct leftovers *out) __attribute__((warn_unused_result));
void leftovers_free(struct leftovers *l);
