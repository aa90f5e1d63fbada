/*
 * When a line happened (fail2ban-behaviour.md section 4.6): cutting the date out, what stands in
 * for a missing one, dates that are too old or cannot be.  Called by filter.c for each line.
 */
#include <math.h>

#include "match/filter_private.h"

enum {
	LAST_DATE_SECONDS = 60, /* undated lines take the latest date for so long */
	ODD_SECONDS = 60,       /* in operation, a date further off than that becomes now */
};

void filter_notice(struct filter *f, enum filter_notice notice, const struct match_line *line,
		   double when)
{
	f->stats.notices |= notice;
	f->stats.odd = (struct match_line){ .prefix = arena_str(f->line, line->prefix),
					    .date = arena_str(f->line, line->date),
					    .suffix = arena_str(f->line, line->suffix) };
	f->stats.odd_time = when;
}

static void remember_date(struct filter *f, str text, double when)
{
	f->has_last_date = true;
	f->last_date = when;
	buf_clear(&f->last_date_text);
	buf_add_str(&f->last_date_text, text);
}

/* The latest date, if it is fresh: then the whole line is text. */
static bool use_last_date(struct filter *f, str whole, double now, struct dated_line *out)
{
	if (!f->has_last_date || f->last_date <= now - LAST_DATE_SECONDS)
		return false;
	out->line = (struct match_line){ .prefix = STR(""),
					 .date = buf_str(&f->last_date_text),
					 .suffix = whole };
	out->has_time = true;
	out->when = f->last_date;
	return true;
}

static void set_now(struct dated_line *out, double now)
{
	out->has_time = true;
	out->when = now;
}

bool filter_cut(struct filter *f, const struct text_line *line, const struct filter_time *t,
		struct dated_line *out)
{
	struct date_hit hit;
	str text = line->text;

	*out = (struct dated_line){ .line = { .prefix = STR(""), .date = STR(""), .suffix = text },
				    .ascii = line->ascii };
	if (date_find(f->date, f->space, text, line->ascii, t->now, &hit)) {
		date_learn(f->date, text, &hit, t->now);
		if (!hit.empty && hit.result == DATE_FAULTY)
			return false;
		out->line.prefix = str_head(text, hit.start);
		out->line.date = str_mem(text.p + hit.start, hit.end - hit.start);
		out->line.suffix = str_from(text, hit.end);
		if (hit.empty) {
			if (!use_last_date(f, text, t->now, out))
				set_now(out, t->now);
			return true;
		}
		if (hit.result == DATE_OK) {
			out->has_time = true;
			out->when = hit.when;
			remember_date(f, out->line.date, hit.when);
			return true;
		}
	}
	out->no_date = true;
	if (!use_last_date(f, text, t->now, out) && t->check_age && t->in_operation)
		set_now(out, t->now);
	return true;
}

bool filter_check_time(struct filter *f, const struct filter_time *t, struct dated_line *line)
{
	if (!t->check_age || !line->has_time)
		return true;
	if (t->in_operation) {
		if (fabs(trunc(line->when - t->now)) > ODD_SECONDS) {
			filter_notice(f, FILTER_ODD_TIME, &line->line, line->when);
			line->when = t->now;
			f->has_last_date = true;
			f->last_date = t->now;
		}
		return true;
	}
	if (line->when < t->now - (double)f->jail->findtime) {
		filter_notice(f, FILTER_OLD_LINES, &line->line, line->when);
		return false;
	}
	return true;
}
