/*
 * IP addresses and networks in binary; never handled as text inside the program.
 * Text forms are those of inet_pton(3) only: no leading zeros, no zone.  v4-mapped IPv6 becomes
 * IPv4 at this border.
 */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/str.h"

enum {
	IP_TEXT_MAX = 64 /* longest text with prefix and NUL */
};

struct ip {
	uint8_t family;    /* 4, 6, or 0: not an address */
	uint8_t prefix;    /* bits: 32 / 128 for a single address */
	uint8_t bytes[16]; /* network order; IPv4 in the first 4; host bits are zero */
};

/*
 * "192.0.2.1", "2001:db8::1", "[2001:db8::1]", each also with "/LEN" or "/MASK".  Host bits are
 * cleared.  0 or -EINVAL.
 */
int ip_parse(str text, struct ip *out) __attribute__((warn_unused_result));
/* Canonical lower-case text; the prefix is left out for single addresses and for /0. */
void ip_print(const struct ip *ip, char out[static IP_TEXT_MAX]);
void ip_add(struct buf *b, const struct ip *ip);
bool ip_is_single(const struct ip *ip);
bool ip_eq(const struct ip *a, const struct ip *b);
/* Is `ip` (an address or a smaller network) inside `net`? False across families. */
bool ip_in(const struct ip *ip, const struct ip *net);
/* The network of `bits` that holds ip. */
struct ip ip_masked(const struct ip *ip, unsigned bits);
/* From a socket address; family 0 if it is neither AF_INET nor AF_INET6. */
struct ip ip_from_sockaddr(const struct sockaddr *sa);
/* 127/8, ::1. */
bool ip_is_loopback(const struct ip *ip);
/* Reversed text for DNS: "4.3.2.1." or 32 nibbles with dots; for <ip-rev>. */
void ip_add_reversed(struct buf *b, const struct ip *ip);
