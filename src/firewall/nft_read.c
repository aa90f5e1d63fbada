/*
 * Questions to the kernel about what stands in nftables; see nft.h.  A dump that the kernel marks
 * as interrupted (somebody changed the ruleset meanwhile) is read to its end and given back as
 * -EINTR; the caller asks again.
 */
#include "firewall/nft.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

enum { RX_BYTES = 64 * 1024 };

struct question {
	_Alignas(struct nlmsghdr) char bytes[2048]; /* names are below 256 bytes each */
	struct nlmsghdr *nlh;
};

static void ask_for(struct nft *n, struct question *q, uint16_t type, uint8_t family,
		    uint16_t flags)
{
	struct nfgenmsg *nfg;

	q->nlh = mnl_nlmsg_put_header(q->bytes);
	q->nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	q->nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	q->nlh->nlmsg_seq = ++n->seq;
	nfg = mnl_nlmsg_put_extra_header(q->nlh, sizeof *nfg);
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
}

/* What one message of the answer asks the reader to do next. */
enum next { GO_ON, ENDED };

static enum next read_one(const struct nlmsghdr *nlh, void (*fn)(void *, const struct nlmsghdr *),
			  void *arg, int *error)
{
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

		if (*error == 0)
			*error = e->error;
		return ENDED;
	}
	if (nlh->nlmsg_type == NLMSG_DONE)
		return ENDED;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		*error = -EINTR;
	fn(arg, nlh);
	/* a single answer is followed by the acknowledgement */
	return GO_ON;
}

/* Sends the question and hands each message of the answer to `fn`. */
static int ask(struct nft *n, const struct question *q, void (*fn)(void *, const struct nlmsghdr *),
	       void *arg)
{
	int error = 0;

	if (mnl_socket_sendto(n->nl, q->nlh, q->nlh->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t got = recv(mnl_socket_get_fd(n->nl), n->rx, RX_BYTES, 0);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)n->rx;
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			if (nlh->nlmsg_seq == q->nlh->nlmsg_seq &&
			    read_one(nlh, fn, arg, &error) == ENDED)
				return error;
	}
}

static int read_generation(const struct nlattr *attr, void *arg)
{
	if (mnl_attr_get_type(attr) == NFTA_GEN_ID &&
	    mnl_attr_get_payload_len(attr) == sizeof(uint32_t))
		*(uint32_t *)arg = ntohl(mnl_attr_get_u32(attr));
	return MNL_CB_OK;
}

static void on_generation(void *arg, const struct nlmsghdr *nlh)
{
	(void)mnl_attr_parse(nlh, sizeof(struct nfgenmsg), read_generation, arg);
}

int nft_genid(struct nft *n, uint32_t *out)
{
	struct question q;
	uint32_t id = 0;
	int r;

	ask_for(n, &q, NFT_MSG_GETGEN, AF_UNSPEC, NLM_F_ACK);
	r = ask(n, &q, on_generation, &id);
	if (r == 0)
		*out = id ? id : 1;
	return r;
}

static void on_table(void *arg, const struct nlmsghdr *nlh)
{
	struct nft_table_info *info = arg;
	struct nftnl_table *t = nftnl_table_alloc();

	assert(t);
	info->exists = nftnl_table_nlmsg_parse(nlh, t) == 0;
	nftnl_table_free(t);
}

struct counting {
	const char *table;
	struct nft_table_info *info;
};

static void on_chain_of_table(void *arg, const struct nlmsghdr *nlh)
{
	struct counting *c = arg;
	struct nftnl_chain *chain = nftnl_chain_alloc();

	assert(chain);
	if (nftnl_chain_nlmsg_parse(nlh, chain) == 0 &&
	    strcmp(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE), c->table) == 0)
		c->info->chains++;
	nftnl_chain_free(chain);
}

static void on_set_of_table(void *arg, const struct nlmsghdr *nlh)
{
	struct counting *c = arg;
	struct nftnl_set *set = nftnl_set_alloc();

	assert(set);
	if (nftnl_set_nlmsg_parse(nlh, set) == 0 &&
	    strcmp(nftnl_set_get_str(set, NFTNL_SET_TABLE), c->table) == 0 &&
	    !(nftnl_set_is_set(set, NFTNL_SET_FLAGS) &&
	      nftnl_set_get_u32(set, NFTNL_SET_FLAGS) & NFT_SET_ANONYMOUS))
		c->info->sets++;
	nftnl_set_free(set);
}

static int is_of_table(const struct nlattr *attr, void *arg)
{
	struct counting *c = arg;

	if (mnl_attr_get_type(attr) == NFTA_OBJ_TABLE &&
	    mnl_attr_get_payload_len(attr) == strlen(c->table) + 1 &&
	    strcmp(mnl_attr_get_str(attr), c->table) == 0)
		c->info->others++;
	return MNL_CB_OK;
}

static_assert((int)NFTA_OBJ_TABLE == (int)NFTA_FLOWTABLE_TABLE, "one reader serves both");

static void on_other_of_table(void *arg, const struct nlmsghdr *nlh)
{
	(void)mnl_attr_parse(nlh, sizeof(struct nfgenmsg), is_of_table, arg);
}

int nft_read_table(struct nft *n, uint8_t family, const char *table, struct nft_table_info *out)
{
	struct nft_table_info info = { 0 };
	struct counting counting = { .table = table, .info = &info };
	struct question q;
	int r;

	ask_for(n, &q, NFT_MSG_GETTABLE, family, NLM_F_ACK);
	mnl_attr_put_strz(q.nlh, NFTA_TABLE_NAME, table);
	r = ask(n, &q, on_table, &info);
	if (r == -ENOENT)
		r = 0;
	if (r == 0 && info.exists) {
		ask_for(n, &q, NFT_MSG_GETCHAIN, family, NLM_F_DUMP);
		r = ask(n, &q, on_chain_of_table, &counting);
	}
	if (r == 0 && info.exists) {
		ask_for(n, &q, NFT_MSG_GETSET, family, NLM_F_DUMP);
		mnl_attr_put_strz(q.nlh, NFTA_SET_TABLE, table);
		r = ask(n, &q, on_set_of_table, &counting);
	}
	if (r == 0 && info.exists) {
		ask_for(n, &q, NFT_MSG_GETOBJ, family, NLM_F_DUMP);
		r = ask(n, &q, on_other_of_table, &counting);
	}
	if (r == 0 && info.exists) {
		ask_for(n, &q, NFT_MSG_GETFLOWTABLE, family, NLM_F_DUMP);
		r = ask(n, &q, on_other_of_table, &counting);
	}
	if (r == 0)
		*out = info;
	return r;
}

static void on_chain(void *arg, const struct nlmsghdr *nlh)
{
	struct nft_chain_info *info = arg;
	struct nftnl_chain *chain = nftnl_chain_alloc();

	assert(chain);
	if (nftnl_chain_nlmsg_parse(nlh, chain) == 0) {
		info->exists = true;
		info->use = nftnl_chain_get_u32(chain, NFTNL_CHAIN_USE);
		info->accepts = !nftnl_chain_is_set(chain, NFTNL_CHAIN_POLICY) ||
				nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY) == NF_ACCEPT;
	}
	nftnl_chain_free(chain);
}

int nft_read_chain(struct nft *n, uint8_t family, const char *table, const char *chain,
		   struct nft_chain_info *out)
{
	struct nft_chain_info info = { 0 };
	struct question q;
	int r;

	ask_for(n, &q, NFT_MSG_GETCHAIN, family, NLM_F_ACK);
	mnl_attr_put_strz(q.nlh, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(q.nlh, NFTA_CHAIN_NAME, chain);
	r = ask(n, &q, on_chain, &info);
	if (r == -ENOENT)
		r = 0;
	if (r == 0)
		*out = info;
	return r;
}

static void on_set(void *arg, const struct nlmsghdr *nlh)
{
	struct nft_set_info *info = arg;
	struct nftnl_set *set = nftnl_set_alloc();

	assert(set);
	if (nftnl_set_nlmsg_parse(nlh, set) == 0) {
		info->exists = true;
		info->key_len = nftnl_set_get_u32(set, NFTNL_SET_KEY_LEN);
		if (nftnl_set_is_set(set, NFTNL_SET_FLAGS))
			info->flags = nftnl_set_get_u32(set, NFTNL_SET_FLAGS);
	}
	nftnl_set_free(set);
}

int nft_read_set(struct nft *n, const struct nft_place *place, struct nft_set_info *out)
{
	struct nft_set_info info = { 0 };
	struct question q;
	int r;

	ask_for(n, &q, NFT_MSG_GETSET, place->family, NLM_F_ACK);
	mnl_attr_put_strz(q.nlh, NFTA_SET_TABLE, place->table);
	mnl_attr_put_strz(q.nlh, NFTA_SET_NAME, place->set);
	r = ask(n, &q, on_set, &info);
	if (r == -ENOENT)
		r = 0;
	if (r == 0)
		*out = info;
	return r;
}

struct lookups {
	void (*fn)(void *arg, const char *chain, uint64_t handle, const char *set);
	void *arg;
	struct nftnl_rule *rule;
};

static int on_expression(struct nftnl_expr *e, void *arg)
{
	struct lookups *l = arg;
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME), *set = NULL;

	if (strcmp(name, "lookup") == 0)
		set = nftnl_expr_get_str(e, NFTNL_EXPR_LOOKUP_SET);
	else if (strcmp(name, "dynset") == 0)
		set = nftnl_expr_get_str(e, NFTNL_EXPR_DYNSET_SET_NAME);
	if (set)
		l->fn(l->arg, nftnl_rule_get_str(l->rule, NFTNL_RULE_CHAIN),
		      nftnl_rule_get_u64(l->rule, NFTNL_RULE_HANDLE), set);
	return 0;
}

static void on_rule(void *arg, const struct nlmsghdr *nlh)
{
	struct lookups *l = arg;

	l->rule = nftnl_rule_alloc();
	assert(l->rule);
	if (nftnl_rule_nlmsg_parse(nlh, l->rule) == 0)
		(void)nftnl_expr_foreach(l->rule, on_expression, l);
	nftnl_rule_free(l->rule);
}

int nft_each_lookup(struct nft *n, uint8_t family, const char *table,
		    void (*fn)(void *arg, const char *chain, uint64_t handle, const char *set),
		    void *arg)
{
	struct lookups lookups = { .fn = fn, .arg = arg };
	struct question q;

	ask_for(n, &q, NFT_MSG_GETRULE, family, NLM_F_DUMP);
	mnl_attr_put_strz(q.nlh, NFTA_RULE_TABLE, table);
	return ask(n, &q, on_rule, &lookups);
}

struct elements {
	void (*fn)(void *arg, const struct nft_element *e);
	void *arg;
};

static int on_element(struct nftnl_set_elem *item, void *arg)
{
	const struct elements *elements = arg;
	struct nft_element e = { 0 };
	uint32_t len = 0;
	const void *key = nftnl_set_elem_get(item, NFTNL_SET_ELEM_KEY, &len);

	if (!key || (len != 4 && len != 16))
		return 0;
	memcpy(e.key, key, len);
	e.len = (uint8_t)len;
	e.end = nftnl_set_elem_is_set(item, NFTNL_SET_ELEM_FLAGS) &&
		nftnl_set_elem_get_u32(item, NFTNL_SET_ELEM_FLAGS) & NFT_SET_ELEM_INTERVAL_END;
	if (nftnl_set_elem_is_set(item, NFTNL_SET_ELEM_EXPIRATION)) {
		e.timeout_ms = (int64_t)nftnl_set_elem_get_u64(item, NFTNL_SET_ELEM_EXPIRATION);
		if (e.timeout_ms < 1) /* about to end; 0 would mean that it never does */
			e.timeout_ms = 1;
	}
	elements->fn(elements->arg, &e);
	return 0;
}

static void on_elements(void *arg, const struct nlmsghdr *nlh)
{
	struct nftnl_set *set = nftnl_set_alloc();

	assert(set);
	if (nftnl_set_elems_nlmsg_parse(nlh, set) == 0)
		(void)nftnl_set_elem_foreach(set, on_element, arg);
	nftnl_set_free(set);
}

int nft_each_element(struct nft *n, const struct nft_place *place,
		     void (*fn)(void *arg, const struct nft_element *e), void *arg)
{
	struct elements elements = { .fn = fn, .arg = arg };
	struct question q;

	ask_for(n, &q, NFT_MSG_GETSETELEM, place->family, NLM_F_DUMP);
	mnl_attr_put_strz(q.nlh, NFTA_SET_ELEM_LIST_TABLE, place->table);
	mnl_attr_put_strz(q.nlh, NFTA_SET_ELEM_LIST_SET, place->set);
	return ask(n, &q, on_elements, &elements);
}
