/*
 * Writes pickles and finds frames; see pickle.h.  Called by the console and by clients.  The trees
 * are ours, the text in them may be hostile (ids and lines of logs): it must neither break the
 * reader at the other end, which stops at bad UTF-8, nor end the frame before its time.
 */
#include "control/pickle.h"

#include "base/utf8.h"

static const struct {
	const char *module, *name;
} classes[] = {
	{ "fail2ban.exceptions", "UnknownJailException" },
	{ "fail2ban.exceptions", "DuplicateJailException" },
	{ "fail2ban.server.failregex", "RegexException" },
	{ "builtins", "Exception" }, /* from here on all are of Python's own */
	{ "builtins", "AttributeError" },
	{ "builtins", "FileNotFoundError" },
	{ "builtins", "IndexError" },
	{ "builtins", "KeyError" },
	{ "builtins", "LookupError" },
	{ "builtins", "NameError" },
	{ "builtins", "NotImplementedError" },
	{ "builtins", "OSError" },
	{ "builtins", "PermissionError" },
	{ "builtins", "RuntimeError" },
	{ "builtins", "TypeError" },
	{ "builtins", "ValueError" },
};

enum { CLASS_EXCEPTION = 3 };

static void add_le(struct buf *out, uint64_t u, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		buf_add_char(out, (char)(u >> (8 * i) & 0xff));
}

static void write_int(struct buf *out, int64_t i)
{
	if (i >= 0 && i <= 0xff) {
		buf_add_char(out, 'K');
		add_le(out, (uint64_t)i, 1);
	} else if (i >= INT32_MIN && i <= INT32_MAX) {
		buf_add_char(out, 'J');
		add_le(out, (uint64_t)i, 4);
	} else {
		buf_add(out, "\x8a\x08", 2);
		add_le(out, (uint64_t)i, 8);
	}
}

static void write_float(struct buf *out, double f)
{
	uint64_t bits;

	memcpy(&bits, &f, sizeof bits);
	buf_add_char(out, 'G');
	for (int shift = 56; shift >= 0; shift -= 8)
		buf_add_char(out, (char)(bits >> shift & 0xff));
}

/*
 * The old text form, raw-unicode-escape and a newline: it can hold any text without holding any
 * given byte, here '<'.
 */
static void write_escaped_text(struct buf *out, str s)
{
	buf_add_char(out, 'V');
	while (s.n) {
		size_t n = utf8_len(s);
		unsigned char c = (unsigned char)*s.p;
		uint32_t u = c;

		if (n > 1)
			u = c & (0xffU >> (n + 1));
		for (size_t i = 1; i < n; i++)
			u = u << 6 | ((unsigned char)s.p[i] & 0x3f);
		if (u >= 0x20 && u < 0x7f && u != '\\' && u != '<')
			buf_add_char(out, (char)u);
		else
			buf_printf(out, u > 0xffff ? "\\U%08x" : "\\u%04x", u);
		s = str_from(s, n);
	}
	buf_add_char(out, '\n');
}

static void write_text(struct buf *out, str s)
{
	struct buf repaired _buf_free_ = { 0 };

	if (!utf8_is_valid(s)) {
		utf8_add_repaired(&repaired, s);
		s = buf_str(&repaired);
	}
	if (str_find(s, STR("<F2B_")) >= 0 || s.n > UINT32_MAX) {
		write_escaped_text(out, s);
		return;
	}
	buf_add_char(out, 'X');
	add_le(out, s.n, 4);
	buf_add_str(out, s);
}

static void write_value(struct buf *out, const struct value *v);

static void write_items(struct buf *out, const struct value *v, size_t from)
{
	for (size_t i = from; i < v->n; i++)
		write_value(out, v->items[i]);
}

static void write_tuple(struct buf *out, const struct value *v, size_t from)
{
	buf_add_char(out, '(');
	write_items(out, v, from);
	buf_add_char(out, 't');
}

static void write_error(struct buf *out, const struct value *v)
{
	size_t at = CLASS_EXCEPTION;

	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
		if (str_is(v->items[0]->s, classes[i].name))
			at = i;
	buf_printf(out, "c%s\n%s\n", classes[at].module, classes[at].name);
	write_tuple(out, v, 1);
	buf_add_char(out, 'R');
}

static void write_value(struct buf *out, const struct value *v)
{
	switch (v->type) {
	case VALUE_NONE:
		buf_add_char(out, 'N');
		break;
	case VALUE_BOOL:
		buf_add_char(out, v->b ? '\x88' : '\x89');
		break;
	case VALUE_INT:
		write_int(out, v->i);
		break;
	case VALUE_FLOAT:
		write_float(out, v->f);
		break;
	case VALUE_STR:
		write_text(out, v->s);
		break;
	case VALUE_LIST:
		buf_add_z(out, "](");
		write_items(out, v, 0);
		buf_add_char(out, 'e');
		break;
	case VALUE_TUPLE:
		write_tuple(out, v, 0);
		break;
	case VALUE_DICT:
		buf_add_z(out, "}(");
		write_items(out, v, 0);
		buf_add_char(out, 'u');
		break;
	case VALUE_ERROR:
		write_error(out, v);
		break;
	}
}

void pickle_write(struct buf *out, const struct value *v)
{
	buf_add(out, "\x80\x02", 2);
	write_value(out, v);
	buf_add_char(out, '.');
}

void pickle_write_answer(struct buf *out, const struct value *v)
{
	buf_add(out, "\x80\x02", 2);
	write_int(out, v->type == VALUE_ERROR);
	write_value(out, v);
	buf_add_z(out, "\x86." PICKLE_END);
}

bool pickle_frame(str in, size_t *searched, str *frame)
{
	const size_t overlap = sizeof PICKLE_END - 2; /* a terminator's first bytes were there */
	size_t from = *searched > overlap ? *searched - overlap : 0;
	ssize_t at = str_find(str_from(in, from), STR(PICKLE_END));

	*searched = in.n;
	if (at < 0)
		return false;
	*searched = 0;
	*frame = str_head(in, from + (size_t)at);
	return true;
}
