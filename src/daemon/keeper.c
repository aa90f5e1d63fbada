/*
 * Keeping the warden alive; see keeper.h.  Signals that are meant for the guard arrive here and
 * are passed on.
 */
#include "daemon/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/spawn.h"

#define EARLY_DEATH_MS 500
#define EARLY_DEATHS_MAX 5
#define WAS_UP_MS 5000 /* a warden that lasted so long has started */
#define LOCK_TRIES 100

/* One that was told to stop a moment ago may still hold it. */
static int take_lock(int fd)
{
	static const struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
	int r = flock(fd, LOCK_EX | LOCK_NB);

	for (int i = 0; r < 0 && i < LOCK_TRIES; i++) {
		nanosleep(&pause, NULL);
		r = flock(fd, LOCK_EX | LOCK_NB);
	}
	return r;
}

/* Holds the pid file: a lock on it, and our number in it. A descriptor, or -errno. */
static int take_pidfile(const char *path, struct err *err)
{
	_free_ char *copy = xstrdup(path);
	char text[16];
	int fd, n;

	(void)mkdir(dirname(copy), 0755);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return err_set(err, -errno, "cannot write the pid file %s: %s", path,
			       strerror(errno));
	if (take_lock(fd) < 0) {
		close(fd);
		return err_set(err, -EBUSY, "a guard is already running (it holds %s)", path);
	}
	n = snprintf(text, sizeof text, "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n) {
		close(fd);
		return err_set(err, -EIO, "cannot write the pid file %s", path);
	}
	return fd;
}

/* Passes signals on until the warden has ended; its status. *ending: it was told to. */
static int wait_for(pid_t warden, const sigset_t *set, bool *ending)
{
	int status = 0;

	for (;;) {
		int number = sigwaitinfo(set, NULL);

		if (number == SIGCHLD) {
			if (waitpid(warden, &status, WNOHANG) == warden)
				return status;
		} else if (number > 0) {
			if (number == SIGTERM || number == SIGINT)
				*ending = true;
			kill(warden, number);
		}
	}
}

static int keep(const struct guard_options *o, const sigset_t *set)
{
	static const struct timespec pause = { .tv_nsec = 250 * 1000 * 1000 };
	unsigned early = 0;
	bool ending = false, was_up = false;

	for (;;) {
		int64_t started = clock_ticks_ms();
		pid_t warden = spawn_role(o, ROLE_WARDEN, -1);
		int status;

		if (warden < 0) {
			fprintf(stderr, "lastknock: cannot start: %s\n", strerror(-warden));
			if (!was_up)
				return 1;
			nanosleep(&pause, NULL);
			continue;
		}
		status = wait_for(warden, set, &ending);
		was_up = was_up || WIFSIGNALED(status) || clock_ticks_ms() - started > WAS_UP_MS;
		/* a guard that has been up is not ended by what a restart finds in its way */
		if (ending || (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || !was_up)))
			return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
		if (WIFEXITED(status))
			fputs("lastknock: the warden could not start, trying again\n", stderr);
		else
			fprintf(stderr,
				"lastknock: the warden was killed by signal %d, starting it "
				"again\n",
				WTERMSIG(status));
		early = clock_ticks_ms() - started < EARLY_DEATH_MS ? early + 1 : 0;
		if (early > EARLY_DEATHS_MAX || WIFEXITED(status))
			nanosleep(&pause, NULL);
	}
}

int keeper_main(const struct guard_options *options)
{
	struct guard_options o = *options;
	struct config *config;
	struct err err = { 0 };
	struct buf text = { 0 };
	_free_ char *pidfile = NULL;
	const struct sigaction by_default = { .sa_handler = SIG_DFL },
			       ignored = { .sa_handler = SIG_IGN };
	sigset_t set;
	int fd, status;

	sigaction(SIGCHLD, &by_default, NULL); /* who started us may have ignored it */
	sigaction(SIGPIPE, &ignored, NULL);
	if (guard_options_config(&o, &config, &err) < 0) {
		err_print(&err, &text);
		fprintf(stderr, "lastknock: %s\n", buf_z(&text));
		return 1;
	}
	pidfile = str_dup(config->pidfile);
	config_free(config);
	fd = take_pidfile(pidfile, &err);
	if (fd < 0) {
		fprintf(stderr, "lastknock: %s\n", err.text);
		return 1;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	spawn_guard_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	o.server_pid = (int)getpid();
	status = keep(&o, &set);
	(void)unlink(pidfile);
	close(fd);
	return status;
}
