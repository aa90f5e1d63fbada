/*
 * What the engine's answers to clients share.  Private to engine_control.c, engine_status.c and
 * engine_jail_words.c.
 */
#pragma once

#include "daemon/engine.h"

/* A client's words, as text; answers are made in the arena. */
struct words {
	struct engine *e;
	struct arena *a;
	str *w;
	size_t n;
};

/* The exceptions that Fail2ban answers with. */
struct value *words_no_such_jail(const struct words *c, str name);
struct value *words_missing(const struct words *c);
/* A jail that runs, or NULL; and its number. */
const struct running *words_jail(const struct words *c, str name);
unsigned words_jail_index(const struct words *c, const struct running *r);
/* An id as text; and the list of a jail's bans. */
struct value *words_fid(struct arena *a, const struct fid *id);
struct value *words_banned(const struct words *c, const struct running *r);

/* engine_status.c */
struct value *words_status(const struct words *c);
struct value *words_statistic(const struct words *c);

/* engine_jail_words.c: a word of `get JAIL` or `set JAIL` */
struct jail_word {
	const char *word;
	struct value *(*get)(const struct words *c, struct running *r); /* NULL: cannot be asked */
	struct value *(*set)(const struct words *c, struct running *r); /* NULL: cannot be set */
};
/* NULL if there is none. */
const struct jail_word *jail_word_find(str word);
