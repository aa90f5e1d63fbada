/*
 * REL-*: may anybody send through the server to anywhere?  Never as far as DATA.
 */
#include "check/check.h"
#include "check/sender.h"

/*
 * Postfix's defer_unauth_destination refuses for good with "454 4.7.1 Relay access denied"; every
 * other 4xx is a delay that says nothing.
 */
static bool is_deferred_refusal(const struct answer *a)
{
	return a->kind == ANSWER_LATER && a->code == 454 && a->enhanced[1] == 7 &&
	       a->enhanced[2] == 1;
}

/* A login is asked for: nobody without one is let through. */
static bool wants_login(const struct answer *a)
{
	return a->code == 530;
}

static bool same_refusal(const struct answer *a, const struct answer *b)
{
	return a->code == b->code && memcmp(a->enhanced, b->enhanced, sizeof a->enhanced) == 0;
}

/* Refused for the sender, whose domain the server does not know (RFC 3463: x.1.7, x.1.8)? */
static bool is_about_sender(const struct transaction *t)
{
	int detail = t->answer.enhanced[2];

	return t->outcome == OUTCOME_ADDRESS && (t->at_mail || detail == 7 || detail == 8);
}

/* From `from`, or from the sender of bounces, whom every server knows, if ours is the fault. */
static struct transaction try_mail(struct run *r, struct session *x, const char **from,
				   const char *to)
{
	struct transaction t = session_transaction(r, x, *from, to);

	if (t.outcome != OUTCOME_ACCEPTED)
		act_charge(x->s, ACT);
	if (!is_about_sender(&t) || !act_may(r, x->s))
		return t;
	*from = "";
	t = session_transaction(r, x, *from, to);
	if (t.outcome != OUTCOME_ACCEPTED)
		act_charge(x->s, ACT);
	return t;
}

/*
 * On port 25 a refusal must be of the foreign recipient, not of us: a local one must not have heard
 * the same.  Where nobody may send without a login there is nothing to compare with.
 */
static bool says_nothing(const struct endpoint *e, const struct transaction *t,
			 const struct transaction *c)
{
	return e->port == 25 && outcome_is_refusal(c->outcome) && !wants_login(&t->answer) &&
	       same_refusal(&c->answer, &t->answer);
}

static void judge(struct run *r, const struct check *c, struct endpoint *e, struct session *x,
		  const char *from, enum session_kind kind)
{
	const char *outside = run_text(r, "probe@%s", r->foreign);
	const char *where = kind == SESSION_CLEAR || e->implicit ? "" : ", after TLS";
	struct transaction local = { .outcome = OUTCOME_ACCEPTED }, t;
	struct finding *f;

	if (e->port == 25) /* what it should take: from outside, to a local recipient */
		local = try_mail(r, x, &outside, r->mail ? r->mail : r->other);
	if (dialogue_gone(x->d) != HERE || !act_may(r, x->s)) {
		f = finding_add(r, c, e, UNKNOWN, "mail to a local recipient: %s", local.reply);
		f->evidence = local.evidence;
		f->hint = "the server refuses this address, or that recipient: run it from another "
			  "address (--source), or give --user and --from";
		return;
	}
	t = try_mail(r, x, &from, run_text(r, "relay-probe@%s", r->foreign));
	if (t.outcome == OUTCOME_ACCEPTED) {
		f = finding_add(r, c, e, FAIL, "mail from <%s> to %s is taken without a login%s",
				from, r->foreign, where);
	} else if (says_nothing(e, &t, &local)) {
		f = finding_add(r, c, e, UNKNOWN,
				"mail to a local recipient is refused as well: %s", local.reply);
		f->hint = "the server refuses this address, or that recipient: run it from another "
			  "address (--source), or give --user and --from";
	} else if (t.outcome == OUTCOME_REFUSED || is_deferred_refusal(&t.answer)) {
		f = finding_add(r, c, e, PASS, "%s%s", t.reply, where);
	} else {
		f = finding_add(r, c, e, UNKNOWN, "%s%s", t.reply, where);
		f->hint = t.outcome == OUTCOME_ADDRESS
				  ? "give a domain of yours that the server's DNS knows (--foreign)"
				  : "the server gave no clear answer: try again later";
	}
	f->evidence = t.evidence;
}

static void relay(struct run *r, const struct check *c, struct endpoint *e, const char *from,
		  enum session_kind kind)
{
	const char *why;
	struct session *x = session_for_act(r, e, kind, &why);

	if (!x) {
		finding_add(r, c, e, UNKNOWN, "%s", why)->hint = "see CON-01, CON-02 and TLS-02";
		return;
	}
	judge(r, c, e, x, from, kind);
}

void check_relay(struct run *r, const struct check *c, struct endpoint *e)
{
	enum session_kind kind = r->over_tls && e->tls_up ? SESSION_TLS : SESSION_CLEAR;

	relay(r, c, e, run_text(r, "probe@%s", r->foreign), kind);
}

void check_relay_local(struct run *r, const struct check *c, struct endpoint *e)
{
	const char *own = r->mail ? r->mail : run_text(r, "postmaster@%s", r->domain);

	relay(r, c, e, own, SESSION_CLEAR);
}
