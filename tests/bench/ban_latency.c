/*
 * From a line in the log to the element in the kernel: writes a failure for a fresh address, waits
 * until the kernel announces the new set element (NFNLGRP_NFTABLES), and prints the percentiles.
 * A second process writes other lines at the given rate meanwhile.
 *
 *   ban_latency LOG BANS OTHER_LINES_PER_SECOND
 *
 * Run in the guard's network namespace; LOG is watched by a jail with maxretry = 1 whose failregex
 * is "^knock from <ADDR>$", with any date at the beginning of the line.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define BATCHES_PER_SECOND 100
#define WAIT_MS 10000

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static size_t stamp(char *out, size_t room)
{
	time_t t = time(NULL);
	struct tm tm;

	localtime_r(&t, &tm);
	return strftime(out, room, "%b %d %H:%M:%S ", &tm);
}

/* Other people's lines, in batches, until killed. */
static void write_others(int log, unsigned per_second)
{
	unsigned per_batch = per_second / BATCHES_PER_SECOND;
	char *text = malloc((size_t)per_batch * 160 + 1), date[32];
	double next = now_ms();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned long serial = 0; text;) {
		size_t n = 0, d = stamp(date, sizeof date);

		for (unsigned i = 0; i < per_batch; i++, serial++)
			n += (size_t)snprintf(text + n, 160,
					      "%.*smx postfix/smtpd[%lu]: connect from "
					      "client%lu.example.org[198.51.100.%lu]\n",
					      (int)d, date, 1000 + serial % 300, serial,
					      serial % 250);
		if (write(log, text, n) < 0)
			_exit(1);
		next += 1000.0 / BATCHES_PER_SECOND;
		if (next > now_ms())
			usleep((useconds_t)((next - now_ms()) * 1000));
	}
	_exit(1);
}

/* Waits for the announcement of an element with these bytes; the time, or -1. */
static double wait_element(struct mnl_socket *nl, const unsigned char ip[4])
{
	static char room[1 << 16];
	double until = now_ms() + WAIT_MS;

	for (;;) {
		struct pollfd p = { .fd = mnl_socket_get_fd(nl), .events = POLLIN };
		double left = until - now_ms();
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return -1;
		n = mnl_socket_recvfrom(nl, room, sizeof room);
		if (n < 0 && errno == ENOBUFS)
			continue;
		if (n > 0 && memmem(room, (size_t)n, ip, 4))
			return now_ms();
	}
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	unsigned bans = argc == 4 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	double *took = calloc(bans + 1, sizeof *took);
	struct mnl_socket *nl = mnl_socket_open(NETLINK_NETFILTER);
	static const int group = NFNLGRP_NFTABLES;
	unsigned seen = 0;
	pid_t writer;
	int log;

	if (!bans || !nl || !took || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(nl, NETLINK_ADD_MEMBERSHIP, (void *)(uintptr_t)&group,
				  sizeof group) < 0) {
		fputs("usage: ban_latency LOG BANS OTHER_LINES_PER_SECOND (as root)\n", stderr);
		return 2;
	}
	log = open(argv[1], O_WRONLY | O_APPEND | O_CLOEXEC);
	if (log < 0) {
		perror(argv[1]);
		return 2;
	}
	writer = fork();
	if (writer == 0)
		write_others(log, (unsigned)strtoul(argv[3], NULL, 10));
	sleep(2); /* let the load settle */
	for (unsigned i = 0; i < bans; i++) {
		unsigned char ip[4] = { 203, (unsigned char)(i >> 16 & 127),
					(unsigned char)(i >> 8), (unsigned char)i };
		char line[96];
		size_t n = stamp(line, sizeof line);
		double start, end;

		n += (size_t)snprintf(line + n, sizeof line - n, "knock from %u.%u.%u.%u\n", ip[0],
				      ip[1], ip[2], ip[3]);
		start = now_ms();
		if (write(log, line, n) < 0)
			break;
		end = wait_element(nl, ip);
		if (end < 0)
			break;
		took[seen++] = end - start;
		usleep(3000);
	}
	kill(writer, SIGKILL);
	qsort(took, seen, sizeof *took, by_size);
	printf("bans %u of %u  p50 %.3f ms  p90 %.3f ms  p99 %.3f ms  max %.3f ms\n", seen, bans,
	       seen ? took[seen / 2] : 0, seen ? took[seen * 9 / 10] : 0,
	       seen ? took[seen * 99 / 100] : 0, seen ? took[seen - 1] : 0);
	return seen == bans ? 0 : 1;
}
