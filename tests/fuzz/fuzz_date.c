/* Lines through a date detector with the built-in formats, and one with unusual ones. */
#include <math.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "match/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const str unusual[] = { STR("%Y %j %H"),     STR("%Y %U %w"),   STR("%a %W %I %p %Exz"),
			       STR("%c"),           STR("%x %X"),      STR("LEPOCH"),
			       STR("a({EPOCH})**"), STR("^.*?(%B %d)") };

static void look(struct date *d, struct regex_space *space, str line)
{
	struct date_hit hit;

	if (!date_find(d, space, line, utf8_is_ascii(line), 1124013600, &hit))
		return;
	if (hit.start > hit.end || hit.end > line.n)
		abort();
	if (!hit.empty && hit.result == DATE_OK && !isfinite(hit.when))
		abort();
	date_learn(d, line, &hit, 1124013600);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct date *builtin, *other;
	static struct regex_space *space;
	_buf_free_ struct buf text = { 0 };
	struct err e;
	str rest, line;

	if (!space) {
		space = regex_space_new();
		if (date_new(NULL, 0, STR_NULL, &builtin, &e) < 0 ||
		    date_new(unusual, sizeof unusual / sizeof *unusual, STR("EST"), &other, &e) < 0)
			abort();
	}
	utf8_add_repaired(&text, str_mem(data, size));
	rest = buf_str(&text);
	while (str_split(&rest, '\n', &line)) {
		look(builtin, space, line);
		look(other, space, line);
	}
	return 0;
}
