/*
 * Replies of an SMTP server (RFC 5321 section 4.2), read strictly: what is not exactly a reply
 * decides nothing.  The bytes are hostile.  Pure: no socket, no clock.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"

enum {
	REPLY_LINE_MAX = 2048, /* bytes of one line; RFC 5321 allows 512 */
	REPLY_BYTES_MAX = 65536,
};

enum reply_kind {
	REPLY_MORE,     /* not complete yet */
	REPLY_COMPLETE, /* all lines carry the same code */
	REPLY_MIXED,    /* codes differ within the reply */
	REPLY_BARE,     /* a line end without CR, or a CR without LF */
	REPLY_LONG,     /* over the limits above */
	REPLY_FOREIGN,  /* a line that does not begin with a code */
};

struct reply {
	enum reply_kind kind;
	int code;        /* 200 to 599; 0 unless REPLY_COMPLETE */
	int enhanced[3]; /* RFC 3463, of the last line: 5, 7, 1; all 0: none */
	str text;        /* all lines, as they came, without the last line end */
	size_t bytes;    /* how many were taken, line ends included */
};

/*
 * The first reply in `bytes`, which is everything that came and was not taken yet.  Texts point
 * into `bytes`.  A reply that is wrong is taken up to the point where that is certain; the dialogue
 * is of no use any more then.
 */
struct reply reply_parse(str bytes);

/*
 * Next line of a reply's text, without code, separator and line end: "STARTTLS", "AUTH PLAIN
 * LOGIN".  *at is 0 at first.  False at the end.
 */
bool reply_line(const struct reply *r, size_t *at, str *line);
/*
 * The next line of an EHLO reply that offers this keyword (any case): *parameters is what stands
 * behind it; for AUTH the old form "AUTH=..." counts, too.  *at is 0 at first.  The first line is
 * the greeting.
 */
bool reply_keyword(const struct reply *r, size_t *at, str keyword, str *parameters);
/* Does it offer it at all? *parameters, unless NULL, is of the first such line. */
bool reply_offers(const struct reply *r, str keyword, str *parameters);
