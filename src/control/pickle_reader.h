/*
 * Inside the pickle reader (pickle_read.c: the machine, pickle_scalar.c: numbers and text); for no
 * one else.  Every function returns 0, or -EINVAL with the reader's err set.
 */
#pragma once

#include "control/pickle.h"

enum { PICKLE_MARKS_MAX = PICKLE_DEPTH_MAX + 8 };

struct pickle_node {
	struct value v; /* first: a node in a tree is found back by its value */
	uint32_t weight;
	uint8_t depth;
	bool sealed;   /* part of another node */
	bool is_class; /* v.s is a class's name; never part of a tree */
	bool is_text;  /* that class is str */
};

struct pickle_reader {
	str in; /* what is left */
	size_t in_all;
	struct arena *arena;
	struct err *err;
	bool classes;
	struct pickle_node **stack;
	size_t n, room;
	size_t marks[PICKLE_MARKS_MAX];
	size_t n_marks;
	struct pickle_node **memo;
	size_t n_memo, memo_next;
	size_t n_nodes;
};

int pickle_refuse(struct pickle_reader *r, const char *why);
/* The next `n` bytes; the bytes up to a newline, which is dropped; a little-endian number. */
int pickle_take(struct pickle_reader *r, uint64_t n, str *out);
int pickle_take_line(struct pickle_reader *r, str *out);
int pickle_take_uint(struct pickle_reader *r, unsigned width, uint64_t *out);
struct pickle_node *pickle_node(struct pickle_reader *r, enum value_type type);
int pickle_push(struct pickle_reader *r, struct pickle_node *node);
/* Copies and repairs. */
int pickle_push_text(struct pickle_reader *r, str s);

/* Opcodes; arg is what their row in the table says. */
int pickle_op_none(struct pickle_reader *r, int arg);
int pickle_op_bool(struct pickle_reader *r, int arg);
int pickle_op_int(struct pickle_reader *r, int width);
int pickle_op_long(struct pickle_reader *r, int width);
int pickle_op_int_text(struct pickle_reader *r, int suffix);
int pickle_op_float(struct pickle_reader *r, int arg);
int pickle_op_float_text(struct pickle_reader *r, int arg);
int pickle_op_text(struct pickle_reader *r, int width);
int pickle_op_escaped_text(struct pickle_reader *r, int arg);
int pickle_op_quoted_text(struct pickle_reader *r, int arg);
