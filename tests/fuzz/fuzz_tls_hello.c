/* A server's answer to a hello: decided once and for all; and hellos with any name in them. */
#include <assert.h>

#include "check/tls_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const uint8_t zeros[TLS_RANDOM_BYTES];

static bool same(struct tls_answer a, struct tls_answer b)
{
	return a.kind == b.kind && a.version == b.version && a.cipher == b.cipher &&
	       a.alert == b.alert;
}

static void check_answer(struct tls_answer a, unsigned offered)
{
	bool accepted = a.kind == TLS_ANSWER_ACCEPTED;

	assert(accepted == (a.version != 0));
	assert(accepted || a.cipher == 0);
	assert(!accepted || a.version >> 8 == 3 || (a.version == TLS_SSL2 && offered == TLS_SSL2));
	assert(a.kind == TLS_ANSWER_REFUSED || a.alert == 0);
}

/* In growing pieces, each in memory of its own size: what is decided stays. */
static void check_prefixes(str in, unsigned offered, struct tls_answer whole)
{
	bool decided = false;

	for (size_t k = 1; k < in.n; k += 1 + in.n / 256) {
		char *copy = xmemdup(in.p, k);
		struct tls_answer part = tls_answer_parse(str_mem(copy, k), offered);

		decided = decided || part.kind != TLS_ANSWER_MORE;
		assert(decided ? same(part, whole) : part.kind == TLS_ANSWER_MORE);
		free(copy);
	}
}

/* Said again and again, everything is decided by the maximum. */
static void check_maximum(str in, unsigned offered)
{
	_buf_free_ struct buf b = { 0 };
	struct tls_answer a;

	while (b.n <= TLS_ANSWER_BYTES_MAX)
		buf_add_str(&b, in);
	a = tls_answer_parse(str_head(buf_str(&b), TLS_ANSWER_BYTES_MAX), offered);
	assert(a.kind != TLS_ANSWER_MORE);
	assert(same(a, tls_answer_parse(buf_str(&b), offered)));
}

static void check_hello(unsigned version, str name)
{
	_buf_free_ struct buf out = { 0 }, nameless = { 0 };

	tls_hello_write(&out, version, name, zeros);
	tls_hello_write(&nameless, version, STR(""), zeros);
	assert(out.n < 1024);
	if (name.n == 0 || name.n > 255 || version < TLS_10)
		assert(str_eq(buf_str(&out), buf_str(&nameless)));
	else
		assert(out.n == nameless.n + 9 + name.n && str_find(buf_str(&out), name) >= 0);
	assert(tls_answer_parse(buf_str(&out), version).kind == TLS_ANSWER_GARBAGE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const unsigned versions[] = { TLS_SSL2, TLS_SSL3, TLS_10, TLS_11, TLS_12 };
	struct tls_answer whole;
	unsigned offered;
	str in;

	if (n == 0)
		return 0;
	offered = versions[data[0] % (sizeof versions / sizeof *versions)];
	in = str_mem(data + 1, n - 1);
	whole = tls_answer_parse(in, offered);
	check_answer(whole, offered);
	check_prefixes(in, offered, whole);
	if (in.n)
		check_maximum(in, offered);
	check_hello(offered, str_head(in, 256));
	check_hello(offered, str_head(in, 255));
	return 0;
}
