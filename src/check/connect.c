/*
 * CON-*: what the survey saw of ports, greetings and EHLO; and that 465 is not in clear text.
 */
#include "check/check.h"
#include "check/session.h"

void check_ports(struct run *r, const struct check *c, struct endpoint *e)
{
	struct finding *f =
		finding_add(r, c, e, INFO, "%s", e->reach == HERE ? "open" : gone_name(e->reach));

	/* providers block outgoing 25 to keep their customers from sending spam */
	if (e->port == 25 && e->reach == GONE_TIMEOUT) {
		f->status = UNKNOWN;
		f->why = "no answer: closed there, or your provider blocks connections to port 25";
		f->hint = "run it from a network that may connect to port 25";
	}
	if (e->reach == GONE_LOCAL || e->reach == GONE_LATE || e->reach == GONE_UNTRIED) {
		f->status = UNKNOWN;
		f->hint = "see that each --source is an address of this machine";
	}
}

/* Why the survey got no further, for whoever needs what did not come. */
static void add_unknown(struct run *r, const struct check *c, struct endpoint *e,
			const struct answer *a, const char *what)
{
	struct finding *f = finding_add(r, c, e, UNKNOWN, "%s: %s", what,
					a->text ? answer_brief(r, a) : "not asked");

	f->evidence = e->exchanges;
	if (a->kind == ANSWER_CLOSING || a->kind == ANSWER_LATER)
		f->hint = "the server is busy, or slows you down: try again later";
	else if (a->kind == ANSWER_NO)
		f->hint = "the server refuses this address: run it from another one (--source)";
	else
		f->hint = "find out why the server does not speak SMTP to you";
}

void check_greeting(struct run *r, const struct check *c, struct endpoint *e)
{
	struct finding *f;

	if (e->implicit && !e->tls_up) {
		finding_add(r, c, e, e->clear465 ? NA : UNKNOWN, "no greeting over TLS")->evidence =
			e->exchanges;
		return;
	}
	if (e->greeting.code != 220) {
		add_unknown(r, c, e, &e->greeting, "greeting");
		return;
	}
	f = finding_add(r, c, e, PASS, "%s", "");
	if (e->greeting.seconds > 5) {
		f->status = INFO;
		f->why = run_text(r, "the greeting took %.0f s: a tarpit, or postscreen",
				  e->greeting.seconds);
	}
}

void check_ehlo(struct run *r, const struct check *c, struct endpoint *e)
{
	const struct answer *a = e->implicit && !e->clear465 ? &e->ehlo_tls : &e->ehlo;

	if (e->no_esmtp && a->kind == ANSWER_YES)
		finding_add(r, c, e, FAIL, "only HELO is known: no STARTTLS, no AUTH is possible")
			->evidence = e->exchanges;
	else if (a->kind == ANSWER_YES)
		finding_add(r, c, e, PASS, "%s", "");
	else
		add_unknown(r, c, e, a, "EHLO");
}

void check_implicit_tls(struct run *r, const struct check *c, struct endpoint *e)
{
	struct finding *f;

	if (e->tls_up) {
		finding_add(r, c, e, PASS, "%s", "");
		return;
	}
	if (e->clear465) {
		f = finding_add(r, c, e, FAIL,
				"the server greets in clear text: whoever logs in "
				"here shows the password");
		f->evidence = e->exchanges;
		return;
	}
	f = finding_add(r, c, e, UNKNOWN, "no TLS, and no greeting in clear text: %s",
			e->tls_error ? e->tls_error : gone_name(e->reach));
	f->evidence = e->exchanges;
	f->hint = "find out what listens on this port";
}
