/*
 * The list of known actions; see known.h.  Filled when a configuration is taken in (trusted),
 * looked up for each verb.
 */
#include "action/known.h"

#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

void known_init(struct known *k)
{
	*k = (struct known){ 0 };
	if (gethostname(k->sh_hostname, sizeof k->sh_hostname - 1) < 0)
		snprintf(k->sh_hostname, sizeof k->sh_hostname, "localhost");
}

void known_done(struct known *k)
{
	for (size_t i = 0; i < k->n; i++)
		action_free(k->items[i]);
	free(k->items);
	free(k->fq_hostname);
}

/*
 * The name that <fq-hostname> stands for.  May ask DNS and so take time: once, while the
 * configuration is taken in, and only if an action uses it.
 */
static void learn_hostname(struct known *k, const struct action *a)
{
	struct addrinfo hints = { .ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM }, *found;
	bool used = false;

	for (size_t i = 1; i < a->properties->n; i += 2)
		used |= str_find(a->properties->items[i]->s, STR("<fq-hostname>")) >= 0;
	if (!used || k->fq_hostname)
		return;
	if (getaddrinfo(k->sh_hostname, NULL, &hints, &found) == 0) {
		if (found->ai_canonname && strchr(found->ai_canonname, '.'))
			k->fq_hostname = xstrdup(found->ai_canonname);
		freeaddrinfo(found);
	}
	if (!k->fq_hostname)
		k->fq_hostname = xstrdup(k->sh_hostname);
}

static struct action *find_named(const struct known *k, const struct action *like)
{
	for (size_t i = 0; i < k->n; i++)
		if (!k->items[i]->gone && strcmp(k->items[i]->jail_name, like->jail_name) == 0 &&
		    strcmp(k->items[i]->name, like->name) == 0)
			return k->items[i];
	return NULL;
}

struct action *known_add(struct known *k, const struct config_jail *jail, unsigned index,
			 bool allow_ipv6, struct err *err)
{
	struct action *a = action_new(jail, index, allow_ipv6, err), *before;

	if (!a)
		return NULL;
	learn_hostname(k, a);
	before = find_named(k, a);
	if (before) {
		action_renew(before, a);
		a = before;
	} else {
		k->items = xreallocarray(k->items, k->n + 1, sizeof(struct action *));
		k->items[k->n++] = a;
	}
	a->claimed = true;
	return a;
}

struct action *known_find(const struct known *k, unsigned jail, unsigned index)
{
	for (size_t i = 0; i < k->n; i++)
		if (!k->items[i]->gone && k->items[i]->claimed && k->items[i]->jail == jail &&
		    k->items[i]->index == index)
			return k->items[i];
	return NULL;
}

void known_drop(struct known *k, struct action *a)
{
	for (size_t i = 0; i < k->n; i++) {
		if (k->items[i] != a)
			continue;
		k->items[i] = k->items[--k->n];
		action_free(a);
		return;
	}
}
