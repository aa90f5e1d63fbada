/*
 * Giving up rights; see sandbox.h.  Called once by each process, before it reads a byte that
 * comes from outside.  The lists of system calls are tables: a call that is not in them fails
 * with EPERM, which a library survives, where killing would turn a libc update into an outage.
 */
#include "daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DYNAMIC_UID_FIRST 64710u /* inside systemd's dynamic range; see systemd's UIDS-GIDS.md */

struct sandbox_user sandbox_user(enum role role)
{
	char name[32];
	const struct passwd *pw;

	snprintf(name, sizeof name, "lastknock-%s", role_name(role));
	pw = getpwnam(name);
	if (pw && pw->pw_uid != 0)
		return (struct sandbox_user){ .uid = pw->pw_uid, .gid = pw->pw_gid };
	return (struct sandbox_user){ .uid = DYNAMIC_UID_FIRST + role,
				      .gid = DYNAMIC_UID_FIRST + role };
}

/* System calls of all children: memory, time, the event loop, reading and writing descriptors. */
static const char *const calls_of_all[] = {
	"read",
	"write",
	"readv",
	"writev",
	"pread64",
	"pwrite64",
	"close",
	"close_range",
	"lseek",
	"fstat",
	"newfstatat",
	"statx",
	"fcntl",
	"dup",
	"dup3",
	"poll",
	"ppoll",
	"select",
	"pselect6",
	"epoll_create1",
	"epoll_ctl",
	"epoll_wait",
	"epoll_pwait",
	"eventfd2",
	"timerfd_create",
	"timerfd_settime",
	"pipe2",
	"recvmsg",
	"sendmsg",
	"recvfrom",
	"sendto",
	"getsockopt",
	"getsockname",
	"shutdown",
	"mmap",
	"munmap",
	"mremap",
	"mprotect",
	"madvise",
	"brk",
	"futex",
	"clock_gettime",
	"clock_nanosleep",
	"gettimeofday",
	"time",
	"getpid",
	"gettid",
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	"getrandom",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sigaltstack",
	"exit",
	"exit_group",
	"restart_syscall",
	"tgkill",
	"sched_yield",
	"sched_getaffinity",
	"uname",
	"sysinfo",
	"getrusage",
	"prlimit64",
	"rseq",
	"set_robust_list",
	"membarrier",
};

/* SQLite in its directory. */
static const char *const calls_of_engine[] = {
	"openat",     "open",      "stat",         "lstat",      "access",   "faccessat",
	"faccessat2", "unlink",    "unlinkat",     "rename",     "renameat", "renameat2",
	"ftruncate",  "fallocate", "fsync",        "fdatasync",  "fchmod",   "fchown",
	"mkdir",      "mkdirat",   "readlink",     "readlinkat", "getcwd",   "getdents64",
	"statfs",     "fstatfs",   "memfd_create", "umask",
};

static const char *const calls_of_console[] = { "accept4", "accept" };

/* Only name servers are talked to; see sandbox_enter() for what Landlock adds. */
static const char *const calls_of_herald[] = {
	"socket", "connect", "bind", "setsockopt", "getpeername", "ioctl",
};

static const struct {
	const char *const *names;
	size_t n;
} calls_of[ROLES] = {
	[ROLE_ENGINE] = { calls_of_engine, sizeof calls_of_engine / sizeof *calls_of_engine },
	[ROLE_CONSOLE] = { calls_of_console, sizeof calls_of_console / sizeof *calls_of_console },
	[ROLE_HERALD] = { calls_of_herald, sizeof calls_of_herald / sizeof *calls_of_herald },
};

static int allow(scmp_filter_ctx ctx, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);

		/* a name this machine's kernel or architecture does not know is not needed */
		if (number == __NR_SCMP_ERROR || number < 0)
			continue;
		if (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, number, 0) < 0)
			return -EINVAL;
	}
	return 0;
}

static int enter_seccomp(enum role role)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = -ENOMEM;

	if (!ctx)
		return r;
	r = allow(ctx, calls_of_all, sizeof calls_of_all / sizeof *calls_of_all);
	if (r == 0)
		r = allow(ctx, calls_of[role].names, calls_of[role].n);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

/* What the engine needs in its directory: SQLite's files, no links, no devices, no programs. */
#define STATE_RIGHTS                                                                               \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |                            \
	 LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                               \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | 1ull << 14 /* TRUNCATE */)

/* All rights on files that there are; those of newer kernels are left out by `abi`. */
static uint64_t file_rights(long abi)
{
	uint64_t rights =
		LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1; /* all thirteen of the first version */

	if (abi >= 2)
		rights |= 1ull << 13; /* REFER */
	if (abi >= 3)
		rights |= 1ull << 14; /* TRUNCATE */
	if (abi >= 5)
		rights |= 1ull << 15; /* IOCTL_DEV */
	return rights;
}

/* landlock_ruleset_attr of the newest kernel we know; older kernels take its beginning. */
struct ruleset {
	uint64_t files, network, scope;
};

static int allow_directory(int ruleset, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr beneath = { .allowed_access = rights };
	_close_ int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return -errno;
	beneath.parent_fd = dir;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
		return -errno;
	return 0;
}

static int enter_landlock(enum role role, const char *writable)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset rules = { 0 };
	size_t size = sizeof rules.files;
	int r = 0;

	if (abi < 1)
		return -ENOSYS;
	rules.files = file_rights(abi);
	if (abi >= 4) { /* bind and connect by TCP; name servers are asked by UDP */
		rules.network = 3;
		size = sizeof rules.files + sizeof rules.network;
	}
	if (abi >= 6) { /* no abstract sockets of, no signals to, processes outside */
		rules.scope = 3;
		size = sizeof rules;
	}
	if (role == ROLE_HERALD)
		rules.network &= ~2ull; /* a long answer comes by TCP */
	{
		_close_ int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);

		if (fd < 0)
			return -errno;
		if (writable)
			r = allow_directory(fd, writable, rules.files & STATE_RIGHTS);
		if (r == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
			r = -errno;
	}
	return r;
}

static int drop_user(enum role role)
{
	struct sandbox_user user = sandbox_user(role);

	if (geteuid() != 0)
		return 1; /* nothing to give up */
	for (int cap = 0; cap <= 63; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			break;
	if (setgroups(0, NULL) < 0 || setresgid(user.gid, user.gid, user.gid) < 0 ||
	    setresuid(user.uid, user.uid, user.uid) < 0)
		return -errno;
	/* the change of user has cleared the signal that a dead parent sends (credentials(7)) */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	/* the kernel has cleared the capabilities with the user; trust, but look */
	if (setresuid(0, 0, 0) == 0)
		return -EPERM;
	return 0;
}

int sandbox_enter(enum role role, const char *writable, struct err *missing)
{
	int got = 0, r = drop_user(role);

	missing->text[0] = '\0';
	if (r < 0)
		return err_set(missing, r, "cannot give up root: %s", strerror(-r));
	if (r == 0)
		got |= SANDBOX_USER;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_set(missing, -errno, "cannot refuse new privileges: %s",
			       strerror(errno));
	if (enter_landlock(role, writable) == 0)
		got |= SANDBOX_LANDLOCK;
	if (enter_seccomp(role) == 0)
		got |= SANDBOX_SECCOMP;
	if (got != SANDBOX_ALL)
		err_set(missing, 0, "%s runs without %s%s%s", role_name(role),
			got & SANDBOX_USER ? "" : "a user of its own (not started as root) ",
			got & SANDBOX_LANDLOCK ? "" : "Landlock ",
			got & SANDBOX_SECCOMP ? "" : "seccomp ");
	return got;
}

int sandbox_warden(bool shell_actions, struct err *err)
{
	static const unsigned kept[] = { CAP_NET_ADMIN, CAP_DAC_READ_SEARCH, CAP_SETUID, CAP_SETGID,
					 CAP_KILL };
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };
	uint32_t low = 0;

	if (shell_actions || geteuid() != 0)
		return 0;
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		low |= 1u << kept[i];
	/* and no program that it could start gets them back */
	for (unsigned cap = 0; cap <= 63; cap++)
		if ((cap > 31 || !(low & 1u << cap)) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			break;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, -errno, "cannot refuse new privileges: %s", strerror(errno));
	data[0].effective = data[0].permitted = low;
	if (syscall(SYS_capset, &head, data) < 0)
		return err_set(err, -errno, "cannot drop capabilities: %s", strerror(errno));
	return 0;
}
