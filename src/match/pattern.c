/*
 * Patterns with Fail2ban's groups; see pattern.h.  Called by filter.c: pattern_init() for each
 * pattern of a jail, pattern_fields() for each match.
 */
#include "match/pattern.h"

#include <errno.h>

#include "base/value.h"
#include "base/xalloc.h"
#include "match/tags.h"

/* alt_NAME, alt_NAME_1: NAME. Only a number behind `_` is left out: alt_user1 is user1. */
static str target_name(str name)
{
	size_t n = name.n;

	while (n > 0 && name.p[n - 1] >= '0' && name.p[n - 1] <= '9')
		n--;
	if (n < name.n && n > 1 && name.p[n - 1] == '_')
		name.n = n - 1;
	if (str_is(name, "id"))
		return STR("fid");
	if (str_is(name, "port"))
		return STR("fport");
	return name;
}

static int by_name(const void *a, const void *b, void *regex)
{
	const struct pattern_part *x = a, *y = b;

	return str_cmp(regex_group_name(regex, x->group), regex_group_name(regex, y->group));
}

static void find_parts(struct pattern *p)
{
	for (unsigned i = 1; i < regex_n_groups(p->regex); i++) {
		str name = regex_group_name(p->regex, i);
		bool tuple = str_starts(name, STR("tuple_"));

		if (!tuple && !str_starts(name, STR("alt_")))
			continue;
		p->parts = xreallocarray(p->parts, p->n_parts + 1, sizeof *p->parts);
		p->parts[p->n_parts++] = (struct pattern_part){
			.group = i,
			.tuple = tuple,
			.target = target_name(str_from(name, tuple ? 6 : 4)),
		};
	}
	if (p->n_parts)
		qsort_r(p->parts, p->n_parts, sizeof *p->parts, by_name, p->regex);
}

int pattern_init(struct pattern *p, str text, enum usedns usedns, unsigned flags, struct err *err)
{
	_buf_free_ struct buf expanded = { 0 };
	int r;

	*p = (struct pattern){ 0 };
	if (text.n == 0)
		return err_set(err, -EINVAL, "Cannot add empty regex");
	tags_expand(text, usedns, &expanded);
	r = regex_new(buf_str(&expanded), flags, &p->regex, err);
	if (r == 0)
		find_parts(p);
	return r;
}

void pattern_done(struct pattern *p)
{
	regex_free(p->regex);
	free(p->parts);
}

bool pattern_has_id(const struct pattern *p)
{
	static const char *const ids[] = { "fid", "ip4", "ip6", "dns", "mlfid" };

	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		if (regex_find_group(p->regex, str_of(ids[i])))
			return true;
	return false;
}

static void add_item(struct buf *out, str value)
{
	if (value.p)
		value_add_str_repr(out, value);
	else
		buf_add_z(out, "None");
}

/* All parts of one tuple as Python prints it. */
static str tuple_text(const struct pattern *p, str subject, struct arena *a, str target, str first)
{
	_buf_free_ struct buf text = { 0 };

	buf_add_char(&text, '(');
	add_item(&text, first);
	for (unsigned i = 0; i < p->n_parts; i++) {
		if (!p->parts[i].tuple || !str_eq(p->parts[i].target, target))
			continue;
		buf_add_z(&text, ", ");
		add_item(&text, regex_group(p->regex, subject, p->parts[i].group));
	}
	buf_add_char(&text, ')');
	return arena_str(a, buf_str(&text));
}

static bool is_first_of_tuple(const struct pattern *p, unsigned at)
{
	for (unsigned i = 0; i < at; i++)
		if (p->parts[i].tuple && str_eq(p->parts[i].target, p->parts[at].target))
			return false;
	return true;
}

void pattern_fields(const struct pattern *p, str subject, struct arena *a, struct fields *f)
{
	struct fields own = { 0 }; /* what is empty here may be set by an earlier pattern */

	for (unsigned i = 1; i < regex_n_groups(p->regex); i++) {
		str name = regex_group_name(p->regex, i);
		str value = name.n ? regex_group(p->regex, subject, i) : STR_NULL;

		if (value.p)
			fields_set(&own, a, name, value);
	}
	for (unsigned i = 0; i < p->n_parts; i++) {
		const struct pattern_part *part = &p->parts[i];
		str value = regex_group(p->regex, subject, part->group);
		str old = fields_get(&own, part->target);

		if (part->tuple && is_first_of_tuple(p, i))
			fields_set(&own, a, part->target,
				   tuple_text(p, subject, a, part->target, old));
		else if (!part->tuple && value.n && !old.n)
			fields_set(&own, a, part->target, value);
	}
	if (f->n == 0) {
		*f = own;
		return;
	}
	for (unsigned i = 0; i < own.n; i++)
		fields_set(f, a, own.items[i].name, own.items[i].value);
}
