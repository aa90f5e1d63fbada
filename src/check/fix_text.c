/*
 * Fixes, with this server's names in them.
 */
#include "check/report.h"

static const char *word_for(const struct run *r, str name)
{
	if (str_is(name, "user"))
		return r->o->user ? r->o->user : "alice";
	if (str_is(name, "mail"))
		return r->mail ? r->mail : run_text(r, "alice@%s", r->domain);
	if (str_is(name, "domain"))
		return r->domain;
	return str_is(name, "host") ? r->server_host : NULL;
}

const char *fix_text(const struct run *r, const struct fix *f)
{
	struct buf out _buf_free_ = { 0 };
	str rest = str_of(f->text);

	while (rest.n) {
		ssize_t end = rest.p[0] == '{' ? str_chr(rest, '}') : -1;
		const char *word =
			end > 1 ? word_for(r, str_head(str_from(rest, 1), (size_t)end - 1)) : NULL;

		if (word)
			buf_add_escaped(&out, str_of(word));
		else
			buf_add_char(&out, rest.p[0]);
		rest = str_from(rest, word ? (size_t)end + 1 : 1);
	}
	return arena_str(r->arena, buf_str(&out)).p;
}

bool fix_fits(const struct run *r, const struct fix *f)
{
	if (strcmp(f->mta, "guard") == 0 || !r->mta)
		return true;
	return strcmp(f->mta, r->mta) == 0;
}
