/*
 * SMTP replies; see reply.h.  The bytes come from the server that is tested and are hostile.
 */
#include "check/reply.h"

enum { CODE_DIGITS = 3 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The code of a line, or 0. */
static int line_code(str line)
{
	if (line.n < CODE_DIGITS || line.p[0] < '2' || line.p[0] > '5' || !is_digit(line.p[1]) ||
	    !is_digit(line.p[2]))
		return 0;
	if (line.n > CODE_DIGITS && line.p[CODE_DIGITS] != ' ' && line.p[CODE_DIGITS] != '-')
		return 0;
	return (line.p[0] - '0') * 100 + (line.p[1] - '0') * 10 + (line.p[2] - '0');
}

/* Could these first bytes of a line still become a reply's? */
static bool line_may_begin(str part)
{
	if (part.n > 0 && (part.p[0] < '2' || part.p[0] > '5'))
		return false;
	for (size_t i = 1; i < part.n && i < CODE_DIGITS; i++)
		if (!is_digit(part.p[i]))
			return false;
	return part.n <= CODE_DIGITS || part.p[CODE_DIGITS] == ' ' || part.p[CODE_DIGITS] == '-' ||
	       part.p[CODE_DIGITS] == '\r';
}

/* One number of an enhanced code, at most three digits. */
static bool take_number(str *s, int *out)
{
	size_t n = 0;
	int v = 0;

	while (n < s->n && n < 3 && is_digit(s->p[n]))
		v = v * 10 + (s->p[n++] - '0');
	*out = v;
	*s = str_from(*s, n);
	return n > 0;
}

static bool take_char(str *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = str_from(*s, 1);
	return true;
}

/* "5.7.1 text": RFC 2034 wants the class to be the code's first digit. */
static void parse_enhanced(str text, int code, int out[static 3])
{
	int v[3];

	if (take_number(&text, &v[0]) && take_char(&text, '.') && take_number(&text, &v[1]) &&
	    take_char(&text, '.') && take_number(&text, &v[2]) && v[0] == code / 100 &&
	    (text.n == 0 || text.p[0] == ' '))
		memcpy(out, v, sizeof v);
}

enum line_kind { LINE_MORE, LINE_WHOLE, LINE_BARE, LINE_LONG };

/* The line at `at`: *line without its end, *next behind it. */
static enum line_kind next_line(str bytes, size_t at, str *line, size_t *next)
{
	str rest = str_from(bytes, at);
	size_t i;

	for (i = 0; i < rest.n && i <= REPLY_LINE_MAX; i++) {
		*line = str_head(rest, i);
		*next = at + i + 1;
		if (rest.p[i] == '\n')
			return LINE_BARE;
		if (rest.p[i] != '\r')
			continue;
		if (i + 1 == rest.n)
			return LINE_MORE;
		*next = at + i + 2;
		return rest.p[i + 1] == '\n' ? LINE_WHOLE : LINE_BARE;
	}
	*line = rest;
	return i > REPLY_LINE_MAX ? LINE_LONG : LINE_MORE;
}

static struct reply wrong(enum reply_kind kind, str bytes, size_t taken)
{
	return (struct reply){ .kind = kind, .text = str_head(bytes, taken), .bytes = taken };
}

struct reply reply_parse(str bytes)
{
	size_t at = 0, next = 0;
	bool mixed = false;
	int first = 0;

	for (;;) {
		str line = STR_NULL;
		enum line_kind kind = next_line(bytes, at, &line, &next);
		int code;

		if (kind == LINE_LONG || at + line.n > REPLY_BYTES_MAX)
			return wrong(REPLY_LONG, bytes, bytes.n);
		if (!line_may_begin(line))
			return wrong(REPLY_FOREIGN, bytes, bytes.n);
		if (kind == LINE_MORE)
			return (struct reply){ .kind = REPLY_MORE };
		if (kind == LINE_BARE)
			return wrong(REPLY_BARE, bytes, next);
		code = line_code(line);
		if (!code)
			return wrong(REPLY_FOREIGN, bytes, next);
		if (!first)
			first = code;
		mixed |= code != first;
		if (line.n <= CODE_DIGITS || line.p[CODE_DIGITS] == ' ') {
			struct reply r = { .kind = mixed ? REPLY_MIXED : REPLY_COMPLETE,
					   .code = mixed ? 0 : first,
					   .text = str_head(bytes, next - 2),
					   .bytes = next };

			if (!mixed)
				parse_enhanced(str_from(line, CODE_DIGITS + 1), code, r.enhanced);
			return r;
		}
		at = next;
	}
}

bool reply_line(const struct reply *r, size_t *at, str *line)
{
	str rest = str_from(r->text, *at);
	ssize_t end = str_find(rest, STR("\r\n"));

	if (*at >= r->text.n)
		return false;
	*line = str_head(rest, end < 0 ? rest.n : (size_t)end);
	*at += line->n + 2;
	*line = str_from(*line, CODE_DIGITS + 1);
	return true;
}

bool reply_keyword(const struct reply *r, size_t *at, str keyword, str *parameters)
{
	str line;

	if (*at == 0 && !reply_line(r, at, &line)) /* the greeting */
		return false;
	while (reply_line(r, at, &line)) {
		str end = str_from(line, keyword.n);

		if (!str_eq_nocase(str_head(line, keyword.n), keyword))
			continue;
		if (end.n && end.p[0] != ' ' &&
		    !(end.p[0] == '=' && str_eq_nocase(keyword, STR("AUTH"))))
			continue;
		*parameters = str_trim(str_from(end, 1));
		return true;
	}
	return false;
}

bool reply_offers(const struct reply *r, str keyword, str *parameters)
{
	size_t at = 0;
	str behind;

	if (!reply_keyword(r, &at, keyword, &behind))
		return false;
	if (parameters)
		*parameters = behind;
	return true;
}
