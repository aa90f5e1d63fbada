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
