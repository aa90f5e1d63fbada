/*
 * Before addresses get banned: may they, and would it lock out who asks for it?
 */
#pragma once

#include "base/err.h"
#include "base/ip.h"

/*
 * From where the person at this terminal has logged in by SSH: SSH_CONNECTION of this process or,
 * since sudo removes it, of one of its parents.  Family 0: not by SSH.
 */
struct ip consent_ssh_client(void);
/* Would banning `ip` lock out somebody who comes from `client`?  IPv6: the same /64. */
bool consent_locks_out(const struct ip *ip, const struct ip *client);
/* Asks at the terminal; false if there is none, or the answer is not yes. */
bool consent_ask(const char *question);
