/*
 * The command line; see options.h.  What becomes part of an SMTP line must not hold a line end, a
 * blank or an angle bracket.
 */
#include "check/options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

enum kind { FLAG, TEXT, MAIL, DOMAIN, ADDRESS, ADDRESSES, SOURCES, SECONDS };

struct option_row {
	const char *name, *other;
	enum kind kind;
	size_t at; /* in struct check_options */
	const char *argument, *help;
};

#define AT(field) offsetof(struct check_options, field)

static const struct option_row rows[] = {
	{ "--user", NULL, TEXT, AT(user), "NAME", "a test account; logs in over TLS only" },
	{ "--password-file", NULL, TEXT, AT(password_file), "FILE",
	  "its password, the file's first line; -: standard input" },
	{ "--from", NULL, MAIL, AT(from), "ADDRESS", "its own mail address, if not NAME@DOMAIN" },
	{ "--other", NULL, MAIL, AT(other), "ADDRESS",
	  "another user of the server, if not postmaster@DOMAIN" },
	{ "--foreign", NULL, DOMAIN, AT(foreign), "DOMAIN",
	  "a domain of yours, not of the server" },
	{ "--helo", NULL, DOMAIN, AT(helo), "NAME", "what we call ourselves" },
	{ "--connect", NULL, ADDRESSES, AT(connect), "ADDRESS",
	  "connect there, not to HOST's addresses; may be repeated" },
	{ "--source", NULL, SOURCES, AT(sources), "ADDRESS",
	  "an address of this machine to come from; may be repeated" },
	{ "--observer", NULL, ADDRESS, AT(observer), "ADDRESS",
	  "another one, to see whether the server is still up" },
	{ "--guard", NULL, FLAG, AT(guard), "", "test the guard, too: gets the sources banned" },
	{ "--yes", "-y", FLAG, AT(yes), "", "consent to that" },
	{ "--unban", NULL, FLAG, AT(unban), "",
	  "lift these bans at the end, if the guard is here" },
	{ "--socket", "-s", TEXT, AT(socket), "SOCKET",
	  "the guard's control socket, if it is not found" },
	{ "--settle", NULL, SECONDS, AT(settle), "SECONDS",
	  "given to the guard after each attempt (6)" },
	{ "--ca", NULL, TEXT, AT(ca), "FILE", "trust these certificates, too (PEM)" },
	{ "--timeout", NULL, SECONDS, AT(timeout), "SECONDS", "the longest of all waits" },
	{ "--json", NULL, FLAG, AT(json), "", "print one JSON object" },
	{ "--verbose", "-v", FLAG, AT(verbose), "", "print every dialogue" },
};
#define ROWS (sizeof rows / sizeof *rows)

static const struct option_row *find_row(const char *word)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(word, rows[i].name) == 0 ||
		    (rows[i].other && strcmp(word, rows[i].other) == 0))
			return &rows[i];
	return NULL;
}

static bool is_word(const char *z)
{
	for (const char *p = z; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == '<' || *p == '>' || *p == 0x7f)
			return false;
	return *z && strlen(z) <= 320; /* RFC 5321: 64 + 1 + 255 */
}

static bool is_mail(const char *z)
{
	const char *at = strrchr(z, '@');

	return is_word(z) && at && at != z && at[1];
}

static int add_address(const char *value, struct ip *list, size_t *n, size_t most)
{
	if (*n == most)
		return -E2BIG;
	if (ip_parse(str_of(value), &list[*n]) < 0 || !ip_is_single(&list[*n]))
		return -EINVAL;
	for (size_t i = 0; i < *n; i++)
		if (ip_eq(&list[i], &list[*n]))
			return -EEXIST;
	(*n)++;
	return 0;
}

static int set_value(const struct option_row *row, const char *value, struct check_options *o)
{
	char *at = (char *)o + row->at;
	char *end;
	double seconds;
	size_t n = 0;

	switch (row->kind) {
	case TEXT:
		break;
	case MAIL:
		if (!is_mail(value))
			return -EINVAL;
		break;
	case DOMAIN:
		if (!is_word(value) || strchr(value, '@'))
			return -EINVAL;
		break;
	case ADDRESS:
		return add_address(value, (struct ip *)(void *)at, &n, 1);
	case ADDRESSES:
		return add_address(value, o->connect, &o->n_connect, ADDRESSES_MAX);
	case SOURCES:
		return add_address(value, o->sources, &o->n_sources, SOURCES_MAX);
	case SECONDS:
		seconds = strtod(value, &end);
		if (end == value || *end || !(seconds >= 0 && seconds <= 3600))
			return -EINVAL;
		memcpy(at, &seconds, sizeof seconds);
		return 0;
	case FLAG:
		return -EINVAL;
	}
	memcpy(at, &value, sizeof value);
	return 0;
}

static int complain(struct err *err, const struct option_row *row, const char *value, int code)
{
	if (code == -E2BIG)
		return err_set(err, -EINVAL, "%s %s: there are too many", row->name, value);
	if (code == -EEXIST)
		return err_set(err, -EINVAL, "%s %s: given twice", row->name, value);
	return err_set(err, -EINVAL, "%s '%s': not %s", row->name, value,
		       row->kind == MAIL      ? "a mail address"
		       : row->kind == DOMAIN  ? "a domain name"
		       : row->kind == SECONDS ? "a number of seconds, 0 to 3600"
					      : "an IP address");
}

static bool is_own_address(const struct check_options *o, const char *address)
{
	const char *own = o->from ? o->from : o->user;

	return own && strcasecmp(own, address) == 0;
}

/* What only makes sense together. */
static int check_whole(const struct check_options *o, struct err *err)
{
	if (!o->host)
		return err_set(err, -EINVAL, "which HOST?");
	if (!is_word(o->host) || o->host[0] == '-' || strchr(o->host, '/'))
		return err_set(err, -EINVAL, "'%s' is no host name or address", o->host);
	if (!o->user != !o->password_file)
		return err_set(err, -EINVAL, "--user and --password-file go together");
	if (o->user && (!*o->user || strpbrk(o->user, "\r\n")))
		return err_set(err, -EINVAL, "--user '%s': not a user name", o->user);
	if (o->other && is_own_address(o, o->other))
		return err_set(err, -EINVAL, "--other '%s': that is the test account's own address",
			       o->other);
	if (o->guard && !o->n_sources)
		return err_set(err, -EINVAL,
			       "--guard gets addresses banned: name them, each with --source");
	for (size_t i = 0; i < o->n_sources; i++)
		if (ip_eq(&o->sources[i], &o->observer))
			return err_set(err, -EINVAL,
				       "the --observer cannot be a --source, which may be banned");
	return 0;
}

/* "mx.example.org." is the same name, but no certificate has the dot. */
static void drop_dot(char *host)
{
	size_t n = strlen(host);

	if (n > 1 && host[n - 1] == '.')
		host[n - 1] = '\0';
}

/* "--source=192.0.2.1": the part behind the sign, and the word without it. */
static char *split_value(char *word)
{
	char *sign = word[0] == '-' && word[1] == '-' ? strchr(word, '=') : NULL;

	if (!sign)
		return NULL;
	*sign = '\0';
	return sign + 1;
}

/* One word that is an option's, with its value in `value` or, NULL, in the next word. */
static int take_option(const struct option_row *row, char *value, struct check_options *o,
		       struct err *err)
{
	int rc;

	if (row->kind == FLAG && value)
		return err_set(err, -EINVAL, "option %s takes no value", row->name);
	if (row->kind == FLAG) {
		*((bool *)(void *)((char *)o + row->at)) = true;
		return 0;
	}
	if (!value)
		return err_set(err, -EINVAL, "option %s needs a value", row->name);
	rc = set_value(row, value, o);
	return rc < 0 ? complain(err, row, value, rc) : 0;
}

int check_options_parse(int argc, char **argv, struct check_options *out, struct err *err)
{
	struct check_options o = { .settle = 6 };

	for (int i = 1; i < argc; i++) {
		char *value = split_value(argv[i]);
		const struct option_row *row = find_row(argv[i]);
		int rc;

		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0)
			return 1;
		if (!row && argv[i][0] != '-' && o.host)
			return err_set(err, -EINVAL, "one HOST at a time: '%s', '%s'", o.host,
				       argv[i]);
		if (!row && argv[i][0] != '-') {
			o.host = argv[i];
			drop_dot(argv[i]);
			continue;
		}
		if (!row)
			return err_set(err, -EINVAL, "unknown option '%s'", argv[i]);
		if (row->kind != FLAG && !value && i + 1 < argc)
			value = argv[++i];
		rc = take_option(row, value, &o, err);
		if (rc < 0)
			return rc;
	}
	*out = o;
	return check_whole(out, err);
}

void check_options_help(struct buf *out)
{
	for (size_t i = 0; i < ROWS; i++) {
		char left[48];

		snprintf(left, sizeof left, "%s%s%s %s", rows[i].other ? rows[i].other : "",
			 rows[i].other ? ", " : "", rows[i].name, rows[i].argument);
		buf_printf(out, "  %-24s %s\n", left, rows[i].help);
	}
	buf_printf(out, "  %-24s %s\n", "-h, --help", "print this");
}
