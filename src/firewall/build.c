/*
 * The messages that make and unmake tables, chains, sets and rules, in the shape that `nft` itself
 * gives them, so that `nft list ruleset` shows the lines an administrator of Fail2ban knows.
 * Called with a checked handle only.
 */
#include "firewall/handle.h"

#include <assert.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>

/* nft's numbers of data types, by which it prints elements */
enum { TYPE_IPV4_ADDR = 7, TYPE_IPV6_ADDR = 8, TYPE_INET_PROTO = 12, TYPE_INET_SERVICE = 13 };

void build_table(struct nft_batch *b, const struct handle *h)
{
	struct nlmsghdr *nlh =
		nft_batch_put(b, NFT_MSG_NEWTABLE, h->rule.family, NLM_F_CREATE, "add the table");

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, h->table);
	nft_batch_done(b, nlh);
}

void build_chain(struct nft_batch *b, const struct handle *h)
{
	struct nlmsghdr *nlh =
		nft_batch_put(b, NFT_MSG_NEWCHAIN, h->rule.family, NLM_F_CREATE, "add the chain");
	struct nftnl_chain *c = nftnl_chain_alloc();

	assert(c);
	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, h->table);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, h->chain);
	nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, h->chain_type);
	nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, h->hook);
	nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, h->rule.priority);
	nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	nftnl_chain_nlmsg_build_payload(nlh, c);
	nftnl_chain_free(c);
	nft_batch_done(b, nlh);
}

static uint32_t put_set(struct nft_batch *b, const struct handle *h, const char *name,
			uint32_t flags, uint32_t type, uint32_t len)
{
	struct nlmsghdr *nlh =
		nft_batch_put(b, NFT_MSG_NEWSET, h->rule.family, NLM_F_CREATE, "add a set");
	struct nftnl_set *s = nftnl_set_alloc();

	assert(s);
	nftnl_set_set_str(s, NFTNL_SET_TABLE, h->table);
	nftnl_set_set_str(s, NFTNL_SET_NAME, name);
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, flags);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, type);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, len);
	nftnl_set_set_u32(s, NFTNL_SET_ID, ++b->set_id);
	nftnl_set_nlmsg_build_payload(nlh, s);
	nftnl_set_free(s);
	nft_batch_done(b, nlh);
	return b->set_id;
}

void build_set(struct nft_batch *b, const struct handle *h, const struct side *s, bool net)
{
	put_set(b, h, net ? s->net : s->set, NFT_SET_TIMEOUT | (net ? NFT_SET_INTERVAL : 0),
		s->family == 4 ? TYPE_IPV4_ADDR : TYPE_IPV6_ADDR, s->family == 4 ? 4 : 16);
}

static void put_set_name(struct nlmsghdr *nlh, const struct handle *h, const char *set)
{
	mnl_attr_put_strz(nlh, NFTA_SET_TABLE, h->table);
	mnl_attr_put_strz(nlh, NFTA_SET_NAME, set);
}

void build_delete_set(struct nft_batch *b, const struct handle *h, const char *set)
{
	struct nlmsghdr *nlh =
		nft_batch_put(b, NFT_MSG_DELSET, h->rule.family, 0, "delete the set");

	put_set_name(nlh, h, set);
	nft_batch_done(b, nlh);
}

void build_delete_rule(struct nft_batch *b, const struct handle *h, uint64_t rule)
{
	struct nlmsghdr *nlh =
		nft_batch_put(b, NFT_MSG_DELRULE, h->rule.family, 0, "delete the rule");

	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, h->table);
	mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, h->chain);
	mnl_attr_put_u64(nlh, NFTA_RULE_HANDLE, htobe64(rule));
	nft_batch_done(b, nlh);
}

void build_delete_chain(struct nft_batch *b, const struct handle *h)
{
	struct nlmsghdr *nlh =
		nft_batch_put(b, NFT_MSG_DELCHAIN, h->rule.family, 0, "delete the chain");

	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, h->table);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, h->chain);
	nft_batch_done(b, nlh);
}

void build_delete_table(struct nft_batch *b, const struct handle *h)
{
	struct nlmsghdr *nlh =
		nft_batch_put(b, NFT_MSG_DELTABLE, h->rule.family, 0, "delete the table");

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, h->table);
	nft_batch_done(b, nlh);
}

static struct nftnl_expr *add(struct nftnl_rule *r, const char *name)
{
	struct nftnl_expr *e = nftnl_expr_alloc(name);

	assert(e);
	nftnl_rule_add_expr(r, e);
	return e;
}

static void add_meta(struct nftnl_rule *r, uint32_t key)
{
	struct nftnl_expr *e = add(r, "meta");

	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

static void add_payload(struct nftnl_rule *r, uint32_t base, uint32_t offset, uint32_t len)
{
	struct nftnl_expr *e = add(r, "payload");

	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
}

static void add_cmp(struct nftnl_rule *r, uint32_t op, const void *data, uint32_t len)
{
	struct nftnl_expr *e = add(r, "cmp");

	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len);
}

/* id 0: a set that stands; else one of this batch. */
static void add_lookup(struct nftnl_rule *r, const char *set, uint32_t id)
{
	struct nftnl_expr *e = add(r, "lookup");

	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
	if (id)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SET_ID, id);
}

static void add_verdict(struct nftnl_rule *r, const struct firewall_rule *rule)
{
	struct nftnl_expr *e;

	if (rule->verdict == FIREWALL_DROP) {
		e = add(r, "immediate");
		nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
		nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, NF_DROP);
		return;
	}
	e = add(r, "reject");
	nftnl_expr_set_u32(e, NFTNL_EXPR_REJECT_TYPE, rule->reject_type);
	nftnl_expr_set_u8(e, NFTNL_EXPR_REJECT_CODE, rule->reject_code);
}

static void put_item(struct nlmsghdr *nlh, const void *key, uint16_t len, bool end)
{
	struct nlattr *item = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM), *nest;

	if (end)
		mnl_attr_put_u32(nlh, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	nest = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);
	mnl_attr_put(nlh, NFTA_DATA_VALUE, len, key);
	mnl_attr_nest_end(nlh, nest);
	mnl_attr_nest_end(nlh, item);
}

/* The elements of an unnamed set of this batch: values of `len` bytes, ranges if `interval`. */
static void put_items(struct nft_batch *b, const struct handle *h, uint32_t id,
		      const struct firewall_port *values, unsigned n, uint16_t len, bool interval)
{
	struct nlmsghdr *nlh =
		nft_batch_put(b, NFT_MSG_NEWSETELEM, h->rule.family, NLM_F_CREATE, "add ports");
	struct nlattr *list;

	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, h->table);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, "__set%d");
	mnl_attr_put_u32(nlh, NFTA_SET_ELEM_LIST_SET_ID, htonl(id));
	list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (unsigned i = 0; i < n; i++) {
		uint16_t first = htons(values[i].first),
			 end = htons((uint16_t)(values[i].last + 1));
		uint8_t byte = (uint8_t)values[i].first;

		put_item(nlh, len == 1 ? (void *)&byte : (void *)&first, len, false);
		if (interval && values[i].last != UINT16_MAX)
			put_item(nlh, &end, len, true);
	}
	mnl_attr_nest_end(nlh, list);
	nft_batch_done(b, nlh);
}

static uint32_t put_values(struct nft_batch *b, const struct handle *h,
			   const struct firewall_port *values, unsigned n, uint32_t type,
			   uint16_t len)
{
	bool interval = false;
	uint32_t id;

	for (unsigned i = 0; i < n; i++)
		interval |= values[i].first != values[i].last;
	id = put_set(b, h, "__set%d",
		     NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | (interval ? NFT_SET_INTERVAL : 0), type,
		     len);
	put_items(b, h, id, values, n, len, interval);
	return id;
}

/* ports_set: the unnamed set made for them, 0 if they are one value or range. */
static void add_ports(struct nftnl_rule *r, const struct firewall_rule *rule, uint32_t ports_set)
{
	uint16_t first = htons(rule->ports[0].first), last = htons(rule->ports[0].last);

	add_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
	if (ports_set) {
		add_lookup(r, "__set%d", ports_set);
	} else if (first == last) {
		add_cmp(r, NFT_CMP_EQ, &first, sizeof first);
	} else {
		add_cmp(r, NFT_CMP_GTE, &first, sizeof first);
		add_cmp(r, NFT_CMP_LTE, &last, sizeof last);
	}
}

static void add_source(struct nftnl_rule *r, const struct handle *h, const struct side *s, bool net)
{
	uint8_t nfproto = s->family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;

	if (h->rule.family == NFPROTO_INET) {
		add_meta(r, NFT_META_NFPROTO);
		add_cmp(r, NFT_CMP_EQ, &nfproto, sizeof nfproto);
	}
	if (s->family == 4)
		add_payload(r, NFT_PAYLOAD_NETWORK_HEADER, 12, 4);
	else
		add_payload(r, NFT_PAYLOAD_NETWORK_HEADER, 8, 16);
	add_lookup(r, net ? s->net : s->set, 0);
}

/* protocol -1: any of them (`protocols_set`, or none at all) */
static void put_rule(struct nft_batch *b, const struct handle *h, const struct side *s, bool net,
		     int protocol, uint32_t protocols_set, uint32_t ports_set)
{
	struct nftnl_rule *r = nftnl_rule_alloc();
	uint8_t byte = (uint8_t)protocol;
	struct nlmsghdr *nlh;

	assert(r);
	nftnl_rule_set_str(r, NFTNL_RULE_TABLE, h->table);
	nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, h->chain);
	if (protocol >= 0 || protocols_set)
		add_meta(r, NFT_META_L4PROTO);
	if (protocol >= 0)
		add_cmp(r, NFT_CMP_EQ, &byte, sizeof byte);
	else if (protocols_set)
		add_lookup(r, "__set%d", protocols_set);
	if (!h->rule.all_ports)
		add_ports(r, &h->rule, ports_set);
	add_source(r, h, s, net);
	add_verdict(r, &h->rule);
	nlh = nft_batch_put(b, NFT_MSG_NEWRULE, h->rule.family, NLM_F_CREATE | NLM_F_APPEND,
			    "add the rule");
	nftnl_rule_nlmsg_build_payload(nlh, r);
	nftnl_rule_free(r);
	nft_batch_done(b, nlh);
}

void build_rules(struct nft_batch *b, const struct handle *h, const struct side *s, bool net)
{
	const struct firewall_rule *rule = &h->rule;
	struct firewall_port protocols[UINT8_MAX + 1];

	if (rule->all_ports && rule->n_protocols != 1) {
		for (unsigned i = 0; i < rule->n_protocols; i++)
			protocols[i].first = protocols[i].last = rule->protocols[i];
		put_rule(b, h, s, net, -1,
			 rule->n_protocols ? put_values(b, h, protocols, rule->n_protocols,
							TYPE_INET_PROTO, 1)
					   : 0,
			 0);
		return;
	}
	for (unsigned i = 0; i < rule->n_protocols; i++) {
		/* an unnamed set belongs to one rule */
		uint32_t ports =
			!rule->all_ports && rule->n_ports > 1
				? put_values(b, h, rule->ports, rule->n_ports, TYPE_INET_SERVICE, 2)
				: 0;

		put_rule(b, h, s, net, rule->protocols[i], 0, ports);
	}
}
