/*
 * The kernel's nftables over netlink, for this folder only: a socket, batches (one transaction,
 * one system call), questions about what is there.  Building and reading of tables, chains, sets
 * and rules is libnftnl's; elements are written here, because they come by the thousand.
 * Answers come from the kernel (trusted); names in them were chosen by whoever made the objects.
 */
#pragma once

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>

#include "base/buf.h"
#include "base/err.h"

struct nft {
	struct mnl_socket *nl;
	uint32_t seq;
	size_t room; /* bytes that one sendmsg() may carry */
	char *rx;
};

int nft_open(struct nft *n, struct err *err) __attribute__((warn_unused_result));
void nft_close(struct nft *n);

/* One transaction. Zero-initialised is valid; kept and used again. */
struct nft_batch {
	struct buf bytes;
	uint32_t first_seq, last_seq;
	size_t last_at;    /* offset of the last message */
	uint32_t set_id;   /* last number given to a set of this batch */
	const char **what; /* what each message does, for the text of a failure */
	size_t n_what, room_what;
	const char *failed; /* after a failed commit: what[] of the first message refused */
};

/* Starts anew. genid not 0: refused with -ERESTART if the ruleset has another generation. */
void nft_batch_begin(struct nft *n, struct nft_batch *b, uint32_t genid);
/*
 * A message header to add attributes to (64 KiB of room), then nft_batch_done().  `what` is a
 * literal: "add the set".
 */
struct nlmsghdr *nft_batch_put(struct nft_batch *b, uint16_t type, uint8_t family, uint16_t flags,
			       const char *what) __attribute__((returns_nonnull));
void nft_batch_done(struct nft_batch *b, const struct nlmsghdr *nlh);
/* Sends it. 0, or -errno of the first message the kernel refused (then nothing was changed). */
int nft_batch_commit(struct nft *n, struct nft_batch *b) __attribute__((warn_unused_result));
void nft_batch_free(struct nft_batch *b);

/* One element of a set of addresses. */
struct nft_element {
	uint8_t key[16];
	uint8_t len;        /* 4 or 16 */
	bool end;           /* of an interval: the first address behind it */
	uint32_t order;     /* for element_list_tidy() */
	int64_t timeout_ms; /* 0: none */
};

struct nft_place { /* where elements go; terminated texts */
	uint8_t family;
	const char *table, *set;
};

/*
 * As many messages as it takes.  NFT_MSG_NEWSETELEM (flags 0 or NLM_F_EXCL) or DELSETELEM; with
 * n 0, DELSETELEM empties the set.  bare: no time-outs are written.
 */
void nft_put_elements(struct nft_batch *b, uint16_t type, uint16_t flags, bool bare,
		      const struct nft_place *place, const struct nft_element *e, size_t n);

/* The generation of the ruleset, never 0. */
int nft_genid(struct nft *n, uint32_t *out) __attribute__((warn_unused_result));

struct nft_table_info {
	bool exists;
	uint32_t chains, sets; /* in it; sets: those with a name */
	uint32_t others;       /* counters and the like, flow tables */
};
int nft_read_table(struct nft *n, uint8_t family, const char *table, struct nft_table_info *out)
	__attribute__((warn_unused_result));

struct nft_chain_info {
	bool exists;
	bool accepts; /* its policy, or not a base chain */
	uint32_t use; /* rules in it and jumps to it */
};
int nft_read_chain(struct nft *n, uint8_t family, const char *table, const char *chain,
		   struct nft_chain_info *out) __attribute__((warn_unused_result));

struct nft_set_info {
	bool exists;
	uint32_t flags; /* NFT_SET_* */
	uint32_t key_len;
};
int nft_read_set(struct nft *n, const struct nft_place *place, struct nft_set_info *out)
	__attribute__((warn_unused_result));

/* Each use of a set by a rule of the table (the same rule may come more than once). */
int nft_each_lookup(struct nft *n, uint8_t family, const char *table,
		    void (*fn)(void *arg, const char *chain, uint64_t handle, const char *set),
		    void *arg) __attribute__((warn_unused_result));

/* Each element; timeout_ms is what is left, 0 if it has none. */
int nft_each_element(struct nft *n, const struct nft_place *place,
		     void (*fn)(void *arg, const struct nft_element *e), void *arg)
	__attribute__((warn_unused_result));
