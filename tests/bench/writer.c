/*
 * Writes logs, fast, for tests/bench/run and tests/bench/soak.
 *
 *   writer copy SAMPLE OUT LINES START END
 *     OUT becomes LINES lines, evenly dated from START to END (seconds since the epoch): those of
 *     SAMPLE again and again.  A line of SAMPLE begins with '@' where its date goes; in each round
 *     the networks 203.0. and 2001:db8: become others, so each round has attackers of its own.
 *
 *   writer pace LOG PER_SECOND SECONDS FAILURE_EVERY ADDRESSES ROTATIONS
 *     appends PER_SECOND lines a second to LOG, each FAILURE_EVERY-th "knock from ADDRESS", with
 *     ADDRESSES different ones; renames it ROTATIONS times on the way to LOG.0, LOG.1, ... and
 *     goes on writing into the renamed file for a moment, as loggers do until they are told.
 *     Prints how many lines and failures there were, and the seconds that it took.  Where the
 *     rate cannot be kept it writes all the same, later; the seconds tell.
 *
 * SAMPLE is trusted (tests/e2e/loglines.py).
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCHES_PER_SECOND 100
#define LINE_ROOM 192
#define AFTER_RENAME 3 /* batches that still go to the renamed file */

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int open_log(const char *path, int flags)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done <= 0)
			err(1, "write");
		p += done;
		n -= (size_t)done;
	}
}

/* The traditional date; made anew only when the second changes. */
struct date {
	time_t second;
	char text[32];
	size_t n;
};

static void set_date(struct date *d, time_t t)
{
	struct tm tm;

	if (d->n && d->second == t)
		return;
	d->second = t;
	localtime_r(&t, &tm);
	d->n = strftime(d->text, sizeof d->text, "%b %e %H:%M:%S", &tm);
}

/* ---------------------------------------------------------------- copy */

static char *read_file(const char *path, size_t *n)
{
	FILE *in = fopen(path, "re");
	char *text;
	long size;

	if (!in || fseek(in, 0, SEEK_END) < 0 || (size = ftell(in)) <= 0)
		err(1, "%s", path);
	rewind(in);
	text = malloc((size_t)size);
	if (!text || fread(text, 1, (size_t)size, in) != (size_t)size)
		err(1, "%s", path);
	fclose(in);
	*n = (size_t)size;
	return text;
}

/* One line of the sample as it is in this round. */
static void put_line(FILE *out, const char *p, size_t n, unsigned long round)
{
	static const char net4[] = "203.0.", net6[] = "2001:db8:";
	const char *end = p + n;

	while (p < end) {
		const char *at = memchr(p, '2', (size_t)(end - p));

		if (!at || (size_t)(end - at) < sizeof net6) {
			fwrite(p, 1, (size_t)(end - p), out);
			return;
		}
		fwrite(p, 1, (size_t)(at - p), out);
		p = at;
		if (memcmp(p, net4, sizeof net4 - 1) == 0) {
			fprintf(out, "%lu.%lu.", 101 + round / 250 % 26, round % 250);
			p += sizeof net4 - 1;
		} else if (memcmp(p, net6, sizeof net6 - 1) == 0) {
			fprintf(out, "2a0d:%lx:", round % 65536 + 1);
			p += sizeof net6 - 1;
		} else {
			putc(*p++, out);
		}
	}
}

static int copy(char **argv)
{
	unsigned long lines = strtoul(argv[2], NULL, 10), round = 0;
	double start = strtod(argv[3], NULL), end = strtod(argv[4], NULL);
	size_t n;
	char *sample = read_file(argv[0], &n);
	const char *p = sample, *stop = sample + n;
	FILE *out = fopen(argv[1], "we");
	struct date date = { 0 };

	if (!out)
		err(1, "%s", argv[1]);
	for (unsigned long i = 0; i < lines; i++) {
		double t = start + (end - start) * (double)i / (double)lines;
		const char *newline = memchr(p, '\n', (size_t)(stop - p));

		if (!newline || *p != '@')
			errx(1, "%s: a line that does not begin with @", argv[0]);
		set_date(&date, (time_t)t);
		fwrite(date.text, 1, date.n, out);
		put_line(out, p + 1, (size_t)(newline - p), round);
		p = newline + 1;
		if (p == stop) {
			p = sample;
			round++;
		}
	}
	if (fclose(out))
		err(1, "%s", argv[1]);
	free(sample);
	return 0;
}

/* ---------------------------------------------------------------- pace */

struct pace {
	unsigned long per_second, seconds, failure_every, addresses, rotations;
	unsigned long line, failures;
	struct date date;
};

static size_t batch(struct pace *p, char *text, unsigned long lines)
{
	size_t n = 0;

	set_date(&p->date, time(NULL));
	for (unsigned long i = 0; i < lines; i++, p->line++) {
		unsigned long k = p->failures;
		int room = LINE_ROOM - 1, used;

		if (p->line % p->failure_every == 0) {
			k %= p->addresses;
			used = snprintf(text + n, (size_t)room, "%s knock from 10.%lu.%lu.%lu\n",
					p->date.text, k >> 16 & 255, k >> 8 & 255, k & 255);
			p->failures++;
		} else {
			used = snprintf(text + n, (size_t)room,
					"%s mx postfix/smtpd[%lu]: connect from "
					"client%lu.example.org[198.51.100.%lu]\n",
					p->date.text, 1000 + p->line % 300, p->line, p->line % 250);
		}
		n += (size_t)(used < room ? used : room);
	}
	return n;
}

static void sleep_until(double when)
{
	double left = when - now_s();

	if (left > 0)
		usleep((useconds_t)(left * 1e6));
}

/* Renames the log; the caller's descriptor still names the old file. */
static void rotate(const char *path, unsigned long serial)
{
	char name[4096];

	snprintf(name, sizeof name, "%s.%lu", path, serial);
	if (rename(path, name) < 0)
		err(1, "%s", name);
}

static int pace(char **argv)
{
	struct pace p = { .per_second = strtoul(argv[1], NULL, 10),
			  .seconds = strtoul(argv[2], NULL, 10),
			  .failure_every = strtoul(argv[3], NULL, 10),
			  .addresses = strtoul(argv[4], NULL, 10),
			  .rotations = strtoul(argv[5], NULL, 10) };
	unsigned long batches = p.seconds * BATCHES_PER_SECOND, rotated = 0, renamed_at = 0;
	unsigned long per_batch = p.per_second / BATCHES_PER_SECOND;
	char *text = malloc(per_batch * LINE_ROOM + 1);
	double start = now_s();
	int fd = open_log(argv[0], O_APPEND);

	if (!text || !per_batch || !p.failure_every || !p.addresses)
		errx(2, "pace: numbers must be above 0, and %d lines a second at least",
		     BATCHES_PER_SECOND);
	for (unsigned long i = 0; i < batches; i++) {
		size_t n = batch(&p, text, per_batch);

		write_all(fd, text, n);
		if (rotated < p.rotations && i + 1 >= (rotated + 1) * batches / (p.rotations + 1)) {
			rotate(argv[0], rotated++);
			renamed_at = i;
		} else if (rotated && i == renamed_at + AFTER_RENAME) {
			close(fd);
			fd = open_log(argv[0], O_APPEND);
		}
		sleep_until(start + (double)(i + 1) / BATCHES_PER_SECOND);
	}
	close(fd);
	printf("lines %lu failures %lu seconds %.3f\n", p.line, p.failures, now_s() - start);
	free(text);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 7 && strcmp(argv[1], "copy") == 0)
		return copy(argv + 2);
	if (argc == 8 && strcmp(argv[1], "pace") == 0)
		return pace(argv + 2);
	errx(2, "usage: writer copy SAMPLE OUT LINES START END\n"
		"       writer pace LOG PER_SECOND SECONDS FAILURE_EVERY ADDRESSES ROTATIONS");
}
