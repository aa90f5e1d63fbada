/* Parsed files laid over each other; see merge.h.  Called by reader.c only. */
#include "config/merge.h"

#include <errno.h>

#include "config/interpolate.h"

static struct conf_section *new_section(struct reader *r, str name)
{
	struct conf_section *s = arena_alloc(r->arena, sizeof *s);

	s->name = name;
	s->keys = reader_table(r);
	return s;
}

struct conf *merge_new(struct reader *r, str name)
{
	struct conf *c = arena_alloc(r->arena, sizeof *c);

	c->name = arena_str(r->arena, name);
	c->defaults = new_section(r, STR("DEFAULT"));
	c->sections = reader_table(r);
	return c;
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || (unsigned char)c >= 0x80;
}

/* "Init?family=inet6" -> "Init", and "?family=inet6" in *condition; else the name as it is. */
static str without_condition(str name, str *condition)
{
	size_t n = 0;

	while (n < name.n && is_word(name.p[n]))
		n++;
	*condition = STR("");
	if (n == 0 || n + 1 >= name.n || name.p[n] != '?')
		return name;
	*condition = str_from(name, n);
	return str_head(name, n);
}

static struct conf_section *find_or_add(struct reader *r, struct conf *c, str name)
{
	struct conf_section *s;

	if (str_is(name, "DEFAULT"))
		return c->defaults;
	if (str_is(name, "INCLUDES"))
		return c->includes ? c->includes : (c->includes = new_section(r, name));
	s = table_find(c->sections, name);
	if (!s) {
		s = new_section(r, arena_str(r->arena, name));
		table_put(c->sections, name, s);
	}
	return s;
}

void merge_file(struct reader *r, struct conf *c, const struct ini *file)
{
	for (size_t i = 0; i < file->n_sections; i++) {
		const struct ini_section *from = &file->sections[i];
		str condition, name = without_condition(from->name, &condition);
		struct conf_section *to = find_or_add(r, c, name);

		for (size_t k = 0; k < from->n_keys; k++) {
			const struct ini_key *key = &from->keys[k];
			struct conf_key *new = arena_alloc(r->arena, sizeof *new), *old;
			str full = key->name;

			*new = (struct conf_key){ key->value, file->file, key->line };
			if (condition.n)
				full = arena_printf(r->arena, "%.*s%.*s", STR_ARG(key->name),
						    STR_ARG(condition));
			old = table_put(to->keys, full, new);
			if (!old)
				continue;
			if (!to->known)
				to->known = reader_table(r);
			table_put(to->known, full, old);
		}
	}
}

int merge_include_list(struct reader *r, const struct ini *file, const char *key, str *out,
		       struct err *err)
{
	struct conf *c;
	bool wanted = false;
	struct scope scope;
	int rc;

	for (size_t i = 0; i < file->n_sections; i++)
		wanted |= str_is(file->sections[i].name, "INCLUDES");
	*out = STR_NULL;
	if (!wanted)
		return 0;
	c = merge_new(r, STR(""));
	merge_file(r, c, file);
	scope = (struct scope){ .reader = r, .conf = c, .section = c->includes };
	rc = scope_get(&scope, str_of(key), out, err);
	if (rc == -ENOENT)
		*out = STR_NULL;
	return rc == -ENOENT ? 0 : rc;
}

const struct conf_section *conf_section(const struct conf *c, str name)
{
	return table_find(c->sections, name);
}

const struct conf_key *conf_key(const struct conf *c, const struct conf_section *s, str name)
{
	const struct conf_key *key = s ? table_find(s->keys, name) : NULL;

	return key ? key : table_find(c->defaults->keys, name);
}
