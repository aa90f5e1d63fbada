/*
 * Connecting; see tcp.h.
 */
#include "check/tcp.h"

#include <errno.h>
#include <netinet/tcp.h>

#include "check/dialogue_state.h"

static socklen_t sockaddr_of(const struct ip *ip, uint16_t port, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof *ss);
	if (ip->family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)(void *)ss;

		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, ip->bytes, 4);
		return sizeof *in;
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)ss;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, ip->bytes, 16);
	return sizeof *in6;
}

bool tcp_can_come_from(const struct ip *ip)
{
	struct sockaddr_storage ss;
	socklen_t n = sockaddr_of(ip, 0, &ss);
	int fd _close_ = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && bind(fd, (struct sockaddr *)&ss, n) == 0;
}

struct connecting {
	bool ready;
};

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct connecting *c = arg;

	(void)fd;
	(void)what;
	c->ready = true;
}

static bool connect_is_over(void *arg)
{
	const struct connecting *c = arg;

	return c->ready;
}

/* 0, or the errno of the connection that did not come about. */
static int await_connection(struct engine *e, int fd, const char *reason, double wait)
{
	struct connecting c = { 0 };
	struct event *writable = event_new(e->base, fd, EV_WRITE, on_writable, &c);
	socklen_t n = sizeof(int);
	int code = 0;
	bool over;

	event_add(writable, NULL);
	over = engine_wait(e, &(struct waiting){ .reason = reason,
						 .limit = engine_wait_cap(e, wait),
						 .done = connect_is_over,
						 .arg = &c });
	event_free(writable);
	if (!over)
		return ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &n) < 0)
		return errno;
	return code;
}

static int start_connection(const struct ip *to, uint16_t port, const struct ip *from, int *fd)
{
	struct sockaddr_storage there, here;
	socklen_t n = sockaddr_of(to, port, &there);

	*fd = socket(there.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return -errno;
	(void)setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (from->family) {
		socklen_t m = sockaddr_of(from, 0, &here);

		if (bind(*fd, (struct sockaddr *)&here, m) < 0)
			return -EADDRNOTAVAIL;
	}
	if (connect(*fd, (struct sockaddr *)&there, n) < 0 && errno != EINPROGRESS)
		return -errno;
	return 0;
}

int tcp_connect(struct engine *e, const struct ip *to, uint16_t port, const struct ip *from,
		double wait, int *fd)
{
	struct buf reason _buf_free_ = { 0 };
	int rc = start_connection(to, port, from, fd);

	if (rc < 0)
		return rc;
	buf_add_z(&reason, "a connection to ");
	ip_add(&reason, to);
	buf_printf(&reason, " port %u", port);
	return -await_connection(e, *fd, buf_z(&reason), wait);
}
