/*
 * The pickle reader: a stack machine over hostile bytes; see pickle.h.  Called by the console for
 * requests and by clients for answers.  It refuses every opcode that is not in its table.
 *
 * What keeps a small input from growing large: a node costs at least one byte of input; a
 * container that has become part of another cannot change any more, so there are no cycles; and
 * each node carries the depth and the weight (about the text it stands for) of what is below it,
 * so parts that are named again and again by GET are paid for each time.
 */
#include "control/pickle_reader.h"

#include <errno.h>
#include <limits.h>

#include "base/utf8.h"

int pickle_refuse(struct pickle_reader *r, const char *why)
{
	err_set(r->err, -EINVAL, "pickle: %s", why);
	return -EINVAL;
}

int pickle_take(struct pickle_reader *r, uint64_t n, str *out)
{
	if (n > r->in.n)
		return pickle_refuse(r, "data was truncated");
	*out = str_head(r->in, (size_t)n);
	r->in = str_from(r->in, (size_t)n);
	return 0;
}

int pickle_take_line(struct pickle_reader *r, str *out)
{
	ssize_t at = str_chr(r->in, '\n');

	if (at < 0)
		return pickle_refuse(r, "data was truncated");
	*out = str_head(r->in, (size_t)at);
	r->in = str_from(r->in, (size_t)at + 1);
	return 0;
}

int pickle_take_uint(struct pickle_reader *r, unsigned width, uint64_t *out)
{
	uint64_t u = 0;
	str bytes;
	int rc = pickle_take(r, width, &bytes);

	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < width; i++)
		u |= (uint64_t)(unsigned char)bytes.p[i] << (8 * i);
	*out = u;
	return 0;
}

int pickle_push(struct pickle_reader *r, struct pickle_node *node)
{
	if (r->n == r->room) {
		r->room = r->room ? r->room * 2 : 64;
		r->stack = xreallocarray(r->stack, r->room, sizeof(struct pickle_node *));
	}
	r->stack[r->n++] = node;
	return 0;
}

struct pickle_node *pickle_node(struct pickle_reader *r, enum value_type type)
{
	struct pickle_node *node = arena_alloc(r->arena, sizeof *node);

	node->v.type = type;
	node->weight = 1;
	r->n_nodes++;
	return node;
}

/* How many nodes stand above the last mark, or on the whole stack. */
static size_t above_mark(const struct pickle_reader *r)
{
	return r->n - (r->n_marks ? r->marks[r->n_marks - 1] : 0);
}

int pickle_push_text(struct pickle_reader *r, str s)
{
	struct pickle_node *node = pickle_node(r, VALUE_STR);
	struct buf repaired _buf_free_ = { 0 };

	if (!utf8_is_valid(s)) {
		utf8_add_repaired(&repaired, s);
		s = buf_str(&repaired);
	}
	node->v.s = arena_str(r->arena, s);
	if (s.n >= PICKLE_BYTES_MAX)
		return pickle_refuse(r, "too large");
	node->weight = (uint32_t)s.n + 1;
	return pickle_push(r, node);
}

static struct pickle_node *pop(struct pickle_reader *r)
{
	return above_mark(r) ? r->stack[--r->n] : NULL;
}

static int op_empty(struct pickle_reader *r, int type)
{
	return pickle_push(r, pickle_node(r, (enum value_type)type));
}

static int op_mark(struct pickle_reader *r, int arg)
{
	if (r->n_marks == PICKLE_MARKS_MAX)
		return pickle_refuse(r, "too deep");
	r->marks[r->n_marks++] = r->n;
	return 0;
}

/* Makes `item` a part of `to`. */
static int adopt(struct pickle_reader *r, struct pickle_node *to, struct pickle_node *item)
{
	if (to->sealed || to == item)
		return pickle_refuse(r, "refers to itself");
	if (item->is_class)
		return pickle_refuse(r, "a class where data was expected");
	if (item->depth + 1 > PICKLE_DEPTH_MAX)
		return pickle_refuse(r, "too deep");
	if (item->weight > PICKLE_BYTES_MAX - to->weight)
		return pickle_refuse(r, "too large");
	item->sealed = true;
	to->weight += item->weight;
	if (item->depth + 1 > to->depth)
		to->depth = (uint8_t)(item->depth + 1);
	value_add(r->arena, &to->v, &item->v);
	return 0;
}

/* Moves the `n` nodes on top of the stack into `to`. */
static int adopt_top(struct pickle_reader *r, struct pickle_node *to, size_t n)
{
	for (size_t i = r->n - n; i < r->n; i++) {
		int rc = adopt(r, to, r->stack[i]);

		if (rc < 0)
			return rc;
	}
	r->n -= n;
	return 0;
}

static int make(struct pickle_reader *r, int type, size_t n)
{
	struct pickle_node *node = pickle_node(r, (enum value_type)type);
	int rc;

	if (type == VALUE_DICT && n % 2)
		return pickle_refuse(r, "a key without a value");
	rc = adopt_top(r, node, n);
	return rc < 0 ? rc : pickle_push(r, node);
}

static int pop_mark(struct pickle_reader *r, size_t *n)
{
	if (!r->n_marks)
		return pickle_refuse(r, "no mark");
	*n = above_mark(r);
	r->n_marks--;
	return 0;
}

static int op_from_mark(struct pickle_reader *r, int type)
{
	size_t n;
	int rc = pop_mark(r, &n);

	return rc < 0 ? rc : make(r, type, n);
}

static int op_tuple(struct pickle_reader *r, int n)
{
	if (above_mark(r) < (size_t)n)
		return pickle_refuse(r, "the stack is empty");
	return make(r, VALUE_TUPLE, (size_t)n);
}

static int append(struct pickle_reader *r, enum value_type type, size_t n)
{
	struct pickle_node *to;

	if (above_mark(r) < n + 1)
		return pickle_refuse(r, "the stack is empty");
	to = r->stack[r->n - n - 1];
	if (to->v.type != type || to->is_class)
		return pickle_refuse(r, "adds to what is no container");
	if (type == VALUE_DICT && n % 2)
		return pickle_refuse(r, "a key without a value");
	return adopt_top(r, to, n);
}

static int op_append(struct pickle_reader *r, int type)
{
	return append(r, (enum value_type)type, type == VALUE_DICT ? 2 : 1);
}

static int op_append_marked(struct pickle_reader *r, int type)
{
	size_t n;
	int rc = pop_mark(r, &n);

	return rc < 0 ? rc : append(r, (enum value_type)type, n);
}

static int memo_put(struct pickle_reader *r, uint64_t at)
{
	if (!above_mark(r))
		return pickle_refuse(r, "the stack is empty");
	if (at > r->in_all) /* picklers count from 0, and each PUT has bytes of its own */
		return pickle_refuse(r, "bad memo index");
	if (at >= r->n_memo) {
		size_t room = r->n_memo ? r->n_memo : 64;

		while (room <= at)
			room *= 2;
		r->memo = xreallocarray(r->memo, room, sizeof(struct pickle_node *));
		memset(r->memo + r->n_memo, 0, (room - r->n_memo) * sizeof(struct pickle_node *));
		r->n_memo = room;
	}
	if (!r->memo[at])
		r->memo_next++;
	r->memo[at] = r->stack[r->n - 1];
	return 0;
}

static int op_memoize(struct pickle_reader *r, int arg)
{
	return memo_put(r, r->memo_next);
}

/* width 0: a decimal line. */
static int memo_index(struct pickle_reader *r, int width, uint64_t *out)
{
	int64_t i;
	str s;
	int rc;

	if (width)
		return pickle_take_uint(r, (unsigned)width, out);
	rc = pickle_take_line(r, &s);
	if (rc < 0)
		return rc;
	if (str_to_i64(s, 0, UINT32_MAX, &i) < 0)
		return pickle_refuse(r, "bad memo index");
	*out = (uint64_t)i;
	return 0;
}

static int op_put(struct pickle_reader *r, int width)
{
	uint64_t at;
	int rc = memo_index(r, width, &at);

	return rc < 0 ? rc : memo_put(r, at);
}

static int op_get(struct pickle_reader *r, int width)
{
	uint64_t at;
	int rc = memo_index(r, width, &at);

	if (rc < 0)
		return rc;
	if (at >= r->n_memo || !r->memo[at])
		return pickle_refuse(r, "bad memo index");
	return pickle_push(r, r->memo[at]);
}

static int push_class(struct pickle_reader *r, str module, str name)
{
	struct pickle_node *node;
	int rc = pickle_push_text(r, name);

	if (rc < 0)
		return rc;
	node = r->stack[r->n - 1];
	node->is_class = true;
	node->is_text = (str_is(module, "builtins") && str_is(name, "str")) ||
			(str_is(module, "__builtin__") && str_is(name, "unicode"));
	return 0;
}

static int op_global(struct pickle_reader *r, int arg)
{
	str module, name;
	int rc = pickle_take_line(r, &module);

	if (rc == 0)
		rc = pickle_take_line(r, &name);
	return rc < 0 ? rc : push_class(r, module, name);
}

static int op_stack_global(struct pickle_reader *r, int arg)
{
	struct pickle_node *name = pop(r), *module = pop(r);

	if (!name || !module || name->v.type != VALUE_STR || module->v.type != VALUE_STR)
		return pickle_refuse(r, "a class without a name");
	return push_class(r, module->v.s, name->v.s);
}

/* class(arguments): see pickle_read_answer(). */
static int op_reduce(struct pickle_reader *r, int arg)
{
	struct pickle_node *args = pop(r), *cls = pop(r), *made, *name;
	int rc;

	if (!args || !cls || !cls->is_class || args->v.type != VALUE_TUPLE)
		return pickle_refuse(r, "a call of what is no class");
	if (cls->is_text && args->v.n == 1 && args->v.items[0]->type == VALUE_STR)
		return pickle_push(r, (struct pickle_node *)args->v.items[0]);
	made = pickle_node(r, VALUE_ERROR);
	name = pickle_node(r, VALUE_STR);
	name->v.s = cls->v.s;
	name->weight = cls->weight;
	rc = adopt(r, made, name);
	for (size_t i = 0; i < args->v.n && rc == 0; i++)
		rc = adopt(r, made, (struct pickle_node *)args->v.items[i]);
	return rc < 0 ? rc : pickle_push(r, made);
}

/* The attributes that an exception was given besides: of no interest. */
static int op_build(struct pickle_reader *r, int arg)
{
	return pop(r) && above_mark(r) ? 0 : pickle_refuse(r, "the stack is empty");
}

static int op_skip(struct pickle_reader *r, int n)
{
	str skipped;

	return pickle_take(r, (uint64_t)n, &skipped);
}

static const struct op {
	int (*run)(struct pickle_reader *r, int arg);
	int arg;
	bool of_class;
} ops[UCHAR_MAX + 1] = {
	[0x80] = { .run = op_skip, .arg = 1 }, /* PROTO */
	[0x95] = { .run = op_skip, .arg = 8 }, /* FRAME */
	['N'] = { .run = pickle_op_none },
	[0x88] = { .run = pickle_op_bool, .arg = true },
	[0x89] = { .run = pickle_op_bool, .arg = false },
	['K'] = { .run = pickle_op_int, .arg = 1 },
	['M'] = { .run = pickle_op_int, .arg = 2 },
	['J'] = { .run = pickle_op_int, .arg = 4 },
	['I'] = { .run = pickle_op_int_text },
	['L'] = { .run = pickle_op_int_text, .arg = 'L' },
	[0x8a] = { .run = pickle_op_long, .arg = 1 },
	[0x8b] = { .run = pickle_op_long, .arg = 4 },
	['G'] = { .run = pickle_op_float },
	['F'] = { .run = pickle_op_float_text },
	[0x8c] = { .run = pickle_op_text, .arg = 1 }, /* SHORT_BINUNICODE */
	['X'] = { .run = pickle_op_text, .arg = 4 },
	[0x8d] = { .run = pickle_op_text, .arg = 8 },
	['U'] = { .run = pickle_op_text, .arg = 1 }, /* SHORT_BINSTRING */
	['T'] = { .run = pickle_op_text, .arg = 4 },
	['C'] = { .run = pickle_op_text, .arg = 1 }, /* SHORT_BINBYTES */
	['B'] = { .run = pickle_op_text, .arg = 4 },
	[0x8e] = { .run = pickle_op_text, .arg = 8 },
	[0x96] = { .run = pickle_op_text, .arg = 8 }, /* BYTEARRAY8 */
	['V'] = { .run = pickle_op_escaped_text },
	['S'] = { .run = pickle_op_quoted_text },
	[']'] = { .run = op_empty, .arg = VALUE_LIST },
	[')'] = { .run = op_empty, .arg = VALUE_TUPLE },
	['}'] = { .run = op_empty, .arg = VALUE_DICT },
	[0x8f] = { .run = op_empty, .arg = VALUE_LIST }, /* EMPTY_SET */
	['('] = { .run = op_mark },
	['l'] = { .run = op_from_mark, .arg = VALUE_LIST },
	['t'] = { .run = op_from_mark, .arg = VALUE_TUPLE },
	['d'] = { .run = op_from_mark, .arg = VALUE_DICT },
	[0x91] = { .run = op_from_mark, .arg = VALUE_LIST }, /* FROZENSET */
	[0x85] = { .run = op_tuple, .arg = 1 },
	[0x86] = { .run = op_tuple, .arg = 2 },
	[0x87] = { .run = op_tuple, .arg = 3 },
	['a'] = { .run = op_append, .arg = VALUE_LIST },
	['s'] = { .run = op_append, .arg = VALUE_DICT },
	['e'] = { .run = op_append_marked, .arg = VALUE_LIST },
	['u'] = { .run = op_append_marked, .arg = VALUE_DICT },
	[0x90] = { .run = op_append_marked, .arg = VALUE_LIST }, /* ADDITEMS */
	[0x94] = { .run = op_memoize },
	['p'] = { .run = op_put, .arg = 0 },
	['q'] = { .run = op_put, .arg = 1 },
	['r'] = { .run = op_put, .arg = 4 },
	['g'] = { .run = op_get, .arg = 0 },
	['h'] = { .run = op_get, .arg = 1 },
	['j'] = { .run = op_get, .arg = 4 },
	['c'] = { .run = op_global, .of_class = true },
	[0x93] = { .run = op_stack_global, .of_class = true },
	['R'] = { .run = op_reduce, .of_class = true },
	['b'] = { .run = op_build, .of_class = true },
};

/* Runs to STOP. */
static int run(struct pickle_reader *r, struct value **out)
{
	for (;;) {
		const struct op *op;
		uint64_t code;
		int rc = pickle_take_uint(r, 1, &code);

		if (rc < 0)
			return rc;
		if (code == '.')
			break;
		op = &ops[code];
		if (!op->run || (op->of_class && !r->classes))
			return err_set(r->err, -EINVAL, "pickle: opcode 0x%02x is refused",
				       (unsigned)code);
		rc = op->run(r, op->arg);
		if (rc < 0)
			return rc;
		if (r->n_nodes > PICKLE_NODES_MAX)
			return pickle_refuse(r, "too large");
	}
	if (r->n != 1 || r->n_marks || r->stack[0]->is_class)
		return pickle_refuse(r, "ends in the middle");
	*out = &r->stack[0]->v;
	return 0;
}

static int read_any(str in, bool classes, struct arena *a, struct value **out, struct err *err)
{
	struct pickle_reader r = {
		.in = in, .in_all = in.n, .arena = a, .err = err, .classes = classes
	};
	int rc;

	if (in.n > PICKLE_BYTES_MAX)
		return pickle_refuse(&r, "too large");
	rc = run(&r, out);
	free(r.stack);
	free(r.memo);
	return rc;
}

int pickle_read(str in, struct arena *a, struct value **out, struct err *err)
{
	return read_any(in, false, a, out, err);
}

int pickle_read_answer(str in, struct arena *a, struct value **out, struct err *err)
{
	return read_any(in, true, a, out, err);
}
