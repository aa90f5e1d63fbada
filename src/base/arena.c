/* Memory freed as a whole; see arena.h. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/xalloc.h"

#define BLOCK_BYTES 8192u
#define ALIGN _Alignof(max_align_t)

struct block {
	struct block *next;
	size_t used;
	size_t room;
	_Alignas(max_align_t) char data[];
};

struct arena {
	struct block *first;
};

struct arena *arena_new(void)
{
	return xcalloc(1, sizeof(struct arena));
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct block *b = a->first;
	void *p;

	n = (n + ALIGN - 1) / ALIGN * ALIGN;
	if (!b || b->room - b->used < n) {
		size_t room = n > BLOCK_BYTES ? n : BLOCK_BYTES;

		b = xrealloc(NULL, sizeof *b + room);
		*b = (struct block){ .next = a->first, .room = room };
		a->first = b;
	}
	p = b->data + b->used;
	b->used += n;
	return memset(p, 0, n);
}

str arena_str(struct arena *a, str s)
{
	char *p = arena_alloc(a, s.n + 1);

	if (s.n)
		memcpy(p, s.p, s.n);
	return (str){ .p = p, .n = s.n };
}

char *arena_strdup(struct arena *a, const char *z)
{
	size_t n = strlen(z) + 1;

	return memcpy(arena_alloc(a, n), z, n);
}

str arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	int n;
	char *p;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return STR("");
	p = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return (str){ .p = p, .n = (size_t)n };
}

void arena_reset(struct arena *a)
{
	struct block *keep = NULL;

	for (struct block *b = a->first, *next; b; b = next) {
		next = b->next;
		if (!keep || b->room > keep->room) {
			free(keep);
			keep = b;
		} else {
			free(b);
		}
	}
	if (keep) {
		keep->next = NULL;
		keep->used = 0;
	}
	a->first = keep;
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	for (struct block *b = a->first, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
}
