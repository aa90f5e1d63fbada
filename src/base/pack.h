/*
 * Fixed-width fields in a byte buffer, little-endian: for messages between processes and for
 * state on disk.  Reading trusts nothing: the first field that does not fit sets `bad`, and all
 * later ones read as zero or empty, so a caller may read a whole record and check once.
 */
#pragma once

#include "base/ip.h"

void pack_u8(struct buf *b, uint8_t v);
void pack_u32(struct buf *b, uint32_t v);
void pack_u64(struct buf *b, uint64_t v);
void pack_i64(struct buf *b, int64_t v);
void pack_f64(struct buf *b, double v);
/* Length as u32, then the bytes. */
void pack_str(struct buf *b, str s);
void pack_ip(struct buf *b, const struct ip *ip);

struct unpack {
	str in; /* what is left */
	bool bad;
};

uint8_t unpack_u8(struct unpack *u);
uint32_t unpack_u32(struct unpack *u);
uint64_t unpack_u64(struct unpack *u);
int64_t unpack_i64(struct unpack *u);
/* Not finite is bad. */
double unpack_f64(struct unpack *u);
/* More than `max` is bad, and reads as 0: for what bounds a loop. */
uint32_t unpack_count(struct unpack *u, uint32_t max);
/* Points into the input; longer than `max` is bad. */
str unpack_str(struct unpack *u, size_t max);
/* A well-formed address or network (host bits zero); family 0 is bad. */
struct ip unpack_ip(struct unpack *u);
/* All read, nothing left over, nothing bad. */
bool unpack_done(const struct unpack *u);
