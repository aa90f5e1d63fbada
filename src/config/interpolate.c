/*
 * `%(name)s`; see interpolate.h.
 *
 * Called for every value that is used; values that nobody asks for may be as broken as they like.
 * Refused, like Fail2ban: an unknown name, a '%' that is neither '%%' nor '%(name)s', and more than
 * ten levels.
 */
#include "config/interpolate.h"

#include <errno.h>

#define REFERENCE_WORK 64 /* bytes that following a reference counts as, at least */

/* One value being expanded: for messages. */
struct expansion {
	const struct scope *scope;
	const struct conf_key *key;
	str name;
	struct buf *out;
	struct err *err;
};

str lower_copy(struct arena *a, str s)
{
	char *p = arena_alloc(a, s.n + 1);

	for (size_t i = 0; i < s.n; i++)
		p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + ('a' - 'A') : s.p[i]);
	return str_mem(p, s.n);
}

static const struct conf_key *find_in(const struct table *t, str name)
{
	return t ? table_find(t, name) : NULL;
}

static const struct conf_key *find_lower(const struct scope *s, str name)
{
	const struct conf_key *key = find_in(s->vars, name);

	if (!key)
		key = find_in(s->known, name);
	return key ? key : conf_key(s->conf, s->section, name);
}

const struct conf_key *scope_find(const struct scope *s, str name)
{
	return find_lower(s, lower_copy(s->reader->arena, name));
}

static bool is_section_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '_' || c == '-' ||
	       (unsigned char)c >= 0x80;
}

/* `section/name`, `known/name`, `default/name`: works in lower case only, as in Fail2ban. */
static const struct conf_key *find_in_section(const struct scope *s, str path)
{
	ssize_t slash = str_chr(path, '/');
	const struct conf_section *section;
	const struct conf_key *key;
	str name;

	if (slash <= 0)
		return NULL;
	for (ssize_t i = 0; i < slash; i++)
		if (!is_section_char(path.p[i]))
			return NULL;
	name = str_from(path, (size_t)slash + 1);
	path = str_head(path, (size_t)slash);
	if (str_is(path, "default"))
		return table_find(s->conf->defaults->keys, name);
	if (str_is(path, "known")) {
		key = s->section ? find_in(s->section->known, name) : NULL;
		return key ? key : table_find(s->conf->defaults->keys, name);
	}
	section = conf_section(s->conf, path);
	return section ? conf_key(s->conf, section, name) : NULL;
}

static int fail(const struct expansion *e, const char *what, str detail)
{
	str value = e->key->value;

	err_at(e->err, e->key->file, e->key->line);
	return err_set(e->err, -EINVAL, "%s %.*s in the value of '%.*s'%s%.*s%s: %.*s", what,
		       (int)(detail.n < 100 ? detail.n : 100), detail.p ? detail.p : "",
		       STR_ARG(e->name), e->scope->section ? " of [" : "",
		       e->scope->section ? (int)e->scope->section->name.n : 0,
		       e->scope->section ? e->scope->section->name.p : "",
		       e->scope->section ? "]" : "", (int)(value.n < 300 ? value.n : 300), value.p);
}

static int add(const struct expansion *e, str text)
{
	if (e->out->n + text.n > VALUE_MAX)
		return fail(e, "more than 1 MiB comes together", STR(""));
	buf_add_str(e->out, text);
	return reader_work(e->scope->reader, text.n, e->err);
}

static int expand(const struct expansion *e, str rest, int depth);

/* `ref` is the whole %(name)s. */
static int expand_reference(const struct expansion *e, str ref, int depth)
{
	str spelled = str_mem(ref.p + 2, ref.n - 4);
	str name = lower_copy(e->scope->reader->arena, spelled);
	const struct conf_key *key = find_lower(e->scope, name);
	int rc = reader_work(e->scope->reader, REFERENCE_WORK, e->err);

	if (rc < 0)
		return rc;
	if (!key && str_is(name, "__name__") && e->scope->section)
		return add(e, e->scope->section->name);
	if (!key && str_eq(name, spelled))
		key = find_in_section(e->scope, name);
	if (!key)
		return fail(e, "nothing is defined for", ref);
	if (str_chr(key->value, '%') < 0)
		return add(e, key->value);
	return expand(e, key->value, depth + 1);
}

static int expand(const struct expansion *e, str rest, int depth)
{
	int rc = 0;

	if (depth > INTERPOLATE_DEPTH_MAX)
		return fail(e, "references run in a circle, or deeper than ten levels,", STR(""));
	while (rc == 0 && rest.n) {
		ssize_t at = str_chr(rest, '%'), close;

		if (at < 0)
			return add(e, rest);
		rc = add(e, str_head(rest, (size_t)at));
		if (rc < 0)
			break;
		rest = str_from(rest, (size_t)at);
		if (rest.n > 1 && rest.p[1] == '%') {
			rc = add(e, STR("%"));
			rest = str_from(rest, 2);
			continue;
		}
		close = rest.n > 1 && rest.p[1] == '(' ? str_chr(rest, ')') : -1;
		if (close < 3 || (size_t)close + 1 >= rest.n || rest.p[close + 1] != 's')
			return fail(
				e,
				"a '%' must be written '%%' or belong to a %(name)s; it is not at",
				str_head(rest, 20));
		rc = expand_reference(e, str_head(rest, (size_t)close + 2), depth);
		rest = str_from(rest, (size_t)close + 2);
	}
	return rc;
}

int scope_get(const struct scope *s, str name, str *out, struct err *err)
{
	_buf_free_ struct buf text = { 0 };
	struct expansion e = { .scope = s, .name = name, .out = &text, .err = err };
	int rc;

	e.key = scope_find(s, name);
	if (!e.key)
		return -ENOENT;
	if (str_chr(e.key->value, '%') < 0) {
		*out = e.key->value;
		return 0;
	}
	rc = expand(&e, e.key->value, 1);
	if (rc == 0)
		*out = arena_str(s->reader->arena, buf_str(&text));
	return rc;
}
