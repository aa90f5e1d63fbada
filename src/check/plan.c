/*
 * What a run will do: addresses, ports, sources, and how many connections.
 */
#include <errno.h>
#include <netdb.h>

#include "check/acts.h"
#include "check/check.h"
#include "check/guard.h"
#include "check/tcp.h"

static int resolve(struct run *r, struct err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	int code;

	if (r->o->n_connect) {
		memcpy(r->addresses, r->o->connect, r->o->n_connect * sizeof *r->addresses);
		r->n_addresses = r->o->n_connect;
		return 0;
	}
	if (r->host_is_address) {
		r->n_addresses = ip_parse(str_of(r->o->host), &r->addresses[0]) == 0;
		return 0;
	}
	run_progress(r, "looking up %s", r->o->host);
	code = getaddrinfo(r->o->host, NULL, &hints, &list);
	if (code)
		return err_set(err, -EHOSTUNREACH, "%s: %s", r->o->host, gai_strerror(code));
	for (const struct addrinfo *ai = list; ai && r->n_addresses < ADDRESSES_MAX;
	     ai = ai->ai_next) {
		struct ip ip = ip_from_sockaddr(ai->ai_addr);
		bool known = ip.family == 0;

		for (size_t i = 0; i < r->n_addresses; i++)
			known |= ip_eq(&r->addresses[i], &ip);
		if (!known)
			r->addresses[r->n_addresses++] = ip;
	}
	freeaddrinfo(list);
	return r->n_addresses ? 0 : err_set(err, -EHOSTUNREACH, "%s has no address", r->o->host);
}

static void add_source(struct run *r, const struct ip *ip, bool observer)
{
	struct source *s = &r->sources[r->n_sources++];
	char text[IP_TEXT_MAX] = "this machine";

	*s = (struct source){ .ip = *ip, .role = observer ? SOURCE_OBSERVER : SOURCE_FREE };
	if (ip->family)
		ip_print(ip, text);
	s->name = run_text(r, "%s", text);
}

static void list_sources(struct run *r)
{
	for (size_t i = 0; i < r->o->n_sources; i++)
		add_source(r, &r->o->sources[i], false);
	if (!r->n_sources)
		add_source(r, &(struct ip){ 0 }, false);
	if (r->o->observer.family)
		add_source(r, &r->o->observer, true);
}

/* Is each of them an address of this machine? */
static int look_at_sources(struct run *r, struct err *err)
{
	for (size_t i = 0; i < r->n_sources; i++) {
		const struct source *s = &r->sources[i];

		if (s->ip.family && !tcp_can_come_from(&s->ip))
			return err_set(err, -EADDRNOTAVAIL, "%s is no address of this machine",
				       s->name);
	}
	for (size_t i = 0; i < r->n_endpoints; i++)
		if (source_for_look(r, &r->endpoints[i]))
			return 0;
	return err_set(err, -EADDRNOTAVAIL, "no --source is of the family (IPv4, IPv6) of %s",
		       r->o->host);
}

static void list_endpoints(struct run *r)
{
	static const uint16_t ports[PORTS] = { 25, 587, 465 };

	for (size_t i = 0; i < r->n_addresses; i++)
		for (size_t k = 0; k < PORTS; k++) {
			struct endpoint *e = &r->endpoints[r->n_endpoints++];
			char text[IP_TEXT_MAX];

			ip_print(&r->addresses[i], text);
			*e = (struct endpoint){ .address = r->addresses[i],
						.port = ports[k],
						.reach = GONE_LOCAL,
						.implicit = ports[k] == 465 };
			e->name = run_text(r, "%s port %u", text, e->port);
		}
}

static void plan(struct run *r)
{
	unsigned acts = 0, looks = 0, steps;

	for (size_t i = 0; i < r->n_sources; i++)
		acts += r->may_unban ? ACTS_WITH_UNBAN : ACTS_PER_SOURCE;
	steps = ACTS_STEPS + ACTS_AGAIN * ((unsigned)r->n_addresses - 1);
	if (acts > steps)
		acts = steps;
	for (size_t i = 0; i < r->n_endpoints; i++)
		looks += source_for_look(r, &r->endpoints[i]) != NULL;
	r->expected = looks + (r->o->user ? 1 : 0) + acts - acts / 4;
	/* a look is repeated when it fails, a step when its source was shut out */
	r->planned = 3 * looks + steps + 2 + (unsigned)r->n_sources;
	if (r->guard) {
		r->planned += guard_connections(r);
		r->expected += guard_connections_usual(r);
	}
}

/*
 * Can the bans that our acts may bring be lifted: are our addresses named, and does a guard of this
 * machine guard the server (it is this machine, or the guard was named)?
 */
static bool is_guarded_here(const struct run *r)
{
	for (size_t i = 0; i < r->n_sources; i++)
		if (!r->sources[i].ip.family)
			return false;
	for (size_t i = 0; i < r->n_addresses; i++)
		if (tcp_can_come_from(&r->addresses[i]))
			return true;
	return r->o->socket != NULL;
}

int check_prepare(struct run *r, struct err *err)
{
	int rc = resolve(r, err);

	if (rc < 0)
		return rc;
	list_sources(r);
	list_endpoints(r);
	rc = look_at_sources(r, err);
	if (rc < 0)
		return rc;
	if (r->o->guard)
		guard_assign(r);
	if (r->o->guard || r->o->unban)
		r->n_guards = local_guards_find(r->o->socket, r->addresses, r->n_addresses,
						r->arena, r->guards);
	if (r->o->socket && r->n_guards && !local_guard_answers(&r->guards[0], r->arena))
		return err_set(err, -EINVAL, "%s: no guard of root's, or of yours, answers there",
			       r->o->socket);
	r->may_unban = r->o->unban && r->n_guards > 0 && is_guarded_here(r);
	plan(r);
	return 0;
}
