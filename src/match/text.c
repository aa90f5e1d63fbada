/*
 * Decoding of lines; see text.h.  Like Fail2ban with Python's codecs: strict first, and what cannot
 * be decoded becomes U+FFFD.  UTF-8, ASCII and ISO 8859-1 are done here, others by iconv(3).
 * Called by filter.c for each line.
 */
#include "match/text.h"

#include <errno.h>
#include <iconv.h>

#include "base/utf8.h"
#include "base/xalloc.h"

enum encoding {
	ENCODING_UTF8,
	ENCODING_ASCII,
	ENCODING_LATIN1,
	ENCODING_OTHER,
};

struct text {
	enum encoding encoding;
	bool ascii_is_ascii; /* bytes below 0x80 mean what they do in ASCII */
	iconv_t iconv;       /* only for ENCODING_OTHER */
	struct buf decoded;
};

static const struct {
	const char *name;
	enum encoding encoding;
} names[] = {
	{ "auto", ENCODING_UTF8 },        { "utf-8", ENCODING_UTF8 },
	{ "utf8", ENCODING_UTF8 },        { "u8", ENCODING_UTF8 },
	{ "ascii", ENCODING_ASCII },      { "us-ascii", ENCODING_ASCII },
	{ "646", ENCODING_ASCII },        { "latin-1", ENCODING_LATIN1 },
	{ "latin1", ENCODING_LATIN1 },    { "latin", ENCODING_LATIN1 },
	{ "l1", ENCODING_LATIN1 },        { "iso-8859-1", ENCODING_LATIN1 },
	{ "iso8859-1", ENCODING_LATIN1 }, { "8859", ENCODING_LATIN1 },
	{ "cp819", ENCODING_LATIN1 },
};

/* Python takes `_` and blanks for `-`, and any case. */
static void add_normal_name(struct buf *out, str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (c == '_' || c == ' ')
			c = '-';
		buf_add_char(out, c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
	}
}

static bool find_name(str name, enum encoding *out)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (str_is(name, names[i].name)) {
			*out = names[i].encoding;
			return true;
		}
	}
	return false;
}

/* Adds the line as iconv decodes it. False: something was replaced. */
static bool add_converted(struct text *t, str line)
{
	char *in = (char *)line.p;
	size_t left = line.n;
	bool good = true;

	iconv(t->iconv, NULL, NULL, NULL, NULL);
	while (left) {
		size_t room = left * 4 + 16;
		char *out = buf_reserve(&t->decoded, room), *start = out;
		size_t r = iconv(t->iconv, &in, &left, &out, &room);

		t->decoded.n += (size_t)(out - start);
		if (r != (size_t)-1 || errno == E2BIG)
			continue;
		good = false; /* EILSEQ, or EINVAL at a cut character */
		buf_add_z(&t->decoded, "\xef\xbf\xbd");
		in++;
		left--;
	}
	return good;
}

static bool keeps_ascii(struct text *t)
{
	char all[127];
	str in = str_mem(all, sizeof all);

	for (size_t i = 0; i < sizeof all; i++)
		all[i] = (char)(i + 1);
	buf_clear(&t->decoded);
	return add_converted(t, in) && str_eq(buf_str(&t->decoded), in);
}

int text_new(str encoding, struct text **out, struct err *err)
{
	_buf_free_ struct buf name = { 0 };
	struct text *t;

	add_normal_name(&name, encoding.n ? encoding : STR("auto"));
	t = xcalloc(1, sizeof *t);
	t->encoding = ENCODING_OTHER;
	t->iconv = (iconv_t)-1;
	t->ascii_is_ascii = true;
	if (!find_name(buf_str(&name), &t->encoding)) {
		t->iconv = iconv_open("UTF-8", buf_z(&name));
		if (t->iconv == (iconv_t)-1) {
			text_free(t);
			return err_set(err, -EINVAL, "unknown encoding: %.*s", STR_ARG(encoding));
		}
		t->ascii_is_ascii = keeps_ascii(t);
	}
	*out = t;
	return 0;
}

void text_free(struct text *t)
{
	if (!t)
		return;
	if (t->iconv != (iconv_t)-1)
		iconv_close(t->iconv);
	buf_free(&t->decoded);
	free(t);
}

bool text_keeps_ascii(const struct text *t)
{
	return t->encoding != ENCODING_OTHER; /* in some, they are second bytes of characters */
}

struct text_line text_decode(struct text *t, str line)
{
	struct text_line r = { .text = line };

	r.ascii = utf8_is_ascii(line);
	if ((r.ascii && t->ascii_is_ascii) || (t->encoding == ENCODING_UTF8 && utf8_is_valid(line)))
		return r;
	buf_clear(&t->decoded);
	switch (t->encoding) {
	case ENCODING_UTF8:
		utf8_add_repaired(&t->decoded, line);
		r.bad = true;
		break;
	case ENCODING_ASCII:
		for (size_t i = 0; i < line.n; i++)
			utf8_add_char(&t->decoded, (unsigned char)line.p[i] < 0x80
							   ? (unsigned char)line.p[i]
							   : 0xfffdu);
		r.bad = true;
		break;
	case ENCODING_LATIN1:
		utf8_add_latin1(&t->decoded, line);
		break;
	case ENCODING_OTHER:
		r.bad = !add_converted(t, line);
		break;
	}
	r.text = buf_str(&t->decoded);
	r.ascii = utf8_is_ascii(r.text);
	return r;
}
