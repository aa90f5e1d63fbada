/*
 * The whole configuration; see config.h.
 *
 * Called by every process and command that needs to know jails.  General settings, then each
 * section of jail.conf and its companions; a jail that cannot be used becomes a fault and a row
 * that says so, and the others go on.
 */
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "config/apply.h"
#include "config/fault.h"
#include "config/general.h"
#include "config/jail.h"
#include "config/list.h"
#include "config/read.h"
#include "config/stream.h"

#define FAIL2BAN_VERSION "1.1.1" /* whose behaviour this is: %(fail2ban_version)s */

static void predefine(struct reader *r, const struct conf *conf, const char *name, str value)
{
	if (!table_find(conf->defaults->keys, str_of(name)))
		reader_put(r, conf->defaults->keys, str_of(name), value);
}

static void add_fault(struct config *c, str jail, const struct err *err)
{
	fault_add(c, jail, err);
	stream_error(c->arena, c->stream, jail, str_of(err->text));
}

static void read_jail(struct reader *r, struct config *c, const struct config_options *options,
		      const struct conf *conf, const struct conf_section *section)
{
	struct config_jail *jail = arena_alloc(c->arena, sizeof *jail);
	struct value *rows = value_list(c->arena);
	enum jail_result result;
	const char *key = NULL;
	struct err err = { 0 };
	int rc = config_jail_read(r, c, options, conf, section, jail, rows, &result, &err);

	if (rc == 0 && result == JAIL_OFF)
		return;
	if (rc == 0) {
		err = (struct err){ 0 };
		rc = apply_jail(c, jail, rows, &key, &err);
		if (rc < 0)
			fault_at(&err, conf_key(conf, section, str_of(key)));
	}
	if (rc < 0) {
		add_fault(c, section->name, &err);
		return;
	}
	for (size_t i = 0; i < rows->n; i++)
		value_add(c->arena, c->stream, rows->items[i]);
	jail->index = c->n_jails;
	c->jails = list_append(c->arena, c->jails, &c->n_jails, sizeof(struct config_jail *));
	c->jails[c->n_jails - 1] = jail;
}

static int read_jails(struct reader *r, struct config *c, const struct config_options *options,
		      struct err *err)
{
	const struct conf *conf = NULL;
	size_t at = 0;
	void *section;
	str name;
	int rc = reader_conf(r, STR("jail"), &conf, err);

	if (rc == -ENOENT) {
		note_add(c, STR_NULL, NULL, "there is no %s/jail.conf: there are no jails", r->dir);
		return 0;
	}
	if (rc < 0)
		return rc;
	predefine(r, conf, "fail2ban_version", STR(FAIL2BAN_VERSION));
	predefine(r, conf, "fail2ban_confpath", str_of(r->dir));
	while (table_each(conf->sections, &at, &name, &section))
		if (!options->jail || str_is(name, options->jail))
			read_jail(r, c, options, conf, section);
	for (unsigned i = 0; i < c->n_jails; i++)
		stream_start(c->arena, c->stream, c->jails[i]->name);
	return 0;
}

int config_read(struct reader *r, const struct config_options *options, struct config **out,
		struct err *err)
{
	static const struct config_options defaults;
	struct config *c = xcalloc(1, sizeof *c);
	int rc;

	if (!options)
		options = &defaults;
	c->arena = arena_new();
	c->dir = arena_str(c->arena, str_of(r->dir));
	c->stream = value_list(c->arena);
	rc = general_read(r, c, options, c->stream, err);
	if (rc == 0)
		rc = read_jails(r, c, options, err);
	if (rc < 0) {
		config_free(c);
		return rc;
	}
	stream_digest(c, c->digest);
	*out = c;
	return 0;
}

int config_load(const char *dir, const struct config_options *options, struct config **out,
		struct err *err)
{
	struct reader *r;
	struct stat st;
	int rc;

	err_at(err, NULL, 0);
	if (stat(dir, &st) < 0)
		return err_set(err, -errno, "the configuration directory %s cannot be used: %s",
			       dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return err_set(err, -ENOTDIR, "%s is not a directory", dir);
	r = reader_new(dir);
	rc = config_read(r, options, out, err);
	reader_free(r);
	return rc;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	arena_free(c->arena);
	free(c);
}

const struct config_jail *config_find_jail(const struct config *c, str name)
{
	for (unsigned i = 0; i < c->n_jails; i++)
		if (str_eq(c->jails[i]->name, name))
			return c->jails[i];
	return NULL;
}

str config_action_property(const struct config_action *a, const char *name)
{
	const struct value *v = value_get(a->properties, str_of(name));

	return v && v->type == VALUE_STR ? v->s : STR_NULL;
}

const char *config_dir(const char *given)
{
	static const char *const candidates[] = { "/etc/lastknock", "/etc/fail2ban" };
	const char *shipped = getenv("LASTKNOCK_CONFIG");

	if (given)
		return given;
	for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
		if (access(candidates[i], F_OK) == 0)
			return candidates[i];
	return shipped ? shipped : LASTKNOCK_DATADIR;
}
