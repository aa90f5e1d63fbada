/*
 * A whole small configuration from memory: the input is jail.local, and behind lines of "====" a
 * filter and an action.  Reading it ends in time, every fault has a text, the same input has the
 * same digest, and the structs agree with the stream.
 */
#include <assert.h>

#include "config/read.h"

#define WORK (1u << 20) /* bytes of expansion that one input may use */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static str next_part(str *rest)
{
	str separator = STR("\n====\n"), part = *rest;
	ssize_t at = str_find(*rest, separator);

	if (at < 0) {
		*rest = STR("");
		return part;
	}
	*rest = str_from(*rest, (size_t)at + separator.n);
	return str_head(part, (size_t)at + 1);
}

static struct config *load(str input)
{
	struct reader *r = reader_new("/fuzz");
	struct config *c = NULL;
	struct err err = { 0 };
	int rc;

	r->no_disk = true;
	r->work = READER_WORK_MAX - WORK;
	reader_put_file(r, "/fuzz/fail2ban.conf", STR("[Definition]\n"));
	reader_put_file(
		r, "/fuzz/jail.conf",
		STR("[DEFAULT]\nx = X\nbackend = polling\nfilter = f[mode=%(mode)s]\n"
		    "mode = m\naction = a[port=\"%(port)s\"]\nport = 25\n[j]\nenabled = true\n"
		    "[k]\nenabled = %(e)s\ne = yes\n"));
	reader_put_file(r, "/fuzz/jail.local", next_part(&input));
	reader_put_file(r, "/fuzz/filter.d/f.conf", next_part(&input));
	reader_put_file(r, "/fuzz/action.d/a.conf", next_part(&input));
	rc = config_read(r, NULL, &c, &err);
	assert(rc == 0 ? c != NULL : err.text[0] != '\0');
	reader_free(r);
	return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct config *a = load(str_mem(data, n)), *b = load(str_mem(data, n));
	struct buf text = { 0 };

	assert(!a == !b);
	if (a) {
		assert(memcmp(a->digest, b->digest, sizeof a->digest) == 0);
		for (const struct config_fault *f = a->faults; f; f = f->next)
			assert(f->err.text[0]);
		for (unsigned i = 0; i < a->n_jails; i++) {
			const struct config_jail *j = a->jails[i];

			assert(j->index == i && j->maxretry >= 1 && j->findtime >= 1);
			assert(config_find_jail(a, j->name));
			for (unsigned k = 0; k < j->n_logpath; k++)
				assert(j->logpath[k].pattern < a->n_patterns);
		}
		value_add_repr(&text, a->stream);
	}
	buf_free(&text);
	config_free(a);
	config_free(b);
	return 0;
}
