/*
 * One end of a SOCK_SEQPACKET pair between two of our processes.  What comes in is checked
 * against the table of messages.h before the owner sees it; a message that fails is counted,
 * reported and dropped with its descriptor.  What goes out is sent at once if the socket takes
 * it, else queued in order.  A peer that does not read is given up when CHANNEL_BACKLOG_MAX bytes
 * or CHANNEL_FDS_MAX descriptors wait for it: the channel closes as if the peer had gone.
 */
#pragma once

#include <event2/event.h>

#include "base/pack.h"
#include "daemon/messages.h"

enum {
	CHANNEL_BACKLOG_MAX = 64 * 1024 * 1024,
	CHANNEL_FDS_MAX = 8192, /* more than there are log files at a start */
};

struct channel;

struct channel_events {
	void *arg;
	/* `fd` (or -1) is the callee's. A result below 0 counts the message as refused. */
	int (*message)(void *arg, struct channel *ch, enum message_type type, str payload, int fd);
	/* the other side is gone; the channel may be freed here */
	void (*closed)(void *arg, struct channel *ch);
	/* a message was refused; text says which and why */
	void (*refused)(void *arg, struct channel *ch, const char *text);
};

/* A connected pair, close-on-exec, with room for MESSAGE_PAYLOAD_MAX. 0 or -errno. */
int channel_pair(int fds[2]) __attribute__((warn_unused_result));
/* Takes the descriptor over. */
struct channel *channel_new(struct event_base *base, int fd, enum role self, enum role peer,
			    const struct channel_events *events);
/* Sends what is queued if it can be sent at once, then closes. */
void channel_free(struct channel *ch);
enum role channel_peer(const struct channel *ch);
/*
 * Sends or queues.  `fd` (or -1) is taken over: closed once sent.  A message that messages.h
 * forbids is a programmer's mistake (assert).
 */
void channel_send(struct channel *ch, enum message_type type, const struct buf *payload, int fd);
/* Bytes waiting in the queue: for back-pressure. */
size_t channel_backlog(const struct channel *ch);
uint64_t channel_refused(const struct channel *ch);
/* Reads and handles what has already arrived, without waiting; a thousand messages at most. */
void channel_drain(struct channel *ch);
/* Waits until the queue is empty or the peer is gone. For the last words before an exit. */
void channel_flush(struct channel *ch);
