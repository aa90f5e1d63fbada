/*
 * Fail2ban's time expressions (behaviour section 1.8): "10m", "1d12h", "1.5h", "2*3", "-1",
 * "1year-6mo".  Trusted input (configuration, root's commands).
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

/* Seconds. *whole says whether the result is an int to Python (else a float). 0 or -EINVAL. */
int duration_parse(str text, double *seconds, bool *whole, struct err *err)
	__attribute__((warn_unused_result));
