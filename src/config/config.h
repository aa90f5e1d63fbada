/*
 * Fail2ban's configuration, whole: jail.conf, filter.d, action.d and fail2ban.conf of one
 * directory, read as Fail2ban 1.1 reads them (fail2ban-behaviour.md sections 1 and 2.1; 1.0
 * configurations are accepted).  The files are trusted (root wrote them), but mistakes are normal:
 * each gets a fault that names file, line, key and value, and only its jail is left out.
 *
 * Reading yields Fail2ban's own command stream (what `fail2ban-client -d` prints); the structs
 * below are that stream applied, in its order, so that the dump and the running jail never differ.
 * Everything belongs to the config's arena until config_free().
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/value.h"

/* What <HOST> may be, and what becomes of a host name in a log. */
enum usedns {
	USEDNS_WARN, /* resolve, and say so in the log */
	USEDNS_YES,
	USEDNS_NO,  /* addresses only */
	USEDNS_RAW, /* the name itself is the id */
};

struct config_regex {
	str text;           /* as configured, tags like <HOST> not expanded */
	enum usedns usedns; /* in force when it was added: decides what <HOST> means */
	int maxlines;       /* in force when it was added: above 1, MULTILINE */
};

struct config_logpath {
	unsigned pattern; /* index into config.patterns */
	bool tail;        /* start at the end of the file */
};

struct config_action {
	str name;    /* unique in the jail ("actname") */
	str file;    /* stem of the file in action.d it came from */
	bool python; /* a .py plugin: shown, reported as not supported, never run */
	/*
	 * Properties as sent to the server: dict of str to str, in order, after static
	 * substitution: actionstart, actionban, ..., timeout, name, actname, Init values and
	 * their `?family=inet6` variants; "True" or "False" for the three that are yes or no.
	 * Of a Python plugin: its arguments.
	 */
	struct value *properties;
};

struct config_jail {
	str name;
	unsigned index; /* in config.jails: the number that messages carry */
	str backend;    /* "auto", "polling", "pyinotify", "systemd[...]" as configured */

	enum usedns usedns;
	struct config_regex *failregex, *ignoreregex;
	unsigned n_failregex, n_ignoreregex;
	str prefregex; /* .n == 0: none */
	int maxlines;
	str *datepattern; /* the lines of it, in order; n 0: built-in detector */
	unsigned n_datepattern;
	str logtimezone;             /* .n == 0: local time */
	str logencoding;             /* "auto", "utf-8", "latin-1", ... */
	struct value **journalmatch; /* a list of words each: FIELD=value, and "+" for "or" */
	unsigned n_journalmatch;

	struct config_logpath *logpath;
	unsigned n_logpath;

	int maxretry;
	int maxmatches;
	int64_t findtime;            /* seconds */
	int64_t bantime;             /* seconds; -1: permanent */
	struct value *bantime_extra; /* dict "increment", "factor", ...: as set, or empty */

	bool ignoreself;
	str *ignoreip; /* addresses, networks, names, "file:PATH", in order */
	unsigned n_ignoreip;
	str ignorecommand; /* .n == 0: none */
	str ignorecache;

	struct config_action *action;
	unsigned n_action;
};

/* A jail, or a file, that could not be used. */
struct config_fault {
	str jail; /* .n == 0: of the whole configuration */
	struct err err;
	struct config_fault *next;
};

struct config {
	struct arena *arena;
	str dir;

	/* fail2ban.conf */
	str loglevel, logtarget, syslogsocket, socket, pidfile;
	str dbfile;         /* "None": no file */
	int64_t dbpurgeage; /* seconds */
	int dbmaxmatches;
	str allowipv6; /* "auto", "yes", "no" */

	struct config_jail **jails; /* enabled and sound ones, in file order */
	unsigned n_jails;
	str *patterns; /* every distinct logpath pattern (a glob), of all jails */
	unsigned n_patterns;

	struct config_fault *faults; /* in the order found */
	unsigned n_faults;
	struct config_fault *notes; /* what works, but may not be what was meant */
	unsigned n_notes;
	struct config_fault *last_fault, *last_note;

	struct value *stream; /* list of commands: what `config dump` prints */
	/*
	 * SHA-256 over the stream (without the log files that a pattern finds at the moment) and
	 * the patterns: same files, same digest.
	 */
	unsigned char digest[32];
};

struct config_options {
	const char *jail;   /* only this jail is read; NULL: all that are enabled */
	bool force_enabled; /* treat the named jail as enabled */
	bool without_logs;  /* keep jails that have no log file here (replay brings its own) */
	/*
	 * Exists when a journal is kept on this machine: a jail without any log file then reads
	 * the journal if it may.  NULL: /run/systemd/journal.
	 */
	const char *journal_dir;
	/* overrides from the command line: NULL, or the value */
	const char *socket, *pidfile, *loglevel, *logtarget, *dbfile;
};

/*
 * Reads the directory.  0; or -errno with *err when nothing can be used at all (no directory, a
 * syntax error in jail.conf or fail2ban.conf).  Bad jails are faults, not failures, even when
 * every jail is bad.
 */
int config_load(const char *dir, const struct config_options *options, struct config **out,
		struct err *err) __attribute__((warn_unused_result));
void config_free(struct config *c);

/* NULL if there is no such jail. */
const struct config_jail *config_find_jail(const struct config *c, str name);
/* A property of an action, or STR_NULL. */
str config_action_property(const struct config_action *a, const char *name);
/*
 * The directory to use: `given` (from -c) if not NULL, else /etc/lastknock if it exists, else
 * /etc/fail2ban, else the shipped one.
 */
const char *config_dir(const char *given);
