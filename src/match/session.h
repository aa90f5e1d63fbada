/*
 * MLFID sessions: lines of one connection, tied together by the id that <F-MLFID> captured
 * (fail2ban-behaviour.md section 3.6).  At most 100 sessions of at most five minutes; ids, fields
 * and lines are bytes of a hostile log, and what a session may hold is bounded.
 */
#pragma once

#include "base/arena.h"
#include "base/pack.h"
#include "match/fields.h"

struct sessions;

enum {
	SESSION_LINES_MAX = 100,        /* remembered per session; of more, the latest */
	SESSION_USERS_MAX = 32,         /* distinct users; two are enough for any decision */
	SESSION_BYTES_MAX = 128 * 1024, /* a larger session is not remembered */
};

struct lines {
	struct match_line *items;
	unsigned n, room;
};

void lines_add(struct lines *l, struct arena *a, struct match_line line);
void line_pack(struct buf *out, const struct match_line *line);
/* Points into the input; no part is longer than `max`. */
struct match_line line_unpack(struct unpack *u, size_t max);

/* What became of a match. Everything is in the arena of the call or belongs to the caller. */
struct session_match {
	struct fields fields;
	struct lines lines;
	str *users;
	unsigned n_users;
};

struct sessions *sessions_new(void);
void sessions_free(struct sessions *s);

/*
 * Merges a match (its `fields`, with "mlfid", and `lines`) into its session and leaves in *m what
 * the session as a whole now says.  True: that is a failure.
 */
bool sessions_merge(struct sessions *s, struct arena *a, double now, struct session_match *m);

void sessions_clear(struct sessions *s);
void sessions_save(const struct sessions *s, struct buf *out);
/* u->bad afterwards: some sessions may be there, to be cleared. */
void sessions_restore(struct sessions *s, struct unpack *u);
