/*
 * MLFID sessions; see session.h.  A session rests as bytes (the same as in saved state), and is
 * unpacked into the line's arena while a line of it is judged: nothing outlives its line by
 * accident, and a session's size is known.  Called by filter.c.
 */
#include "match/session.h"

#include "base/table.h"
#include "base/xalloc.h"

enum {
	SESSIONS_MAX = 100,
	SESSION_SECONDS = 300,
	KEY_MAX = 4096, /* a longer id is not followed */
	FIELDS_MAX = 256,
};

#define NOFAIL STR("nofail")
#define GAINED STR("mlfgained")
#define FORGET STR("mlfforget")
#define PENDING STR("mlfpending")
#define USER STR("user")

struct resting {
	double born;
	struct buf bytes;
};

struct sessions {
	struct table *table; /* id -> struct resting, oldest first */
};

/* A session while it is worked on. */
struct open_session {
	struct fields fields;
	str *users;
	unsigned n_users;
	struct lines matches; /* not yet reported */
	struct lines nofail;  /* of lines that only inform, to be shown with the next failure */
};

void fields_set(struct fields *f, struct arena *a, str name, str value)
{
	struct match_field *old = fields_find(f, name);

	if (old) {
		old->value = value;
		return;
	}
	if (f->n == f->room) {
		unsigned room = f->room ? f->room * 2 : 16;
		struct match_field *items = arena_alloc(a, room * sizeof *items);

		if (f->n)
			memcpy(items, f->items, f->n * sizeof *items);
		f->items = items;
		f->room = room;
	}
	f->items[f->n++] = (struct match_field){ .name = name, .value = value };
}

str fields_del(struct fields *f, str name)
{
	struct match_field *field = fields_find(f, name);
	str value;

	if (!field)
		return STR_NULL;
	value = field->value;
	f->n--;
	memmove(field, field + 1, (size_t)(f->items + f->n - field) * sizeof *field);
	return value;
}

void lines_add(struct lines *l, struct arena *a, struct match_line line)
{
	if (l->n == SESSION_LINES_MAX) {
		memmove(l->items, l->items + 1, (l->n - 1) * sizeof *l->items);
		l->n--;
	}
	if (l->n == l->room) {
		unsigned room = l->room ? l->room * 2 : 4;
		struct match_line *items = arena_alloc(a, room * sizeof *items);

		if (l->n)
			memcpy(items, l->items, l->n * sizeof *items);
		l->items = items;
		l->room = room;
	}
	l->items[l->n++] = line;
}

void line_pack(struct buf *out, const struct match_line *line)
{
	pack_str(out, line->prefix);
	pack_str(out, line->date);
	pack_str(out, line->suffix);
}

struct match_line line_unpack(struct unpack *u, size_t max)
{
	struct match_line line;

	line.prefix = unpack_str(u, max);
	line.date = unpack_str(u, max);
	line.suffix = unpack_str(u, max);
	return line;
}

static void lines_add_all(struct lines *to, struct arena *a, const struct lines *from)
{
	for (unsigned i = 0; i < from->n; i++)
		lines_add(to, a, from->items[i]);
}

static void free_resting(void *p)
{
	struct resting *r = p;

	buf_free(&r->bytes);
	free(r);
}

struct sessions *sessions_new(void)
{
	struct sessions *s = xcalloc(1, sizeof *s);

	s->table = table_new();
	return s;
}

void sessions_free(struct sessions *s)
{
	if (!s)
		return;
	table_free(s->table, free_resting);
	free(s);
}

static void forget(struct sessions *s, str key)
{
	struct resting *r = table_del(s->table, key);

	if (r)
		free_resting(r);
}

static void pack_lines(struct buf *out, const struct lines *l)
{
	pack_u32(out, l->n);
	for (unsigned i = 0; i < l->n; i++)
		line_pack(out, &l->items[i]);
}

static void unpack_lines(struct unpack *u, struct arena *a, struct lines *l)
{
	for (uint32_t n = unpack_count(u, SESSION_LINES_MAX); n > 0 && !u->bad; n--)
		lines_add(l, a, line_unpack(u, SESSION_BYTES_MAX));
}

static void pack_session(struct buf *out, const struct open_session *o)
{
	pack_u32(out, o->fields.n);
	for (unsigned i = 0; i < o->fields.n; i++) {
		pack_str(out, o->fields.items[i].name);
		pack_str(out, o->fields.items[i].value);
	}
	pack_u32(out, o->n_users);
	for (unsigned i = 0; i < o->n_users; i++)
		pack_str(out, o->users[i]);
	pack_lines(out, &o->matches);
	pack_lines(out, &o->nofail);
}

/* Points into `in`. */
static bool unpack_session(str in, struct arena *a, struct open_session *o)
{
	struct unpack u = { .in = in };

	for (uint32_t n = unpack_count(&u, FIELDS_MAX); n > 0 && !u.bad; n--) {
		str name = unpack_str(&u, KEY_MAX), value = unpack_str(&u, SESSION_BYTES_MAX);

		fields_set(&o->fields, a, name, value);
	}
	o->users = arena_alloc(a, (SESSION_USERS_MAX + 1) * sizeof *o->users);
	o->n_users = unpack_count(&u, SESSION_USERS_MAX);
	for (unsigned i = 0; i < o->n_users; i++)
		o->users[i] = unpack_str(&u, SESSION_BYTES_MAX);
	unpack_lines(&u, a, &o->matches);
	unpack_lines(&u, a, &o->nofail);
	return unpack_done(&u);
}

/* Takes a resting session up, if there is one that is not too old. */
static bool wake(struct sessions *s, struct arena *a, str key, double now, struct open_session *o)
{
	const struct resting *r = table_find(s->table, key);

	if (!r)
		return false;
	if (now >= r->born + SESSION_SECONDS ||
	    !unpack_session(arena_str(a, buf_str(&r->bytes)), a, o)) {
		forget(s, key);
		*o = (struct open_session){ 0 };
		return false;
	}
	return true;
}

static void rest(struct sessions *s, str key, double now, const struct open_session *o)
{
	struct resting *r = table_find(s->table, key);

	if (!r) {
		str oldest;
		size_t at = 0;

		if (table_count(s->table) >= SESSIONS_MAX &&
		    table_each(s->table, &at, &oldest, NULL))
			forget(s, oldest);
		r = xcalloc(1, sizeof *r);
		r->born = now;
		table_put(s->table, key, r);
	}
	buf_clear(&r->bytes);
	pack_session(&r->bytes, o);
	if (r->bytes.n > SESSION_BYTES_MAX)
		forget(s, key);
}

static void add_user(struct open_session *o, str user)
{
	if (user.n == 0 || o->n_users == SESSION_USERS_MAX)
		return;
	for (unsigned i = 0; i < o->n_users; i++)
		if (str_eq(o->users[i], user))
			return;
	o->users[o->n_users++] = user;
}

/* What the line itself says. */
struct marks {
	bool nofail, gained, forget;
};

static struct marks read_marks(struct fields *f, struct arena *a)
{
	str gained = fields_get(f, GAINED);
	struct marks m = { .gained = gained.n > 0 };

	if (m.gained && !fields_get(f, NOFAIL).n)
		fields_set(f, a, NOFAIL, gained);
	m.nofail = m.gained || fields_get(f, NOFAIL).n > 0;
	m.forget = fields_get(f, FORGET).n > 0;
	if (m.forget)
		fields_del(f, FORGET);
	return m;
}

/* Puts the line's fields over those of an earlier line of the session. */
static void continue_session(struct open_session *o, struct arena *a, const struct fields *line,
			     const struct marks *m)
{
	bool was_nofail = fields_del(&o->fields, NOFAIL).p != NULL;

	was_nofail |= fields_del(&o->fields, GAINED).p != NULL;
	if (m->gained)
		fields_del(&o->fields, PENDING);
	if (!was_nofail && !fields_find(&o->fields, PENDING))
		o->matches.n = 0; /* they were reported */
	for (unsigned i = 0; i < line->n; i++)
		fields_set(&o->fields, a, line->items[i].name, line->items[i].value);
}

static bool has_id(const struct fields *f)
{
	return fields_find(f, STR("ip4")) || fields_find(f, STR("ip6")) ||
	       fields_find(f, STR("dns")) || fields_find(f, STR("fid"));
}

/* Steps C to F of section 3.6. */
static bool judge(struct open_session *o, struct arena *a, struct marks *m, const struct lines *now)
{
	bool pending = fields_del(&o->fields, PENDING).p != NULL;

	if (pending || o->n_users > 1) {
		fields_del(&o->fields, NOFAIL);
		fields_del(&o->fields, GAINED);
		m->nofail = m->gained = false;
	}
	if (!m->nofail) {
		struct lines all = { 0 };

		lines_add_all(&all, a, &o->nofail);
		lines_add_all(&all, a, &o->matches);
		if (!m->gained)
			lines_add_all(&all, a, now);
		o->nofail.n = 0;
		o->matches = all;
	} else if (!m->forget) {
		lines_add_all(&o->nofail, a, now);
	}
	if (fields_get(&o->fields, NOFAIL).n)
		return false;
	if (has_id(&o->fields))
		return true;
	fields_set(&o->fields, a, PENDING, STR("1"));
	return false;
}

bool sessions_merge(struct sessions *s, struct arena *a, double now, struct session_match *match)
{
	str key = fields_get(&match->fields, STR("mlfid"));
	struct marks m = read_marks(&match->fields, a);
	struct open_session o = { 0 };
	bool known = wake(s, a, key, now, &o), failure;

	if (known) {
		add_user(&o, fields_get(&match->fields, USER));
		continue_session(&o, a, &match->fields, &m);
		if (m.forget)
			forget(s, key);
	} else {
		o.fields = match->fields;
		o.users = arena_alloc(a, (SESSION_USERS_MAX + 1) * sizeof *o.users);
		if (!m.forget)
			add_user(&o, fields_get(&match->fields, USER));
	}
	failure = judge(&o, a, &m, &match->lines);
	if (!m.forget && key.n <= KEY_MAX)
		rest(s, key, now, &o);
	match->fields = o.fields;
	match->lines = o.matches;
	match->users = o.users;
	match->n_users = o.n_users;
	return failure;
}

void sessions_clear(struct sessions *s)
{
	table_free(s->table, free_resting);
	s->table = table_new();
}

void sessions_save(const struct sessions *s, struct buf *out)
{
	size_t at = 0;
	void *value;
	str key;

	pack_u32(out, (uint32_t)table_count(s->table));
	while (table_each(s->table, &at, &key, &value)) {
		const struct resting *r = value;

		pack_str(out, key);
		pack_f64(out, r->born);
		pack_str(out, buf_str(&r->bytes));
	}
}

static void restore_one(struct sessions *s, struct unpack *u, struct arena *scratch)
{
	str key = unpack_str(u, KEY_MAX);
	double born = unpack_f64(u);
	str bytes = unpack_str(u, SESSION_BYTES_MAX);
	struct open_session o = { 0 };
	struct resting *r, *old;

	if (!unpack_session(bytes, scratch, &o))
		u->bad = true;
	arena_reset(scratch);
	if (u->bad)
		return;
	r = xcalloc(1, sizeof *r);
	r->born = born;
	buf_add_str(&r->bytes, bytes);
	old = table_put(s->table, key, r);
	if (old)
		free_resting(old);
}

void sessions_restore(struct sessions *s, struct unpack *u)
{
	struct arena *scratch = arena_new();

	sessions_clear(s);
	for (uint32_t n = unpack_count(u, SESSIONS_MAX); n > 0 && !u->bad; n--)
		restore_one(s, u, scratch);
	arena_free(scratch);
}
