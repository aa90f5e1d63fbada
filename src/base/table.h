/*
 * A hash table from counted strings to pointers that keeps the order of insertion (as Python's
 * dict does, so listings come out as Fail2ban's).  The hash is SipHash-1-3 with a key drawn per
 * process, so keys chosen by an attacker do not collide on purpose.
 */
#pragma once

#include <stddef.h>

#include "base/str.h"

struct table;

struct table *table_new(void);
/* Copies the key. Returns the value that was there before, or NULL. `value` is not NULL. */
void *table_put(struct table *t, str key, void *value);
/* The value or NULL. */
void *table_find(const struct table *t, str key);
/* Takes the entry out and returns its value, or NULL. */
void *table_del(struct table *t, str key);
size_t table_count(const struct table *t);
/*
 * Entries in the order of insertion:
 *   size_t at = 0; str key; void *value;
 *   while (table_each(t, &at, &key, &value)) ...
 * Deleting the entry just seen is allowed, putting new ones is not. `key` and `value` may be NULL.
 */
bool table_each(const struct table *t, size_t *at, str *key, void **value);
/* Calls free_value for each value (NULL: leaves them), then frees the table. */
void table_free(struct table *t, void (*free_value)(void *value));

/* The keyed hash itself, for other containers of outside data. */
uint64_t table_hash(const void *p, size_t n);
