/* Faults and notes; see fault.h. */
#include "config/fault.h"

static void append(struct config *c, struct config_fault **list, unsigned *n, str jail,
		   const struct err *err)
{
	struct config_fault *new = arena_alloc(c->arena, sizeof *new);

	new->jail = jail.p ? arena_str(c->arena, jail) : STR_NULL;
	new->err = *err;
	while (*list)
		list = &(*list)->next;
	*list = new;
	++*n;
}

void fault_add(struct config *c, str jail, const struct err *err)
{
	append(c, &c->faults, &c->n_faults, jail, err);
}

void note_add(struct config *c, str jail, const struct conf_key *key, const char *fmt, ...)
{
	struct err err = { 0 };
	struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	fault_at(&err, key);
	err_set(&err, 0, "%.*s", STR_ARG(buf_str(&text)));
	append(c, &c->notes, &c->n_notes, jail, &err);
	buf_free(&text);
}

void fault_at(struct err *err, const struct conf_key *key)
{
	if (key && key->file)
		err_at(err, key->file, key->line);
}
