/*
 * The first look at each port: greeting, EHLO, TLS, EHLO, certificate.  No act that a guard counts.
 */
#pragma once

#include "check/run.h"

/*
 * One port, from a source that may act, if there is one: a handshake that fails is an act.  Fills
 * the endpoint; at most two connections.
 */
void survey_endpoint(struct run *r, struct endpoint *e);
/* Ports that said 421: waits, once, and looks again. */
void survey_busy(struct run *r);
/* What the surveys say of the host: its kind, its name, the names that checks use. */
void survey_names(struct run *r);
