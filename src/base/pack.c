/* Fixed-width fields; see pack.h.  What is read may come from a process that was taken over. */
#include "base/pack.h"

#include <endian.h>
#include <math.h>

void pack_u8(struct buf *b, uint8_t v)
{
	buf_add(b, &v, sizeof v);
}

void pack_u32(struct buf *b, uint32_t v)
{
	v = htole32(v);
	buf_add(b, &v, sizeof v);
}

void pack_u64(struct buf *b, uint64_t v)
{
	v = htole64(v);
	buf_add(b, &v, sizeof v);
}

void pack_i64(struct buf *b, int64_t v)
{
	pack_u64(b, (uint64_t)v);
}

void pack_f64(struct buf *b, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	pack_u64(b, bits);
}

void pack_str(struct buf *b, str s)
{
	pack_u32(b, (uint32_t)s.n);
	buf_add_str(b, s);
}

void pack_ip(struct buf *b, const struct ip *ip)
{
	pack_u8(b, ip->family);
	pack_u8(b, ip->prefix);
	buf_add(b, ip->bytes, ip->family == 4 ? 4 : 16);
}

static bool take(struct unpack *u, void *out, size_t n)
{
	memset(out, 0, n);
	if (u->bad || u->in.n < n) {
		u->bad = true;
		return false;
	}
	memcpy(out, u->in.p, n);
	u->in = str_from(u->in, n);
	return true;
}

uint8_t unpack_u8(struct unpack *u)
{
	uint8_t v;

	take(u, &v, sizeof v);
	return v;
}

uint32_t unpack_u32(struct unpack *u)
{
	uint32_t v;

	take(u, &v, sizeof v);
	return le32toh(v);
}

uint64_t unpack_u64(struct unpack *u)
{
	uint64_t v;

	take(u, &v, sizeof v);
	return le64toh(v);
}

int64_t unpack_i64(struct unpack *u)
{
	return (int64_t)unpack_u64(u);
}

double unpack_f64(struct unpack *u)
{
	uint64_t bits = unpack_u64(u);
	double v;

	memcpy(&v, &bits, sizeof v);
	if (!isfinite(v)) {
		u->bad = true;
		return 0;
	}
	return v;
}

uint32_t unpack_count(struct unpack *u, uint32_t max)
{
	uint32_t n = unpack_u32(u);

	if (n > max) {
		u->bad = true;
		return 0;
	}
	return n;
}

str unpack_str(struct unpack *u, size_t max)
{
	uint32_t n = unpack_u32(u);
	str s;

	if (u->bad || n > max || n > u->in.n) {
		u->bad = true;
		return STR("");
	}
	s = str_head(u->in, n);
	u->in = str_from(u->in, n);
	return s;
}

struct ip unpack_ip(struct unpack *u)
{
	struct ip ip = { 0 }, cut;

	ip.family = unpack_u8(u);
	ip.prefix = unpack_u8(u);
	if (ip.family != 4 && ip.family != 6)
		u->bad = true;
	take(u, ip.bytes, ip.family == 4 ? 4 : 16);
	if (ip.prefix > (ip.family == 4 ? 32 : 128))
		u->bad = true;
	cut = ip_masked(&ip, ip.prefix);
	if (memcmp(cut.bytes, ip.bytes, sizeof ip.bytes) != 0)
		u->bad = true;
	return u->bad ? (struct ip){ 0 } : ip;
}

bool unpack_done(const struct unpack *u)
{
	return !u->bad && u->in.n == 0;
}
