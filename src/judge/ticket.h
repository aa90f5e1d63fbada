/*
 * Fail2ban's ticket: a failure id with its history, from the first failure to the end of its ban.
 * Owns all its memory.  Lines and fields are hostile bytes, bounded here: at most TICKET_LINES_MAX
 * lines, and TICKET_BYTES_MAX bytes of lines and fields together (later lines push out the oldest;
 * a field that does not fit is dropped).
 */
#pragma once

#include "match/match.h"

enum {
	TICKET_BYTES_MAX = 60 * 1024,
	TICKET_LINES_MAX = 1000,
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
	struct match_field *fields; /* names and values owned */
	unsigned n_fields;
	str users; /* Python's repr of the set of users, "" if none */
};

#define TICKET_JAIL_BANTIME INT64_MIN

struct ticket *ticket_new(const struct fid *id, double time);
/* From a match: its fields, users and lines (at most maxmatches of them; 0: none). */
struct ticket *ticket_from_match(const struct match *m, int maxmatches);
/* Appends the match's lines, keeps the last `maxmatches`. */
void ticket_add_lines(struct ticket *t, const struct match *m, int maxmatches);
void ticket_add_line(struct ticket *t, const struct match_line *line, int maxmatches);
void ticket_add_field(struct ticket *t, str name, str value);
struct ticket *ticket_copy(const struct ticket *t);
void ticket_free(struct ticket *t);
str ticket_field(const struct ticket *t, str name);
/* End of the ban: time + bantime (jail's if unset), or INFINITY. */
double ticket_end(const struct ticket *t, int64_t jail_bantime);

/*
 * Counted bytes for messages between processes: at most TICKET_BYTES_MAX plus a fixed head.
 * ticket_unpack trusts nothing: 0 and the bytes taken off `in`, or -EINVAL.
 */
void ticket_pack(const struct ticket *t, struct buf *out);
int ticket_unpack(str *in, struct ticket **out) __attribute__((warn_unused_result));

/* The `data` column of Fail2ban's database: JSON, see section 8. */
char *ticket_data_json(const struct ticket *t, int maxmatches) __attribute__((malloc));
/* Takes lines, fields and failures from such JSON; what cannot be read is left out. */
void ticket_read_json(struct ticket *t, str json, int maxmatches);
