/* What the warden's children share; see child.h. */
#include "daemon/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "daemon/sandbox.h"
#include "daemon/spawn.h"

static void ignore_signal(int number)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(number, &ignore, NULL);
}

void child_init(struct child *c, enum role role, const struct guard_options *o)
{
	c->base = event_base_new();
	if (!c->base)
		abort();
	c->role = role;
	clock_fix_zone();
	c->log = (struct log){ .fd = -1, .level = LEVEL_INFO, .pid = o->server_pid };
	ignore_signal(SIGPIPE);
	/* the warden decides when it ends; a Ctrl-C reaches the whole group */
	ignore_signal(SIGINT);
	ignore_signal(SIGTERM);
	ignore_signal(SIGHUP);
}

static int set_log_target(struct child *c, str payload, int fd)
{
	struct unpack u = { .in = payload };
	enum log_form form = (enum log_form)unpack_u8(&u);
	enum log_level level = (enum log_level)unpack_u32(&u);
	int pid = (int)unpack_u32(&u);

	if (!unpack_done(&u)) {
		if (fd >= 0)
			close(fd);
		return -EBADMSG;
	}
	log_flush(&c->log);
	if (c->log.fd >= 0)
		close(c->log.fd);
	c->log.fd = fd;
	c->log.form = form;
	c->log.level = level;
	c->log.pid = pid;
	return 0;
}

static int on_message(void *arg, struct channel *ch, enum message_type type, str payload, int fd)
{
	struct child *c = arg;

	(void)ch;
	if (type == MSG_LOG_TARGET)
		return set_log_target(c, payload, fd);
	return c->message(c->arg, type, payload, fd);
}

static void on_closed(void *arg, struct channel *ch)
{
	struct child *c = arg;

	(void)ch;
	/* without a warden there is nothing to do and nobody to tell */
	event_base_loopbreak(c->base);
}

static void on_refused(void *arg, struct channel *ch, const char *text)
{
	struct child *c = arg;

	(void)ch;
	log_line(&c->log, LEVEL_ERROR, "server", "%s", text);
}

int child_enter(struct child *c, const char *writable, const unsigned char digest[static 32])
{
	const struct channel_events events = {
		.arg = c, .message = on_message, .closed = on_closed, .refused = on_refused
	};
	struct buf hello = { 0 };
	struct err missing = { 0 };
	int r;

	c->warden = channel_new(c->base, SPAWN_CHANNEL_FD, c->role, ROLE_WARDEN, &events);
	r = sandbox_enter(c->role, writable, &missing);
	if (r < 0)
		fprintf(stderr, "lastknock: %s: %s\n", role_name(c->role), missing.text);
	if (r < 0)
		return r;
	if (missing.text[0] && c->role == ROLE_ENGINE)
		fprintf(stderr, "lastknock: warning: %s\n", missing.text);
	pack_u8(&hello, (uint8_t)c->role);
	buf_add(&hello, digest, 32);
	channel_send(c->warden, MSG_HELLO, &hello, -1);
	buf_free(&hello);
	return 0;
}

struct channel *child_peer(struct child *c, int fd, enum role peer,
			   int (*message)(void *arg, struct channel *ch, enum message_type type,
					  str payload, int fd),
			   void (*closed)(void *arg, struct channel *ch))
{
	struct channel_events events = {
		.arg = c->arg, .message = message, .closed = closed, .refused = NULL
	};

	return channel_new(c->base, fd, c->role, peer, &events);
}

int child_run(struct child *c)
{
	event_base_dispatch(c->base);
	log_flush(&c->log);
	return 0;
}

void child_stop(struct child *c, int fd)
{
	log_flush(&c->log);
	channel_send(c->warden, MSG_STOPPED, NULL, fd);
	channel_flush(c->warden);
	event_base_loopbreak(c->base);
}
