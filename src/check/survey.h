/*
 * The first look at each port: greeting, EHLO, TLS, EHLO, certificate.  No act that a guard counts.
 */
#pragma once

#include "check/run.h"

/* One port, from this source: fills the endpoint.  At most three connections. */
void survey_endpoint(struct run *r, struct endpoint *e, struct source *s);
/* What the surveys say of the host: its kind, its name, the names that checks use. */
void survey_names(struct run *r);
