/*
 * bench_store FILE [ROWS]: failure counters and bans written per second, ROWS (20,000) a commit,
 * into a new database; and what moving the log into the file takes.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "ban/store.h"
#include "base/clock.h"
#include "base/table.h"

static const str jail = { .p = "postfix-sasl", .n = 12 };

/* As after three failures that were logged by Postfix. */
static struct ticket *sample(unsigned i)
{
	const struct match_line line = { STR("mail postfix/smtpd[123]: warning: unknown["), STR(""),
					 STR("]: SASL LOGIN authentication failed: UGFzc3dvcmQ6") };
	struct fid id = { .ip = { .family = 4, .prefix = 32 } };
	struct ticket *t;
	uint64_t at = table_hash(&i, sizeof i); /* ids come in no order */

	memcpy(id.ip.bytes, &at, 4);
	t = ticket_new(&id, 1e9 + i);
	t->retry = t->failures = 3;
	for (int k = 0; k < 3; k++)
		ticket_add_line(t, &line, 10);
	ticket_add_field(t, STR("user"), STR("bob@example.com"));
	return t;
}

static int put(struct store *s, const struct ticket *t, bool ban)
{
	return ban ? store_add_ban(s, jail, t, 600, 10) : store_put_failure(s, jail, t);
}

static void one_commit(struct store *s, struct ticket **t, unsigned rows, bool ban)
{
	double start = clock_now();
	int rc = store_begin(s);

	for (unsigned i = 0; i < rows && rc == 0; i++)
		rc = put(s, t[i], ban);
	if (rc == 0)
		rc = store_commit(s);
	if (rc < 0)
		errx(1, "%s", strerror(-rc));
	printf("%s: %.0f rows/s\n", ban ? "bans" : "failures", rows / (clock_now() - start));
}

int main(int argc, char **argv)
{
	unsigned rows = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 20000;
	struct ticket **t = xcalloc(rows + 1, sizeof(struct ticket *));
	struct err e = { 0 };
	struct store *s;
	double start;
	bool made;

	if (argc < 2)
		errx(2, "usage: bench_store FILE [ROWS]");
	if (store_open(argv[1], &s, &made, &e) < 0 || store_enable_jail(s, jail) < 0)
		errx(1, "%s", e.text);
	if (!made)
		errx(1, "%s exists", argv[1]);
	for (unsigned i = 0; i < rows; i++)
		t[i] = sample(i);
	for (int round = 0; round < 4; round++)
		one_commit(s, t, rows, false);
	one_commit(s, t, rows, true);
	start = clock_now();
	store_checkpoint(s);
	printf("checkpoint: %.3f s\n", clock_now() - start);
	store_close(s);
	for (unsigned i = 0; i < rows; i++)
		ticket_free(t[i]);
	free(t);
	return 0;
}
