/*
 * Enters the sandbox of a role and tries what a taken-over process would try; prints a line each:
 * WHAT ok, or WHAT and the name of the error.   sandbox_probe ROLE DIRECTORY
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/sandbox.h"

static void say(const char *what, long result)
{
	printf("%s %s\n", what, result >= 0 ? "ok" : strerrorname_np(errno));
}

static void try_files(const char *dir)
{
	char inside[512];

	snprintf(inside, sizeof inside, "%s/new", dir);
	say("read-passwd", open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	say("write-tmp", open("/tmp/sandbox_probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	say("write-inside", open(inside, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	say("rename-out", rename(inside, "/tmp/sandbox_probe"));
	say("link-in", link("/etc/passwd", inside));
	say("mkdir-outside", mkdir("/tmp/sandbox_probe.d", 0700));
}

static void try_network(void)
{
	say("socket-inet", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	say("socket-udp", socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	say("socket-unix", socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	say("socket-netlink", socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static void try_power(void)
{
	static char *const argv[] = { (char *)(uintptr_t) "/bin/true", NULL };
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	say("fork", child);
	say("exec", execv("/bin/true", argv));
	say("setuid-root", setuid(0));
	say("kill-init", kill(1, SIGCONT));
	say("ptrace-parent", ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
	say("chroot", chroot("/"));
}

int main(int argc, char **argv)
{
	struct err missing = { 0 };
	enum role role = ROLE_WARDEN;
	int got;

	for (enum role r = ROLE_ENGINE; r < ROLES; r++)
		if (argc == 3 && strcmp(argv[1], role_name(r)) == 0)
			role = r;
	if (role == ROLE_WARDEN)
		return 2;
	setvbuf(stdout, NULL, _IONBF, 0);
	got = sandbox_enter(role, role == ROLE_ENGINE ? argv[2] : NULL, &missing);
	if (got < 0)
		return 1;
	printf("got %d\n", got);
	try_files(argv[2]);
	try_network();
	try_power();
	return 0;
}
