/*
 * The keys of a jail that become commands, in the order of Fail2ban's stream, and the commands they
 * become.
 */
#pragma once

#include "config/config.h"
#include "config/reader.h"

enum jail_kind {
	JAIL_TEXT,
	JAIL_INT,
	JAIL_BOOL,
	JAIL_REGEX,   /* a command for all lines together: addNAME */
	JAIL_JOURNAL, /* a command for each line */
	JAIL_IPS,     /* one command with many arguments */
};

struct jail_key {
	const char *name;
	enum jail_kind kind;
};

/*
 * Those below JAIL_KEY_FILTER belong to a filter as well.  Of these, those below JAIL_KEY_REST are
 * sent before all others, and the first, usedns, before them: it decides what a pattern means.
 */
enum { JAIL_KEY_REST = 3, JAIL_KEY_FILTER = 7, JAIL_KEYS = 24 };
extern const struct jail_key jail_keys[JAIL_KEYS];

/* Where rows go. */
struct jail_rows {
	struct config *c; /* for its arena and notes */
	str jail;
	struct value *rows;
};

/* The key of that name among jail_keys[from..to), or NULL. */
const struct jail_key *jail_key_find(str name, size_t from, size_t to);
/* As Python's int(): blanks around it and '_' between digits are fine. -EINVAL or -ERANGE. */
int jail_int_parse(str text, int64_t *out) __attribute__((warn_unused_result));
/*
 * Appends what a value comes to; a number that is none is a note and no row.  `place` is where it
 * was written.  -EINVAL and *err for a quote that is not closed.
 */
int jail_rows_add(struct jail_rows *to, const struct jail_key *k, const struct conf_key *place,
		  str value, struct err *err) __attribute__((warn_unused_result));
