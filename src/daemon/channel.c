/*
 * Checked messages over a socketpair; see channel.h.  The peer may have been taken over by an
 * attacker: its length fields, types and descriptors are believed only after message_fault().
 */
#include "daemon/channel.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#define SOCKET_BUFFER (4 * 1024 * 1024)
#define READS_PER_TURN 64
#define READS_PER_DRAIN 1000

struct outgoing {
	struct outgoing *next;
	int fd;
	size_t n;
	char bytes[];
};

struct channel {
	int fd;
	enum role self, peer;
	struct channel_events events;
	struct event *readable, *writable;
	struct outgoing *first, **last;
	size_t backlog;
	unsigned waiting_fds;
	uint64_t refused;
	bool *freed; /* set when the owner frees the channel inside a callback */
	char room[sizeof(struct message_head) + MESSAGE_PAYLOAD_MAX];
};

int channel_pair(int fds[2])
{
	static const int bytes = SOCKET_BUFFER;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -errno;
	for (int i = 0; i < 2; i++)
		if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
			/* without the right to force it, as much as the machine allows */
			(void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	return 0;
}

static void refuse(struct channel *ch, unsigned type, const char *why)
{
	const struct message_rule *rule = message_rule(type);
	char text[160];

	ch->refused++;
	snprintf(text, sizeof text, "refused message %s (%u) from %s: %s", rule ? rule->name : "?",
		 type, role_name(ch->peer), why);
	if (ch->events.refused)
		ch->events.refused(ch->events.arg, ch, text);
}

/* One descriptor of a control message; any others are closed. */
static int take_descriptor(struct msghdr *msg)
{
	int taken = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (taken < 0)
				taken = fd;
			else
				close(fd);
		}
	}
	return taken;
}

static const char *head_fault(const struct channel *ch, size_t n, bool with_fd, int flags,
			      struct message_head *head)
{
	*head = (struct message_head){ 0 };
	if (n < sizeof *head)
		return "shorter than its head";
	memcpy(head, ch->room, sizeof *head);
	if (head->magic != MESSAGE_MAGIC)
		return "wrong magic number";
	if (flags & (MSG_TRUNC | MSG_CTRUNC))
		return "longer than any message";
	if (head->size != n - sizeof *head)
		return "its length field is wrong";
	return message_fault(ch->peer, ch->self, head->type, head->size, with_fd);
}

/* 1: a message was handled; 0: nothing there; -1: the peer is gone. */
static int receive(struct channel *ch)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 8)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = ch->room, .iov_len = sizeof ch->room };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof control.bytes };
	struct message_head head;
	const char *fault;
	bool freed = false;
	ssize_t n;
	int fd, result;

	do
		n = recvmsg(ch->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	fd = take_descriptor(&msg);
	if (n == 0 && fd < 0)
		return -1;
	fault = head_fault(ch, (size_t)n, fd >= 0, msg.msg_flags, &head);
	if (fault) {
		if (fd >= 0)
			close(fd);
		refuse(ch, head.type, fault);
		return 1;
	}
	ch->freed = &freed;
	result = ch->events.message(ch->events.arg, ch, (enum message_type)head.type,
				    str_mem(ch->room + sizeof head, head.size), fd);
	if (freed)
		return 0;
	ch->freed = NULL;
	if (result < 0)
		refuse(ch, head.type, strerror(-result));
	return 1;
}

static void gone(struct channel *ch)
{
	event_del(ch->readable);
	event_del(ch->writable);
	if (ch->events.closed)
		ch->events.closed(ch->events.arg, ch);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct channel *ch = arg;

	for (int i = 0; i < READS_PER_TURN; i++) {
		int got = receive(ch);

		if (got == 0)
			return;
		if (got < 0) {
			gone(ch);
			return;
		}
	}
}

/* 1: sent; 0: the socket is full; -1: the peer is gone. */
static int send_one(struct channel *ch, const struct outgoing *out)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)out->bytes, .iov_len = out->n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (out->fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof control.bytes;
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &out->fd, sizeof(int));
	}
	do
		n = sendmsg(ch->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 1;
	/* ETOOMANYREFS: the peer has not yet taken the descriptors that are on their way */
	return errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS ? 0 : -1;
}

/* Sends from the queue: 0 when the socket is full or the queue empty, -1 when the peer is gone. */
static int send_queue(struct channel *ch)
{
	while (ch->first) {
		struct outgoing *out = ch->first;
		int sent = send_one(ch, out);

		if (sent <= 0)
			return sent;
		ch->first = out->next;
		if (!ch->first)
			ch->last = &ch->first;
		ch->backlog -= out->n;
		if (out->fd >= 0) {
			close(out->fd);
			ch->waiting_fds--;
		}
		free(out);
	}
	return 0;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct channel *ch = arg;

	/* a dead peer shows itself to the reader; here it only stops the sending */
	if (send_queue(ch) < 0 || !ch->first)
		event_del(ch->writable);
}

struct channel *channel_new(struct event_base *base, int fd, enum role self, enum role peer,
			    const struct channel_events *events)
{
	struct channel *ch = xcalloc(1, sizeof *ch);

	ch->fd = fd;
	ch->self = self;
	ch->peer = peer;
	ch->events = *events;
	ch->last = &ch->first;
	evutil_make_socket_nonblocking(fd);
	ch->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, ch);
	ch->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, ch);
	event_add(ch->readable, NULL);
	return ch;
}

void channel_free(struct channel *ch)
{
	if (!ch)
		return;
	if (ch->freed)
		*ch->freed = true;
	(void)send_queue(ch);
	event_free(ch->readable);
	event_free(ch->writable);
	for (struct outgoing *out = ch->first, *next; out; out = next) {
		next = out->next;
		if (out->fd >= 0)
			close(out->fd);
		free(out);
	}
	close(ch->fd);
	free(ch);
}

enum role channel_peer(const struct channel *ch)
{
	return ch->peer;
}

void channel_send(struct channel *ch, enum message_type type, const struct buf *payload, int fd)
{
	str body = payload ? buf_str(payload) : STR("");
	struct message_head head = { .magic = MESSAGE_MAGIC,
				     .type = (uint16_t)type,
				     .size = (uint32_t)body.n };
	struct outgoing *out = xcalloc(1, sizeof *out + sizeof head + body.n);

	assert(!message_fault(ch->self, ch->peer, type, body.n, fd >= 0));
	out->fd = fd;
	out->n = sizeof head + body.n;
	memcpy(out->bytes, &head, sizeof head);
	if (body.n)
		memcpy(out->bytes + sizeof head, body.p, body.n);
	*ch->last = out;
	ch->last = &out->next;
	ch->backlog += out->n;
	ch->waiting_fds += fd >= 0;
	if (send_queue(ch) == 0 && ch->first)
		event_add(ch->writable, NULL);
	if (ch->backlog > CHANNEL_BACKLOG_MAX || ch->waiting_fds > CHANNEL_FDS_MAX)
		/* the reader sees the end in the next turn: nobody is called back from here */
		shutdown(ch->fd, SHUT_RDWR);
}

size_t channel_backlog(const struct channel *ch)
{
	return ch->backlog;
}

uint64_t channel_refused(const struct channel *ch)
{
	return ch->refused;
}

void channel_drain(struct channel *ch)
{
	for (int i = 0; i < READS_PER_DRAIN; i++)
		if (receive(ch) <= 0)
			return;
}

void channel_flush(struct channel *ch)
{
	while (ch->first && send_queue(ch) == 0 && ch->first) {
		struct pollfd p = { .fd = ch->fd, .events = POLLOUT };

		if (poll(&p, 1, 1000) <= 0)
			return;
	}
}
