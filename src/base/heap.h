/*
 * A binary heap of things that fall due.  The heap holds pointers to `struct heap_item`s that
 * live inside the caller's own structs; nothing is allocated per item beyond the array.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/xalloc.h"

struct heap_item {
	int64_t due; /* any unit, smaller first */
	size_t at;   /* position + 1, kept by the heap; 0: not in a heap */
};

struct heap {
	struct heap_item **items;
	size_t n, room;
};

/* Puts in, or moves to its new place after `due` was changed. */
void heap_put(struct heap *h, struct heap_item *item);
void heap_del(struct heap *h, struct heap_item *item);
/* The earliest, or NULL; stays in. */
struct heap_item *heap_first(const struct heap *h);
void heap_done(struct heap *h);

#define heap_entry(item, type, member) ((type *)(void *)((char *)(item)-offsetof(type, member)))
