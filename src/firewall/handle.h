/*
 * What the firewall keeps of each action it enforces; for this folder only.  Texts are copies, so
 * that a reload may free the configuration; they were checked by firewall_setup().
 */
#pragma once

#include "firewall/firewall.h"
#include "firewall/nft.h"
#include "firewall/ranges.h"

enum {
	ADOPTED_MS = 10 * 60 * 1000, /* how long elements without an end are kept when adopted */
	NAME_MAX_BYTES = 255,        /* NFT_NAME_MAXLEN without its NUL */
	ATTEMPTS = 20                /* when others change the ruleset meanwhile */
};

/* The sets of one address family. */
struct side {
	uint8_t family; /* 4 or 6; 0: the table cannot hold it */
	char *set, *net;
	struct prefixes want; /* prefixes banned */
	struct ranges have;   /* what the kernel's interval set holds of them */
	bool net_made;
};

struct handle {
	bool live;
	struct firewall_rule rule; /* texts are NULL; the copies below count */
	char *table, *chain, *chain_type;
	unsigned hook;
	struct side side[2];
};

struct firewall {
	struct nft nft;
	struct nft_batch batch;
	struct handle **handles; /* an index stays valid; a torn down one is used again */
	unsigned n_handles;
};

/* handle.c */

/* 0, or -EINVAL: something of the rule cannot be in the kernel. */
int handle_check_rule(const struct firewall_rule *rule, struct err *err)
	__attribute__((warn_unused_result));
/* From a checked rule; side[].net is given by handle_place(). */
struct handle *handle_new(const struct firewall_rule *rule);
void handle_free(struct handle *h);
/*
 * Where the handle goes: the place of an earlier one of the same sets (whose names it keeps), a
 * free one, or a new one.  Gives the interval sets their names.
 */
int handle_place(struct firewall *fw, struct handle *h, unsigned *at, struct err *err)
	__attribute__((warn_unused_result));

/* build.c: messages of a batch */
void build_table(struct nft_batch *b, const struct handle *h);
void build_chain(struct nft_batch *b, const struct handle *h);
void build_set(struct nft_batch *b, const struct handle *h, const struct side *s, bool net);
/* One rule for each protocol, or one in all, that looks the source up in the set. */
void build_rules(struct nft_batch *b, const struct handle *h, const struct side *s, bool net);
void build_delete_rule(struct nft_batch *b, const struct handle *h, uint64_t rule);
void build_delete_set(struct nft_batch *b, const struct handle *h, const char *set);
void build_delete_chain(struct nft_batch *b, const struct handle *h);
void build_delete_table(struct nft_batch *b, const struct handle *h);

/* element.c: what is in the sets */

struct element_list {
	struct nft_element *items;
	size_t n, room;
};

/*
 * Adds single addresses to the hash set or renews them.  `e` is sorted and rid of doubles.  fresh:
 * most are new, so one message is tried first; else delete and add in one batch at once.
 */
int elements_add(struct firewall *fw, const struct handle *h, const struct side *s,
		 struct nft_element *e, size_t n, bool fresh) __attribute__((warn_unused_result));
int elements_del(struct firewall *fw, const struct handle *h, const struct side *s,
		 struct nft_element *e, size_t n) __attribute__((warn_unused_result));
/* Makes the interval set hold the ranges of s->want; makes the set itself on first need. */
int elements_apply_prefixes(struct firewall *fw, const struct handle *h, struct side *s)
	__attribute__((warn_unused_result));

/*
 * The same as messages of the batch under way, for firewall_setup(): the first of the list, as
 * many as one batch should carry (returns how many), and all ranges of s->want.
 * elements_prefixes_stand() then says that the batch was accepted.
 */
size_t elements_put_singles(struct firewall *fw, const struct handle *h, const struct side *s,
			    const struct element_list *list);
void elements_put_prefixes(struct firewall *fw, const struct handle *h, struct side *s);
void elements_prefixes_stand(struct side *s);

void element_list_add(struct element_list *l, const struct nft_element *e);
void element_list_add_ip(struct element_list *l, const struct ip *ip, int64_t timeout_ms);
/* Sorts; of doubles the last one added stays. */
void element_list_tidy(struct element_list *l);
void element_list_free(struct element_list *l);
int element_cmp(const void *a, const void *b);
struct nft_place place_of(const struct handle *h, const struct side *s, bool net);
