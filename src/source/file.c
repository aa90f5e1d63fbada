/*
 * Reading lines; see file.h for the rules.  Every byte is hostile.  Lines are handed out where
 * they stand in one buffer that lives for the length of a call, so a thousand quiet logs cost no
 * memory.  Called by source/follow, by replay and by command lines.
 */
#include "source/file.h"

#include <errno.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "source/file_state.h"

enum { FIRST_LINE_MAX = 1 << 20 };

/* What one call of file_read() works on. */
struct reading {
	struct file *f;
	char *buf; /* bytes from file position `at` on */
	size_t n;
	int64_t at;
	void (*fn)(void *arg, str line, int64_t end);
	void *arg;
};

struct file *file_new(int fd)
{
	struct file *f = xcalloc(1, sizeof *f);

	f->fd = fd;
	return f;
}

void file_free(struct file *f)
{
	if (!f)
		return;
	close(f->fd);
	free(f);
}

int file_fd(const struct file *f)
{
	return f->fd;
}

/* pread(2) that goes on after a signal. */
static ssize_t read_at(int fd, char *p, size_t n, int64_t at)
{
	ssize_t got;

	do
		got = pread(fd, p, n, at);
	while (got < 0 && errno == EINTR);
	return got;
}

/* Remembers the last bytes of what was passed; they stand right before the new position. */
static void keep_tail(struct file *f, const char *passed, size_t n)
{
	size_t keep;

	if (n >= FILE_TAIL) {
		memcpy(f->tail, passed + n - FILE_TAIL, FILE_TAIL);
		f->tail_n = FILE_TAIL;
		return;
	}
	keep = f->tail_n < FILE_TAIL - n ? f->tail_n : FILE_TAIL - n;
	memmove(f->tail, f->tail + f->tail_n - keep, keep);
	memcpy(f->tail + keep, passed, n);
	f->tail_n = (unsigned)(keep + n);
}

static bool tail_is_there(const struct file *f)
{
	char now[FILE_TAIL];
	ssize_t n = read_at(f->fd, now, f->tail_n, f->pos - f->tail_n);

	/* an error is for the read of new bytes to tell */
	return n < 0 || (n == (ssize_t)f->tail_n && memcmp(now, f->tail, f->tail_n) == 0);
}

void file_seek(struct file *f, int64_t pos)
{
	ssize_t n;

	f->pos = f->seen = pos;
	f->skipping = false;
	f->modified = (struct timespec){ 0 };
	f->tail_n = pos < FILE_TAIL ? (unsigned)pos : FILE_TAIL;
	n = read_at(f->fd, f->tail, f->tail_n, pos - f->tail_n);
	if (n != (ssize_t)f->tail_n)
		f->tail_n = 0;
}

static enum file_status start_again(struct file *f)
{
	off_t data = lseek(f->fd, 0, SEEK_DATA);

	file_seek(f, data > 0 ? data : 0);
	f->first_line[0] = '\0';
	f->truncations++;
	return FILE_TRUNCATED;
}

static void hand_out(struct reading *r, const char *line, const char *newline)
{
	size_t n = (size_t)(newline - line);

	if (n > FILE_LINE_MAX) {
		r->f->overlong++;
		return;
	}
	while (n && line[n - 1] == '\r')
		n--;
	r->fn(r->arg, str_mem(line, n), r->at + (newline + 1 - r->buf));
}

/* Hands out the complete lines; moves what is left to the front. `fresh` bytes are not searched. */
static void split(struct reading *r, size_t fresh)
{
	char *line = r->buf, *end = r->buf + r->n, *from = end - fresh, *newline;
	size_t passed;

	while ((newline = memchr(from, '\n', (size_t)(end - from)))) {
		hand_out(r, line, newline);
		line = from = newline + 1;
	}
	passed = (size_t)(line - r->buf);
	if (passed == 0)
		return;
	keep_tail(r->f, r->buf, passed);
	r->n -= passed;
	r->at += (int64_t)passed;
	r->f->pos = r->at;
	memmove(r->buf, line, r->n);
}

/* Drops bytes up to the end of an overlong line. */
static void skip(struct reading *r)
{
	char *newline = memchr(r->buf, '\n', r->n);
	size_t passed = newline ? (size_t)(newline + 1 - r->buf) : r->n;

	if (newline) {
		r->f->overlong++;
		r->f->skipping = false;
		r->f->tail_n = 0;
		keep_tail(r->f, r->buf, passed);
		r->f->pos = r->at + (int64_t)passed;
	}
	r->at += (int64_t)passed;
	r->n -= passed;
	memmove(r->buf, r->buf + passed, r->n);
}

/* One chunk: the bytes read, 0 at the end of the file, or -1. */
static ssize_t read_chunk(struct reading *r)
{
	struct file *f = r->f;
	ssize_t got = read_at(f->fd, r->buf + r->n, FILE_CHUNK, r->at + (int64_t)r->n);
	size_t fresh;

	if (got <= 0)
		return got;
	r->n += (size_t)got;
	f->bytes_read += (uint64_t)got;
	fresh = (size_t)got;
	if (f->skipping) {
		skip(r);
		fresh = r->n;
	}
	if (!f->skipping)
		split(r, fresh);
	if (r->n > FILE_LINE_MAX) {
		f->skipping = true;
		r->at += (int64_t)r->n;
		r->n = 0;
	}
	f->seen = r->at + (int64_t)r->n;
	return got;
}

/* Until the budget is used; but at least until a line was passed, or nothing would ever be. */
static enum file_status read_chunks(struct reading *r, size_t budget)
{
	int64_t from = r->f->pos;
	size_t used = 0;

	while (used < budget || (r->f->pos == from && !r->f->skipping)) {
		ssize_t got = read_chunk(r);

		if (got <= 0)
			return got == 0 ? FILE_END : FILE_FAILED;
		used += (size_t)got;
	}
	return FILE_MORE;
}

static bool is_unchanged(const struct file *f, const struct stat *st)
{
	return st->st_size == f->seen && st->st_mtim.tv_sec == f->modified.tv_sec &&
	       st->st_mtim.tv_nsec == f->modified.tv_nsec;
}

bool file_has_news(const struct file *f)
{
	struct stat st;

	return fstat(f->fd, &st) < 0 || !is_unchanged(f, &st);
}

enum file_status file_read(struct file *f, size_t budget,
			   void (*fn)(void *arg, str line, int64_t end), void *arg)
{
	struct reading r = { .f = f, .fn = fn, .arg = arg };
	enum file_status status;
	struct stat st;

	if (fstat(f->fd, &st) < 0)
		return FILE_FAILED;
	if (is_unchanged(f, &st))
		return FILE_END;
	if (st.st_size < f->pos || !tail_is_there(f))
		return start_again(f);
	if (st.st_size < f->seen)
		f->skipping = false; /* only the incomplete line was taken back */
	r.at = f->skipping ? f->seen : f->pos;
	r.buf = xrealloc(NULL, FILE_LINE_MAX + FILE_CHUNK);
	status = read_chunks(&r, budget);
	free(r.buf);
	if (status == FILE_END)
		f->modified = st.st_mtim;
	return status;
}

int64_t file_pos(const struct file *f)
{
	return f->pos;
}

int64_t file_size(const struct file *f)
{
	struct stat st;

	return fstat(f->fd, &st) < 0 ? -errno : st.st_size;
}

int file_identity(const struct file *f, uint64_t *dev, uint64_t *ino)
{
	struct stat st;

	if (fstat(f->fd, &st) < 0)
		return -errno;
	*dev = st.st_dev;
	*ino = st.st_ino;
	return 0;
}

/* Feeds the first line to the digest; false if it is not complete, or too long. */
static bool digest_first_line(int fd, EVP_MD_CTX *ctx)
{
	_free_ char *buf = xrealloc(NULL, FILE_CHUNK);
	int64_t at = 0;
	bool whole = false;

	while (!whole && at < FIRST_LINE_MAX) {
		/* most first lines are short */
		ssize_t n = read_at(fd, buf, at ? FILE_CHUNK : 1024, at);
		const char *newline;

		if (n <= 0)
			return false;
		newline = memchr(buf, '\n', (size_t)n);
		whole = newline != NULL;
		if (!EVP_DigestUpdate(ctx, buf, whole ? (size_t)(newline + 1 - buf) : (size_t)n))
			return false;
		at += n;
	}
	return whole;
}

static void hash_first_line(struct file *f)
{
	static const char digits[] = "0123456789abcdef";
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (ctx && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) && digest_first_line(f->fd, ctx) &&
	    EVP_DigestFinal_ex(ctx, md, &n)) {
		for (unsigned i = 0; i < n && i < (FILE_HASH_TEXT - 1) / 2; i++) {
			f->first_line[2 * i] = digits[md[i] >> 4];
			f->first_line[2 * i + 1] = digits[md[i] & 15];
		}
		f->first_line[FILE_HASH_TEXT - 1] = '\0';
	}
	EVP_MD_CTX_free(ctx);
}

void file_first_line(struct file *f, char out[static FILE_HASH_TEXT])
{
	if (!f->first_line[0])
		hash_first_line(f);
	memcpy(out, f->first_line, FILE_HASH_TEXT);
}

uint64_t file_overlong(const struct file *f)
{
	return f->overlong;
}

uint64_t file_truncations(const struct file *f)
{
	return f->truncations;
}

uint64_t file_bytes_read(const struct file *f)
{
	return f->bytes_read;
}
