/*
 * Tickets as counted bytes, for messages between processes and the store; see ticket.h.  Numbers
 * are little-endian.  The reader may be the warden and the writer a stolen engine: ticket_unpack
 * checks every length against what is left and against the ticket's own bounds before it
 * allocates, and refuses addresses, times and flags that ticket_pack would never write.
 */
#include <errno.h>
#include <math.h>

#include "judge/ticket.h"
#include "judge/ticket_cost.h"

enum {
	VERSION = 1,
	FLAG_RESTORED = 1,
	FLAG_BY_HAND = 2,
};

/* Far beyond any date; keeps sums of times exact and casts to int64_t defined. */
#define TIME_MAX 1e12

static void add_u32(struct buf *out, uint32_t n)
{
	const unsigned char b[4] = { (unsigned char)n, (unsigned char)(n >> 8),
				     (unsigned char)(n >> 16), (unsigned char)(n >> 24) };

	buf_add(out, b, sizeof b);
}

static void add_u64(struct buf *out, uint64_t n)
{
	add_u32(out, (uint32_t)n);
	add_u32(out, (uint32_t)(n >> 32));
}

static void add_double(struct buf *out, double f)
{
	uint64_t n;

	memcpy(&n, &f, sizeof n);
	add_u64(out, n);
}

static void add_text(struct buf *out, str s)
{
	add_u32(out, (uint32_t)s.n);
	buf_add_str(out, s);
}

void ticket_pack(const struct ticket *t, struct buf *out)
{
	buf_add_char(out, VERSION);
	buf_add_char(out,
		     (char)((t->restored ? FLAG_RESTORED : 0) | (t->by_hand ? FLAG_BY_HAND : 0)));
	buf_add_char(out, (char)t->id.ip.family);
	buf_add_char(out, (char)t->id.ip.prefix);
	buf_add(out, t->id.ip.bytes, sizeof t->id.ip.bytes);
	add_text(out, t->id.text);
	add_double(out, t->first);
	add_double(out, t->time);
	add_u32(out, t->retry);
	add_u32(out, t->failures);
	add_u64(out, (uint64_t)t->bantime);
	add_u32(out, t->bancount);
	add_text(out, t->users);
	add_u32(out, t->n_fields);
	for (unsigned i = 0; i < t->n_fields; i++) {
		add_text(out, t->fields[i].name);
		add_text(out, t->fields[i].value);
	}
	add_u32(out, t->n_lines);
	for (unsigned i = 0; i < t->n_lines; i++) {
		add_u32(out, t->lines[i]->prefix);
		add_u32(out, t->lines[i]->date);
		add_text(out, ticket_line_text(t->lines[i]));
	}
}

/* Reading: `bad` is set once and every later value is 0, so one test at the end of a part does. */
struct reader {
	str in;
	bool bad;
};

static str take(struct reader *r, size_t n)
{
	str s = str_head(r->in, n);

	if (r->bad || n > r->in.n) {
		r->bad = true;
		return STR_NULL;
	}
	r->in = str_from(r->in, n);
	return s;
}

static uint8_t take_u8(struct reader *r)
{
	str s = take(r, 1);

	return s.n ? (uint8_t)s.p[0] : 0;
}

static uint32_t take_u32(struct reader *r)
{
	str s = take(r, 4);
	const unsigned char *b = (const unsigned char *)s.p;

	if (s.n == 0)
		return 0;
	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static uint64_t take_u64(struct reader *r)
{
	uint64_t low = take_u32(r);

	return low | (uint64_t)take_u32(r) << 32;
}

static double take_time(struct reader *r)
{
	uint64_t n = take_u64(r);
	double f;

	memcpy(&f, &n, sizeof f);
	if (!(fabs(f) <= TIME_MAX)) /* also NaN */
		r->bad = true;
	return f;
}

static str take_text(struct reader *r, size_t max)
{
	size_t n = take_u32(r);

	if (n > max)
		r->bad = true;
	return take(r, n);
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

static void take_id(struct reader *r, struct fid *id)
{
	struct ip as_text;
	str bytes;

	id->ip.family = take_u8(r);
	id->ip.prefix = take_u8(r);
	bytes = take(r, sizeof id->ip.bytes);
	if (bytes.n)
		memcpy(id->ip.bytes, bytes.p, bytes.n);
	id->text = take_text(r, id->ip.family ? 0 : FID_TEXT_MAX);
	if (!ip_is_sound(&id->ip))
		r->bad = true;
	if (!id->ip.family) {
		memset(id->ip.bytes, 0, sizeof id->ip.bytes);
		if (ip_parse(id->text, &as_text) == 0) /* what is tested in binary would miss it */
			r->bad = true;
	}
}

static void take_numbers(struct reader *r, struct ticket *t)
{
	t->first = take_time(r);
	t->time = take_time(r);
	t->retry = take_u32(r);
	t->failures = take_u32(r);
	t->bantime = (int64_t)take_u64(r);
	t->bancount = take_u32(r);
	if (t->bantime != TICKET_JAIL_BANTIME && !(fabs((double)t->bantime) <= TIME_MAX))
		r->bad = true;
}

/* ticket_add_field() and ticket_add_line() keep the bounds; what they drop was never packed. */
static void take_fields(struct reader *r, struct ticket *t)
{
	uint32_t n;

	ticket_set_users(t, take_text(r, TICKET_FIELD_BYTES));
	n = take_u32(r);
	if (n > TICKET_FIELDS_MAX)
		r->bad = true;
	for (uint32_t i = 0; i < n && !r->bad; i++) {
		str name = take_text(r, TICKET_FIELD_BYTES);
		str value = take_text(r, TICKET_FIELD_BYTES);

		if (!r->bad)
			ticket_add_field(t, name, value);
		if (t->n_fields != i + 1)
			r->bad = true;
	}
}

static void take_lines(struct reader *r, struct ticket *t)
{
	uint32_t n = take_u32(r);

	if (n > TICKET_LINES_MAX)
		r->bad = true;
	for (uint32_t i = 0; i < n && !r->bad; i++) {
		struct match_line line;
		uint32_t prefix = take_u32(r), date = take_u32(r);
		str text = take_text(r, TICKET_LINE_BYTES - TICKET_LINE_HEAD);

		if (prefix > text.n || date > text.n - prefix)
			r->bad = true;
		if (r->bad)
			break;
		line.prefix = str_head(text, prefix);
		line.date = str_head(str_from(text, prefix), date);
		line.suffix = str_from(text, (size_t)prefix + date);
		ticket_add_line(t, &line, TICKET_LINES_MAX);
		if (t->n_lines != i + 1)
			r->bad = true;
	}
}

int ticket_unpack(str *in, struct ticket **out)
{
	struct reader r = { .in = *in };
	struct fid id = { 0 };
	struct ticket *t;
	uint8_t flags;

	if (take_u8(&r) != VERSION)
		return -EINVAL;
	flags = take_u8(&r);
	take_id(&r, &id);
	if (r.bad || flags & ~(FLAG_RESTORED | FLAG_BY_HAND))
		return -EINVAL;
	t = ticket_new(&id, 0);
	t->restored = flags & FLAG_RESTORED;
	t->by_hand = flags & FLAG_BY_HAND;
	take_numbers(&r, t);
	take_fields(&r, t);
	take_lines(&r, t);
	if (r.bad) {
		ticket_free(t);
		return -EINVAL;
	}
	*in = r.in;
	*out = t;
	return 0;
}
