/* Binary heap; see heap.h. */
#include "base/heap.h"

static void place(struct heap *h, size_t i, struct heap_item *item)
{
	h->items[i] = item;
	item->at = i + 1;
}

static void sift_up(struct heap *h, size_t i, struct heap_item *item)
{
	for (; i > 0 && h->items[(i - 1) / 2]->due > item->due; i = (i - 1) / 2)
		place(h, i, h->items[(i - 1) / 2]);
	place(h, i, item);
}

static void sift_down(struct heap *h, size_t i, struct heap_item *item)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= h->n)
			break;
		if (child + 1 < h->n && h->items[child + 1]->due < h->items[child]->due)
			child++;
		if (h->items[child]->due >= item->due)
			break;
		place(h, i, h->items[child]);
		i = child;
	}
	place(h, i, item);
}

void heap_put(struct heap *h, struct heap_item *item)
{
	if (item->at == 0) {
		if (h->n == h->room) {
			h->room = h->room ? h->room * 2 : 16;
			h->items = xreallocarray(h->items, h->room, sizeof(*h->items));
		}
		sift_up(h, h->n++, item);
		return;
	}
	sift_up(h, item->at - 1, item);
	sift_down(h, item->at - 1, item);
}

void heap_del(struct heap *h, struct heap_item *item)
{
	size_t i;
	struct heap_item *last;

	if (item->at == 0)
		return;
	i = item->at - 1;
	item->at = 0;
	last = h->items[--h->n];
	if (last == item)
		return;
	sift_up(h, i, last);
	sift_down(h, last->at - 1, last);
}

struct heap_item *heap_first(const struct heap *h)
{
	return h->n ? h->items[0] : NULL;
}

void heap_done(struct heap *h)
{
	free(h->items);
	*h = (struct heap){ 0 };
}
