/* The actions that the runner knows, and the names of this host for them. For this folder only. */
#pragma once

#include "action/job.h"

struct known {
	struct action **items;
	size_t n;
	char *fq_hostname; /* NULL until an action wants it */
	char sh_hostname[256];
};

void known_init(struct known *k);
void known_done(struct known *k);
/* Adds, or renews the one of the same jail and name; marks it as claimed. NULL: *err says why. */
struct action *known_add(struct known *k, const struct config_jail *jail, unsigned index,
			 bool allow_ipv6, struct err *err);
/* By the indices of the configuration in force; NULL if there is none. */
struct action *known_find(const struct known *k, unsigned jail, unsigned index);
/* Takes it out and frees it. */
void known_drop(struct known *k, struct action *a);
