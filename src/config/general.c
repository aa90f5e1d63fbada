/* fail2ban.conf; see general.h.  Called by config.c.  A value that makes no sense is a fault. */
#include "config/general.h"

#include <errno.h>

#include "config/duration.h"
#include "config/fault.h"
#include "config/interpolate.h"
#include "config/stream.h"

enum {
	DBMAXMATCHES_DEFAULT = 10,
	DBMAXMATCHES_MAX = 100000,
	STACKSIZE_MAX = 1 << 30, /* KiB */
};

struct reading {
	struct config *c;
	struct scope scope; /* of [Definition] */
	struct value *rows;
};

/* Texts in the order of the stream; `sent` false: only this program needs it. */
static const struct text_key {
	const char *name;
	size_t offset;   /* in struct config */
	size_t override; /* in struct config_options */
	const char *otherwise;
	bool sent;
} text_keys[] = {
#define TEXT(member, given, otherwise, sent)                                                       \
	{                                                                                          \
#member, offsetof(struct config, member), given, otherwise, sent                   \
	}
#define GIVEN(member) offsetof(struct config_options, member)
#define NOT_GIVEN SIZE_MAX
	TEXT(syslogsocket, NOT_GIVEN, "auto", true),
	TEXT(loglevel, GIVEN(loglevel), "INFO", true),
	TEXT(logtarget, GIVEN(logtarget), "/var/log/fail2ban.log", true),
	TEXT(allowipv6, NOT_GIVEN, "auto", true),
	TEXT(dbfile, GIVEN(dbfile), "/var/lib/fail2ban/fail2ban.sqlite3", true),
	TEXT(socket, GIVEN(socket), "/var/run/fail2ban/fail2ban.sock", false),
	TEXT(pidfile, GIVEN(pidfile), "/var/run/fail2ban/fail2ban.pid", false),
};

/* The value, or `otherwise`; a value that cannot be expanded is a fault. */
static str get(struct reading *g, const char *name, const char *otherwise)
{
	struct err err = { 0 };
	str value = str_of(otherwise);
	int rc = g->scope.section ? scope_get(&g->scope, str_of(name), &value, &err) : -ENOENT;

	if (rc < 0 && rc != -ENOENT)
		fault_add(g->c, STR_NULL, &err);
	return arena_str(g->c->arena, value);
}

static void read_text(struct reading *g, const struct text_key *k, const struct config_options *o)
{
	const char *given =
		k->override == NOT_GIVEN
			? NULL
			: *(const char *const *)(const void *)((const char *)o + k->override);
	str *member = (str *)(void *)((char *)g->c + k->offset);

	*member = given ? arena_str(g->c->arena, str_of(given)) : get(g, k->name, k->otherwise);
	if (k->sent)
		stream_general(g->c->arena, g->rows, k->name, value_str(g->c->arena, *member));
}

static void read_dbmaxmatches(struct reading *g)
{
	const struct conf_key *key = scope_find(&g->scope, STR("dbmaxmatches"));
	str text = get(g, "dbmaxmatches", "10");
	int64_t number = DBMAXMATCHES_DEFAULT;

	if (str_to_i64(str_trim(text), 0, DBMAXMATCHES_MAX, &number) < 0)
		note_add(g->c, STR_NULL, key,
			 "dbmaxmatches = %.*s is not a whole number up to %d; the default %d is "
			 "used",
			 STR_ARG(text), DBMAXMATCHES_MAX, DBMAXMATCHES_DEFAULT);
	g->c->dbmaxmatches = (int)number;
	stream_general(g->c->arena, g->rows, "dbmaxmatches", value_int(g->c->arena, number));
}

static void read_dbpurgeage(struct reading *g)
{
	str text = get(g, "dbpurgeage", "1d");
	struct err err = { 0 }, why = { 0 };
	double seconds = 86400;
	bool whole;

	if (duration_parse(text, &seconds, &whole, &why) < 0) {
		fault_at(&err, scope_find(&g->scope, STR("dbpurgeage")));
		err_set(&err, 0, "dbpurgeage: %s", why.text);
		fault_add(g->c, STR_NULL, &err);
	}
	g->c->dbpurgeage = (int64_t)seconds;
	stream_general(g->c->arena, g->rows, "dbpurgeage", value_str(g->c->arena, text));
}

/* [Thread] means nothing to a program without threads; it is passed on for the dump. */
static void add_thread(struct reading *g)
{
	struct arena *a = g->c->arena;
	struct scope thread = g->scope;
	struct value *row, *dict;
	struct err err = { 0 };
	str text = STR_NULL;
	int64_t size = 0;

	thread.section = conf_section(g->scope.conf, STR("Thread"));
	if (!thread.section || scope_get(&thread, STR("stacksize"), &text, &err) < 0 ||
	    str_to_i64(str_trim(text), 0, STACKSIZE_MAX, &size) < 0)
		return;
	row = value_list(a);
	dict = value_dict(a);
	value_add(a, dict, value_z(a, "stacksize"));
	value_add(a, dict, value_int(a, size));
	value_add(a, row, value_z(a, "set"));
	value_add(a, row, value_z(a, "thread"));
	value_add(a, row, dict);
	value_add(a, g->rows, row);
}

int general_read(struct reader *r, struct config *c, const struct config_options *options,
		 struct value *rows, struct err *err)
{
	struct reading g = { .c = c, .rows = rows };
	struct conf *none = arena_alloc(r->arena, sizeof *none);
	const struct conf *conf = none;
	int rc = reader_conf(r, STR("fail2ban"), &conf, err);

	if (rc == -ENOENT) {
		note_add(c, STR_NULL, NULL, "there is no %s/fail2ban.conf: defaults are used",
			 r->dir);
		none->sections = reader_table(r);
		none->defaults = arena_alloc(r->arena, sizeof *none->defaults);
		none->defaults->keys = reader_table(r);
	} else if (rc < 0) {
		return rc;
	}
	g.scope = (struct scope){ .reader = r,
				  .conf = conf,
				  .section = conf_section(conf, STR("Definition")) };
	add_thread(&g);
	for (size_t i = 0; i < sizeof text_keys / sizeof *text_keys; i++)
		read_text(&g, &text_keys[i], options);
	read_dbmaxmatches(&g);
	read_dbpurgeage(&g);
	return 0;
}
