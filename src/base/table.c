/*
 * Insertion-ordered hash table; see table.h.  Entries live in one array in order; an index of
 * open-addressed slots points into it.  Deleted entries stay as holes until the next growth.
 */
#include "base/table.h"

#include <assert.h>
#include <sys/random.h>

#include "base/xalloc.h"

#define EMPTY 0u /* slot values are entry index + 1 */
#define FIRST_SLOTS 8u

struct entry {
	uint64_t hash;
	char *key; /* NULL: a hole */
	size_t key_len;
	void *value;
};

struct table {
	struct entry *entries;
	size_t used; /* entries and holes */
	size_t room;
	size_t live;
	uint32_t *slots; /* power of two; a hole's slot still counts as taken */
	size_t slot_mask;
};

static uint64_t rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

/* SipHash-1-3, Aumasson and Bernstein, "SipHash: a fast short-input PRF". */
uint64_t table_hash(const void *p, size_t n)
{
	static uint64_t key[2]; /* drawn once per process: the one state that is shared */
	const unsigned char *in = p;
	uint64_t v[4], last = (uint64_t)n << 56;

	if (!key[0] && !key[1])
		while (getrandom(key, sizeof key, 0) != sizeof key)
			;
	v[0] = key[0] ^ 0x736f6d6570736575u;
	v[1] = key[1] ^ 0x646f72616e646f6du;
	v[2] = key[0] ^ 0x6c7967656e657261u;
	v[3] = key[1] ^ 0x7465646279746573u;
	for (; n >= 8; n -= 8, in += 8) {
		uint64_t m;

		memcpy(&m, in, 8);
		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
	}
	for (size_t i = 0; i < n; i++)
		last |= (uint64_t)in[i] << (8 * i);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct table *table_new(void)
{
	struct table *t = xcalloc(1, sizeof *t);

	t->slots = xcalloc(FIRST_SLOTS, sizeof *t->slots);
	t->slot_mask = FIRST_SLOTS - 1;
	return t;
}

/* The slot that holds the key, or the empty one where it would go. */
static size_t slot_of(const struct table *t, str key, uint64_t hash)
{
	size_t i = hash & t->slot_mask;

	for (;; i = (i + 1) & t->slot_mask) {
		const struct entry *e;

		if (t->slots[i] == EMPTY)
			return i;
		e = &t->entries[t->slots[i] - 1];
		if (e->key && e->hash == hash && str_eq(str_mem(e->key, e->key_len), key))
			return i;
	}
}

static void rebuild(struct table *t)
{
	size_t slots = FIRST_SLOTS, out = 0;

	while (slots < t->live * 2 + 2)
		slots *= 2;
	slots *= 2;
	free(t->slots);
	t->slots = xcalloc(slots, sizeof *t->slots);
	t->slot_mask = slots - 1;
	for (size_t i = 0; i < t->used; i++) {
		size_t at;

		if (!t->entries[i].key)
			continue;
		t->entries[out] = t->entries[i];
		for (at = t->entries[out].hash & t->slot_mask; t->slots[at] != EMPTY;)
			at = (at + 1) & t->slot_mask;
		t->slots[at] = (uint32_t)++out;
	}
	t->used = out;
}

void *table_put(struct table *t, str key, void *value)
{
	uint64_t hash = table_hash(key.p, key.n);
	size_t at = slot_of(t, key, hash);

	assert(value);
	if (t->slots[at] != EMPTY) {
		struct entry *e = &t->entries[t->slots[at] - 1];
		void *old = e->value;

		e->value = value;
		return old;
	}
	if ((t->used + 1) * 2 > t->slot_mask + 1) {
		rebuild(t);
		at = slot_of(t, key, hash);
	}
	if (t->used == t->room) {
		t->room = t->room ? t->room * 2 : FIRST_SLOTS;
		t->entries = xreallocarray(t->entries, t->room, sizeof *t->entries);
	}
	t->entries[t->used] = (struct entry){
		.hash = hash, .key = xmemdup(key.p, key.n), .key_len = key.n, .value = value
	};
	t->slots[at] = (uint32_t)++t->used;
	t->live++;
	return NULL;
}

void *table_find(const struct table *t, str key)
{
	size_t at = slot_of(t, key, table_hash(key.p, key.n));

	return t->slots[at] == EMPTY ? NULL : t->entries[t->slots[at] - 1].value;
}

void *table_del(struct table *t, str key)
{
	size_t at = slot_of(t, key, table_hash(key.p, key.n));
	struct entry *e;
	void *value;

	if (t->slots[at] == EMPTY)
		return NULL;
	e = &t->entries[t->slots[at] - 1];
	value = e->value;
	free(e->key);
	e->key = NULL;
	e->value = NULL;
	t->live--;
	return value;
}

size_t table_count(const struct table *t)
{
	return t->live;
}

bool table_each(const struct table *t, size_t *at, str *key, void **value)
{
	while (*at < t->used) {
		const struct entry *e = &t->entries[(*at)++];

		if (!e->key)
			continue;
		if (key)
			*key = str_mem(e->key, e->key_len);
		if (value)
			*value = e->value;
		return true;
	}
	return false;
}

void table_free(struct table *t, void (*free_value)(void *value))
{
	if (!t)
		return;
	for (size_t i = 0; i < t->used; i++) {
		if (t->entries[i].key && free_value)
			free_value(t->entries[i].value);
		free(t->entries[i].key);
	}
	free(t->entries);
	free(t->slots);
	free(t);
}
