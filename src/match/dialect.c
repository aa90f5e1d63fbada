/*
 * Python's `re` to PCRE2; see dialect.h.  One pass over the pattern: what both engines read the
 * same way is copied, what they read differently is rewritten so that PCRE2 10.42 and later mean
 * what Python 3.11 means, what Python does not have (recursion, verbs, \Q..\E, \h) is refused.
 * Refused too, though Python has it: the flags `a` and `L`, and \N{name}.  Called by regex.c for
 * every pattern of the configuration; nothing here is hostile.
 */
#include "match/dialect.h"

#include <errno.h>

#include "base/utf8.h"
#include "base/xalloc.h"

enum {
	DEPTH_MAX = 200, /* PCRE2's own limit is 250 */
	GROUPS_MAX = 1000,
};

/* Python's \s also takes the four ASCII separators, which PCRE2's does not. */
#define EXTRA_SPACES "\\x1c-\\x1f"

struct pass {
	str in;
	size_t at;
	struct dialect *out;
	struct err *err;
	unsigned depth;
	bool verbose[DEPTH_MAX + 1]; /* (?x) is on at this depth */
};

static int fail(struct pass *p, const char *what)
{
	return err_set(p->err, -EINVAL, "%s at position %zu", what, p->at);
}

static int peek(const struct pass *p, size_t ahead)
{
	return p->at + ahead < p->in.n ? (unsigned char)p->in.p[p->at + ahead] : -1;
}

static void emit(struct pass *p, const char *z)
{
	buf_add_z(&p->out->text, z);
}

/* Copies the next n bytes. */
static void copy(struct pass *p, size_t n)
{
	str s = str_head(str_from(p->in, p->at), n);

	if (!utf8_is_ascii(s))
		p->out->ascii = false;
	buf_add_str(&p->out->text, s);
	p->at += s.n;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_octal(int c)
{
	return c >= '0' && c <= '7';
}

static bool is_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int hex_value(int c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static void emit_char(struct pass *p, uint32_t c)
{
	if (c > 0x7f)
		p->out->ascii = false;
	buf_printf(&p->out->text, "\\x{%x}", c);
}

/* \xHH, \uHHHH, \UHHHHHHHH */
static int hex_escape(struct pass *p, unsigned digits)
{
	uint32_t c = 0;

	for (unsigned i = 0; i < digits; i++) {
		int v = hex_value(peek(p, 2 + i));

		if (v < 0)
			return fail(p, "incomplete escape");
		c = c << 4 | (uint32_t)v;
	}
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return fail(p, "bad escape");
	emit_char(p, c);
	p->at += 2 + digits;
	return 0;
}

/* \0, \012, \123: a character.  `from` is where the digits begin. */
static int octal_escape(struct pass *p, unsigned max_digits)
{
	uint32_t c = 0;
	unsigned n = 0;

	while (n < max_digits && is_octal(peek(p, 1 + n)))
		c = c * 8 + (uint32_t)(peek(p, 1 + n++) - '0');
	if (c > 0377)
		return fail(p, "octal escape value outside of range 0-0o377");
	emit_char(p, c);
	p->at += 1 + n;
	return 0;
}

/* Escapes that mean the same character inside and outside of a class. 1: not one of them. */
static int char_escape(struct pass *p)
{
	int c = peek(p, 1);

	switch (c) {
	case -1:
		return fail(p, "bad escape (end of pattern)");
	case 'x':
		return hex_escape(p, 2);
	case 'u':
		return hex_escape(p, 4);
	case 'U':
		return hex_escape(p, 8);
	case 'v':
		emit(p, "\\x0b"); /* to PCRE2, \v is a class */
		p->at += 2;
		return 0;
	case 'a':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		copy(p, 2);
		return 0;
	default:
		break;
	}
	if (is_letter(c) || is_digit(c))
		return 1;
	if (c > 0x7f) { /* the backslash has no meaning; PCRE2 agrees, but it is clearer without */
		p->at++;
		copy(p, utf8_len(str_from(p->in, p->at)));
		return 0;
	}
	copy(p, 2);
	return 0;
}

/* \1 .. \99, or three octal digits. */
static int number_escape(struct pass *p)
{
	unsigned n = (unsigned)(peek(p, 1) - '0');
	size_t len = 2;

	if (n == 0)
		return octal_escape(p, 3);
	if (is_digit(peek(p, 2))) {
		if (is_octal(peek(p, 1)) && is_octal(peek(p, 2)) && is_octal(peek(p, 3)))
			return octal_escape(p, 3);
		n = n * 10 + (unsigned)(peek(p, 2) - '0');
		len = 3;
	}
	if (n >= p->out->n_groups)
		return fail(p, "invalid group reference");
	buf_printf(&p->out->text, "\\g{%u}", n);
	p->at += len;
	return 0;
}

static int escape(struct pass *p)
{
	int c = peek(p, 1);
	int r;

	if (is_digit(c))
		return number_escape(p);
	r = char_escape(p);
	if (r <= 0)
		return r;
	switch (c) {
	case 'Z':
		emit(p, "\\z");
		break;
	case 's':
		emit(p, "[\\s" EXTRA_SPACES "]");
		break;
	case 'S':
		emit(p, "[^\\s" EXTRA_SPACES "]");
		break;
	case 'A':
	case 'b':
	case 'B':
	case 'd':
	case 'D':
	case 'w':
	case 'W':
		copy(p, 2);
		return 0;
	default:
		return fail(p, "bad escape");
	}
	p->at += 2;
	return 0;
}

static int class_escape(struct pass *p, bool *not_space)
{
	int c = peek(p, 1);
	int r;

	if (is_digit(c))
		return is_octal(c) ? octal_escape(p, 3) : fail(p, "bad escape");
	r = char_escape(p);
	if (r <= 0)
		return r;
	switch (c) {
	case 's':
		emit(p, "\\s" EXTRA_SPACES);
		break;
	case 'S':
		*not_space = true;
		break;
	case 'b':
		emit(p, "\\x08");
		break;
	case 'd':
	case 'D':
	case 'w':
	case 'W':
		copy(p, 2);
		return 0;
	default:
		return fail(p, "bad escape");
	}
	p->at += 2;
	return 0;
}

/*
 * With \S among its members a class cannot be written as one PCRE2 class, as four characters that
 * PCRE2 counts as \S must be left out: [x\S] becomes (?:[x]|[^\s..]), [^x\S] the opposite.
 */
static void wrap_not_space(struct pass *p, size_t start, bool negated)
{
	struct buf *out = &p->out->text;
	size_t open = start - (negated ? 2 : 1);
	_free_ char *members = str_dup(str_mem(out->p + start, out->n - start));

	out->n = open;
	if (!*members)
		emit(p, negated ? "[\\s" EXTRA_SPACES "]" : "[^\\s" EXTRA_SPACES "]");
	else if (negated)
		buf_printf(out, "(?:(?![%s])[\\s" EXTRA_SPACES "])", members);
	else
		buf_printf(out, "(?:[%s]|[^\\s" EXTRA_SPACES "])", members);
}

static int char_class(struct pass *p)
{
	size_t opened = p->at, start, first;
	bool negated = peek(p, 1) == '^', not_space = false;
	int r = 0;

	p->at += negated ? 2 : 1;
	emit(p, negated ? "[^" : "[");
	start = p->out->text.n;
	first = p->at;
	while (r == 0 && (peek(p, 0) != ']' || p->at == first)) {
		int c = peek(p, 0);

		if (c < 0) {
			p->at = opened;
			return fail(p, "unterminated character set");
		}
		if (c == '\\') {
			r = class_escape(p, &not_space);
		} else if (c == '[' || c == ']' || c == '^') { /* [ might begin a POSIX class */
			buf_add_char(&p->out->text, '\\');
			copy(p, 1);
		} else {
			copy(p, 1);
		}
	}
	if (r < 0)
		return r;
	p->at++;
	if (not_space)
		wrap_not_space(p, start, negated);
	else
		emit(p, "]");
	return 0;
}

/* {n}, {n,}, {,n}, {n,m} and {,}; any other brace is a character. */
static void brace(struct pass *p)
{
	size_t n = 1, low, comma = 0;

	for (low = n; is_digit(peek(p, n)); n++)
		;
	low = n - low;
	if (peek(p, n) == ',')
		comma = n++;
	while (is_digit(peek(p, n)))
		n++;
	if (peek(p, n) != '}' || (low == 0 && !comma)) {
		emit(p, "\\{");
		p->at++;
		return;
	}
	if (low == 0) { /* PCRE2 before 10.43 takes this for text */
		emit(p, "{0");
		p->at++;
		copy(p, n);
		return;
	}
	copy(p, n + 1);
}

static bool is_name_byte(int c, bool first)
{
	return is_letter(c) || c == '_' || c > 0x7f || (!first && is_digit(c));
}

/* Reads an identifier that `end` closes; the position is behind `end` after. */
static int read_name(struct pass *p, char end, str *name)
{
	size_t n = 0;

	while (is_name_byte(peek(p, n), n == 0))
		n++;
	if (n == 0)
		return fail(p, "missing group name");
	if (peek(p, n) != end)
		return fail(p, "bad character in group name");
	*name = str_mem(p->in.p + p->at, n);
	p->at += n + 1;
	return 0;
}

static unsigned find_group(const struct dialect *d, str name)
{
	for (unsigned i = 1; i < d->n_groups; i++)
		if (d->names[i].n && str_eq(d->names[i], name))
			return i;
	return 0;
}

static int push(struct pass *p)
{
	if (p->depth == DEPTH_MAX)
		return fail(p, "too many nested groups");
	p->depth++;
	p->verbose[p->depth] = p->verbose[p->depth - 1];
	return 0;
}

static int open_capture(struct pass *p, str name)
{
	struct dialect *d = p->out;
	unsigned other = name.n ? find_group(d, name) : 0;

	if (other) {
		return err_set(p->err, -EINVAL,
			       "redefinition of group name '%.*s' as group %u; was group %u",
			       STR_ARG(name), d->n_groups, other);
	}
	if (d->n_groups == GROUPS_MAX)
		return fail(p, "too many groups");
	d->names = xreallocarray(d->names, d->n_groups + 1, sizeof *d->names);
	d->names[d->n_groups] = name;
	emit(p, "(");
	d->n_groups++;
	return push(p);
}

/* (?P=name), the position being behind the `=`. */
static int name_reference(struct pass *p)
{
	str name = STR_NULL;
	unsigned group;
	int r = read_name(p, ')', &name);

	if (r < 0)
		return r;
	group = find_group(p->out, name);
	if (!group)
		return fail(p, "unknown group name");
	buf_printf(&p->out->text, "\\g{%u}", group);
	return 0;
}

/* (?(1)..) and (?(name)..), the position being behind the second parenthesis. */
static int conditional(struct pass *p)
{
	unsigned group = 0;
	str name = STR_NULL;
	int r;

	if (is_digit(peek(p, 0))) {
		while (is_digit(peek(p, 0)) && group < GROUPS_MAX)
			group = group * 10 + (unsigned)(p->in.p[p->at++] - '0');
		if (peek(p, 0) != ')')
			return fail(p, "bad character in group name");
		p->at++;
	} else {
		r = read_name(p, ')', &name);
		if (r < 0)
			return r;
		group = find_group(p->out, name);
	}
	if (group == 0)
		return fail(p, "unknown group name");
	buf_printf(&p->out->text, "(?(%u)", group);
	return push(p);
}

/* (?ims) and (?i-s:..), the position being behind the question mark. */
static int flags(struct pass *p)
{
	char keep[32];
	size_t n = 0, begin = p->at;
	bool minus = false, verbose = p->verbose[p->depth];
	int c, r;

	for (; (c = peek(p, 0)) != ')' && c != ':'; p->at++) {
		if (c == '-' && !minus)
			minus = true;
		else if (c == 'x')
			verbose = !minus;
		else if (c == 'a' || c == 'L')
			return fail(p, "the flags 'a' and 'L' are not supported");
		else if (c != 'i' && c != 'm' && c != 's' && !(c == 'u' && !minus))
			return fail(p, "unknown extension or flag");
		if (c != 'u' && n < sizeof keep - 1) /* all text is Unicode */
			keep[n++] = (char)c;
	}
	if (p->at == begin)
		return fail(p, "unknown extension or flag");
	p->at++;
	keep[n] = '\0';
	if (c == ')') { /* PCRE2 takes this up to the end of the group; Python at the start only */
		p->verbose[p->depth] = verbose;
		if (n)
			buf_printf(&p->out->text, "(?%s)", keep);
		return 0;
	}
	buf_printf(&p->out->text, "(?%s:", keep);
	r = push(p);
	if (r == 0)
		p->verbose[p->depth] = verbose;
	return r;
}

static int comment(struct pass *p)
{
	while (peek(p, 0) != ')') {
		if (peek(p, 0) < 0)
			return fail(p, "missing ), unterminated comment");
		p->at++;
	}
	p->at++;
	return 0;
}

/* (?P.., the position being behind the P. */
static int python_group(struct pass *p)
{
	str name = STR_NULL;
	int c = peek(p, 0), r;

	p->at++;
	if (c == '=')
		return name_reference(p);
	if (c != '<')
		return fail(p, "unknown extension ?P");
	r = read_name(p, '>', &name);
	return r < 0 ? r : open_capture(p, name);
}

static int group(struct pass *p)
{
	int c = peek(p, 2);

	if (peek(p, 1) == '*')
		return fail(p, "nothing to repeat");
	if (peek(p, 1) != '?') {
		p->at++;
		return open_capture(p, STR_NULL);
	}
	switch (c) {
	case 'P':
		p->at += 3;
		return python_group(p);
	case '#':
		p->at += 3;
		return comment(p);
	case '(':
		p->at += 3;
		return conditional(p);
	case '<':
		if (peek(p, 3) != '=' && peek(p, 3) != '!')
			return fail(p, "unknown extension ?<");
		copy(p, 4);
		return push(p);
	case ':':
	case '=':
	case '!':
	case '>':
		copy(p, 3);
		return push(p);
	case -1:
		return fail(p, "unexpected end of pattern");
	default:
		p->at += 2;
		return flags(p);
	}
}

static int step(struct pass *p)
{
	switch (peek(p, 0)) {
	case '\\':
		return escape(p);
	case '[':
		return char_class(p);
	case '{':
		brace(p);
		return 0;
	case '(':
		return group(p);
	case ')':
		if (p->depth == 0)
			return fail(p, "unbalanced parenthesis");
		p->depth--;
		copy(p, 1);
		return 0;
	case '#':
		if (p->verbose[p->depth]) {
			while (p->at < p->in.n && peek(p, 0) != '\n')
				p->at++;
			return 0;
		}
		copy(p, 1);
		return 0;
	default:
		copy(p, 1);
		return 0;
	}
}

int dialect_translate(str python, struct dialect *out, struct err *err)
{
	struct pass p = { .in = python, .out = out, .err = err };
	int r = 0;

	if (!utf8_is_valid(python))
		return err_set(err, -EINVAL, "not UTF-8");
	out->ascii = true;
	out->names = xcalloc(1, sizeof *out->names);
	out->n_groups = 1;
	while (r == 0 && p.at < python.n)
		r = step(&p);
	if (r == 0 && p.depth)
		r = fail(&p, "missing ), unterminated subpattern");
	return r;
}

void dialect_done(struct dialect *d)
{
	buf_free(&d->text);
	free(d->names);
	*d = (struct dialect){ 0 };
}
