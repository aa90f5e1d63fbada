/*
 * AUTH-*: when the server takes a password, and from whom.
 */
#include "check/check.h"

#include <openssl/rand.h>

#include "check/auth.h"
#include "check/session.h"

/* With which of these does the password, or a token that is as good, go over the wire? */
static bool shows_password(str mechanism)
{
	static const char *const names[] = { "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_eq_nocase(mechanism, str_of(names[i])))
			return true;
	return false;
}

void check_auth_clear(struct run *r, const struct check *c, struct endpoint *e)
{
	str rest = str_of(e->mechanisms_clear ? e->mechanisms_clear : ""), word;
	struct finding *f;

	if (e->ehlo.kind != ANSWER_YES) {
		f = finding_add(r, c, e, UNKNOWN, "no answer to EHLO");
		f->hint = "see CON-02 and CON-03";
		return;
	}
	if (!e->auth_clear) {
		finding_add(r, c, e, PASS, "%s", "");
		return;
	}
	f = finding_add(r, c, e, FAIL, "AUTH %s is offered in clear text", e->mechanisms_clear);
	f->evidence = e->exchanges;
	f->severity = SEVERITY_MEDIUM;
	while (str_word(&rest, &word))
		if (shows_password(word))
			f->severity = SEVERITY_CRITICAL;
}

void check_mechanisms(struct run *r, const struct check *c, struct endpoint *e)
{
	str rest = str_of(e->mechanisms), word;
	struct finding *f;

	while (str_word(&rest, &word)) {
		if (str_eq_nocase(word, STR("ANONYMOUS"))) {
			f = finding_add(r, c, e, FAIL, "AUTH ANONYMOUS lets anybody in");
			f->evidence = e->exchanges;
			return;
		}
	}
	rest = str_of(e->mechanisms);
	while (str_word(&rest, &word)) {
		if (str_eq_nocase(word, STR("CRAM-MD5")) ||
		    str_eq_nocase(word, STR("DIGEST-MD5")) || str_eq_nocase(word, STR("NTLM"))) {
			finding_add(r, c, e, WARN,
				    "AUTH %.*s is outdated, and needs passwords "
				    "that are stored readable",
				    STR_ARG(word));
			return;
		}
	}
	finding_add(r, c, e, PASS, "%s", e->mechanisms);
}

/* ---------------------------------------------------------------- in clear text */

static enum status judge_clear(const struct answer *a)
{
	switch (a->kind) {
	case ANSWER_MORE:
	case ANSWER_YES:
		return FAIL;
	case ANSWER_NO:
		/* RFC 4954 section 4 and 6, RFC 3207 section 4, and what servers make of them */
		switch (a->code) {
		case 500:
		case 502:
		case 503:
		case 504:
		case 523:
		case 530:
		case 534:
		case 538:
		case 550:
		case 554:
			return PASS;
		case 535: /* it has looked at a password */
			return FAIL;
		default:
			return UNKNOWN;
		}
	case ANSWER_NOT_ASKED:
	case ANSWER_LATER:
	case ANSWER_CLOSING:
	case ANSWER_MALFORMED:
	case ANSWER_NONE:
		break;
	}
	return UNKNOWN;
}

void check_auth_unadvertised(struct run *r, const struct check *c, struct endpoint *e)
{
	const char *command = r->plain ? "AUTH PLAIN" : "AUTH LOGIN", *why;
	struct session *x = session_for_act(r, e, SESSION_CLEAR, &why);
	const struct answer *a;
	struct finding *f;
	size_t spoken;

	if (!x) {
		finding_add(r, c, e, UNKNOWN, "%s", why)->hint = "see CON-01 and CON-02";
		return;
	}
	spoken = dialogue_spoken(x->d);
	a = dialogue_say(x->d, command, WAIT_AUTH);
	act_charge(x->s, ACT);
	f = finding_add(r, c, e, judge_clear(a), "%s", answer_brief(r, a));
	if (f->status == FAIL)
		f->why = run_text(r, "%s is taken in clear text: %s", command, f->why);
	else if (f->status == UNKNOWN)
		f->hint = "the server gave no clear answer: try again later";
	if (a->kind == ANSWER_MORE)
		(void)dialogue_say(x->d, "*", WAIT_REPLY);
	f->evidence = dialogue_since(x->d, spoken);
}

/* ---------------------------------------------------------------- logins */

void auth_random_word(char *out, size_t n)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char bytes[64];

	RAND_bytes(bytes, sizeof bytes);
	for (size_t i = 0; i + 1 < n && i < sizeof bytes; i++)
		out[i] = letters[bytes[i] % 32];
	out[n - 1] = '\0';
}

const char *auth_random_user(const struct run *r)
{
	char word[9];

	auth_random_word(word, sizeof word);
	return run_text(r, "nouser-%s@%s", word, r->domain);
}

void auth_judge_any_login(struct run *r, const struct check *c, const struct endpoint *e,
			  const struct answer *a, struct exchange *evidence)
{
	struct finding *f;

	if (a->kind == ANSWER_YES && a->code == 235)
		f = finding_add(r, c, e, FAIL, "a made-up user with a made-up password is let in");
	else if (a->kind == ANSWER_NO && a->code == 535)
		f = finding_add(r, c, e, PASS, "%s", answer_brief(r, a));
	else {
		f = finding_add(r, c, e, UNKNOWN, "a made-up login: %s", answer_brief(r, a));
		f->hint =
			a->kind == ANSWER_LATER
				? "the server cannot check logins now: see that its login service "
				  "(Dovecot, saslauthd) runs, then try again"
				: "the server gave no clear answer: try again later";
	}
	f->evidence = evidence;
}

void check_any_login(struct run *r, const struct check *c, struct endpoint *e)
{
	char password[17];
	const char *why;
	struct session *x = session_for_act(r, e, SESSION_TLS, &why);
	const struct answer *a;
	struct answer judged;
	struct source *s;
	size_t spoken;

	if (!x) {
		finding_add(r, c, e, UNKNOWN, "%s", why)->hint = "see TLS-02";
		return;
	}
	s = x->s;
	spoken = dialogue_spoken(x->d);
	auth_random_word(password, sizeof password);
	a = session_auth(r, x,
			 &(struct login){ str_of(auth_random_user(r)), str_of(password), true },
			 WAIT_AUTH);
	if (!a) {
		finding_add(r, c, e, UNKNOWN, "neither AUTH PLAIN nor LOGIN is offered")->hint =
			"only these two can be tested";
		return;
	}
	if (a->code != 235)
		act_charge(s, ACT_LOGIN);
	judged = *a;
	if (judged.code == 535)
		(void)session_in_step(x, "NOOP", &judged);
	auth_judge_any_login(r, c, e, &judged, dialogue_since(x->d, spoken));
	session_share_end(r); /* nobody knows whether it is logged in now */
}

void check_login(struct run *r, const struct check *c, struct endpoint *e)
{
	const char *why;
	struct session *x = session_for_act(r, e, SESSION_LOGIN, &why);
	struct finding *f;

	if (x) {
		r->login_works = true;
		f = finding_add(r, c, e, PASS, "%s", r->o->user);
		if (!x->e->certificate.trusted || !x->e->certificate.name_fits)
			f->why = run_text(r,
					  "%s; the certificate is not to be trusted (TLS-06): who "
					  "stood in between knows the password now",
					  r->o->user);
		f->evidence = dialogue_since(x->d, 0);
		return;
	}
	f = finding_add(r, c, e, UNKNOWN, "%s", why);
	f->hint = "see that --user and the password are right, and that the account is not locked";
	if (r->shared)
		f->evidence = r->shared->evidence;
}

/* ---------------------------------------------------------------- submission without login */

void check_submission_open(struct run *r, const struct check *c, struct endpoint *e)
{
	const char *to = r->mail ? r->mail : run_text(r, "postmaster@%s", r->domain), *why;
	struct session *x = session_for_act(r, e, SESSION_TLS, &why);
	struct transaction t;
	struct finding *f;

	if (!x) {
		finding_add(r, c, e, UNKNOWN, "%s", why)->hint = "see TLS-02";
		return;
	}
	t = session_transaction(r, x, run_text(r, "probe@%s", r->foreign), to);
	if (t.outcome != OUTCOME_ACCEPTED)
		act_charge(x->s, ACT);
	switch (t.outcome) {
	case OUTCOME_ACCEPTED:
		f = finding_add(r, c, e, WARN,
				"mail is taken without a login: the port is one "
				"more entrance, past the checks of port 25");
		break;
	case OUTCOME_REFUSED:
		f = finding_add(r, c, e, PASS, "%s", t.reply);
		break;
	case OUTCOME_ADDRESS:
	case OUTCOME_LATER:
	case OUTCOME_BROKEN:
	default:
		f = finding_add(r, c, e, UNKNOWN, "without a login: %s", t.reply);
		f->hint = "the server gave no clear answer: try again later";
	}
	f->evidence = t.evidence;
}
