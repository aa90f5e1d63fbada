/*
 * What is kept of each action: the checks that its texts pass before they become names in the
 * kernel, and which names its sets have, so that no two actions share one.
 */
#include "firewall/handle.h"

#include <errno.h>
#include <string.h>

enum {
	HANDLES_MAX = 4096,
	PORTS_MAX = 512 /* an unnamed set of them is one message */
};

/* What `nft` can read back as a name, and fits with "-net" behind it. */
static bool is_name(str s, size_t max)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

		if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '.')))
			return false;
	}
	return s.n > 0 && s.n <= max;
}

static int hook_number(str hook)
{
	static const char *const names[] = { [NF_INET_PRE_ROUTING] = "prerouting",
					     [NF_INET_LOCAL_IN] = "input",
					     [NF_INET_FORWARD] = "forward",
					     [NF_INET_LOCAL_OUT] = "output",
					     [NF_INET_POST_ROUTING] = "postrouting" };

	for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
		if (str_is(hook, names[i]))
			return i;
	return -EINVAL;
}

static int refuse(struct err *err, const char *what, str value)
{
	return err_set(err, -EINVAL, "cannot set up the firewall: %s '%.*s' is not possible", what,
		       (int)(value.n < 300 ? value.n : 300), value.n ? value.p : "");
}

int handle_check_rule(const struct firewall_rule *rule, struct err *err)
{
	const struct {
		const char *what;
		str value;
		size_t max;
	} names[] = {
		{ "table", rule->table, NAME_MAX_BYTES },
		{ "chain", rule->chain, NAME_MAX_BYTES },
		{ "set", rule->set4, NAME_MAX_BYTES - 4 },
		{ "set", rule->set6, NAME_MAX_BYTES - 4 },
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!is_name(names[i].value, names[i].max))
			return refuse(err, names[i].what, names[i].value);
	if (str_eq(rule->set4, rule->set6))
		return refuse(err, "one set for IPv4 and IPv6", rule->set4);
	if (rule->family != NFPROTO_INET && rule->family != NFPROTO_IPV4 &&
	    rule->family != NFPROTO_IPV6)
		return refuse(err, "table family of table", rule->table);
	if (hook_number(rule->hook) < 0)
		return refuse(err, "hook", rule->hook);
	if (!str_is(rule->chain_type, "filter") && !str_is(rule->chain_type, "nat") &&
	    !str_is(rule->chain_type, "route"))
		return refuse(err, "chain type", rule->chain_type);
	if (!rule->all_ports && (!rule->n_ports || rule->n_ports > PORTS_MAX || !rule->n_protocols))
		return refuse(err, "the number of ports of chain", rule->chain);
	if (rule->n_protocols > UINT8_MAX)
		return refuse(err, "the number of protocols of chain", rule->chain);
	for (unsigned i = 0; i < rule->n_ports; i++)
		if (rule->ports[i].last < rule->ports[i].first)
			return refuse(err, "a port range of chain", rule->chain);
	return 0;
}

void handle_free(struct handle *h)
{
	if (!h)
		return;
	free(h->table);
	free(h->chain);
	free(h->chain_type);
	free(h->rule.ports);
	free(h->rule.protocols);
	for (unsigned i = 0; i < 2; i++) {
		free(h->side[i].set);
		free(h->side[i].net);
		prefixes_clear(&h->side[i].want);
		ranges_free(&h->side[i].have);
	}
	free(h);
}

struct handle *handle_new(const struct firewall_rule *rule)
{
	struct handle *h = xcalloc(1, sizeof *h);

	h->live = true;
	h->rule = *rule;
	h->rule.table = h->rule.chain = h->rule.set4 = h->rule.set6 = STR_NULL;
	h->rule.hook = h->rule.chain_type = STR_NULL;
	h->rule.ports = xmemdup(rule->ports, rule->n_ports * sizeof *rule->ports);
	h->rule.protocols = xmemdup(rule->protocols, rule->n_protocols);
	h->table = str_dup(rule->table);
	h->chain = str_dup(rule->chain);
	h->chain_type = str_dup(rule->chain_type);
	h->hook = (unsigned)hook_number(rule->hook);
	h->side[0].family = rule->family == NFPROTO_IPV6 ? 0 : 4;
	h->side[1].family = rule->family == NFPROTO_IPV4 ? 0 : 6;
	h->side[0].set = str_dup(rule->set4);
	h->side[1].set = str_dup(rule->set6);
	return h;
}

static bool same_table(const struct handle *a, const struct handle *b)
{
	return a->rule.family == b->rule.family && strcmp(a->table, b->table) == 0;
}

static bool has_name(const struct handle *h, const char *name)
{
	for (unsigned k = 0; k < 2; k++)
		if (strcmp(h->side[k].set, name) == 0 || strcmp(h->side[k].net, name) == 0)
			return true;
	return false;
}

static bool is_taken(const struct firewall *fw, const struct handle *but, const char *name)
{
	for (unsigned i = 0; i < fw->n_handles; i++)
		if (fw->handles[i] != but && fw->handles[i]->live &&
		    same_table(fw->handles[i], but) && has_name(fw->handles[i], name))
			return true;
	return false;
}

/*
 * The interval set's name is "NAME-net".  A jail "x-net" beside a jail "x" has that name for its
 * own: then one more "-net" is added.  `other` (may be NULL) is not among fw's handles yet.
 */
static int name_net(const struct firewall *fw, struct handle *h, struct side *s,
		    const struct handle *other)
{
	char *name = xasprintf("%s-net", s->set);

	free(s->net);
	s->net = xstrdup("");
	while ((is_taken(fw, h, name) || has_name(h, name) || (other && has_name(other, name))) &&
	       strlen(name) + 4 <= NAME_MAX_BYTES) {
		char *longer = xasprintf("%s-net", name);

		free(name);
		name = longer;
	}
	free(s->net);
	s->net = name;
	return is_taken(fw, h, name) ? -EEXIST : 0;
}

static bool same_sets(const struct handle *a, const struct handle *b)
{
	return same_table(a, b) && strcmp(a->side[0].set, b->side[0].set) == 0 &&
	       strcmp(a->side[1].set, b->side[1].set) == 0;
}

/* Another action's interval set of this name gets a new one if it does not stand yet. */
static int make_way(const struct firewall *fw, struct handle *other, const struct handle *h,
		    const char *name)
{
	for (unsigned k = 0; k < 2; k++) {
		if (strcmp(other->side[k].set, name) == 0 ||
		    (strcmp(other->side[k].net, name) == 0 && other->side[k].net_made))
			return -EEXIST;
		if (strcmp(other->side[k].net, name) == 0 &&
		    name_net(fw, other, &other->side[k], h) < 0)
			return -EEXIST;
	}
	return 0;
}

int handle_place(struct firewall *fw, struct handle *h, unsigned *at, struct err *err)
{
	int clash = 0;

	*at = fw->n_handles;
	for (unsigned i = 0; i < fw->n_handles; i++)
		if (!fw->handles[i]->live && *at == fw->n_handles)
			*at = i;
	for (unsigned i = 0; i < fw->n_handles; i++) {
		if (!fw->handles[i]->live || !same_sets(fw->handles[i], h))
			continue;
		*at = i;
		for (unsigned k = 0; k < 2; k++)
			h->side[k].net = xstrdup(fw->handles[i]->side[k].net);
		return 0;
	}
	if (*at == HANDLES_MAX)
		return err_set(err, -ENOSPC, "cannot set up the firewall: too many actions");
	for (unsigned k = 0; k < 2; k++)
		h->side[k].net = xstrdup("");
	for (unsigned k = 0; k < 2 && clash == 0; k++)
		clash = name_net(fw, h, &h->side[k], NULL);
	for (unsigned i = 0; i < 2 * fw->n_handles && clash == 0; i++)
		if (fw->handles[i / 2]->live && same_table(fw->handles[i / 2], h))
			clash = make_way(fw, fw->handles[i / 2], h, h->side[i % 2].set);
	if (clash < 0)
		return err_set(err, clash,
			       "cannot set up the firewall: another action uses set %s or %s",
			       h->side[0].set, h->side[1].set);
	return 0;
}
