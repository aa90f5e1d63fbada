/*
 * Keeping a password to ourselves; see secret.h.
 */
#include "check/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { PASSWORD_MAX = 1024 };

struct secret {
	size_t n;
	char password[PASSWORD_MAX];
	char *forms[5]; /* what is taken out of texts; NULL: none */
};

/* No core file, no ptrace, no /proc/PID/mem for others (prctl(2)). */
static void close_curtains(void)
{
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
}

static ssize_t read_all(int fd, char *p, size_t room)
{
	size_t n = 0;

	while (n < room) {
		ssize_t got = read(fd, p + n, room - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

int secret_read(const char *path, struct secret **out, struct err *err)
{
	bool standard = strcmp(path, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct secret *s;
	ssize_t n;

	if (fd < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	close_curtains();
	s = xcalloc(1, sizeof *s);
	n = read_all(fd, s->password, sizeof s->password);
	if (!standard)
		close(fd);
	if (n >= 0) {
		const char *end = memchr(s->password, '\n', (size_t)n);

		s->n = end ? (size_t)(end - s->password) : (size_t)n;
		if (s->n && s->password[s->n - 1] == '\r')
			s->n--;
	}
	if (n < 0)
		err_set(err, (int)n, "%s: %s", path, strerror((int)-n));
	else if (s->n == 0)
		n = err_set(err, -EINVAL, "%s: the first line, the password, is empty", path);
	else if (s->n == sizeof s->password)
		n = err_set(err, -EINVAL, "%s: a password has at most %d bytes", path,
			    PASSWORD_MAX - 1);
	if (n < 0) {
		secret_free(s);
		return (int)n;
	}
	*out = s;
	return 0;
}

static void wipe(char *z)
{
	if (z)
		OPENSSL_cleanse(z, strlen(z));
	free(z);
}

void secret_free(struct secret *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < sizeof s->forms / sizeof *s->forms; i++)
		wipe(s->forms[i]);
	OPENSSL_cleanse(s, sizeof *s);
	free(s);
}

str secret_password(const struct secret *s)
{
	return str_mem(s->password, s->n);
}

char *secret_base64(str text)
{
	char *out = xcalloc(1, 4 * ((text.n + 2) / 3) + 1);

	EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text.p, (int)text.n);
	return out;
}

char *secret_plain(str user, str password)
{
	struct buf b = { 0 };
	char *out;

	buf_reserve(&b, user.n + password.n + 2); /* at once, so that no copy stays behind */
	buf_add_char(&b, '\0');
	buf_add_str(&b, user);
	buf_add_char(&b, '\0');
	buf_add_str(&b, password);
	out = secret_base64(buf_str(&b));
	OPENSSL_cleanse(b.p, b.n);
	buf_free(&b);
	return out;
}

void secret_prepare(struct secret *s, str user)
{
	str password = secret_password(s);

	s->forms[0] = secret_plain(user, password);
	s->forms[1] = secret_plain(STR(""), password); /* what a server might make of it */
	s->forms[2] = secret_base64(password);
	s->forms[3] = str_dup(password);
	/* base64 as it is cut by who strips the padding */
	s->forms[4] = xstrdup(s->forms[2]);
	s->forms[4][strcspn(s->forms[4], "=")] = '\0';
}

/* The longest form that stands at the beginning of text, or 0. */
static size_t form_at(const struct secret *s, str text)
{
	size_t longest = 0;

	for (size_t i = 0; i < sizeof s->forms / sizeof *s->forms; i++) {
		str form = str_of(s->forms[i]);

		if (form.n > longest && str_starts(text, form))
			longest = form.n;
	}
	return longest;
}

void secret_scrub(const struct secret *s, struct buf *out, str text)
{
	while (s && text.n) {
		size_t n = form_at(s, text);

		if (n)
			buf_add_z(out, "***");
		else
			buf_add_char(out, text.p[0]);
		text = str_from(text, n ? n : 1);
	}
	buf_add_str(out, text);
}
