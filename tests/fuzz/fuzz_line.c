/*
 * Lines through filters like the stock ones: sessions, a window of lines, ignoreregex, all in one
 * process, so that state builds up.  The first byte picks the filter and how time is judged.
 */
#include <stdlib.h>

#include "base/utf8.h"
#include "match/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config_regex sshd[] = {
	{ STR("^[aA]uthentication (?:failure|error|failed) for <F-USER>.*</F-USER> from <HOST>"
	      "( via \\S+)?(?: (?:port \\d+|on \\S+|\\[preauth\\])){0,3}\\s*$"),
	  USEDNS_YES, 1 },
	{ STR("^Failed (?:<F-NOFAIL>publickey</F-NOFAIL>|\\S+) for (?P<cond_inv>invalid user )?"
	      "<F-USER>(?P<cond_user>\\S+)|(?(cond_inv)(?:(?! from ).)*?|[^:]+)</F-USER> from "
	      "<HOST>"),
	  USEDNS_YES, 1 },
	{ STR("^<F-NOFAIL>Connection from</F-NOFAIL> <HOST>"), USEDNS_NO, 1 },
	{ STR("^<F-NOFAIL><F-MLFFORGET>closed</F-MLFFORGET></F-NOFAIL>"), USEDNS_YES, 1 },
	{ STR("^<F-MLFFORGET><F-MLFGAINED>Accepted \\w+</F-MLFGAINED></F-MLFFORGET> for "
	      "<F-USER>\\S+</F-USER> from <HOST>(?:\\s|$)"),
	  USEDNS_YES, 1 },
};

static struct config_regex window[] = {
	{ STR("^.*begin <SUBNET> <F-ALT_USER_1>\\S*</F-ALT_USER_1><SKIPLINES>.*end"
	      "(?: <F-TUPLE_ID>.*</F-TUPLE_ID>)?$"),
	  USEDNS_RAW, 4 },
	{ STR("(?:\\w+\\s?)+!<F-ID>[\\S]+</F-ID>"), USEDNS_RAW, 4 },
};

static struct config_regex ignore[] = { { STR("^ignore|(?i)ignorable"), USEDNS_YES, 1 } };
static str dates[] = { STR("{^LN-BEG}%Y-%m-%d"), STR("{DATE}") };

static struct config_jail jails[] = {
	{ .name = STR("a"),
	  .failregex = sshd,
	  .n_failregex = 5,
	  .ignoreregex = ignore,
	  .n_ignoreregex = 1,
	  .prefregex =
		  STR("^\\s*\\S+ <F-MLFID>sshd\\[\\d+\\]</F-MLFID>: <F-CONTENT>.+</F-CONTENT>$"),
	  .findtime = 600,
	  .maxlines = 1 },
	{ .name = STR("b"),
	  .usedns = USEDNS_RAW,
	  .failregex = window,
	  .n_failregex = 2,
	  .ignoreregex = ignore,
	  .n_ignoreregex = 1,
	  .datepattern = dates,
	  .n_datepattern = 2,
	  .logencoding = STR("latin-1"),
	  .findtime = 600,
	  .maxlines = 4 },
};

static void check(const struct match *m)
{
	for (unsigned i = 0; i < m->n_fields; i++)
		if (!utf8_is_valid(m->fields[i].value))
			abort();
	for (unsigned i = 0; i < m->n_lines; i++)
		if (!utf8_is_valid(m->lines[i].prefix) || !utf8_is_valid(m->lines[i].suffix))
			abort();
	if (!m->id.ip.family && !m->id.text.n && !m->host.n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct filter *filters[2];
	struct filter_time t = { .now = 1124013600, .session_now = 1124013600 };
	struct err e;
	str rest, line;

	for (int i = 0; i < 2 && !filters[i]; i++)
		if (filter_new(&jails[i], &filters[i], &e) < 0)
			abort();
	if (size == 0)
		return 0;
	t.check_age = data[0] & 2;
	t.in_operation = data[0] & 4;
	rest = str_mem(data + 1, size - 1);
	while (str_split(&rest, '\n', &line)) {
		const struct match *m;
		size_t n = filter_line(filters[data[0] & 1], line, &t, &m);

		for (size_t i = 0; i < n; i++)
			check(&m[i]);
	}
	return 0;
}
