/* Failure texts; see err.h. */
#include "base/err.h"

#include <stdio.h>

int err_set(struct err *e, int code, const char *fmt, ...)
{
	struct buf raw = { 0 }, safe = { 0 };
	va_list ap;

	if (!e)
		return code;
	va_start(ap, fmt);
	buf_vprintf(&raw, fmt, ap);
	va_end(ap);
	buf_add_escaped(&safe, buf_str(&raw));
	snprintf(e->text, sizeof e->text, "%s", buf_z(&safe));
	buf_free(&raw);
	buf_free(&safe);
	return code;
}

void err_at(struct err *e, const char *file, int line)
{
	if (!e)
		return;
	snprintf(e->file, sizeof e->file, "%s", file ? file : "");
	e->line = line;
}

void err_print(const struct err *e, struct buf *out)
{
	if (e->file[0] && e->line)
		buf_printf(out, "%s:%d: ", e->file, e->line);
	else if (e->file[0])
		buf_printf(out, "%s: ", e->file);
	buf_add_z(out, e->text);
}
