/*
 * The engine of dialogue: one SMTP connection at a time, over libevent, with TLS by its OpenSSL
 * buffers.  Calls wait: each runs the event loop until the answer is there, the connection is
 * gone, or the time is up, so that a check reads as the exchange that it makes.
 *
 * It never sends before the greeting is complete, never sends ahead, keeps a second between the
 * starts of two connections, and names a reason for every wait.  Everything that comes from the
 * server is hostile and bounded (reply.h); a dialogue that went wrong stays wrong.
 */
#pragma once

#include <openssl/ssl.h>

#include "base/arena.h"
#include "base/ip.h"
#include "check/reply.h"
#include "check/secret.h"

/* Seconds; an option may cap them all. */
enum wait {
	WAIT_CONNECT = 10,
	WAIT_GREETING = 60, /* postscreen 6, Sendmail's greet_pause up to 300, tarpits 20 to 60 */
	WAIT_REPLY = 30,
	WAIT_TLS = 30,
	WAIT_AUTH = 90, /* Dovecot delays who guesses by up to 17 */
	WAIT_GOODBYE = 2,
	PACE = 1, /* between the starts of two connections */
};

/* What came of a connection; all but HERE are for good. */
enum gone {
	HERE,
	GONE_REFUSED,     /* ECONNREFUSED */
	GONE_UNREACHABLE, /* EHOSTUNREACH, EACCES: an ICMP prohibition */
	GONE_NO_ROUTE,    /* ENETUNREACH: ours is missing, or such a message */
	GONE_TIMEOUT,     /* no answer to the SYN */
	GONE_CLOSED,      /* the server ended it */
	GONE_RESET,
	GONE_SILENT,    /* an answer did not come in time */
	GONE_TLS,       /* the handshake failed */
	GONE_MALFORMED, /* what came is not SMTP, see the answer */
	GONE_LOCAL,     /* our own fault: no such source address, no descriptor */
	GONE_LATE,      /* the run's time is up; nothing was tried */
	GONE_UNTRIED,   /* it might have been an act too many */
};
const char *gone_name(enum gone g); /* "refused", "timed out" ... */

enum answer_kind {
	ANSWER_NOT_ASKED,
	ANSWER_YES,       /* 2xx */
	ANSWER_MORE,      /* 3xx */
	ANSWER_LATER,     /* 4xx but 421 */
	ANSWER_NO,        /* 5xx */
	ANSWER_CLOSING,   /* 421 */
	ANSWER_MALFORMED, /* no reply by the rules of reply.h */
	ANSWER_NONE,      /* gone, or silent */
};

struct answer {
	enum answer_kind kind;
	int code, enhanced[3];
	const char *text;   /* escaped, scrubbed, lines joined by "\n"; for people */
	struct reply reply; /* with its own copy of the bytes */
	double seconds;     /* until it was complete */
	enum gone gone;     /* why there is none */
	const char *detail; /* of ANSWER_NONE and ANSWER_MALFORMED: words */
};

/* What was said, in order; shown as evidence.  Escaped and without secrets. */
struct exchange {
	const char *c; /* what we sent or did; NULL: nothing, the server spoke first */
	const char *s; /* what came, or "(closed)" and the like */
	struct exchange *next;
};

struct engine;

struct engine_hooks {
	void *arg;
	/* A wait that lasts: what for, how long it has lasted and may last; once a second. */
	void (*waiting)(void *arg, const char *reason, double elapsed, double limit);
};

struct engine_options {
	const char *ca;              /* PEM file of further trusted certificates, or NULL */
	const char *server_name;     /* for SNI; NULL: none */
	double longest_wait;         /* seconds; 0: as enum wait says */
	double time_limit;           /* seconds for the whole run; 0: none */
	const struct secret *secret; /* to be taken out of what is shown; may be NULL */
	struct engine_hooks hooks;
};

/* NULL with *err.  Texts of answers and exchanges live in the arena. */
struct engine *engine_new(struct arena *a, const struct engine_options *o, struct err *err)
	__attribute__((warn_unused_result));
void engine_free(struct engine *e);
/* How many connections were begun. */
unsigned engine_connections(const struct engine *e);
bool engine_late(const struct engine *e);
double engine_elapsed(const struct engine *e); /* seconds since engine_new() */
/* Raises the limit to so many seconds from now. */
void engine_extend(struct engine *e, double seconds);
/* A wait, after the cap of the options. */
double engine_wait_cap(const struct engine *e, double seconds);
/* Text of the server's for people: escaped line by line, without the secret; in the arena. */
const char *engine_text(struct engine *e, str s);
/* Waits for the sake of waiting. */
void engine_pause(struct engine *e, double seconds, const char *reason);

struct dialogue;

/*
 * Connects, at least PACE after the last one began.  `from` with family 0: the system chooses.
 * Never NULL; dialogue_gone() says whether it worked.  `wait`: seconds for the connection.
 */
struct dialogue *dialogue_open(struct engine *e, const struct ip *to, uint16_t port,
			       const struct ip *from, double wait);
enum gone dialogue_gone(const struct dialogue *d);
struct ip dialogue_local(const struct dialogue *d); /* our address, as the socket has it */
double dialogue_connect_seconds(const struct dialogue *d);
/* Has a line that begins so been sent? */
bool dialogue_has_said(const struct dialogue *d, const char *prefix);
/* How many exchanges there were; and a copy of those since then, or NULL. */
size_t dialogue_spoken(const struct dialogue *d);
struct exchange *dialogue_since(const struct dialogue *d, size_t spoken);

/* Waits for a reply: the greeting, above all. */
const struct answer *dialogue_listen(struct dialogue *d, double wait, const char *what);
/* Sends a line (CRLF is added; CR and LF in it end the program), waits for the reply. */
const struct answer *dialogue_say(struct dialogue *d, const char *line, double wait);
/* The same; `shown` stands in the evidence instead of the line. */
const struct answer *dialogue_say_as(struct dialogue *d, const char *line, const char *shown,
				     double wait);
/*
 * And for a line with the password: of the reply only the codes are shown, for a server could
 * repeat the password in a form that secret_scrub() does not know.
 */
const struct answer *dialogue_say_secret(struct dialogue *d, const char *line, const char *shown,
					 double wait);
/* Sends a line and does not wait. */
void dialogue_tell(struct dialogue *d, const char *line, const char *shown);

/* The TLS handshake, on an open connection. True, or GONE_*. */
bool dialogue_tls(struct dialogue *d);
bool dialogue_is_tls(const struct dialogue *d);
SSL *dialogue_ssl(const struct dialogue *d);              /* NULL without TLS */
const char *dialogue_tls_error(const struct dialogue *d); /* words, after GONE_TLS */

/* Raw bytes, for hellos made by hand: sends; waits until more than `have` bytes have come. */
void dialogue_send_raw(struct dialogue *d, str bytes, const char *shown);
bool dialogue_await_raw(struct dialogue *d, size_t have, double wait);
str dialogue_raw(struct dialogue *d); /* what came and was not taken; valid until the next call */
/* An exchange, by hand; c NULL: what was sent last. */
void dialogue_note(struct dialogue *d, const char *c, const char *s);

enum close_how {
	CLOSE_QUIT,  /* QUIT, a short wait for the answer, then FIN */
	CLOSE_PLAIN, /* FIN, after what was sent is out */
	CLOSE_RESET, /* RST */
};
/* Ends and frees; NULL is fine. */
void dialogue_close(struct dialogue *d, enum close_how how);
