/*
 * The grammar of one configuration file; see ini.h.
 *
 * Called by reader.c for each file, and by its fuzzer.  It refuses what Fail2ban refuses (one bad
 * line spoils the file) and knows nothing of includes, interpolation or the meaning of keys.
 */
#include "config/ini.h"

#include <errno.h>

#include "base/table.h"
#include "base/utf8.h"

struct parser {
	struct arena *arena;
	struct ini *ini;
	struct err *err;
	int line;

	size_t room_sections, room_keys, n_keys_all;
	struct table *section_names; /* -> anything: seen in this file */
	struct table *key_names;     /* "N:key" of section number N -> anything: seen */
	struct ini_section *section; /* NULL: before the first header */
	struct ini_key *key;         /* NULL: nothing to continue */
	struct buf value;            /* of the key, while lines are still being added to it */
	size_t indent;               /* of the key */
};

static int fail(struct parser *p, const char *what, str text)
{
	err_at(p->err, p->ini->file, p->line);
	return err_set(p->err, -EINVAL, "%s: '%.*s'", what, (int)(text.n < 200 ? text.n : 200),
		       text.p ? text.p : "");
}

static void *grow(struct arena *arena, void *old, size_t n, size_t *room, size_t size)
{
	void *new;

	if (n < *room)
		return old;
	*room = *room ? *room * 2 : 8;
	new = arena_alloc(arena, *room * size);
	if (n)
		memcpy(new, old, n * size);
	return new;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Fixes the value of the key whose lines were being gathered. */
static void end_key(struct parser *p)
{
	if (p->key)
		p->key->value = arena_str(p->arena, str_rtrim(buf_str(&p->value)));
	p->key = NULL;
	buf_clear(&p->value);
}

static int add_section(struct parser *p, str name)
{
	struct ini *ini = p->ini;

	if (table_find(p->section_names, name) && !str_is(name, "DEFAULT"))
		return fail(p, "this section is in the file twice", name);
	if (ini->n_sections >= INI_SECTIONS_MAX)
		return fail(p, "too many sections", name);
	ini->sections = grow(p->arena, ini->sections, ini->n_sections, &p->room_sections,
			     sizeof *ini->sections);
	p->section = &ini->sections[ini->n_sections++];
	*p->section = (struct ini_section){ .name = arena_str(p->arena, name), .line = p->line };
	p->room_keys = 0;
	table_put(p->section_names, name, p);
	return 0;
}

/* [DEFAULT] may come in several parts, yet a key of it only once: so they share number 0. */
static bool key_is_new(struct parser *p, str name)
{
	struct buf full = { 0 };
	bool is_default = str_is(p->section->name, "DEFAULT");
	bool new;

	buf_printf(&full, "%zu:", is_default ? 0 : p->ini->n_sections);
	buf_add_str(&full, name);
	new = !table_put(p->key_names, buf_str(&full), p);
	buf_free(&full);
	return new;
}

static int add_key(struct parser *p, str name, str value)
{
	struct ini_section *s = p->section;
	char *lower;

	if (++p->n_keys_all > INI_KEYS_MAX)
		return fail(p, "too many keys", name);
	s->keys = grow(p->arena, s->keys, s->n_keys, &p->room_keys, sizeof *s->keys);
	p->key = &s->keys[s->n_keys++];
	*p->key = (struct ini_key){ .name = arena_str(p->arena, name), .line = p->line };
	lower = (char *)(uintptr_t)p->key->name.p;
	for (size_t i = 0; i < name.n; i++)
		if (lower[i] >= 'A' && lower[i] <= 'Z')
			lower[i] = (char)(lower[i] + ('a' - 'A'));
	if (!key_is_new(p, p->key->name))
		return fail(p, "this key is in the section twice", p->key->name);
	buf_clear(&p->value);
	buf_add_str(&p->value, value);
	return 0;
}

/* A line that is no continuation: a header or a key. `text` is trimmed and not empty. */
static int new_item(struct parser *p, str text)
{
	ssize_t close = str_rchr(text, ']');
	size_t at = 0;
	str name;

	end_key(p);
	if (*text.p == '[' && close > 1)
		return add_section(p, str_mem(text.p + 1, (size_t)close - 1));
	if (!p->section)
		return fail(p, "this line stands before the first [section]", text);
	while (at < text.n && text.p[at] != '=' && text.p[at] != ':')
		at++;
	name = str_trim(str_head(text, at));
	if (at == text.n || name.n == 0)
		return fail(p, "this line is neither a [section] nor 'key = value'", text);
	return add_key(p, name, str_trim(str_from(text, at + 1)));
}

/* The line without what is a comment; *comment_line if it is nothing else. */
static str without_comment(str line, bool *comment_line)
{
	str text = str_trim(line);

	*comment_line = text.n && (*text.p == '#' || *text.p == ';');
	if (*comment_line)
		return STR("");
	for (size_t i = 1; i < line.n; i++)
		if (line.p[i] == ';' && is_blank(line.p[i - 1]))
			return str_trim(str_head(line, i));
	return text;
}

static int parse_line(struct parser *p, str line)
{
	bool comment_line;
	str text = without_comment(line, &comment_line);
	size_t indent = 0;

	if (text.n == 0) {
		if (!comment_line && p->key)
			buf_add_char(&p->value, '\n');
		return 0;
	}
	while (is_blank(line.p[indent]))
		indent++;
	if (p->key && indent > p->indent) {
		buf_add_char(&p->value, '\n');
		buf_add_str(&p->value, text);
		return 0;
	}
	p->indent = indent;
	return new_item(p, text);
}

/* Lines end with \n, \r\n or \r. */
static bool next_line(str *rest, str *line)
{
	size_t n = 0;

	if (rest->n == 0)
		return false;
	while (n < rest->n && rest->p[n] != '\n' && rest->p[n] != '\r')
		n++;
	*line = str_head(*rest, n);
	if (n + 1 < rest->n && rest->p[n] == '\r' && rest->p[n + 1] == '\n')
		n++;
	*rest = str_from(*rest, n + 1);
	return true;
}

static int check_text(struct parser *p, str text)
{
	if (text.n > INI_FILE_MAX)
		return fail(p, "the file is larger than 1 MiB", STR(""));
	if (!utf8_is_valid(text))
		return fail(p, "the file is not UTF-8 text", STR(""));
	if (str_starts(text, STR("\xef\xbb\xbf"))) {
		p->line = 1;
		return fail(p, "the file begins with a byte order mark; save it without one",
			    STR("U+FEFF"));
	}
	return 0;
}

int ini_parse(struct arena *arena, const char *file, str text, struct ini **out, struct err *err)
{
	struct parser p = { .arena = arena, .err = err };
	int rc;
	str line;

	p.ini = arena_alloc(arena, sizeof *p.ini);
	p.ini->file = file;
	p.section_names = table_new();
	p.key_names = table_new();
	rc = check_text(&p, text);
	while (rc == 0 && next_line(&text, &line)) {
		p.line++;
		rc = parse_line(&p, line);
	}
	end_key(&p);
	table_free(p.section_names, NULL);
	table_free(p.key_names, NULL);
	buf_free(&p.value);
	if (rc == 0)
		*out = p.ini;
	return rc;
}
