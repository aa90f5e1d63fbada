/*
 * The client's end of Fail2ban's socket protocol (section 9.1); see client.h.  Called by command
 * lines.  The server is trusted to be slow or broken, not to be honest: an answer is bounded by
 * PICKLE_BYTES_MAX and only read as data.
 */
#include "control/client.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"
#include "control/pickle.h"

static int no_server(struct err *err, int code)
{
	return err_set(err, code, "[[Errno %d] %s] Unable to contact server. Is it running?", -code,
		       strerror(-code));
}

int client_connect(const char *path, struct err *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t n = strlen(path);
	int fd, code;

	if (n >= sizeof to.sun_path)
		return err_set(err, -ENAMETOOLONG, "the socket path is too long: %s", path);
	memcpy(to.sun_path, path, n);
	if (access(path, F_OK) < 0)
		return err_set(err, -ENOENT,
			       "Failed to access socket path: %s. Is fail2ban running?", path);
	if (access(path, W_OK) < 0)
		return err_set(err, -EACCES, "Permission denied to socket: %s, (you must be root)",
			       path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return no_server(err, -errno);
	if (connect(fd, (const struct sockaddr *)&to, sizeof to) < 0) {
		code = -errno;
		close(fd);
		return no_server(err, code);
	}
	return fd;
}

static int send_all(int fd, str s, struct err *err)
{
	while (s.n) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return no_server(err, -errno);
		s = str_from(s, (size_t)n);
	}
	return 0;
}

/* Waits until there is something to read. */
static int wait_readable(int fd, int64_t deadline, struct err *err)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = deadline < 0 ? -1 : deadline - clock_ticks_ms();
		int n;

		if (deadline >= 0 && left <= 0)
			return err_set(err, -ETIMEDOUT, "timed out");
		n = poll(&p, 1, left > 1000000 ? 1000000 : (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return no_server(err, -errno);
	}
}

/* One frame into `in`; *frame points into it. */
static int receive(int fd, int timeout_ms, struct buf *in, str *frame, struct err *err)
{
	int64_t deadline = timeout_ms < 0 ? -1 : clock_ticks_ms() + timeout_ms;
	size_t searched = 0;

	while (!pickle_frame(buf_str(in), &searched, frame)) {
		const size_t piece = 65536;
		ssize_t n;
		int rc;

		if (in->n > PICKLE_BYTES_MAX)
			return err_set(err, -EPROTO, "the server's answer is too large");
		rc = wait_readable(fd, deadline, err);
		if (rc < 0)
			return rc;
		n = recv(fd, buf_reserve(in, piece), piece, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return no_server(err, n < 0 ? -errno : -ECONNRESET);
		in->n += (size_t)n;
	}
	return 0;
}

/* (0, value) or (1, exception); anything else is a complaint or a goodbye. */
static int unpack(struct value *pair, struct value **out, struct err *err)
{
	struct value *v;

	if (pair->type == VALUE_LIST && pair->n == 1 && pair->items[0]->type == VALUE_STR &&
	    str_is(pair->items[0]->s, "SHUTDOWN"))
		return err_set(err, -ESHUTDOWN, "the server is shutting down");
	if (pair->type == VALUE_STR)
		return err_set(err, -EPROTO, "%.*s", STR_ARG(str_head(pair->s, 500)));
	if (pair->type != VALUE_TUPLE || pair->n != 2 || pair->items[0]->type != VALUE_INT)
		return err_set(err, -EPROTO, "the server's answer cannot be understood");
	v = pair->items[1];
	if ((pair->items[0]->i != 0) != (v->type == VALUE_ERROR))
		return err_set(err, -EPROTO, "the server's answer cannot be understood");
	*out = v;
	return 0;
}

int client_call(int fd, const struct value *words, int timeout_ms, struct arena *a,
		struct value **out, struct err *err)
{
	struct buf request _buf_free_ = { 0 }, in _buf_free_ = { 0 };
	struct value *pair = NULL;
	str frame = STR_NULL;
	int rc;

	pickle_write(&request, words);
	buf_add_z(&request, PICKLE_END);
	rc = send_all(fd, buf_str(&request), err);
	if (rc == 0)
		rc = receive(fd, timeout_ms, &in, &frame, err);
	if (rc < 0)
		return rc;
	if (pickle_read_answer(frame, a, &pair, err) < 0)
		return -EPROTO;
	return unpack(pair, out, err);
}

void client_close(int fd)
{
	(void)send_all(fd, STR(PICKLE_CLOSE PICKLE_END), NULL);
	close(fd);
}
