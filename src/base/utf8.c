/* UTF-8 checks and repairs; see utf8.h. */
#include "base/utf8.h"

/* Range of the second byte after a given first byte, and the length of the character. */
static size_t shape(unsigned char c, unsigned char *low, unsigned char *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef) {
		if (c == 0xe0)
			*low = 0xa0;
		if (c == 0xed)
			*high = 0x9f;
		return 3;
	}
	if (c >= 0xf0 && c <= 0xf4) {
		if (c == 0xf0)
			*low = 0x90;
		if (c == 0xf4)
			*high = 0x8f;
		return 4;
	}
	return 0;
}

/* How many bytes at the start of s are a good beginning; *whole says whether all of them are there.
 */
static size_t prefix(str s, bool *whole)
{
	unsigned char low, high;
	size_t len, i;

	*whole = false;
	if (s.n == 0)
		return 0;
	len = shape((unsigned char)*s.p, &low, &high);
	if (len == 0)
		return 0;
	for (i = 1; i < len && i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < low || c > high)
			return i;
		low = 0x80;
		high = 0xbf;
	}
	*whole = i == len;
	return i;
}

size_t utf8_len(str s)
{
	bool whole;
	size_t n = prefix(s, &whole);

	return whole ? n : 0;
}

bool utf8_is_ascii(str s)
{
	size_t i = 0;

	for (; i + 8 <= s.n; i += 8) {
		uint64_t w;

		memcpy(&w, s.p + i, 8);
		if (w & 0x8080808080808080u)
			return false;
	}
	for (; i < s.n; i++)
		if ((unsigned char)s.p[i] & 0x80)
			return false;
	return true;
}

bool utf8_is_valid(str s)
{
	while (s.n) {
		size_t n = utf8_len(s);

		if (n == 0)
			return false;
		s = str_from(s, n);
	}
	return true;
}

void utf8_add_repaired(struct buf *out, str s)
{
	while (s.n) {
		bool whole;
		size_t n = prefix(s, &whole);

		if (whole)
			buf_add(out, s.p, n);
		else
			buf_add(out, "\xef\xbf\xbd", 3);
		s = str_from(s, n ? n : 1);
	}
}

void utf8_add_latin1(struct buf *out, str s)
{
	for (size_t i = 0; i < s.n; i++)
		utf8_add_char(out, (unsigned char)s.p[i]);
}

void utf8_add_char(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_add_char(out, (char)c);
	} else if (c < 0x800) {
		buf_add_char(out, (char)(0xc0 | c >> 6));
		buf_add_char(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_add_char(out, (char)(0xe0 | c >> 12));
		buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_add_char(out, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_add_char(out, (char)(0xf0 | c >> 18));
		buf_add_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_add_char(out, (char)(0x80 | (c & 0x3f)));
	}
}
