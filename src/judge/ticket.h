/*
 * Fail2ban's ticket: a failure id with its history, from the first failure to the end of its ban.
 * Owns all its memory.  Lines and fields are hostile bytes, bounded here to TICKET_BYTES_MAX in
 * all, as ticket_pack() counts them (a few bytes of lengths for each):
 * - fields and users share TICKET_FIELD_BYTES; a field or a user that does not fit is dropped;
 * - lines have TICKET_LINE_BYTES; later ones push out the oldest; one line that is longer than
 *   that is cut at its end, between two characters.
 */
#pragma once

#include "match/match.h"

enum {
	TICKET_BYTES_MAX = 60 * 1024,
	TICKET_FIELD_BYTES = 16 * 1024,
	TICKET_LINE_BYTES = TICKET_BYTES_MAX - TICKET_FIELD_BYTES,
	TICKET_LINES_MAX = 1000,
	TICKET_FIELDS_MAX = 64,
	/* what ticket_pack() adds at most */
	TICKET_PACKED_MAX = TICKET_BYTES_MAX + 512,
};

struct ticket_line {
	uint32_t prefix, date, n; /* bytes of prefix, of date, of the whole text */
	char text[];
};

struct ticket {
	struct fid id;     /* id.text is owned */
	double first;      /* time of the first failure in the window */
	double time;       /* time of the last failure; the ban counts from here */
	unsigned retry;    /* what is compared with maxretry */
	unsigned failures; /* what is reported */
	int64_t bantime;   /* seconds, -1 permanent; TICKET_JAIL_BANTIME: the jail's */
	unsigned bancount; /* bans of this id so far, this one included once banned */
	bool restored;     /* came from the database */
	bool by_hand;      /* ordered by root: protected ids and the longest ban do not apply */
	struct ticket_line **lines;
	unsigned n_lines;
	unsigned n_fields;
	struct match_field *fields; /* names and values owned */
	str users;                  /* owned: Python's repr of the list of users, "" if none */
};

#define TICKET_JAIL_BANTIME INT64_MIN

/* No failures, no lines, the jail's ban time. */
struct ticket *ticket_new(const struct fid *id, double time);
/*
 * From a match: its fields, users and lines (at most maxmatches of them; 0: none), with retry and
 * failures 1.  A match without id (a host name still to be resolved) is the caller's to settle.
 */
struct ticket *ticket_from_match(const struct match *m, int maxmatches);
/* Appends the match's lines, keeps the last `maxmatches`. */
void ticket_add_lines(struct ticket *t, const struct match *m, int maxmatches);
void ticket_add_line(struct ticket *t, const struct match_line *line, int maxmatches);
/* A second field of the same name replaces the first. */
void ticket_add_field(struct ticket *t, str name, str value);
/* The text as kept in `users`; dropped if it does not fit. */
void ticket_set_users(struct ticket *t, str repr);
struct ticket *ticket_copy(const struct ticket *t);
void ticket_free(struct ticket *t);
str ticket_field(const struct ticket *t, str name);
/* The three parts of a line, and its whole text. */
struct match_line ticket_line_parts(const struct ticket_line *line);
static inline str ticket_line_text(const struct ticket_line *line)
{
	return (str){ .p = line->text, .n = line->n };
}
/* End of the ban: time + bantime (jail's if unset), or INFINITY. */
double ticket_end(const struct ticket *t, int64_t jail_bantime);
/* What lines, fields and users count for against TICKET_BYTES_MAX. */
size_t ticket_bytes(const struct ticket *t);
/*
 * Cuts the ticket down to `bytes`: lines go from the oldest, the last is cut, then fields go from
 * the last.  For tables of many tickets that have a maximum in all.
 */
void ticket_limit(struct ticket *t, size_t bytes);

/*
 * Counted bytes for messages between processes and for the database: at most TICKET_PACKED_MAX.
 * ticket_unpack trusts nothing: 0 and the bytes taken off `in`, or -EINVAL and `in` untouched.
 * What it hands out keeps every bound above, its times are finite and its id is canonical: an
 * address or a network comes in binary, never as a text.  It says `by_hand` if the writer did:
 * whoever may not order bans by hand must not be believed that.
 */
void ticket_pack(const struct ticket *t, struct buf *out);
int ticket_unpack(str *in, struct ticket **out) __attribute__((warn_unused_result));

/*
 * The `data` column of Fail2ban's database: JSON, see section 8.  UTF-8 (invalid bytes become
 * U+FFFD).  The last `maxmatches` lines; 0: without "matches".
 */
char *ticket_data_json(const struct ticket *t, int maxmatches) __attribute__((malloc));
/*
 * Takes lines, fields, users and failures from such JSON; what cannot be read is left out.  Lines
 * may be lists or plain strings.  The text comes from a file that holds log bytes: hostile.
 */
void ticket_read_json(struct ticket *t, str json, int maxmatches);
