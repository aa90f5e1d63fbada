/*
 * Patterns are written in the dialect of Python's `re`; PCRE2 runs them.  This turns the one into
 * the other, or says why it cannot.  Patterns are configuration: trusted, but often wrong.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct dialect {
	struct buf text; /* for pcre2_compile(), UTF-8 */
	str *names;      /* by group number; [0] is the whole match; .n 0: no name */
	unsigned n_groups;
	/* no character above U+007F is named: on an ASCII subject, bytes do as well as UTF-8 */
	bool ascii;
};

/*
 * Translates.  *out is zeroed by the caller; dialect_done() frees it, also after a failure.  The
 * names point into `python`.  0 or -EINVAL with *err ("unbalanced parenthesis at position 3").
 *
 * Groups lose their names in the result (PCRE2 allows only 32 bytes for one): references by name
 * become references by number.
 */
int dialect_translate(str python, struct dialect *out, struct err *err)
	__attribute__((warn_unused_result));
void dialect_done(struct dialect *d);
