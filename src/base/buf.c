/* A growing byte buffer; see buf.h. */
#include "base/buf.h"

#include <stdio.h>

#include "base/utf8.h"

char *buf_reserve(struct buf *b, size_t n)
{
	size_t need = b->n + n;

	if (need > b->room || !b->p) {
		size_t room = b->room ? b->room * 2 : 64;

		while (room < need)
			room *= 2;
		b->p = xrealloc(b->p, room);
		b->room = room;
	}
	return b->p + b->n;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	char *to = buf_reserve(b, n);

	if (n)
		memcpy(to, p, n);
	b->n += n;
}

void buf_add_str(struct buf *b, str s)
{
	buf_add(b, s.p, s.n);
}

void buf_add_z(struct buf *b, const char *z)
{
	buf_add(b, z, strlen(z));
}

void buf_add_char(struct buf *b, char c)
{
	*buf_reserve(b, 1) = c;
	b->n++;
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return;
	vsnprintf(buf_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, ap);
	b->n += (size_t)n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

/* Characters that are not seen but turn text around, join or hide it; 0 for all others. */
static unsigned format_character(const char *p, size_t len)
{
	const unsigned char *u = (const unsigned char *)p;
	unsigned c = len == 2   ? (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu)
		     : len == 3 ? (u[0] & 0xfu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu)
				: 0;
	bool hidden = c == 0x61c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
		      (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;

	return hidden ? c : 0;
}

void buf_add_escaped(struct buf *b, str s)
{
	for (size_t i = 0; i < s.n;) {
		unsigned char c = (unsigned char)s.p[i];
		size_t len = utf8_len(str_from(s, i));

		if (c == '\n')
			buf_add_z(b, "\\n");
		else if (c == '\r')
			buf_add_z(b, "\\r");
		else if (c == '\t')
			buf_add_z(b, "\\t");
		else if (c < 0x20 || c == 0x7f || len == 0)
			buf_printf(b, "\\x%02x", c);
		else if (len == 2 && c == 0xc2 && (unsigned char)s.p[i + 1] < 0xa0)
			buf_printf(b, "\\x%02x", (unsigned char)s.p[i + 1]); /* C1 controls */
		else if (format_character(s.p + i, len))
			buf_printf(b, "\\u%04x", format_character(s.p + i, len));
		else
			buf_add(b, s.p + i, len);
		i += len ? len : 1;
	}
}

const char *buf_z(struct buf *b)
{
	*buf_reserve(b, 1) = '\0';
	return b->p;
}

char *buf_take(struct buf *b)
{
	char *p;

	*buf_reserve(b, 1) = '\0';
	p = b->p;
	*b = (struct buf){ 0 };
	return p;
}

void buf_shift(struct buf *b, size_t n)
{
	if (n >= b->n) {
		b->n = 0;
		return;
	}
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}
