/*
 * Facts about patterns; see facts.h.  A small reader of Python's dialect that keeps, for each part,
 * the bytes it may begin with, whether it may be empty, and the longest literal it must contain.
 * Whatever it does not understand (inline flags, back references) makes it know nothing.  Called
 * when a pattern is compiled.
 */
#include "match/facts.h"

enum { DEPTH_MAX = 100 };

struct part {
	uint64_t first[4];
	bool nullable;
	size_t literal_n;
	char literal[FACTS_LITERAL_MAX];
};

struct reader {
	str in;
	size_t at;
	unsigned depth;
	bool lost; /* met something it does not understand */
};

static int peek(const struct reader *r, size_t ahead)
{
	return r->at + ahead < r->in.n ? (unsigned char)r->in.p[r->at + ahead] : -1;
}

static void set_byte(uint64_t set[4], unsigned char c)
{
	set[c >> 6] |= (uint64_t)1 << (c & 63);
}

static void set_range(uint64_t set[4], unsigned from, unsigned to)
{
	for (unsigned c = from; c <= to; c++)
		set_byte(set, (unsigned char)c);
}

static void set_union(uint64_t to[4], const uint64_t from[4])
{
	for (int i = 0; i < 4; i++)
		to[i] |= from[i];
}

/* Non-ASCII characters: which bytes those begin with is not worth knowing. */
static void set_high(uint64_t set[4])
{
	set_range(set, 0x80, 0xff);
}

static void set_negate(uint64_t set[4])
{
	for (int i = 0; i < 4; i++)
		set[i] = ~set[i];
	set_high(set);
}

/* \d and the like. False: no such class. */
static bool add_class(uint64_t set[4], int letter)
{
	uint64_t own[4] = { 0 };

	switch (letter | 0x20) {
	case 'd':
		set_range(own, '0', '9');
		break;
	case 'w':
		set_range(own, '0', '9');
		set_range(own, 'a', 'z');
		set_range(own, 'A', 'Z');
		set_byte(own, '_');
		break;
	case 's':
		set_range(own, '\t', '\r');
		set_range(own, 0x1c, 0x20);
		break;
	default:
		return false;
	}
	if (!(letter & 0x20))
		set_negate(own);
	set_high(own);
	set_union(set, own);
	return true;
}

/* The character of an escape like \n or \. ; -1: it is none, or not a plain one. */
static int escaped_char(int c)
{
	static const char letters[] = "afnrtv", values[] = "\a\f\n\r\t\v";
	const char *at;

	if (c <= 0 || c > 0x7f)
		return -1;
	at = strchr(letters, c);
	if (at)
		return values[at - letters];
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return -1;
	return c;
}

/* One member of a class: its character, or -1 if it was added as a set. */
static int class_member(struct reader *r, uint64_t set[4])
{
	int c = peek(r, 0);

	r->at++;
	if (c >= 0x80) {
		set_high(set);
		return -1;
	}
	if (c != '\\')
		return c;
	c = peek(r, 0);
	r->at++;
	if (add_class(set, c))
		return -1;
	c = c == 'b' ? '\b' : escaped_char(c);
	r->lost |= c < 0; /* numbers, perhaps of other characters */
	return c;
}

static void read_class(struct reader *r, uint64_t set[4])
{
	bool negated = peek(r, 1) == '^';
	size_t first;

	r->at += negated ? 2 : 1;
	first = r->at;
	while (!r->lost && (peek(r, 0) != ']' || r->at == first)) {
		int from, to;

		if (peek(r, 0) < 0) {
			r->lost = true;
			return;
		}
		from = to = class_member(r, set);
		if (peek(r, 0) == '-' && peek(r, 1) != ']' && from >= 0) {
			r->at++;
			to = class_member(r, set);
			if (to < 0) { /* up to some other character */
				set_high(set);
				to = 0x7f;
			}
		}
		if (from >= 0 && from <= to)
			set_range(set, (unsigned)from, (unsigned)to);
	}
	r->at++;
	if (negated)
		set_negate(set);
}

static void read_alternatives(struct reader *r, struct part *out, unsigned *count);

static void skip_to(struct reader *r, char end)
{
	while (peek(r, 0) >= 0 && peek(r, 0) != end)
		r->at++;
	r->lost |= peek(r, 0) < 0;
	r->at++;
}

/* A group whose head was read: its content up to the parenthesis. */
static void read_content(struct reader *r, struct part *out, bool zero_width, bool conditional)
{
	unsigned count;

	if (r->depth == DEPTH_MAX) {
		r->lost = true;
		return;
	}
	r->depth++;
	read_alternatives(r, out, &count);
	r->depth--;
	r->lost |= peek(r, 0) != ')';
	r->at++;
	if (conditional && count == 1) {
		out->nullable = true;
		out->literal_n = 0;
	}
	if (zero_width)
		*out = (struct part){ .nullable = true };
}

static void read_group(struct reader *r, struct part *out)
{
	int c = peek(r, 2);

	if (peek(r, 1) != '?') {
		r->at++;
		read_content(r, out, false, false);
		return;
	}
	r->at += 3;
	if (c == ':') {
		read_content(r, out, false, false);
	} else if (c == '=' || c == '!') {
		read_content(r, out, true, false);
	} else if (c == '<') {
		r->at++;
		read_content(r, out, true, false);
	} else if (c == 'P' && peek(r, 0) == '<') {
		skip_to(r, '>');
		read_content(r, out, false, false);
	} else if (c == '(') {
		skip_to(r, ')');
		read_content(r, out, false, true);
	} else {
		r->lost = true; /* flags, back references, comments, atomic groups */
	}
}

/* A quantifier at the position: its least count and whether it is just one. */
static unsigned read_quantifier(struct reader *r, bool *one)
{
	unsigned least = 1;
	size_t n = 1;
	int c = peek(r, 0);

	*one = false;
	if (c == '*' || c == '?') {
		least = 0;
	} else if (c == '{') {
		if (peek(r, 1) == '0' || peek(r, 1) == ',')
			least = 0;
		while (peek(r, n) == ',' || (peek(r, n) >= '0' && peek(r, n) <= '9'))
			n++;
		if (peek(r, n) != '}' || n == 1) { /* text */
			*one = true;
			return 1;
		}
		n++;
	} else if (c != '+') {
		*one = true;
		return 1;
	}
	r->at += n;
	if (peek(r, 0) == '?' || peek(r, 0) == '+')
		r->at++;
	return least;
}

/* One atom without its quantifier. Returns its character if it is a plain ASCII one, else -1. */
static int read_atom(struct reader *r, struct part *out)
{
	int c = peek(r, 0);

	*out = (struct part){ 0 };
	switch (c) {
	case '^':
	case '$':
		out->nullable = true;
		r->at++;
		return -1;
	case '.':
		set_byte(out->first, '\n');
		set_negate(out->first);
		r->at++;
		return -1;
	case '[':
		read_class(r, out->first);
		return -1;
	case '(':
		read_group(r, out);
		return -1;
	case '\\':
		c = peek(r, 1);
		r->at += 2;
		if (c == 'b' || c == 'B' || c == 'A' || c == 'Z') {
			out->nullable = true;
			return -1;
		}
		if (add_class(out->first, c))
			return -1;
		c = escaped_char(c);
		break;
	default:
		r->at++;
		break;
	}
	if (c < 0) {
		r->lost = true;
	} else if (c > 0x7f) {
		set_high(out->first);
		c = -1;
	} else {
		set_byte(out->first, (unsigned char)c);
	}
	return c;
}

static void keep_longer(struct part *p, const char *literal, size_t n)
{
	if (n <= p->literal_n || n > sizeof p->literal)
		return;
	memcpy(p->literal, literal, n);
	p->literal_n = n;
}

static void read_sequence(struct reader *r, struct part *out)
{
	char run[FACTS_LITERAL_MAX];
	size_t n = 0;

	*out = (struct part){ .nullable = true };
	while (!r->lost && peek(r, 0) >= 0 && peek(r, 0) != '|' && peek(r, 0) != ')') {
		struct part atom;
		int c = read_atom(r, &atom);
		bool one;
		unsigned least = read_quantifier(r, &one);

		if (out->nullable)
			set_union(out->first, atom.first);
		out->nullable = out->nullable && (atom.nullable || least == 0);
		if (c >= 0 && least && n < sizeof run)
			run[n++] = (char)c;
		keep_longer(out, run, n);
		if (c < 0 || !one || n == sizeof run)
			n = 0;
		if (least)
			keep_longer(out, atom.literal, atom.literal_n);
	}
}

static void read_alternatives(struct reader *r, struct part *out, unsigned *count)
{
	read_sequence(r, out);
	*count = 1;
	while (!r->lost && peek(r, 0) == '|') {
		struct part next;

		r->at++;
		read_sequence(r, &next);
		set_union(out->first, next.first);
		out->nullable |= next.nullable;
		out->literal_n = 0;
		++*count;
	}
}

void facts_find(str pattern, bool multiline, struct facts *out)
{
	struct reader r = { .in = pattern };
	struct part whole;
	unsigned count;

	*out = (struct facts){ 0 };
	read_alternatives(&r, &whole, &count);
	if (r.lost || r.at != pattern.n)
		return;
	out->literal_n = whole.literal_n;
	memcpy(out->literal, whole.literal, whole.literal_n);
	out->anchored =
		!multiline && count == 1 && str_starts(pattern, STR("^")) && !whole.nullable;
	memcpy(out->first, whole.first, sizeof out->first);
}
