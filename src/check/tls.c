/*
 * TLS-*: STARTTLS, versions, certificate.
 */
#include <openssl/rand.h>

#include "check/check.h"
#include "check/door.h"
#include "check/session.h"
#include "check/tls_hello.h"

enum { DAYS_WARNING = 21 };

/* Do logins happen here? Then what is advice elsewhere is a duty (RFC 8314, 8997). */
static bool is_for_logins(const struct endpoint *e)
{
	return e->port != 25 || e->mechanisms || e->auth_clear;
}

/* A fault where logins happen; a warning on a port that only receives mail. */
static struct finding *add_fault(struct run *r, const struct check *c, struct endpoint *e,
				 const char *why)
{
	struct finding *f = finding_add(r, c, e, is_for_logins(e) ? FAIL : WARN, "%s", why);

	f->evidence = e->exchanges;
	return f;
}

void check_starttls_offered(struct run *r, const struct check *c, struct endpoint *e)
{
	struct finding *f;

	if (e->ehlo.kind != ANSWER_YES) {
		f = finding_add(r, c, e, UNKNOWN, "no answer to EHLO");
		f->hint = "see CON-02 and CON-03";
	} else if (e->offers_starttls) {
		finding_add(r, c, e, PASS, "%s", "");
	} else {
		f = finding_add(r, c, e, FAIL, "STARTTLS is not offered");
		f->evidence = e->exchanges;
		if (e->port == 25)
			f->severity = e->auth_clear ? SEVERITY_HIGH : SEVERITY_MEDIUM;
	}
}

/* Offered, and does not work: whether logins would have been offered then, nobody knows. */
static void add_broken(struct run *r, const struct check *c, struct endpoint *e, const char *why)
{
	struct finding *f = finding_add(r, c, e, FAIL, "%s", why);

	if (!is_for_logins(e))
		f->severity = SEVERITY_MEDIUM;
}

/* Did the handshake fail, and not only fail to end? */
static bool handshake_failed(const struct endpoint *e)
{
	return e->tls_tried && !e->tls_up && e->tls_error &&
	       strcmp(e->tls_error, gone_name(GONE_SILENT)) != 0 &&
	       strcmp(e->tls_error, gone_name(GONE_LATE)) != 0;
}

void check_tls_works(struct run *r, const struct check *c, struct endpoint *e)
{
	const struct answer *then = e->implicit ? &e->greeting : &e->ehlo_tls;
	struct finding *f;

	if (!e->implicit && !e->offers_starttls)
		finding_add(r, c, e, NA, "STARTTLS is not offered");
	else if (e->implicit && e->clear465)
		finding_add(r, c, e, NA, "the port is in clear text");
	else if (e->starttls.kind == ANSWER_LATER || e->starttls.kind == ANSWER_NO)
		add_broken(r, c, e,
			   run_text(r, "STARTTLS is offered, but refused: %s",
				    answer_brief(r, &e->starttls)));
	else if (e->tls_up && then->kind == ANSWER_YES)
		finding_add(r, c, e, PASS, "%s", e->tls_version);
	else if (!e->implicit && handshake_failed(e))
		add_broken(r, c, e, run_text(r, "the handshake fails: %s", e->tls_error));
	else {
		const char *why = e->tls_up      ? answer_brief(r, then)
				  : e->tls_error ? e->tls_error
						 : "not begun";

		f = finding_add(r, c, e, UNKNOWN, "%s: %s",
				e->tls_up ? "after the handshake" : "the handshake did not end",
				why);
		f->hint = "try again; then look at the server's log";
	}
}

void check_certificate(struct run *r, const struct check *c, struct endpoint *e)
{
	const struct certificate *x = &e->certificate;
	struct finding *f;

	if (!x->there)
		add_fault(r, c, e, "there is no certificate");
	else if (!x->trusted)
		add_fault(
			r, c, e,
			run_text(r, "not trusted: %s (if it is meant so: --ca)", x->untrusted_why));
	else if (x->expired)
		add_fault(r, c, e, run_text(r, "expired %d days ago", -x->days_left));
	else if (x->not_yet)
		add_fault(r, c, e, "not valid yet");
	else if (!x->name_fits)
		add_fault(r, c, e,
			  run_text(r, "it is for %s, not for %s", x->names, e->certificate_name));
	else if (x->days_left < DAYS_WARNING)
		finding_add(r, c, e, WARN, "it expires in %d days", x->days_left);
	else {
		f = finding_add(r, c, e, PASS, "trusted, for %s, %d days left", e->certificate_name,
				x->days_left);
		if (strcmp(e->certificate_name, r->o->host) != 0)
			f->why = run_text(r, "%s (the server's own name: HOST is an address)",
					  f->why);
	}
}

/* ---------------------------------------------------------------- old versions */

struct hello {
	enum tls_answer_kind kind;
	bool sent; /* it got as far as that: the handshake breaks off */
	bool bare; /* refused without an alert: the connection just ended */
	unsigned version;
	const char *why;
	struct exchange *evidence;
};

static const char *refusal_name(const struct dialogue *d)
{
	return dialogue_gone(d) == GONE_RESET ? "reset" : "closed";
}

/* Sends a hello by hand, reads what comes. */
static struct hello say_hello(struct run *r, struct dialogue *d, unsigned version)
{
	struct buf hello _buf_free_ = { 0 };
	uint8_t random[TLS_RANDOM_BYTES];
	struct tls_answer a = { .kind = TLS_ANSWER_MORE };
	struct hello p = { .kind = TLS_ANSWER_MORE, .sent = true };
	str name = r->host_is_address ? STR_NULL : str_of(r->o->host);

	RAND_bytes(random, sizeof random);
	tls_hello_write(&hello, version, name, random);
	dialogue_send_raw(d, buf_str(&hello),
			  run_text(r, "(hello: %s at most)", tls_version_name(version)));
	while (a.kind == TLS_ANSWER_MORE) {
		if (!dialogue_await_raw(d, dialogue_raw(d).n, WAIT_TLS))
			break;
		a = tls_answer_parse(dialogue_raw(d), version);
	}
	p.kind = a.kind;
	p.version = a.version;
	if (a.kind == TLS_ANSWER_ACCEPTED) {
		p.why = run_text(r, "accepted: %s", tls_version_name(a.version));
	} else if (a.kind == TLS_ANSWER_REFUSED) {
		p.why = run_text(r, "refused: alert %u", a.alert);
	} else if (a.kind == TLS_ANSWER_MORE && dialogue_raw(d).n == 0 &&
		   (dialogue_gone(d) == GONE_CLOSED || dialogue_gone(d) == GONE_RESET)) {
		p.kind = TLS_ANSWER_REFUSED;
		p.bare = true;
		p.why = run_text(r, "refused: %s", refusal_name(d));
	} else {
		p.why = a.kind == TLS_ANSWER_GARBAGE ? "not TLS" : "no answer";
	}
	dialogue_note(d, NULL, p.why);
	return p;
}

/* One connection up to the hello. False with p->why if it did not get there. */
static struct hello probe_version(struct run *r, struct endpoint *e, struct source *s,
				  unsigned version)
{
	struct hello p = { .kind = TLS_ANSWER_MORE };
	struct session x;

	if (e->implicit) {
		x = (struct session){ .e = e, .s = s };
		x.d = dialogue_open(r->engine, &e->address, e->port, &s->ip, WAIT_CONNECT);
		p.why = gone_name(dialogue_gone(x.d));
		if (dialogue_gone(x.d) == HERE)
			p = say_hello(r, x.d, version);
	} else if (session_open(r, e, s, SESSION_CLEAR, &x)) {
		const struct answer *a = dialogue_say(x.d, "STARTTLS", WAIT_REPLY);

		p.why = answer_brief(r, a);
		if (a->kind == ANSWER_YES)
			p = say_hello(r, x.d, version);
	} else {
		p.why = x.why;
	}
	p.evidence = dialogue_since(x.d, 0);
	session_close(r, &x, CLOSE_PLAIN);
	return p;
}

void check_old_tls(struct run *r, const struct check *c, struct endpoint *e)
{
	struct source *s = act_source(r, e);
	struct finding *f;
	struct hello p;

	if (strcmp(e->tls_version, "TLSv1.2") != 0 && strcmp(e->tls_version, "TLSv1.3") != 0) {
		add_fault(r, c, e, run_text(r, "%s is the best it can", e->tls_version));
		return;
	}
	session_share_end(r);
	p = probe_version(r, e, s, TLS_11);
	if (p.sent)
		act_charge(s, ACT); /* a handshake that breaks off */
	/* after STARTTLS the server is there; on 465 a closed door looks the same */
	if (p.bare && e->implicit && door_probe(r, e, s, WAIT_GREETING).door != DOOR_OPEN)
		p = (struct hello){ .kind = TLS_ANSWER_MORE,
				    .why = "nothing, and the door is closed now",
				    .evidence = p.evidence };
	if (p.kind == TLS_ANSWER_REFUSED) {
		finding_add(r, c, e, PASS, "%s", p.why)->evidence = p.evidence;
		return;
	}
	if (p.kind != TLS_ANSWER_ACCEPTED || p.version >= TLS_12) {
		f = finding_add(r, c, e, UNKNOWN, "a hello of TLS 1.1 was answered with: %s",
				p.why);
		f->evidence = p.evidence;
		f->hint = "try again; then look at the server's log";
		return;
	}
	add_fault(r, c, e, run_text(r, "%s is accepted", tls_version_name(p.version)))->evidence =
		p.evidence;
}
