/*
 * What a process gives up once it has what it needs: user, capabilities, files, system calls.
 * Sources: capabilities(7), landlock(7), seccomp(2), Documentation/userspace-api/no_new_privs.rst.
 */
#pragma once

#include <sys/types.h>

#include <stdbool.h>

#include "base/err.h"
#include "daemon/messages.h"

struct sandbox_user {
	uid_t uid;
	gid_t gid;
};

/*
 * The user a role runs as: the system user "lastknock-ROLE" if there is one, else a number of
 * its own out of the range that systemd gives to dynamic users (61184-65519), so that nothing has
 * to be installed first.
 */
struct sandbox_user sandbox_user(enum role role);

/* How much of the sandbox could be put up: bits. */
enum sandbox_got {
	SANDBOX_USER = 1,
	SANDBOX_LANDLOCK = 2,
	SANDBOX_SECCOMP = 4,
	SANDBOX_ALL = 7,
};

/*
 * Drops root, then everything else that `role` does not need.  `writable` is the one directory
 * that stays readable and writable (NULL: no file at all).  Fails closed where it matters: an
 * error is returned only when root could not be given up; a kernel without Landlock or seccomp
 * gives fewer bits, and *missing the words for one warning.
 */
int sandbox_enter(enum role role, const char *writable, struct err *missing)
	__attribute__((warn_unused_result));
/*
 * The warden keeps root's user and these capabilities only: CAP_NET_ADMIN, CAP_DAC_READ_SEARCH,
 * CAP_SETUID, CAP_SETGID, CAP_KILL.  With shell actions it keeps all, since they may need any.
 */
int sandbox_warden(bool shell_actions, struct err *err) __attribute__((warn_unused_result));
