/*
 * Several filters on one file: which of them a line can concern at all, told by one look at the
 * line.  It only spares work: a filter that is told to pass a line over with filter_pass() ends up
 * as if it had judged the line and found nothing.
 */
#pragma once

#include "match/filter.h"

struct prefilter;

/* Keeps pointers to the filters, which outlive it. */
struct prefilter *prefilter_new(struct filter *const *filters, size_t n);
void prefilter_free(struct prefilter *p);
/*
 * may[i] becomes false if filter i cannot match the line, because the line lacks a text that all
 * its patterns need.  True also where that is not known.
 */
void prefilter_scan(const struct prefilter *p, str line, bool *may);
