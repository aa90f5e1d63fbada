/*
 * A ClientHello written and the start of the server's answer read; see tls_hello.h.  Nothing is
 * negotiated: no key, no certificate, and reading ends where the version is known.  The checks that
 * ask for one version at a time call this.  The answer is hostile: it is read in place, byte by
 * byte over the borders of records, so there is no buffer to overrun; and every decision rests on
 * the bytes before it alone, so more bytes never change it.
 */
#include "check/tls_hello.h"

#include <assert.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { RECORD_ALERT = 21, RECORD_HANDSHAKE = 22, RECORD_BYTES_MAX = 1 << 14 };
enum { CLIENT_HELLO = 1, SERVER_HELLO = 2, SESSION_ID_MAX = 32, SERVER_NAME_MAX = 255 };
/* Of a ServerHello: version, random, length of the session id, cipher, compression. */
enum { SERVER_HELLO_FIXED = 2 + TLS_RANDOM_BYTES + 1 + 2 + 1 };
enum { ALERT_CLOSE_NOTIFY = 0, ALERT_HANDSHAKE_FAILURE = 40, ALERT_WARNING = 1, ALERT_FATAL = 2 };
enum { EXT_NAME = 0, EXT_GROUPS = 10, EXT_SIGNATURES = 13, EXT_VERSIONS = 43 };
/* The Internet Draft "The SSL Protocol" (Hickman, 1995). */
enum { SSL2_ERROR = 0, SSL2_SERVER_HELLO = 4, SSL2_SERVER_HELLO_FIXED = 11, SSL2_CHALLENGE = 16 };

/*
 * By the version that brought them, so that a hello offers what its version can use; in each, with
 * forward secrecy first.  Windows Server 2003 looks at the first 64 only: what it knows (RSA with
 * RC4 and 3DES) must be among them in the longest hello too.
 */
static const uint16_t suites_tls12[] = {
	0xc02c, 0xc02b, 0xcca9, 0xc024, 0xc023, 0xc073, 0xc072, /* ECDHE-ECDSA */
	0xc030, 0xc02f, 0xcca8, 0xc028, 0xc027, 0xc077, 0xc076, /* ECDHE-RSA */
	0x009f, 0x009e, 0xccaa, 0x006b, 0x0067, 0x00c4, 0x00be, /* DHE-RSA */
	0x00a3, 0x00a2, 0x006a, 0x0040, 0x00c3, 0x00bd,         /* DHE-DSS */
	0x009d, 0x009c, 0x003d, 0x003c, 0x00c0, 0x00ba,         /* RSA */
};
static const uint16_t suites_tls10[] = {
	0xc00a, 0xc009, 0xc008, 0xc007, /* ECDHE-ECDSA */
	0xc014, 0xc013, 0xc012, 0xc011, /* ECDHE-RSA */
};
static const uint16_t suites_ssl3[] = {
	0x0039, 0x0033, 0x0088, 0x0045, 0x009a, 0x0016, 0x0015, /* DHE-RSA */
	0x0035, 0x002f, 0x0084, 0x0041, 0x0096, 0x000a, 0x0005, 0x0004, 0x0007, 0x0009, /* RSA */
	0x0038, 0x0032, 0x0087, 0x0044, 0x0099, 0x0013, 0x0012, /* DHE-DSS */
	0x00ff, /* TLS_EMPTY_RENEGOTIATION_INFO_SCSV, RFC 5746 */
};

/*
 * x25519, x448, P-256, P-384, P-521, brainpool, secp256k1, P-224, P-192.  No ffdhe group: with one
 * in the list a server may not choose its own for DHE (RFC 7919).
 */
static const uint16_t groups[] = { 29, 30, 23, 24, 25, 26, 27, 28, 22, 21, 19 };

static const uint16_t signatures[] = {
	0x0403, 0x0503, 0x0603, 0x0807, 0x0808,                 /* ECDSA, Ed25519, Ed448 */
	0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b,         /* RSA-PSS */
	0x0401, 0x0501, 0x0601, 0x0402, 0x0502, 0x0602,         /* RSA, DSA */
	0x0303, 0x0301, 0x0302, 0x0203, 0x0201, 0x0202, 0x0101, /* SHA-224, SHA-1, MD5 */
};

static const uint8_t point_formats[] = { 0, 11, 0, 2, 1, 0 }; /* the extension: uncompressed */

/* The version 2 hello, all but the challenge at its end. */
static const char ssl2_hello[] =
	"\x80\x2e\x01\x00\x02"                  /* length, CLIENT-HELLO, version */
	"\x00\x15\x00\x00\x00\x10"              /* lengths: cipher specs, no session, challenge */
	"\x01\x00\x80\x02\x00\x80"              /* RC4 and its export form */
	"\x03\x00\x80\x04\x00\x80"              /* RC2 and its export form */
	"\x05\x00\x80\x06\x00\x40\x07\x00\xc0"; /* IDEA, DES, 3DES */

struct reader {
	str in;                /* not read yet */
	size_t record;         /* bytes to come of the handshake record that is being read */
	bool stopped;          /* all that is read from now on is 0 */
	struct tls_answer why; /* stopped: MORE, REFUSED or GARBAGE */
};

static void put16(struct buf *out, size_t v)
{
	buf_add_char(out, (char)(v >> 8));
	buf_add_char(out, (char)v);
}

static void put16_each(struct buf *out, const uint16_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put16(out, v[i]);
}

/* Room for a length; length_end() fills it in once what it counts is written. */
static size_t length_begin(struct buf *out)
{
	put16(out, 0);
	return out->n;
}

static void length_end(struct buf *out, size_t begin)
{
	size_t n = out->n - begin;

	assert(n <= UINT16_MAX);
	out->p[begin - 2] = (char)(n >> 8);
	out->p[begin - 1] = (char)n;
}

static void write_list_extension(struct buf *out, unsigned type, const uint16_t *v, size_t n)
{
	put16(out, type);
	put16(out, 2 * n + 2);
	put16(out, 2 * n);
	put16_each(out, v, n);
}

static void write_extensions(struct buf *out, unsigned version, str server_name)
{
	size_t all = length_begin(out);

	if (server_name.n > 0 && server_name.n <= SERVER_NAME_MAX) {
		put16(out, EXT_NAME);
		put16(out, server_name.n + 5);
		put16(out, server_name.n + 3);
		buf_add_char(out, 0); /* host_name */
		put16(out, server_name.n);
		buf_add_str(out, server_name);
	}
	write_list_extension(out, EXT_GROUPS, groups, COUNT(groups));
	buf_add(out, point_formats, sizeof point_formats);
	if (version >= TLS_12)
		write_list_extension(out, EXT_SIGNATURES, signatures, COUNT(signatures));
	length_end(out, all);
}

static void write_suites(struct buf *out, unsigned version)
{
	size_t all = length_begin(out);

	if (version >= TLS_12)
		put16_each(out, suites_tls12, COUNT(suites_tls12));
	if (version >= TLS_10)
		put16_each(out, suites_tls10, COUNT(suites_tls10));
	put16_each(out, suites_ssl3, COUNT(suites_ssl3));
	length_end(out, all);
}

void tls_hello_write(struct buf *out, unsigned version, str server_name,
		     const uint8_t random[static TLS_RANDOM_BYTES])
{
	size_t record, message;

	assert(version == TLS_SSL2 || (version >= TLS_SSL3 && version <= TLS_12));
	if (version == TLS_SSL2) {
		buf_add(out, ssl2_hello, sizeof ssl2_hello - 1);
		buf_add(out, random, SSL2_CHALLENGE);
		return;
	}
	buf_add_char(out, RECORD_HANDSHAKE);
	put16(out, version < TLS_10 ? version : TLS_10);
	record = length_begin(out);
	buf_add_char(out, CLIENT_HELLO);
	buf_add_char(out, 0); /* highest byte of the length */
	message = length_begin(out);
	put16(out, version);
	buf_add(out, random, TLS_RANDOM_BYTES);
	buf_add_char(out, 0); /* session id */
	write_suites(out, version);
	put16(out, 0x0100); /* one compression: null */
	if (version >= TLS_10)
		write_extensions(out, version, server_name);
	length_end(out, message);
	length_end(out, record);
}

static void stop(struct reader *r, enum tls_answer_kind kind, uint8_t alert)
{
	if (r->stopped)
		return;
	r->stopped = true;
	r->why = (struct tls_answer){ .kind = kind, .alert = alert };
}

/* What must hold of all that was read, or it is garbage; no matter once the reading has stopped. */
static void expect(struct reader *r, bool holds)
{
	if (!holds)
		stop(r, TLS_ANSWER_GARBAGE, 0);
}

static uint8_t raw8(struct reader *r)
{
	uint8_t v;

	if (r->in.n == 0)
		stop(r, TLS_ANSWER_MORE, 0);
	if (r->stopped)
		return 0;
	v = (uint8_t)r->in.p[0];
	r->in = str_from(r->in, 1);
	return v;
}

static uint16_t raw16(struct reader *r)
{
	uint16_t high = raw8(r);

	return (uint16_t)(high << 8 | raw8(r));
}

static void read_alert(struct reader *r)
{
	uint8_t level = raw8(r), alert;

	expect(r, level == ALERT_WARNING || level == ALERT_FATAL);
	alert = raw8(r);
	if (level == ALERT_FATAL || alert == ALERT_CLOSE_NOTIFY)
		stop(r, TLS_ANSWER_REFUSED, alert);
}

/* The header of a handshake record, or a whole alert. */
static void read_record(struct reader *r)
{
	uint8_t type = raw8(r);
	uint16_t n;

	expect(r, type == RECORD_ALERT || type == RECORD_HANDSHAKE);
	expect(r, raw8(r) == 3);
	raw8(r); /* the minor version: servers disagree about it */
	n = raw16(r);
	if (type == RECORD_ALERT) {
		expect(r, n == 2);
		read_alert(r);
	} else {
		expect(r, n > 0 && n <= RECORD_BYTES_MAX);
		r->record = n;
	}
}

/* The next byte of the handshake messages, whatever records they are cut into. */
static uint8_t next8(struct reader *r)
{
	while (r->record == 0 && !r->stopped)
		read_record(r);
	r->record--; /* any value when stopped: nothing is read then */
	return raw8(r);
}

static uint16_t next16(struct reader *r)
{
	uint16_t high = next8(r);

	return (uint16_t)(high << 8 | next8(r));
}

static void skip(struct reader *r, size_t n)
{
	while (n-- > 0 && !r->stopped)
		next8(r);
}

/* The extensions, `left` bytes with their length: supported_versions, or `version` without it. */
static uint16_t read_extensions(struct reader *r, size_t left, uint16_t version)
{
	expect(r, left >= 2);
	left -= 2;
	expect(r, next16(r) == left);
	while (left > 0 && !r->stopped) {
		uint16_t type, n;

		expect(r, left >= 4);
		left -= 4;
		type = next16(r);
		n = next16(r);
		expect(r, n <= left);
		left -= n;
		if (type == EXT_VERSIONS) {
			expect(r, n == 2);
			version = next16(r);
			expect(r, version >> 8 == 3);
			return version;
		}
		skip(r, n);
	}
	return version;
}

static struct tls_answer read_server_hello(struct reader *r)
{
	struct tls_answer a = { .kind = TLS_ANSWER_ACCEPTED };
	size_t left, id;

	expect(r, next8(r) == SERVER_HELLO);
	left = (size_t)next8(r) << 16;
	left |= next16(r);
	expect(r, left >= SERVER_HELLO_FIXED && left <= TLS_ANSWER_BYTES_MAX);
	a.version = next16(r);
	expect(r, a.version >> 8 == 3);
	skip(r, TLS_RANDOM_BYTES);
	id = next8(r);
	expect(r, id <= SESSION_ID_MAX && SERVER_HELLO_FIXED + id <= left);
	skip(r, id);
	a.cipher = next16(r);
	skip(r, 1); /* compression */
	if (left > SERVER_HELLO_FIXED + id)
		a.version = read_extensions(r, left - SERVER_HELLO_FIXED - id, a.version);
	return a;
}

static struct tls_answer read_ssl2(struct reader *r)
{
	size_t n = raw16(r) & 0x7fff, parts;
	uint8_t type = raw8(r);

	expect(r, type == SSL2_ERROR ? n == 3 : n >= SSL2_SERVER_HELLO_FIXED);
	expect(r, type == SSL2_ERROR || type == SSL2_SERVER_HELLO);
	if (type == SSL2_ERROR) {
		raw16(r);
		stop(r, TLS_ANSWER_REFUSED, ALERT_HANDSHAKE_FAILURE);
	}
	raw16(r); /* whether a session goes on, and the type of the certificate */
	expect(r, raw16(r) == TLS_SSL2);
	parts = raw16(r); /* certificate, cipher specs, connection id */
	parts += raw16(r);
	parts += raw16(r);
	expect(r, parts <= n - SSL2_SERVER_HELLO_FIXED);
	return (struct tls_answer){ .kind = TLS_ANSWER_ACCEPTED, .version = TLS_SSL2 };
}

struct tls_answer tls_answer_parse(str bytes, unsigned offered)
{
	struct reader r = { .in = str_head(bytes, TLS_ANSWER_BYTES_MAX) };
	bool ssl2 = offered == TLS_SSL2 && bytes.n > 0 && (bytes.p[0] & 0x80);
	struct tls_answer a = ssl2 ? read_ssl2(&r) : read_server_hello(&r);

	if (r.stopped)
		a = r.why;
	if (a.kind == TLS_ANSWER_MORE && bytes.n >= TLS_ANSWER_BYTES_MAX)
		a.kind = TLS_ANSWER_GARBAGE;
	return a;
}

const char *tls_version_name(unsigned version)
{
	static const char names[][8] = { "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3" };

	if (version == TLS_SSL2)
		return "SSL 2.0";
	if (version >= TLS_SSL3 && version <= TLS_13)
		return names[version - TLS_SSL3];
	return "an unknown version";
}
