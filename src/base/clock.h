/*
 * Time.  Policy takes `now` as a parameter; only event loops and command lines call clock_now().
 * Seconds since the epoch are double where Fail2ban's are (they keep fractions), int64_t where a
 * whole second is meant.
 */
#pragma once

#include <stdint.h>
#include <time.h>

#include "base/buf.h"

/* Seconds since 1970-01-01 00:00 UTC, with fractions. */
double clock_now(void);
/* Milliseconds of a clock that never jumps, for time-outs. */
int64_t clock_ticks_ms(void);
/* "2026-11-21 20:20:32" in local time. */
void clock_add_local(struct buf *b, double when);
/*
 * Pins this process's time zone to what /etc/localtime is now, unless TZ says another; sets TZ.
 * For a process that is about to lose sight of files, before it does, and before threads or
 * children share its environment.  Its later children inherit TZ, and read the file when they
 * start.
 *
 * Without TZ, glibc looks at /etc/localtime in every mktime(3) and loads it anew once it has
 * changed; behind a sandbox that fails, and an update of the zone files turns local time into UTC.
 * With TZ=:/etc/localtime it loads the file once.  Seen with strace and glibc 2.36: one open, no
 * stat of it in any later mktime(3) or localtime_r(3), the zone stays when the link is replaced,
 * and the offsets are those of the zone before, in and after the changes of summer time, up to
 * 2100 (Berlin, New York, Lord Howe, Santiago).  A file that is missing is UTC, as without TZ.
 */
void clock_fix_zone(void);
