/*
 * Static <tag> substitution; see tags.h.
 *
 * Called by filter.c and action.c with all options of one filter or action.  A value is searched
 * from left to right and again until nothing changes, so that composed names (`<re-<mode>>`)
 * resolve from the inside out.
 */
#include "config/tags.h"

#include <errno.h>

#include "base/arena.h"
#include "base/table.h"

enum {
	ROUNDS_MAX = 100 /* searches of one set of options */
};

/* One value that is being resolved. */
struct job {
	const struct tags *t;
	str name;
	const struct conf_key *key;
	struct buf value;
	struct table *counts; /* tag -> &numbers[times replaced] */
	struct err *err;
};

static const char numbers[TAG_REPEAT_MAX + 2];

str tag_of_condition(str name)
{
	size_t n = 0;

	while (n < name.n && name.p[n] != '?' &&
	       ((name.p[n] >= '0' && name.p[n] <= '9') || (name.p[n] >= 'a' && name.p[n] <= 'z') ||
		(name.p[n] >= 'A' && name.p[n] <= 'Z') || name.p[n] == '_' ||
		(unsigned char)name.p[n] >= 0x80))
		n++;
	return n && n + 1 < name.n && name.p[n] == '?' ? str_head(name, n) : STR_NULL;
}

/* The next tag at or after `from`: its place in *at, and its name without brackets. */
static bool next_tag(str s, size_t from, size_t *at, str *name)
{
	const char *open = from < s.n ? memchr(s.p + from, '<', s.n - from) : NULL;

	while (open) {
		const char *p = open + 1, *end = s.p + s.n;

		while (p < end && *p != ' ' && *p != '<' && *p != '>')
			p++;
		if (p < end && *p == '>' && p > open + 1) {
			*at = (size_t)(open - s.p);
			*name = str_mem(open + 1, (size_t)(p - open) - 1);
			return true;
		}
		open = p < end ? memchr(p, '<', (size_t)(end - p)) : NULL;
	}
	return false;
}

static int fail(const struct job *j, const char *what, str tag)
{
	str value = j->key->value;

	err_at(j->err, j->key->file, j->key->line);
	return err_set(j->err, -EINVAL, "the value of '%.*s' %s <%.*s>: %.*s", STR_ARG(j->name),
		       what, (int)(tag.n < 100 ? tag.n : 100), tag.p,
		       (int)(value.n < 300 ? value.n : 300), value.p);
}

/* `<section/key>`: from the files alone, explicit options do not count. */
static int from_section(const struct job *j, str tag, str *out)
{
	struct scope s = *j->t->definition;
	struct conf_section before = { 0 }; /* what was replaced, as a section of its own */
	ssize_t slash = str_chr(tag, '/');
	str section, name;

	if (slash <= 0)
		return -ENOENT;
	section = str_head(tag, (size_t)slash);
	name = lower_copy(s.reader->arena, str_from(tag, (size_t)slash + 1));
	s.vars = NULL;
	if (str_is(section, "known")) {
		const struct table *known = s.section ? s.section->known : NULL;

		if (known && table_find(known, name)) {
			before.keys = s.section->known;
			before.name = arena_printf(s.reader->arena, "KNOWN/%.*s",
						   STR_ARG(s.section->name));
			s.section = &before;
		}
	} else if (str_is(section, "default") || str_is(section, "DEFAULT")) {
		s.section = NULL;
	} else {
		s.section = conf_section(s.conf, section);
		if (!s.section)
			return -ENOENT;
	}
	return scope_get(&s, name, out, j->err);
}

/* 0, -ENOENT when nothing defines the tag (it stays), or -EINVAL. */
static int find(const struct job *j, str tag, str *out)
{
	const struct conf_key *key = table_find(j->t->options, tag);
	int rc;

	if (key) {
		*out = key->value;
		return 0;
	}
	rc = scope_get(j->t->definition, tag, out, j->err);
	return rc == -ENOENT ? from_section(j, tag, out) : rc;
}

/* Puts `with` in the place of every `tag`, which is given with its brackets. */
static int replace(struct job *j, str tag, str with)
{
	struct buf new = { 0 };
	str rest = buf_str(&j->value);
	ssize_t at;
	int rc = 0;

	while ((at = str_find(rest, tag)) >= 0 && new.n <= VALUE_MAX) {
		buf_add(&new, rest.p, (size_t)at);
		buf_add_str(&new, with);
		rest = str_from(rest, (size_t)at + tag.n);
	}
	buf_add_str(&new, rest);
	buf_free(&j->value);
	j->value = new;
	if (new.n > VALUE_MAX)
		rc = fail(j, "grows beyond 1 MiB by", str_mem(tag.p + 1, tag.n - 2));
	return rc < 0 ? rc : reader_work(j->t->definition->reader, new.n, j->err);
}

static int count(struct job *j, str tag)
{
	const char *times = table_find(j->counts, tag);
	size_t n = times ? (size_t)(times - numbers) : 0;

	if (n > TAG_REPEAT_MAX)
		return fail(j, "refers to itself, by", tag);
	table_put(j->counts, tag, (void *)(uintptr_t)&numbers[n + 1]);
	return 0;
}

/* One search of the value from left to right. */
static int search(struct job *j, struct arena *scratch)
{
	size_t from = 0, at;
	str tag, with = STR_NULL;

	while (next_tag(buf_str(&j->value), from, &at, &tag)) {
		int rc;

		if (j->t->ignore && table_find(j->t->ignore, tag)) {
			from = at + tag.n + 2;
			continue;
		}
		if (str_eq(tag, j->name))
			return fail(j, "refers to itself, by", tag);
		rc = find(j, tag, &with);
		if (rc == -ENOENT) {
			from = at + tag.n + 2;
			continue;
		}
		if (rc == 0)
			rc = count(j, tag);
		if (rc == 0)
			rc = replace(j, arena_printf(scratch, "<%.*s>", STR_ARG(tag)), with);
		if (rc < 0)
			return rc;
		from = at;
	}
	return 0;
}

/* 1: changed, and there are tags left; 0: done with it; or -EINVAL. */
static int resolve_one(const struct tags *t, str name, struct conf_key *key, struct arena *scratch,
		       struct err *err)
{
	struct job j = { .t = t, .name = name, .key = key, .err = err };
	size_t at;
	str tag;
	int rc;

	if (!next_tag(key->value, 0, &at, &tag))
		return 0;
	j.counts = table_new();
	buf_add_str(&j.value, key->value);
	rc = search(&j, scratch);
	if (rc == 0 && !str_eq(buf_str(&j.value), key->value)) {
		key->value = arena_str(t->definition->reader->arena, buf_str(&j.value));
		rc = next_tag(key->value, 0, &at, &tag);
	}
	table_free(j.counts, NULL);
	buf_free(&j.value);
	return rc;
}

int tags_resolve(const struct tags *t, struct err *err)
{
	struct arena *scratch = arena_new();
	bool again = true;
	int rc = 0;

	for (int round = 0; again && rc >= 0; round++) {
		size_t at = 0;
		str name;
		void *key;

		again = false;
		while (rc >= 0 && table_each(t->options, &at, &name, &key)) {
			if (t->ignore && table_find(t->ignore, name))
				continue;
			rc = resolve_one(t, name, key, scratch, err);
			again |= rc > 0;
			if (rc > 0 && round >= ROUNDS_MAX)
				rc = err_set(err, -EINVAL,
					     "the value of '%.*s' never comes to an end",
					     STR_ARG(name));
		}
	}
	arena_free(scratch);
	return rc < 0 ? rc : 0;
}
