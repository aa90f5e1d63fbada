/* Words of nft(8) as numbers; see values.h. */
#include "firewall/values.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

enum { PORTS_MAX = 512, PROTOCOLS_MAX = 64, WORD_MAX = 64 };

/*
 * The names that mail servers and Fail2ban's own jails use (IANA's numbers): a small system has no
 * /etc/services and /etc/protocols, and a ban may not depend on them.
 */
static const struct {
	const char *name;
	uint16_t port;
} known_services[] = {
	{ "ftp-data", 20 },     { "ftp", 21 },           { "ssh", 22 },     { "telnet", 23 },
	{ "smtp", 25 },         { "domain", 53 },        { "http", 80 },    { "pop3", 110 },
	{ "imap2", 143 },       { "imap", 143 },         { "imap3", 220 },  { "https", 443 },
	{ "submissions", 465 }, { "smtps", 465 },        { "ssmtp", 465 },  { "urd", 465 },
	{ "submission", 587 },  { "ftps-data", 989 },    { "ftps", 990 },   { "imaps", 993 },
	{ "pop3s", 995 },       { "mysql", 3306 },       { "sieve", 4190 }, { "sip", 5060 },
	{ "sip-tls", 5061 },    { "xmpp-client", 5222 },
};

static const struct {
	const char *name;
	uint8_t number;
} known_protocols[] = {
	{ "icmp", 1 },    { "igmp", 2 },       { "tcp", 6 },    { "udp", 17 },
	{ "dccp", 33 },   { "gre", 47 },       { "esp", 50 },   { "ah", 51 },
	{ "icmpv6", 58 }, { "ipv6-icmp", 58 }, { "sctp", 132 }, { "udplite", 136 },
};

/* Next piece between commas and blanks. */
static bool next_piece(str *rest, str *piece)
{
	size_t n = 0;

	while (rest->n && strchr(", \t\n", *rest->p))
		*rest = str_from(*rest, 1);
	while (n < rest->n && !strchr(", \t\n", rest->p[n]))
		n++;
	*piece = str_head(*rest, n);
	*rest = str_from(*rest, n);
	return n > 0;
}

static int service(str name, struct firewall_port *out)
{
	char z[WORD_MAX], room[4096];
	struct servent entry, *found = NULL;

	for (size_t i = 0; i < sizeof known_services / sizeof *known_services; i++)
		if (str_is(name, known_services[i].name)) {
			out->first = out->last = known_services[i].port;
			return 0;
		}
	if (name.n >= sizeof z)
		return -EINVAL;
	memcpy(z, name.p, name.n);
	z[name.n] = '\0';
	if (getservbyname_r(z, NULL, &entry, room, sizeof room, &found) != 0 || !found)
		return -EINVAL;
	out->first = out->last = ntohs((uint16_t)found->s_port);
	return 0;
}

static int port(str text, struct firewall_port *out)
{
	int64_t first, last;
	size_t n = 0;

	if (text.p[0] < '0' || text.p[0] > '9')
		return service(text, out);
	while (n < text.n && text.p[n] != ':' && text.p[n] != '-')
		n++;
	if (str_to_i64(str_head(text, n), 0, UINT16_MAX, &first) < 0)
		return -EINVAL;
	last = first;
	if (n < text.n && str_to_i64(str_from(text, n + 1), first, UINT16_MAX, &last) < 0)
		return -EINVAL;
	out->first = (uint16_t)first;
	out->last = (uint16_t)last;
	return 0;
}

static int by_first(const void *x, const void *y)
{
	const struct firewall_port *a = x, *b = y;

	return (a->first > b->first) - (a->first < b->first);
}

/* Sorted, overlapping ones made one; neighbours stay as written. */
static unsigned merge(struct firewall_port *ports, unsigned n)
{
	unsigned out = 0;

	qsort(ports, n, sizeof *ports, by_first);
	for (unsigned i = 0; i < n; i++) {
		if (out && ports[i].first <= ports[out - 1].last) {
			if (ports[i].last > ports[out - 1].last)
				ports[out - 1].last = ports[i].last;
		} else {
			ports[out++] = ports[i];
		}
	}
	return out;
}

int values_ports(str text, struct arena *arena, struct firewall_rule *out, str *bad)
{
	struct firewall_port *ports = arena_alloc(arena, PORTS_MAX * sizeof *ports);
	unsigned n = 0;
	str piece;

	while (next_piece(&text, &piece)) {
		if (n == PORTS_MAX || port(piece, &ports[n]) < 0) {
			*bad = piece;
			return -EINVAL;
		}
		n++;
	}
	if (n == 0) {
		*bad = STR("");
		return -EINVAL;
	}
	out->ports = ports;
	out->n_ports = merge(ports, n);
	return 0;
}

static int protocol(str name, uint8_t *out)
{
	char z[WORD_MAX], room[4096];
	struct protoent entry, *found = NULL;
	int64_t number;

	if (str_to_i64(name, 0, UINT8_MAX, &number) == 0) {
		*out = (uint8_t)number;
		return 0;
	}
	for (size_t i = 0; i < sizeof known_protocols / sizeof *known_protocols; i++)
		if (str_is(name, known_protocols[i].name)) {
			*out = known_protocols[i].number;
			return 0;
		}
	if (name.n >= sizeof z)
		return -EINVAL;
	memcpy(z, name.p, name.n);
	z[name.n] = '\0';
	if (getprotobyname_r(z, &entry, room, sizeof room, &found) != 0 || !found)
		return -EINVAL;
	*out = (uint8_t)found->p_proto;
	return 0;
}

int values_protocols(str text, struct arena *arena, struct firewall_rule *out, str *bad)
{
	uint8_t *protocols = arena_alloc(arena, PROTOCOLS_MAX);
	unsigned n = 0;
	str piece;

	if (str_is(str_trim(text), "all"))
		text = STR("");
	while (next_piece(&text, &piece)) {
		if (n == PROTOCOLS_MAX || protocol(piece, &protocols[n]) < 0) {
			*bad = piece;
			return -EINVAL;
		}
		if (!memchr(protocols, protocols[n], n))
			n++;
	}
	out->protocols = protocols;
	out->n_protocols = n;
	return 0;
}

int values_priority(str text, int *out)
{
	static const struct {
		const char *name;
		int base;
	} names[] = { { "raw", -300 }, { "mangle", -150 }, { "dstnat", -100 },
		      { "filter", 0 }, { "security", 50 }, { "srcnat", 100 } };
	int64_t number = 0;
	char sign = 0;
	int base = 0;

	text = str_trim(text);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!str_starts(text, str_of(names[i].name)))
			continue;
		base = names[i].base;
		text = str_trim(str_from(text, strlen(names[i].name)));
		if (text.n == 0) {
			*out = base;
			return 0;
		}
		if (*text.p != '+' && *text.p != '-')
			return -EINVAL;
		sign = *text.p;
		text = str_trim(str_from(text, 1));
		if (text.n == 0 || *text.p == '+' || *text.p == '-')
			return -EINVAL;
		break;
	}
	if (str_to_i64(text, -100000, 100000, &number) < 0)
		return -EINVAL;
	*out = base + (int)(sign == '-' ? -number : number);
	return 0;
}

/* Codes of linux/netfilter/nf_tables.h (icmpx) and of RFC 792 and RFC 4443. */
static const struct {
	const char *with, *type;
	uint8_t family; /* of the table that takes it */
	uint8_t reject_type, code;
} rejections[] = {
	{ "icmpx", "no-route", NFPROTO_INET, 2, 0 },
	{ "icmpx", "port-unreachable", NFPROTO_INET, 2, 1 },
	{ "icmpx", "host-unreachable", NFPROTO_INET, 2, 2 },
	{ "icmpx", "admin-prohibited", NFPROTO_INET, 2, 3 },
	{ "icmp", "net-unreachable", NFPROTO_IPV4, 0, 0 },
	{ "icmp", "host-unreachable", NFPROTO_IPV4, 0, 1 },
	{ "icmp", "prot-unreachable", NFPROTO_IPV4, 0, 2 },
	{ "icmp", "port-unreachable", NFPROTO_IPV4, 0, 3 },
	{ "icmp", "net-prohibited", NFPROTO_IPV4, 0, 9 },
	{ "icmp", "host-prohibited", NFPROTO_IPV4, 0, 10 },
	{ "icmp", "admin-prohibited", NFPROTO_IPV4, 0, 13 },
	{ "icmpv6", "no-route", NFPROTO_IPV6, 0, 0 },
	{ "icmpv6", "admin-prohibited", NFPROTO_IPV6, 0, 1 },
	{ "icmpv6", "addr-unreachable", NFPROTO_IPV6, 0, 3 },
	{ "icmpv6", "port-unreachable", NFPROTO_IPV6, 0, 4 },
	{ "icmpv6", "policy-fail", NFPROTO_IPV6, 0, 5 },
	{ "icmpv6", "reject-route", NFPROTO_IPV6, 0, 6 },
};

static int rejection(const char *with, str type, struct firewall_rule *out)
{
	for (size_t i = 0; i < sizeof rejections / sizeof *rejections; i++) {
		if (strcmp(rejections[i].with, with) != 0 || !str_is(type, rejections[i].type) ||
		    rejections[i].family != out->family)
			continue;
		out->verdict = FIREWALL_REJECT;
		out->reject_type = rejections[i].reject_type;
		out->reject_code = rejections[i].code;
		return 1;
	}
	return 0;
}

static const char *usual_icmp(uint8_t family)
{
	return family == NFPROTO_INET ? "icmpx" : family == NFPROTO_IPV4 ? "icmp" : "icmpv6";
}

int values_blocktype(str text, struct firewall_rule *out)
{
	str words[6];
	unsigned n = 0;

	while (n < 6 && str_word(&text, &words[n]))
		n++;
	if (n == 1 && str_is(words[0], "drop")) {
		out->verdict = FIREWALL_DROP;
		return 1;
	}
	if (n == 0 || !str_is(words[0], "reject"))
		return 0;
	if (n == 1)
		return rejection(usual_icmp(out->family), STR("port-unreachable"), out);
	if (n < 4 || n > 5 || !str_is(words[1], "with"))
		return 0;
	if (n == 4 && str_is(words[2], "tcp") && str_is(words[3], "reset")) {
		if (out->n_protocols != 1 || out->protocols[0] != IPPROTO_TCP)
			return 0;
		out->verdict = FIREWALL_REJECT;
		out->reject_type = 1;
		out->reject_code = 0;
		return 1;
	}
	if (n == 5 && !str_is(words[3], "type"))
		return 0;
	for (size_t i = 0; i < sizeof rejections / sizeof *rejections; i++)
		if (str_is(words[2], rejections[i].with))
			return rejection(rejections[i].with, words[n - 1], out);
	return 0;
}
