/*
 * The text that a person sees for an answer; see client_print() in client.h.  One table: which
 * words, printed how.
 */
#include "control/beautify.h"

#include "base/log.h"

void beautify_safe(struct buf *out, str s, const char *keep)
{
	while (s.n) {
		size_t n = 0;

		while (n < s.n && !(s.p[n] && strchr(keep, s.p[n])))
			n++;
		buf_add_escaped(out, str_head(s, n));
		if (n < s.n)
			buf_add_char(out, s.p[n++]);
		s = str_from(s, n);
	}
}

static void add_str(struct buf *out, const struct value *v, const char *keep)
{
	struct buf text _buf_free_ = { 0 };

	value_add_str(&text, v);
	beautify_safe(out, buf_str(&text), keep);
}

void beautify_text(struct buf *out, const struct value *v)
{
	add_str(out, v, "\n\t");
}

void beautify_line(struct buf *out, const struct value *v)
{
	add_str(out, v, "\t");
}

void beautify_joined(struct buf *out, const struct value *v, str separator)
{
	for (size_t i = 0; i < v->n; i++) {
		if (i)
			buf_add_str(out, separator);
		beautify_line(out, v->items[i]);
	}
}

str reply_word(const struct reply *r, size_t n)
{
	const struct value *w = r->words;

	return n < w->n && w->items[n]->type == VALUE_STR ? w->items[n]->s : STR("");
}

static bool print_after(const struct reply *r, const char *text, const char *none)
{
	buf_add_z(r->out, text);
	beautify_text(r->out, r->value);
	return true;
}

static bool print_fixed(const struct reply *r, const char *text, const char *none)
{
	buf_add_z(r->out, text);
	return true;
}

static bool print_stop(const struct reply *r, const char *text, const char *none)
{
	if (r->words->n > 2)
		return false;
	buf_add_z(r->out, r->words->n == 1 ? "Shutdown successful" : "Jail stopped");
	return true;
}

static bool print_words(const struct reply *r, const char *text, const char *none)
{
	if (!value_is_sequence(r->value))
		return false;
	for (size_t i = 0; i < r->value->n; i++) {
		if (i)
			buf_add_char(r->out, ' ');
		beautify_text(r->out, r->value->items[i]);
	}
	return true;
}

static bool print_loglevel(const struct reply *r, const char *text, const char *none)
{
	const struct value *v = r->value;

	buf_add_z(r->out, "Current logging level is '");
	if (v->type == VALUE_INT && v->i >= 0 && v->i <= 99 && log_level_name((enum log_level)v->i))
		buf_add_z(r->out, log_level_name((enum log_level)v->i));
	else
		beautify_line(r->out, v);
	buf_add_char(r->out, '\'');
	return true;
}

static bool print_setting(const struct reply *r, const char *text, const char *none)
{
	if (none && r->value->type == VALUE_NONE) {
		buf_add_z(r->out, none);
		return true;
	}
	buf_printf(r->out, "%s\n`- ", text);
	beautify_line(r->out, r->value);
	return true;
}

static bool print_purge_age(const struct reply *r, const char *text, const char *none)
{
	print_setting(r, text, none);
	if (r->value->type != VALUE_NONE)
		buf_add_z(r->out, "seconds");
	return true;
}

/* A line for each item, hung below a heading. */
static bool print_branches(const struct reply *r, const char *text, const char *none, bool numbered)
{
	const struct value *v = r->value;

	if (!value_is_sequence(v))
		return false;
	buf_add_z(r->out, v->n ? text : none);
	for (size_t i = 0; i < v->n; i++) {
		buf_add_z(r->out, i + 1 < v->n ? "\n|- " : "\n`- ");
		if (numbered)
			buf_printf(r->out, "[%zu]: ", i);
		if (numbered)
			beautify_text(r->out, v->items[i]);
		else
			beautify_line(r->out, v->items[i]);
	}
	return true;
}

static bool print_list(const struct reply *r, const char *text, const char *none)
{
	return print_branches(r, text, none, false);
}

static bool print_numbered(const struct reply *r, const char *text, const char *none)
{
	return print_branches(r, text, none, true);
}

static bool print_journalmatch(const struct reply *r, const char *text, const char *none)
{
	const struct value *v = r->value;

	if (!value_is_sequence(v))
		return false;
	buf_add_z(r->out, v->n ? "Current match filter:\n" : "No journal match filter set");
	for (size_t i = 0; i < v->n; i++) {
		if (i)
			buf_add_z(r->out, " + ");
		if (value_is_sequence(v->items[i]))
			beautify_joined(r->out, v->items[i], STR(" "));
		else
			beautify_line(r->out, v->items[i]);
	}
	return true;
}

static bool print_datepattern(const struct reply *r, const char *text, const char *none)
{
	const struct value *v = r->value;

	if (v->type != VALUE_NONE && !value_is_pair(v))
		return false;
	buf_add_z(r->out, "Current date pattern set to: ");
	if (v->type == VALUE_NONE) {
		buf_add_z(r->out, "Not set/required");
	} else if (v->items[0]->type == VALUE_NONE) {
		beautify_text(r->out, v->items[1]);
	} else {
		beautify_text(r->out, v->items[0]);
		buf_add_z(r->out, " (");
		beautify_text(r->out, v->items[1]);
		buf_add_char(r->out, ')');
	}
	return true;
}

static bool print_banip(const struct reply *r, const char *text, const char *none)
{
	str separator = STR(" ");

	if (!value_is_sequence(r->value))
		return false;
	if (r->words->n > 3)
		separator = str_is(reply_word(r, 3), "--with-time") ? STR("\n") : reply_word(r, 3);
	beautify_joined(r->out, r->value, separator);
	return true;
}

/* "The jail J has the following actions:", "No properties for jail J action A" ... */
static bool print_parts(const struct reply *r, const char *text, const char *none)
{
	struct buf *out = r->out;
	bool any = value_is_sequence(r->value) && r->value->n;

	if (!value_is_sequence(r->value))
		return false;
	if (any)
		buf_add_z(out, "The jail ");
	else
		buf_printf(out, "No %s for jail ", text);
	beautify_safe(out, reply_word(r, 1), "");
	if (r->words->n > 3) {
		buf_add_z(out, " action ");
		beautify_safe(out, reply_word(r, 3), "");
	}
	if (any) {
		buf_printf(out, " has the following %s:\n", text);
		beautify_joined(out, r->value, STR(", "));
	}
	return true;
}

#define FILES "Current monitored log file(s):"
#define NO_FILES "No file is currently monitored"
#define IGNORED "These IP addresses/networks are ignored:"
#define NOT_IGNORED "No IP address/network is ignored"
#define REGEXES "The following regular expression are defined:"
#define NO_REGEX "No regular expression is defined"
#define NO_DATABASE "Database currently disabled"

/* What is not here is printed as it is. */
static const struct form {
	size_t at; /* 0: the first word; 1: `get|set WORD`; 2: `get|set JAIL WORD` */
	const char *word;
	bool (*print)(const struct reply *r, const char *text, const char *none);
	const char *text, *none;
} forms[] = {
	{ 0, "ping", print_after, "Server replied: ", NULL },
	{ 0, "status", print_status, NULL, NULL },
	{ 0, "stats", print_stats, NULL, NULL },
	{ 0, "statistics", print_stats, NULL, NULL },
	{ 0, "echo", print_words, NULL, NULL },
	{ 0, "start", print_fixed, "Jail started", NULL },
	{ 0, "stop", print_stop, NULL, NULL },
	{ 0, "add", print_after, "Added jail ", NULL },
	{ 0, "flushlogs", print_after, "logs: ", NULL },
	{ 1, "loglevel", print_loglevel, NULL, NULL },
	{ 1, "logtarget", print_setting, "Current logging target is:", NULL },
	{ 1, "syslogsocket", print_setting, "Current syslog socket is:", NULL },
	{ 1, "dbfile", print_setting, "Current database file is:", NO_DATABASE },
	{ 1, "dbpurgeage", print_purge_age, "Current database purge age is:", NO_DATABASE },
	{ 2, "logpath", print_list, FILES, NO_FILES },
	{ 2, "addlogpath", print_list, FILES, NO_FILES },
	{ 2, "dellogpath", print_list, FILES, NO_FILES },
	{ 2, "logencoding", print_after, "Current log encoding is set to:\n", NULL },
	{ 2, "journalmatch", print_journalmatch, NULL, NULL },
	{ 2, "addjournalmatch", print_journalmatch, NULL, NULL },
	{ 2, "deljournalmatch", print_journalmatch, NULL, NULL },
	{ 2, "ignoreip", print_list, IGNORED, NOT_IGNORED },
	{ 2, "addignoreip", print_list, IGNORED, NOT_IGNORED },
	{ 2, "delignoreip", print_list, IGNORED, NOT_IGNORED },
	{ 2, "failregex", print_numbered, REGEXES, NO_REGEX },
	{ 2, "addfailregex", print_numbered, REGEXES, NO_REGEX },
	{ 2, "delfailregex", print_numbered, REGEXES, NO_REGEX },
	{ 2, "ignoreregex", print_numbered, REGEXES, NO_REGEX },
	{ 2, "addignoreregex", print_numbered, REGEXES, NO_REGEX },
	{ 2, "delignoreregex", print_numbered, REGEXES, NO_REGEX },
	{ 2, "banip", print_banip, NULL, NULL },
	{ 2, "datepattern", print_datepattern, NULL, NULL },
	{ 2, "actions", print_parts, "actions", NULL },
	{ 2, "actionproperties", print_parts, "properties", NULL },
	{ 2, "actionmethods", print_parts, "methods", NULL },
};

/* Where in the words the one is that tells what was asked. */
static size_t asked_at(const struct reply *r, bool global)
{
	str first = reply_word(r, 0);

	if (!str_is(first, "get") && !str_is(first, "set") && !str_is(first, "multi-set"))
		return 0;
	return global ? 1 : 2;
}

static bool print_as_form(const struct reply *r)
{
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		const struct form *f = &forms[i];

		if (f->at == asked_at(r, f->at == 1) && str_is(reply_word(r, f->at), f->word))
			return f->print(r, f->text, f->none);
	}
	return false;
}

/* Exceptions of the operating system: errno, text, and maybe a path, which is not in `args`. */
static bool is_os_error(const struct value *error)
{
	static const char *const names[] = {
		"OSError",          "FileNotFoundError",      "PermissionError",
		"FileExistsError",  "IsADirectoryError",      "NotADirectoryError",
		"ConnectionError",  "ConnectionRefusedError", "ConnectionResetError",
		"BrokenPipeError",  "TimeoutError",           "BlockingIOError",
		"InterruptedError", "ProcessLookupError",     "ChildProcessError"
	};

	if (error->n < 3)
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_is(error->items[0]->s, names[i]))
			return true;
	return false;
}

static struct value arguments(const struct value *error, size_t n)
{
	return (struct value){ .type = VALUE_TUPLE, .items = error->items + 1, .n = n };
}

/* Python's repr() escapes text, but not the name of a class. */
static void add_repr(struct buf *out, const struct value *v)
{
	struct buf text _buf_free_ = { 0 };

	value_add_repr(&text, v);
	beautify_safe(out, buf_str(&text), "");
}

static void add_named(struct buf *out, const char *before, const struct value *name,
		      const char *after)
{
	buf_add_z(out, before);
	beautify_line(out, name);
	buf_add_z(out, after);
}

static void add_os_error(struct buf *out, const struct value *error)
{
	buf_add_z(out, "[Errno ");
	beautify_line(out, error->items[1]);
	buf_add_z(out, "] ");
	beautify_text(out, error->items[2]);
	if (error->n > 3 && error->items[3]->type != VALUE_NONE) {
		buf_add_z(out, ": ");
		add_repr(out, error->items[3]);
	}
}

static void print_error(struct buf *out, const struct value *error)
{
	str cls = error->items[0]->s;
	struct value args = arguments(error, error->n - 1);

	if (str_is(cls, "UnknownJailException") && args.n)
		add_named(out, "Sorry but the jail '", args.items[0], "' does not exist");
	else if (str_is(cls, "DuplicateJailException") && args.n)
		add_named(out, "The jail '", args.items[0], "' already exists");
	else if (str_is(cls, "IndexError"))
		buf_add_z(out, "Sorry but the command is invalid");
	else if (is_os_error(error))
		add_os_error(out, error);
	else if (args.n == 1 && str_is(cls, "KeyError"))
		add_repr(out, args.items[0]);
	else if (args.n == 1)
		beautify_text(out, args.items[0]);
	else if (args.n)
		add_repr(out, &args);
}

void client_print_refusal(struct buf *out, const struct value *error)
{
	struct value args = arguments(error, is_os_error(error) ? 2 : error->n - 1);

	buf_add_z(out, "NOK: ");
	add_repr(out, &args);
}

void client_print(struct buf *out, const struct value *words, const struct value *answer)
{
	struct buf text _buf_free_ = { 0 };
	const struct reply r = { .out = &text, .words = words, .value = answer };

	if (answer->type == VALUE_ERROR) {
		print_error(out, answer);
	} else if (print_as_form(&r)) {
		buf_add_str(out, buf_str(&text));
	} else {
		beautify_text(out, answer);
	}
}
