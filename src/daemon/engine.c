/*
 * The engine's life and its loop; see engine.h.  Every byte of every log goes through here, so
 * nothing here has a right that an attacker could want.
 */
#include "daemon/engine.h"

#include <endian.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>

#define BACKLOG_MAX (16u * 1024u * 1024u) /* bytes of orders on their way */
#define RESOLVE_AGAIN_SECONDS 300.0       /* names in ignoreip may move */

void engine_log(struct engine *e, enum log_level level, const char *logger, const char *fmt, ...)
{
	struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	log_line(&e->child.log, level, logger, "%s", buf_z(&text));
	buf_free(&text);
}

static void end_orders(struct engine *e, unsigned jail, enum message_type type)
{
	struct running *r = &e->jails[jail];
	struct buf *b = type == MSG_BAN_ADD ? &r->add : &r->del;
	uint32_t *n = type == MSG_BAN_ADD ? &r->n_add : &r->n_del;
	uint32_t count = htole32(*n);

	if (*n == 0)
		return;
	memcpy(b->p + 37, &count, sizeof count); /* behind jail, flags and four counters */
	channel_send(e->child.warden, type, b, -1);
	buf_clear(b);
	*n = 0;
}

void engine_end_turn(struct engine *e)
{
	for (unsigned j = 0; j < e->config->n_jails; j++) {
		end_orders(e, j, MSG_BAN_ADD);
		end_orders(e, j, MSG_BAN_DEL);
	}
	log_flush(&e->child.log);
}

static void begin_orders(struct engine *e, unsigned jail, struct buf *b, unsigned flags)
{
	const struct jail *j = e->jails[jail].jail;

	pack_u32(b, jail);
	pack_u8(b, (uint8_t)flags);
	pack_u64(b, bans_count(j->bans));
	pack_u64(b, bans_total(j->bans));
	pack_u64(b, failures_count(j->failures));
	pack_u64(b, failures_total(j->failures));
	pack_u32(b, 0); /* the number of tickets, known at the end */
}

void engine_order(struct engine *e, unsigned jail, enum message_type type, unsigned flags,
		  const struct ticket *t)
{
	struct running *r = &e->jails[jail];
	struct buf *b = type == MSG_BAN_ADD ? &r->add : &r->del;
	uint32_t *n = type == MSG_BAN_ADD ? &r->n_add : &r->n_del;
	struct buf packed = { 0 };

	ticket_pack(t, &packed);
	/* one message has one set of flags and a maximum; orders stay in their order */
	if (*n && ((uint8_t)b->p[4] != flags || *n == MESSAGE_TICKETS_MAX ||
		   b->n + packed.n > MESSAGE_PAYLOAD_MAX))
		end_orders(e, jail, type);
	if (type == MSG_BAN_ADD && r->n_del)
		end_orders(e, jail, MSG_BAN_DEL);
	if (type == MSG_BAN_DEL && r->n_add)
		end_orders(e, jail, MSG_BAN_ADD);
	if (*n == 0)
		begin_orders(e, jail, b, flags);
	buf_add_str(b, buf_str(&packed));
	++*n;
	buf_free(&packed);
}

void engine_relieve(struct engine *e)
{
	if (channel_backlog(e->child.warden) > BACKLOG_MAX)
		channel_flush(e->child.warden);
}

/* ---------------------------------------------------------------- messages of the warden */

static int on_self(struct engine *e, str payload)
{
	struct unpack u = { .in = payload };
	uint32_t n = unpack_u32(&u);

	if (u.bad || n > ENGINE_SELF_MAX)
		return -EBADMSG;
	e->n_self = 0;
	for (uint32_t i = 0; i < n; i++)
		e->self[e->n_self++] = unpack_ip(&u);
	e->events.self = e->self;
	e->events.n_self = e->n_self;
	return unpack_done(&u) ? 0 : -EBADMSG;
}

static void on_peer_closed(void *arg, struct channel *ch)
{
	struct engine *e = arg;

	if (e->console == ch)
		e->console = NULL;
	else if (e->herald == ch)
		e->herald = NULL;
	channel_free(ch);
}

static int on_peer(struct engine *e, str payload, int fd)
{
	struct unpack u = { .in = payload };
	enum role role = (enum role)unpack_u8(&u);
	struct channel **at = role == ROLE_CONSOLE  ? &e->console
			      : role == ROLE_HERALD ? &e->herald
						    : NULL;

	if (!at) {
		close(fd);
		return -EBADMSG;
	}
	channel_free(*at);
	if (role == ROLE_CONSOLE)
		buf_free(&e->command);
	*at = child_peer(&e->child, fd, role, engine_peer_message, on_peer_closed);
	if (role == ROLE_HERALD && e->began)
		engine_ask_again(e);
	return 0;
}

static bool wants_increment(const struct config_jail *conf)
{
	const struct value *v = value_get(conf->bantime_extra, STR("increment"));

	return v && v->type == VALUE_BOOL && v->b;
}

static void log_jails(struct engine *e)
{
	for (unsigned i = 0; i < e->config->n_jails; i++) {
		const struct config_jail *conf = e->config->jails[i];

		if (!e->jails[i].jail) {
			engine_log(e, LEVEL_ERROR, "server",
				   "Jail '%.*s' skipped, because of wrong configuration: %s",
				   STR_ARG(conf->name), e->jails[i].fault.text);
			continue;
		}
		engine_log(e, LEVEL_INFO, "jail", "Jail '%.*s' started", STR_ARG(conf->name));
		if (wants_increment(conf))
			engine_log(
				e, LEVEL_WARNING, "jail",
				"[%.*s] bantime.increment is not applied: every ban lasts %lld s",
				STR_ARG(conf->name), (long long)conf->bantime);
	}
}

static int on_begin(struct engine *e, str payload, int fd)
{
	struct unpack u = { .in = payload };
	unsigned flags = unpack_u8(&u);

	e->turn_now = clock_now();
	log_jails(e);
	engine_state_open(e, fd, flags & ENGINE_RELOADED);
	e->began = true;
	engine_resolve_ignored(e);
	engine_end_turn(e);
	return 0;
}

static void stop(struct engine *e, bool final)
{
	int fd;

	e->turn_now = clock_now();
	engine_settle_waiting(e);
	if (final)
		engine_repeal_all(e);
	engine_end_turn(e);
	fd = engine_state_close(e, final);
	child_stop(&e->child, fd);
}

static int on_message(void *arg, enum message_type type, str payload, int fd)
{
	struct engine *e = arg;

	if (type == MSG_LOG_FD)
		return engine_log_fd(e, payload, fd);
	if (type == MSG_WATCH_FD)
		return engine_watch_fd(e, fd);
	if (type == MSG_PEER_FD)
		return on_peer(e, payload, fd);
	if (type == MSG_BEGIN)
		return on_begin(e, payload, fd);
	if (fd >= 0)
		close(fd);
	if (type == MSG_SELF)
		return on_self(e, payload);
	if (type == MSG_SCANNED) {
		e->scanned = true;
		engine_wake(e);
		return 0;
	}
	if (type == MSG_SAY_BANS) {
		engine_say_bans(e);
		return 0;
	}
	if (type == MSG_IGNORE_DONE)
		return engine_ignore_done(e, payload);
	if (type == MSG_BAN_DONE)
		return 0; /* the warden has logged it; the ban stays, as Fail2ban's does */
	if (type == MSG_STOP) {
		stop(e, payload.n == 1 && payload.p[0]);
		return 0;
	}
	return -EPROTO;
}

/* ---------------------------------------------------------------- start */

/* Ends what is due, about once a second. */
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;

	(void)fd;
	(void)what;
	e->turn_now = clock_now();
	for (unsigned j = 0; j < e->config->n_jails; j++)
		if (e->jails[j].jail) {
			jail_expire(e->jails[j].jail, e->turn_now, &e->events);
			if (ignore_refresh(e->jails[j].jail->ignore, e->turn_now))
				engine_resolve_ignored(e);
		}
	engine_forget_gone(e);
	if (e->turn_now - e->resolved_at > RESOLVE_AGAIN_SECONDS)
		engine_resolve_ignored(e);
	engine_end_turn(e);
}

/* The directory that the database lies in: the one place the engine may write to. */
static char *state_directory(const struct config *c)
{
	_free_ char *path = NULL;

	if (str_is(c->dbfile, "None"))
		return NULL;
	path = str_dup(c->dbfile);
	return xstrdup(dirname(path));
}

int engine_main(const struct guard_options *options)
{
	static const struct timeval second = { .tv_sec = 1 };
	struct engine e = { .options = *options, .inotify = -1 };
	struct err err = { 0 };
	struct buf text = { 0 };
	_free_ char *dir = NULL;
	int status;

	e.last_write = &e.writes;
	child_init(&e.child, ROLE_ENGINE, options);
	e.child.arg = &e;
	e.child.message = on_message;
	if (guard_options_config(options, &e.config, &err) < 0) {
		err_print(&err, &text);
		fprintf(stderr, "lastknock: engine: %s\n", buf_z(&text));
		return 1;
	}
	engine_jails_init(&e);
	e.tick = event_new(e.child.base, -1, EV_PERSIST, on_tick, &e);
	event_add(e.tick, &second);
	dir = state_directory(e.config);
	if (child_enter(&e.child, dir, e.config->digest) < 0)
		return 1;
	status = child_run(&e.child);
	engine_sources_free(&e);
	engine_jails_free(&e);
	config_free(e.config);
	return status;
}
