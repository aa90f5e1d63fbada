/* Starting processes; see spawn.h. */
#include "daemon/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

void spawn_guard_signals(sigset_t *set)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		sigaddset(set, numbers[i]);
}

/* Between fork and exec: only what is safe there. Never returns. */
static void become(char **argv, enum role role, int channel, pid_t parent)
{
	sigset_t blocked;
	int null;

	sigemptyset(&blocked);
	if (role == ROLE_WARDEN) /* until it listens for them; see warden.c */
		spawn_guard_signals(&blocked);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			(void)sigaction(sig, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	/* a warden or a child without its parent would be a guard that nobody can stop */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(126);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	if (channel == SPAWN_CHANNEL_FD)
		fcntl(channel, F_SETFD, 0);
	else if (channel >= 0)
		dup2(channel, SPAWN_CHANNEL_FD);
	close_range(channel >= 0 ? SPAWN_CHANNEL_FD + 1 : SPAWN_CHANNEL_FD, ~0u, 0);
	execv("/proc/self/exe", argv);
	_exit(127);
}

pid_t spawn_role(const struct guard_options *o, enum role role, int channel)
{
	struct arena *a = arena_new();
	char **argv = guard_options_argv(o, role, a);
	pid_t parent = getpid(), pid = fork();

	if (pid == 0)
		become(argv, role, channel, parent);
	arena_free(a);
	return pid < 0 ? -errno : pid;
}
