/*
 * Time expressions; see duration.h.
 *
 *	sum    = term { ('+' | '-' | nothing) term }            "1d12h", "1year-6mo"
 *	term   = factor { unit | '*' factor | '/' factor }      "2*1h", "1/2h"
 *	factor = number | '(' sum ')' | ('+' | '-') factor
 *
 * A unit multiplies all of the term before it, and two terms side by side are added: that is what
 * Fail2ban's textual replacement comes to.  Refused: anything that is not arithmetic, a division by
 * zero, and results beyond DURATION_MAX.
 */
#include "config/duration.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum {
	TEXT_MAX = 1000, /* bytes of an expression */
	DEPTH_MAX = 32,  /* parentheses and signs */
	NUMBER_MAX = 40, /* characters of a number */
};
#define DURATION_MAX 1e15 /* seconds; far beyond any date, and exact in a double */

static const struct unit {
	const char *words; /* each between blanks */
	double seconds;
	bool whole; /* an int to Python */
} units[] = {
	{ " y ye yea year years yy ", 31557600, false },
	{ " mo mon month months ", 2629800, false },
	{ " w we wee week weeks ww ", 604800, true },
	{ " d da day days dd ", 86400, true },
	{ " h ho hou hour hours hh ", 3600, true },
	{ " m mi min minute minutes mm ", 60, true },
	{ " s se sec second seconds ss ", 1, true },
};

struct scan {
	str rest;
	int depth;
	bool whole;
	const char *wrong; /* what was wrong; NULL: nothing */
};

static double sum(struct scan *s);

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static double wrong(struct scan *s, const char *what)
{
	if (!s->wrong)
		s->wrong = what;
	return 0;
}

/* The next character that is not blank, or '\0'. */
static char peek(struct scan *s)
{
	while (s->rest.n && (*s->rest.p == ' ' || (*s->rest.p >= '\t' && *s->rest.p <= '\r')))
		s->rest = str_from(s->rest, 1);
	return s->rest.n ? *s->rest.p : '\0';
}

static double number(struct scan *s)
{
	char text[NUMBER_MAX + 1];
	size_t n = 0, used = 0;
	bool point = false, digits = false;

	for (; n < s->rest.n; n++) {
		char c = s->rest.p[n];

		if (c == '.' && point)
			return wrong(s, "a number with two points");
		if (!is_digit(c) && c != '.' && !(c == '_' && digits))
			break;
		point |= c == '.';
		digits |= is_digit(c);
		if (c == '_')
			continue;
		if (used == NUMBER_MAX)
			return wrong(s, "a number that is too long");
		text[used++] = c;
	}
	if (!digits)
		return wrong(s, "something that is not a number");
	text[used] = '\0';
	s->rest = str_from(s->rest, n);
	s->whole &= !point;
	return strtod(text, NULL);
}

static const struct unit *unit(struct scan *s)
{
	char word[16] = " ";
	size_t n = 0;

	for (; n < s->rest.n && is_letter(s->rest.p[n]); n++) {
		if (n + 3 >= sizeof word)
			return NULL;
		word[n + 1] = (char)(s->rest.p[n] | 0x20);
	}
	word[n + 1] = ' ';
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strstr(units[i].words, word)) {
			s->rest = str_from(s->rest, n);
			return &units[i];
		}
	return NULL;
}

static double factor(struct scan *s)
{
	char c = peek(s);
	double value;

	if (s->wrong)
		return 0;
	if (c != '(' && c != '-' && c != '+')
		return c ? number(s) : wrong(s, "an end where a number is missing");
	if (++s->depth > DEPTH_MAX)
		return wrong(s, "too many signs or parentheses");
	s->rest = str_from(s->rest, 1);
	if (c == '(') {
		value = sum(s);
		if (peek(s) != ')')
			return wrong(s, "a '(' that is not closed");
		s->rest = str_from(s->rest, 1);
	} else {
		value = c == '-' ? -factor(s) : factor(s);
	}
	s->depth--;
	return value;
}

static double term(struct scan *s)
{
	double value = factor(s), divisor;
	const struct unit *u;
	char c;

	while (!s->wrong) {
		c = peek(s);
		if (is_letter(c)) {
			u = unit(s);
			if (!u)
				return wrong(s, "a word that is not a unit of time");
			value *= u->seconds;
			s->whole &= u->whole;
		} else if (c == '*') {
			s->rest = str_from(s->rest, 1);
			value *= factor(s);
		} else if (c == '/') {
			s->rest = str_from(s->rest, 1);
			divisor = factor(s);
			if (divisor == 0)
				return wrong(s, "a division by zero");
			value /= divisor;
			s->whole = false;
		} else {
			break;
		}
	}
	return value;
}

static double sum(struct scan *s)
{
	double value = term(s);

	while (!s->wrong) {
		char c = peek(s);

		if (c == '\0' || c == ')')
			break;
		if (c == '+' || c == '-')
			s->rest = str_from(s->rest, 1);
		value += c == '-' ? -term(s) : term(s);
	}
	return value;
}

int duration_parse(str text, double *seconds, bool *whole, struct err *err)
{
	struct scan s = { .rest = text, .whole = true };
	double value;

	if (text.n > TEXT_MAX)
		return err_set(err, -EINVAL, "a time of %zu characters is too long", text.n);
	if (str_trim(text).n == 0)
		return err_set(err, -EINVAL, "the time is empty");
	value = sum(&s);
	if (!s.wrong && peek(&s))
		s.wrong = "a ')' that was not opened";
	if (!s.wrong && !(fabs(value) <= DURATION_MAX))
		s.wrong = "a result that is too large";
	if (s.wrong)
		return err_set(err, -EINVAL,
			       "'%.*s' is not a time: it has %s (write it like 600, 10m or 1d12h)",
			       STR_ARG(text), s.wrong);
	*seconds = value;
	*whole = s.whole;
	return 0;
}
