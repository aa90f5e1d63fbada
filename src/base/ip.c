/* Addresses and networks; see ip.h.  Text comes from logs and clients: hostile. */
#include "base/ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

static unsigned width(uint8_t family)
{
	return family == 4 ? 32 : family == 6 ? 128 : 0;
}

static void clear_host_bits(struct ip *ip)
{
	for (unsigned i = 0; i < 16; i++) {
		if (i * 8 >= ip->prefix)
			ip->bytes[i] = 0;
		else if (i * 8 + 8 > ip->prefix)
			ip->bytes[i] &= (uint8_t)(0xff00u >> (ip->prefix - i * 8));
	}
}

/* A mask such as 255.255.255.0 as a number of bits, or -1. */
static int mask_bits(const struct ip *mask)
{
	unsigned n = width(mask->family), bits = 0;

	while (bits < n && mask->bytes[bits / 8] & 0x80u >> bits % 8)
		bits++;
	for (unsigned i = bits; i < n; i++)
		if (mask->bytes[i / 8] & 0x80u >> i % 8)
			return -1;
	return (int)bits;
}

static int parse_address(str text, struct ip *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char z[INET6_ADDRSTRLEN];
	struct ip ip = { 0 };

	if (text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
		text = str_mem(text.p + 1, text.n - 2);
	if (text.n == 0 || text.n >= sizeof z || memchr(text.p, '\0', text.n))
		return -EINVAL;
	memcpy(z, text.p, text.n);
	z[text.n] = '\0';
	if (inet_pton(AF_INET, z, ip.bytes) == 1) {
		ip.family = 4;
	} else if (inet_pton(AF_INET6, z, ip.bytes) == 1) {
		ip.family = 6;
		if (memcmp(ip.bytes, mapped, sizeof mapped) == 0) {
			memcpy(ip.bytes, ip.bytes + 12, 4);
			memset(ip.bytes + 4, 0, 12);
			ip.family = 4;
		}
	} else {
		return -EINVAL;
	}
	ip.prefix = (uint8_t)width(ip.family);
	*out = ip;
	return 0;
}

int ip_parse(str text, struct ip *out)
{
	ssize_t slash = str_chr(text, '/');
	struct ip ip, mask;
	int64_t bits;
	str tail;

	if (slash < 0)
		return parse_address(text, out);
	tail = str_from(text, (size_t)slash + 1);
	if (parse_address(str_head(text, (size_t)slash), &ip) < 0)
		return -EINVAL;
	if (tail.n == 0 || tail.p[0] == '+' || tail.p[0] == '-')
		return -EINVAL;
	if (str_to_i64(tail, 0, width(ip.family), &bits) < 0) {
		if (parse_address(tail, &mask) < 0 || mask.family != ip.family)
			return -EINVAL;
		bits = mask_bits(&mask);
		if (bits < 0)
			return -EINVAL;
	}
	ip.prefix = (uint8_t)bits;
	clear_host_bits(&ip);
	*out = ip;
	return 0;
}

void ip_print(const struct ip *ip, char out[static IP_TEXT_MAX])
{
	char z[INET6_ADDRSTRLEN] = "";

	if (ip->family == 4)
		inet_ntop(AF_INET, ip->bytes, z, sizeof z);
	else if (ip->family == 6)
		inet_ntop(AF_INET6, ip->bytes, z, sizeof z);
	if (ip_is_single(ip) || ip->prefix == 0)
		snprintf(out, IP_TEXT_MAX, "%s", z);
	else
		snprintf(out, IP_TEXT_MAX, "%s/%u", z, ip->prefix);
}

void ip_add(struct buf *b, const struct ip *ip)
{
	char z[IP_TEXT_MAX];

	ip_print(ip, z);
	buf_add_z(b, z);
}

bool ip_is_single(const struct ip *ip)
{
	return ip->prefix == width(ip->family);
}

bool ip_eq(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && a->prefix == b->prefix &&
	       memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool ip_in(const struct ip *ip, const struct ip *net)
{
	struct ip cut;

	if (ip->family != net->family || ip->family == 0 || ip->prefix < net->prefix)
		return false;
	cut = ip_masked(ip, net->prefix);
	return memcmp(cut.bytes, net->bytes, sizeof cut.bytes) == 0;
}

struct ip ip_masked(const struct ip *ip, unsigned bits)
{
	struct ip cut = *ip;

	if (bits < cut.prefix)
		cut.prefix = (uint8_t)bits;
	clear_host_bits(&cut);
	return cut;
}

struct ip ip_from_sockaddr(const struct sockaddr *sa)
{
	struct ip ip = { 0 };
	char z[INET6_ADDRSTRLEN];

	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof in);
		ip.family = 4;
		ip.prefix = 32;
		memcpy(ip.bytes, &in.sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof in6);
		/* through the text form, so that a mapped address becomes IPv4 in one place */
		if (inet_ntop(AF_INET6, &in6.sin6_addr, z, sizeof z) &&
		    parse_address(str_of(z), &ip) < 0)
			ip.family = 0;
	}
	return ip;
}

bool ip_is_loopback(const struct ip *ip)
{
	static const struct ip v4 = { .family = 4, .prefix = 8, .bytes = { 127 } };
	static const struct ip v6 = { .family = 6, .prefix = 128, .bytes = { [15] = 1 } };

	return ip_in(ip, &v4) || ip_in(ip, &v6);
}

void ip_add_reversed(struct buf *b, const struct ip *ip)
{
	if (ip->family == 4) {
		for (int i = 3; i >= 0; i--)
			buf_printf(b, "%u.", ip->bytes[i]);
	} else if (ip->family == 6) {
		for (int i = 15; i >= 0; i--)
			buf_printf(b, "%x.%x.", ip->bytes[i] & 15, ip->bytes[i] >> 4);
	}
}
