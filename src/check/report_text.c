/*
 * The report for people.  Everything the server said has been escaped by then (dialogue.h).
 */
#include "check/check.h"
#include "check/guard.h"
#include "check/report.h"

static const char *const words[STATUSES] = {
	[PASS] = "PASS",       [FAIL] = "FAIL", [WARN] = "WARN", [INFO] = "INFO",
	[UNKNOWN] = "UNKNOWN", [SKIP] = "SKIP", [NA] = " NA ",
};

static const char *paint(enum status s, bool colours)
{
	static const char *const codes[STATUSES] = {
		[PASS] = "\033[32m",    [FAIL] = "\033[31;1m", [WARN] = "\033[33m", [INFO] = "",
		[UNKNOWN] = "\033[35m", [SKIP] = "\033[2m",    [NA] = "\033[2m",
	};

	return colours ? codes[s] : "";
}

static const char *plain(bool colours)
{
	return colours ? "\033[0m" : "";
}

/* ---------------------------------------------------------------- before */

static void add_sources(const struct run *r, FILE *out)
{
	fprintf(out, "From %s", r->sources[0].name);
	if (r->n_sources > 1)
		fprintf(out, " and %zu more address%s", r->n_sources - 1,
			r->n_sources > 2 ? "es" : "");
	fprintf(out, "; %s.\n",
		r->o->user ? run_text(r, "logged in as %s, over TLS only", r->o->user)
			   : "no test account (--user), so nothing is known of authorised senders");
}

void report_plan(const struct run *r, FILE *out)
{
	fprintf(out, "lastknock check %s (", r->o->host);
	for (size_t i = 0; i < r->n_addresses; i++) {
		char text[IP_TEXT_MAX];

		ip_print(&r->addresses[i], text);
		fprintf(out, "%s%s", i ? ", " : "", text);
	}
	fputs("), ports 25, 587, 465\n", out);
	add_sources(r, out);
	fprintf(out, "It will make about %u connections, %u at the most, one a second. ",
		r->expected, r->planned);
	fputs(r->may_unban
		      ? "Acts that a guard\nmight count are not limited: --unban lifts the bans. "
		      : "It acts at most twice\nfrom one address in a way that a guard might "
			"count. ",
	      out);
	fputs("No message is sent.\n", out);
	if (!r->guard)
		fputs("It ends after 5 minutes at the latest.\n", out);
}

void report_guard_plan(const struct run *r, FILE *out)
{
	fputs("The guard test gets these addresses banned:", out);
	for (size_t i = 0; i < BEHAVIOURS; i++) {
		const struct series *s = &r->guard->series[i];

		if (s->source)
			fprintf(out, "\n  %s: %s", s->source->name, guard_behaviour(s->letter));
	}
	fprintf(out,
		"\nUp to %d attempts each; it takes 2 minutes, usually, and %.0f at the most.\n",
		ATTEMPTS_MAX, guard_longest(r) / 60 + 1);
	if (r->n_guards == 0) {
		fputs("No guard was found on this machine: lift the bans there afterwards, for "
		      "example by\n"
		      "  fail2ban-client unban ADDRESS...     or     lastknock unban ADDRESS...\n",
		      out);
		return;
	}
	fputs(r->o->unban ? "The bans are lifted at the end, as by\n"
			  : "To lift the bans afterwards:\n",
	      out);
	for (size_t i = 0; i < r->n_guards; i++) {
		const struct local_guard *g = &r->guards[i];
		bool fail2ban = strcmp(g->name, "fail2ban") == 0;

		fprintf(out, fail2ban ? "  fail2ban-client -s %s unban" : "  lastknock unban -s %s",
			g->shown);
		for (size_t k = 0; k < BEHAVIOURS; k++)
			if (r->guard->series[k].source)
				fprintf(out, " %s", r->guard->series[k].source->name);
		fputc('\n', out);
	}
}

/* ---------------------------------------------------------------- findings */

static void print_evidence(const struct finding *f, FILE *out)
{
	for (const struct exchange *x = f->evidence; x; x = x->next) {
		const char *text = x->s ? x->s : "";

		if (x->c)
			fprintf(out, "             -> %s\n", x->c);
		while (*text) {
			size_t n = strcspn(text, "\n");

			fprintf(out, "             <- %.*s\n", (int)n, text);
			text += n + (text[n] == '\n');
		}
	}
}

static bool alike(const struct finding *a, const struct finding *b)
{
	return a->check == b->check && a->status == b->status && strcmp(a->why, b->why) == 0;
}

static bool is_said_of(const struct run *r, const struct finding *f, const struct endpoint *e)
{
	for (size_t i = 0; i < r->n_findings; i++)
		if (r->findings[i].endpoint == e && alike(&r->findings[i], f))
			return true;
	return false;
}

/* Is it said of this port of every address? */
static bool is_said_everywhere(const struct run *r, const struct finding *f, uint16_t port)
{
	for (size_t i = 0; i < r->n_endpoints; i++)
		if (r->endpoints[i].port == port && !is_said_of(r, f, &r->endpoints[i]))
			return false;
	return true;
}

/* The places of all findings that say the same: "25, 587", with the address if not all have it. */
static const char *places(const struct run *r, size_t first)
{
	const struct finding *f = &r->findings[first];
	struct buf b _buf_free_ = { 0 };

	for (size_t i = 0; i < r->n_endpoints; i++) {
		const struct endpoint *e = &r->endpoints[i];
		bool everywhere = is_said_everywhere(r, f, e->port);
		char text[IP_TEXT_MAX];

		if (!is_said_of(r, f, e) || (everywhere && i >= PORTS))
			continue; /* the first address speaks for all */
		if (b.n)
			buf_add_z(&b, ", ");
		ip_print(&e->address, text);
		if (everywhere)
			buf_printf(&b, "%u", e->port);
		else
			buf_printf(&b, e->address.family == 6 ? "[%s]:%u" : "%s:%u", text, e->port);
	}
	return arena_str(r->arena, buf_str(&b)).p;
}

static bool was_shown(const struct run *r, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (alike(&r->findings[k], &r->findings[i]))
			return true;
	return false;
}

/* Has an earlier line of the report shown this dialogue? */
static bool was_printed(const struct run *r, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (r->findings[k].evidence && r->findings[k].evidence == r->findings[i].evidence &&
		    !was_shown(r, k))
			return true;
	return false;
}

static void print_finding(const struct run *r, size_t i, FILE *out, const struct report_options *o)
{
	const struct finding *f = &r->findings[i];
	const char *where = places(r, i);

	fprintf(out, "%s[ %-4s ]%s%s %-7s ", paint(f->status, o->colours), words[f->status],
		plain(o->colours), f->status == UNKNOWN ? "" : "   ", f->check->id);
	if (*where)
		fprintf(out, "%s: ", where);
	if (f->status == FAIL || f->status == WARN) /* the title says what should be */
		fprintf(out, "%s\n", f->why);
	else
		fprintf(out, "%s%s%s%s\n", f->check->title, *f->why ? " (" : "", f->why,
			*f->why ? ")" : "");
	if (o->verbose && was_printed(r, i))
		fputs("             (said above)\n", out);
	else if (o->verbose)
		print_evidence(f, out);
}

static void print_group(const struct run *r, const char *prefix, const char *title, FILE *out,
			const struct report_options *o)
{
	bool headed = false;

	for (const struct check *c = checks; c->id; c++) {
		if (strncmp(c->id, prefix, strlen(prefix)) != 0)
			continue;
		for (size_t i = 0; i < r->n_findings; i++) {
			if (r->findings[i].check != c || was_shown(r, i))
				continue;
			if (!headed)
				fprintf(out, "\n%s\n", title);
			headed = true;
			print_finding(r, i, out, o);
		}
	}
}

/* ---------------------------------------------------------------- what to do */

static bool has_failed(const struct run *r, const char *id)
{
	for (size_t i = 0; i < r->n_findings; i++)
		if (strcmp(r->findings[i].check->id, id) == 0 &&
		    (r->findings[i].status == FAIL || r->findings[i].status == WARN))
			return true;
	return false;
}

static void print_indented(const char *text, FILE *out)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		fprintf(out, "      %.*s\n", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static bool same_text_before(const struct fix *f, const struct run *r)
{
	for (const struct fix *g = fixes; g < f; g++)
		if (g->text == f->text && has_failed(r, g->check) && fix_fits(r, g))
			return true;
	return false;
}

static void print_fixes(const struct run *r, FILE *out)
{
	const char *last = "";
	bool headed = false;

	for (const struct fix *f = fixes; f->check; f++) {
		if (!has_failed(r, f->check) || !fix_fits(r, f) || same_text_before(f, r))
			continue;
		if (!headed)
			fputs("\nWhat to change\n", out);
		headed = true;
		if (strcmp(last, f->check) != 0)
			fprintf(out, "   %s: %s\n", f->check, check_find(f->check)->title);
		last = f->check;
		fprintf(out, "    %s%s%s\n", strcmp(f->mta, "guard") == 0 ? "the guard" : f->mta,
			f->file ? ", " : "", f->file ? f->file : "");
		print_indented(fix_text(r, f), out);
	}
}

/* Does the check lack an answer that this hint would bring? */
static bool misses(const struct run *r, const struct check *c, const char *hint)
{
	for (size_t i = 0; i < r->n_findings; i++) {
		const struct finding *f = &r->findings[i];

		if (f->check == c && f->hint && finding_is_missing(f) && strcmp(f->hint, hint) == 0)
			return true;
	}
	return false;
}

/* Every hint once, with the checks that it is for. */
static void print_missing(const struct run *r, FILE *out)
{
	bool headed = false;

	for (size_t i = 0; i < r->n_findings; i++) {
		const struct finding *f = &r->findings[i];
		bool before = false;

		if (!f->hint || !finding_is_missing(f))
			continue;
		for (size_t k = 0; k < i && !before; k++)
			before = r->findings[k].hint && finding_is_missing(&r->findings[k]) &&
				 strcmp(r->findings[k].hint, f->hint) == 0;
		if (before)
			continue;
		if (!headed)
			fputs("\nWhat is missing, and how to get it\n", out);
		headed = true;
		fputs("  ", out);
		for (const struct check *c = checks; c->id; c++)
			if (misses(r, c, f->hint))
				fprintf(out, " %s", c->id);
		fprintf(out, ": %s\n", f->hint);
	}
}

static void print_verdict(const struct verdict *v, FILE *out, bool colours)
{
	static const enum status as[] = {
		[RESULT_SAFE] = PASS, [RESULT_UPGRADE] = FAIL, [RESULT_UNKNOWN] = UNKNOWN
	};
	const char *text = v->text;
	size_t head = strcspn(text, "(");

	fprintf(out, "\n%sVERDICT: ", paint(as[v->result], colours));
	for (size_t i = 0; i < head; i++)
		fputc(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 'a' + 'A' : text[i], out);
	fprintf(out, "%s%s\n", text + head, plain(colours));
}

void report_text(const struct run *r, const struct verdict *v, FILE *out,
		 const struct report_options *o)
{
	static const char *const names[REQUIREMENTS] = {
		[R1] = "logins over secure connections only",
		[R2] = "authorised senders only",
		[R3] = "a guard that blocks",
	};

	if (r->domain)
		fprintf(out, "\nMail addresses: own %s, another user %s, outside %s\n",
			r->mail ? r->mail : "(no account)", r->other,
			run_text(r, "probe@%s", r->foreign));
	print_group(r, "CON-", "Connections", out, o);
	print_group(r, "TLS-", "TLS", out, o);
	print_group(r, "AUTH-", "Logins", out, o);
	print_group(r, "SND-", "Senders", out, o);
	print_group(r, "REL-", "Relay", out, o);
	print_group(r, "GRD-", "Guard", out, o);
	print_fixes(r, out);
	print_missing(r, out);
	fputc('\n', out);
	for (enum requirement q = R1; q < REQUIREMENTS; q++)
		fprintf(out, "%s  %-40s %s%s%s\n", requirement_name(q), names[q],
			paint(v->requirements[q], o->colours), words[v->requirements[q]],
			plain(o->colours));
	print_verdict(v, out, o->colours);
}
