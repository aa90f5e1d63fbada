/*
 * For test_store_peer.py: `store_tool DB [VERB ARGUMENT...]...`, verbs one after the other:
 *   jail NAME | ban JAIL ID TIME BANTIME LINE | bans JAIL NOW BANTIME | merged JAIL ID
 *   put JAIL PATH FIRST_LINE_HASH POS | positions JAIL PATH | crash (ends without closing)
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "ban/store.h"

static void print_ticket(const struct ticket *t)
{
	struct buf b = { 0 };

	fid_add(&b, &t->id);
	buf_printf(&b, " %.0f %lld %u %u", t->time, (long long)t->bantime, t->bancount,
		   t->failures);
	for (unsigned i = 0; i < t->n_fields; i++)
		buf_printf(&b, " %.*s=%.*s", STR_ARG(t->fields[i].name),
			   STR_ARG(t->fields[i].value));
	for (unsigned i = 0; i < t->n_lines; i++)
		buf_printf(&b, " |%.*s", STR_ARG(ticket_line_text(t->lines[i])));
	puts(buf_z(&b));
	buf_free(&b);
}

static void print_and_free(void *arg, struct ticket *t)
{
	print_ticket(t);
	ticket_free(t);
}

static void print_position(void *arg, const struct store_position *p)
{
	printf("%llu %llu %.*s %lld\n", (unsigned long long)p->dev, (unsigned long long)p->ino,
	       STR_ARG(p->first_line), (long long)p->pos);
}

static int64_t number(const char *z)
{
	int64_t i = 0;

	if (str_to_i64(str_of(z), INT64_MIN, INT64_MAX, &i) < 0)
		fprintf(stderr, "not a number: %s\n", z);
	return i;
}

static int jail(struct store *s, char **v)
{
	return store_enable_jail(s, str_of(v[0]));
}

static int ban(struct store *s, char **v)
{
	struct fid id = fid_parse(str_of(v[1]));
	struct ticket *t = ticket_new(&id, (double)number(v[2]));
	struct match_line line = { .suffix = str_of(v[4]) };
	int rc;

	t->failures = 3;
	t->bancount = 1;
	t->bantime = number(v[3]);
	ticket_add_line(t, &line, 10);
	rc = store_add_ban(s, str_of(v[0]), t, 600, 10);
	ticket_free(t);
	return rc;
}

static int bans(struct store *s, char **v)
{
	struct store_restore how = { .now = (double)number(v[1]),
				     .bantime = number(v[2]),
				     .maxmatches = 10 };

	return store_each_ban(s, str_of(v[0]), &how, print_and_free, NULL);
}

static int merged(struct store *s, char **v)
{
	struct fid id = fid_parse(str_of(v[1]));
	struct ticket *t;
	int rc = store_merged(s, str_of(v[0]), &id, 10, &t);

	if (rc == 0)
		print_and_free(NULL, t);
	return rc;
}

static int put(struct store *s, char **v)
{
	struct store_position p = { .jail = str_of(v[0]),
				    .path = str_of(v[1]),
				    .dev = 1,
				    .ino = 1,
				    .first_line = str_of(v[2]),
				    .pos = number(v[3]) };

	return store_put_position(s, &p);
}

static int positions(struct store *s, char **v)
{
	return store_each_position(s, str_of(v[0]), str_of(v[1]), print_position, NULL);
}

static int crash(struct store *s, char **v)
{
	fflush(stdout);
	_exit(0);
}

static const struct verb {
	const char *name;
	int words;
	int (*run)(struct store *s, char **v);
} verbs[] = {
	{ "jail", 1, jail },     { "ban", 5, ban }, { "bans", 3, bans },
	{ "merged", 2, merged }, { "put", 4, put }, { "positions", 2, positions },
	{ "crash", 0, crash },
};

static const struct verb *find(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };
	struct store *s;
	bool made;
	int at = 2, rc = 0;

	if (argc < 2 || store_open(argv[1], &s, &made, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	if (err.text[0])
		printf("NOTE %s\n", err.text);
	while (at < argc && rc == 0) {
		const struct verb *v = find(argv[at]);

		if (!v || at + v->words >= argc) {
			fprintf(stderr, "what is %s?\n", argv[at]);
			return 2;
		}
		rc = v->run(s, argv + at + 1);
		at += v->words + 1;
	}
	if (rc < 0)
		fprintf(stderr, "%s: %s\n", argv[at - 1], strerror(-rc));
	store_close(s);
	return rc < 0;
}
