/*
 * name[option="value", ...]; see options.h.
 *
 * Called for filter, action, backend and the like.  Two readers that agree with Fail2ban's: a
 * strict one for the options of one name, and a cutter that finds where one name of a list ends.
 */
#include "config/options.h"

#include <errno.h>

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || (unsigned char)c >= 0x80;
}

static size_t blanks(str s, size_t at)
{
	while (at < s.n && is_blank(s.p[at]))
		at++;
	return at;
}

static size_t words(str s, size_t at)
{
	while (at < s.n && is_word(s.p[at]))
		at++;
	return at;
}

/* Past `name=` or `name?condition=value=`, whose name is s[at..*end); 0 if there is none. */
static size_t after_name(str s, size_t at, size_t *end)
{
	size_t i = at, equal;

	while (i < s.n && (is_word(s.p[i]) || s.p[i] == '-' || s.p[i] == '.'))
		i++;
	if (i == at)
		return 0;
	if (i < s.n && s.p[i] == '?') {
		equal = words(s, i + 1);
		if (equal == i + 1 || equal >= s.n || s.p[equal] != '=')
			return 0;
		i = words(s, equal + 1);
		if (i == equal + 1)
			return 0;
	}
	if (i >= s.n || s.p[i] != '=')
		return 0;
	*end = i;
	return i + 1;
}

/* Past the quoted text that starts at `at`, or 0. */
static size_t after_quoted(str s, size_t at)
{
	ssize_t close;

	if (at >= s.n || (s.p[at] != '"' && s.p[at] != '\''))
		return 0;
	close = str_chr(str_from(s, at + 1), s.p[at]);
	return close < 0 ? 0 : at + 1 + (size_t)close + 1;
}

static size_t after_plain(str s, size_t at)
{
	while (at < s.n && s.p[at] != ',' && s.p[at] != ']')
		at++;
	return at;
}

/* Past what separates two options, or the end of the text; 0 for anything else. */
static size_t after_separator(str s, size_t at)
{
	if (at >= s.n || s.p[at] == ',')
		return at + 1;
	if (s.p[at] == ']') {
		at = blanks(s, at + 1);
		return at < s.n && s.p[at] == '[' ? at + 1 : 0;
	}
	return blanks(s, at) == s.n ? s.n : 0;
}

static int bad(struct err *err, str whole, const char *why, size_t at, str near)
{
	return err_set(err, -EINVAL, "invalid definition '%.*s': %s at %zu: %.*s", STR_ARG(whole),
		       why, at, (int)(near.n < 80 ? near.n : 80), near.p);
}

/* One option of the text between the brackets: *at moves behind it and its separator. */
static int next_option(str whole, str s, size_t *at, struct option *o, struct err *err)
{
	size_t start = blanks(s, *at), name_end = 0, value = after_name(s, start, &name_end);
	size_t end, next;

	if (!value)
		return bad(err, whole, "expected option=value", *at, str_from(s, *at));
	o->name = str_mem(s.p + start, name_end - start);
	end = after_quoted(s, value);
	if (end) {
		o->value = str_mem(s.p + value + 1, end - value - 2);
	} else {
		end = after_plain(s, value);
		o->value = str_mem(s.p + value, end - value);
	}
	o->value = str_trim(o->value); /* within quotes as well */
	next = after_separator(s, end);
	if (!next)
		return bad(err, whole, "unexpected text behind an option", end, str_from(s, end));
	*at = next;
	return 0;
}

int options_parse(struct arena *arena, str text, struct options *out, struct err *err)
{
	struct option found[OPTIONS_MAX];
	struct options o = { 0 };
	ssize_t open = str_chr(text, '['), close = str_rchr(text, ']');
	size_t at = 0;
	str inside;

	o.name = str_head(text, open < 0 ? text.n : (size_t)open);
	if (o.name.n == 0 ||
	    (open >= 0 && (close < open || blanks(text, (size_t)close + 1) != text.n)))
		return err_set(err, -EINVAL,
			       "invalid definition '%.*s': it must be name[option=value, ...]",
			       STR_ARG(text));
	inside = open < 0 ? STR("") : str_mem(text.p + open + 1, (size_t)(close - open - 1));
	while (blanks(inside, at) < inside.n) {
		int rc;

		if (o.n == OPTIONS_MAX)
			return err_set(err, -EINVAL, "'%.*s' has too many options",
				       STR_ARG(o.name));
		rc = next_option(text, inside, &at, &found[o.n], err);
		if (rc < 0)
			return rc;
		o.n++;
	}
	o.items = arena_alloc(arena, (o.n + 1) * sizeof *o.items);
	memcpy(o.items, found, o.n * sizeof *o.items);
	*out = o;
	return 0;
}

static bool ends_word(str s, size_t at)
{
	return at >= s.n || is_blank(s.p[at]);
}

/* Past one option and its separator within a list; 0 if there is none. */
static size_t skip_option(str s, size_t at)
{
	size_t name_end, value = after_name(s, at, &name_end), end, next;

	if (!value)
		return 0;
	end = after_quoted(s, value);
	if (end) {
		next = blanks(s, end);
		/* a quote that does not end the value belongs to an unquoted one */
		if (next < s.n && s.p[next] != ',' && s.p[next] != ']' &&
		    !after_name(s, next, &name_end))
			end = 0;
	}
	end = blanks(s, end ? end : after_plain(s, value));
	if (end < s.n && s.p[end] == ',')
		end = blanks(s, end + 1);
	return end;
}

/* The end of `[...]`, `[...][...]` that starts at `at`; 0 if there is none that ends a word. */
static size_t skip_groups(str s, size_t at)
{
	size_t last = 0, next;

	while (at < s.n && s.p[at] == '[') {
		at = blanks(s, at + 1);
		while ((next = skip_option(s, at)) != 0)
			at = next;
		if (at >= s.n || s.p[at] != ']')
			break;
		at++;
		if (ends_word(s, at))
			last = at;
		at = blanks(s, at);
	}
	return last;
}

bool options_next(str *rest, str *one)
{
	str s = *rest = str_from(*rest, blanks(*rest, 0));
	size_t name = 0, end = 0;

	if (s.n == 0)
		return false;
	while (name < s.n && !is_blank(s.p[name]) && s.p[name] != '[')
		name++;
	if (name)
		end = skip_groups(s, blanks(s, name));
	if (!end && name && ends_word(s, name))
		end = name;
	while (!end || !ends_word(s, end))
		end++;
	*one = str_head(s, end);
	*rest = str_from(s, end);
	return true;
}
