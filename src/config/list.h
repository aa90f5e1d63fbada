/* Arrays in an arena that grow one by one; their room doubles at each power of two. */
#pragma once

#include "base/arena.h"

/* The array with room for one more behind the `*n` it has; counts that one in. */
static inline void *list_append(struct arena *a, void *items, unsigned *n, size_t size)
{
	void *new = items;

	if ((*n & (*n - 1)) == 0) {
		new = arena_alloc(a, (*n ? *n * (size_t)2 : 1) * size);
		if (*n)
			memcpy(new, items, *n * size);
	}
	++*n;
	return new;
}
