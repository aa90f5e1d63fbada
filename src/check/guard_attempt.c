/*
 * One attempt of the guard test: always a new connection.
 *
 *  a  a login with a made-up name and password; left with QUIT and without, in turn
 *  b  the test account sends in another's name; the recipient is the account itself
 *  c  a login that is broken off: closed after the server asked for the name (c1), reset there
 *     (c2), closed before the answer to a made-up password (c3), in turn
 */
#include "check/auth.h"
#include "check/check.h"
#include "check/guard.h"
#include "check/sender.h"

enum {
	AUTH_PATIENCE = 25, /* Dovecot's longest delay is 17 s */
	GROWN = 2,          /* seconds more than the first answer took: a penalty for new guesses */
	PENALTY_LAPSES = 16, /* Dovecot 2.3 forgets it 15 s after the last new guess */
};

const char *guard_behaviour(char letter)
{
	switch (letter) {
	case 'a':
		return "wrong logins";
	case 'b':
		return "unauthorised senders";
	default:
		return "broken logins";
	}
}

static struct attempt *begin(struct run *r, struct series *s, const char *kind)
{
	struct attempt *a = &s->attempts[s->made++];

	*a = (struct attempt){ .number = s->made, .at = engine_elapsed(r->engine), .kind = kind };
	return a;
}

/* The session did not come about. True: the attempt was made, and means something. */
static bool no_session(struct run *r, struct series *s, struct session *x, const char *kind)
{
	struct attempt *a;

	s->evidence = x->evidence;
	if (x->end == SESSION_DOOR || x->end == SESSION_BUSY)
		return false;
	a = begin(r, s, kind);
	a->reply = x->why;
	if (x->end == SESSION_LOGIN_LATER)
		s->unchecked++;
	return true;
}

/* ---------------------------------------------------------------- a */

/*
 * Every guess is new, for there are guards that count a repeated one only once.  But Dovecot
 * answers each new guess later (2, 6, 10, 17 s), and from the third on Postfix gives up first and
 * answers 454, which no guard should count.  So once the answers slow down we wait until the
 * penalty has lapsed and then repeat the last guess, which Dovecot does not punish.
 */
static void next_guess(struct run *r, struct series *s)
{
	if (s->repeats)
		return;
	snprintf(s->user, sizeof s->user, "%.79s", auth_random_user(r));
	auth_random_word(s->password, sizeof s->password);
}

static void watch_penalty(struct run *r, struct series *s, const struct answer *a)
{
	if (s->made == 1)
		s->first_seconds = a->seconds;
	if (s->repeats || s->made == 1)
		return;
	if (a->kind == ANSWER_LATER || a->seconds > s->first_seconds + GROWN) {
		s->repeats = s->slowed = true;
		s->not_before = engine_elapsed(r->engine) + PENALTY_LAPSES;
	}
}

static bool attempt_login(struct run *r, struct series *s)
{
	const struct check *any_login = check_find("AUTH-06");
	const struct answer *answer;
	struct attempt *a;
	struct session x;

	if (!session_open(r, s->endpoint, s->source, SESSION_TLS, &x)) {
		bool made = no_session(r, s, &x, "login");

		session_close(r, &x, CLOSE_PLAIN);
		return made;
	}
	next_guess(r, s);
	answer = session_auth(r, &x, &(struct login){ str_of(s->user), str_of(s->password), true },
			      AUTH_PATIENCE);
	a = begin(r, s, "login");
	a->reply = answer ? answer_brief(r, answer) : "neither PLAIN nor LOGIN";
	if (answer) {
		watch_penalty(r, s, answer);
		/* no answer: a ban may have been quicker */
		if (answer->code == 535 || answer->kind == ANSWER_NONE)
			a->counts = true;
		else if (answer->kind == ANSWER_LATER || answer->kind == ANSWER_NO)
			s->unchecked++;
		if (answer->kind == ANSWER_LATER && answer->code == 450)
			s->limited = true; /* Postfix's smtpd_client_auth_rate_limit */
		if (!finding_answer(r, any_login->id, NULL)) {
			finding_forget(r, any_login->id, NULL);
			auth_judge_any_login(r, any_login, s->endpoint, answer,
					     dialogue_since(x.d, 0));
		}
		if (answer->kind == ANSWER_YES)
			s->state = SERIES_ACCEPTED;
	}
	s->counted += a->counts;
	s->evidence = dialogue_since(x.d, 0);
	/* as an attacker leaves: session_close() would be kinder to Sendmail's log */
	dialogue_close(x.d, a->number % 2 ? CLOSE_QUIT : CLOSE_PLAIN);
	return true;
}

/* ---------------------------------------------------------------- b */

static const char *const sender_ids[] = { "SND-02", "SND-04", "SND-03" };
enum { SENDER_IDS = sizeof sender_ids / sizeof *sender_ids };

/* The checks that are open still, all in one session: those that are accepted cost nothing. */
static void answer_senders(struct run *r, struct series *s, struct session *x)
{
	for (size_t i = 0; i < SENDER_IDS; i++) {
		const struct check *c = check_find(sender_ids[i]);
		struct transaction t;
		struct attempt *a;

		if (finding_answer(r, c->id, NULL))
			continue;
		finding_forget(r, c->id, NULL);
		t = session_transaction(r, x, sender_of(r, c->id), r->mail);
		sender_judge(r, c, s->endpoint, &t);
		if (t.outcome == OUTCOME_ACCEPTED)
			continue;
		a = begin(r, s, c->id);
		a->reply = t.reply;
		a->counts = outcome_is_refusal(t.outcome);
		s->counted += a->counts;
		return;
	}
}

/* A sender that is known to be refused, in turn; NULL: none is. */
static const char *refused_sender(const struct run *r, unsigned number)
{
	for (unsigned i = 0; i < SENDER_IDS; i++) {
		const char *id = sender_ids[(number + i) % SENDER_IDS];
		const struct finding *f = finding_answer(r, id, NULL);

		if (f && f->status == PASS)
			return id;
	}
	return NULL;
}

static bool senders_open(const struct run *r)
{
	for (size_t i = 0; i < SENDER_IDS; i++)
		if (!finding_answer(r, sender_ids[i], NULL))
			return true;
	return false;
}

static void attempt_refused_sender(struct run *r, struct series *s, struct session *x)
{
	const char *id = refused_sender(r, s->made);
	struct transaction t;
	struct attempt *a;

	if (!id) {
		s->state = SERIES_ACCEPTED;
		return;
	}
	t = session_transaction(r, x, sender_of(r, id), r->mail);
	a = begin(r, s, id);
	a->reply = t.reply;
	a->counts = outcome_is_refusal(t.outcome) || t.answer.kind == ANSWER_NONE;
	s->counted += a->counts;
}

static bool attempt_sender(struct run *r, struct series *s)
{
	const struct finding *other;
	unsigned before = s->made;
	struct session x;

	if (!session_open(r, s->endpoint, s->source, SESSION_LOGIN, &x)) {
		bool made = no_session(r, s, &x, "sender");

		if (x.end == SESSION_LOGIN_REFUSED)
			s->soft = true; /* the right password, refused */
		session_close(r, &x, CLOSE_PLAIN);
		return made;
	}
	if (senders_open(r))
		answer_senders(r, s, &x);
	if (s->made == before)
		attempt_refused_sender(r, s, &x);
	other = finding_answer(r, "SND-02", NULL);
	if (other && other->status == FAIL && !senders_open(r))
		s->state = SERIES_ACCEPTED; /* nothing is refused that a guard could count */
	s->evidence = dialogue_since(x.d, 0);
	session_close(r, &x, CLOSE_QUIT);
	return true;
}

/* ---------------------------------------------------------------- c */

static bool break_after_question(struct run *r, struct session *x, struct attempt *a)
{
	const struct answer *answer = dialogue_say(x->d, "AUTH LOGIN", AUTH_PATIENCE);

	if (answer->kind == ANSWER_NO) /* LOGIN is not offered: PLAIN without its argument */
		answer = dialogue_say(x->d, "AUTH PLAIN", AUTH_PATIENCE);
	a->reply = answer_brief(r, answer);
	return answer->kind == ANSWER_MORE || answer->kind == ANSWER_NONE;
}

static void break_before_answer(struct run *r, struct series *s, struct session *x,
				struct attempt *a)
{
	char *plain, *line;

	next_guess(r, s);
	plain = secret_plain(str_of(s->user), str_of(s->password));
	line = xasprintf("AUTH PLAIN %s", plain);
	dialogue_tell(x->d, line, "AUTH PLAIN *** (made up)");
	free(plain);
	free(line);
	a->reply = "(not awaited)";
}

static bool attempt_break(struct run *r, struct series *s)
{
	static const char *const kinds[] = { "c1", "c2", "c3" };
	unsigned kind = s->made % 3;
	struct attempt *a;
	struct session x;

	if (!session_open(r, s->endpoint, s->source, SESSION_TLS, &x)) {
		bool made = no_session(r, s, &x, kinds[kind]);

		session_close(r, &x, CLOSE_PLAIN);
		return made;
	}
	a = begin(r, s, kinds[kind]);
	if (kind == 2) {
		break_before_answer(r, s, &x, a);
		a->counts = true;
	} else {
		a->counts = break_after_question(r, &x, a);
	}
	s->counted += a->counts;
	s->evidence = dialogue_since(x.d, 0);
	session_close(r, &x, kind == 1 ? CLOSE_RESET : CLOSE_PLAIN);
	return true;
}

bool guard_attempt(struct run *r, struct series *s)
{
	switch (s->letter) {
	case 'a':
		return attempt_login(r, s);
	case 'b':
		return attempt_sender(r, s);
	default:
		return attempt_break(r, s);
	}
}
