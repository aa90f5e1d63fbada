/*
 * Talking to a running guard (ours or Fail2ban's) through its socket.  For command lines, with the
 * caller's rights.  What comes from the server is data and may be hostile (ids and lines of logs):
 * it is decoded by pickle_read_answer() and printed escaped.
 */
#pragma once

#include "base/err.h"
#include "base/value.h"

/*
 * A connected socket, or -errno with the words that fail2ban-client prints: -ENOENT there is no
 * socket, -EACCES no right to it, others nobody listens.
 */
int client_connect(const char *path, struct err *err) __attribute__((warn_unused_result));
/*
 * Sends words, waits for the answer: *out is the value, or a VALUE_ERROR that the server sent.
 * timeout_ms < 0: for ever.  -errno with *err when there was no answer (-EPROTO: none that can be
 * understood); the connection is of no use any more then.
 */
int client_call(int fd, const struct value *words, int timeout_ms, struct arena *a,
		struct value **out, struct err *err) __attribute__((warn_unused_result));
/* Says goodbye, closes. */
void client_close(int fd);

/*
 * What fail2ban-client prints for this answer to these words (without a newline at the end), see
 * section 9.2; both versions' forms of status are known, `status --all` being a dict of jail to
 * status at the end of the list.  A value of an unexpected shape is printed as Python would.
 * Control characters and bytes that are not UTF-8 come out escaped; newlines and tabs stay in
 * settings and error texts, but are escaped in ids and names.
 */
void client_print(struct buf *out, const struct value *words, const struct value *answer);
/* "NOK: (args,)" for the error line beside it. */
void client_print_refusal(struct buf *out, const struct value *error);
