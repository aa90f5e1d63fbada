/*
 * A knock at the door; see door.h.
 */
#include "check/door.h"

#include "check/session.h"

const char *door_name(enum door d)
{
	static const char *const names[] = {
		[DOOR_OPEN] = "open",       [DOOR_DROP] = "drop", [DOOR_REJECT] = "reject",
		[DOOR_APP] = "app",         [DOOR_SMTP] = "smtp", [DOOR_LIMIT] = "limit",
		[DOOR_UNKNOWN] = "unknown",
	};
	return names[d];
}

enum door door_of(enum gone g, const struct answer *greeting)
{
	if (greeting && greeting->kind == ANSWER_CLOSING)
		return DOOR_LIMIT;
	if (greeting && (greeting->kind == ANSWER_NO || greeting->kind == ANSWER_LATER))
		return DOOR_SMTP;
	switch (g) {
	case HERE:
		return DOOR_OPEN;
	case GONE_TIMEOUT:
		return DOOR_DROP;
	case GONE_REFUSED:
	case GONE_UNREACHABLE:
	case GONE_NO_ROUTE:
		return DOOR_REJECT;
	case GONE_CLOSED:
	case GONE_RESET:
	case GONE_TLS:
		return DOOR_APP;
	case GONE_SILENT: /* connected, then nothing: the ban fell in between */
		return DOOR_DROP;
	case GONE_MALFORMED:
	case GONE_LOCAL:
	case GONE_LATE:
	case GONE_UNTRIED:
		break;
	}
	return DOOR_UNKNOWN;
}

struct probe door_probe(struct run *r, const struct endpoint *e, const struct source *s,
			double patience)
{
	struct dialogue *d = dialogue_open(r->engine, &e->address, e->port, &s->ip, patience);
	struct probe p = { .seconds = dialogue_connect_seconds(d) };
	struct answer greeting = { .kind = ANSWER_NONE };

	if (dialogue_gone(d) == HERE && (!e->implicit || dialogue_tls(d))) {
		greeting = *dialogue_listen(d, patience, "the greeting");
		p.seconds += greeting.seconds;
	}
	p.door = greeting.kind == ANSWER_YES ? DOOR_OPEN : door_of(dialogue_gone(d), &greeting);
	p.detail = greeting.text && *greeting.text ? answer_brief(r, &greeting)
						   : gone_name(dialogue_gone(d));
	p.evidence = dialogue_since(d, 0);
	session_goodbye(r, d, &greeting);
	return p;
}
