/*
 * What can be told about a pattern without running it: which byte a match must begin with, and a
 * literal that every match contains.  Only ever used to say "no" sooner; when in doubt, everything
 * may match.  Patterns are configuration, already accepted by dialect_translate().
 */
#pragma once

#include "base/str.h"

enum { FACTS_LITERAL_MAX = 48 };

struct facts {
	bool anchored;     /* matches at the start of the subject only, and not empty: see first */
	uint64_t first[4]; /* bit set: a match may begin with this byte */
	size_t literal_n;  /* 0: none known */
	char literal[FACTS_LITERAL_MAX]; /* ASCII, case counts */
};

/* `multiline`: ^ matches at inner lines too. */
void facts_find(str pattern, bool multiline, struct facts *out);

static inline bool facts_may_begin(const struct facts *f, str subject)
{
	unsigned char c;

	if (!f->anchored)
		return true;
	if (subject.n == 0)
		return false;
	c = (unsigned char)*subject.p;
	return f->first[c >> 6] >> (c & 63) & 1;
}
