/*
 * Patterns on PCRE2; see regex.h.  Each pattern is compiled at once in its cheap form, bytes, which
 * serves every subject that is pure ASCII; the form that knows Unicode is made when the first other
 * subject comes.  Both run as machine code where the system lets PCRE2 make some, else interpreted.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "match/regex.h"

#include <errno.h>
#include <pcre2.h>

#include "base/xalloc.h"
#include "match/dialect.h"
#include "match/facts.h"

enum {
	STEPS_MAX = 200000,
	STEPS_TOGETHER = 4000000,
	STEPS_MIN = 1000,
	SLOWER_INTERPRETED = 5, /* times */
	STACK_FIRST = 32 * 1024,
	STACK_MAX = 1024 * 1024,
	HEAP_MAX_KIB = 2048,
};

struct program {
	pcre2_code *code; /* NULL: not made yet */
	bool fast;        /* has machine code */
	bool one_place;   /* can match at the start (of a line) only */
};

struct regex {
	char *text;
	struct dialect dialect; /* its names point into text */
	uint32_t options;
	struct program bytes, utf;
	pcre2_match_data *data;
	struct facts facts;
	bool broken; /* the Unicode form could not be made */
};

struct regex_space {
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	uint32_t limit;
};

struct regex_space *regex_space_new(void)
{
	struct regex_space *s = xcalloc(1, sizeof *s);

	s->context = pcre2_match_context_create(NULL);
	s->stack = pcre2_jit_stack_create(STACK_FIRST, STACK_MAX, NULL);
	if (!s->context)
		abort(); /* as xalloc does */
	pcre2_jit_stack_assign(s->context, NULL, s->stack);
	pcre2_set_heap_limit(s->context, HEAP_MAX_KIB);
	return s;
}

void regex_space_free(struct regex_space *s)
{
	if (!s)
		return;
	pcre2_match_context_free(s->context);
	pcre2_jit_stack_free(s->stack);
	free(s);
}

static int compile(struct regex *r, uint32_t extra, struct program *out, struct err *err)
{
	struct buf *text = &r->dialect.text;
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	uint32_t all = 0;
	PCRE2_SIZE at = 0;
	int code = 0;

	pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	out->code =
		pcre2_compile((PCRE2_SPTR)buf_z(text), text->n,
			      r->options | extra | PCRE2_NEVER_BACKSLASH_C, &code, &at, context);
	pcre2_compile_context_free(context);
	if (!out->code) {
		PCRE2_UCHAR why[256];

		pcre2_get_error_message(code, why, sizeof why);
		return err_set(err, -EINVAL, "Unable to compile regular expression '%s': %s",
			       r->text, (const char *)why);
	}
	out->fast = pcre2_jit_compile(out->code, PCRE2_JIT_COMPLETE) == 0;
	pcre2_pattern_info(out->code, PCRE2_INFO_ALLOPTIONS, &all);
	out->one_place = (all & PCRE2_ANCHORED) != 0;
	return 0;
}

int regex_new(str pattern, unsigned flags, struct regex **out, struct err *err)
{
	struct regex *r = xcalloc(1, sizeof *r);
	struct err why = { 0 };
	int e;

	r->text = str_dup(pattern);
	/* in Python, ^ also matches behind a newline that ends the text */
	r->options = flags & REGEX_MULTILINE ? PCRE2_MULTILINE | PCRE2_ALT_CIRCUMFLEX : 0;
	e = dialect_translate(str_mem(r->text, pattern.n), &r->dialect, &why);
	if (e < 0)
		err_set(err, e, "Unable to compile regular expression '%s': %s", r->text, why.text);
	else if (r->dialect.ascii)
		e = compile(r, 0, &r->bytes, err);
	else
		e = compile(r, PCRE2_UTF | PCRE2_UCP, &r->utf, err);
	if (e < 0) {
		regex_free(r);
		return e;
	}
	r->data = pcre2_match_data_create(r->dialect.n_groups, NULL);
	if (!r->data)
		abort();
	facts_find(pattern, flags & REGEX_MULTILINE, &r->facts);
	*out = r;
	return 0;
}

void regex_free(struct regex *r)
{
	if (!r)
		return;
	pcre2_code_free(r->bytes.code);
	pcre2_code_free(r->utf.code);
	pcre2_match_data_free(r->data);
	dialect_done(&r->dialect);
	free(r->text);
	free(r);
}

str regex_text(const struct regex *r)
{
	return str_of(r->text);
}

unsigned regex_n_groups(const struct regex *r)
{
	return r->dialect.n_groups;
}

str regex_group_name(const struct regex *r, unsigned group)
{
	return group < r->dialect.n_groups ? r->dialect.names[group] : STR_NULL;
}

unsigned regex_find_group(const struct regex *r, str name)
{
	for (unsigned i = 1; i < r->dialect.n_groups; i++)
		if (r->dialect.names[i].n && str_eq(r->dialect.names[i], name))
			return i;
	return 0;
}

str regex_literal(const struct regex *r)
{
	return str_mem(r->facts.literal, r->facts.literal_n);
}

/* Apart from the hot path: struct err is large, and locals are cleared. */
static __attribute__((noinline)) struct program *make_utf(struct regex *r)
{
	struct err ignored;

	if (!r->utf.code && !r->broken)
		r->broken = compile(r, PCRE2_UTF | PCRE2_UCP, &r->utf, &ignored) < 0;
	return r->broken ? NULL : &r->utf;
}

static struct program *program_for(struct regex *r, bool ascii)
{
	if (ascii && r->bytes.code)
		return &r->bytes;
	return r->utf.code ? &r->utf : make_utf(r);
}

static void set_limit(struct regex_space *s, const struct program *p, size_t starts)
{
	uint32_t limit = STEPS_MAX;

	if (!p->one_place && starts > STEPS_TOGETHER / STEPS_MAX) {
		size_t share = STEPS_TOGETHER / starts;

		limit = share < STEPS_MIN ? STEPS_MIN : (uint32_t)share;
	}
	if (!p->fast)
		limit /= SLOWER_INTERPRETED;
	if (limit == s->limit)
		return;
	s->limit = limit;
	pcre2_set_match_limit(s->context, limit);
	pcre2_set_depth_limit(s->context, limit);
}

enum regex_result regex_search(struct regex *r, struct regex_space *space, str subject, bool ascii,
			       size_t from)
{
	struct program *p;
	PCRE2_SPTR text;
	int n;

	if (!subject.p)
		subject = STR("");
	if (!facts_may_begin(&r->facts, subject))
		return REGEX_NO_MATCH;
	p = program_for(r, ascii);
	if (!p)
		return REGEX_LIMIT;
	text = (PCRE2_SPTR)subject.p;
	set_limit(space, p, subject.n - from + 1);
	if (p->fast)
		n = pcre2_jit_match(p->code, text, subject.n, from, 0, r->data, space->context);
	else
		n = pcre2_match(p->code, text, subject.n, from, PCRE2_NO_UTF_CHECK, r->data,
				space->context);
	if (n == PCRE2_ERROR_NOMATCH)
		return REGEX_NO_MATCH;
	return n < 0 ? REGEX_LIMIT : REGEX_MATCH;
}

bool regex_span(const struct regex *r, unsigned group, size_t *start, size_t *end)
{
	const PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);

	if (v[group * 2] == PCRE2_UNSET)
		return false;
	*start = v[group * 2];
	*end = v[group * 2 + 1];
	return true;
}

str regex_group(const struct regex *r, str subject, unsigned group)
{
	size_t start, end;

	/* \K, which could put the start behind the end, is not in the dialect */
	if (!regex_span(r, group, &start, &end))
		return STR_NULL;
	return str_mem(subject.p + start, end - start);
}
