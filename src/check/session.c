/*
 * Sessions and transactions; see session.h.
 */
#include "check/session.h"

#include <assert.h>

/* ---------------------------------------------------------------- hello, TLS, login */

static const char *our_name(const struct run *r, const struct dialogue *d)
{
	struct ip ip = dialogue_local(d);
	char text[IP_TEXT_MAX];

	if (r->o->helo)
		return r->o->helo;
	ip_print(&ip, text);
	return run_text(r, ip.family == 6 ? "[IPv6:%s]" : "[%s]", text); /* RFC 5321 4.1.3 */
}

const struct answer *session_hello(struct run *r, struct dialogue *d, bool *old)
{
	const char *name = our_name(r, d);
	const struct answer *a = dialogue_say(d, run_text(r, "EHLO %s", name), WAIT_REPLY);

	if (a->code != 500 && a->code != 502)
		return a;
	if (old)
		*old = true;
	return dialogue_say(d, run_text(r, "HELO %s", name), WAIT_REPLY);
}

static bool fail(struct run *r, struct session *x, enum session_end end, const char *what)
{
	x->end = end;
	x->gone = dialogue_gone(x->d);
	x->why = run_text(r, "%s: %s", what, answer_brief(r, &x->answer));
	x->evidence = dialogue_since(x->d, 0);
	return false;
}

/* Any answer that is not the one wanted. */
static bool fail_answer(struct run *r, struct session *x, const char *what)
{
	if (x->answer.kind != ANSWER_CLOSING)
		return fail(r, x, SESSION_BROKEN, what);
	x->e->refusals++;
	return fail(r, x, SESSION_BUSY, what);
}

static bool fail_tls(struct run *r, struct session *x)
{
	bool tls = dialogue_gone(x->d) == GONE_TLS;

	x->end = SESSION_TLS_FAILED;
	x->gone = dialogue_gone(x->d);
	x->why = run_text(r, "the TLS handshake failed: %s",
			  tls ? dialogue_tls_error(x->d) : gone_name(x->gone));
	x->evidence = dialogue_since(x->d, 0);
	return false;
}

bool session_secure(struct run *r, struct session *x)
{
	if (!x->e->implicit) {
		x->answer = *dialogue_say(x->d, "STARTTLS", WAIT_REPLY);
		if (x->answer.kind != ANSWER_YES)
			return fail_answer(r, x, "STARTTLS");
	}
	if (!dialogue_tls(x->d))
		return fail_tls(r, x);
	if (!x->e->implicit) {
		x->answer = *session_hello(r, x->d, NULL);
		if (x->answer.kind != ANSWER_YES)
			return fail_answer(r, x, "EHLO after STARTTLS");
	}
	return true;
}

static bool offers_mechanism(const char *mechanisms, const char *name)
{
	str rest = str_of(mechanisms ? mechanisms : ""), word;

	while (str_word(&rest, &word))
		if (str_eq_nocase(word, str_of(name)))
			return true;
	return false;
}

typedef const struct answer *say_fn(struct dialogue *d, const char *line, const char *shown,
				    double wait);

/* The line is wiped and freed. */
static const struct answer *say_password(struct session *x, const struct login *l, char *line,
					 const char *shown, double wait)
{
	say_fn *say = l->made_up ? dialogue_say_as : dialogue_say_secret;
	const struct answer *a = say(x->d, line, shown, wait);

	OPENSSL_cleanse(line, strlen(line));
	free(line);
	return a;
}

/* AUTH LOGIN: a question for the name, one for the password. */
static const struct answer *auth_login(struct session *x, const struct login *l, double wait)
{
	const struct answer *a = dialogue_say(x->d, "AUTH LOGIN", wait);
	char *text;

	if (a->kind != ANSWER_MORE)
		return a;
	text = secret_base64(l->user);
	a = dialogue_say(x->d, text, wait);
	free(text);
	if (a->kind != ANSWER_MORE)
		return a;
	return say_password(x, l, secret_base64(l->password), "***", wait);
}

const struct answer *session_auth(struct run *r, struct session *x, const struct login *l,
				  double wait)
{
	char *plain, *line;

	assert(dialogue_is_tls(x->d)); /* no password in clear text, ever */
	if (!offers_mechanism(x->e->mechanisms, "PLAIN"))
		return offers_mechanism(x->e->mechanisms, "LOGIN") ? auth_login(x, l, wait) : NULL;
	plain = secret_plain(l->user, l->password);
	line = xasprintf("AUTH PLAIN %s", plain);
	OPENSSL_cleanse(plain, strlen(plain));
	free(plain);
	return say_password(x, l, line, run_text(r, "AUTH PLAIN *** (as %.*s)", STR_ARG(l->user)),
			    wait);
}

static bool log_in(struct run *r, struct session *x)
{
	const struct login own = { .user = str_of(r->o->user),
				   .password = secret_password(r->secret) };
	const struct answer *a = session_auth(r, x, &own, WAIT_AUTH);

	if (!a) {
		x->answer = (struct answer){ .kind = ANSWER_NONE, .detail = "not offered" };
		return fail(r, x, SESSION_BROKEN, "neither AUTH PLAIN nor LOGIN");
	}
	x->answer = *a;
	if (a->kind == ANSWER_YES && a->code == 235) /* RFC 4954 section 6 */
		return true;
	act_charge(x->s, ACT_LOGIN);
	if (a->kind == ANSWER_NO)
		return fail(r, x, SESSION_LOGIN_REFUSED, "login");
	if (a->kind == ANSWER_LATER)
		return fail(r, x, SESSION_LOGIN_LATER, "login");
	return fail_answer(r, x, "login");
}

/* ---------------------------------------------------------------- opening, closing */

/* No connection, or no greeting: is it the door of this source, or the port? */
static bool fail_door(struct run *r, struct session *x)
{
	(void)fail(r, x, x->answer.kind == ANSWER_CLOSING ? SESSION_BUSY : SESSION_DOOR,
		   x->answer.text && x->answer.kind != ANSWER_NONE ? "greeting" : "connection");
	if (x->gone == GONE_LATE || x->gone == GONE_LOCAL)
		return false;
	if (x->end == SESSION_BUSY) {
		x->e->refusals++;
		return false;
	}
	/* the port had greeted once, so it is this source; when it is two more, it is the port */
	x->s->shut = true;
	x->s->shut_how = x->why;
	if (x->s->role != SOURCE_GUARD) /* whose door is meant to close */
		x->e->refusals += x->e->refused++ > 0;
	return false;
}

static bool greet(struct run *r, struct session *x)
{
	if (x->e->implicit && !x->e->clear465 && !dialogue_tls(x->d)) {
		x->answer = (struct answer){ .kind = ANSWER_NONE,
					     .gone = dialogue_gone(x->d),
					     .detail = dialogue_tls_error(x->d) };
		return dialogue_gone(x->d) == GONE_TLS && x->s->acts == 0 ? fail_tls(r, x)
									  : fail_door(r, x);
	}
	x->answer = *dialogue_listen(x->d, WAIT_GREETING, "the greeting");
	x->greeting = x->answer;
	if (x->answer.code != 220)
		return fail_door(r, x);
	x->answer = *session_hello(r, x->d, NULL);
	if (x->answer.kind != ANSWER_YES)
		return fail_answer(r, x, "EHLO");
	return true;
}

static bool open_it(struct run *r, struct endpoint *e, struct source *s, enum session_kind kind,
		    struct session *out)
{
	*out = (struct session){ .e = e, .s = s, .kind = kind };
	out->d = dialogue_open(r->engine, &e->address, e->port, &s->ip, WAIT_CONNECT);
	if (dialogue_gone(out->d) != HERE) {
		out->answer = (struct answer){ .kind = ANSWER_NONE,
					       .gone = dialogue_gone(out->d),
					       .detail = gone_name(dialogue_gone(out->d)) };
		return fail_door(r, out);
	}
	if (!greet(r, out))
		return false;
	if (kind != SESSION_CLEAR && !e->implicit && !session_secure(r, out))
		return false;
	return kind != SESSION_LOGIN || log_in(r, out);
}

bool session_open(struct run *r, struct endpoint *e, struct source *s, enum session_kind kind,
		  struct session *out)
{
	unsigned before = s->acts;

	if (open_it(r, e, s, kind, out))
		return true;
	/* a session that breaks off; what was charged already is enough */
	if (out->end != SESSION_DOOR && out->end != SESSION_BUSY && s->acts == before)
		act_charge(s, ACT);
	return false;
}

void session_goodbye(struct run *r, struct dialogue *d, const struct answer *greeting)
{
	if (dialogue_gone(d) == HERE && greeting->kind == ANSWER_YES &&
	    !dialogue_has_said(d, "MAIL ") &&
	    str_find(greeting->reply.text, STR("Sendmail")) >= 0) {
		if (!dialogue_has_said(d, "EHLO "))
			(void)session_hello(r, d, NULL);
		(void)dialogue_say(d, "MAIL FROM:<>", WAIT_GOODBYE);
	}
	dialogue_close(d, CLOSE_QUIT);
}

void session_close(struct run *r, struct session *x, enum close_how how)
{
	if (how == CLOSE_QUIT)
		session_goodbye(r, x->d, &x->greeting);
	else
		dialogue_close(x->d, how);
	x->d = NULL;
}

/* ---------------------------------------------------------------- the budget */

void act_charge(struct source *s, unsigned acts)
{
	s->acts += acts;
}

bool act_may(const struct run *r, const struct source *s)
{
	/* what can be lifted need not be avoided */
	unsigned most = r->may_unban && s->role == SOURCE_FREE ? ACTS_WITH_UNBAN : ACTS_PER_SOURCE;

	if (s->shut || (r->optional && s->role != SOURCE_FREE))
		return false;
	return s->acts + (r->cost ? r->cost : ACT) <= most;
}

/*
 * Small is better.  An act comes from a free source if there is one, else, evenly, from those that
 * the guard test needs, whose counts it may spoil by one; and only if these do not suffice from the
 * observer, who should do nothing wrong.
 */
static unsigned preference(const struct source *s)
{
	switch (s->role) {
	case SOURCE_FREE: /* one after the other, so that a session can be used again */
		return s->acts / ACTS_PER_SOURCE;
	case SOURCE_GUARD:
		return ACTS_WITH_UNBAN + s->acts;
	case SOURCE_OBSERVER:
		break;
	}
	return ACTS_WITH_UNBAN + ACTS_PER_SOURCE;
}

struct source *act_source(struct run *r, const struct endpoint *e)
{
	struct source *best = NULL;

	for (size_t i = 0; i < r->n_sources; i++) {
		struct source *s = &r->sources[i];

		if (source_reaches(s, e) && act_may(r, s) &&
		    (!best || preference(s) < preference(best)))
			best = s;
	}
	return best;
}

void session_share_end(struct run *r)
{
	if (!r->shared)
		return;
	if (r->shared->d)
		session_close(r, r->shared, CLOSE_QUIT);
	free(r->shared);
	r->shared = NULL;
}

/* The open one, if its source may act once more. */
static struct session *shared_for(const struct run *r, const struct endpoint *e,
				  enum session_kind kind)
{
	struct session *x = r->shared;

	if (!x || !x->d || x->end != SESSION_HERE || x->e != e || x->kind != kind)
		return NULL;
	return dialogue_gone(x->d) == HERE && act_may(r, x->s) ? x : NULL;
}

/* A login that is refused costs more than what was meant to be done in it. */
static struct source *source_for(struct run *r, const struct endpoint *e, enum session_kind kind)
{
	unsigned cost = r->cost;
	struct source *s;

	if (kind == SESSION_LOGIN)
		r->cost = ACT_LOGIN;
	s = act_source(r, e);
	r->cost = cost;
	return s;
}

bool acts_allow(struct run *r, const struct endpoint *e, enum session_kind kind)
{
	return shared_for(r, e, kind) || source_for(r, e, kind);
}

struct session *session_for_act(struct run *r, struct endpoint *e, enum session_kind kind,
				const char **why)
{
	struct session *open = shared_for(r, e, kind);
	struct source *s;

	if (open)
		return open;
	*why = "no --source is left that may act";
	while ((s = source_for(r, e, kind)) && endpoint_is_open(e)) {
		session_share_end(r);
		r->shared = xcalloc(1, sizeof *r->shared);
		if (session_open(r, e, s, kind, r->shared))
			return r->shared;
		*why = r->shared->why;
		if (!s->shut) /* another source would hear the same */
			break;
	}
	return NULL;
}

/* ---------------------------------------------------------------- transactions */

const char *answer_brief(const struct run *r, const struct answer *a)
{
	size_t n;

	if (a->kind == ANSWER_NOT_ASKED)
		return "not asked";
	if (a->kind == ANSWER_NONE || a->kind == ANSWER_MALFORMED)
		return a->detail;
	n = strcspn(a->text, "\n");
	return n > 100 ? run_text(r, "%.97s...", a->text) : run_text(r, "%.*s", (int)n, a->text);
}

/* x.1.x: bad addresses (RFC 3463); x.7.27: the sender's domain has a null MX (RFC 7505) */
static bool is_about_address(const struct answer *a)
{
	return a->enhanced[1] == 1 || (a->enhanced[1] == 7 && a->enhanced[2] == 27);
}

static enum outcome outcome_of(const struct answer *a)
{
	switch (a->kind) {
	case ANSWER_YES:
		return OUTCOME_ACCEPTED;
	case ANSWER_NO:
		return is_about_address(a) ? OUTCOME_ADDRESS : OUTCOME_REFUSED;
	case ANSWER_LATER:
		return is_about_address(a) ? OUTCOME_ADDRESS : OUTCOME_LATER;
	case ANSWER_NOT_ASKED:
	case ANSWER_MORE:
	case ANSWER_CLOSING:
	case ANSWER_MALFORMED:
	case ANSWER_NONE:
		break;
	}
	return OUTCOME_BROKEN;
}

bool session_in_step(struct session *x, const char *command, struct answer *a)
{
	const struct answer *now = dialogue_say(x->d, command, WAIT_REPLY);

	/* gone, or going, is in step */
	if (now->code == 250 || now->kind == ANSWER_NONE || now->kind == ANSWER_CLOSING)
		return true;
	*a = (struct answer){ .kind = ANSWER_MALFORMED,
			      .text = "",
			      .detail = "replies that are not of the commands they follow" };
	return false;
}

struct transaction session_transaction(struct run *r, struct session *x, const char *from,
				       const char *to)
{
	size_t spoken = dialogue_spoken(x->d);
	struct transaction t = { .from = from, .at_mail = true };

	t.answer = *dialogue_say(x->d, run_text(r, "MAIL FROM:<%s>", from), WAIT_REPLY);
	if (t.answer.kind == ANSWER_YES) {
		t.at_mail = false;
		t.answer = *dialogue_say(x->d, run_text(r, "RCPT TO:<%s>", to), WAIT_REPLY);
	}
	t.outcome = outcome_of(&t.answer);
	x->e->refusals += t.answer.kind == ANSWER_CLOSING;
	t.evidence = dialogue_since(x->d, spoken);
	if (dialogue_gone(x->d) == HERE && !t.at_mail && !session_in_step(x, "RSET", &t.answer))
		t.outcome = OUTCOME_BROKEN;
	t.reply = answer_brief(r, &t.answer);
	return t;
}
