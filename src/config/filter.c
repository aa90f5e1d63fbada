/* A filter of filter.d; see filter.h.  Called by jail.c. */
#include "config/filter.h"

#include <errno.h>

#include "config/definition.h"
#include "config/tags.h"

const char *const config_filter_keys[] = { "usedns",   "prefregex",   "ignoreregex",  "failregex",
					   "maxlines", "datepattern", "journalmatch", NULL };

static bool is_filter_key(str name)
{
	for (size_t i = 0; config_filter_keys[i]; i++)
		if (str_is(name, config_filter_keys[i]))
			return true;
	return false;
}

/*
 * The filter's own options first (but those that the jail sets itself), then the rest of
 * [Definition] and [DEFAULT] as helpers.
 */
static int add_own(const struct definition *d, const struct table *jail, struct table *all,
		   struct err *err)
{
	const struct table *tables[] = { d->scope.section ? d->scope.section->keys : NULL,
					 d->conf->defaults->keys };
	struct conf_key *key;
	struct err ignored;

	for (size_t i = 0; config_filter_keys[i]; i++) {
		str name = str_of(config_filter_keys[i]);
		int rc = -ENOENT;

		if (!table_find(d->given, name) && !(jail && table_find(jail, name)))
			rc = definition_get(d, name, &key, err);
		if (rc == 0)
			table_put(all, name, key);
		else if (rc != -ENOENT)
			return rc;
	}
	for (size_t t = 0; t < 2 && d->scope.section; t++) {
		size_t at = 0;
		str name;

		/* a helper that cannot be expanded is a fault only where it is used */
		while (tables[t] && table_each(tables[t], &at, &name, NULL))
			if (!is_filter_key(name) && !table_find(all, name) &&
			    definition_get(d, name, &key, &ignored) == 0)
				table_put(all, name, key);
	}
	return 0;
}

/*
 * What tags may name besides the filter's own keys: its options, the basic ones of the jail, and
 * what the jail sets in the place of the filter.
 */
static struct scope scope_of_tags(const struct definition *d, const struct options *options,
				  const struct table *basic, const struct table *jail)
{
	struct scope s = d->scope;
	struct table *vars = reader_table(d->reader);
	size_t at = 0;
	str name;
	void *key;

	while (basic && table_each(basic, &at, &name, &key))
		table_put(vars, name, key);
	for (size_t i = 0; config_filter_keys[i] && jail; i++) {
		name = str_of(config_filter_keys[i]);
		key = table_find(jail, name);
		if (key && conf_key(d->conf, s.section, name))
			table_put(vars, name, key);
	}
	for (size_t i = 0; i < options->n; i++)
		reader_put(d->reader, vars, lower_copy(d->reader->arena, options->items[i].name),
			   options->items[i].value);
	s.vars = vars;
	return s;
}

int config_filter_read(struct reader *r, const struct options *options, str backend,
		       const struct table *basic, const struct table *jail,
		       struct config_filter *out, struct err *err)
{
	struct definition d;
	struct config_filter f = { 0 };
	struct tags tags = { 0 };
	struct table *ignore;
	struct scope scope;
	size_t at = 0;
	str name;
	void *key;
	int rc = definition_open(&d, r, "filter.d", options, jail, err);

	if (rc < 0)
		return rc;
	if (!definition_has(&d, STR("logtype")))
		definition_give(&d, STR("logtype"),
				str_starts(backend, STR("systemd")) ? STR("journal") : STR("file"));
	rc = definition_add_init(&d, err);
	f.all = reader_table(r);
	f.given = d.given;
	if (rc == 0)
		rc = add_own(&d, jail, f.all, err);
	if (rc < 0)
		return rc;
	while (table_each(d.given, &at, &name, &key)) {
		struct conf_key *copy = arena_alloc(r->arena, sizeof *copy);

		*copy = *(struct conf_key *)key;
		table_put(f.all, name, copy);
	}
	ignore = reader_table(r);
	definition_add_conditional(f.all, ignore);
	scope = scope_of_tags(&d, options, basic, jail);
	tags = (struct tags){ .options = f.all, .ignore = ignore, .definition = &scope };
	rc = tags_resolve(&tags, err);
	if (rc == 0)
		*out = f;
	return rc;
}
