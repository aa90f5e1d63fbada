/*
 * Running one command; see command.h.  Called by the jobs of the warden with a script from the
 * configuration and hostile values as arguments; what the command prints may be hostile too and is
 * only kept, within bounds.
 */
#include "action/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

enum {
	TERM_GRACE_MS = 200, /* from SIGTERM to SIGKILL, and from there to giving up */
	READ_AT_ONCE = 16 * 1024
};

enum stage { RUNNING, TERMINATED, KILLED, GIVEN_UP };

struct command {
	pid_t pid;
	enum stage stage;
	struct event *timer;
	struct event *reader[2];
	int fd[2];
	struct buf output[2];
	bool more_output[2];
	void (*done)(void *arg, const struct command_result *result);
	void *arg;
};

static void be_the_child(const char *script, char *const args[], int out, int err_fd)
{
	size_t n = 0;
	sigset_t none;
	char **argv;
	int null = open("/dev/null", O_RDWR);

	while (args[n])
		n++;
	argv = xcalloc(n + 4, sizeof(char *));
	argv[0] = xstrdup("/bin/sh");
	argv[1] = xstrdup("-c");
	argv[2] = xstrdup(script);
	for (size_t i = 0; i < n; i++)
		argv[3 + i] = args[i];
	(void)setsid();
	for (int s = 1; s < NSIG; s++)
		if (s != SIGKILL && s != SIGSTOP)
			(void)sigaction(s, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err_fd, 2) < 0)
		_exit(126);
	(void)close_range(3, ~0u, 0);
	execv(argv[0], argv);
	dprintf(2, "cannot run /bin/sh: %m\n");
	_exit(126);
}

static void close_reader(struct command *c, unsigned i)
{
	if (c->reader[i])
		event_free(c->reader[i]);
	c->reader[i] = NULL;
	if (c->fd[i] >= 0)
		close(c->fd[i]);
	c->fd[i] = -1;
}

/* Takes what is there, keeps what fits. False: nothing now, or the end. */
static bool take(struct command *c, unsigned i)
{
	char bytes[READ_AT_ONCE];
	ssize_t got = read(c->fd[i], bytes, sizeof bytes);
	size_t room = COMMAND_OUTPUT_MAX - c->output[i].n, n;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got <= 0) {
		close_reader(c, i);
		return false;
	}
	n = (size_t)got < room ? (size_t)got : room;
	buf_add(&c->output[i], bytes, n);
	c->more_output[i] |= n < (size_t)got;
	return true;
}

static void on_output(evutil_socket_t fd, short what, void *arg)
{
	struct command *c = arg;

	/* once a turn, so that a command which never stops printing leaves time for others */
	(void)take(c, c->fd[1] == fd);
}

static void finish(struct command *c, int status)
{
	struct command_result result = { .status = status, .timed_out = c->stage != RUNNING };

	for (unsigned i = 0; i < 2; i++) {
		/* a background process may hold the pipe open: only what has been written counts */
		for (int n = 0; n < 64 && c->fd[i] >= 0 && take(c, i); n++)
			;
		close_reader(c, i);
		result.output[i] = buf_str(&c->output[i]);
		result.more_output[i] = c->more_output[i];
	}
	event_del(c->timer);
	c->done(c->arg, &result);
}

static void wait_ms(struct command *c, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(c->timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct command *c = arg;

	switch (c->stage) {
	case RUNNING:
		c->stage = TERMINATED;
		(void)kill(-c->pid, SIGTERM);
		wait_ms(c, TERM_GRACE_MS);
		break;
	case TERMINATED:
		c->stage = KILLED;
		(void)kill(-c->pid, SIGKILL);
		wait_ms(c, TERM_GRACE_MS);
		break;
	case KILLED:
		/* stuck in the kernel: others shall not wait for it. It is freed when reaped. */
		c->stage = GIVEN_UP;
		finish(c, -1);
		break;
	case GIVEN_UP:
		break;
	}
}

static void discard(struct command *c)
{
	for (unsigned i = 0; i < 2; i++) {
		close_reader(c, i);
		buf_free(&c->output[i]);
	}
	if (c->timer)
		event_free(c->timer);
	free(c);
}

struct command *command_start(struct event_base *base, const char *script, char *const args[],
			      int64_t timeout_ms,
			      void (*done)(void *arg, const struct command_result *result),
			      void *arg)
{
	struct command *c = xcalloc(1, sizeof *c);
	int out[2], err[2];

	c->fd[0] = c->fd[1] = -1;
	c->done = done;
	c->arg = arg;
	if (pipe2(out, O_CLOEXEC) < 0) {
		free(c);
		return NULL;
	}
	c->fd[0] = out[0];
	if (pipe2(err, O_CLOEXEC) < 0) {
		close(out[1]);
		discard(c);
		return NULL;
	}
	c->fd[1] = err[0];
	c->pid = fork();
	if (c->pid == 0)
		be_the_child(script, args, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	if (c->pid < 0) {
		int saved = errno;

		discard(c);
		errno = saved;
		return NULL;
	}
	for (unsigned i = 0; i < 2; i++) {
		(void)fcntl(c->fd[i], F_SETFL, O_NONBLOCK);
		c->reader[i] = event_new(base, c->fd[i], EV_READ | EV_PERSIST, on_output, c);
		event_add(c->reader[i], NULL);
	}
	c->timer = evtimer_new(base, on_timer, c);
	wait_ms(c, timeout_ms);
	return c;
}

pid_t command_pid(const struct command *c)
{
	return c->pid;
}

void command_reaped(struct command *c, int status)
{
	/* the shell is gone; what it started and left in its group has had its time as well */
	if (c->stage == TERMINATED)
		(void)kill(-c->pid, SIGKILL);
	if (c->stage != GIVEN_UP)
		finish(c, status);
	discard(c);
}

void command_free(struct command *c)
{
	(void)kill(-c->pid, SIGKILL);
	discard(c);
}
