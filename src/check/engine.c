/*
 * The loop, the clock and the manners behind every dialogue; see dialogue.h.
 */
#include <errno.h>
#include <math.h>
#include <openssl/err.h>

#include "base/clock.h"
#include "check/dialogue_state.h"

/*
 * A server with an old protocol or a weak key must be heard before it can be judged: OpenSSL's own
 * security level would only refuse to speak with it.
 */
static SSL_CTX *make_tls(const char *ca, struct err *err)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	if (!tls || !SSL_CTX_set_cipher_list(tls, "ALL:!aNULL:!eNULL:@SECLEVEL=0") ||
	    !SSL_CTX_set_min_proto_version(tls, TLS1_VERSION)) {
		SSL_CTX_free(tls);
		err_set(err, -EIO, "OpenSSL: %s", ERR_reason_error_string(ERR_get_error()));
		return NULL;
	}
	SSL_CTX_set_options(tls, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_TICKET |
					 SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_default_verify_paths(tls);
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(tls), X509_V_FLAG_PARTIAL_CHAIN);
	if (ca && !SSL_CTX_load_verify_file(tls, ca)) {
		SSL_CTX_free(tls);
		err_set(err, -EINVAL, "%s: no certificate in PEM form", ca);
		return NULL;
	}
	ERR_clear_error();
	return tls;
}

struct engine *engine_new(struct arena *a, const struct engine_options *o, struct err *err)
{
	SSL_CTX *tls = make_tls(o->ca, err);
	struct engine *e;

	if (!tls)
		return NULL;
	e = xcalloc(1, sizeof *e);
	e->arena = a;
	e->tls = tls;
	e->options = *o;
	e->base = event_base_new();
	e->began_ms = clock_ticks_ms();
	e->last_start_ms = INT64_MIN / 2;
	if (o->time_limit > 0)
		engine_extend(e, o->time_limit);
	return e;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	event_base_free(e->base);
	SSL_CTX_free(e->tls);
	free(e);
}

unsigned engine_connections(const struct engine *e)
{
	return e->connections;
}

double engine_elapsed(const struct engine *e)
{
	return (double)(clock_ticks_ms() - e->began_ms) / 1000;
}

void engine_extend(struct engine *e, double seconds)
{
	e->end_ms = clock_ticks_ms() + (int64_t)(seconds * 1000);
}

bool engine_late(const struct engine *e)
{
	return e->end_ms && clock_ticks_ms() >= e->end_ms;
}

double engine_wait_cap(const struct engine *e, double seconds)
{
	double longest = e->options.longest_wait;

	return longest > 0 && seconds > longest ? longest : seconds;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg; /* it only wakes the loop */
}

static double tell_wait(const struct engine *e, const struct waiting *w, int64_t from, double told)
{
	double elapsed = (double)(clock_ticks_ms() - from) / 1000;

	if (elapsed < told + 1 || !e->options.hooks.waiting)
		return told;
	e->options.hooks.waiting(e->options.hooks.arg, w->reason, elapsed, w->limit);
	return floor(elapsed);
}

bool engine_wait(struct engine *e, const struct waiting *w)
{
	int64_t from = clock_ticks_ms(), until = from + (int64_t)(w->limit * 1000);
	struct event *tick = event_new(e->base, -1, EV_PERSIST, on_tick, NULL);
	double told = 0;
	bool done;

	if (e->end_ms && until > e->end_ms)
		until = e->end_ms;
	while (!(done = w->done && w->done(w->arg))) {
		int64_t left = until - clock_ticks_ms(), step = left < 200 ? left : 200;
		struct timeval tv = { .tv_usec = (suseconds_t)(step * 1000) };

		if (left <= 0)
			break;
		event_add(tick, &tv);
		event_base_loop(e->base, EVLOOP_ONCE);
		told = tell_wait(e, w, from, told);
	}
	event_free(tick);
	return done;
}

void engine_pause(struct engine *e, double seconds, const char *reason)
{
	const struct waiting w = { .reason = reason, .limit = seconds };

	if (seconds > 0)
		(void)engine_wait(e, &w);
}

void engine_look(struct engine *e)
{
	event_base_loop(e->base, EVLOOP_NONBLOCK);
}

void engine_pace(struct engine *e)
{
	int64_t since = clock_ticks_ms() - e->last_start_ms;

	if (since < PACE * 1000)
		engine_pause(e, (double)(PACE * 1000 - since) / 1000,
			     "a second between connections");
	e->last_start_ms = clock_ticks_ms();
	e->connections++;
}

const char *engine_text(struct engine *e, str s)
{
	struct buf clean _buf_free_ = { 0 }, out _buf_free_ = { 0 };
	str rest, line;

	secret_scrub(e->options.secret, &clean, s);
	rest = buf_str(&clean);
	while (str_split(&rest, '\n', &line)) {
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		if (out.n)
			buf_add_char(&out, '\n');
		buf_add_escaped(&out, line);
	}
	return arena_str(e->arena, buf_str(&out)).p;
}
