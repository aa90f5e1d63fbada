/*
 * Messages of the other processes, each checked again by meaning before it is carried out; the
 * channel has checked form, sender and size.  A result below 0 is logged as a refusal.  Nothing
 * in here believes an index, a length or an order of events.  See warden.h.
 */
#include "daemon/warden.h"

#include <errno.h>

#define JOBS_MAX 20000 /* commands waiting, beyond which no ignorecommand is run */

static int request_bantime(struct warden *w, str text, struct err *err)
{
	const struct config_jail *jail;
	int64_t seconds, *longest;
	str word;

	if (!str_word(&text, &word) || str_to_i64(word, -1, INT64_MAX / 2000, &seconds) < 0)
		return err_set(err, -EINVAL, "no ban time in '%.*s'", STR_ARG(text));
	jail = config_find_jail(w->config, str_trim(text));
	if (!jail)
		return err_set(err, -ENOENT, "no such jail");
	longest = &w->enforced[jail->index].longest;
	if (*longest >= 0 && (seconds < 0 || seconds > *longest))
		*longest = seconds;
	return 0;
}

static int request_loglevel(struct warden *w, str text, struct err *err)
{
	if (log_level_parse(text, &w->log.level) < 0)
		return err_set(err, -EINVAL, "Invalid log level '%.*s'", STR_ARG(text));
	for (enum role r = ROLE_ENGINE; r < ROLES; r++)
		if (w->children[r].channel && w->children[r].greeted)
			warden_send_log(w, w->children[r].channel);
	return 0;
}

/* What root asked for at the socket; the console has looked at the peer's credentials. */
static int on_request(struct warden *w, str payload)
{
	struct unpack u = { .in = payload };
	uint32_t id = unpack_u32(&u);
	enum request what = (enum request)unpack_u8(&u);
	str text = unpack_str(&u, 4096);
	struct err err = { 0 };
	const char *answer = "OK";
	struct buf fault = { 0 };
	int r;

	if (!unpack_done(&u) || what >= REQUESTS)
		return -EBADMSG;
	switch (what) {
	case REQUEST_RELOAD:
		r = warden_reload(w, id, &err);
		if (r == 0)
			return 0; /* answered when it is done */
		break;
	case REQUEST_FLUSHLOGS:
		r = warden_open_log(w, &err);
		answer = w->log.form == LOG_FORM_FILE ? "rolled over" : "flushed";
		break;
	case REQUEST_LOGLEVEL:
		r = request_loglevel(w, text, &err);
		answer = log_level_name(w->log.level);
		break;
	case REQUEST_BANTIME:
		r = request_bantime(w, text, &err);
		break;
	case REQUEST_STOP:
	case REQUESTS:
	default:
		warden_answer(w, id, true, answer);
		channel_flush(w->children[ROLE_CONSOLE].channel);
		warden_stop(w);
		return 0;
	}
	err_print(&err, &fault);
	warden_answer(w, id, r == 0, r == 0 ? answer : buf_z(&fault));
	buf_free(&fault);
	return 0;
}

struct ignore_job {
	struct warden *w;
	pid_t engine; /* who asked: request numbers begin anew in each engine */
	uint32_t id;
};

static void on_ignore_done(void *arg, int status)
{
	struct ignore_job *job = arg;
	struct channel *engine = warden_engine(job->w);
	struct buf b = { 0 };

	pack_u32(&b, job->id);
	pack_u8(&b, status == 0);
	if (engine && job->w->children[ROLE_ENGINE].pid == job->engine)
		channel_send(engine, MSG_IGNORE_DONE, &b, -1);
	buf_free(&b);
	if (job->w->stopping)
		warden_stop_next(job->w);
	free(job);
}

static int on_ignore_run(struct warden *w, str payload)
{
	struct unpack u = { .in = payload };
	uint32_t id = unpack_u32(&u), jail = unpack_u32(&u);
	struct ignore_job *job;
	struct ticket *t;

	if (u.bad || jail >= w->config->n_jails)
		return -ERANGE;
	if (!w->config->jails[jail]->ignorecommand.n)
		return -EPERM;
	if (ticket_unpack(&u.in, &t) < 0)
		return -EBADMSG;
	if (!unpack_done(&u)) {
		ticket_free(t);
		return -EBADMSG;
	}
	job = xcalloc(1, sizeof *job);
	*job = (struct ignore_job){ .w = w, .engine = w->children[ROLE_ENGINE].pid, .id = id };
	if (action_jobs_pending(w->jobs) >
	    JOBS_MAX) { /* who cannot be asked about is not ignored */
		on_ignore_done(job, 255);
		ticket_free(t);
		return 0;
	}
	action_jobs_run(w->jobs, w->config->jails[jail]->name,
			w->config->jails[jail]->ignorecommand, t, w->config->jails[jail]->bantime,
			on_ignore_done, job);
	ticket_free(t);
	return 0;
}

/* May this message come at this time? */
static bool in_state(const struct warden *w, struct channel *ch, enum message_type type)
{
	const struct child_process *c = &w->children[channel_peer(ch)];

	if (type == MSG_HELLO)
		return true; /* warden_hello() looks itself */
	return c->channel == ch && c->greeted;
}

int warden_message(void *arg, struct channel *ch, enum message_type type, str payload, int fd)
{
	struct warden *w = arg;

	if (type == MSG_STOPPED) {
		warden_child_stopped(w, ch, fd);
		return 0;
	}
	if (fd >= 0)
		close(fd); /* no other message to the warden carries one */
	if (!in_state(w, ch, type))
		return -EPROTO;
	if (type == MSG_HELLO)
		return warden_hello(w, ch, payload);
	if (type == MSG_BAN_ADD || type == MSG_BAN_DEL)
		return warden_ban_order(w, type, payload);
	if (type == MSG_SCAN) {
		warden_sources_scan(w);
		return 0;
	}
	if (type == MSG_OPEN_ROTATED)
		return warden_engine(w) ? warden_sources_rotated(w, payload) : -EPROTO;
	if (type == MSG_IGNORE_RUN)
		return on_ignore_run(w, payload);
	if (type == MSG_REQUEST)
		return on_request(w, payload);
	if (type == MSG_BY_HAND)
		return warden_by_hand(w, payload);
	return -EPROTO;
}
