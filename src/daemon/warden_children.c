/*
 * Starting, greeting, joining and restarting engine, console and herald; reload.  A child that
 * dies is started again at once (after a moment, if it keeps dying); what it had in hand is in
 * the database, in the kernel, or open here.  See warden.h.
 */
#include "daemon/warden.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "daemon/sandbox.h"
#include "daemon/spawn.h"

#define EARLY_DEATH_MS 500
#define EARLY_DEATHS_MAX 5
#define RESTART_DELAY_MS 250

struct channel *warden_engine(struct warden *w)
{
	const struct child_process *c = &w->children[ROLE_ENGINE];

	return c->greeted && !c->stopping ? c->channel : NULL;
}

static enum role role_of(const struct warden *w, const struct channel *ch)
{
	for (enum role r = ROLE_ENGINE; r < ROLES; r++)
		if (w->children[r].channel == ch)
			return r;
	return ROLES;
}

static bool is_new_engine(const struct warden *w, const struct channel *ch)
{
	return w->reload.config && w->reload.engine.channel == ch;
}

static void on_closed(void *arg, struct channel *ch)
{
	struct warden *w = arg;
	enum role r = role_of(w, ch);
	struct child_process *c = r < ROLES ? &w->children[r] : &w->reload.engine;

	/* a child without its channel is of no use; what follows is decided when it is reaped */
	if (r == ROLES && !is_new_engine(w, ch))
		return;
	channel_free(ch);
	c->channel = NULL;
	c->greeted = false;
	if (c->pid)
		kill(c->pid, SIGKILL);
}

static void on_refused(void *arg, struct channel *ch, const char *text)
{
	struct warden *w = arg;

	(void)ch;
	warden_log(w, LEVEL_ERROR, "%s", text);
}

static int start(struct warden *w, struct child_process *c, enum role role)
{
	const struct channel_events events = {
		.arg = w, .message = warden_message, .closed = on_closed, .refused = on_refused
	};
	int fds[2], r = channel_pair(fds);

	c->started_ms = clock_ticks_ms(); /* also of a start that fails: restart() looks at it */
	if (r < 0)
		return r;
	c->pid = spawn_role(&w->options, role, fds[1]);
	close(fds[1]);
	if (c->pid < 0) {
		r = c->pid;
		c->pid = 0;
		close(fds[0]);
		return r;
	}
	c->channel = channel_new(w->base, fds[0], ROLE_WARDEN, role, &events);
	c->greeted = c->stopping = false;
	return 0;
}

int warden_start_child(struct warden *w, enum role role)
{
	int r = start(w, &w->children[role], role);

	if (r < 0)
		warden_log(w, LEVEL_ERROR, "cannot start the %s: %s", role_name(role),
			   strerror(-r));
	return r;
}

/* ---------------------------------------------------------------- greeting */

static void join(struct warden *w, enum role a, enum role b)
{
	struct child_process *ca = &w->children[a], *cb = &w->children[b];
	struct buf role = { 0 };
	int fds[2];

	if (!ca->greeted || !cb->greeted || channel_pair(fds) < 0)
		return;
	pack_u8(&role, (uint8_t)b);
	channel_send(ca->channel, MSG_PEER_FD, &role, fds[0]);
	buf_clear(&role);
	pack_u8(&role, (uint8_t)a);
	channel_send(cb->channel, MSG_PEER_FD, &role, fds[1]);
	buf_free(&role);
}

static void begin_engine(struct warden *w, unsigned flags)
{
	struct channel *engine = w->children[ROLE_ENGINE].channel;
	struct buf b = { 0 };

	warden_send_log(w, engine);
	warden_send_self(w, engine);
	pack_u8(&b, (uint8_t)flags);
	channel_send(engine, MSG_BEGIN, &b, w->state_fd);
	w->state_fd = -1;
	buf_free(&b);
	join(w, ROLE_ENGINE, ROLE_HERALD);
	warden_sources_begin(w, engine);
	join(w, ROLE_ENGINE, ROLE_CONSOLE);
}

static void take_over(struct warden *w);

static int greet_new_engine(struct warden *w, const unsigned char *digest)
{
	struct buf final = { 0 };

	if (memcmp(digest, w->reload.config->digest, 32) != 0) {
		warden_answer(w, w->reload.answer_to, false,
			      "the configuration changed while it was read: reload again");
		kill(w->reload.engine.pid, SIGKILL);
		return 0;
	}
	w->reload.engine.greeted = true;
	if (w->children[ROLE_ENGINE].pid == 0) {
		take_over(w); /* it had died and was not started again yet */
	} else if (w->children[ROLE_ENGINE].channel) {
		pack_u8(&final, 0);
		w->children[ROLE_ENGINE].stopping = true;
		channel_send(w->children[ROLE_ENGINE].channel, MSG_STOP, &final, -1);
		buf_free(&final);
	}
	return 0;
}

int warden_hello(struct warden *w, struct channel *ch, str payload)
{
	struct unpack u = { .in = payload };
	enum role said = (enum role)unpack_u8(&u), r = role_of(w, ch);
	const unsigned char *digest = (const unsigned char *)u.in.p;
	struct child_process *c;
	struct err err = { 0 };

	if (w->stopping)
		return 0;
	if (is_new_engine(w, ch))
		return said != ROLE_ENGINE || w->reload.engine.greeted
			       ? -EPROTO
			       : greet_new_engine(w, digest);
	if (said != r || w->children[r].greeted)
		return -EPROTO;
	c = &w->children[r];
	if (r == ROLE_ENGINE && memcmp(digest, w->config->digest, 32) != 0) {
		/* the files were changed since: go on with them, there are no others any more */
		warden_log(w, LEVEL_WARNING, "the configuration was changed: reloading");
		if (!w->reload.config && warden_reload(w, 0, &err) < 0) {
			warden_log(w, LEVEL_CRITICAL, "no log is judged: %s", err.text);
			if (w->children[r].pid)
				kill(w->children[r].pid, SIGKILL); /* its restart tries again */
		}
		return 0;
	}
	c->greeted = true;
	if (r == ROLE_ENGINE) {
		begin_engine(w, 0);
		return 0;
	}
	warden_send_log(w, ch);
	if (r == ROLE_CONSOLE) {
		int fd = fcntl(w->listen_fd, F_DUPFD_CLOEXEC, 0);

		if (fd >= 0)
			channel_send(ch, MSG_LISTEN_FD, NULL, fd);
	}
	join(w, ROLE_ENGINE, r);
	return 0;
}

/* ---------------------------------------------------------------- reload */

void warden_answer(struct warden *w, uint32_t id, bool ok, const char *text)
{
	struct channel *console = w->children[ROLE_CONSOLE].channel;
	struct buf b = { 0 };

	if (!console || !w->children[ROLE_CONSOLE].greeted)
		return;
	pack_u32(&b, id);
	pack_u8(&b, ok);
	pack_str(&b, str_head(str_of(text), 4000));
	channel_send(console, MSG_ANSWER, &b, -1);
	buf_free(&b);
}

void warden_reload_drop(struct warden *w)
{
	config_free(w->reload.config);
	channel_free(w->reload.engine.channel);
	if (w->reload.engine.pid)
		kill(w->reload.engine.pid, SIGKILL);
	w->reload = (struct reload){ 0 };
}

int warden_reload(struct warden *w, uint32_t answer_to, struct err *err)
{
	int r;

	if (w->reload.config)
		return err_set(err, -EBUSY, "a reload is on its way");
	r = guard_options_config(&w->options, &w->reload.config, err);
	if (r < 0)
		return r;
	w->reload.answer_to = answer_to;
	r = start(w, &w->reload.engine, ROLE_ENGINE);
	if (r < 0) {
		warden_reload_drop(w);
		return err_set(err, r, "cannot start a new engine: %s", strerror(-r));
	}
	warden_log(w, LEVEL_INFO, "Reload all jails");
	return 0;
}

/* The old engine has ended; the new one takes over. */
static void take_over(struct warden *w)
{
	struct config *old = w->config;
	struct event *timer = w->children[ROLE_ENGINE].restart;

	if (timer)
		evtimer_del(timer);
	w->config = w->reload.config;
	w->children[ROLE_ENGINE] = w->reload.engine;
	w->children[ROLE_ENGINE].restart = timer;
	w->reload.config = NULL;
	w->reload.engine = (struct child_process){ 0 };
	table_free(w->by_hand, free); /* root's words name jails by their old numbers */
	w->by_hand = table_new();
	warden_actions_change(w, old);
	warden_sources_change(w);
	warden_log_settings(w, old);
	config_free(old);
	begin_engine(w, ENGINE_RELOADED);
	warden_log(w, LEVEL_INFO, "Reload finished.");
	warden_answer(w, w->reload.answer_to, true, "OK");
	warden_reload_drop(w);
}

void warden_child_stopped(struct warden *w, struct channel *ch, int state_fd)
{
	enum role r = role_of(w, ch);

	if (r == ROLE_ENGINE && w->children[r].stopping) {
		if (w->state_fd >= 0)
			close(w->state_fd);
		w->state_fd = state_fd;
		state_fd = -1;
	}
	if (state_fd >= 0)
		close(state_fd);
	if (r < ROLES)
		w->children[r].stopping = true;
}

/* ---------------------------------------------------------------- deaths */

static void restart(struct warden *w, enum role r);

static void on_restart(evutil_socket_t fd, short what, void *arg)
{
	struct warden *w = arg;

	(void)fd;
	(void)what;
	for (enum role r = ROLE_ENGINE; r < ROLES; r++)
		if (w->children[r].restart && w->children[r].pid == 0 && !w->stopping &&
		    !(r == ROLE_ENGINE && w->reload.engine.greeted) &&
		    !event_pending(w->children[r].restart, EV_TIMEOUT, NULL))
			if (warden_start_child(w, r) < 0)
				restart(w, r);
}

static void restart(struct warden *w, enum role r)
{
	struct child_process *c = &w->children[r];
	struct timeval delay = { 0 };

	if (clock_ticks_ms() - c->started_ms > EARLY_DEATH_MS)
		c->early_deaths = 0;
	c->early_deaths++;
	if (c->early_deaths > EARLY_DEATHS_MAX)
		delay.tv_usec = RESTART_DELAY_MS * 1000;
	if (!c->restart)
		c->restart = evtimer_new(w->base, on_restart, w);
	evtimer_add(c->restart, &delay);
}

static void log_death(struct warden *w, enum role r, int status)
{
	if (WIFSIGNALED(status))
		warden_log(w, LEVEL_ERROR, "the %s was killed by signal %d, starting it again",
			   role_name(r), WTERMSIG(status));
	else
		warden_log(w, LEVEL_ERROR, "the %s ended with status %d, starting it again",
			   role_name(r), WEXITSTATUS(status));
}

/* An engine that ends by itself could not read its configuration: says what is wrong with it. */
static void log_why(struct warden *w)
{
	struct config *c;
	struct err err = { 0 };
	struct buf text = { 0 };

	if (guard_options_config(&w->options, &c, &err) == 0) {
		config_free(c);
		return;
	}
	err_print(&err, &text);
	warden_log(w, LEVEL_CRITICAL, "no log is judged until this is mended: %s", buf_z(&text));
	buf_free(&text);
}

static void child_died(struct warden *w, enum role r, int status)
{
	struct child_process *c = &w->children[r];
	bool told = c->stopping;

	/* what it sent before it died still counts */
	if (c->channel) {
		channel_drain(c->channel);
		told = c->stopping;
		channel_free(c->channel);
	}
	c->channel = NULL;
	c->greeted = false;
	c->pid = 0;
	if (w->stopping) {
		warden_stop_next(w);
		return;
	}
	if (r == ROLE_ENGINE && w->reload.config && w->reload.engine.greeted &&
	    w->reload.engine.channel) {
		take_over(w);
		return;
	}
	if (!told)
		log_death(w, r, status);
	if (r == ROLE_ENGINE && !told && WIFEXITED(status))
		log_why(w);
	restart(w, r);
}

static void new_engine_died(struct warden *w)
{
	struct child_process *c = &w->children[ROLE_ENGINE];

	warden_answer(w, w->reload.answer_to, false,
		      "the new engine could not start; the old configuration stays");
	w->reload.engine.pid = 0;
	warden_reload_drop(w);
	warden_log(w, LEVEL_ERROR, "the reload failed; the old configuration stays");
	/*
	 * An old engine that was told to hand over is started again when it ends; one that waits
	 * because its files are not ours is made to try again.
	 */
	if (c->pid && !c->greeted)
		kill(c->pid, SIGKILL);
	else if (c->pid == 0)
		restart(w, ROLE_ENGINE);
}

void warden_reap(struct warden *w)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		bool known = false;

		for (enum role r = ROLE_ENGINE; r < ROLES && !known; r++) {
			if (w->children[r].pid == pid) {
				known = true;
				child_died(w, r, status);
			}
		}
		if (!known && w->reload.config && w->reload.engine.pid == pid)
			new_engine_died(w);
		else if (!known)
			action_jobs_reap(w->jobs, pid, status);
	}
}
