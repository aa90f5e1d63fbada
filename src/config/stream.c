/* Rows of the command stream; see stream.h.  Called by general.c, jail.c, action.c and config.c. */
#include "config/stream.h"

#include <assert.h>
#include <openssl/evp.h>

struct value *stream_command(struct arena *a, struct value *rows, const char *verb, str jail,
			     const char *what)
{
	struct value *row = value_list(a);

	value_add(a, row, value_z(a, verb));
	value_add(a, row, value_str(a, jail));
	value_add(a, row, value_z(a, what));
	value_add(a, rows, row);
	return row;
}

struct value *stream_set(struct arena *a, struct value *rows, str jail, const char *what)
{
	return stream_command(a, rows, "set", jail, what);
}

void stream_general(struct arena *a, struct value *rows, const char *what, struct value *value)
{
	struct value *row = value_list(a);

	value_add(a, row, value_z(a, "set"));
	value_add(a, row, value_z(a, what));
	value_add(a, row, value);
	value_add(a, rows, row);
}

void stream_error(struct arena *a, struct value *rows, str jail, str why)
{
	struct value *row = value_list(a);

	value_add(a, row, value_z(a, "config-error"));
	value_add(a, row,
		  value_printf(a, "Jail '%.*s' skipped, because of wrong configuration: %.*s",
			       STR_ARG(jail), STR_ARG(why)));
	value_add(a, rows, row);
}

void stream_start(struct arena *a, struct value *rows, str jail)
{
	struct value *row = value_list(a);

	value_add(a, row, value_z(a, "start"));
	value_add(a, row, value_str(a, jail));
	value_add(a, rows, row);
}

static bool is_log_file(const struct value *row)
{
	return row->n > 2 && row->items[2]->type == VALUE_STR &&
	       str_is(row->items[2]->s, "addlogpath");
}

void stream_digest(const struct config *c, unsigned char digest[static 32])
{
	struct buf text = { 0 };
	unsigned n = 0;

	for (size_t i = 0; i < c->stream->n; i++)
		if (!is_log_file(c->stream->items[i])) {
			value_add_repr(&text, c->stream->items[i]);
			buf_add_char(&text, '\n');
		}
	for (unsigned j = 0; j < c->n_jails; j++)
		for (unsigned p = 0; p < c->jails[j]->n_logpath; p++) {
			const struct config_logpath *path = &c->jails[j]->logpath[p];

			buf_printf(&text, "%u %u %d ", j, path->pattern, path->tail);
			value_add_str_repr(&text, c->patterns[path->pattern]);
			buf_add_char(&text, '\n');
		}
	if (EVP_Digest(text.p, text.n, digest, &n, EVP_sha256(), NULL) != 1)
		n = 0;
	assert(n == 32);
	buf_free(&text);
}
