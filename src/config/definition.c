/* [Definition], [Init] and explicit options; see definition.h.  Called by filter.c and action.c. */
#include "config/definition.h"

#include <errno.h>

#include "config/tags.h"

int definition_open(struct definition *d, struct reader *r, const char *folder,
		    const struct options *options, const struct table *jail, struct err *err)
{
	size_t at = 0;
	str key;
	void *value;
	str name = arena_printf(r->arena, "%s/%.*s", folder, STR_ARG(options->name));
	int rc;

	if (*options->name.p == '/' || str_starts(options->name, STR("./")))
		name = options->name;
	*d = (struct definition){ .reader = r };
	rc = reader_conf(r, name, &d->conf, err);
	if (rc < 0)
		return rc;
	d->given = reader_table(r);
	d->args = reader_table(r);
	d->vars = reader_table(r);
	while (jail && table_each(jail, &at, &key, &value))
		table_put(d->vars, key, value);
	for (size_t i = 0; i < options->n; i++) {
		const struct option *o = &options->items[i];

		reader_put(r, d->given, o->name, o->value);
		reader_put(r, d->args, o->name, o->value);
		reader_put(r, d->vars, lower_copy(r->arena, o->name), o->value);
	}
	d->scope = (struct scope){ .reader = r,
				   .vars = d->vars,
				   .conf = d->conf,
				   .section = conf_section(d->conf, STR("Definition")) };
	return 0;
}

void definition_give(struct definition *d, str name, str value)
{
	if (table_find(d->given, name))
		return;
	reader_put(d->reader, d->given, name, value);
	reader_put(d->reader, d->vars, name, value);
}

bool definition_has(const struct definition *d, str name)
{
	return d->scope.section && table_find(d->scope.section->keys, name);
}

static struct conf_key *copy_key(struct reader *r, const struct conf_key *place, str value)
{
	struct conf_key *copy = arena_alloc(r->arena, sizeof *copy);

	*copy = (struct conf_key){ value, place->file, place->line };
	return copy;
}

int definition_add_init(struct definition *d, struct err *err)
{
	const struct conf_section *init = conf_section(d->conf, STR("Init"));
	struct scope scope = d->scope;
	size_t at = 0;
	str name, value = STR_NULL;
	void *key;

	/* the jail's options do not reach into [Init]: they replace its values as a whole */
	scope.section = init;
	scope.vars = NULL;
	while (init && table_each(init->keys, &at, &name, &key)) {
		int rc = scope_get(&scope, name, &value, err);

		if (rc < 0)
			return rc;
		table_put(d->given, arena_printf(d->reader->arena, "known/%.*s", STR_ARG(name)),
			  copy_key(d->reader, key, value));
		if (!table_find(d->given, name))
			table_put(d->given, name, copy_key(d->reader, key, value));
	}
	return 0;
}

int definition_get(const struct definition *d, str name, struct conf_key **out, struct err *err)
{
	const struct conf_key *key;
	str value = STR_NULL;
	int rc;

	if (!d->scope.section || !conf_key(d->conf, d->scope.section, name))
		return -ENOENT;
	key = scope_find(&d->scope, name);
	rc = scope_get(&d->scope, name, &value, err);
	if (rc == 0)
		*out = copy_key(d->reader, key, value);
	return rc;
}

void definition_add_conditional(const struct table *options, struct table *ignore)
{
	size_t at = 0;
	str name;

	while (table_each(options, &at, &name, NULL)) {
		str plain = tag_of_condition(name);

		if (plain.n)
			table_put(ignore, plain, (void *)(uintptr_t)options);
	}
}
