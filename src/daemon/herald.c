/*
 * Looking up names with libevent's resolver (evdns), which reads resolv.conf and hosts before
 * the sandbox closes.  Names come out of logs: hostile; answers come from the network: hostile.
 * Both are only addresses when they leave here.
 */
#include "daemon/herald.h"

#include <errno.h>
#include <event2/dns.h>

#include "base/clock.h"
#include "base/table.h"
#include "daemon/child.h"

#define CACHE_MS (300 * 1000)
#define CACHE_FAILURE_MS (10 * 1000)
#define CACHE_MAX 1000
#define ADDRESSES_MAX 64

struct herald {
	struct child child;
	struct evdns_base *dns;
	struct channel *engine;
	unsigned generation; /* of engines: each begins its numbers anew */
	struct table *cache; /* name -> struct answer */
};

struct answer {
	int64_t until_ms;
	uint32_t n;
	struct ip ips[ADDRESSES_MAX];
};

struct question {
	struct herald *h;
	unsigned generation;
	uint32_t id;
	char name[256];
};

static void send_answer(struct herald *h, uint32_t id, const struct answer *a)
{
	struct buf b = { 0 };

	if (!h->engine)
		return;
	pack_u32(&b, id);
	pack_u32(&b, a->n);
	for (uint32_t i = 0; i < a->n; i++)
		pack_ip(&b, &a->ips[i]);
	channel_send(h->engine, MSG_ADDRESSES, &b, -1);
	buf_free(&b);
}

static void remember(struct herald *h, const char *name, const struct answer *a)
{
	if (table_count(h->cache) >= CACHE_MAX) {
		size_t at = 0;
		str oldest;

		/* entries stand in the order they came */
		if (table_each(h->cache, &at, &oldest, NULL))
			free(table_del(h->cache, oldest));
	}
	free(table_del(h->cache, str_of(name)));
	table_put(h->cache, str_of(name), xmemdup(a, sizeof *a));
}

static void on_resolved(int result, struct evutil_addrinfo *list, void *arg)
{
	struct question *q = arg;
	struct answer a = { .until_ms = clock_ticks_ms() + CACHE_MS };

	for (const struct evutil_addrinfo *i = result ? NULL : list; i; i = i->ai_next) {
		struct ip ip = ip_from_sockaddr(i->ai_addr);

		if (ip.family && a.n < ADDRESSES_MAX)
			a.ips[a.n++] = ip;
	}
	if (list)
		evutil_freeaddrinfo(list);
	if (a.n == 0) /* it may be a name server that is down: ask again soon */
		a.until_ms = clock_ticks_ms() + CACHE_FAILURE_MS;
	if (result != EVUTIL_EAI_CANCEL) {
		remember(q->h, q->name, &a);
		if (q->generation == q->h->generation)
			send_answer(q->h, q->id, &a);
	}
	free(q);
}

static int on_resolve(struct herald *h, str payload)
{
	struct evutil_addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct unpack u = { .in = payload };
	uint32_t id = unpack_u32(&u);
	str name = unpack_str(&u, 255);
	const struct answer *known;
	struct question *q;

	if (!unpack_done(&u) || name.n == 0 || memchr(name.p, '\0', name.n))
		return -EBADMSG;
	known = table_find(h->cache, name);
	if (known && known->until_ms > clock_ticks_ms()) {
		send_answer(h, id, known);
		return 0;
	}
	q = xcalloc(1, sizeof *q);
	q->h = h;
	q->generation = h->generation;
	q->id = id;
	memcpy(q->name, name.p, name.n);
	evdns_getaddrinfo(h->dns, q->name, NULL, &hints, on_resolved, q);
	return 0;
}

static int on_engine(void *arg, struct channel *ch, enum message_type type, str payload, int fd)
{
	(void)ch;
	if (fd >= 0)
		close(fd);
	return type == MSG_RESOLVE ? on_resolve(arg, payload) : -EPROTO;
}

static void on_engine_closed(void *arg, struct channel *ch)
{
	struct herald *h = arg;

	if (h->engine == ch)
		h->engine = NULL;
	channel_free(ch);
}

static int on_message(void *arg, enum message_type type, str payload, int fd)
{
	struct herald *h = arg;

	if (type == MSG_PEER_FD && payload.p[0] == ROLE_ENGINE) {
		channel_free(h->engine);
		h->generation++;
		h->engine = child_peer(&h->child, fd, ROLE_ENGINE, on_engine, on_engine_closed);
		return 0;
	}
	if (fd >= 0)
		close(fd);
	if (type != MSG_STOP)
		return -EPROTO;
	child_stop(&h->child, -1);
	return 0;
}

int herald_main(const struct guard_options *options)
{
	static const unsigned char no_digest[32];
	struct herald h = { .cache = table_new() };

	child_init(&h.child, ROLE_HERALD, options);
	h.child.arg = &h;
	h.child.message = on_message;
	h.dns = evdns_base_new(h.child.base, EVDNS_BASE_INITIALIZE_NAMESERVERS);
	if (!h.dns) { /* no resolv.conf: names in the hosts file can still be found */
		h.dns = evdns_base_new(h.child.base, 0);
		if (h.dns)
			evdns_base_load_hosts(h.dns, "/etc/hosts");
	}
	if (!h.dns || child_enter(&h.child, NULL, no_digest) < 0)
		return 1;
	return child_run(&h.child);
}
