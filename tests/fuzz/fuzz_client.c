/*
 * What a hostile server answers, printed: UTF-8 without a control character but newline and tab.
 * The first byte chooses the words it answers to.
 */
#include <assert.h>

#include "base/utf8.h"
#include "control/client.h"
#include "control/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const requests[] = {
	"ping",
	"version",
	"status",
	"status j1",
	"status --all",
	"stats",
	"echo a",
	"stop",
	"add j1",
	"get loglevel",
	"get logtarget",
	"get dbpurgeage",
	"get j1 logpath",
	"get j1 logencoding",
	"get j1 journalmatch",
	"get j1 failregex",
	"get j1 datepattern",
	"get j1 banip",
	"get j1 banip --with-time",
	"get j1 actions",
	"get j1 actionproperties a",
	"banned",
};

static void assert_harmless(str s)
{
	assert(utf8_is_valid(s));
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		assert((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t');
		assert(c != 0xc2 || (unsigned char)s.p[i + 1] >= 0xa0); /* C1 controls */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct value *words = value_list(a), *answer;
	struct buf out = { 0 };
	str rest, word;

	if (size) {
		rest = str_of(requests[data[0] % (sizeof requests / sizeof *requests)]);
		while (str_word(&rest, &word))
			value_add(a, words, value_str(a, word));
		if (pickle_read_answer(str_mem(data + 1, size - 1), a, &answer, NULL) == 0) {
			client_print(&out, words, answer);
			assert_harmless(buf_str(&out));
			if (answer->type == VALUE_ERROR) {
				buf_clear(&out);
				client_print_refusal(&out, answer);
			}
		}
	}
	buf_free(&out);
	arena_free(a);
	return 0;
}
