/*
 * SND-*: whose name a logged-in client, or one without a login, may send in.  Recipient is always
 * the test account itself, and no message is ever sent.
 */
#include "check/sender.h"

#include "check/auth.h"
#include "check/check.h"

bool outcome_is_refusal(enum outcome o)
{
	return o == OUTCOME_REFUSED || o == OUTCOME_ADDRESS;
}

const char *sender_of(const struct run *r, const char *id)
{
	char word[9];

	if (strcmp(id, "SND-01") == 0)
		return r->mail;
	if (strcmp(id, "SND-02") == 0)
		return r->other;
	auth_random_word(word, sizeof word);
	if (strcmp(id, "SND-03") == 0)
		return run_text(r, "nobody-%s@%s", word, r->domain);
	return run_text(r, "probe@%s", r->foreign);
}

static struct finding *no_session(struct run *r, const struct check *c, struct endpoint *e,
				  const char *why)
{
	struct finding *f = finding_add(r, c, e, UNKNOWN, "%s", why);

	f->hint = "see AUTH-10";
	return f;
}

void check_own_sender(struct run *r, const struct check *c, struct endpoint *e)
{
	const char *why;
	struct session *x = session_for_act(r, e, SESSION_LOGIN, &why);
	struct transaction t;
	struct finding *f;

	if (!x) {
		no_session(r, c, e, why);
		return;
	}
	t = session_transaction(r, x, r->mail, r->mail);
	if (t.outcome != OUTCOME_ACCEPTED)
		act_charge(x->s, ACT);
	if (t.outcome == OUTCOME_ACCEPTED) {
		f = finding_add(r, c, e, PASS, "%s", r->mail);
	} else {
		f = finding_add(r, c, e, UNKNOWN, "%s may not send as %s: %s", r->o->user, r->mail,
				t.reply);
		f->hint = t.outcome == OUTCOME_LATER
				  ? "greylisting, perhaps: try again in some minutes"
				  : "give the account's own mail address (--from)";
	}
	f->evidence = t.evidence;
}

/* Refused for being unknown says nothing of who may use an address that is known. */
static const char *hint_of(const struct check *c, enum outcome o)
{
	if (o == OUTCOME_LATER)
		return "greylisting, perhaps: try again in some minutes";
	if (o == OUTCOME_BROKEN)
		return "the server gave no clear answer: try again later";
	return strcmp(c->id, "SND-02") == 0
		       ? "give the address of another user that exists (--other)"
		       : "give a domain of yours that the server's DNS knows (--foreign)";
}

void sender_judge(struct run *r, const struct check *c, const struct endpoint *e,
		  const struct transaction *t)
{
	bool made_up = strcmp(c->id, "SND-03") == 0;
	struct finding *f;

	if (t->outcome == OUTCOME_ACCEPTED)
		f = finding_add(r, c, e, FAIL, "%s: accepted, %s", c->fault, t->from);
	else if (t->outcome == OUTCOME_REFUSED || (t->outcome == OUTCOME_ADDRESS && made_up))
		f = finding_add(r, c, e, PASS, "%s", t->reply);
	else {
		f = finding_add(r, c, e, UNKNOWN, "%s", t->reply);
		f->hint = hint_of(c, t->outcome);
	}
	f->evidence = t->evidence;
}

void check_sender(struct run *r, const struct check *c, struct endpoint *e)
{
	const char *why;
	struct session *x = session_for_act(r, e, SESSION_LOGIN, &why);
	struct transaction t;

	if (!x) {
		no_session(r, c, e, why);
		return;
	}
	t = session_transaction(r, x, sender_of(r, c->id), r->mail);
	if (t.outcome != OUTCOME_ACCEPTED)
		act_charge(x->s, ACT);
	sender_judge(r, c, e, &t);
}

void check_local_sender(struct run *r, const struct check *c, struct endpoint *e)
{
	const char *own = r->mail ? r->mail : run_text(r, "postmaster@%s", r->domain), *why;
	enum session_kind kind = e->tls_up ? SESSION_TLS : SESSION_CLEAR;
	struct session *x = session_for_act(r, e, kind, &why);
	struct transaction t;
	struct finding *f;

	if (!x) {
		finding_add(r, c, e, UNKNOWN, "%s", why)->hint = "see CON-01 and CON-02";
		return;
	}
	t = session_transaction(r, x, own, own);
	if (t.outcome != OUTCOME_ACCEPTED)
		act_charge(x->s, ACT);
	if (t.outcome == OUTCOME_ACCEPTED)
		f = finding_add(r, c, e, WARN, "anybody may send to your users as %s", own);
	else if (outcome_is_refusal(t.outcome))
		f = finding_add(r, c, e, PASS, "%s", t.reply);
	else {
		f = finding_add(r, c, e, UNKNOWN, "%s", t.reply);
		f->hint = hint_of(c, t.outcome);
	}
	f->evidence = t.evidence;
}
