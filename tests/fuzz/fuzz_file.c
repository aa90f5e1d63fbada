/*
 * A file that grows in pieces, read between them: the lines must be those of a naive splitter, and
 * each end position must be where the naive one has it.  In the input, a byte of 0x80 and above
 * stands for a long run of 'a', 0x01 for a look at the file, so that small inputs reach the
 * maximum of a line.
 */
#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "source/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { CONTENT_MAX = 1 << 20 };

struct check {
	const struct buf *content;
	size_t at; /* where the next line begins */
	uint64_t overlong;
};

/* The next line of the naive splitter that is not too long; false: none is complete. */
static bool next_line(struct check *c, str *line)
{
	str rest;
	ssize_t n;

	while ((rest = str_from(buf_str(c->content), c->at), n = str_chr(rest, '\n')) >= 0) {
		c->at += (size_t)n + 1;
		*line = str_head(rest, (size_t)n);
		if (n <= FILE_LINE_MAX) {
			while (line->n && line->p[line->n - 1] == '\r')
				line->n--;
			return true;
		}
		c->overlong++;
	}
	return false;
}

static void check_line(void *arg, str line, int64_t end)
{
	struct check *c = arg;
	str expected;

	assert(next_line(c, &expected));
	assert(str_eq(line, expected));
	assert((size_t)end == c->at);
}

static void look(struct file *f, struct check *c, size_t budget)
{
	enum file_status status;
	str none;

	do
		status = file_read(f, budget, check_line, c);
	while (status == FILE_MORE);
	assert(status == FILE_END);
	assert(!next_line(c, &none));
	assert((size_t)file_pos(f) == c->at);
	assert(file_overlong(f) == c->overlong);
}

static void add(struct buf *content, int fd, uint8_t byte)
{
	static const char run[1024] = { [0 ... 1023] = 'a' };
	size_t n = byte < 0x80 ? 1 : 1 + (size_t)(byte & 0x7f) * 9;

	for (size_t i = 0; i < n && content->n < CONTENT_MAX; i++) {
		const void *p = byte < 0x80 ? (const void *)&byte : run;
		size_t size = byte < 0x80 ? 1 : sizeof run;

		buf_add(content, p, size);
		assert(write(fd, p, size) == (ssize_t)size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf content = { 0 };
	struct check c = { .content = &content };
	struct file *f = file_new(memfd_create("fuzz", MFD_CLOEXEC));
	size_t budget = n && data[0] < 8 ? (size_t)1 << (data[0] * 3) : 4096;
	char hash[FILE_HASH_TEXT];

	for (size_t i = 0; i < n; i++) {
		if (data[i] == 1)
			look(f, &c, budget);
		else
			add(&content, file_fd(f), data[i]);
	}
	look(f, &c, budget);
	file_first_line(f, hash);
	assert((hash[0] != '\0') == (str_chr(buf_str(&content), '\n') >= 0));
	file_free(f);
	buf_free(&content);
	return 0;
}
