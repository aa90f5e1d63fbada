/* Faults and notes; see fault.h. */
#include "config/fault.h"

static struct config_fault *fault_new(struct config *c, str jail, const struct err *err)
{
	struct config_fault *new = arena_alloc(c->arena, sizeof *new);

	new->jail = jail.p ? arena_str(c->arena, jail) : STR_NULL;
	new->err = *err;
	return new;
}

void fault_add(struct config *c, str jail, const struct err *err)
{
	struct config_fault *new = fault_new(c, jail, err);

	*(c->last_fault ? &c->last_fault->next : &c->faults) = new;
	c->last_fault = new;
	c->n_faults++;
}

void note_add(struct config *c, str jail, const struct conf_key *key, const char *fmt, ...)
{
	struct config_fault *new;
	struct err err = { 0 };
	struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	fault_at(&err, key);
	err_set(&err, 0, "%.*s", STR_ARG(buf_str(&text)));
	new = fault_new(c, jail, &err);
	*(c->last_note ? &c->last_note->next : &c->notes) = new;
	c->last_note = new;
	c->n_notes++;
	buf_free(&text);
}

void fault_at(struct err *err, const struct conf_key *key)
{
	if (key && key->file)
		err_at(err, key->file, key->line);
}
