/*
 * Replies of a hostile SMTP server: parsed whole and in growing pieces, as they come from a socket.
 * What was decided stays decided, texts lie inside the input, and the lines of an EHLO reply are
 * found without a step outside.
 */
#include <assert.h>
#include <stdlib.h>

#include "check/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_inside(str part, str whole)
{
	assert(part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void look_at(const struct reply *r, str bytes)
{
	static const char *const keywords[] = { "AUTH", "STARTTLS", "SIZE", "" };
	str line, parameters;
	size_t at = 0;

	assert(r->bytes <= bytes.n);
	assert_inside(r->text, bytes);
	assert((r->kind == REPLY_COMPLETE) == (r->code != 0));
	if (r->kind != REPLY_COMPLETE)
		return;
	assert(r->code >= 200 && r->code <= 599);
	assert(r->enhanced[0] == 0 || r->enhanced[0] == r->code / 100);
	while (reply_line(r, &at, &line))
		assert_inside(line, bytes);
	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
		if (reply_offers(r, str_of(keywords[i]), &parameters))
			assert_inside(parameters, bytes);
}

static bool same(const struct reply *a, const struct reply *b)
{
	return a->kind == b->kind && a->code == b->code &&
	       (a->kind != REPLY_COMPLETE || a->bytes == b->bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str all = str_mem(data, size);
	struct reply whole = reply_parse(all);
	size_t step = size / 64 + 1;

	look_at(&whole, all);
	for (size_t n = 0; n <= size; n += step) {
		/* a copy of exactly this size, so that ASan sees a byte too far */
		char *copy = malloc(n ? n : 1);
		struct reply part;

		memcpy(copy, data, n);
		part = reply_parse(str_mem(copy, n));
		look_at(&part, str_mem(copy, n));
		if (part.kind == REPLY_COMPLETE || part.kind == REPLY_MIXED)
			assert(same(&part, &whole));
		else if (part.kind != REPLY_MORE)
			assert(whole.kind != REPLY_MORE && whole.kind != REPLY_COMPLETE);
		free(copy);
	}
	return 0;
}
