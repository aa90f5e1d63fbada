/*
 * Talking to a running guard (ours or Fail2ban's) through its socket.  For command lines.
 */
#pragma once

#include "base/err.h"
#include "base/value.h"

/* A connected socket, or -errno with the words that fail2ban-client prints. */
int client_connect(const char *path, struct err *err);
/*
 * Sends words, waits for the answer: *out is the value, or a VALUE_ERROR that the server sent.
 * timeout_ms < 0: for ever.
 */
int client_call(int fd, const struct value *words, int timeout_ms, struct arena *a,
		struct value **out, struct err *err) __attribute__((warn_unused_result));
/* What fail2ban-client prints for this answer to these words (without a newline at the end). */
void client_print(struct buf *out, const struct value *words, const struct value *answer);
