/* Time; see clock.h. */
#include "base/clock.h"

#include <math.h>
#include <stdlib.h>

static struct timespec read_clock(clockid_t id)
{
	struct timespec ts = { 0 };

	clock_gettime(id, &ts);
	return ts;
}

double clock_now(void)
{
	struct timespec ts = read_clock(CLOCK_REALTIME);

	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int64_t clock_ticks_ms(void)
{
	struct timespec ts = read_clock(CLOCK_MONOTONIC);

	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void clock_add_local(struct buf *b, double when)
{
	time_t t = (time_t)floor(when);
	struct tm tm;

	if (!localtime_r(&t, &tm))
		return;
	buf_printf(b, "%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		   tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void clock_fix_zone(void)
{
	if (setenv("TZ", ":/etc/localtime", 0) < 0) /* only without memory */
		abort();
	tzset();
}
