/*
 * A failure id: what is counted and banned.  Normally an address; a network, or any text that a
 * filter's <F-ID> captured.  Hostile text: print it only through the escaping printer.
 */
#pragma once

#include "base/ip.h"

enum {
	FID_TEXT_MAX = 256 /* bytes of a text id; a longer one is cut there */
};

struct fid {
	struct ip ip; /* family 0: not an address, see text */
	str text;     /* only when ip.family is 0 */
};

/* An address or network if the text is one, else the text itself (not copied). */
struct fid fid_parse(str text);
struct fid fid_ip(const struct ip *ip);
bool fid_eq(const struct fid *a, const struct fid *b);
/* As Fail2ban prints it. */
void fid_add(struct buf *b, const struct fid *id);
/* The bytes that stand for it in a table; `room` holds them, the result points into it. */
str fid_key(const struct fid *id, char room[static FID_TEXT_MAX + 1]);
/* The id behind such bytes; its text points into them. */
struct fid fid_from_key(str key);
/*
 * A text that is no address to us, but that other programs would take for one or for several
 * ("127.1", "0x7f000001", "1.1.1.1,2.2.2.2", "localhost"), or that was meant to be one
 * ("300.1.1.1").  Names that resolve are not known here.
 */
bool fid_looks_like_address(const struct fid *id);
