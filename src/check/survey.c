/*
 * The survey; see survey.h.  What the server says is copied, judged elsewhere.
 */
#include "check/survey.h"

#include "check/session.h"

enum { BUSY_WAIT = 60, SPEAKS_FIRST_WAIT = 3 };

/* "smtp.example.org": letters, digits, dots and dashes, with a dot inside. */
static bool is_host_name(str s)
{
	if (s.n < 3 || s.n > 253 || s.p[0] == '.' || s.p[0] == '-' || str_chr(s, '.') < 0)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') ||
		      (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '.' || s.p[i] == '-'))
			return false;
	return s.p[s.n - 1] != '.' && !(s.p[s.n - 1] >= '0' && s.p[s.n - 1] <= '9');
}

/* The host name that a reply begins with. */
static str name_in(const struct answer *a)
{
	size_t at = 0;
	str line, word;

	if (a->reply.kind != REPLY_COMPLETE || !reply_line(&a->reply, &at, &line) ||
	    !str_word(&line, &word) || !is_host_name(word))
		return STR_NULL;
	return word;
}

/* ---------------------------------------------------------------- one port */

/* What all AUTH lines offer: "PLAIN LOGIN"; NULL: none. */
static const char *mechanisms_in(struct run *r, const struct answer *ehlo)
{
	struct buf b _buf_free_ = { 0 };
	bool any = false;
	size_t at = 0;
	str parameters;

	while (ehlo->kind == ANSWER_YES &&
	       reply_keyword(&ehlo->reply, &at, STR("AUTH"), &parameters)) {
		any = true;
		if (b.n && parameters.n)
			buf_add_char(&b, ' ');
		buf_add_str(&b, parameters);
	}
	return any ? engine_text(r->engine, buf_str(&b)) : NULL;
}

static void keep_tls(struct run *r, struct endpoint *e, struct dialogue *d)
{
	str greeting = name_in(&e->greeting), hello = name_in(&e->ehlo);
	SSL *ssl = dialogue_ssl(d);

	e->tls_up = true;
	e->tls_version = SSL_get_version(ssl);
	e->certificate_name = r->o->host;
	/* An address was given: the name that clients use is, presumably, the server's own. */
	if (r->host_is_address && !certificate_has_name(ssl, r->o->host)) {
		if (greeting.p)
			e->certificate_name = run_text(r, "%.*s", STR_ARG(greeting));
		else if (hello.p)
			e->certificate_name = run_text(r, "%.*s", STR_ARG(hello));
	}
	e->certificate = certificate_judge(ssl, e->certificate_name, (time_t)r->started, r->arena);
	if (e->certificate.there)
		e->certificate.names = engine_text(r->engine, str_of(e->certificate.names));
}

static bool start_tls(struct endpoint *e, struct dialogue *d)
{
	e->tls_tried = true;
	if (dialogue_tls(d))
		return true;
	e->tls_error = dialogue_tls_error(d);
	return false;
}

/* A port that begins in clear text. True: TLS came up, or was not offered. */
static bool look_clear(struct run *r, struct endpoint *e, struct dialogue *d, bool may_break)
{
	e->greeting = *dialogue_listen(d, WAIT_GREETING, "the greeting");
	if (e->greeting.code != 220)
		return true;
	e->ehlo = *session_hello(r, d, &e->no_esmtp);
	if (e->ehlo.kind != ANSWER_YES)
		return true;
	e->mechanisms_clear = mechanisms_in(r, &e->ehlo);
	e->auth_clear = e->mechanisms_clear != NULL;
	e->offers_starttls = reply_offers(&e->ehlo.reply, STR("STARTTLS"), NULL);
	if (!e->offers_starttls || !may_break)
		return true;
	e->starttls = *dialogue_say(d, "STARTTLS", WAIT_REPLY);
	if (e->starttls.kind != ANSWER_YES)
		return true;
	if (!start_tls(e, d))
		return false;
	keep_tls(r, e, d);
	e->ehlo_tls = *session_hello(r, d, &e->no_esmtp);
	e->mechanisms = mechanisms_in(r, &e->ehlo_tls);
	return true;
}

/* A port with TLS from the first byte. */
static bool look_implicit(struct run *r, struct endpoint *e, struct dialogue *d)
{
	if (!start_tls(e, d))
		return false;
	e->greeting = *dialogue_listen(d, WAIT_GREETING, "the greeting");
	if (e->greeting.code == 220) {
		e->ehlo_tls = *session_hello(r, d, &e->no_esmtp);
		e->mechanisms = mechanisms_in(r, &e->ehlo_tls);
	}
	keep_tls(r, e, d);
	return true;
}

static void clear_look(struct endpoint *e)
{
	*e = (struct endpoint){ .address = e->address,
				.port = e->port,
				.name = e->name,
				.implicit = e->implicit,
				.refusals = e->refusals };
}

/* False: a handshake failed. */
static bool look(struct run *r, struct endpoint *e, struct source *s)
{
	struct dialogue *d;
	bool fine;

	clear_look(e);
	d = dialogue_open(r->engine, &e->address, e->port, &s->ip, WAIT_CONNECT);
	e->reach = dialogue_gone(d);
	fine = e->reach != HERE ||
	       (e->implicit ? look_implicit(r, e, d) : look_clear(r, e, d, act_may(r, s)));
	e->exchanges = dialogue_since(d, 0);
	session_goodbye(r, d, &e->greeting);
	return fine;
}

/* Does the port, left alone, begin to speak in clear text? */
static void listen_in_clear(struct run *r, struct endpoint *e, struct source *s)
{
	struct dialogue *d = dialogue_open(r->engine, &e->address, e->port, &s->ip, WAIT_CONNECT);
	const struct answer *a;

	if (dialogue_gone(d) == HERE) {
		a = dialogue_listen(d, SPEAKS_FIRST_WAIT, "a greeting in clear text");
		if (a->code == 220) {
			e->clear465 = true;
			e->greeting = *a;
			e->ehlo = *session_hello(r, d, &e->no_esmtp);
			e->exchanges = dialogue_since(d, 0);
		}
	}
	dialogue_close(d, CLOSE_QUIT);
}

/* A handshake that failed may be chance, twice is not; on 465 it may be clear text. */
static void look_twice(struct run *r, struct endpoint *e, struct source *s)
{
	if (e->implicit)
		listen_in_clear(r, e, s);
	if (e->implicit ? !e->clear465 : !look(r, e, s))
		act_charge(s, ACT);
}

void survey_endpoint(struct run *r, struct endpoint *e)
{
	struct source *s = source_for_look(r, e);

	run_progress(r, "looking at %s", e->name);
	if (!s)
		return;
	/* a handshake that fails is an act; 465 begins with one */
	if (e->implicit && !act_may(r, s)) {
		clear_look(e);
		e->reach = GONE_UNTRIED;
		return;
	}
	if (!look(r, e, s)) {
		act_charge(s, ACT);
		s = act_source(r, e);
		if (s)
			look_twice(r, e, s);
	}
	/* a port that does not greet is not asked again and again */
	if (e->reach == HERE && e->greeting.code != 220)
		e->refusals = 2;
}

void survey_busy(struct run *r)
{
	bool any = false;

	for (size_t i = 0; i < r->n_endpoints; i++)
		any |= r->endpoints[i].greeting.code == 421;
	if (any)
		engine_pause(r->engine, engine_wait_cap(r->engine, BUSY_WAIT),
			     "the server said that it is busy (421): trying once more");
	for (size_t i = 0; i < r->n_endpoints; i++)
		if (r->endpoints[i].greeting.code == 421) {
			r->endpoints[i].refusals = 0;
			survey_endpoint(r, &r->endpoints[i]);
		}
}

/* ---------------------------------------------------------------- names */

static void find_mta(struct run *r, str banner)
{
	static const char *const words[][2] = { { "Postfix", "postfix" },
						{ "Exim", "exim" },
						{ "Sendmail", "sendmail" },
						{ "OpenSMTPD", "opensmtpd" } };

	for (size_t i = 0; i < sizeof words / sizeof *words && !r->mta; i++) {
		ssize_t at = str_find(banner, str_of(words[i][0]));
		str rest, version;

		if (at < 0)
			continue;
		r->mta = words[i][1];
		rest = str_from(banner, (size_t)at + strlen(words[i][0]));
		if (str_word(&rest, &version) && version.p[0] >= '0' && version.p[0] <= '9')
			r->mta_version = engine_text(r->engine, str_head(version, 40));
	}
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]" (RFC 5321 section 4.1.3) */
static bool literal_ip(str word, struct ip *out)
{
	static const str tag = STR("IPv6:");

	if (word.n < 3 || word.p[0] != '[' || word.p[word.n - 1] != ']')
		return false;
	word = str_mem(word.p + 1, word.n - 2);
	if (str_eq_nocase(str_head(word, tag.n), tag))
		word = str_from(word, tag.n);
	return ip_parse(word, out) == 0;
}

/* "mx.example.org Hello client.example [192.0.2.1], pleased to meet you" */
static void find_seen(struct run *r, const struct endpoint *e, const char **client)
{
	const struct answer *a = e->ehlo_tls.text ? &e->ehlo_tls : &e->ehlo;
	const char *name = NULL;
	size_t at = 0;
	str line, word;
	struct ip ip;

	if (a->kind != ANSWER_YES || !reply_line(&a->reply, &at, &line))
		return;
	(void)str_word(&line, &word);
	while (str_word(&line, &word)) {
		while (word.n && (word.p[word.n - 1] == ',' || word.p[word.n - 1] == '.'))
			word.n--;
		if (literal_ip(word, &ip)) {
			char text[IP_TEXT_MAX];

			ip_print(&ip, text);
			r->seen_as = run_text(r, "%s", text);
			if (!*client)
				*client = name;
		} else if (!name && is_host_name(word)) {
			name = run_text(r, "%.*s", STR_ARG(word));
		}
	}
}

/* "lab.test" of "mx.lab.test"; a name of two labels stays. */
static const char *domain_of(const char *host)
{
	const char *dot = strchr(host, '.');

	return dot && strchr(dot + 1, '.') ? dot + 1 : host;
}

static bool is_inside(const char *name, const char *domain)
{
	size_t n = strlen(name), m = strlen(domain);

	return n >= m && strcasecmp(name + n - m, domain) == 0 &&
	       (n == m || name[n - m - 1] == '.');
}

void survey_names(struct run *r)
{
	const char *client = NULL, *user = r->o->user;

	for (size_t i = 0; i < r->n_endpoints; i++) {
		struct endpoint *e = &r->endpoints[i];
		str name = name_in(&e->greeting);

		if (!r->mta)
			find_mta(r, e->greeting.reply.text);
		if (!r->server_host && name.p)
			r->server_host = run_text(r, "%.*s", STR_ARG(name));
		find_seen(r, e, &client);
	}
	if (!r->host_is_address || !r->server_host)
		r->server_host = r->o->host;
	if (r->o->from)
		r->mail = r->o->from;
	else if (user && strchr(user, '@'))
		r->mail = user;
	if (r->mail)
		r->domain = strrchr(r->mail, '@') + 1;
	else if (is_host_name(str_of(r->server_host)))
		r->domain = domain_of(r->server_host);
	else /* an address, and a server that does not say its name */
		r->domain = run_text(r, strchr(r->server_host, ':') ? "[IPv6:%s]" : "[%s]",
				     r->server_host);
	if (!r->mail && user)
		r->mail = run_text(r, "%s@%s", user, r->domain);
	r->other = r->o->other ? r->o->other : run_text(r, "postmaster@%s", r->domain);
	if (r->mail && strcasecmp(r->other, r->mail) == 0)
		r->other = run_text(r, "abuse@%s", r->domain); /* RFC 2142, as postmaster */
	r->foreign = r->o->foreign;
	if (!r->foreign && r->o->helo && is_host_name(str_of(r->o->helo)) &&
	    !is_inside(r->o->helo, r->domain))
		r->foreign = r->o->helo;
	if (!r->foreign && client && !is_inside(client, r->domain))
		r->foreign = client;
	if (!r->foreign)
		r->foreign = is_inside("example.org", r->domain) ? "example.net" : "example.org";
	r->foreign_is_own = is_inside(r->foreign, r->domain);
}
