/*
 * Tag expansion; see tags.h.  Unknown tags stay as they are: to a pattern they are plain text.
 * Called by filter_new() for each pattern.
 */
#include "match/tags.h"

#include "base/table.h"

#define V4 "(?:\\d{1,3}\\.){3}\\d{1,3}"
#define V6 "(?:[0-9a-fA-F]{1,4}::?|:){1,7}(?:[0-9a-fA-F]{1,4}|(?<=:):)"
#define IP4 "(?:::f{4,6}:)?(?P<ip4>" V4 ")"
#define IP6 "(?P<ip6>" V6 ")"
#define DNS "(?P<dns>[\\w\\-.^_]*\\w)"
#define CIDR "(?P<cidr>\\d+)"
#define ADDR "\\[?(?:" IP4 "|" IP6 ")\\]?"
#define SUBNET "\\[?(?:" IP4 "|" IP6 ")(?:/" CIDR ")?\\]?"

static const struct {
	const char *tag, *text;
} tags[] = {
	{ "<IP4>", IP4 },
	{ "<F-IP4/>", IP4 },
	{ "<IP6>", IP6 },
	{ "<F-IP6/>", IP6 },
	{ "<DNS>", DNS },
	{ "<F-DNS/>", DNS },
	{ "<ADDR>", ADDR },
	{ "<F-ADDR/>", ADDR },
	{ "<CIDR>", CIDR },
	{ "<F-CIDR/>", CIDR },
	{ "<SUBNET>", SUBNET },
	{ "<F-SUBNET/>", SUBNET },
	{ "<F-ID/>", "(?P<fid>\\S+)" },
	{ "<F-PORT/>", "(?P<fport>\\w+)" },
};

struct expansion {
	struct buf *out;
	enum usedns usedns;
	struct table *open; /* names of <F-NAME> seen so far */
	unsigned skiplines;
};

/* Length of `</?[\w-]+/?>` at the start of s, or 0. */
static size_t tag_len(str s)
{
	size_t i = 1, name;

	if (i < s.n && s.p[i] == '/')
		i++;
	for (name = i; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '_' || c == '-'))
			break;
	}
	if (i == name)
		return 0;
	if (i < s.n && s.p[i] == '/')
		i++;
	return i < s.n && s.p[i] == '>' ? i + 1 : 0;
}

static bool is_field_name(str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
			return false;
	}
	return name.n > 0;
}

static void open_field(struct expansion *x, str name)
{
	static char seen;

	table_put(x->open, name, &seen);
	buf_add_z(x->out, "(?P<");
	if (str_is(name, "ID"))
		buf_add_z(x->out, "fid");
	else if (str_is(name, "PORT"))
		buf_add_z(x->out, "fport");
	else
		for (size_t i = 0; i < name.n; i++) {
			char c = name.p[i];

			buf_add_char(x->out, c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
		}
	buf_add_char(x->out, '>');
}

/* <F-NAME> and </F-NAME>; false: it is neither. */
static bool expand_field(struct expansion *x, str tag)
{
	bool close = tag.p[1] == '/';
	str name = str_from(tag, close ? 4 : 3);

	name = str_head(name, name.n - 1);
	if (!str_starts(tag, close ? STR("</F-") : STR("<F-")) || !is_field_name(name))
		return false;
	if (!close)
		open_field(x, name);
	else if (table_find(x->open, name))
		buf_add_char(x->out, ')');
	else
		return false;
	return true;
}

static void expand_tag(struct expansion *x, str tag)
{
	if (str_is(tag, "<HOST>")) {
		buf_add_z(x->out, x->usedns == USEDNS_NO ? ADDR : "(?:" ADDR "|" DNS ")");
		return;
	}
	if (str_is(tag, "<SKIPLINES>")) {
		buf_printf(x->out, "\\n(?P<skiplines%u>(?:(?:.*\\n)*?))", x->skiplines++);
		return;
	}
	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
		if (str_is(tag, tags[i].tag)) {
			buf_add_z(x->out, tags[i].text);
			return;
		}
	}
	if (!expand_field(x, tag))
		buf_add_str(x->out, tag);
}

/* Length of `((?flags)` or `(?:(?flags)` at the start of s, or 0; *letters are the flags. */
static size_t wrapped_flags(str s, str *letters)
{
	size_t at, n = 0;

	if (str_starts(s, STR("((?")))
		at = 3;
	else if (str_starts(s, STR("(?:(?")))
		at = 5;
	else
		return 0;
	while (at + n < s.n && s.p[at + n] >= 'a' && s.p[at + n] <= 'z')
		n++;
	if (n == 0 || at + n >= s.n || s.p[at + n] != ')')
		return 0;
	*letters = str_mem(s.p + at, n);
	return at + n + 1;
}

/* Python wants global flags at the very start; in these two forms Fail2ban makes them local. */
static void add_with_local_flags(str text, struct buf *out)
{
	while (text.n) {
		str letters;
		size_t n = wrapped_flags(text, &letters);

		if (n) {
			buf_add_z(out, "(?");
			buf_add_str(out, letters);
			buf_add_char(out, ':');
		} else {
			buf_add_char(out, *text.p);
			n = 1;
		}
		text = str_from(text, n);
	}
}

void tags_expand(str pattern, enum usedns usedns, struct buf *out)
{
	_buf_free_ struct buf expanded = { 0 };
	struct expansion x = { .out = &expanded, .usedns = usedns, .open = table_new() };

	while (pattern.n) {
		size_t n = *pattern.p == '<' ? tag_len(pattern) : 0;

		if (n)
			expand_tag(&x, str_head(pattern, n));
		else
			buf_add_char(&expanded, *pattern.p);
		pattern = str_from(pattern, n ? n : 1);
	}
	table_free(x.open, NULL);
	add_with_local_flags(buf_str(&expanded), out);
}
