/*
 * What there is to say of a server's certificate; see certificate.h.
 */
#include "check/certificate.h"

#include <openssl/x509v3.h>

enum { NAMES_MAX = 20, DAY = 86400 };

bool certificate_has_name(SSL *ssl, const char *name)
{
	X509 *x = SSL_get0_peer_certificate(ssl);
	struct ip ip;

	if (!x)
		return false;
	if (ip_parse(str_of(name), &ip) == 0)
		return X509_check_ip(x, ip.bytes, ip.family == 4 ? 4 : 16, 0) == 1;
	/* RFC 7817 section 3: a CN counts for nothing beside dNSNames; OpenSSL does it so */
	return X509_check_host(x, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

static void add_name(struct buf *out, const GENERAL_NAME *name)
{
	if (name->type == GEN_DNS) {
		if (out->n)
			buf_add_z(out, ", ");
		buf_add_escaped(out, str_mem(ASN1_STRING_get0_data(name->d.dNSName),
					     (size_t)ASN1_STRING_length(name->d.dNSName)));
	} else if (name->type == GEN_IPADD) {
		struct ip ip = { 0 };
		int n = ASN1_STRING_length(name->d.iPAddress);

		if (n != 4 && n != 16)
			return;
		ip.family = n == 4 ? 4 : 6;
		ip.prefix = n == 4 ? 32 : 128;
		memcpy(ip.bytes, ASN1_STRING_get0_data(name->d.iPAddress), (size_t)n);
		if (out->n)
			buf_add_z(out, ", ");
		ip_add(out, &ip);
	}
}

static const char *names_of(X509 *x, struct arena *a)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	struct buf out _buf_free_ = { 0 };
	int n = sk_GENERAL_NAME_num(names);

	for (int i = 0; i < n && i < NAMES_MAX; i++)
		add_name(&out, sk_GENERAL_NAME_value(names, i));
	if (n > NAMES_MAX)
		buf_printf(&out, " and %d more", n - NAMES_MAX);
	GENERAL_NAMES_free(names);
	return out.n ? arena_str(a, buf_str(&out)).p : "no name";
}

static time_t time_of(const ASN1_TIME *t)
{
	struct tm tm = { 0 };

	return ASN1_TIME_to_tm(t, &tm) ? timegm(&tm) : 0;
}

/* OpenSSL tells of one fault only; that of the dates is found by ourselves. */
static bool is_about_time(long code)
{
	return code == X509_V_ERR_CERT_HAS_EXPIRED || code == X509_V_ERR_CERT_NOT_YET_VALID;
}

struct certificate certificate_judge(SSL *ssl, const char *name, time_t now, struct arena *a)
{
	X509 *x = SSL_get0_peer_certificate(ssl);
	struct certificate c = { 0 };
	long code = SSL_get_verify_result(ssl);

	if (!x)
		return c;
	c.there = true;
	c.trusted = code == X509_V_OK || is_about_time(code);
	if (!c.trusted)
		c.untrusted_why = arena_strdup(a, X509_verify_cert_error_string(code));
	c.name_fits = certificate_has_name(ssl, name);
	c.names = names_of(x, a);
	c.until = time_of(X509_get0_notAfter(x));
	c.expired = now > c.until;
	c.not_yet = now < time_of(X509_get0_notBefore(x));
	if (is_about_time(code) && !c.expired && !c.not_yet) {
		c.trusted = false;
		c.untrusted_why = "a certificate above it is out of date";
	}
	c.days_left = (int)((c.until - now) / DAY);
	return c;
}
