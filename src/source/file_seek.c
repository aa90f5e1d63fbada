/*
 * Where to begin in a large log; see file_seek_time() in file.h.  Dates come from hostile lines, so
 * the search is bounded whatever they say: each step halves the range and reads one chunk, and the
 * walk at the end gives up after a stretch without dates.  In doubt it stops earlier in the file.
 */
#include <sys/stat.h>

#include "source/file_state.h"

enum {
	PROBE_LINES = 100,      /* lines asked for a date in one step */
	WALK_UNDATED = 1 << 20, /* bytes without a date that the last walk goes over */
};

struct search {
	bool (*date)(void *arg, str line, double *when);
	void *arg;
	double since;
	/* of one step */
	int64_t start;    /* of the next line; -1: not known yet */
	int64_t limit;    /* lines that start there or later are not asked */
	unsigned lines;   /* that may still be asked */
	bool found;       /* a date was found, of the line */
	bool late;        /* it is at or after `since` */
	int64_t found_at; /* its start */
	int64_t old_end;  /* end of the last line before `since` */
};

/* Looks for the first dated line. */
static void probe_line(void *arg, str line, int64_t end)
{
	struct search *s = arg;
	int64_t start = s->start;
	double when;

	s->start = end;
	if (s->found || start < 0 || start >= s->limit || s->lines == 0)
		return;
	s->lines--;
	if (!s->date(s->arg, line, &when))
		return;
	s->found = true;
	s->late = when >= s->since;
	s->found_at = start;
	if (!s->late)
		s->old_end = end;
}

/* Looks for the first line at or after `since`. */
static void walk_line(void *arg, str line, int64_t end)
{
	struct search *s = arg;
	int64_t start = s->start;
	double when;

	s->start = end;
	if (s->found || !s->date(s->arg, line, &when))
		return;
	if (when >= s->since) {
		s->found = true;
		s->found_at = start;
	} else {
		s->old_end = end;
	}
}

/* Narrows lo .. hi; all dated lines before lo are old, lo is the start of a line. */
static int64_t bisect(struct file *probe, struct search *s, int64_t lo, int64_t hi)
{
	while (hi - lo > FILE_CHUNK) {
		int64_t mid = lo + (hi - lo) / 2;
		enum file_status status;

		file_seek(probe, mid);
		s->start = -1;
		s->limit = hi;
		s->lines = PROBE_LINES;
		s->found = false;
		status = file_read(probe, 1, probe_line, s);
		if (status == FILE_TRUNCATED || status == FILE_FAILED)
			break;
		if (s->found && !s->late)
			lo = s->old_end;
		else
			hi = mid;
	}
	return lo;
}

static int64_t walk(struct file *probe, struct search *s, int64_t lo)
{
	enum file_status status = FILE_MORE;

	file_seek(probe, lo);
	s->start = s->old_end = lo;
	s->found = false;
	while (status == FILE_MORE && !s->found && probe->seen - s->old_end < WALK_UNDATED)
		status = file_read(probe, FILE_CHUNK, walk_line, s);
	return s->found ? s->found_at : s->old_end;
}

void file_seek_time(struct file *f, int64_t from, double since,
		    bool (*date)(void *arg, str line, double *when), void *arg)
{
	struct file probe = *f; /* owns nothing; its counters are not the file's */
	struct search s = { .date = date, .arg = arg, .since = since };
	int64_t size = file_size(f);

	if (size > from)
		from = walk(&probe, &s, bisect(&probe, &s, from, size));
	file_seek(f, from);
}
