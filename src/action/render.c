/* Filling in a command; see render.h. */
#include "action/render.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "config/property.h"

enum {
	ARGUMENT_MAX = 128 * 1024 - 1, /* MAX_ARG_STRLEN of the kernel, without the NUL */
	VARIABLES_MAX = 64,
	VARIABLE_NAME_MAX = 64
};

struct variable {
	char name[VARIABLE_NAME_MAX];
	char *value;
};

struct rendering {
	const struct action_input *in;
	struct arena *arena;
	struct buf text; /* the script so far */
	struct variable variables[VARIABLES_MAX];
	unsigned n_variables;
};

/* What the id's address is: the captured one if the id is more than an address. */
static struct fid address_of(const struct ticket *t)
{
	str ip = ticket_field(t, STR("ip"));

	return ip.n ? fid_parse(ip) : t->id;
}

const char *action_family(const struct ticket *t)
{
	struct fid address = address_of(t);

	return address.ip.family == 4 ? "inet4" : address.ip.family == 6 ? "inet6" : NULL;
}

static void add_number(struct buf *out, long long number)
{
	buf_printf(out, "%lld", number);
}

/* As Python prints it: a float, but an int for what came from the database. */
static void add_time(struct buf *out, const struct action_input *in)
{
	double time = in->ticket ? in->ticket->time : in->now;

	if (in->ticket && in->ticket->restored && time == floor(time) && fabs(time) < 1e15)
		add_number(out, (long long)time);
	else
		value_add_float_repr(out, time);
}

static void add_lines(struct buf *out, const struct ticket *t)
{
	for (unsigned i = 0; t && i < t->n_lines; i++) {
		if (i)
			buf_add_char(out, '\n');
		buf_add_str(out, ticket_line_text(t->lines[i]));
	}
}

static void add_raw_line(struct buf *out, const struct ticket_line *line)
{
	struct match_line parts = ticket_line_parts(line);

	if (parts.date.n == 0) {
		value_add_str_repr(out, ticket_line_text(line));
		return;
	}
	buf_add_char(out, '(');
	value_add_str_repr(out, parts.prefix);
	buf_add_z(out, ", ");
	value_add_str_repr(out, parts.date);
	buf_add_z(out, ", ");
	value_add_str_repr(out, parts.suffix);
	buf_add_char(out, ')');
}

static void add_raw_ticket(struct buf *out, const struct action_input *in)
{
	const struct ticket *t = in->ticket;

	buf_add_z(out, "BanTicket: ip=");
	fid_add(out, &t->id);
	buf_add_z(out, " time=");
	add_time(out, in);
	buf_add_z(out, " bantime=");
	if (t->bantime == TICKET_JAIL_BANTIME)
		buf_add_z(out, "None");
	else
		add_number(out, t->bantime);
	buf_printf(out, " bancount=%u #attempts=%u matches=[", t->bancount, t->failures);
	for (unsigned i = 0; i < t->n_lines; i++) {
		if (i)
			buf_add_z(out, ", ");
		add_raw_line(out, t->lines[i]);
	}
	buf_add_char(out, ']');
}

enum tag {
	TAG_IP,
	TAG_FID,
	TAG_FAMILY,
	TAG_IP_REV,
	TAG_IP_HOST,
	TAG_FAILURES,
	TAG_TIME,
	TAG_BANTIME,
	TAG_BANCOUNT,
	TAG_RESTORED,
	TAG_MATCHES,
	TAG_IPMATCHES,
	TAG_IPJAILMATCHES,
	TAG_IPFAILURES,
	TAG_IPJAILFAILURES,
	TAG_RAW_TICKET,
	TAG_JAIL_NAME,
	TAG_JAIL_BANNED,
	TAG_JAIL_BANNED_TOTAL,
	TAG_JAIL_FOUND,
	TAG_JAIL_FOUND_TOTAL,
	TAGS
};

static const char *const tag_names[TAGS] = {
	[TAG_IP] = "ip",
	[TAG_FID] = "fid",
	[TAG_FAMILY] = "family",
	[TAG_IP_REV] = "ip-rev",
	[TAG_IP_HOST] = "ip-host",
	[TAG_FAILURES] = "failures",
	[TAG_TIME] = "time",
	[TAG_BANTIME] = "bantime",
	[TAG_BANCOUNT] = "bancount",
	[TAG_RESTORED] = "restored",
	[TAG_MATCHES] = "matches",
	[TAG_IPMATCHES] = "ipmatches",
	[TAG_IPJAILMATCHES] = "ipjailmatches",
	[TAG_IPFAILURES] = "ipfailures",
	[TAG_IPJAILFAILURES] = "ipjailfailures",
	[TAG_RAW_TICKET] = "raw-ticket",
	[TAG_JAIL_NAME] = "jail.name",
	[TAG_JAIL_BANNED] = "jail.banned",
	[TAG_JAIL_BANNED_TOTAL] = "jail.banned_total",
	[TAG_JAIL_FOUND] = "jail.found",
	[TAG_JAIL_FOUND_TOTAL] = "jail.found_total",
};

/* Tags that a jail has even without a ticket; false: it is none of them. */
static bool add_jail_tag(struct buf *out, const struct action_input *in, enum tag tag)
{
	const struct ticket *t = in->ticket;

	if (tag == TAG_TIME)
		add_time(out, in);
	else if (tag == TAG_BANTIME)
		add_number(out,
			   t && t->bantime != TICKET_JAIL_BANTIME ? t->bantime : in->jail_bantime);
	else if (tag == TAG_JAIL_NAME)
		buf_add_str(out, in->jail_name);
	else if (tag == TAG_JAIL_BANNED)
		add_number(out, (long long)in->counters.banned);
	else if (tag == TAG_JAIL_BANNED_TOTAL)
		add_number(out, (long long)in->counters.banned_total);
	else if (tag == TAG_JAIL_FOUND)
		add_number(out, (long long)in->counters.found);
	else if (tag == TAG_JAIL_FOUND_TOTAL)
		add_number(out, (long long)in->counters.found_total);
	else
		return false;
	return true;
}

static void add_empty(struct buf *out, const struct action_input *in, enum tag tag)
{
	if (tag == TAG_FAMILY)
		buf_add_z(out, in->family ? in->family : "");
	else if (tag == TAG_FAILURES || tag == TAG_BANCOUNT || tag == TAG_RESTORED ||
		 tag == TAG_IPFAILURES || tag == TAG_IPJAILFAILURES)
		buf_add_char(out, '0');
}

static void add_reversed(struct buf *out, const struct fid *address)
{
	_buf_free_ struct buf text = { 0 };
	str rest, part;
	size_t start = out->n;

	if (ip_is_single(&address->ip)) {
		ip_add_reversed(out, &address->ip);
		return;
	}
	/* a network is cut at its dots like any text: "0/16.0.1.10." */
	ip_add(&text, &address->ip);
	rest = buf_str(&text);
	while (str_split(&rest, '.', &part)) {
		_buf_free_ struct buf later = { 0 };

		buf_add(&later, out->p + start, out->n - start);
		out->n = start;
		buf_add_str(out, part);
		buf_add_char(out, '.');
		buf_add_str(out, buf_str(&later));
	}
}

static void add_ticket_tag(struct buf *out, const struct action_input *in, enum tag tag)
{
	const struct ticket *t = in->ticket;
	const struct ticket *all = in->merged_all ? in->merged_all : t;
	const struct ticket *of_jail = in->merged_jail ? in->merged_jail : t;
	const char *family = action_family(t);
	struct fid address = address_of(t);

	switch (tag) {
	case TAG_IP:
		fid_add(out, &address);
		break;
	case TAG_FID:
		fid_add(out, &t->id);
		break;
	case TAG_FAMILY:
		buf_add_z(out, family ? family : "None");
		break;
	case TAG_IP_REV:
		if (address.ip.family)
			add_reversed(out, &address);
		break;
	case TAG_IP_HOST:
		buf_add_z(out, in->host ? in->host : "None");
		break;
	case TAG_FAILURES:
		add_number(out, t->failures);
		break;
	case TAG_BANCOUNT:
		add_number(out, t->bancount);
		break;
	case TAG_RESTORED:
		add_number(out, t->restored);
		break;
	case TAG_MATCHES:
		add_lines(out, t);
		break;
	case TAG_IPMATCHES:
		add_lines(out, all);
		break;
	case TAG_IPJAILMATCHES:
		add_lines(out, of_jail);
		break;
	case TAG_IPFAILURES:
		add_number(out, all->failures);
		break;
	case TAG_IPJAILFAILURES:
		add_number(out, of_jail->failures);
		break;
	case TAG_RAW_TICKET:
		add_raw_ticket(out, in);
		break;
	case TAG_TIME:
	case TAG_BANTIME:
	case TAG_JAIL_NAME:
	case TAG_JAIL_BANNED:
	case TAG_JAIL_BANNED_TOTAL:
	case TAG_JAIL_FOUND:
	case TAG_JAIL_FOUND_TOTAL:
	case TAGS:
		break;
	}
}

/* "F-USER": upper case, digits, '_' and '-' behind "F-". */
static bool is_field_tag(str name)
{
	if (!str_starts(name, STR("F-")) || name.n == 2 || name.n >= VARIABLE_NAME_MAX)
		return false;
	for (size_t i = 2; i < name.n; i++)
		if (!((name.p[i] >= 'A' && name.p[i] <= 'Z') ||
		      (name.p[i] >= '0' && name.p[i] <= '9') || name.p[i] == '_' ||
		      name.p[i] == '-'))
			return false;
	return true;
}

/* Adds the field and gives the variable's name "F_user"; empty if the ticket has none. */
static void add_field(struct buf *out, const struct ticket *t, str tag, char name[static 64])
{
	str key;

	name[0] = 'F';
	name[1] = '_';
	for (size_t i = 2; i < tag.n; i++)
		name[i] = (char)(tag.p[i] >= 'A' && tag.p[i] <= 'Z' ? tag.p[i] + 32 : tag.p[i]);
	name[tag.n] = '\0';
	key = str_mem(name + 2, tag.n - 2);
	if (!t)
		return;
	if (str_is(key, "id"))
		key = STR("fid");
	else if (str_is(key, "port"))
		key = STR("fport");
	buf_add_str(out, ticket_field(t, key));
}

/* The value of a tag; false: nothing stands for it, it stays as it is. */
static bool add_value(struct buf *out, const struct action_input *in, str tag,
		      char name[static VARIABLE_NAME_MAX])
{
	if (is_field_tag(tag)) {
		add_field(out, in->ticket, tag, name);
		return true;
	}
	for (unsigned i = 0; i < TAGS; i++) {
		if (!str_is(tag, tag_names[i]))
			continue;
		snprintf(name, VARIABLE_NAME_MAX, "%s", tag_names[i]);
		if (!add_jail_tag(out, in, (enum tag)i)) {
			if (in->ticket)
				add_ticket_tag(out, in, (enum tag)i);
			else
				add_empty(out, in, (enum tag)i);
		}
		return true;
	}
	return false;
}

/*
 * May the value stand in the text?  Fail2ban's set of special bytes, and control characters but
 * for the tab, which it leaves out.
 */
static bool is_plain(str value)
{
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if (property_is_special(value.p[i]) || (c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* The number of the variable that carries the value, or -1: there are too many. */
static int variable_for(struct rendering *r, char name[static VARIABLE_NAME_MAX], str value)
{
	struct variable *v;
	size_t n = 0;

	for (char *c = name; *c; c++)
		if (!is_word_byte(*c))
			*c = '_';
	if (r->n_variables == VARIABLES_MAX)
		return -1;
	v = &r->variables[r->n_variables];
	/* an argument ends at its first NUL: leave those out, so that what follows is kept */
	v->value = arena_alloc(r->arena, value.n + 1);
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i])
			v->value[n++] = value.p[i];
	/* the same tag again, or (F-A-B, F-A_B) another that only looks the same as a variable */
	snprintf(v->name, sizeof v->name, "%s", name);
	for (unsigned i = 0; i < r->n_variables; i++) {
		if (strcmp(r->variables[i].name, v->name) != 0)
			continue;
		if (strcmp(r->variables[i].value, v->value) == 0)
			return (int)i;
		snprintf(v->name, sizeof v->name, "%.50s_%u", name, r->n_variables);
	}
	return (int)r->n_variables++;
}

static void put_value(struct rendering *r, char name[static VARIABLE_NAME_MAX], str value)
{
	int at;

	if (is_plain(value)) {
		buf_add_str(&r->text, value);
		return;
	}
	at = variable_for(r, name, value);
	/* with too many tags in one command the value is left out rather than put into the text */
	if (at >= 0)
		buf_printf(&r->text, "$f2bV_%s", r->variables[at].name);
}

/* "<name>" at the start of the text: the name, or STR_NULL. */
static str tag_at(str text)
{
	for (size_t i = 1; i < text.n && i <= VARIABLE_NAME_MAX; i++) {
		if (text.p[i] == '>')
			return i > 1 ? str_mem(text.p + 1, i - 1) : STR_NULL;
		if (text.p[i] == '<' || text.p[i] == ' ')
			break;
	}
	return STR_NULL;
}

static void fill(struct rendering *r, str text)
{
	_buf_free_ struct buf value = { 0 };

	while (text.n) {
		ssize_t at = str_chr(text, '<');
		char name[VARIABLE_NAME_MAX];
		str tag;

		buf_add_str(&r->text, str_head(text, at < 0 ? text.n : (size_t)at));
		text = str_from(text, at < 0 ? text.n : (size_t)at);
		tag = tag_at(text);
		buf_clear(&value);
		if (tag.p && add_value(&value, r->in, tag, name)) {
			put_value(r, name, buf_str(&value));
			text = str_from(text, tag.n + 2);
		} else if (text.n) {
			buf_add_char(&r->text, '<');
			text = str_from(text, 1);
		}
	}
}

/* "f2bV_matches=$0 f2bV_F_user=$1 \n" before the text, if it uses any. */
static str with_variables(struct rendering *r)
{
	_buf_free_ struct buf whole = { 0 };

	for (unsigned i = 0; i < r->n_variables; i++)
		buf_printf(&whole, i < 10 ? "f2bV_%s=$%u " : "f2bV_%s=${%u} ", r->variables[i].name,
			   i);
	if (r->n_variables)
		buf_add_char(&whole, '\n');
	buf_add_str(&whole, buf_str(&r->text));
	return arena_str(r->arena, buf_str(&whole));
}

int action_render(const struct action_input *in, str command, struct arena *arena, str *script,
		  char ***args, struct err *err)
{
	struct property_scope scope = { .properties = in->properties,
					.family =
						in->ticket ? action_family(in->ticket) : in->family,
					.fq_hostname = in->fq_hostname,
					.sh_hostname = in->sh_hostname };
	struct rendering r = { .in = in, .arena = arena };
	str text;
	int result = property_expand(&scope, command, arena, &text, err);

	if (result < 0)
		return result;
	fill(&r, text);
	text = with_variables(&r);
	buf_free(&r.text);
	if (text.n > ARGUMENT_MAX || memchr(text.p, '\0', text.n))
		return err_set(err, -E2BIG, "the command is longer than the system takes");
	*script = text;
	*args = arena_alloc(arena, (r.n_variables + 1) * sizeof(char *));
	for (unsigned i = 0; i < r.n_variables; i++)
		(*args)[i] = r.variables[i].value;
	return 0;
}
