/*
 * The prefilter; see prefilter.h.  Filters are reduced to literals, one of which each of their
 * matches must contain (filter_literals()); a line is searched for each distinct literal once.
 * Lines are hostile.
 */
#include "match/prefilter.h"

#include "base/xalloc.h"

struct needle {
	str text; /* belongs to a filter */
	bool found;
};

struct user {
	bool always;
	unsigned *needles; /* any of them will do */
	unsigned n_needles;
};

struct prefilter {
	struct user *users;
	size_t n_users;
	struct needle *needles;
	unsigned n_needles;
};

static unsigned find_needle(struct prefilter *p, str text)
{
	for (unsigned i = 0; i < p->n_needles; i++)
		if (str_eq(p->needles[i].text, text))
			return i;
	p->needles = xreallocarray(p->needles, p->n_needles + 1, sizeof *p->needles);
	p->needles[p->n_needles] = (struct needle){ .text = text };
	return p->n_needles++;
}

static void add_user(struct prefilter *p, struct user *u, const struct filter *f)
{
	size_t n = filter_literals(f, NULL, 0);
	_free_ str *literals = xcalloc(n + 1, sizeof *literals);

	u->always = n == 0;
	u->needles = xcalloc(n + 1, sizeof *u->needles);
	(void)!filter_literals(f, literals, n);
	for (size_t i = 0; i < n; i++)
		u->needles[u->n_needles++] = find_needle(p, literals[i]);
}

struct prefilter *prefilter_new(struct filter *const *filters, size_t n)
{
	struct prefilter *p = xcalloc(1, sizeof *p);

	p->users = xcalloc(n + 1, sizeof *p->users);
	p->n_users = n;
	for (size_t i = 0; i < n; i++)
		add_user(p, &p->users[i], filters[i]);
	return p;
}

void prefilter_free(struct prefilter *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_users; i++)
		free(p->users[i].needles);
	free(p->users);
	free(p->needles);
	free(p);
}

void prefilter_scan(const struct prefilter *p, str line, bool *may)
{
	for (unsigned i = 0; i < p->n_needles; i++)
		p->needles[i].found = str_find(line, p->needles[i].text) >= 0;
	for (size_t i = 0; i < p->n_users; i++) {
		const struct user *u = &p->users[i];

		may[i] = u->always;
		for (unsigned k = 0; k < u->n_needles && !may[i]; k++)
			may[i] = p->needles[u->needles[k]].found;
	}
}
