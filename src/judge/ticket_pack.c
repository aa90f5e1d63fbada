/*
 * Tickets as counted bytes, for messages between processes and the store; see ticket.h.  Numbers
 * are little-endian.  The reader may be the warden and the writer a stolen engine: ticket_unpack
 * checks every length against what is left and against the ticket's own bounds before it
 * allocates, and refuses addresses, times and flags that ticket_pack would never write.
 */
#include <errno.h>
#include <math.h>

#include "base/pack.h"
#include "judge/ticket.h"
#include "judge/ticket_cost.h"

enum {
	VERSION = 1,
	FLAG_RESTORED = 1,
	FLAG_BY_HAND = 2,
};

/* Far beyond any date; keeps sums of times exact and casts to int64_t defined. */
#define TIME_MAX 1e12

void ticket_pack(const struct ticket *t, struct buf *out)
{
	pack_u8(out, VERSION);
	pack_u8(out, (t->restored ? FLAG_RESTORED : 0) | (t->by_hand ? FLAG_BY_HAND : 0));
	pack_u8(out, t->id.ip.family);
	pack_u8(out, t->id.ip.prefix);
	buf_add(out, t->id.ip.bytes, sizeof t->id.ip.bytes);
	pack_str(out, t->id.text);
	pack_f64(out, t->first);
	pack_f64(out, t->time);
	pack_u32(out, t->retry);
	pack_u32(out, t->failures);
	pack_i64(out, t->bantime);
	pack_u32(out, t->bancount);
	pack_str(out, t->users);
	pack_u32(out, t->n_fields);
	for (unsigned i = 0; i < t->n_fields; i++) {
		pack_str(out, t->fields[i].name);
		pack_str(out, t->fields[i].value);
	}
	pack_u32(out, t->n_lines);
	for (unsigned i = 0; i < t->n_lines; i++) {
		pack_u32(out, t->lines[i]->prefix);
		pack_u32(out, t->lines[i]->date);
		pack_str(out, ticket_line_text(t->lines[i]));
	}
}

static double take_time(struct unpack *u)
{
	double f = unpack_f64(u);

	if (fabs(f) > TIME_MAX)
		u->bad = true;
	return f;
}

/* Canonical: what ip_parse() could have made. */
static bool ip_is_sound(const struct ip *ip)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct ip cut = ip_masked(ip, ip->prefix);

	if (ip->family == 0)
		return ip->prefix == 0;
	if (ip->family == 4)
		return ip->prefix <= 32 && ip_eq(&cut, ip);
	return ip->family == 6 && ip->prefix <= 128 && ip_eq(&cut, ip) &&
	       !(ip->prefix >= 96 && memcmp(ip->bytes, mapped, sizeof mapped) == 0);
}

static void take_id(struct unpack *u, struct fid *id)
{
	struct ip as_text;

	id->ip.family = unpack_u8(u);
	id->ip.prefix = unpack_u8(u);
	for (size_t i = 0; i < sizeof id->ip.bytes; i++)
		id->ip.bytes[i] = unpack_u8(u);
	id->text = unpack_str(u, id->ip.family ? 0 : FID_TEXT_MAX);
	if (!ip_is_sound(&id->ip))
		u->bad = true;
	if (!id->ip.family) {
		memset(id->ip.bytes, 0, sizeof id->ip.bytes);
		if (ip_parse(id->text, &as_text) == 0) /* what is tested in binary would miss it */
			u->bad = true;
	}
}

static void take_numbers(struct unpack *u, struct ticket *t)
{
	t->first = take_time(u);
	t->time = take_time(u);
	t->retry = unpack_u32(u);
	t->failures = unpack_u32(u);
	t->bantime = unpack_i64(u);
	t->bancount = unpack_u32(u);
	if (t->bantime != TICKET_JAIL_BANTIME && !(fabs((double)t->bantime) <= TIME_MAX))
		u->bad = true;
}

/* ticket_add_field() and ticket_add_line() keep the bounds; what they drop was never packed. */
static void take_fields(struct unpack *u, struct ticket *t)
{
	uint32_t n;

	ticket_set_users(t, unpack_str(u, TICKET_FIELD_BYTES));
	n = unpack_count(u, TICKET_FIELDS_MAX);
	for (uint32_t i = 0; i < n && !u->bad; i++) {
		str name = unpack_str(u, TICKET_FIELD_BYTES);
		str value = unpack_str(u, TICKET_FIELD_BYTES);

		if (!u->bad)
			ticket_add_field(t, name, value);
		if (t->n_fields != i + 1)
			u->bad = true;
	}
}

static void take_lines(struct unpack *u, struct ticket *t)
{
	uint32_t n = unpack_count(u, TICKET_LINES_MAX);

	for (uint32_t i = 0; i < n && !u->bad; i++) {
		struct match_line line;
		uint32_t prefix = unpack_u32(u), date = unpack_u32(u);
		str text = unpack_str(u, TICKET_LINE_BYTES - TICKET_LINE_HEAD);

		if (prefix > text.n || date > text.n - prefix)
			u->bad = true;
		if (u->bad)
			break;
		line.prefix = str_head(text, prefix);
		line.date = str_head(str_from(text, prefix), date);
		line.suffix = str_from(text, (size_t)prefix + date);
		ticket_add_line(t, &line, TICKET_LINES_MAX);
		if (t->n_lines != i + 1)
			u->bad = true;
	}
}

int ticket_unpack(str *in, struct ticket **out)
{
	struct unpack u = { .in = *in };
	struct fid id = { 0 };
	struct ticket *t;
	uint8_t flags;

	if (unpack_u8(&u) != VERSION)
		return -EINVAL;
	flags = unpack_u8(&u);
	take_id(&u, &id);
	if (u.bad || flags & ~(FLAG_RESTORED | FLAG_BY_HAND))
		return -EINVAL;
	t = ticket_new(&id, 0);
	t->restored = flags & FLAG_RESTORED;
	t->by_hand = flags & FLAG_BY_HAND;
	take_numbers(&u, t);
	take_fields(&u, t);
	take_lines(&u, t);
	if (u.bad) {
		ticket_free(t);
		return -EINVAL;
	}
	*in = u.in;
	*out = t;
	return 0;
}
