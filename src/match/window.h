/*
 * The lines that a pattern sees at once: the latest one, or with `maxlines` above 1 the last few
 * (fail2ban-behaviour.md sections 3.4 and 3.5).  Lines are hostile.
 */
#pragma once

#include "match/regex.h"
#include "match/session.h"

struct window;

struct window *window_new(int maxlines);
void window_free(struct window *w);

/* Takes the next line in; with one line, only until the next call and without a copy. */
void window_push(struct window *w, struct match_line line, bool ascii);
/* The subject: prefix and suffix of each line with a newline behind; until the next push. */
str window_text(const struct window *w, bool *ascii);
/*
 * The lines that a match of bytes start..end of `subject` (the text, or what replaced it) lies in,
 * without those that its groups skiplinesN took; `regex` has just matched.
 */
void window_matched(const struct window *w, const struct regex *regex, str subject, size_t start,
		    size_t end, struct arena *a, struct lines *out);
/* Takes out the lines that the latest window_matched() found. */
void window_drop_matched(struct window *w);

void window_clear(struct window *w);
void window_save(const struct window *w, struct buf *out);
/* u->bad afterwards: some lines may be there, to be cleared. */
void window_restore(struct window *w, struct unpack *u);
