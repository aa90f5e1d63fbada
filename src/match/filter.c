/*
 * From a line to its match; see filter.h and fail2ban-behaviour.md section 5.  The order is
 * Fail2ban's: decode, cut the date, early ignoreregex, prefregex, failregexes until one matches,
 * ignoreregex again, session, id.  Refuses nothing that a log may hold; patterns that run into a
 * limit count as not matching.  Called by the engine and by the command-line runs.
 */
#include "match/filter.h"

#include <errno.h>
#include <math.h>

#include "base/xalloc.h"
#include "match/filter_private.h"

static int compile_fail(struct filter *f, unsigned i, struct err *err)
{
	const struct config_regex *r = &f->jail->failregex[i];
	int e = pattern_init(&f->fail[i], r->text, r->usedns, r->maxlines > 1 ? REGEX_MULTILINE : 0,
			     err);

	if (e < 0)
		return e;
	if (!pattern_has_id(&f->fail[i]) && !(f->pref.regex && pattern_has_id(&f->pref)))
		return err_set(err, -EINVAL, "No failure-id group in '%.*s'",
			       STR_ARG(regex_text(f->fail[i].regex)));
	return 0;
}

static int compile(struct filter *f, struct err *err)
{
	const struct config_jail *j = f->jail;
	int r = 0;

	f->fail = xcalloc(j->n_failregex + 1, sizeof *f->fail);
	f->ignore = xcalloc(j->n_ignoreregex + 1, sizeof *f->ignore);
	if (j->prefregex.n) {
		r = pattern_init(&f->pref, j->prefregex, j->usedns, 0, err);
		if (r == 0)
			f->content_group = regex_find_group(f->pref.regex, STR("content"));
	}
	for (unsigned i = 0; i < j->n_failregex && r == 0; i++)
		r = compile_fail(f, i, err);
	for (unsigned i = 0; i < j->n_ignoreregex && r == 0; i++)
		r = pattern_init(&f->ignore[i], j->ignoreregex[i].text, j->ignoreregex[i].usedns, 0,
				 err);
	return r;
}

int filter_new(const struct config_jail *jail, struct filter **out, struct err *err)
{
	struct filter *f = xcalloc(1, sizeof *f);
	int r;

	f->jail = jail;
	f->space = regex_space_new();
	f->line = arena_new();
	f->window = window_new(jail->maxlines);
	f->sessions = sessions_new();
	r = compile(f, err);
	if (r == 0)
		r = text_new(jail->logencoding, &f->text, err);
	if (r == 0)
		r = date_new(jail->datepattern, jail->n_datepattern, jail->logtimezone, &f->date,
			     err);
	if (r < 0) {
		filter_free(f);
		return r;
	}
	*out = f;
	return 0;
}

void filter_free(struct filter *f)
{
	if (!f)
		return;
	for (unsigned i = 0; f->fail && i < f->jail->n_failregex; i++)
		pattern_done(&f->fail[i]);
	for (unsigned i = 0; f->ignore && i < f->jail->n_ignoreregex; i++)
		pattern_done(&f->ignore[i]);
	pattern_done(&f->pref);
	free(f->fail);
	free(f->ignore);
	regex_space_free(f->space);
	text_free(f->text);
	date_free(f->date);
	window_free(f->window);
	sessions_free(f->sessions);
	buf_free(&f->last_date_text);
	buf_free(&f->content);
	arena_free(f->line);
	free(f);
}

/* One line under judgement. */
struct judging {
	struct filter *f;
	const struct filter_time *t;
	struct dated_line in;
	str subject; /* what failregexes see */
	bool ascii;
	struct fields pref; /* groups of prefregex */
};

static bool matches(struct judging *j, struct pattern *p, str subject)
{
	enum regex_result r = regex_search(p->regex, j->f->space, subject, j->ascii, 0);

	if (r != REGEX_LIMIT)
		return r == REGEX_MATCH;
	j->f->stats.limit_hits++;
	filter_notice(j->f, FILTER_LIMIT_HIT, &j->in.line, j->in.has_time ? j->in.when : NAN);
	return false;
}

static bool is_ignored(struct judging *j, str subject)
{
	for (unsigned i = 0; i < j->f->jail->n_ignoreregex; i++)
		if (matches(j, &j->f->ignore[i], subject))
			return true;
	return false;
}

/* False: prefregex does not match, so nothing does. */
static bool apply_pref(struct judging *j)
{
	struct filter *f = j->f;
	str content;

	if (!f->pref.regex)
		return true;
	if (!matches(j, &f->pref, j->subject))
		return false;
	content = f->content_group ? regex_group(f->pref.regex, j->subject, f->content_group)
				   : STR_NULL;
	if (content.n) {
		buf_clear(&f->content);
		buf_add_str(&f->content, content);
		buf_add_char(&f->content, '\n');
	}
	return true;
}

static void take_pref_fields(struct judging *j, str whole)
{
	if (!j->f->pref.regex)
		return;
	pattern_fields(&j->f->pref, whole, j->f->line, &j->pref);
	fields_del(&j->pref, STR("content"));
}

/* The matched lines as ignoreregex sees them when there may be several. */
static str lines_text(struct arena *a, const struct lines *lines)
{
	_buf_free_ struct buf text = { 0 };

	for (unsigned i = 0; i < lines->n; i++) {
		buf_add_str(&text, lines->items[i].prefix);
		buf_add_str(&text, lines->items[i].suffix);
		buf_add_char(&text, '\n');
	}
	return arena_str(a, buf_str(&text));
}

static struct fid address_id(const struct fields *f, str address, struct arena *a)
{
	str cidr = fields_get(f, STR("cidr"));
	struct fid id;

	if (cidr.n && address.n < IP_TEXT_MAX && cidr.n < IP_TEXT_MAX) {
		id = fid_parse(arena_printf(a, "%.*s/%.*s", STR_ARG(address), STR_ARG(cidr)));
		if (id.ip.family)
			return id;
	}
	return fid_parse(address);
}

/* Section 3.7. False: there is nobody to blame. */
static bool choose_id(struct filter *f, struct fields *fields, struct match *m)
{
	str fid = fields_get(fields, STR("fid")), dns = fields_get(fields, STR("dns"));
	str address = fields_get(fields, STR("ip4"));
	bool raw = f->jail->usedns == USEDNS_RAW;
	struct ip ip;

	if (!address.n)
		address = fields_get(fields, STR("ip6"));
	if (!address.n && dns.n && raw)
		address = dns;
	if (address.n) {
		if (fid.p && !str_eq(fid, address)) {
			m->id = fid_parse(fid);
			fields_set(fields, f->line, STR("ip"), address);
		} else {
			m->id = raw && str_eq(address, dns) ? fid_parse(address)
							    : address_id(fields, address, f->line);
		}
	} else if (dns.n) {
		if (ip_parse(dns, &ip) == 0)
			m->id = fid_ip(&ip);
		else if (f->jail->usedns == USEDNS_NO)
			return false;
		else
			m->host = dns;
	} else {
		m->id = fid_parse(fid);
	}
	return m->id.ip.family || m->id.text.n || m->host.n;
}

static void fill_match(struct judging *j, struct session_match *s, struct match *m)
{
	double now = j->t->now;

	m->time = j->in.has_time ? j->in.when : NAN;
	if (j->t->check_age && m->time > now)
		m->time = now;
	m->fields = s->fields.items;
	m->n_fields = s->fields.n;
	m->lines = s->lines.items;
	m->n_lines = s->lines.n;
	m->users = s->users;
	m->n_users = s->n_users;
}

enum verdict {
	GO_ON, /* try the next pattern */
	STOP,
	FAILURE,
};

static enum verdict on_match(struct judging *j, struct pattern *p)
{
	struct filter *f = j->f;
	struct session_match s = { .fields = j->pref };
	size_t start = 0, end = 0;
	bool failure = true;

	regex_span(p->regex, 0, &start, &end);
	window_matched(f->window, p->regex, j->subject, start, end, f->line, &s.lines);
	if (f->jail->n_ignoreregex &&
	    is_ignored(j, f->jail->maxlines > 1 ? lines_text(f->line, &s.lines) : j->subject))
		return STOP;
	if (j->in.no_date)
		filter_notice(f, FILTER_MATCH_WITHOUT_DATE, &j->in.line,
			      j->in.has_time ? j->in.when : NAN);
	if (!j->in.has_time && j->t->check_age)
		return GO_ON;
	window_drop_matched(f->window);
	pattern_fields(p, j->subject, f->line, &s.fields);
	if (fields_find(&s.fields, STR("mlfid")))
		failure = sessions_merge(f->sessions, f->line, j->t->session_now, &s);
	f->match = (struct match){ 0 };
	if (!failure || !choose_id(f, &s.fields, &f->match))
		return STOP;
	fill_match(j, &s, &f->match);
	return FAILURE;
}

static size_t judge(struct judging *j, const struct match **out)
{
	struct filter *f = j->f;
	unsigned n_fail = f->jail->n_failregex;
	str whole;

	window_push(f->window, j->in.line, j->in.ascii);
	whole = j->subject = window_text(f->window, &j->ascii);
	if (f->jail->n_ignoreregex && f->jail->n_ignoreregex + 2 < n_fail && is_ignored(j, whole))
		return 0;
	buf_clear(&f->content);
	if (!apply_pref(j))
		return 0;
	if (f->content.n)
		j->subject = buf_str(&f->content);
	for (unsigned i = 0; i < n_fail; i++) {
		enum verdict v;

		if (!matches(j, &f->fail[i], j->subject))
			continue;
		if (!j->pref.items)
			take_pref_fields(j, whole);
		v = on_match(j, &f->fail[i]);
		if (v == FAILURE)
			*out = &f->match;
		if (v != GO_ON)
			return v == FAILURE;
	}
	return 0;
}

static struct text_line begin_line(struct filter *f, str line)
{
	struct text_line decoded;

	arena_reset(f->line);
	f->stats.lines++;
	f->stats.odd = (struct match_line){ 0 };
	while (str_ends(line, STR("\r")) || str_ends(line, STR("\n")))
		line.n--;
	decoded = text_decode(f->text, line);
	if (decoded.bad)
		filter_notice(f, FILTER_BAD_ENCODING,
			      &(struct match_line){ .suffix = decoded.text }, NAN);
	return decoded;
}

size_t filter_line(struct filter *f, str line, const struct filter_time *t,
		   const struct match **out)
{
	struct judging j = { .f = f, .t = t };
	struct text_line decoded = begin_line(f, line);

	if (!filter_cut(f, &decoded, t, &j.in) || !filter_check_time(f, t, &j.in))
		return 0;
	return judge(&j, out);
}

void filter_pass(struct filter *f, str line, const struct filter_time *t)
{
	struct text_line decoded = begin_line(f, line);
	struct dated_line in;

	/* the window, if it has one line only, does not remember it either */
	if (filter_cut(f, &decoded, t, &in))
		(void)!filter_check_time(f, t, &in);
}

size_t filter_dated_line(struct filter *f, str date, double when, str line,
			 const struct filter_time *t, const struct match **out)
{
	struct judging j = { .f = f, .t = t };
	struct text_line decoded = begin_line(f, line);

	j.in = (struct dated_line){
		.line = { .prefix = STR(""), .date = date, .suffix = decoded.text },
		.ascii = decoded.ascii,
		.has_time = true,
		.when = when,
	};
	f->has_last_date = true;
	f->last_date = when;
	buf_clear(&f->last_date_text);
	buf_add_str(&f->last_date_text, date);
	if (!filter_check_time(f, t, &j.in))
		return 0;
	return judge(&j, out);
}

const struct filter_stats *filter_stats(const struct filter *f)
{
	return &f->stats;
}

bool filter_line_time(struct filter *f, str line, double now, double *when)
{
	struct text_line decoded;
	struct date_hit hit;

	while (str_ends(line, STR("\r")) || str_ends(line, STR("\n")))
		line.n--;
	decoded = text_decode(f->text, line);
	if (!date_find(f->date, f->space, decoded.text, decoded.ascii, now, &hit) || hit.empty ||
	    hit.result != DATE_OK)
		return false;
	*when = hit.when;
	return true;
}

str filter_expanded(const struct filter *f, const struct config_regex *regex)
{
	const struct config_jail *j = f->jail;

	for (unsigned i = 0; i < j->n_failregex; i++)
		if (regex == &j->failregex[i])
			return regex_text(f->fail[i].regex);
	for (unsigned i = 0; i < j->n_ignoreregex; i++)
		if (regex == &j->ignoreregex[i])
			return regex_text(f->ignore[i].regex);
	return STR_NULL;
}

str filter_expanded_prefregex(const struct filter *f)
{
	return f->pref.regex ? regex_text(f->pref.regex) : STR_NULL;
}

size_t filter_n_dates(const struct filter *f)
{
	return date_count(f->date);
}

str filter_date_name(const struct filter *f, size_t i, uint64_t *hits)
{
	return date_name(f->date, i, hits);
}

str match_field(const struct match *m, str name)
{
	for (unsigned i = 0; i < m->n_fields; i++)
		if (str_eq(m->fields[i].name, name))
			return m->fields[i].value;
	return STR_NULL;
}
