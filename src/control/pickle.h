/*
 * Python's pickle, the part that Fail2ban's protocol needs (section 9.1), and the frames that
 * carry it.  The readers are given hostile bytes: nothing is ever imported or called, depth and
 * size are bounded, memory is at most a fixed multiple of the input.
 *
 * A request is the pickle of a list of words and PICKLE_END.  An answer is the pickle of a tuple,
 * (0, value) or (1, exception), and PICKLE_END: the pair is made by pickle_write_answer() and
 * taken apart by client_call(); everywhere else an answer is its value alone, a refusal being a
 * VALUE_ERROR.
 */
#pragma once

#include "base/err.h"
#include "base/value.h"

enum {
	PICKLE_BYTES_MAX = 64 * 1024 * 1024, /* of a frame, and of the text a tree stands for */
	PICKLE_DEPTH_MAX = 32,
	PICKLE_NODES_MAX = 4 * 1024 * 1024,
};

/* Frames end with this; a frame that is PICKLE_CLOSE ends the connection. */
#define PICKLE_END "<F2B_END_COMMAND>"
#define PICKLE_CLOSE "<F2B_CLOSE_COMMAND>"

/*
 * Reads protocols 0 to 5: 0, or -EINVAL with *err; the tree is in `a`.  Data only: an opcode that
 * names a class (GLOBAL, REDUCE, BUILD ...) is refused.  Sets become lists, bytes become text,
 * text that is not UTF-8 is repaired with U+FFFD.  The tree has no cycles; parts of it may be
 * shared.  A key given twice is in a dict twice.
 */
int pickle_read(str in, struct arena *a, struct value **out, struct err *err)
	__attribute__((warn_unused_result));
/*
 * The same for what a server answers, where Fail2ban sends objects: a class reference called with
 * arguments is read as data, str(x) as x and all else as VALUE_ERROR of that class and arguments.
 */
int pickle_read_answer(str in, struct arena *a, struct value **out, struct err *err)
	__attribute__((warn_unused_result));

/*
 * Protocol 2, what every Python 3 reads.  VALUE_ERROR becomes a reference to the class that
 * Fail2ban sends (an unknown one: Exception) called with its arguments.  Text that is not UTF-8 is
 * repaired; PICKLE_END never stands in the result, whatever the text holds.
 */
void pickle_write(struct buf *out, const struct value *v);
/* A whole answer with its PICKLE_END: (1, v) for a VALUE_ERROR, else (0, v). */
void pickle_write_answer(struct buf *out, const struct value *v);

/*
 * The first frame of what was received so far; its bytes without PICKLE_END, which may have come
 * in pieces.  *searched, 0 at first and after a frame was taken, saves searching twice.  The
 * caller drops frame->n + strlen(PICKLE_END) bytes and limits how much it gathers.
 */
bool pickle_frame(str in, size_t *searched, str *frame) __attribute__((warn_unused_result));
