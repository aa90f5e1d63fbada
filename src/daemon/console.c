/*
 * The control socket; see console.h.  A client is root (the socket's mode and the peer's
 * credentials say so) or gets only ping and version.  A client that is slow, silent or too loud
 * costs its own connection and nothing else.
 */
#include "daemon/console.h"

#include <errno.h>
#include <event2/listener.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "control/pickle.h"
#include "daemon/child.h"

enum {
	CLIENTS_MAX = 256,
	INPUT_MAX = 16 * 1024 * 1024, /* a client's `reload` carries the whole configuration */
	QUESTION_PART = 100 * 1024,   /* of the words, in one message to the engine */
	BY_HAND_PART = 4096,          /* addresses in one message to the warden */
	ENGINE_WAIT_SECONDS = 10,     /* how long a question waits for an engine that restarts */
};

struct console;

struct client {
	struct client *next;
	struct console *c;
	int fd;
	bool root, closing;
	uint32_t asked; /* number of the question on its way, 0: none */
	bool to_engine;
	size_t searched; /* bytes of `in` that hold no end of a frame */
	struct buf in, out, answer;
	struct buf question; /* kept until it is answered: a new engine is asked again */
	struct event *readable, *writable, *timeout;
};

struct console {
	struct child child;
	struct channel *engine;
	struct evconnlistener *listener;
	struct client *clients;
	unsigned n_clients;
	uint32_t last_question;
};

/* ---------------------------------------------------------------- clients */

static void client_free(struct client *cl)
{
	struct client **at = &cl->c->clients;

	while (*at != cl)
		at = &(*at)->next;
	*at = cl->next;
	cl->c->n_clients--;
	event_free(cl->readable);
	event_free(cl->writable);
	event_free(cl->timeout);
	buf_free(&cl->in);
	buf_free(&cl->out);
	buf_free(&cl->answer);
	buf_free(&cl->question);
	close(cl->fd);
	free(cl);
}

/* False: the client is gone. */
static bool client_flush(struct client *cl)
{
	while (cl->out.n) {
		ssize_t n = send(cl->fd, cl->out.p, cl->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			event_add(cl->writable, NULL);
			return true;
		}
		if (n <= 0) {
			client_free(cl);
			return false;
		}
		buf_shift(&cl->out, (size_t)n);
	}
	event_del(cl->writable);
	if (cl->closing) {
		client_free(cl);
		return false;
	}
	return true;
}

/* An answer that is made here. */
static bool client_answer(struct client *cl, const struct value *v)
{
	pickle_write_answer(&cl->out, v);
	return client_flush(cl);
}

static struct client *find_asked(struct console *c, uint32_t id, bool to_engine)
{
	for (struct client *cl = c->clients; cl; cl = cl->next)
		if (cl->asked == id && cl->to_engine == to_engine)
			return cl;
	return NULL;
}

/* ---------------------------------------------------------------- questions */

static void ask_engine(struct client *cl)
{
	static const struct timeval wait = { .tv_sec = ENGINE_WAIT_SECONDS };

	str rest = buf_str(&cl->question);

	buf_clear(&cl->answer);
	evtimer_add(cl->timeout, &wait);
	while (cl->c->engine && rest.n) {
		struct buf part = { 0 };
		str piece = str_head(rest, QUESTION_PART);

		rest = str_from(rest, piece.n);
		pack_u32(&part, cl->asked);
		pack_u8(&part, cl->root);
		pack_u8(&part, rest.n > 0);
		buf_add_str(&part, piece);
		channel_send(cl->c->engine, MSG_COMMAND, &part, -1);
		buf_free(&part);
	}
}

static void to_engine(struct client *cl)
{
	cl->asked = ++cl->c->last_question;
	cl->to_engine = true;
	ask_engine(cl);
}

static void to_warden(struct client *cl, enum request request, str text)
{
	struct buf b = { 0 };

	cl->asked = ++cl->c->last_question;
	cl->to_engine = false;
	pack_u32(&b, cl->asked);
	pack_u8(&b, (uint8_t)request);
	pack_str(&b, str_head(text, 4000));
	channel_send(cl->c->child.warden, MSG_REQUEST, &b, -1);
	buf_free(&b);
}

static str word(const struct value *words, size_t i)
{
	return i < words->n && words->items[i]->type == VALUE_STR ? words->items[i]->s : STR("");
}

/* The addresses from the word `at` on, as many as go into one message; returns the next word. */
static size_t announce_part(struct client *cl, const struct value *words, size_t at)
{
	struct buf b = { 0 }, ips = { 0 };
	uint32_t n = 0;

	for (; at < words->n && n < BY_HAND_PART; at++) {
		struct ip ip;

		if (ip_parse(word(words, at), &ip) < 0)
			continue;
		pack_ip(&ips, &ip);
		n++;
	}
	pack_str(&b, str_head(word(words, 1), 256));
	pack_u32(&b, n);
	buf_add_str(&b, buf_str(&ips));
	channel_send(cl->c->child.warden, MSG_BY_HAND, &b, -1);
	buf_free(&b);
	buf_free(&ips);
	return at;
}

/* Before the engine orders it: the warden hears from us what root bans by hand. */
static void announce_by_hand(struct client *cl, const struct value *words)
{
	for (size_t at = 3; at < words->n;)
		at = announce_part(cl, words, at);
}

/* Tells the warden how long root now lets a jail ban; the engine answers the client. */
static void announce_bantime(struct client *cl, const struct value *words)
{
	struct buf text = { 0 }, b = { 0 };

	buf_add_str(&text, str_head(word(words, 3), 64));
	buf_add_char(&text, ' ');
	buf_add_str(&text, str_head(word(words, 1), 256));
	pack_u32(&b, 0);
	pack_u8(&b, REQUEST_BANTIME);
	pack_str(&b, buf_str(&text));
	channel_send(cl->c->child.warden, MSG_REQUEST, &b, -1);
	buf_free(&b);
	buf_free(&text);
}

/* ["reload", JAIL, ["--unban", ...], STREAM] */
static bool asks_unban(const struct value *words)
{
	const struct value *flags = words->n > 2 ? words->items[2] : NULL;

	if (!str_is(word(words, 0), "reload"))
		return false;
	for (size_t i = 0; flags && flags->type == VALUE_LIST && i < flags->n; i++)
		if (flags->items[i]->type == VALUE_STR && str_is(flags->items[i]->s, "--unban"))
			return true;
	return false;
}

/* Words that the warden answers. False: they are not such. */
static bool for_warden(struct client *cl, const struct value *words)
{
	str first = word(words, 0);
	struct buf text = { 0 };

	if (str_is(first, "stop") && words->n == 1) {
		to_warden(cl, REQUEST_STOP, STR(""));
	} else if (str_is(first, "reload") || str_is(first, "restart")) {
		/* of a client's stream only this much is used: the files are what counts */
		buf_add_str(&text, str_head(word(words, 1), 256));
		to_warden(cl, REQUEST_RELOAD, buf_str(&text));
	} else if (str_is(first, "flushlogs")) {
		to_warden(cl, REQUEST_FLUSHLOGS, STR(""));
	} else if (str_is(first, "set") && str_is(word(words, 1), "loglevel")) {
		to_warden(cl, REQUEST_LOGLEVEL, word(words, 2));
	} else {
		return false;
	}
	buf_free(&text);
	return true;
}

/* One frame. False: the client is gone. */
static bool on_frame(struct client *cl, str frame)
{
	struct arena *a = arena_new();
	struct value *words = NULL;
	struct err err = { 0 };
	bool alive = true;

	if (str_is(frame, PICKLE_CLOSE)) {
		cl->closing = true;
		alive = client_flush(cl);
	} else if (pickle_read(frame, a, &words, &err) < 0) {
		/* as Fail2ban: text, not the usual pair */
		pickle_write(&cl->out, value_printf(a, "ERROR: %s", err.text));
		buf_add_z(&cl->out, PICKLE_END);
		alive = client_flush(cl);
	} else if ((words->type != VALUE_LIST && words->type != VALUE_TUPLE) || words->n == 0) {
		alive = client_answer(cl, value_error(a, "Exception", STR("Invalid command")));
	} else if (asks_unban(words)) {
		alive = client_answer(cl, value_error(a, "ValueError",
						      STR("reload --unban is not done: use "
							  "unban --all, then reload")));
	} else if (!cl->root || !for_warden(cl, words)) {
		buf_clear(&cl->question);
		pickle_write(&cl->question, words);
		if (cl->question.n > COMMAND_MAX) {
			alive = client_answer(
				cl, value_error(a, "Exception", STR("the command is too long")));
		} else {
			bool set = str_is(word(words, 0), "set");

			if (cl->root && set && str_is(word(words, 2), "banip"))
				announce_by_hand(cl, words);
			if (cl->root && set && str_is(word(words, 2), "bantime"))
				announce_bantime(cl, words);
			to_engine(cl);
		}
	}
	arena_free(a);
	return alive;
}

/* Frames that have come, one at a time: the next waits for the answer to the one before. */
static void client_work(struct client *cl)
{
	while (!cl->asked) {
		struct buf frame = { 0 };
		str found;
		bool alive;

		if (!pickle_frame(buf_str(&cl->in), &cl->searched, &found))
			return;
		buf_add_str(&frame, found);
		buf_shift(&cl->in, found.n + strlen(PICKLE_END));
		alive = on_frame(cl, buf_str(&frame));
		buf_free(&frame);
		if (!alive)
			return;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct client *cl = arg;
	ssize_t n;

	(void)what;
	n = recv(fd, buf_reserve(&cl->in, 65536), 65536, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || cl->in.n + (size_t)n > INPUT_MAX) {
		client_free(cl);
		return;
	}
	cl->in.n += (size_t)n;
	client_work(cl);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	client_flush(arg);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct client *cl = arg;
	struct arena *a = arena_new();

	(void)fd;
	(void)what;
	cl->asked = 0;
	if (client_answer(cl, value_error(a, "Exception", STR("the engine does not answer"))))
		client_work(cl);
	arena_free(a);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int len,
		      void *arg)
{
	struct console *c = arg;
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t n = sizeof peer;
	struct client *cl;

	(void)l;
	(void)sa;
	(void)len;
	if (c->n_clients >= CLIENTS_MAX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0) {
		close(fd);
		return;
	}
	cl = xcalloc(1, sizeof *cl);
	cl->c = c;
	cl->fd = fd;
	cl->root = peer.uid == 0;
	cl->next = c->clients;
	c->clients = cl;
	c->n_clients++;
	cl->readable = event_new(c->child.base, fd, EV_READ | EV_PERSIST, on_readable, cl);
	cl->writable = event_new(c->child.base, fd, EV_WRITE, on_writable, cl);
	cl->timeout = evtimer_new(c->child.base, on_timeout, cl);
	event_add(cl->readable, NULL);
}

/* ---------------------------------------------------------------- answers */

static int on_reply(struct console *c, str payload)
{
	struct unpack u = { .in = payload };
	uint32_t id = unpack_u32(&u);
	bool more = unpack_u8(&u);
	struct client *cl = find_asked(c, id, true);

	if (u.bad)
		return -EBADMSG;
	if (!cl)
		return 0; /* the client has gone in the meantime */
	buf_add_str(&cl->answer, u.in);
	if (cl->answer.n > PICKLE_BYTES_MAX) {
		client_free(cl);
		return -EFBIG;
	}
	if (more)
		return 0;
	cl->asked = 0;
	evtimer_del(cl->timeout);
	buf_add_str(&cl->out, buf_str(&cl->answer));
	if (client_flush(cl))
		client_work(cl);
	return 0;
}

/* What Fail2ban answers where the warden has only said that it is done. */
static struct value *words_for(struct arena *a, bool ok, str text)
{
	if (!ok)
		return value_error(a, "Exception", text);
	return value_str(a, text);
}

static int on_answer(struct console *c, str payload)
{
	struct unpack u = { .in = payload };
	uint32_t id = unpack_u32(&u);
	bool ok = unpack_u8(&u);
	str text = unpack_str(&u, 4096);
	struct client *cl = find_asked(c, id, false);
	struct arena *a;

	if (!unpack_done(&u))
		return -EBADMSG;
	if (!cl || id == 0)
		return 0;
	a = arena_new();
	cl->asked = 0;
	if (client_answer(cl, words_for(a, ok, text)))
		client_work(cl);
	arena_free(a);
	return 0;
}

static int on_engine(void *arg, struct channel *ch, enum message_type type, str payload, int fd)
{
	(void)ch;
	if (fd >= 0)
		close(fd);
	return type == MSG_REPLY ? on_reply(arg, payload) : -EPROTO;
}

static void on_engine_closed(void *arg, struct channel *ch)
{
	struct console *c = arg;

	if (c->engine == ch)
		c->engine = NULL; /* questions wait for the next one, or time out */
	channel_free(ch);
}

static void new_engine(struct console *c, int fd)
{
	channel_free(c->engine);
	c->engine = child_peer(&c->child, fd, ROLE_ENGINE, on_engine, on_engine_closed);
	for (struct client *cl = c->clients; cl; cl = cl->next)
		if (cl->asked && cl->to_engine)
			ask_engine(cl);
}

static void listen_at(struct console *c, int fd)
{
	if (c->listener)
		evconnlistener_free(c->listener);
	c->listener = evconnlistener_new(c->child.base, on_accept, c,
					 LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!c->listener)
		close(fd);
}

static int on_message(void *arg, enum message_type type, str payload, int fd)
{
	struct console *c = arg;

	if (type == MSG_LISTEN_FD) {
		listen_at(c, fd);
		return 0;
	}
	if (type == MSG_PEER_FD && payload.p[0] == ROLE_ENGINE) {
		new_engine(c, fd);
		return 0;
	}
	if (fd >= 0)
		close(fd);
	if (type == MSG_ANSWER)
		return on_answer(c, payload);
	if (type != MSG_STOP)
		return -EPROTO;
	child_stop(&c->child, -1);
	return 0;
}

int console_main(const struct guard_options *options)
{
	static const unsigned char no_digest[32];
	struct console c = { 0 };

	child_init(&c.child, ROLE_CONSOLE, options);
	c.child.arg = &c;
	c.child.message = on_message;
	if (child_enter(&c.child, NULL, no_digest) < 0)
		return 1;
	return child_run(&c.child);
}
