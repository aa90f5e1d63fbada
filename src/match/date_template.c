/*
 * Date patterns; see date_template.h.  What a pattern gets around it (boundaries, a group, the
 * anchor of {^LN-BEG}) follows Fail2ban to the letter, as administrators' patterns depend on it:
 * tests/unit/test_date.c holds the table of what was observed.  Called by date.c only.
 */
#include "match/date_template.h"

#include <errno.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "match/date_format.h"

#define LINE_BEGIN "{^LN-BEG}"
#define UNBOUND "{UNB}"
#define WORD_BEFORE "(?=^|\\b|\\W)"
#define WORD_AFTER "(?=\\b|\\W|$)"
#define LINE_BEFORE "^(?:\\W{0,2})?"
#define EPOCH "\\d{10,11}\\b(?:\\.\\d{3,6})?"
#define LONG_EPOCH "\\d{10,11}(?:\\d{3}(?:\\.\\d{1,6}|\\d{3})?)?"
#define FRACTION "(?:\\.%f)?"

/* Section 4.2; `pattern` NULL: see kind. */
static const struct builtin {
	const char *pattern;
	enum date_kind kind;
	bool anchored;
} builtins[] = {
	{ "%ExY(?P<_sep>[-/.])%m(?P=_sep)%d(?:T|  ?)%H:%M:%S(?:[.,]%f)?(?:\\s*%z)?", 0, false },
	{ "(?:%a )?%b %d %k:%M:%S" FRACTION "(?: %ExY)?", 0, false },
	{ "(?:%a )?%b %d %ExY %k:%M:%S" FRACTION, 0, false },
	{ "%d(?P<_sep>[-/])%m(?P=_sep)(?:%ExY|%Exy) %k:%M:%S", 0, false },
	{ "%d(?P<_sep>[-/])%b(?P=_sep)%ExY[ :]?%H:%M:%S" FRACTION "(?: %z)?", 0, false },
	{ "%m/%d/%ExY:%H:%M:%S", 0, false },
	{ "%m-%d-%ExY %k:%M:%S" FRACTION, 0, false },
	{ NULL, DATE_EPOCH, false },
	{ LINE_BEGIN "%H:%M:%S", 0, true },
	{ "^<%m/%d/%Exy@%H:%M:%S>", 0, true },
	{ "%Exy%Exm%Exd  ?%H:%M:%S", 0, false },
	{ "%b %d, %ExY %I:%M:%S %p", 0, false },
	{ "^%b-%d-%Exy %k:%M:%S", 0, true },
	{ "%ExY%Exm%Exd(?:-|T|  ?)%ExH:?%ExM:?%ExS(?:[.,]%f)?(?:\\s*%z)?", 0, false },
	{ "(?:%Z )?(?:%a )?%b %d %k:%M:%S" FRACTION "(?: %ExY)?", 0, false },
	{ "(?:%z )?(?:%a )?%b %d %k:%M:%S" FRACTION "(?: %ExY)?", 0, false },
	{ NULL, DATE_TAI64N, false },
};

/* Patterns that are a word, and the builtins' forms of them. */
static const struct special {
	const char *word, *name;
	enum date_kind kind;
	bool line_begin;
	const char *regex;
} specials[] = {
	{ "EPOCH", "Epoch", DATE_EPOCH, false,
	  "((?:^|(?P<square>(?<=^\\[))|(?P<selinux>(?<=\\baudit\\()))" EPOCH
	  ")(?:(?(selinux)(?=:\\d+\\)))|(?(square)(?=\\])))" WORD_AFTER },
	{ "LEPOCH", "LongEpoch", DATE_LONG_EPOCH, false,
	  "((?:^|(?P<square>(?<=^\\[))|(?P<selinux>(?<=\\baudit\\()))" LONG_EPOCH
	  ")(?:(?(selinux)(?=:\\d+\\)))|(?(square)(?=\\])))" WORD_AFTER },
	{ "TAI64N", "TAI64N", DATE_TAI64N, false, "(@[0-9a-f]{24})" WORD_AFTER },
	{ "EPOCH", LINE_BEGIN "Epoch", DATE_EPOCH, true,
	  LINE_BEFORE "((?P<square>(?<=^\\[))?" EPOCH ")(?(square)(?=\\]))" WORD_AFTER },
	{ "LEPOCH", LINE_BEGIN "LongEpoch", DATE_LONG_EPOCH, true,
	  LINE_BEFORE "((?P<square>(?<=^\\[))?" LONG_EPOCH ")(?(square)(?=\\]))" WORD_AFTER },
	{ "TAI64N", LINE_BEGIN "TAI64N", DATE_TAI64N, true,
	  LINE_BEFORE "(@[0-9a-f]{24})" WORD_AFTER },
};

/* Is the byte before `at` an odd number of backslashes? */
static bool is_escaped(str s, size_t at)
{
	size_t n = 0;

	while (n < at && s.p[at - 1 - n] == '\\')
		n++;
	return n % 2 == 1;
}

static bool has_group(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '(' && !is_escaped(s, i) && (i + 1 == s.n || s.p[i + 1] != '?'))
			return true;
	return false;
}

static ssize_t find_nocase(str s, const char *needle)
{
	size_t n = strlen(needle);

	for (size_t i = 0; i + n <= s.n; i++)
		if (str_eq_nocase(str_head(str_from(s, i), n), str_of(needle)))
			return (ssize_t)i;
	return -1;
}

/* Takes the (?flags) at the start of *s. */
static str take_flags(str *s)
{
	size_t n = 2;
	str flags;

	if (!str_starts(*s, STR("(?")))
		return STR_NULL;
	while (n < s->n && s->p[n] >= 'a' && s->p[n] <= 'z')
		n++;
	if (n == 2 || n == s->n || s->p[n] != ')')
		return STR_NULL;
	flags = str_head(*s, n + 1);
	*s = str_from(*s, n + 1);
	return flags;
}

/* Does it begin with an anchor of its own, `^` in any parentheses, or with `**`? */
static bool no_word_before(str s)
{
	while (str_starts(s, STR("(")) && !str_starts(s, STR("(?")))
		s = str_from(s, 1);
	if (str_starts(s, STR("**")))
		return true;
	while (str_starts(s, STR("(?:")))
		s = str_from(s, 3);
	while (str_starts(s, STR("(")) && !str_starts(s, STR("(?")))
		s = str_from(s, 1);
	return str_starts(s, STR("^"));
}

static bool no_word_after(str s)
{
	str inner = s;

	while (str_ends(inner, STR(")")))
		inner.n--;
	if (str_ends(inner, STR("$")) && !is_escaped(inner, inner.n - 1))
		return true;
	if (str_ends(inner, STR("**")) && !is_escaped(inner, inner.n - 2))
		return true;
	return (str_ends(s, STR("\\b")) || str_ends(s, STR("\\s"))) && !is_escaped(s, s.n - 2);
}

/* Is the text with its group anchored at either end? Not when the anchor is one alternative. */
static bool is_anchored(str s)
{
	str begin = s, end = s;

	if (str_starts(begin, STR("(?:")))
		begin = str_from(begin, 3);
	else if (str_starts(begin, STR("(")))
		begin = str_from(begin, 1);
	if (str_starts(begin, STR("^")) && !str_starts(begin, STR("^|")))
		return true;
	if (str_ends(end, STR(")")))
		end.n--;
	return str_ends(end, STR("$")) && !str_ends(end, STR("|$")) && !is_escaped(end, end.n - 1);
}

/* The pattern with a group around it, unless it has one. */
static void add_grouped(struct buf *out, str s)
{
	bool begin = str_starts(s, STR("^")), end = str_ends(s, STR("$")) && s.n > begin;

	if (has_group(s)) {
		buf_add_str(out, s);
		return;
	}
	s = str_from(s, begin);
	s.n -= end;
	buf_add_z(out, begin ? "^(" : "(");
	buf_add_str(out, s);
	buf_add_z(out, end ? ")$" : ")");
}

/* Adds s without the `**` that said "no boundary here" at its ends. */
static void add_unstarred(struct buf *out, str s)
{
	size_t open = 0, close = 0;

	while (open < s.n && s.p[open] == '(')
		open++;
	while (close < s.n - open && s.p[s.n - 1 - close] == ')')
		close++;
	buf_add_str(out, str_head(s, open));
	s = str_from(s, open);
	if (str_starts(s, STR("**")))
		s = str_from(s, 2);
	s.n -= s.n < close ? s.n : close;
	if (str_ends(s, STR("**")) && !is_escaped(s, s.n - 2))
		s.n -= 2;
	buf_add_str(out, s);
	for (size_t i = 0; i < close; i++)
		buf_add_char(out, ')');
}

/* A pattern on its way to a regular expression. */
struct shaping {
	str rest;  /* without {UNB}, {^LN-BEG} and flags */
	str flags; /* "(?i)" or nothing */
	bool unbound, line_begin;
	bool anchored; /* result */
};

static struct shaping shape(str pattern)
{
	struct shaping s = { .rest = pattern };
	bool line_begin = str_starts(pattern, STR(LINE_BEGIN));

	s.unbound = str_starts(pattern, STR(UNBOUND));
	if (line_begin || s.unbound)
		s.rest = str_from(s.rest, line_begin ? strlen(LINE_BEGIN) : strlen(UNBOUND));
	s.flags = take_flags(&s.rest);
	s.rest = str_trim(s.rest);
	s.line_begin = line_begin && !no_word_before(s.rest);
	return s;
}

static void add_bounded(struct buf *out, struct shaping *s, bool group_all)
{
	_buf_free_ struct buf grouped = { 0 };

	if (group_all) {
		buf_add_char(&grouped, '(');
		buf_add_str(&grouped, s->rest);
		buf_add_char(&grouped, ')');
	} else {
		add_grouped(&grouped, s->rest);
	}
	s->anchored = s->line_begin || is_anchored(buf_str(&grouped));
	if (s->line_begin)
		buf_add_z(out, LINE_BEFORE);
	else if (!s->unbound && !no_word_before(s->rest))
		buf_add_z(out, WORD_BEFORE);
	add_unstarred(out, buf_str(&grouped));
	if (!s->unbound && !no_word_after(group_all ? buf_str(&grouped) : s->rest))
		buf_add_z(out, WORD_AFTER);
}

/* {EPOCH} and {LEPOCH} in a pattern: the rest of it is no date. */
static bool make_epoch(struct date_template *t, struct buf *out)
{
	struct shaping s = { .rest = t->source };
	_buf_free_ struct buf text = { 0 };
	bool is_long = find_nocase(t->source, "{LEPOCH}") >= 0, first = true, group_all;

	if (!is_long && find_nocase(t->source, "{EPOCH}") < 0)
		return false;
	s.flags = take_flags(&s.rest);
	for (str rest = s.rest; rest.n;) {
		size_t n = find_nocase(str_head(rest, 7), "{EPOCH}") == 0    ? 7
			   : find_nocase(str_head(rest, 8), "{LEPOCH}") == 0 ? 8
									     : 0;

		if (n)
			buf_printf(&text, "(%s%s)", first ? "?P<_epoch>" : "",
				   is_long ? LONG_EPOCH : EPOCH);
		else
			buf_add_char(&text, *rest.p);
		first = first && !n;
		rest = str_from(rest, n ? n : 1);
	}
	t->kind = is_long ? DATE_LONG_EPOCH : DATE_EPOCH;
	t->name = t->source;
	buf_add_str(out, s.flags);
	/* 1.0 groups the whole even if there is a group: then brackets around the date get lost */
	group_all = !has_group(s.rest);
	s.rest = buf_str(&text);
	add_bounded(out, &s, group_all);
	t->anchored = s.anchored;
	return true;
}

static int make_pattern(struct date_templates *list, struct date_template *t, struct buf *out,
			struct err *err)
{
	struct shaping s = shape(t->source);
	_buf_free_ struct buf bounded = { 0 }, name = { 0 };
	bool dropped = s.unbound || (!s.line_begin && str_starts(t->source, STR(LINE_BEGIN)));

	if (date_format_any_case(t->source))
		buf_add_z(out, "(?iu)");
	buf_add_str(out, s.flags);
	add_bounded(&bounded, &s, false);
	t->kind = DATE_PATTERN;
	t->anchored = s.anchored;
	t->years = date_format_has_years(t->source);
	if (dropped)
		buf_add_str(&name, s.flags);
	date_format_name(dropped ? s.rest : t->source, &name);
	t->name = arena_str(list->arena, buf_str(&name));
	return date_format_regex(buf_str(&bounded), list->last_year, out, err);
}

static void find_fields(struct date_template *t)
{
	static const char letters[] = "YymbBdHIpMSjUWwaAzZ";

	t->n_fields = 0;
	t->value_group = regex_find_group(t->regex, STR("_epoch"));
	if (t->value_group == 0)
		t->value_group = 1;
	for (unsigned i = 1; i < regex_n_groups(t->regex); i++) {
		str name = regex_group_name(t->regex, i);

		if (name.n != 1 || !strchr(letters, *name.p) || t->n_fields == DATE_FIELDS_MAX)
			continue;
		t->fields[t->n_fields].field = (unsigned char)*name.p;
		t->fields[t->n_fields++].group = i;
	}
}

static const struct special *find_special(str pattern)
{
	bool line_begin = true;

	if (pattern.n >= strlen(LINE_BEGIN) &&
	    str_eq_nocase(str_head(pattern, strlen(LINE_BEGIN)), STR(LINE_BEGIN)))
		pattern = str_from(pattern, strlen(LINE_BEGIN));
	else if (str_starts(pattern, STR("^")))
		pattern = str_from(pattern, 1);
	else
		line_begin = false;
	for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
		if (specials[i].line_begin == line_begin &&
		    str_eq_nocase(pattern, str_of(specials[i].word)))
			return &specials[i];
	return NULL;
}

/* Fills everything of t but its weight from t->source. */
static int make(struct date_templates *list, struct date_template *t, struct err *err)
{
	const struct special *special = find_special(t->source);
	_buf_free_ struct buf text = { 0 };
	int r = 0;

	if (special) {
		t->kind = special->kind;
		t->name = str_of(special->name);
		t->anchored = special->line_begin;
		buf_add_z(&text, special->regex);
	} else if (!make_epoch(t, &text)) {
		r = make_pattern(list, t, &text, err);
	}
	if (r == 0)
		r = regex_new(buf_str(&text), 0, &t->regex, err);
	if (r == 0)
		find_fields(t);
	return r;
}

/* Adds one; a second of the same name is an error, or with `once` left out. */
static int add(struct date_templates *list, str source, unsigned weight, bool once, struct err *err)
{
	struct date_template t = { .source = arena_str(list->arena, source), .weight = weight };
	int r = make(list, &t, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list->n; i++) {
		if (!str_eq(list->items[i].name, t.name))
			continue;
		regex_free(t.regex);
		if (once)
			return 0;
		return err_set(err, -EINVAL, "There is already a template with name %.*s",
			       STR_ARG(t.name));
	}
	if (list->n == list->room) {
		list->room = list->room ? list->room * 2 : 32;
		list->items = xreallocarray(list->items, list->room, sizeof *list->items);
	}
	list->items[list->n++] = t;
	return 0;
}

static str builtin_source(const struct builtin *b)
{
	if (b->pattern)
		return str_of(b->pattern);
	return b->kind == DATE_EPOCH ? STR("EPOCH") : STR("TAI64N");
}

static int add_builtins(struct date_templates *list, bool anchored_only, struct err *err)
{
	const size_t n = sizeof builtins / sizeof *builtins;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		_buf_free_ struct buf source = { 0 };

		if (builtins[i].anchored)
			continue;
		buf_add_z(&source, LINE_BEGIN);
		buf_add_str(&source, builtin_source(&builtins[i]));
		r = add(list, buf_str(&source), 100, true, err);
	}
	for (size_t i = 0; i < n && r == 0; i++)
		if (builtins[i].anchored || !anchored_only)
			r = add(list, builtin_source(&builtins[i]), 1, true, err);
	return r;
}

int date_templates_add_default(struct date_templates *t, struct err *err)
{
	return add_builtins(t, false, err);
}

/* {DATE}: the pattern once for each built-in one in its place. */
static int add_each(struct date_templates *list, str pattern, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < sizeof builtins / sizeof *builtins && r == 0; i++) {
		_buf_free_ struct buf source = { 0 };
		const struct builtin *b = &builtins[i];
		str date = b->pattern              ? str_of(b->pattern)
			   : b->kind == DATE_EPOCH ? STR("Epoch")
						   : STR("TAI64N");

		if (str_starts(date, STR(LINE_BEGIN)))
			date = str_from(date, strlen(LINE_BEGIN));
		for (str rest = pattern; rest.n;) {
			size_t n = find_nocase(str_head(rest, 6), "{DATE}") == 0 ? 6 : 0;

			if (n)
				buf_add_str(&source, date);
			else
				buf_add_char(&source, *rest.p);
			rest = str_from(rest, n ? n : 1);
		}
		r = add(list, buf_str(&source), 1, true, err);
	}
	return r;
}

int date_templates_add(struct date_templates *t, str pattern, struct err *err)
{
	if (str_eq_nocase(pattern, STR("{DEFAULT}")))
		return add_builtins(t, false, err);
	if (str_eq_nocase(pattern, STR(LINE_BEGIN)))
		return add_builtins(t, true, err);
	if (find_nocase(pattern, "{DATE}") >= 0)
		return add_each(t, pattern, err);
	if (str_eq_nocase(pattern, STR("{NONE}")))
		return add(t, STR(UNBOUND "^"), 1, false, err);
	return add(t, pattern, 1, false, err);
}

bool date_templates_are_builtin(str pattern)
{
	return pattern.n == 0 || str_eq_nocase(pattern, STR("{DEFAULT}")) ||
	       str_eq_nocase(pattern, STR(LINE_BEGIN));
}

int date_templates_set_year(struct date_templates *t, int last_year, struct err *err)
{
	t->last_year = last_year;
	for (size_t i = 0; i < t->n; i++) {
		struct date_template fresh = t->items[i];
		int r;

		if (!fresh.years)
			continue;
		r = make(t, &fresh, err);
		if (r < 0)
			return r;
		regex_free(t->items[i].regex);
		t->items[i] = fresh;
	}
	return 0;
}

void date_templates_done(struct date_templates *t)
{
	for (size_t i = 0; i < t->n; i++)
		regex_free(t->items[i].regex);
	free(t->items);
	t->items = NULL;
	t->n = t->room = 0;
}
