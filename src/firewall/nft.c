/*
 * The netlink socket and the batch; see nft.h.  A batch is one sendmsg(): the kernel works it off
 * before that call returns, so its answers are already waiting and nothing here blocks.
 */
#include "firewall/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
	SEND_ROOM = 4 * 1024 * 1024, /* wished for; without CAP_NET_ADMIN the system's limit */
	RX_BYTES = 64 * 1024,
	MESSAGE_ROOM = 80 * 1024,   /* a nested attribute ends at 64 KiB */
	ELEMENTS_PER_MESSAGE = 1000 /* 52 bytes each at most: below 64 KiB */
};

static size_t widen(struct mnl_socket *nl)
{
	int fd = mnl_socket_get_fd(nl), want = SEND_ROOM, have = 0;
	socklen_t len = sizeof have;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &want, sizeof want) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &want, sizeof want);
	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &have, &len) < 0 || have < 8192)
		have = 8192;
	return (size_t)have - 1024;
}

int nft_open(struct nft *n, struct err *err)
{
	int on = 1;

	*n = (struct nft){ .nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC) };
	if (!n->nl)
		return err_set(err, -errno, "cannot open a netlink socket: %m");
	if (mnl_socket_bind(n->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		int r = err_set(err, -errno, "cannot bind the netlink socket: %m");

		nft_close(n);
		return r;
	}
	/* a refusal then does not carry a copy of our message */
	(void)mnl_socket_setsockopt(n->nl, NETLINK_CAP_ACK, &on, sizeof on);
	n->room = widen(n->nl);
	n->rx = xcalloc(1, RX_BYTES);
	return 0;
}

void nft_close(struct nft *n)
{
	if (n->nl)
		mnl_socket_close(n->nl);
	free(n->rx);
	*n = (struct nft){ 0 };
}

static struct nlmsghdr *put(struct nft_batch *b, uint16_t type, uint8_t family, uint16_t flags,
			    uint16_t res_id)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf_reserve(&b->bytes, MESSAGE_ROOM));
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	nlh->nlmsg_seq = ++b->last_seq;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof *nfg);
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(res_id);
	return nlh;
}

void nft_batch_begin(struct nft *n, struct nft_batch *b, uint32_t genid)
{
	struct nlmsghdr *nlh;

	buf_clear(&b->bytes);
	b->n_what = 0;
	b->failed = NULL;
	b->first_seq = n->seq + 1;
	b->last_seq = n->seq;
	b->last_at = 0;
	nlh = put(b, NFNL_MSG_BATCH_BEGIN, AF_UNSPEC, 0, NFNL_SUBSYS_NFTABLES);
	if (genid)
		mnl_attr_put_u32(nlh, NFNL_BATCH_GENID, htonl(genid));
	b->bytes.n += nlh->nlmsg_len;
}

struct nlmsghdr *nft_batch_put(struct nft_batch *b, uint16_t type, uint8_t family, uint16_t flags,
			       const char *what)
{
	if (b->n_what == b->room_what) {
		b->room_what = b->room_what ? b->room_what * 2 : 16;
		b->what = xreallocarray(b->what, b->room_what, sizeof *b->what);
	}
	b->what[b->n_what++] = what;
	return put(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), family, flags, 0);
}

void nft_batch_done(struct nft_batch *b, const struct nlmsghdr *nlh)
{
	b->last_at = b->bytes.n;
	b->bytes.n += nlh->nlmsg_len;
}

static int transmit(struct nft *n, const struct nft_batch *b)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t r;

	do
		r = sendto(mnl_socket_get_fd(n->nl), b->bytes.p, b->bytes.n, 0,
			   (struct sockaddr *)&kernel, sizeof kernel);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

/* Looks through one datagram; *acked when the last message was confirmed. Keeps the first error. */
static void read_answers(struct nft_batch *b, const char *p, size_t n, bool *acked, int *error)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)p;
	int left = (int)n;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
		uint32_t at = nlh->nlmsg_seq - b->first_seq;

		if (nlh->nlmsg_type != NLMSG_ERROR ||
		    nlh->nlmsg_len < mnl_nlmsg_size(sizeof e->error) ||
		    at > b->last_seq - b->first_seq)
			continue;
		if (e->error == 0) {
			*acked = true;
		} else if (*error == 0) {
			*error = e->error;
			b->failed = at >= 1 && at <= b->n_what ? b->what[at - 1] : NULL;
		}
	}
}

int nft_batch_commit(struct nft *n, struct nft_batch *b)
{
	struct nlmsghdr *nlh;
	bool acked = false;
	int error = 0;
	ssize_t got;

	if (b->n_what == 0)
		return 0;
	((struct nlmsghdr *)(b->bytes.p + b->last_at))->nlmsg_flags |= NLM_F_ACK;
	nlh = put(b, NFNL_MSG_BATCH_END, AF_UNSPEC, 0, NFNL_SUBSYS_NFTABLES);
	b->bytes.n += nlh->nlmsg_len;
	n->seq = b->last_seq;
	error = transmit(n, b);
	if (error < 0)
		return error;
	while ((got = recv(mnl_socket_get_fd(n->nl), n->rx, RX_BYTES, MSG_DONTWAIT)) > 0 ||
	       (got < 0 && errno == EINTR))
		if (got > 0)
			read_answers(b, n->rx, (size_t)got, &acked, &error);
	if (error)
		return error;
	/* no room was left for the answer: what became of the batch is not known */
	return acked ? 0 : -EIO;
}

void nft_batch_free(struct nft_batch *b)
{
	buf_free(&b->bytes);
	free(b->what);
	*b = (struct nft_batch){ 0 };
}

static void put_element(struct nlmsghdr *nlh, const struct nft_element *e, bool bare)
{
	struct nlattr *item = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM), *key;

	if (e->end)
		mnl_attr_put_u32(nlh, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	key = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);
	mnl_attr_put(nlh, NFTA_DATA_VALUE, e->len, e->key);
	mnl_attr_nest_end(nlh, key);
	if (e->timeout_ms > 0 && !bare)
		mnl_attr_put_u64(nlh, NFTA_SET_ELEM_TIMEOUT, htobe64((uint64_t)e->timeout_ms));
	mnl_attr_nest_end(nlh, item);
}

void nft_put_elements(struct nft_batch *b, uint16_t type, uint16_t flags, bool bare,
		      const struct nft_place *place, const struct nft_element *e, size_t n)
{
	if (type == NFT_MSG_NEWSETELEM)
		flags |= NLM_F_CREATE;
	do {
		size_t take = n < ELEMENTS_PER_MESSAGE ? n : ELEMENTS_PER_MESSAGE;
		struct nlmsghdr *nlh = nft_batch_put(
			b, type, place->family, flags,
			type == NFT_MSG_NEWSETELEM ? "add elements" : "delete elements");
		struct nlattr *list;

		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, place->table);
		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, place->set);
		if (take) {
			list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
			for (size_t i = 0; i < take; i++)
				put_element(nlh, &e[i], bare);
			mnl_attr_nest_end(nlh, list);
		}
		nft_batch_done(b, nlh);
		e += take;
		n -= take;
	} while (n);
}
