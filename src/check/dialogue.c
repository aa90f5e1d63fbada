/*
 * One SMTP connection; see dialogue.h.  The server is hostile.
 */
#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>

#include <openssl/err.h>
#include <stdio.h>

#include "base/clock.h"
#include "check/dialogue_state.h"
#include "check/tcp.h"

enum { TEXT_SHOWN_MAX = 2000 }; /* bytes of a reply that are kept as evidence */

struct dialogue {
	struct engine *e;
	int fd;
	struct bufferevent *bev;
	bool tls_up, tls_wanted;
	bool secretive; /* the reply that is awaited may hold the password */
	enum gone gone;
	struct ip to, local;
	uint16_t port;
	double connect_seconds;
	const char *tls_error;
	struct answer answer;
	struct exchange *first, **last;
	size_t spoken;
	const char *said; /* waits for its reply */
};

const char *gone_name(enum gone g)
{
	static const char *const names[] = {
		[HERE] = "open",
		[GONE_REFUSED] = "refused",
		[GONE_UNREACHABLE] = "unreachable",
		[GONE_NO_ROUTE] = "no route",
		[GONE_TIMEOUT] = "timed out",
		[GONE_CLOSED] = "closed",
		[GONE_RESET] = "reset",
		[GONE_SILENT] = "silent",
		[GONE_TLS] = "TLS failed",
		[GONE_MALFORMED] = "not SMTP",
		[GONE_LOCAL] = "not possible from here",
		[GONE_LATE] = "time is up",
		[GONE_UNTRIED] = "not tried",
	};
	return names[g];
}

/* ---------------------------------------------------------------- evidence */

/* Both texts are clean already. */
static void note(struct dialogue *d, const char *c, const char *s)
{
	struct exchange *x = arena_alloc(d->e->arena, sizeof *x);

	x->c = c;
	x->s = s;
	*d->last = x;
	d->last = &x->next;
	d->spoken++;
}

bool dialogue_has_said(const struct dialogue *d, const char *prefix)
{
	for (const struct exchange *x = d->first; x; x = x->next)
		if (x->c && strncmp(x->c, prefix, strlen(prefix)) == 0)
			return true;
	return false;
}

size_t dialogue_spoken(const struct dialogue *d)
{
	return d->spoken;
}

struct exchange *dialogue_since(const struct dialogue *d, size_t spoken)
{
	struct exchange *first = NULL, **last = &first;
	size_t n = 0;

	for (const struct exchange *x = d->first; x; x = x->next) {
		if (n++ < spoken)
			continue;
		*last = arena_alloc(d->e->arena, sizeof **last);
		(*last)->c = x->c;
		(*last)->s = x->s;
		last = &(*last)->next;
	}
	return first;
}

/* The reply, or its absence, to what was said last. */
static void note_answer(struct dialogue *d, const char *text)
{
	note(d, d->said, text);
	d->said = NULL;
}

void dialogue_note(struct dialogue *d, const char *c, const char *s)
{
	s = engine_text(d->e, str_of(s));
	if (c)
		d->said = engine_text(d->e, str_of(c));
	note_answer(d, s);
}

/* ---------------------------------------------------------------- connecting */

static enum gone gone_of_errno(int code)
{
	switch (code) {
	case ECONNREFUSED:
		return GONE_REFUSED;
	case ENETUNREACH:
		return GONE_NO_ROUTE;
	case EHOSTUNREACH:
	case EACCES:
	case EPERM:
		return GONE_UNREACHABLE;
	case ETIMEDOUT:
		return GONE_TIMEOUT;
	case ECONNRESET:
	case EPIPE:
		return GONE_RESET;
	default:
		return GONE_LOCAL;
	}
}

static void on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	(void)arg; /* it only wakes the loop; the input is looked at there */
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct dialogue *d = arg;

	if (what & BEV_EVENT_CONNECTED) {
		d->tls_up = true;
		return;
	}
	if (d->tls_wanted && !d->tls_up) {
		unsigned long code = bufferevent_get_openssl_error(bev);

		d->gone = GONE_TLS;
		if (code)
			d->tls_error = ERR_reason_error_string(code);
		else if (what & BEV_EVENT_ERROR && errno == ECONNRESET)
			d->tls_error = "connection reset";
		else
			d->tls_error = "connection closed";
		return;
	}
	if (what & BEV_EVENT_EOF)
		d->gone = GONE_CLOSED;
	else if (what & BEV_EVENT_ERROR)
		d->gone = errno == ECONNRESET || errno == EPIPE ? GONE_RESET : GONE_CLOSED;
}

static void set_bufferevent(struct dialogue *d, struct bufferevent *bev)
{
	d->bev = bev;
	bufferevent_setcb(bev, on_read, on_read, on_event, d);
	/* enough for one reply that is too long; more is not read */
	bufferevent_setwatermark(bev, EV_READ, 0, 2 * REPLY_BYTES_MAX);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

struct dialogue *dialogue_open(struct engine *e, const struct ip *to, uint16_t port,
			       const struct ip *from, double wait)
{
	struct dialogue *d = xcalloc(1, sizeof *d);
	struct sockaddr_storage local = { 0 };
	socklen_t n = sizeof local;
	int64_t began;
	int code;

	*d = (struct dialogue){ .e = e, .fd = -1, .to = *to, .port = port, .last = &d->first };
	if (engine_late(e)) {
		d->gone = GONE_LATE;
		return d;
	}
	engine_pace(e);
	began = clock_ticks_ms();
	code = tcp_connect(e, to, port, from, wait, &d->fd);
	d->connect_seconds = (double)(clock_ticks_ms() - began) / 1000;
	if (code < 0) {
		d->gone = gone_of_errno(-code);
		return d;
	}
	if (getsockname(d->fd, (struct sockaddr *)&local, &n) == 0)
		d->local = ip_from_sockaddr((const struct sockaddr *)&local);
	set_bufferevent(d, bufferevent_socket_new(e->base, d->fd, 0));
	return d;
}

enum gone dialogue_gone(const struct dialogue *d)
{
	return d->gone;
}

struct ip dialogue_local(const struct dialogue *d)
{
	return d->local;
}

double dialogue_connect_seconds(const struct dialogue *d)
{
	return d->connect_seconds;
}

/* ---------------------------------------------------------------- listening */

str dialogue_raw(struct dialogue *d)
{
	struct evbuffer *in = d->bev ? bufferevent_get_input(d->bev) : NULL;
	size_t n = in ? evbuffer_get_length(in) : 0;

	return str_mem(n ? evbuffer_pullup(in, -1) : NULL, n);
}

static bool reply_is_here(void *arg)
{
	struct dialogue *d = arg;

	return reply_parse(dialogue_raw(d)).kind != REPLY_MORE || d->gone != HERE;
}

static enum answer_kind kind_of_code(int code)
{
	if (code == 421)
		return ANSWER_CLOSING;
	switch (code / 100) {
	case 2:
		return ANSWER_YES;
	case 3:
		return ANSWER_MORE;
	case 4:
		return ANSWER_LATER;
	default:
		return ANSWER_NO;
	}
}

static const char *malformed_name(enum reply_kind kind)
{
	switch (kind) {
	case REPLY_MIXED:
		return "codes that differ within one reply";
	case REPLY_BARE:
		return "a line end that is not CR LF";
	case REPLY_LONG:
		return "a reply that does not end";
	case REPLY_MORE:
	case REPLY_COMPLETE:
	case REPLY_FOREIGN:
		break;
	}
	return "text that is no SMTP reply";
}

static const struct answer *no_answer(struct dialogue *d, enum gone gone)
{
	struct buf text _buf_free_ = { 0 };

	d->gone = gone;
	d->answer = (struct answer){
		.kind = ANSWER_NONE, .text = "", .gone = gone, .detail = gone_name(gone)
	};
	buf_printf(&text, "(%s)", gone_name(gone));
	note_answer(d, arena_str(d->e->arena, buf_str(&text)).p);
	return &d->answer;
}

/* Clean first, then cut: a secret that lay across the cut would not be known any more. */
static const char *shown_text(struct engine *e, str text)
{
	const char *clean = engine_text(e, text);

	return arena_str(e->arena, str_head(str_of(clean), TEXT_SHOWN_MAX)).p;
}

static const char *codes_only(const struct dialogue *d, const struct reply *r)
{
	return arena_printf(d->e->arena, "%d %d.%d.%d (the text is not shown)", r->code,
			    r->enhanced[0], r->enhanced[1], r->enhanced[2])
		.p;
}

static const struct answer *take_reply(struct dialogue *d, struct reply r, double seconds)
{
	struct answer *a = &d->answer;
	struct evbuffer *in = bufferevent_get_input(d->bev);

	r.text = arena_str(d->e->arena, r.text);
	evbuffer_drain(in, r.bytes);
	*a = (struct answer){ .reply = r, .code = r.code, .seconds = seconds };
	memcpy(a->enhanced, r.enhanced, sizeof a->enhanced);
	a->text = d->secretive ? codes_only(d, &r) : shown_text(d->e, r.text);
	note_answer(d, a->text);
	if (r.kind == REPLY_COMPLETE) {
		a->kind = kind_of_code(r.code);
		return a;
	}
	a->kind = ANSWER_MALFORMED;
	a->detail = malformed_name(r.kind);
	a->gone = d->gone = GONE_MALFORMED;
	return a;
}

const struct answer *dialogue_listen(struct dialogue *d, double wait, const char *what)
{
	struct buf reason _buf_free_ = { 0 };
	int64_t began = clock_ticks_ms();
	struct reply r;

	if (d->gone != HERE && (!d->bev || evbuffer_get_length(bufferevent_get_input(d->bev)) == 0))
		return no_answer(d, d->gone);
	buf_printf(&reason, "%s of ", what);
	ip_add(&reason, &d->to);
	buf_printf(&reason, " port %u", d->port);
	(void)engine_wait(d->e, &(struct waiting){ .reason = buf_z(&reason),
						   .limit = engine_wait_cap(d->e, wait),
						   .done = reply_is_here,
						   .arg = d });
	r = reply_parse(dialogue_raw(d));
	if (r.kind == REPLY_MORE)
		return no_answer(d, d->gone != HERE     ? d->gone
				    : engine_late(d->e) ? GONE_LATE
							: GONE_SILENT);
	return take_reply(d, r, (double)(clock_ticks_ms() - began) / 1000);
}

/* ---------------------------------------------------------------- speaking */

void dialogue_tell(struct dialogue *d, const char *line, const char *shown)
{
	assert(strpbrk(line, "\r\n") == NULL);
	d->said = engine_text(d->e, str_of(shown));
	if (d->gone != HERE)
		return;
	bufferevent_write(d->bev, line, strlen(line));
	bufferevent_write(d->bev, "\r\n", 2);
}

const struct answer *dialogue_say_as(struct dialogue *d, const char *line, const char *shown,
				     double wait)
{
	/* A reply that nobody asked for: every later one would be taken for another's. */
	engine_look(d->e);
	if (dialogue_raw(d).n > 0) {
		const struct answer *a = dialogue_listen(d, wait, "the rest of a reply");

		if (a->kind != ANSWER_CLOSING && a->kind != ANSWER_NONE) {
			d->answer.kind = ANSWER_MALFORMED;
			d->answer.code = 0;
			memset(d->answer.enhanced, 0, sizeof d->answer.enhanced);
			d->answer.detail = "a reply that nobody asked for";
			d->answer.gone = d->gone = GONE_MALFORMED;
		}
		return &d->answer;
	}
	dialogue_tell(d, line, shown);
	return dialogue_listen(d, wait, "the reply");
}

const struct answer *dialogue_say(struct dialogue *d, const char *line, double wait)
{
	return dialogue_say_as(d, line, line, wait);
}

const struct answer *dialogue_say_secret(struct dialogue *d, const char *line, const char *shown,
					 double wait)
{
	const struct answer *a;

	d->secretive = true;
	a = dialogue_say_as(d, line, shown, wait);
	d->secretive = false;
	return a;
}

/* ---------------------------------------------------------------- TLS */

static bool tls_is_decided(void *arg)
{
	const struct dialogue *d = arg;

	return d->tls_up || d->gone != HERE;
}

bool dialogue_tls(struct dialogue *d)
{
	struct engine *e = d->e;
	SSL *ssl;

	if (d->gone != HERE)
		return false;
	if (dialogue_raw(d).n > 0) {
		/* said in clear after it had agreed to TLS: not TLS, whatever it is */
		d->gone = GONE_TLS;
		d->tls_error = "clear text where TLS should begin";
		dialogue_note(d, "(TLS handshake)", d->tls_error);
		return false;
	}
	ssl = SSL_new(e->tls);
	if (e->options.server_name)
		SSL_set_tlsext_host_name(ssl, e->options.server_name);
	bufferevent_free(
		d->bev); /* without CLOSE_ON_FREE the descriptor, and below the SSL, are ours */
	d->tls_wanted = true;
	set_bufferevent(d, bufferevent_openssl_socket_new(e->base, d->fd, ssl,
							  BUFFEREVENT_SSL_CONNECTING, 0));
	bufferevent_openssl_set_allow_dirty_shutdown(d->bev, 1);
	if (!engine_wait(e, &(struct waiting){ .reason = "the TLS handshake",
					       .limit = engine_wait_cap(e, WAIT_TLS),
					       .done = tls_is_decided,
					       .arg = d }))
		d->gone = engine_late(e) ? GONE_LATE : GONE_SILENT;
	if (!d->tls_up) { /* up and closed at once is up: what came is read yet */
		dialogue_note(d, "(TLS handshake)",
			      d->tls_error ? d->tls_error : gone_name(d->gone));
		return false;
	}
	dialogue_note(d, "(TLS handshake)", SSL_get_version(ssl));
	return true;
}

bool dialogue_is_tls(const struct dialogue *d)
{
	return d->tls_up;
}

SSL *dialogue_ssl(const struct dialogue *d)
{
	return d->tls_wanted ? bufferevent_openssl_get_ssl(d->bev) : NULL;
}

const char *dialogue_tls_error(const struct dialogue *d)
{
	return d->tls_error ? d->tls_error : gone_name(d->gone);
}

/* ---------------------------------------------------------------- raw bytes */

void dialogue_send_raw(struct dialogue *d, str bytes, const char *shown)
{
	d->said = engine_text(d->e, str_of(shown));
	if (d->gone == HERE)
		bufferevent_write(d->bev, bytes.p, bytes.n);
}

struct raw_wait {
	struct dialogue *d;
	size_t have;
};

static bool raw_has_come(void *arg)
{
	const struct raw_wait *w = arg;

	return dialogue_raw(w->d).n > w->have || w->d->gone != HERE;
}

bool dialogue_await_raw(struct dialogue *d, size_t have, double wait)
{
	struct raw_wait w = { .d = d, .have = have };

	(void)engine_wait(d->e, &(struct waiting){ .reason = "the server's first bytes",
						   .limit = engine_wait_cap(d->e, wait),
						   .done = raw_has_come,
						   .arg = &w });
	return dialogue_raw(d).n > have;
}

/* ---------------------------------------------------------------- the end */

static bool all_is_sent(void *arg)
{
	const struct dialogue *d = arg;

	return d->gone != HERE || evbuffer_get_length(bufferevent_get_output(d->bev)) == 0;
}

void dialogue_close(struct dialogue *d, enum close_how how)
{
	SSL *ssl;

	if (!d)
		return;
	if (d->bev && d->gone == HERE && how == CLOSE_QUIT)
		(void)dialogue_say(d, "QUIT", WAIT_GOODBYE);
	else if (d->bev && d->gone == HERE)
		(void)engine_wait(d->e, &(struct waiting){ .reason = "the last bytes to leave",
							   .limit = WAIT_GOODBYE,
							   .done = all_is_sent,
							   .arg = d });
	if (d->said)
		note_answer(d, "(not awaited)");
	ssl = dialogue_ssl(d);
	if (d->bev)
		bufferevent_free(d->bev);
	if (how == CLOSE_QUIT && d->tls_up)
		(void)SSL_shutdown(ssl);
	SSL_free(ssl);
	ERR_clear_error();
	if (how == CLOSE_RESET)
		(void)setsockopt(d->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
				 sizeof(struct linger));
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}
