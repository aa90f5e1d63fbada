#include "unit/unit.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "check/tls_hello.h"

static const uint8_t random32[TLS_RANDOM_BYTES] = "0123456789abcdef0123456789abcdef";
#define RANDOM "0123456789abcdef0123456789abcdef"
#define ID RANDOM

/* A ServerHello of 38 bytes, and its start: record, type, length, version. */
#define START "\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" RANDOM
#define HELLO START "\x00\xc0\x2f\x00"
/* With 46 bytes, 8 of them extensions with their length; and with 39, one more than without any. */
#define HELLO_8 "\x16\x03\x03\x00\x32\x02\x00\x00\x2e\x03\x03" RANDOM "\x00\x13\x01\x00"
#define HELLO_1 "\x16\x03\x03\x00\x2b\x02\x00\x00\x27\x03\x03" RANDOM "\x00\xc0\x2f\x00"
#define WARNING "\x15\x03\x03\x00\x02\x01\x70"
#define FATAL "\x15\x03\x01\x00\x02\x02\x46"

#define MORE .kind = TLS_ANSWER_MORE
#define GARBAGE .kind = TLS_ANSWER_GARBAGE
#define REFUSED(number) .kind = TLS_ANSWER_REFUSED, .alert = (number)
#define ACCEPTED(v, suite) .kind = TLS_ANSWER_ACCEPTED, .version = (v), .cipher = (suite)

/* clang-format off */
static const struct answer_case {
	const char *name;
	unsigned offered;
	size_t after; /* decided with so many bytes; 0: with the last one */
	struct tls_answer expected;
	str bytes;
} cases[] = {
	{ "nothing", TLS_12, 0, { MORE }, STR_NULL },
	{ "half a record header", TLS_12, 0, { MORE }, STR("\x16\x03\x03") },
	{ "a ServerHello without its end", TLS_12, 0, { MORE }, STR(START "\x00\xc0\x2f") },
	{ "a warning alone", TLS_12, 0, { MORE }, STR(WARNING) },

	{ "TLS 1.2", TLS_12, 0, { ACCEPTED(TLS_12, 0xc02f) }, STR(HELLO) },
	{ "what follows is not read", TLS_12, 47, { ACCEPTED(TLS_12, 0xc02f) },
	  STR(HELLO "\x00...") },
	{ "a session id, and a Certificate behind", TLS_10, 79, { ACCEPTED(TLS_10, 0x002f) },
	  STR("\x16\x03\x01\x00\x5a\x02\x00\x00\x46\x03\x01" RANDOM "\x20" ID
	      "\x00\x2f\x00\x0b\x00") },
	{ "SSL 3.0", TLS_SSL3, 0, { ACCEPTED(TLS_SSL3, 5) },
	  STR("\x16\x03\x00\x00\x2a\x02\x00\x00\x26\x03\x00" RANDOM "\x00\x00\x05\x00") },
	{ "a version nobody knows", TLS_12, 0, { ACCEPTED(0x0305, 5) },
	  STR("\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x05" RANDOM "\x00\x00\x05\x00") },
	{ "TLS 1.3", TLS_12, 0, { ACCEPTED(TLS_13, 0x1301) },
	  STR(HELLO_8 "\x00\x06\x00\x2b\x00\x02\x03\x04") },
	{ "another extension only", TLS_12, 0, { ACCEPTED(TLS_12, 0x1301) },
	  STR(HELLO_8 "\x00\x06\x00\x0b\x00\x02\x01\x00") },
	{ "supported_versions second of three", TLS_12, 60, { ACCEPTED(TLS_13, 0x1302) },
	  STR("\x16\x03\x03\x00\x3f\x02\x00\x00\x3b\x03\x03" RANDOM "\x00\x13\x02\x00\x00\x13"
	      "\xff\x01\x00\x01\x00\x00\x2b\x00\x02\x03\x04\x00\x33") },
	{ "no extension, but their length", TLS_12, 0, { ACCEPTED(TLS_12, 0xc02f) },
	  STR("\x16\x03\x03\x00\x2c\x02\x00\x00\x28\x03\x03" RANDOM "\x00\xc0\x2f\x00\x00\x00") },
	{ "warnings before", TLS_12, 0, { ACCEPTED(TLS_12, 0xc02f) }, STR(WARNING WARNING HELLO) },

	{ "protocol_version", TLS_12, 0, { REFUSED(70) }, STR(FATAL) },
	{ "protocol_version to an SSL 2 hello", TLS_SSL2, 0, { REFUSED(70) }, STR(FATAL) },
	{ "the first alert counts", TLS_12, 7, { REFUSED(70) }, STR(FATAL HELLO) },
	{ "close_notify", TLS_12, 0, { REFUSED(0) }, STR("\x15\x03\x03\x00\x02\x01\x00") },
	{ "fatal close_notify", TLS_12, 0, { REFUSED(0) }, STR("\x15\x03\x03\x00\x02\x02\x00") },
	{ "warning, then fatal", TLS_12, 0, { REFUSED(70) }, STR(WARNING FATAL) },
	{ "warnings amid a ServerHello", TLS_12, 0, { ACCEPTED(TLS_12, 0xc02f) },
	  STR("\x16\x03\x03\x00\x02\x02\x00" WARNING WARNING
	      "\x16\x03\x03\x00\x28\x00\x26\x03\x03" RANDOM "\x00\xc0\x2f\x00") },
	{ "fatal amid a ServerHello", TLS_12, 0, { REFUSED(70) },
	  STR("\x16\x03\x03\x00\x03\x02\x00\x00" FATAL) },

	{ "SMTP", TLS_12, 1, { GARBAGE }, STR("220 mail.example.org ESMTP\r\n") },
	{ "SMTP to an SSL 2 hello", TLS_SSL2, 1, { GARBAGE },
	  STR("220 mail.example.org ESMTP\r\n") },
	{ "HTTP", TLS_10, 1, { GARBAGE }, STR("HTTP/1.1 400 Bad Request\r\n") },
	{ "zeros", TLS_10, 1, { GARBAGE }, STR("\0\0\0\0\0\0\0\0") },
	{ "ChangeCipherSpec", TLS_12, 1, { GARBAGE }, STR("\x14\x03\x03\x00\x01\x01") },
	{ "application data", TLS_12, 1, { GARBAGE }, STR("\x17\x03\x03\x00\x01\x01") },
	{ "application data after a warning", TLS_12, 0, { GARBAGE }, STR(WARNING "\x17") },
	{ "a record of version 2", TLS_12, 2, { GARBAGE }, STR("\x16\x02\x00") },
	{ "an alert of version 2", TLS_12, 2, { GARBAGE }, STR("\x15\x00\x02\x00\x02\x02\x46") },
	{ "an alert of no level", TLS_12, 6, { GARBAGE }, STR("\x15\x03\x03\x00\x02\x03\x46") },
	{ "a short alert", TLS_12, 5, { GARBAGE }, STR("\x15\x03\x03\x00\x01\x02") },
	{ "a long alert", TLS_12, 5, { GARBAGE }, STR("\x15\x03\x03\x00\x03\x02\x46\x00") },
	{ "an empty record", TLS_12, 5, { GARBAGE }, STR("\x16\x03\x03\x00\x00" HELLO) },
	{ "a record over 2^14", TLS_12, 5, { GARBAGE }, STR("\x16\x03\x03\x40\x01\x02") },
	{ "HelloRequest", TLS_12, 6, { GARBAGE }, STR("\x16\x03\x03\x00\x04\x00\x00\x00\x00") },
	{ "ClientHello", TLS_12, 6, { GARBAGE }, STR("\x16\x03\x01\x00\x2a\x01\x00\x00\x26") },
	{ "Certificate", TLS_12, 6, { GARBAGE }, STR("\x16\x03\x01\x00\x2a\x0b\x00\x00\x26") },
	{ "too short", TLS_12, 0, { GARBAGE }, STR("\x16\x03\x03\x00\x2a\x02\x00\x00\x25") },
	{ "too long", TLS_12, 0, { GARBAGE }, STR("\x16\x03\x03\x00\x2a\x02\x00\x4e\x21") },
	{ "much too long", TLS_12, 0, { GARBAGE }, STR("\x16\x03\x03\x00\x2a\x02\xff\xff\xff") },
	{ "ServerHello of version 2", TLS_12, 0, { GARBAGE },
	  STR("\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x02\x03") },
	{ "a session id of 33", TLS_12, 0, { GARBAGE },
	  STR("\x16\x03\x01\x00\xff\x02\x00\x00\xf6\x03\x01" RANDOM "\x21") },
	{ "a session id past the end", TLS_12, 0, { GARBAGE }, STR(START "\x01") },
	{ "half a length of extensions", TLS_12, 47, { GARBAGE }, STR(HELLO_1 "\x00") },
	{ "extensions shorter than said", TLS_12, 0, { GARBAGE }, STR(HELLO_8 "\x00\x07") },
	{ "bytes behind the extensions", TLS_12, 0, { GARBAGE }, STR(HELLO_8 "\x00\x05") },
	{ "an extension past the end", TLS_12, 0, { GARBAGE },
	  STR(HELLO_8 "\x00\x06\x00\x0b\x00\x03") },
	{ "half an extension", TLS_12, 53, { GARBAGE },
	  STR(HELLO_8 "\x00\x06\x00\x0b\x00\x00\x00\x2b") },
	{ "supported_versions of 1 byte", TLS_12, 53, { GARBAGE },
	  STR(HELLO_8 "\x00\x06\x00\x2b\x00\x01\x03\x00") },
	{ "supported_versions with a draft", TLS_12, 0, { GARBAGE },
	  STR(HELLO_8 "\x00\x06\x00\x2b\x00\x02\x7f\x1c") },

	{ "SSL 2", TLS_SSL2, 13, { ACCEPTED(TLS_SSL2, 0) },
	  STR("\x80\x12\x04\x00\x01\x00\x02\x00\x02\x00\x03\x00\x02"
	      "ce\x01\x00\x80id") },
	{ "SSL 2, no cipher in common", TLS_SSL2, 0, { ACCEPTED(TLS_SSL2, 0) },
	  STR("\x80\x0b\x04\x00\x01\x00\x02\x00\x00\x00\x00\x00\x00") },
	{ "SSL 2, not offered", TLS_SSL3, 1, { GARBAGE },
	  STR("\x80\x0b\x04\x00\x01\x00\x02\x00\x00\x00\x00\x00\x00") },
	{ "SSL 2, ERROR", TLS_SSL2, 0, { REFUSED(40) }, STR("\x80\x03\x00\x00\x01") },
	{ "SSL 2, ERROR too long", TLS_SSL2, 3, { GARBAGE }, STR("\x80\x04\x00\x00\x01\x00") },
	{ "SSL 2, CLIENT-HELLO", TLS_SSL2, 3, { GARBAGE }, STR("\x80\x2e\x01\x00\x02") },
	{ "SSL 2, too short", TLS_SSL2, 3, { GARBAGE }, STR("\x80\x0a\x04\x00\x01") },
	{ "SSL 2, another version", TLS_SSL2, 0, { GARBAGE }, STR("\x80\x0b\x04\x00\x01\x03\x00") },
	{ "SSL 2, lengths past the end", TLS_SSL2, 0, { GARBAGE },
	  STR("\x80\x0b\x04\x00\x01\x00\x02\x00\x00\x00\x00\x00\x01") },
	{ "SSL 2, TLS answered", TLS_SSL2, 0, { ACCEPTED(TLS_12, 0xc02f) }, STR(HELLO) },
};
/* clang-format on */

/* From a copy without a byte to spare, so that a sanitizer sees any read past the end. */
static struct tls_answer parse_copy(str bytes, unsigned offered)
{
	_free_ char *copy = xmemdup(bytes.p, bytes.n);

	return tls_answer_parse(str_mem(copy, bytes.n), offered);
}

static bool same(struct tls_answer a, struct tls_answer b)
{
	return a.kind == b.kind && a.version == b.version && a.cipher == b.cipher &&
	       a.alert == b.alert;
}

/* Byte by byte: more is asked for until `after` bytes, and nothing changes behind them. */
static void assert_answer(const struct answer_case *c)
{
	size_t after = c->after ? c->after : c->bytes.n;

	for (size_t n = 0; n <= c->bytes.n; n++) {
		struct tls_answer a = parse_copy(str_head(c->bytes, n), c->offered);
		struct tls_answer expected = n < after ? (struct tls_answer){ MORE } : c->expected;

		if (!same(a, expected))
			fail_msg("%s, %zu bytes: kind %d, version %04x, cipher %04x, alert %u",
				 c->name, n, (int)a.kind, a.version, a.cipher, a.alert);
	}
}

static void answers_byte_by_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_answer(&cases[i]);
}

/* The content of the first record of `bytes`, cut into records of `piece` bytes. */
static void cut_record(struct buf *out, str bytes, size_t piece)
{
	str body = str_head(str_from(bytes, 5),
			    (size_t)(uint8_t)bytes.p[3] << 8 | (uint8_t)bytes.p[4]);

	for (; body.n; body = str_from(body, piece)) {
		str part = str_head(body, piece);

		buf_add_str(out, str_head(bytes, 3));
		buf_add_char(out, (char)(part.n >> 8));
		buf_add_char(out, (char)part.n);
		buf_add_str(out, part);
	}
}

static void assert_cut_the_same(str bytes, struct tls_answer expected)
{
	for (size_t piece = 1; piece < 100; piece++) {
		_buf_free_ struct buf cut = { 0 };

		cut_record(&cut, bytes, piece);
		if (!same(parse_copy(buf_str(&cut), TLS_12), expected))
			fail_msg("in records of %zu bytes", piece);
	}
}

static void a_server_hello_in_many_records(void **state)
{
	(void)state;
	assert_cut_the_same(STR(HELLO), (struct tls_answer){ ACCEPTED(TLS_12, 0xc02f) });
	assert_cut_the_same(STR(HELLO_8 "\x00\x06\x00\x2b\x00\x02\x03\x04"),
			    (struct tls_answer){ ACCEPTED(TLS_13, 0x1301) });
	assert_cut_the_same(STR(HELLO_8 "\x00\x06\x00\x2b\x00\x01\x03\x04"),
			    (struct tls_answer){ GARBAGE });
}

static void an_end_to_patience(void **state)
{
	_buf_free_ struct buf b = { 0 };
	struct tls_answer a;

	(void)state;
	while (b.n < TLS_ANSWER_BYTES_MAX)
		buf_add_str(&b, STR(WARNING));
	buf_add_str(&b, STR(HELLO));
	assert_int_equal(
		tls_answer_parse(str_head(buf_str(&b), TLS_ANSWER_BYTES_MAX - 1), TLS_12).kind,
		TLS_ANSWER_MORE);
	assert_int_equal(tls_answer_parse(str_head(buf_str(&b), TLS_ANSWER_BYTES_MAX), TLS_12).kind,
			 TLS_ANSWER_GARBAGE);
	assert_int_equal(tls_answer_parse(buf_str(&b), TLS_12).kind, TLS_ANSWER_GARBAGE);

	/* one of 19,936 bytes whose supported_versions stand at its end, in two records */
	buf_clear(&b);
	buf_add_str(&b, STR("\x16\x03\x03\x40\x00\x02\x00\x4d\xe0\x03\x03" RANDOM "\x00\x13\x01\x00"
			    "\x4d\xb8\x00\x15\x4d\xae"));
	while (b.n < 5 + (1 << 14))
		buf_add_char(&b, 0);
	buf_add_str(&b, STR("\x16\x03\x03\x0d\xe4"));
	while (b.n < 2 * 5 + 4 + 19936 - 6)
		buf_add_char(&b, 0);
	buf_add_str(&b, STR("\x00\x2b\x00\x02\x03\x04"));
	a = parse_copy(str_head(buf_str(&b), b.n - 1), TLS_12);
	assert_int_equal(a.kind, TLS_ANSWER_MORE);
	a = parse_copy(buf_str(&b), TLS_12);
	assert_true(same(a, (struct tls_answer){ ACCEPTED(TLS_13, 0x1301) }));
}

/* A cursor over a hello; taking more than is there fails the test. */
static size_t take(str *s, size_t bytes)
{
	size_t v = 0;

	assert_true(s->n >= bytes);
	for (size_t i = 0; i < bytes; i++)
		v = v << 8 | (uint8_t)s->p[i];
	*s = str_from(*s, bytes);
	return v;
}

static str take_vector(str *s, size_t bytes)
{
	size_t n = take(s, bytes);
	str v = str_head(*s, n);

	assert_int_equal(v.n, n);
	*s = str_from(*s, n);
	return v;
}

/* The place of a suite among those offered, or -1; none may be there twice. */
static int suite_place(str suites, size_t suite)
{
	int place = -1;

	for (int i = 0; suites.n; i++) {
		if (take(&suites, 2) != suite)
			continue;
		assert_int_equal(place, -1);
		place = i;
	}
	return place;
}

static void assert_suites(str suites, unsigned version)
{
	static const struct {
		uint16_t suite;
		unsigned since;
	} rows[] = {
		{ 0x0004, TLS_SSL3 }, { 0x0005, TLS_SSL3 }, { 0x000a, TLS_SSL3 },
		{ 0x0016, TLS_SSL3 }, { 0x002f, TLS_SSL3 }, { 0x0033, TLS_SSL3 },
		{ 0x0041, TLS_SSL3 }, { 0x0096, TLS_SSL3 }, { 0x00ff, TLS_SSL3 },
		{ 0xc011, TLS_10 },   { 0xc013, TLS_10 },   { 0xc00a, TLS_10 },
		{ 0x009c, TLS_12 },   { 0xc02f, TLS_12 },   { 0xc02c, TLS_12 },
		{ 0xcca8, TLS_12 },   { 0x0001, 0xffff },   { 0x0003, 0xffff },
		{ 0x0034, 0xffff },   { 0x5600, 0xffff },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		if ((suite_place(suites, rows[i].suite) >= 0) != (version >= rows[i].since))
			fail_msg("suite %04x in %s", rows[i].suite, tls_version_name(version));
	for (str rest = suites; rest.n;) {
		size_t suite = take(&rest, 2);

		assert_true(suite_place(suites, suite) >= 0);
	}
	assert_in_range(suite_place(suites, 0x0004), 0, 63);
	assert_in_range(suite_place(suites, 0x000a), 0, 63);
}

/* Which extensions are there, in order, two bytes each; each but the name is one list. */
static void read_hello_extensions(str in, struct buf *types, str *name)
{
	while (in.n) {
		size_t type = take(&in, 2);
		str body = take_vector(&in, 2), list;

		buf_add_char(types, (char)(type >> 8));
		buf_add_char(types, (char)type);
		list = take_vector(&body, type == 11 ? 1 : 2);
		assert_int_equal(body.n, 0);
		if (type != 0)
			continue;
		assert_int_equal(take(&list, 1), 0);
		*name = take_vector(&list, 2);
		assert_int_equal(list.n, 0);
	}
}

static void assert_hello(unsigned version, str sent, str seen, str expected_types)
{
	_buf_free_ struct buf out = { 0 }, types = { 0 };
	str in, message, name = STR(""), suites;

	buf_add_z(&out, "before");
	tls_hello_write(&out, version, sent, random32);
	in = str_from(buf_str(&out), 6);
	assert_true(in.n < 1024);
	assert_int_equal(take(&in, 1), 22);
	assert_int_equal(take(&in, 2), version < TLS_10 ? TLS_SSL3 : TLS_10);
	message = take_vector(&in, 2);
	assert_int_equal(in.n, 0);
	assert_int_equal(take(&message, 1), 1);
	in = take_vector(&message, 3);
	assert_int_equal(message.n, 0);
	assert_int_equal(take(&in, 2), version);
	assert_memory_equal(in.p, random32, 32);
	in = str_from(in, 32);
	assert_int_equal(take(&in, 1), 0);
	suites = take_vector(&in, 2);
	assert_suites(suites, version);
	assert_true(str_eq(take_vector(&in, 1), STR("\0")));
	if (version >= TLS_10)
		read_hello_extensions(take_vector(&in, 2), &types, &name);
	assert_int_equal(in.n, 0);
	assert_true(str_eq(buf_str(&types), expected_types));
	assert_true(str_eq(name, seen));
}

static void hellos_are_well_formed(void **state)
{
	static char longest[256];
	str host = STR("mx.example.org"), none = STR("");
	_buf_free_ struct buf out = { 0 };

	(void)state;
	memset(longest, 'a', sizeof longest);
	assert_hello(TLS_SSL3, host, none, none);
	assert_hello(TLS_10, none, none, STR("\0\12\0\13"));
	assert_hello(TLS_10, host, host, STR("\0\0\0\12\0\13"));
	assert_hello(TLS_11, host, host, STR("\0\0\0\12\0\13"));
	assert_hello(TLS_12, host, host, STR("\0\0\0\12\0\13\0\15"));
	assert_hello(TLS_12, none, none, STR("\0\12\0\13\0\15"));
	assert_hello(TLS_12, str_mem(longest, 255), str_mem(longest, 255),
		     STR("\0\0\0\12\0\13\0\15"));
	assert_hello(TLS_12, str_mem(longest, 256), none, STR("\0\12\0\13\0\15"));

	tls_hello_write(&out, TLS_SSL2, host, random32);
	assert_int_equal(out.n, 2 + 9 + 21 + 16);
	assert_memory_equal(out.p, "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", 11);
	assert_memory_equal(out.p + 11 + 21, random32, 16);
}

static void versions_have_names(void **state)
{
	(void)state;
	assert_string_equal(tls_version_name(TLS_SSL2), "SSL 2.0");
	assert_string_equal(tls_version_name(TLS_SSL3), "SSL 3.0");
	assert_string_equal(tls_version_name(TLS_10), "TLS 1.0");
	assert_string_equal(tls_version_name(TLS_11), "TLS 1.1");
	assert_string_equal(tls_version_name(TLS_12), "TLS 1.2");
	assert_string_equal(tls_version_name(TLS_13), "TLS 1.3");
	assert_string_equal(tls_version_name(0x0305), "an unknown version");
	assert_string_equal(tls_version_name(0), "an unknown version");
}

/* From here on: OpenSSL as the server, in this process, with an RSA and an ECDSA certificate. */
struct identity {
	EVP_PKEY *key;
	X509 *certificate;
};
static struct identity identities[2];

static struct identity identity_new(EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);

	assert_non_null(key);
	assert_int_equal(X509_set_version(x, 2), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 1), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), -60));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), 3600));
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
						    (const unsigned char *)"mx.example.org", -1, -1,
						    0),
			 1);
	assert_int_equal(X509_set_issuer_name(x, name), 1);
	assert_int_equal(X509_set_pubkey(x, key), 1);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	return (struct identity){ .key = key, .certificate = x };
}

static int identities_new(void **state)
{
	(void)state;
	identities[0] = identity_new(EVP_RSA_gen(2048));
	identities[1] = identity_new(EVP_EC_gen("P-256"));
	return 0;
}

static int identities_free(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(identities); i++) {
		EVP_PKEY_free(identities[i].key);
		X509_free(identities[i].certificate);
	}
	return 0;
}

static SSL_CTX *server_new(int min, int max, const char *ciphers)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	assert_non_null(ctx);
	assert_int_equal(SSL_CTX_set_cipher_list(ctx, ciphers), 1);
	SSL_CTX_set_security_level(ctx, 0);
	assert_int_equal(SSL_CTX_set_min_proto_version(ctx, min), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, max), 1);
	assert_int_equal(SSL_CTX_set_dh_auto(ctx, 1), 1);
	for (size_t i = 0; i < COUNT(identities); i++) {
		assert_int_equal(SSL_CTX_use_certificate(ctx, identities[i].certificate), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(ctx, identities[i].key), 1);
	}
	return ctx;
}

static void read_all(BIO *bio, struct buf *out)
{
	char piece[4096];
	int n;

	while ((n = BIO_read(bio, piece, sizeof piece)) > 0)
		buf_add(out, piece, (size_t)n);
}

/* All that the server writes after `hello`. */
static void serve(SSL_CTX *ctx, str hello, struct buf *out)
{
	SSL *ssl = SSL_new(ctx);
	BIO *in = BIO_new(BIO_s_mem()), *to = BIO_new(BIO_s_mem());

	assert_true(ssl && in && to);
	SSL_set_bio(ssl, in, to);
	assert_int_equal(BIO_write(in, hello.p, (int)hello.n), hello.n);
	assert_true(SSL_accept(ssl) <= 0);
	read_all(to, out);
	SSL_free(ssl);
	ERR_clear_error();
}

static struct tls_answer ask(SSL_CTX *ctx, unsigned version)
{
	_buf_free_ struct buf hello = { 0 }, out = { 0 };
	struct tls_answer a;
	bool decided = false;

	tls_hello_write(&hello, version, STR("mx.example.org"), random32);
	serve(ctx, buf_str(&hello), &out);
	a = parse_copy(buf_str(&out), version);
	for (size_t n = 0; n < out.n; n++) {
		struct tls_answer part = parse_copy(str_head(buf_str(&out), n), version);

		decided = decided || part.kind != TLS_ANSWER_MORE;
		assert_true(same(part, decided ? a : (struct tls_answer){ MORE }));
	}
	if (a.kind == TLS_ANSWER_ACCEPTED)
		assert_cut_the_same(buf_str(&out), a);
	return a;
}

static void openssl_takes_or_refuses_versions(void **state)
{
	enum { REFUSES = 0 };
	static const unsigned offers[] = { TLS_SSL2, TLS_SSL3, TLS_10, TLS_11, TLS_12 };
	static const struct {
		int min, max;
		unsigned chosen[COUNT(offers)];
	} rows[] = {
		{ TLS_10, TLS_12, { REFUSES, REFUSES, TLS_10, TLS_11, TLS_12 } },
		{ TLS_10, TLS_13, { REFUSES, REFUSES, TLS_10, TLS_11, TLS_12 } },
		{ TLS_10, TLS_10, { REFUSES, REFUSES, TLS_10, TLS_10, TLS_10 } },
		{ TLS_11, TLS_11, { REFUSES, REFUSES, REFUSES, TLS_11, TLS_11 } },
		{ TLS_11, TLS_12, { REFUSES, REFUSES, REFUSES, TLS_11, TLS_12 } },
		{ TLS_12, TLS_12, { REFUSES, REFUSES, REFUSES, REFUSES, TLS_12 } },
		{ TLS_12, TLS_13, { REFUSES, REFUSES, REFUSES, REFUSES, TLS_12 } },
		{ TLS_13, TLS_13, { REFUSES, REFUSES, REFUSES, REFUSES, REFUSES } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		SSL_CTX *ctx = server_new(rows[i].min, rows[i].max, "ALL:@SECLEVEL=0");

		for (size_t k = 0; k < COUNT(offers); k++) {
			struct tls_answer a = ask(ctx, offers[k]);
			unsigned chosen = rows[i].chosen[k];
			/* SSL 3.0 has no protocol_version, so it is handshake_failure there */
			unsigned alert = chosen ? 0 : offers[k] == TLS_SSL3 ? 40 : 70;

			if (a.kind != (chosen ? TLS_ANSWER_ACCEPTED : TLS_ANSWER_REFUSED) ||
			    a.version != chosen || a.alert != alert)
				fail_msg("row %zu, %s: kind %d, version %04x, alert %u", i,
					 tls_version_name(offers[k]), (int)a.kind, a.version,
					 a.alert);
		}
		SSL_CTX_free(ctx);
	}
}

static void openssl_finds_each_of_its_suites(void **state)
{
	SSL_CTX *all = server_new(TLS_10, TLS_12, "ALL:!aNULL:!PSK:!SRP:!aDSS:!ARIA:!AESCCM");
	const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(all);
	int tried = 0;

	(void)state;
	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(ciphers, i);
		const char *name = SSL_CIPHER_get_name(c);
		SSL_CTX *one;
		struct tls_answer a;

		if (strcmp(SSL_CIPHER_get_version(c), "TLSv1.3") == 0)
			continue;
		one = server_new(TLS_10, TLS_12, name);
		a = ask(one, TLS_12);
		if (a.kind != TLS_ANSWER_ACCEPTED || a.cipher != SSL_CIPHER_get_protocol_id(c))
			fail_msg("%s: kind %d, alert %u", name, (int)a.kind, a.alert);
		SSL_CTX_free(one);
		tried++;
	}
	assert_true(tried >= 20);
	SSL_CTX_free(all);
}

static void openssl_without_a_suite_in_common(void **state)
{
	SSL_CTX *ctx = server_new(TLS_12, TLS_12, "aNULL:@SECLEVEL=0");
	struct tls_answer a = ask(ctx, TLS_12);

	(void)state;
	assert_true(same(a, (struct tls_answer){ REFUSED(40) }));
	SSL_CTX_free(ctx);
}

static int warn_of_name(SSL *ssl, int *alert, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	int *asked = arg;

	if (name && strcmp(name, "mx.example.org") == 0)
		(*asked)++;
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return SSL_TLSEXT_ERR_ALERT_WARNING;
}

static void openssl_warns_of_the_name(void **state)
{
	static const unsigned versions[] = { TLS_10, TLS_11, TLS_12 };
	SSL_CTX *ctx = server_new(TLS_10, TLS_12, "ALL:@SECLEVEL=0");
	_buf_free_ struct buf hello = { 0 }, out = { 0 };
	int asked = 0;

	(void)state;
	SSL_CTX_set_tlsext_servername_callback(ctx, warn_of_name);
	SSL_CTX_set_tlsext_servername_arg(ctx, &asked);
	for (size_t i = 0; i < COUNT(versions); i++) {
		buf_clear(&hello);
		buf_clear(&out);
		tls_hello_write(&hello, versions[i], STR("mx.example.org"), random32);
		serve(ctx, buf_str(&hello), &out);
		assert_int_equal(asked, i + 1);
		assert_memory_equal(out.p, "\x15\x03", 2);
		assert_memory_equal(out.p + 5, "\x01\x70", 2);
		assert_int_equal(parse_copy(str_head(buf_str(&out), 7), versions[i]).kind,
				 TLS_ANSWER_MORE);
		assert_int_equal(parse_copy(buf_str(&out), versions[i]).version, versions[i]);
	}
	SSL_CTX_free(ctx);
}

/* These hellos do not offer TLS 1.3, so OpenSSL's own is sent for its ServerHello. */
static void openssl_answers_a_tls13_client(void **state)
{
	SSL_CTX *ctx = server_new(TLS_12, TLS_13, "ALL"),
		*client_ctx = SSL_CTX_new(TLS_client_method());
	SSL *client = SSL_new(client_ctx);
	BIO *in = BIO_new(BIO_s_mem()), *to = BIO_new(BIO_s_mem());
	_buf_free_ struct buf hello = { 0 }, out = { 0 };
	struct tls_answer a;

	(void)state;
	assert_true(client && in && to);
	SSL_set_bio(client, in, to);
	assert_true(SSL_connect(client) <= 0);
	read_all(to, &hello);
	serve(ctx, buf_str(&hello), &out);
	a = parse_copy(buf_str(&out), TLS_12);
	assert_int_equal(a.kind, TLS_ANSWER_ACCEPTED);
	assert_int_equal(a.version, TLS_13);
	assert_int_equal(a.cipher >> 8, 0x13);
	assert_cut_the_same(buf_str(&out), a);
	/* and a hello is no answer */
	assert_int_equal(parse_copy(buf_str(&hello), TLS_12).kind, TLS_ANSWER_GARBAGE);
	SSL_free(client);
	SSL_CTX_free(client_ctx);
	SSL_CTX_free(ctx);
	ERR_clear_error();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_byte_by_byte),
		cmocka_unit_test(a_server_hello_in_many_records),
		cmocka_unit_test(an_end_to_patience),
		cmocka_unit_test(hellos_are_well_formed),
		cmocka_unit_test(versions_have_names),
		cmocka_unit_test(openssl_takes_or_refuses_versions),
		cmocka_unit_test(openssl_finds_each_of_its_suites),
		cmocka_unit_test(openssl_without_a_suite_in_common),
		cmocka_unit_test(openssl_warns_of_the_name),
		cmocka_unit_test(openssl_answers_a_tls13_client),
	};

	return cmocka_run_group_tests(tests, identities_new, identities_free);
}
