/*
 * Time zones as Fail2ban reads them, in dates and in `logtimezone`: an abbreviation with a fixed
 * offset ("CEST", "Z"), an offset ("+0200", "-03", "+05:30"), or both, added ("UTC+0200").
 */
#pragma once

#include "base/str.h"

/* Minutes east of UTC. 0, -EINVAL: not of that form, -ENOENT: an abbreviation nobody knows. */
int zone_parse(str text, int *minutes) __attribute__((warn_unused_result));
