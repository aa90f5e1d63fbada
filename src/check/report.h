/*
 * A run in words, for people and for programs.
 */
#pragma once

#include <stdio.h>

#include "check/fix.h"
#include "check/verdict.h"

struct report_options {
	bool colours, verbose;
};

/* Who is tested, from where, how many connections it will take: before the first one. */
void report_plan(const struct run *r, FILE *out);
/* What the guard test will do, and how its bans are lifted. */
void report_guard_plan(const struct run *r, FILE *out);
/* The findings, what to change, what is missing, the verdict; the last line is the verdict. */
void report_text(const struct run *r, const struct verdict *v, FILE *out,
		 const struct report_options *o);
/* One JSON object and a newline; its schema is in lastknock-check(1). */
void report_json(const struct run *r, const struct verdict *v, FILE *out);

/* fix_text.c: the text with {user}, {mail}, {domain}, {host} filled in; in the arena. */
const char *fix_text(const struct run *r, const struct fix *f);
/* Is the fix for the server at hand, or is that not known? */
bool fix_fits(const struct run *r, const struct fix *f);
