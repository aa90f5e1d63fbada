/*
 * A filter's memory as bytes; see filter.h.  What is read back comes from a file and may be
 * anything: it is checked piece by piece, and one bad piece discards all of it.  Called by the
 * engine when it commits and when it starts.
 */
#include <errno.h>

#include "base/utf8.h"
#include "match/filter_private.h"

enum { STATE_VERSION = 2, DATE_TEXT_MAX = 4096 };

void filter_save(const struct filter *f, struct buf *out)
{
	_buf_free_ struct buf dates = { 0 };
	str text = buf_str(&f->last_date_text);

	date_save(f->date, &dates);
	pack_u8(out, STATE_VERSION);
	pack_u8(out, f->has_last_date);
	pack_f64(out, f->last_date);
	pack_str(out, str_head(text, text.n > DATE_TEXT_MAX ? 0 : text.n));
	pack_str(out, buf_str(&dates));
	window_save(f->window, out);
	sessions_save(f->sessions, out);
}

static bool restore(struct filter *f, str saved)
{
	struct unpack u = { .in = saved };
	uint8_t version = unpack_u8(&u), has_date = unpack_u8(&u);
	double last_date = unpack_f64(&u);
	str text = unpack_str(&u, DATE_TEXT_MAX), dates = unpack_str(&u, saved.n);

	if (version != STATE_VERSION || has_date > 1 || !utf8_is_valid(text))
		return false;
	window_restore(f->window, &u);
	sessions_restore(f->sessions, &u);
	if (!unpack_done(&u) || date_restore(f->date, dates) < 0)
		return false;
	f->has_last_date = has_date;
	f->last_date = last_date;
	buf_clear(&f->last_date_text);
	buf_add_str(&f->last_date_text, text);
	return true;
}

int filter_restore(struct filter *f, str saved)
{
	if (restore(f, saved))
		return 0;
	f->has_last_date = false;
	window_clear(f->window);
	sessions_clear(f->sessions);
	return -EINVAL;
}
