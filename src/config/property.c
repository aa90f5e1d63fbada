/* Run-time expansion of an action's properties; see property.h. */
#include "config/property.h"

#include <errno.h>
#include <stdio.h>

enum {
	ROUNDS_MAX = 26,
	TEXT_MAX = 1024 * 1024,
	TAG_NAME_MAX = 200 /* of a tag */
};

static const char condition[] = "?family=";

str property_find(const struct property_scope *s, str name)
{
	char key[TAG_NAME_MAX + 32];
	const struct value *v = NULL;
	int n;

	if (name.n > TAG_NAME_MAX)
		return STR_NULL;
	if (s->family) {
		n = snprintf(key, sizeof key, "%.*s%s%s", STR_ARG(name), condition, s->family);
		v = value_get(s->properties, str_mem(key, (size_t)n));
	}
	if (!v)
		v = value_get(s->properties, name);
	return v && v->type == VALUE_STR ? v->s : STR_NULL;
}

bool property_has_conditions(const struct value *properties)
{
	for (size_t i = 0; i + 1 < properties->n; i += 2)
		if (properties->items[i]->type == VALUE_STR &&
		    str_find(properties->items[i]->s, str_of(condition)) > 0)
			return true;
	return false;
}

bool property_is_special(char c)
{
	static const char special[] = "\\#&;`|*?~<>^()[]{}$'\"\n\r";

	return c == '\0' || strchr(special, c);
}

/* Properties that stand for lines of a log are escaped, as Fail2ban does. */
static void add_escaped(struct buf *out, str text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '\n') {
			buf_add_z(out, "\\n");
		} else if (c == '\r') {
			buf_add_z(out, "\\r");
		} else {
			if (property_is_special(c))
				buf_add_char(out, '\\');
			buf_add_char(out, c);
		}
	}
}

/* Adds what the tag stands for; false: nothing. */
static bool add_tag(const struct property_scope *s, str name, struct buf *out)
{
	str value;

	if (str_is(name, "br")) {
		buf_add_char(out, '\n');
	} else if (str_is(name, "sp")) {
		buf_add_char(out, ' ');
	} else if (str_is(name, "fq-hostname") && s->fq_hostname) {
		buf_add_z(out, s->fq_hostname);
	} else if (str_is(name, "sh-hostname") && s->sh_hostname) {
		buf_add_z(out, s->sh_hostname);
	} else {
		value = property_find(s, name);
		/* the ban time is the ticket's: a property of that name never counts */
		if (!value.p || str_is(name, "bantime"))
			return false;
		if (str_is(name, "matches") || str_is(name, "ipmatches") ||
		    str_is(name, "ipjailmatches"))
			add_escaped(out, value);
		else
			buf_add_str(out, value);
	}
	return true;
}

/* "<name>" at the start of the text: the name, or STR_NULL. */
static str tag_at(str text)
{
	if (text.n < 3 || text.p[0] != '<')
		return STR_NULL;
	for (size_t i = 1; i < text.n; i++) {
		if (text.p[i] == '>')
			return i > 1 ? str_mem(text.p + 1, i - 1) : STR_NULL;
		if (text.p[i] == '<' || text.p[i] == ' ')
			return STR_NULL;
	}
	return STR_NULL;
}

/* One round; true if a tag was replaced. */
static bool expand_once(const struct property_scope *s, str text, struct buf *out)
{
	bool changed = false;

	while (text.n) {
		str name = tag_at(text);

		if (name.p && add_tag(s, name, out)) {
			text = str_from(text, name.n + 2);
			changed = true;
		} else {
			buf_add_char(out, *text.p);
			text = str_from(text, 1);
		}
	}
	return changed;
}

int property_expand(const struct property_scope *s, str text, struct arena *arena, str *out,
		    struct err *err)
{
	_buf_free_ struct buf a = { 0 }, b = { 0 };

	buf_add_str(&a, text);
	for (int round = 0; round < ROUNDS_MAX; round++) {
		struct buf swap = a;

		buf_clear(&b);
		if (!expand_once(s, buf_str(&a), &b)) {
			*out = arena_str(arena, buf_str(&b));
			return 0;
		}
		if (b.n > TEXT_MAX)
			return err_set(err, -E2BIG, "properties of the action grow without end");
		a = b;
		b = swap;
	}
	return err_set(err, -ELOOP,
		       "possible self referencing definitions in query, please check your config");
}
