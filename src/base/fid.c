/* Failure ids; see fid.h. */
#include "base/fid.h"

struct fid fid_parse(str text)
{
	struct fid id = { 0 };

	if (ip_parse(text, &id.ip) < 0)
		id.text = str_head(text, FID_TEXT_MAX);
	return id;
}

struct fid fid_ip(const struct ip *ip)
{
	return (struct fid){ .ip = *ip };
}

bool fid_eq(const struct fid *a, const struct fid *b)
{
	if (a->ip.family || b->ip.family)
		return ip_eq(&a->ip, &b->ip);
	return str_eq(a->text, b->text);
}

void fid_add(struct buf *b, const struct fid *id)
{
	if (id->ip.family)
		ip_add(b, &id->ip);
	else
		buf_add_str(b, id->text);
}

str fid_key(const struct fid *id, char room[static FID_TEXT_MAX + 1])
{
	size_t n;

	room[0] = (char)id->ip.family;
	if (id->ip.family) {
		n = id->ip.family == 4 ? 4 : 16;
		room[1] = (char)id->ip.prefix;
		memcpy(room + 2, id->ip.bytes, n);
		return str_mem(room, n + 2);
	}
	n = id->text.n < FID_TEXT_MAX ? id->text.n : FID_TEXT_MAX;
	if (n)
		memcpy(room + 1, id->text.p, n);
	return str_mem(room, n + 1);
}

struct fid fid_from_key(str key)
{
	struct fid id = { 0 };

	if (key.n && key.p[0]) {
		id.ip.family = (uint8_t)key.p[0];
		id.ip.prefix = (uint8_t)key.p[1];
		memcpy(id.ip.bytes, key.p + 2, key.n - 2);
	} else {
		id.text = str_from(key, 1);
	}
	return id;
}

bool fid_looks_like_address(const struct fid *id)
{
	bool digit = false, mark = false, only_digits = true;

	if (id->ip.family)
		return false;
	if (str_eq_nocase(id->text, STR("localhost")))
		return true;
	for (size_t i = 0; i < id->text.n; i++) {
		char c = id->text.p[i];

		if (!c || !strchr("0123456789abcdefABCDEFxX.:/[],-% ", c))
			return false;
		digit |= c >= '0' && c <= '9';
		mark |= strchr(".:/,-", c) != NULL;
		only_digits &= c >= '0' && c <= '9';
	}
	/* a bare number is one, too, to inet_aton(3) */
	return digit && (mark || (only_digits && id->text.n > 7) ||
			 str_starts(id->text, STR("0x")) || str_starts(id->text, STR("0X")));
}
