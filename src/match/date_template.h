/*
 * One way to write a date: a `datepattern`, or one of the built-in ones (fail2ban-behaviour.md
 * sections 4.1 to 4.3), made into a pattern whose group 1 is the date.  Configuration.
 */
#pragma once

#include "base/arena.h"
#include "match/regex.h"

enum date_kind {
	DATE_PATTERN,
	DATE_EPOCH,
	DATE_LONG_EPOCH, /* also with milli- or microseconds and no dot */
	DATE_TAI64N,
};

enum { DATE_FIELDS_MAX = 24 };

struct date_template {
	str source; /* as configured or built in */
	str name;   /* as `get JAIL datepattern` shows it */
	enum date_kind kind;
	struct regex *regex;
	bool anchored;        /* at the start or the end of the line */
	bool years;           /* the pattern depends on last_year */
	unsigned weight;      /* 100 for the anchored copies of the built-in ones, else 1 */
	unsigned value_group; /* what holds the number, of all kinds but DATE_PATTERN */
	unsigned n_fields;
	struct {
		unsigned char field; /* enum date_field */
		unsigned group;
	} fields[DATE_FIELDS_MAX]; /* in the order of their groups */
};

struct date_templates {
	struct date_template *items;
	size_t n, room;
	struct arena *arena; /* of names and sources */
	int last_year;
};

/* The 31 that are tried when no datepattern is given. */
int date_templates_add_default(struct date_templates *t, struct err *err)
	__attribute__((warn_unused_result));
/* What one line of `datepattern` stands for: one template, or many for {DATE} and the like. */
int date_templates_add(struct date_templates *t, str pattern, struct err *err)
	__attribute__((warn_unused_result));
/* Does a line of `datepattern` ask for built-in ones and nothing else? */
bool date_templates_are_builtin(str pattern);
/* Makes those anew that depend on the years. */
int date_templates_set_year(struct date_templates *t, int last_year, struct err *err)
	__attribute__((warn_unused_result));
/* Frees the compiled patterns and the list; the arena is the caller's. */
void date_templates_done(struct date_templates *t);
