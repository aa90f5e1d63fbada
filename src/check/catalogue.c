/*
 * The table of checks; see check.h.
 */
#include <assert.h>

#include "check/check.h"
#include "check/guard.h"

const struct check checks[] = {
	{ "CON-01", REQUIREMENT_NONE, false, SEVERITY_INFO, 1, 0, PORT_ALL, check_ports, "ports",
	  "a port is closed" },
	{ "CON-02", REQUIREMENT_NONE, false, SEVERITY_INFO, 1, 0, PORT_ALL, check_greeting,
	  "the server greets", "no greeting" },
	{ "CON-03", R1, true, SEVERITY_HIGH, 1, NEEDS_GREETING, PORT_ALL, check_ehlo,
	  "EHLO is answered", "no ESMTP, so no TLS" },
	{ "CON-04", R1, true, SEVERITY_CRITICAL, 1, 0, PORT_465, check_implicit_tls,
	  "465 is TLS from the first byte", "465 is in clear text" },

	{ "TLS-01", R1, true, SEVERITY_CRITICAL, 1, NEEDS_GREETING, PORT_25 | PORT_587,
	  check_starttls_offered, "STARTTLS is offered", "no STARTTLS" },
	{ "TLS-02", R1, true, SEVERITY_HIGH, 1, NEEDS_GREETING, PORT_ALL, check_tls_works,
	  "TLS works", "TLS does not work" },
	{ "TLS-03", R1, true, SEVERITY_HIGH, 2, NEEDS_GREETING | NEEDS_TLS | NEEDS_ACT, PORT_ALL,
	  check_old_tls, "no TLS below 1.2", "TLS below 1.2" },
	{ "TLS-06", R1, true, SEVERITY_HIGH, 1, NEEDS_TLS, PORT_ALL, check_certificate,
	  "the certificate is trusted, valid, and of this name", "a bad certificate" },

	{ "AUTH-01", R1, true, SEVERITY_CRITICAL, 1, NEEDS_GREETING, PORT_25 | PORT_587,
	  check_auth_clear, "no AUTH is offered in clear text", "AUTH is offered in clear text" },
	{ "AUTH-02", R1, true, SEVERITY_CRITICAL, 2, NEEDS_GREETING | NEEDS_ACT, PORT_25 | PORT_587,
	  check_auth_unadvertised, "AUTH is refused in clear text", "AUTH is taken in clear text" },
	{ "AUTH-04", R1, true, SEVERITY_CRITICAL, 1, NEEDS_AUTH, PORT_ALL, check_mechanisms,
	  "login mechanisms", "anonymous login" },
	{ "AUTH-06", R1, true, SEVERITY_CRITICAL, 2, NEEDS_AUTH | NEEDS_ACT, PORT_LOGIN,
	  check_any_login, "a made-up login is refused", "any login is let in" },
	{ "AUTH-07", R1, false, SEVERITY_MEDIUM, 2, NEEDS_TLS | NEEDS_ACT, PORT_587 | PORT_465,
	  check_submission_open, "submission wants a login", "submission without a login" },
	{ "AUTH-10", REQUIREMENT_NONE, false, SEVERITY_INFO, 1, NEEDS_AUTH | NEEDS_USER | NEEDS_ACT,
	  PORT_LOGIN, check_login, "the test account's login works",
	  "the test account's login fails" },

	{ "SND-01", REQUIREMENT_NONE, false, SEVERITY_INFO, 1, NEEDS_LOGIN | NEEDS_ACT, PORT_LOGIN,
	  check_own_sender, "the test account's own sender is accepted", "own sender is refused" },
	{ "SND-02", R2, true, SEVERITY_HIGH, 2, NEEDS_LOGIN | NEEDS_ACT, PORT_LOGIN, check_sender,
	  "another user's sender is refused", "any user may send as another" },
	{ "SND-03", R2, true, SEVERITY_HIGH, 2, NEEDS_LOGIN | NEEDS_ACT, PORT_LOGIN, check_sender,
	  "a made-up sender of the domain is refused", "any user may send as nobody" },
	{ "SND-04", R2, true, SEVERITY_HIGH, 2, NEEDS_LOGIN | NEEDS_ACT, PORT_LOGIN, check_sender,
	  "a foreign sender is refused", "any user may send as anybody outside" },
	{ "SND-09", R2, false, SEVERITY_MEDIUM, 2, NEEDS_GREETING | NEEDS_ACT, PORT_25,
	  check_local_sender, "a local sender wants a login", "local senders without a login" },

	{ "REL-01", R2, true, SEVERITY_CRITICAL, 2, NEEDS_GREETING | NEEDS_ACT, PORT_ALL,
	  check_relay, "no relay for strangers", "an open relay" },
	{ "REL-03", R2, true, SEVERITY_CRITICAL, 2, NEEDS_GREETING | NEEDS_ACT, PORT_25,
	  check_relay_local, "no relay for who claims a local sender",
	  "a relay for who claims a local sender" },

	{ "GRD-a", R3, true, SEVERITY_HIGH, 3, NEEDS_GUARD, 0, check_guard,
	  "wrong logins are blocked", "wrong logins are not blocked" },
	{ "GRD-b", R3, true, SEVERITY_HIGH, 3, NEEDS_GUARD, 0, check_guard,
	  "unauthorised senders are blocked", "unauthorised senders are not blocked" },
	{ "GRD-c", R3, true, SEVERITY_HIGH, 3, NEEDS_GUARD, 0, check_guard,
	  "broken logins are blocked", "broken logins are not blocked" },
	{ 0 },
};

const struct check *check_find(const char *id)
{
	const struct check *c = checks;

	while (c->id && strcmp(c->id, id) != 0)
		c++;
	assert(c->id);
	return c;
}
