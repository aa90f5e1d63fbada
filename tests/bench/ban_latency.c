/*
 * From a line in the log to the element in the kernel: writes failures, each of a fresh address,
 * notes when the kernel announces the new set elements (NFNLGRP_NFTABLES), and prints the
 * percentiles.  Failures are written every PAUSE_MS (between half and one and a half of it) and
 * wait for nothing, so a stall shows in every ban that it delays.  A second process writes other
 * lines at the given rate meanwhile.
 *
 *   ban_latency LOG BANS PAUSE_MS OTHER_LINES_PER_SECOND
 *   ban_latency wait ELEMENTS SECONDS
 *
 * The second form says "ready", waits until that many elements were added to any set, or for that
 * many seconds, and prints how many there were and when (CLOCK_MONOTONIC) the last one came.
 *
 * Run in the guard's network namespace; LOG is watched by a jail with maxretry = 1 whose failregex
 * is "^knock from <ADDR>$", with any date at the beginning of the line.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
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
	if (!text)
		_exit(1);
	for (unsigned long serial = 0;;) {
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
}

struct run {
	struct mnl_socket *nl;
	int log;
	unsigned bans, sent, seen;
	double *at; /* when each line was written; afterwards how long its ban took */
	bool *done;
};

/* The address of the n-th ban; the first byte is found in nothing else that is announced. */
static void address(unsigned n, unsigned char ip[4])
{
	memcpy(ip, (unsigned char[]){ 203, n >> 16 & 127, n >> 8 & 255, n & 255 }, 4);
}

/* Looks for our addresses: attributes of 4 bytes (NFTA_DATA_VALUE), one message may have many. */
static void note_elements(struct run *r, const unsigned char *p, size_t n)
{
	static const unsigned char head[] = { 8, 0, NFTA_DATA_VALUE, 0, 203 };
	double now = now_ms();

	for (const unsigned char *end = p + n; (p = memmem(p, (size_t)(end - p), head, 5));
	     p += 5) {
		unsigned i;

		if (end - p < 8)
			return;
		i = (unsigned)p[5] << 16 | (unsigned)p[6] << 8 | p[7];
		if (i >= r->sent || r->done[i])
			continue;
		r->done[i] = true;
		r->at[i] = now - r->at[i];
		r->seen++;
	}
}

/* Reads what the kernel announces until then; true once the last ban was seen. */
static bool listen_until(struct run *r, double until)
{
	static unsigned char room[1 << 16];

	for (;;) {
		struct timespec left = { 0 };
		struct pollfd p = { .fd = mnl_socket_get_fd(r->nl), .events = POLLIN };
		double ms = until - now_ms();
		ssize_t n;

		if (r->seen == r->bans)
			return true;
		if (ms <= 0)
			return false;
		left.tv_sec = (time_t)(ms / 1e3);
		left.tv_nsec = (long)((ms - (double)left.tv_sec * 1e3) * 1e6);
		if (ppoll(&p, 1, &left, NULL) <= 0)
			continue;
		n = mnl_socket_recvfrom(r->nl, room, sizeof room);
		if (n > 0)
			note_elements(r, room, (size_t)n);
	}
}

/* One failure every `pause` milliseconds, however long bans take, so that a stall hits many. */
static void write_failures(struct run *r, double pause)
{
	double next = now_ms();

	for (; r->sent < r->bans; next += pause * (0.5 + drand48())) {
		unsigned char ip[4];
		char line[96];
		size_t n = stamp(line, sizeof line);

		listen_until(r, next);
		address(r->sent, ip);
		n += (size_t)snprintf(line + n, sizeof line - n, "knock from %u.%u.%u.%u\n", ip[0],
				      ip[1], ip[2], ip[3]);
		r->at[r->sent++] = now_ms();
		if (write(r->log, line, n) < 0)
			return;
	}
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_result(struct run *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->bans; i++)
		if (r->done[i])
			r->at[n++] = r->at[i];
	qsort(r->at, n, sizeof *r->at, by_size);
	printf("bans %u of %u  p50 %.3f ms  p90 %.3f ms  p99 %.3f ms  max %.3f ms\n", n, r->bans,
	       n ? r->at[n / 2] : 0, n ? r->at[n * 9 / 10] : 0, n ? r->at[n * 99 / 100] : 0,
	       n ? r->at[n - 1] : 0);
}

static struct mnl_socket *monitor(void)
{
	struct mnl_socket *nl = mnl_socket_open(NETLINK_NETFILTER);
	static const int group = NFNLGRP_NFTABLES, bytes = 64 << 20;

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(nl, NETLINK_ADD_MEMBERSHIP, (void *)(uintptr_t)&group,
				  sizeof group) < 0)
		err(2, "netlink");
	setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
	return nl;
}

static int measure(int argc, char **argv)
{
	struct run r = { .bans = argc == 5 ? (unsigned)strtoul(argv[2], NULL, 10) : 0 };
	pid_t writer;

	if (!r.bans)
		errx(2, "usage (as root): ban_latency LOG BANS PAUSE_MS OTHER_LINES_PER_SECOND\n"
			"                 ban_latency wait ELEMENTS SECONDS");
	r.at = calloc(r.bans, sizeof *r.at);
	r.done = calloc(r.bans, sizeof *r.done);
	r.log = open(argv[1], O_WRONLY | O_APPEND | O_CLOEXEC);
	if (r.log < 0 || !r.at || !r.done)
		err(2, "%s", argv[1]);
	writer = fork();
	if (writer == 0)
		write_others(r.log, (unsigned)strtoul(argv[4], NULL, 10));
	sleep(2); /* let the load settle */
	r.nl = monitor();
	write_failures(&r, strtod(argv[3], NULL));
	listen_until(&r, now_ms() + WAIT_MS);
	kill(writer, SIGKILL);
	print_result(&r);
	return r.seen == r.bans ? 0 : 1;
}

static int count_one(const struct nlattr *attr, void *count)
{
	(void)attr;
	++*(unsigned *)count;
	return MNL_CB_OK;
}

static int count_in_list(const struct nlattr *attr, void *count)
{
	if (mnl_attr_get_type(attr) != NFTA_SET_ELEM_LIST_ELEMENTS)
		return MNL_CB_OK;
	return mnl_attr_parse_nested(attr, count_one, count);
}

static void count_elements(const struct nlmsghdr *nlh, unsigned *count)
{
	if (nlh->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM))
		mnl_attr_parse(nlh, sizeof(struct nfgenmsg), count_in_list, count);
}

static int wait_for_elements(unsigned wanted, double seconds)
{
	static unsigned char room[1 << 16];
	struct mnl_socket *nl = monitor();
	double until = now_ms() + seconds * 1e3, last = now_ms();
	struct pollfd p = { .fd = mnl_socket_get_fd(nl), .events = POLLIN };
	unsigned seen = 0;

	printf("ready\n");
	fflush(stdout);
	while (seen < wanted && until > now_ms() && poll(&p, 1, (int)(until - now_ms())) > 0) {
		int n = (int)mnl_socket_recvfrom(nl, room, sizeof room);
		struct nlmsghdr *nlh = (struct nlmsghdr *)(void *)room;

		last = now_ms();
		for (; mnl_nlmsg_ok(nlh, n); nlh = mnl_nlmsg_next(nlh, &n))
			count_elements(nlh, &seen);
	}
	printf("%u %.4f\n", seen, last / 1e3);
	return seen >= wanted ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "wait") == 0)
		return wait_for_elements((unsigned)strtoul(argv[2], NULL, 10),
					 strtod(argv[3], NULL));
	return measure(argc, argv);
}
