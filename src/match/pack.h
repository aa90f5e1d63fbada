/*
 * Saved state as bytes: numbers and strings, little-endian, one after the other.  What is read back
 * comes from a file: hostile.  Readers return false at the first thing that does not fit.
 */
#pragma once

#include "base/buf.h"

static inline void pack_u64(struct buf *out, uint64_t v)
{
	unsigned char b[8];

	for (unsigned i = 0; i < 8; i++)
		b[i] = (unsigned char)(v >> (8 * i));
	buf_add(out, b, sizeof b);
}

static inline void pack_double(struct buf *out, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	pack_u64(out, bits);
}

static inline void pack_str(struct buf *out, str s)
{
	pack_u64(out, s.n);
	buf_add_str(out, s);
}

static inline bool unpack_u64(str *in, uint64_t *v)
{
	if (in->n < 8)
		return false;
	*v = 0;
	for (unsigned i = 0; i < 8; i++)
		*v |= (uint64_t)(unsigned char)in->p[i] << (8 * i);
	*in = str_from(*in, 8);
	return true;
}

/* A number of at most `max`: counts, indexes. */
static inline bool unpack_size(str *in, size_t max, size_t *v)
{
	uint64_t n;

	if (!unpack_u64(in, &n) || n > max)
		return false;
	*v = (size_t)n;
	return true;
}

/* A finite number. */
static inline bool unpack_double(str *in, double *v)
{
	uint64_t bits;

	if (!unpack_u64(in, &bits))
		return false;
	memcpy(v, &bits, sizeof bits);
	return __builtin_isfinite(*v);
}

/* Points into the input. */
static inline bool unpack_str(str *in, size_t max, str *s)
{
	size_t n;

	if (!unpack_size(in, max, &n) || n > in->n)
		return false;
	*s = str_head(*in, n);
	*in = str_from(*in, n);
	return true;
}
