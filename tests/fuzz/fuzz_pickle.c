/* The pickle readers: what they accept must survive being printed, written and read again. */
#include <assert.h>

#include "control/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void once(str in, bool answer)
{
	struct arena *a = arena_new();
	struct value *v, *again;
	struct err err = { 0 };
	struct buf first = { 0 }, second = { 0 }, bytes = { 0 };
	int rc = answer ? pickle_read_answer(in, a, &v, &err) : pickle_read(in, a, &v, &err);

	if (rc == 0) {
		pickle_write(&bytes, v);
		assert(str_find(buf_str(&bytes), STR(PICKLE_END)) < 0);
		rc = pickle_read_answer(buf_str(&bytes), a, &again, &err);
		assert(rc == 0);
		if (!answer) { /* there an unknown class has become Exception */
			value_add_repr(&first, v);
			value_add_repr(&second, again);
			assert(str_eq(buf_str(&first), buf_str(&second)));
		}
	}
	buf_free(&first);
	buf_free(&second);
	buf_free(&bytes);
	arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str in = str_mem(data, size), frame;
	size_t searched = 0;

	once(in, false);
	once(in, true);
	if (pickle_frame(in, &searched, &frame))
		assert(frame.n + strlen(PICKLE_END) <= in.n);
	return 0;
}
