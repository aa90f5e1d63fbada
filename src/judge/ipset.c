/*
 * Sets of networks; see ipset.h.  Networks are kept by their bytes, and which prefix lengths occur
 * is noted: a look-up tries each of these once.  Called by judge/ignore.
 */
#include "judge/ipset.h"

#include "base/fid.h"
#include "base/table.h"

struct ipset {
	struct table *nets;   /* fid_key -> struct ip */
	bool v4[33], v6[129]; /* prefix lengths that occur */
};

struct ipset *ipset_new(void)
{
	struct ipset *s = xcalloc(1, sizeof *s);

	s->nets = table_new();
	return s;
}

void ipset_free(struct ipset *s)
{
	if (!s)
		return;
	table_free(s->nets, free);
	free(s);
}

void ipset_add(struct ipset *s, const struct ip *ip)
{
	char room[FID_TEXT_MAX + 1];
	struct fid id = fid_ip(ip);

	if (ip->family == 0)
		return;
	(ip->family == 4 ? s->v4 : s->v6)[ip->prefix] = true;
	free(table_put(s->nets, fid_key(&id, room), xmemdup(ip, sizeof *ip)));
}

bool ipset_covers(const struct ipset *s, const struct ip *ip)
{
	const bool *lengths = ip->family == 4 ? s->v4 : s->v6;
	char room[FID_TEXT_MAX + 1];

	if (ip->family == 0)
		return false;
	for (unsigned bits = 0; bits <= ip->prefix; bits++) {
		struct ip net;
		struct fid id;

		if (!lengths[bits])
			continue;
		net = ip_masked(ip, bits);
		id = fid_ip(&net);
		if (table_find(s->nets, fid_key(&id, room)))
			return true;
	}
	return false;
}

bool ipset_touches(const struct ipset *s, const struct ip *net)
{
	size_t at = 0;
	void *value;

	if (ipset_covers(s, net))
		return true;
	while (table_each(s->nets, &at, NULL, &value))
		if (ip_in(value, net))
			return true;
	return false;
}
