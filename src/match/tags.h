/*
 * Fail2ban's tags in patterns: <HOST>, <F-USER>..</F-USER>, <SKIPLINES> and so on become groups
 * (fail2ban-behaviour.md section 3.1).  Patterns are configuration.
 */
#pragma once

#include "base/buf.h"
#include "config/config.h"

/* Adds the expanded pattern, as `get JAIL failregex` shows it. */
void tags_expand(str pattern, enum usedns usedns, struct buf *out);
