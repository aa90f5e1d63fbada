/*
 * Consent; see consent.h.
 */
#include "check/consent.h"

#include <fcntl.h>
#include <stdio.h>

enum { PARENTS_MAX = 32, ENVIRON_MAX = 262144, PREFIX6 = 64 };

/* Address of "CLIENT PORT SERVER PORT". */
static struct ip client_in(str value)
{
	struct ip ip = { 0 };
	str word;

	if (!str_word(&value, &word) || ip_parse(word, &ip) < 0)
		return (struct ip){ 0 };
	return ip;
}

static ssize_t read_proc(int pid, const char *file, char *p, size_t room)
{
	char path[64];
	int fd _close_ = -1;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, p, room - 1);
	p[n > 0 ? n : 0] = '\0';
	return n;
}

/* proc(5): "PID (NAME) STATE PPID"; the name may hold anything. */
static int parent_of(int pid)
{
	char text[1024];
	const char *end;
	int ppid;

	if (read_proc(pid, "stat", text, sizeof text) < 0)
		return 0;
	end = strrchr(text, ')');
	return end && sscanf(end, ") %*c %d", &ppid) == 1 ? ppid : 0;
}

static struct ip client_of_process(int pid)
{
	static const str key = STR("SSH_CONNECTION=");
	char *text = xcalloc(1, ENVIRON_MAX);
	ssize_t n = read_proc(pid, "environ", text, ENVIRON_MAX);
	str rest = str_mem(text, n > 0 ? (size_t)n : 0), entry;
	struct ip ip = { 0 };

	while (!ip.family && rest.n && str_split(&rest, '\0', &entry))
		if (str_starts(entry, key))
			ip = client_in(str_from(entry, key.n));
	free(text);
	return ip;
}

struct ip consent_ssh_client(void)
{
	const char *own = getenv("SSH_CONNECTION");
	struct ip ip = { 0 };
	int pid = getppid();

	if (own)
		ip = client_in(str_of(own));
	for (int i = 0; !ip.family && pid > 1 && i < PARENTS_MAX; i++) {
		ip = client_of_process(pid);
		pid = parent_of(pid);
	}
	return ip;
}

bool consent_locks_out(const struct ip *ip, const struct ip *client)
{
	struct ip net;

	if (!ip->family || ip->family != client->family)
		return false;
	net = ip_masked(ip, ip->family == 6 ? PREFIX6 : 32);
	return ip_in(client, &net);
}

bool consent_ask(const char *question)
{
	char answer[16] = "";

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return false;
	fprintf(stderr, "%s [yes/no] ", question);
	fflush(stderr);
	return fgets(answer, sizeof answer, stdin) && strcasecmp(answer, "yes\n") == 0;
}
