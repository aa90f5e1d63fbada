/*
 * The command line of the guard, shared by all its processes: each gets the same words and one
 * more, its role, so that each reads the same configuration.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "config/config.h"
#include "daemon/messages.h"

struct guard_options {
	const char *dir; /* of the configuration; NULL: config_dir() decides */
	const char *socket, *pidfile, *loglevel, *logtarget,
		*dbfile; /* NULL: the configuration's */
	bool foreground;
	bool observe; /* everything but the enforcement */
	bool test;    /* only read the configuration */
	/* internal: set for the processes of the guard */
	bool has_role;
	enum role role;
	int server_pid; /* the number shown in the log */
};

/* 0; 1: help was asked for; -EINVAL with *err. Texts point into argv. */
int guard_options_parse(int argc, char **argv, struct guard_options *out, struct err *err)
	__attribute__((warn_unused_result));
/* The words for a process of that role, ended by NULL. */
char **guard_options_argv(const struct guard_options *o, enum role role, struct arena *a);
/* Reads the configuration they name; what `observe` changes about paths is applied. */
int guard_options_config(const struct guard_options *o, struct config **out, struct err *err)
	__attribute__((warn_unused_result));
/* The help text of the options, a row each. */
void guard_options_help(struct buf *out);
