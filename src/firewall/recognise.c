/*
 * Which action.d action may be enforced natively.  Two kinds are known:
 *
 * - An action with the property `lastknock = nftables` says itself that its commands do what the
 *   firewall does natively (our own action.d/nftables.conf).  Its text is not looked at.
 * - The stock action.d/nftables.conf of Fail2ban 0.11 to 1.1, with or without the widespread
 *   `flags interval` and `auto-merge` for its sets.  Each of its commands must be known to the
 *   letter, because an administrator may have changed one: then the action runs as shell, as its
 *   author meant.
 *
 * The stock texts are not part of this program.  What is kept of each command is a SHA-256 of the
 * text, with every value of a property (the table's name, the ports ...) masked by one byte and
 * white space left out, and the list of properties that stand at the masked places, in order, one
 * letter each.  A text is known if the digest agrees and each masked place holds the value of the
 * property that belongs there; so a value that equals another one, or a word of nft, either
 * means the same thing in the end or is not recognised.
 *
 * Called by the warden when it has read the configuration (trusted input).
 */
#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "config/property.h"
#include "firewall/values.h"

enum {
	HOLES_MAX = 64,
	MASK = 1 /* the byte that stands for a value */
};

/* The properties that may stand in a command, by their letter. */
static const struct {
	char letter;
	const char *name;
} holes[] = {
	{ 'n', "nftables" },       { 'f', "table_family" }, { 't', "table" },
	{ 'c', "chain" },          { 'y', "chain_type" },   { 'h', "chain_hook" },
	{ 'p', "chain_priority" }, { 'b', "blocktype" },    { 'o', "port" },
	{ 'r', "protocol" },
};

enum { N_HOLES = sizeof holes / sizeof *holes };

enum kind { ANY_KIND, MULTIPORT, ALLPORTS, CUSTOM };

static const struct {
	const char *property;
	enum kind kind; /* what the rule matches; ANY_KIND: the command does not show it */
	const char *letters;
	const char *digest;
} known[] = {
	{ "actionstart", MULTIPORT, "nftnftcyhpnftrnftcob",
	  "9da6ba13c6e015d21644f03df75b373d435ca1d14c931cf6239d38802e8642a2" },
	{ "actionstart", ALLPORTS, "nftnftcyhpnftnftcrb",
	  "a28794506d750506b3c6254ab80d66506ef5ca0b89a71d987aaa3ef38cde9a0a" },
	{ "actionstart", CUSTOM, "nftnftcyhpnftnftcb",
	  "863027b0e1f9a5e5b0bfb5eec128095ee578b325cbfcab83b240d769b8f34c40" },
	{ "actionflush", MULTIPORT, "nftnftcnftcnftnftrnftcob",
	  "2000e97db3d4b02a217a252307fe58bbab814ffb1e4f7f72474a29a80d87bd7d" },
	{ "actionflush", ALLPORTS, "nftnftcnftcnftnftnftcrb",
	  "7556e17a101434ab9a967a1081d567787df809260fb9e7311a35fc3ab4789015" },
	{ "actionflush", CUSTOM, "nftnftcnftcnftnftnftcb",
	  "0769fb78d4227db2b391c3c5e58832c30cdaa43e62f9a669289749707b650c5b" },
	{ "actionstop", ANY_KIND, "nftcnftcnftnftnft",
	  "391f073cc081919a1a4749345ee90e7b39e71492342fb00a3e58a1155c21b53e" },
	{ "actioncheck", ANY_KIND, "nftc",
	  "526f0f6fcbf886e8197efc15b1fe2641a19c52a09f13d3fba2fec7cba1844411" },
	{ "actionban", ANY_KIND, "nft",
	  "34bf702ff8a5809ef0e5db6a6b4ececd3739df5bffa4b4edff667c9a4a88aa07" },
	{ "actionunban", ANY_KIND, "nft",
	  "3726e7f77d46cfbb82ecb23da815832e8bca53dcb6d5d733b1bfe315e5df5f19" },
};

struct masked {
	struct buf skeleton;
	str hole[HOLES_MAX];
	unsigned n_holes;
	bool too_many;
};

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.' || c == '/';
}

/* The longest value that stands as whole words at `at`. */
static str value_at(str text, size_t at, const str values[N_HOLES])
{
	str best = STR_NULL;

	if (at > 0 && is_name_byte(text.p[at - 1]))
		return best;
	for (unsigned i = 0; i < N_HOLES; i++) {
		size_t end = at + values[i].n;

		if (values[i].n > best.n && str_starts(str_from(text, at), values[i]) &&
		    (end == text.n || !is_name_byte(text.p[end])))
			best = str_mem(text.p + at, values[i].n);
	}
	return best;
}

/* Takes out `part` wherever it is. */
static void leave_out(struct buf *b, str part)
{
	ssize_t at;

	while ((at = str_find(buf_str(b), part)) >= 0) {
		assert(b->p && (size_t)at + part.n <= b->n);
		memmove(b->p + at, b->p + at + part.n, b->n - (size_t)at - part.n);
		b->n -= part.n;
	}
}

static void mask(str text, const str values[N_HOLES], struct masked *m)
{
	for (size_t at = 0; at < text.n;) {
		str value = value_at(text, at, values);

		if (value.n) {
			if (m->n_holes < HOLES_MAX)
				m->hole[m->n_holes++] = value;
			else
				m->too_many = true;
			buf_add_char(&m->skeleton, MASK);
			at += value.n;
			continue;
		}
		if (!strchr(" \t\n\v\f\r", text.p[at]))
			buf_add_char(&m->skeleton, text.p[at]);
		at++;
	}
	leave_out(&m->skeleton, STR("flagsinterval\\;"));
	leave_out(&m->skeleton, STR("auto-merge\\;"));
}

static void hex_digest(str text, char out[static 65])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (EVP_Digest(text.p, text.n, digest, &n, EVP_sha256(), NULL) != 1)
		n = 0; /* agrees with nothing */
	out[0] = '\0';
	for (unsigned i = 0; i < n; i++)
		snprintf(out + (size_t)2 * i, 3, "%02x", digest[i]);
}

static str value_of_letter(char letter, const str values[N_HOLES])
{
	for (unsigned i = 0; i < N_HOLES; i++)
		if (holes[i].letter == letter)
			return values[i];
	return STR_NULL;
}

static bool holes_agree(const struct masked *m, const char *letters, const str values[N_HOLES])
{
	if (m->too_many || m->n_holes != strlen(letters))
		return false;
	for (unsigned i = 0; i < m->n_holes; i++)
		if (!str_eq(m->hole[i], value_of_letter(letters[i], values)))
			return false;
	return true;
}

/* Is it the stock text of that property?  *kind becomes what it shows. */
static bool is_known(str property, str text, const str values[N_HOLES], enum kind *kind)
{
	struct masked m = { 0 };
	bool found = false;
	char hex[65];

	mask(text, values, &m);
	hex_digest(buf_str(&m.skeleton), hex);
	for (size_t i = 0; i < sizeof known / sizeof *known && !found; i++) {
		if (!str_is(property, known[i].property) || strcmp(hex, known[i].digest) != 0 ||
		    !holes_agree(&m, known[i].letters, values))
			continue;
		found = known[i].kind == ANY_KIND || *kind == ANY_KIND || *kind == known[i].kind;
		if (known[i].kind != ANY_KIND)
			*kind = known[i].kind;
	}
	buf_free(&m.skeleton);
	return found;
}

/* Does the property run commands? */
static bool is_command(str name)
{
	static const char *const commands[] = { "actionstart",  "actionstop",    "actionflush",
						"actionreload", "actioncheck",   "actionrepair",
						"actionban",    "actionprolong", "actionreban",
						"actionunban" };

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		size_t n = strlen(commands[i]);

		if (str_starts(name, str_of(commands[i])) && (name.n == n || name.p[n] == '?'))
			return true;
	}
	return false;
}

/*
 * jail.conf hands `chain = <known/chain>` to every action; the real name is then only in the
 * commands: the word behind "add chain FAMILY TABLE".
 */
static str chain_in(str text, str family, str table)
{
	str word, last[3] = { STR_NULL, STR_NULL, STR_NULL };

	while (str_word(&text, &word)) {
		if (str_is(last[0], "chain") && str_eq(last[1], family) && str_eq(last[2], table))
			return word;
		last[0] = last[1];
		last[1] = last[2];
		last[2] = word;
	}
	return STR_NULL;
}

struct reading {
	struct property_scope scope;
	struct arena *arena;
	struct err *err;
	const struct config_action *action;
	str values[N_HOLES];
};

/* A property for the family, with what it names put in; "" if there is none. */
static int read_value(struct reading *r, const char *name, const char *family, str *out)
{
	str text;

	r->scope.family = family;
	text = property_find(&r->scope, str_of(name));
	return property_expand(&r->scope, text.p ? text : STR(""), r->arena, out, r->err);
}

static int read_values(struct reading *r)
{
	int result = 0;
	str start;

	for (unsigned i = 0; i < N_HOLES && result == 0; i++)
		result = read_value(r, holes[i].name, "inet4", &r->values[i]);
	if (result < 0)
		return result;
	for (unsigned i = 0; i < N_HOLES; i++) {
		if (holes[i].letter != 'c' || str_chr(r->values[i], '<') < 0)
			continue;
		result = read_value(r, "actionstart", "inet4", &start);
		if (result == 0)
			r->values[i] = chain_in(start, value_of_letter('f', r->values),
						value_of_letter('t', r->values));
	}
	return result;
}

/* The kind of rule that the stock commands make, or -1: they are not the stock ones. */
static int stock_kind(const struct reading *r)
{
	static const char *const programs[] = { "nft", "/usr/sbin/nft", "/sbin/nft",
						"/usr/bin/nft" };
	const struct value *p = r->action->properties;
	str program = value_of_letter('n', r->values);
	enum kind kind = ANY_KIND;
	unsigned needed = 0;
	bool usual = false;

	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
		usual |= str_is(program, programs[i]);
	for (size_t i = 0; usual && i + 1 < p->n; i += 2) {
		str name = p->items[i]->s, text = p->items[i + 1]->s;

		if (!is_command(name) || str_trim(text).n == 0)
			continue;
		if (!is_known(name, text, r->values, &kind))
			usual = false;
		needed += str_is(name, "actionstart") || str_is(name, "actionban") ||
			  str_is(name, "actionunban");
	}
	return usual && needed == 3 && kind != ANY_KIND ? (int)kind : -1;
}

/* The kind that an action of ours names. */
static int own_kind(struct reading *r, enum kind *out)
{
	str type;
	int result = read_value(r, "type", "inet4", &type);

	if (result < 0)
		return result;
	if (type.n == 0 || str_is(type, "multiport"))
		*out = MULTIPORT;
	else if (str_is(type, "allports"))
		*out = ALLPORTS;
	else
		return err_set(r->err, -EINVAL, "action '%.*s': type '%.*s' is not known",
			       STR_ARG(r->action->name), STR_ARG(type));
	return 0;
}

static int bad_value(const struct reading *r, const char *what, str value)
{
	return err_set(r->err, -EINVAL, "action '%.*s': %s '%.*s' is not known",
		       STR_ARG(r->action->name), what, STR_ARG(value));
}

/* The sets' names; 0 also if the families are not what the stock action has for them. */
static int read_sets(struct reading *r, struct firewall_rule *out)
{
	static const struct {
		const char *family, *saddr, *type;
	} sides[] = { { "inet4", "ip", "ipv4_addr" }, { "inet6", "ip6", "ipv6_addr" } };
	str *names[] = { &out->set4, &out->set6 }, saddr = STR_NULL, type = STR_NULL;
	int result = 0;

	for (unsigned i = 0; i < 2; i++) {
		result = read_value(r, "addr_set", sides[i].family, names[i]);
		if (result == 0)
			result = read_value(r, "addr_family", sides[i].family, &saddr);
		if (result == 0)
			result = read_value(r, "addr_type", sides[i].family, &type);
		if (result < 0)
			return result;
		if (!str_is(saddr, sides[i].saddr) || !str_is(type, sides[i].type))
			return 0;
	}
	return str_eq(out->set4, out->set6) ? 0 : 1;
}

static bool has_ports(const struct firewall_rule *rule, str *bad, str protocols)
{
	for (unsigned i = 0; i < rule->n_protocols; i++) {
		switch (rule->protocols[i]) {
		case IPPROTO_TCP:
		case IPPROTO_UDP:
		case IPPROTO_SCTP:
		case IPPROTO_DCCP:
		case IPPROTO_UDPLITE:
			break;
		default:
			*bad = protocols;
			return false;
		}
	}
	*bad = protocols;
	return rule->n_protocols > 0;
}

static int read_rule(struct reading *r, enum kind kind, struct firewall_rule *out)
{
	str family = value_of_letter('f', r->values), bad = STR_NULL;
	str protocols = value_of_letter('r', r->values);

	out->table = value_of_letter('t', r->values);
	out->chain = value_of_letter('c', r->values);
	out->hook = value_of_letter('h', r->values);
	out->chain_type = value_of_letter('y', r->values);
	out->all_ports = kind != MULTIPORT;
	if (str_is(family, "inet"))
		out->family = NFPROTO_INET;
	else if (str_is(family, "ip"))
		out->family = NFPROTO_IPV4;
	else if (str_is(family, "ip6"))
		out->family = NFPROTO_IPV6;
	else
		return 0;
	if (values_priority(value_of_letter('p', r->values), &out->priority) < 0)
		return bad_value(r, "chain_priority", value_of_letter('p', r->values));
	if (kind != CUSTOM && values_protocols(protocols, r->arena, out, &bad) < 0)
		return bad_value(r, "protocol", bad);
	if (kind == MULTIPORT && !has_ports(out, &bad, protocols))
		return bad_value(r, "protocol (for ports)", bad);
	if (kind == MULTIPORT &&
	    values_ports(value_of_letter('o', r->values), r->arena, out, &bad) < 0)
		return bad_value(r, "port", bad);
	if (values_blocktype(value_of_letter('b', r->values), out) == 0)
		return 0;
	return read_sets(r, out);
}

int firewall_recognise(const struct config_action *action, struct arena *arena,
		       struct firewall_rule *out, struct err *err)
{
	struct reading r = {
		.scope.properties = action->properties, .arena = arena, .err = err, .action = action
	};
	struct firewall_rule rule = { 0 };
	enum kind kind = ANY_KIND;
	int result;
	str own = STR_NULL;

	if (action->python)
		return 0;
	result = read_values(&r);
	if (result == 0)
		result = read_value(&r, "lastknock", "inet4", &own);
	if (result < 0)
		return result == -ELOOP || result == -E2BIG ? 0 : result;
	if (str_is(own, "nftables")) {
		result = own_kind(&r, &kind);
		if (result < 0)
			return result;
	} else {
		result = stock_kind(&r);
		if (result < 0)
			return 0;
		kind = (enum kind)result;
	}
	result = read_rule(&r, kind, &rule);
	if (result == 1)
		*out = rule;
	return result;
}
