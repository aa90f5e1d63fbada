/*
 * The `data` column of Fail2ban's database; see ticket.h.  What is written holds only valid UTF-8
 * and opens in every Fail2ban; what is read may be damaged, huge or made by somebody else: parts
 * of another shape than expected are left out, and the ticket's own bounds hold.
 */
#include <assert.h>
#include <jansson.h>
#include <stdio.h>

#include "base/utf8.h"
#include "base/value.h"
#include "judge/ticket.h"

enum {
	JSON_BYTES_MAX = 8 << 20 /* dbmaxmatches lines of Fail2ban's, generously */
};

static json_t *json_text(str s)
{
	_buf_free_ struct buf b = { 0 };
	json_t *text;

	utf8_add_repaired(&b, s);
	text = json_stringn(buf_str(&b).p, b.n);
	assert(text);
	return text;
}

static void set(json_t *object, str key, json_t *value)
{
	_buf_free_ struct buf b = { 0 };
	int failed;

	utf8_add_repaired(&b, key);
	failed = json_object_setn_new(object, buf_str(&b).p, b.n, value);
	assert(!failed);
}

/* The first line in its three parts, later ones whole, as Fail2ban's tickets come out. */
static json_t *lines_json(const struct ticket *t, unsigned max)
{
	unsigned from = t->n_lines > max ? t->n_lines - max : 0;
	json_t *list = json_array();

	for (unsigned i = from; i < t->n_lines; i++) {
		struct match_line parts = ticket_line_parts(t->lines[i]);
		json_t *line;
		int failed;

		if (i == from) {
			line = json_array();
			failed = json_array_append_new(line, json_text(parts.prefix));
			failed |= json_array_append_new(line, json_text(parts.date));
			failed |= json_array_append_new(line, json_text(parts.suffix));
			assert(!failed);
		} else {
			line = json_text(ticket_line_text(t->lines[i]));
		}
		failed = json_array_append_new(list, line);
		assert(!failed);
	}
	return list;
}

/*
 * Names that are no captured group: a group of such a name would be taken for them; and jansson
 * does not read a key with a NUL.
 */
static bool is_own_name(str name)
{
	return str_is(name, "matches") || str_is(name, "failures") || str_is(name, "users") ||
	       str_chr(name, '\0') >= 0;
}

char *ticket_data_json(const struct ticket *t, int maxmatches)
{
	json_t *data = json_object();
	char *text;

	if (maxmatches > 0)
		set(data, STR("matches"), lines_json(t, (unsigned)maxmatches));
	set(data, STR("failures"), json_integer(t->failures));
	for (unsigned i = 0; i < t->n_fields; i++)
		if (!is_own_name(t->fields[i].name))
			set(data, t->fields[i].name, json_text(t->fields[i].value));
	if (t->users.n)
		set(data, STR("users"), json_text(t->users));
	text = json_dumps(data, 0);
	json_decref(data);
	assert(text);
	return text;
}

static str json_str(const json_t *v)
{
	return str_mem(json_string_value(v), json_string_length(v));
}

/* [prefix, date, suffix]; of a list of other length, all strings joined. */
static void read_list_line(struct ticket *t, const json_t *parts, int maxmatches)
{
	struct match_line line = { 0 };
	_buf_free_ struct buf joined = { 0 };
	size_t n = json_array_size(parts);
	bool three = n == 3;

	for (size_t i = 0; i < n; i++) {
		const json_t *part = json_array_get(parts, i);

		if (json_is_string(part))
			buf_add_str(&joined, json_str(part));
		else
			three = false;
	}
	if (three) {
		line.prefix = json_str(json_array_get(parts, 0));
		line.date = json_str(json_array_get(parts, 1));
		line.suffix = json_str(json_array_get(parts, 2));
	} else {
		line.suffix = buf_str(&joined);
	}
	ticket_add_line(t, &line, maxmatches);
}

static void read_lines(struct ticket *t, const json_t *list, int maxmatches)
{
	size_t n = json_array_size(list), max = maxmatches > 0 ? (size_t)maxmatches : 0;

	for (size_t i = n > max ? n - max : 0; i < n; i++) {
		const json_t *line = json_array_get(list, i);
		struct match_line whole = { 0 };

		if (json_is_array(line)) {
			read_list_line(t, line, maxmatches);
		} else if (json_is_string(line)) {
			whole.suffix = json_str(line);
			ticket_add_line(t, &whole, maxmatches);
		}
	}
}

static void read_users(struct ticket *t, const json_t *users)
{
	_buf_free_ struct buf repr = { 0 };

	if (json_is_string(users)) {
		ticket_set_users(t, json_str(users));
		return;
	}
	for (size_t i = 0; i < json_array_size(users); i++) {
		if (!json_is_string(json_array_get(users, i)))
			continue;
		buf_add_z(&repr, repr.n ? ", " : "[");
		value_add_str_repr(&repr, json_str(json_array_get(users, i)));
	}
	if (repr.n) {
		buf_add_char(&repr, ']');
		ticket_set_users(t, buf_str(&repr));
	}
}

/* Strings and numbers; None is dropped by Fail2ban too. */
static void read_field(struct ticket *t, str name, const json_t *value)
{
	_buf_free_ struct buf b = { 0 };

	if (json_is_string(value)) {
		ticket_add_field(t, name, json_str(value));
		return;
	}
	if (json_is_integer(value))
		buf_printf(&b, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		value_add_float_repr(&b, json_real_value(value));
	else if (json_is_boolean(value))
		buf_add_z(&b, json_is_true(value) ? "True" : "False");
	else
		return;
	ticket_add_field(t, name, buf_str(&b));
}

void ticket_read_json(struct ticket *t, str json, int maxmatches)
{
	_buf_free_ struct buf repaired = { 0 };
	json_t *data, *value;
	const char *key;

	if (json.n > JSON_BYTES_MAX)
		return;
	utf8_add_repaired(&repaired, json);
	data = json_loadb(buf_str(&repaired).p, repaired.n, JSON_ALLOW_NUL, NULL);
	if (!json_is_object(data)) {
		json_decref(data);
		return;
	}
	read_lines(t, json_object_get(data, "matches"), maxmatches);
	value = json_object_get(data, "failures");
	if (json_is_integer(value) && json_integer_value(value) >= 0 &&
	    json_integer_value(value) <= UINT32_MAX)
		t->failures = (unsigned)json_integer_value(value);
	read_users(t, json_object_get(data, "users"));
	json_object_foreach(data, key, value) if (!is_own_name(str_of(key)))
		read_field(t, str_of(key), value);
	json_decref(data);
}
