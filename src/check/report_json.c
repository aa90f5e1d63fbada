/*
 * The report for programs.
 */
#include <jansson.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/guard.h"
#include "check/report.h"

/* Texts are escaped already; what is left that JSON cannot hold is escaped now. */
static json_t *text(const char *z)
{
	struct buf b _buf_free_ = { 0 };

	if (!z)
		return json_null();
	if (utf8_is_valid(str_of(z)))
		return json_string(z);
	buf_add_escaped(&b, str_of(z));
	return json_string(buf_z(&b));
}

static json_t *address(const struct ip *ip)
{
	char z[IP_TEXT_MAX];

	if (!ip->family)
		return json_null();
	ip_print(ip, z);
	return json_string(z);
}

static void set(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

static json_t *started(const struct run *r)
{
	time_t when = (time_t)r->started;
	struct tm tm;
	char z[32];

	gmtime_r(&when, &tm);
	strftime(z, sizeof z, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(z);
}

static json_t *target(const struct run *r)
{
	json_t *o = json_object(), *list = json_array(), *mta = json_object();

	for (size_t i = 0; i < r->n_addresses; i++)
		json_array_append_new(list, address(&r->addresses[i]));
	set(o, "host", text(r->o->host));
	set(o, "addresses", list);
	set(mta, "name", text(r->mta));
	set(mta, "version", text(r->mta_version));
	set(mta, "source", r->mta ? json_string("banner") : json_null());
	set(o, "mta", mta);
	return o;
}

static json_t *view(const struct run *r)
{
	json_t *o = json_object(), *list = json_array();
	const struct source *observer = NULL;

	for (size_t i = 0; i < r->n_sources; i++) {
		json_array_append_new(list, address(&r->sources[i].ip));
		if (r->sources[i].role == SOURCE_OBSERVER)
			observer = &r->sources[i];
	}
	set(o, "source", address(&r->sources[0].ip));
	set(o, "sources", list);
	set(o, "seen_as", text(r->seen_as));
	set(o, "observer", observer ? address(&observer->ip) : json_null());
	set(o, "own", text(r->mail));
	set(o, "other", text(r->other));
	set(o, "foreign", text(r->foreign));
	set(o, "credentials", json_boolean(r->o->user != NULL));
	set(o, "level", json_string(r->guard ? "L3" : "L2"));
	return o;
}

static const char *missing_text(const struct run *r, const struct finding *f)
{
	const char *where = f->endpoint ? run_text(r, " at %s", f->endpoint->name) : "";

	return run_text(r, "%s%s: %s; %s", f->check->id, where, f->why, f->hint ? f->hint : "");
}

static json_t *missing(const struct run *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n_findings; i++) {
		const struct finding *f = &r->findings[i];

		if (!finding_is_missing(f))
			continue;
		json_array_append_new(list, text(missing_text(r, f)));
	}
	return list;
}

static json_t *verdict(const struct run *r, const struct verdict *v)
{
	json_t *o = json_object(), *requirements = json_object();

	for (enum requirement q = R1; q < REQUIREMENTS; q++)
		set(requirements, requirement_name(q),
		    json_string(status_name(v->requirements[q])));
	set(o, "result", json_string(result_name(v->result)));
	set(o, "text", text(v->text));
	set(o, "requirements", requirements);
	set(o, "missing", missing(r));
	return o;
}

static json_t *evidence(const struct exchange *x)
{
	json_t *list = json_array();

	for (; x; x = x->next) {
		json_t *o = json_object();

		set(o, "c", text(x->c));
		set(o, "s", text(x->s));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *fixes_of(const struct run *r, const struct finding *f)
{
	json_t *list = json_array();

	for (const struct fix *x = fixes; x->check && (f->status == FAIL || f->status == WARN);
	     x++) {
		json_t *o;

		if (strcmp(x->check, f->check->id) != 0 || !fix_fits(r, x))
			continue;
		o = json_object();
		set(o, "mta", text(x->mta));
		set(o, "file", text(x->file));
		set(o, "set", text(x->set));
		set(o, "value", text(x->value));
		set(o, "text", text(fix_text(r, x)));
		json_array_append_new(list, o);
	}
	return list;
}

static bool holds(const json_t *list, const char *z)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_array_get(list, i)), z) == 0)
			return true;
	return false;
}

static json_t *references(const struct finding *f)
{
	json_t *list = json_array();

	for (const struct fix *x = fixes; x->check; x++)
		if (x->ref && strcmp(x->check, f->check->id) == 0 && !holds(list, x->ref))
			json_array_append_new(list, text(x->ref));
	return list;
}

static json_t *finding(const struct run *r, const struct finding *f)
{
	const char *requirement = requirement_name(f->check->requirement);
	bool open = f->status == UNKNOWN || f->status == SKIP;
	json_t *o = json_object();

	set(o, "id", text(f->check->id));
	set(o, "requirement", text(requirement));
	set(o, "required", json_boolean(f->check->required && !f->optional));
	set(o, "status", json_string(status_name(f->status)));
	set(o, "severity", json_string(severity_name(f->severity)));
	set(o, "port", f->endpoint ? json_integer(f->endpoint->port) : json_null());
	set(o, "address", f->endpoint ? address(&f->endpoint->address) : json_null());
	set(o, "title", text(f->check->title));
	set(o, "why", text(f->why));
	set(o, "unknown_reason", open ? text(f->why) : json_null());
	set(o, "hint", text(f->hint));
	set(o, "evidence", evidence(f->evidence));
	set(o, "fix", fixes_of(r, f));
	set(o, "ref", references(f));
	return o;
}

static json_t *attempts(const struct series *s)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < s->made; i++) {
		const struct attempt *a = &s->attempts[i];
		json_t *o = json_object();

		set(o, "i", json_integer(a->number));
		set(o, "t", json_real(a->at));
		set(o, "kind", text(a->kind));
		set(o, "reply", text(a->reply));
		set(o, "counts", json_boolean(a->counts));
		set(o, "probe", text(a->probe));
		set(o, "rtt_ms", json_integer((json_int_t)(a->probe_seconds * 1000)));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *ports(const uint16_t *list, size_t n)
{
	json_t *o = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(o, json_integer(list[i]));
	return o;
}

static const char *kind_of(const struct series *s)
{
	if (s->door_closed)
		return door_name(s->kind);
	if (s->soft)
		return "soft";
	if (s->limited)
		return "limit";
	return s->tarpit ? "tarpit" : NULL;
}

static json_t *ban(const struct series *s)
{
	json_t *o;

	if (!s->ban_known)
		return json_null();
	o = json_object();
	set(o, "min", json_integer(s->ban.seconds));
	set(o, "max", json_integer(s->ban.seconds));
	set(o, "source", text(s->ban.guard));
	set(o, "jail", text(s->ban.jail));
	return o;
}

static json_t *series(const struct run *r, const struct series *s)
{
	char id[] = "GRD-a";
	const struct finding *f = NULL;
	json_t *o = json_object();

	id[4] = s->letter;
	for (size_t i = 0; i < r->n_findings; i++)
		if (strcmp(r->findings[i].check->id, id) == 0)
			f = &r->findings[i];
	set(o, "status", f ? json_string(status_name(f->status)) : json_null());
	set(o, "source", s->source ? address(&s->source->ip) : json_null());
	set(o, "blocked_after", s->door_closed ? json_integer(s->counted) : json_null());
	set(o, "acts_before", json_integer(s->acts_before));
	set(o, "kind", text(kind_of(s)));
	set(o, "ports", ports(s->closed, s->n_closed));
	set(o, "ports_open", ports(s->still_open, s->n_open));
	set(o, "ban_s", ban(s));
	set(o, "attempts", attempts(s));
	return o;
}

static json_t *guard(const struct run *r)
{
	json_t *o = json_object();

	if (!r->guard) {
		json_decref(o);
		return json_null();
	}
	for (size_t i = 0; i < BEHAVIOURS; i++) {
		const char letter[] = { r->guard->series[i].letter, '\0' };

		set(o, letter, series(r, &r->guard->series[i]));
	}
	return o;
}

void report_json(const struct run *r, const struct verdict *v, FILE *out)
{
	json_t *o = json_object(), *tool = json_object(), *plan = json_object(),
	       *list = json_array();

	set(o, "schema", json_string("smtp-safe/1"));
	set(tool, "name", json_string("lastknock"));
	set(tool, "version", json_string(LASTKNOCK_VERSION));
	set(o, "tool", tool);
	set(o, "started", started(r));
	set(o, "duration_s", json_integer((json_int_t)engine_elapsed(r->engine)));
	set(plan, "connections", json_integer(r->planned));
	set(plan, "expected", json_integer(r->expected));
	set(plan, "made", json_integer(engine_connections(r->engine)));
	set(o, "plan", plan);
	set(o, "target", target(r));
	set(o, "view", view(r));
	set(o, "verdict", verdict(r, v));
	for (const struct check *c = checks; c->id; c++)
		for (size_t i = 0; i < r->n_findings; i++)
			if (r->findings[i].check == c)
				json_array_append_new(list, finding(r, &r->findings[i]));
	set(o, "checks", list);
	set(o, "guard", guard(r));
	json_dumpf(o, out, JSON_INDENT(1));
	fputc('\n', out);
	json_decref(o);
}
