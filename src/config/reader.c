/*
 * Files of a name: candidates, includes, contents; see reader.h.  What is done with the contents is
 * merge.c's.
 *
 * Called by config.c, filter.c, action.c and jail.c.  Includes that lead back to themselves are
 * skipped, and both their depth and their number are bounded.
 */
#include "config/reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/xalloc.h"
#include "config/ini.h"
#include "config/interpolate.h"
#include "config/merge.h"

#define INCLUDE_WORK 2048 /* what looking for one included file counts as */

struct reader_file {
	const char *path;
	struct ini *ini; /* NULL: cannot be used, see rc and err */
	int rc;
	struct err err;
	bool in_memory;
};

struct paths {
	const char *items[READER_FILES_MAX];
	size_t n;
};

/* The files that led to an include, innermost first. */
struct chain {
	const char *path;
	const struct chain *next;
	int depth;
};

struct reader *reader_new(const char *dir)
{
	struct reader *r = xcalloc(1, sizeof *r);
	size_t n;

	r->arena = arena_new();
	for (n = strlen(dir); n > 1 && dir[n - 1] == '/';)
		n--;
	r->dir = arena_str(r->arena, str_mem(dir, n)).p;
	r->files = reader_table(r);
	r->confs = reader_table(r);
	return r;
}

void reader_free(struct reader *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_owned; i++)
		table_free(r->owned[i], NULL);
	free(r->owned);
	arena_free(r->arena);
	free(r);
}

struct table *reader_table(struct reader *r)
{
	if (r->n_owned == r->room_owned) {
		r->room_owned = r->room_owned ? r->room_owned * 2 : 64;
		r->owned = xreallocarray(r->owned, r->room_owned, sizeof(struct table *));
	}
	return r->owned[r->n_owned++] = table_new();
}

void reader_put(struct reader *r, struct table *keys, str name, str value)
{
	struct conf_key *key = arena_alloc(r->arena, sizeof *key);

	key->value = arena_str(r->arena, value);
	table_put(keys, name, key);
}

int reader_work(struct reader *r, size_t n, struct err *err)
{
	r->work += n;
	if (r->work > READER_WORK_MAX)
		return err_set(err, -EINVAL,
			       "the values refer to each other so often that they "
			       "would fill the memory");
	return 0;
}

/* The whole of a regular file. */
static int slurp(const char *path, struct buf *out, struct err *err)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n;

	err_at(err, path, 0);
	if (fd < 0)
		return err_set(err, -errno, "cannot be opened: %s", strerror(errno));
	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "cannot be examined: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "is not a regular file");
	do {
		n = read(fd, buf_reserve(out, 65536), 65536);
		if (n > 0)
			out->n += (size_t)n;
	} while ((n > 0 || (n < 0 && errno == EINTR)) && out->n <= INI_FILE_MAX);
	if (n < 0)
		return err_set(err, -errno, "cannot be read: %s", strerror(errno));
	return 0;
}

static struct reader_file *add_file(struct reader *r, const char *path)
{
	struct reader_file *f = arena_alloc(r->arena, sizeof *f);

	f->path = arena_strdup(r->arena, path);
	table_put(r->files, str_of(path), f);
	return f;
}

void reader_put_file(struct reader *r, const char *path, str text)
{
	struct reader_file *f = add_file(r, path);

	f->in_memory = true;
	f->rc = ini_parse(r->arena, f->path, text, &f->ini, &f->err);
}

static struct reader_file *open_file(struct reader *r, const char *path)
{
	struct reader_file *f = table_find(r->files, str_of(path));
	_buf_free_ struct buf text = { 0 };

	if (f)
		return f;
	f = add_file(r, path);
	f->rc = slurp(path, &text, &f->err);
	if (f->rc == 0)
		f->rc = ini_parse(r->arena, f->path, buf_str(&text), &f->ini, &f->err);
	return f;
}

static bool exists(const struct reader *r, const char *path)
{
	struct stat st;

	return table_find(r->files, str_of(path)) || (!r->no_disk && stat(path, &st) == 0);
}

static int add_path(struct paths *paths, const char *path, struct err *err)
{
	if (paths->n == READER_FILES_MAX) {
		err_at(err, path, 0);
		return err_set(err, -EINVAL, "more than %d files are included for one name",
			       READER_FILES_MAX);
	}
	paths->items[paths->n++] = path;
	return 0;
}

static bool has_path(const struct paths *paths, const char *path)
{
	for (size_t i = 0; i < paths->n; i++)
		if (strcmp(paths->items[i], path) == 0)
			return true;
	return false;
}

static bool on_chain(const struct chain *chain, const char *path)
{
	for (; chain; chain = chain->next)
		if (strcmp(chain->path, path) == 0)
			return true;
	return false;
}

/* "F.conf" -> "F.local" */
static const char *local_of(struct reader *r, const char *path)
{
	const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
	size_t n = dot && (!slash || dot > slash + 1) ? (size_t)(dot - path) : strlen(path);

	return arena_printf(r->arena, "%.*s.local", (int)n, path).p;
}

static int expand(struct reader *r, const struct paths *in, const struct chain *chain,
		  struct paths *out, struct err *err);

/* Adds what `before =` or `after =` of a file names. */
static int expand_key(struct reader *r, struct reader_file *f, const char *key,
		      const struct chain *chain, struct paths *out, struct err *err)
{
	const struct chain link = { .path = f->path,
				    .next = chain,
				    .depth = chain ? chain->depth + 1 : 1 };
	const char *slash = strrchr(f->path, '/');
	str list, name;
	int rc = merge_include_list(r, f->ini, key, &list, err);

	while (rc == 0 && str_split(&list, '\n', &name)) {
		struct paths one = { .n = 1 };

		if (name.n == 0)
			continue;
		rc = reader_work(r, INCLUDE_WORK, err);
		if (rc < 0)
			break;
		if (*name.p == '/' || !slash)
			one.items[0] = arena_str(r->arena, name).p;
		else
			one.items[0] = arena_printf(r->arena, "%.*s/%.*s", (int)(slash - f->path),
						    f->path, STR_ARG(name))
					       .p;
		if (on_chain(chain, one.items[0]))
			continue;
		if (link.depth > READER_DEPTH_MAX) {
			err_at(err, f->path, 0);
			return err_set(err, -EINVAL, "[INCLUDES] are nested deeper than %d files",
				       READER_DEPTH_MAX);
		}
		rc = expand(r, &one, &link, out, err);
	}
	return rc;
}

/* Adds the files in their order, each with its .local and its includes. */
static int expand(struct reader *r, const struct paths *in, const struct chain *chain,
		  struct paths *out, struct err *err)
{
	struct paths all = { 0 };
	int rc = 0;

	for (size_t i = 0; i < in->n && rc == 0; i++) {
		const char *local = local_of(r, in->items[i]);

		rc = add_path(&all, in->items[i], err);
		if (rc == 0 && !has_path(in, local))
			rc = add_path(&all, local, err);
	}
	for (size_t i = 0; i < all.n && rc == 0; i++) {
		struct reader_file *f;

		if (!exists(r, all.items[i]))
			continue;
		f = open_file(r, all.items[i]);
		if (!f->ini) {
			*err = f->err;
			return f->rc;
		}
		rc = expand_key(r, f, "before", chain, out, err);
		if (rc == 0)
			rc = add_path(out, f->path, err);
		if (rc == 0)
			rc = expand_key(r, f, "after", chain, out, err);
	}
	return rc;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Adds DIR/ *.SUFFIX, sorted. */
static int add_directory(struct reader *r, const char *dir, const char *suffix, struct paths *out,
			 struct err *err)
{
	struct dirent **entries = NULL;
	int n = r->no_disk ? 0 : scandir(dir, &entries, NULL, by_bytes), rc = 0;

	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;

		if (rc == 0 && *name != '.' && str_ends(str_of(name), str_of(suffix)))
			rc = add_path(out, arena_printf(r->arena, "%s/%s", dir, name).p, err);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

/* N.conf, N.d/ *.conf, N.local, N.d/ *.local: those that exist. */
static int candidates(struct reader *r, str name, struct paths *out, struct err *err)
{
	static const char *const suffixes[] = { ".conf", ".local" };
	_free_ char *cwd = NULL;
	const char *base;
	int rc = 0;

	if (str_starts(name, STR("./")) && (cwd = getcwd(NULL, 0)))
		base = arena_printf(r->arena, "%s/%.*s", cwd, STR_ARG(str_from(name, 2))).p;
	else if (name.n && *name.p == '/')
		base = arena_str(r->arena, name).p;
	else
		base = arena_printf(r->arena, "%s/%.*s", r->dir, STR_ARG(name)).p;
	for (size_t i = 0; i < 2 && rc == 0; i++) {
		const char *path = arena_printf(r->arena, "%s%s", base, suffixes[i]).p;

		if (exists(r, path))
			rc = add_path(out, path, err);
		if (rc == 0)
			rc = add_directory(r, arena_printf(r->arena, "%s.d", base).p, suffixes[i],
					   out, err);
	}
	return rc;
}

static int read_conf(struct reader *r, str name, struct conf **out, struct err *err)
{
	struct paths found = { 0 }, all = { 0 };
	struct conf *c;
	int rc = candidates(r, name, &found, err);

	if (rc == 0)
		rc = expand(r, &found, NULL, &all, err);
	if (rc < 0)
		return rc;
	c = merge_new(r, name);
	for (size_t i = 0; i < all.n; i++)
		merge_file(r, c, open_file(r, all.items[i])->ini);
	*out = c;
	return found.n ? 0
		       : err_set(err, -ENOENT, "'%.*s' has no file in %s", STR_ARG(name), r->dir);
}

int reader_conf(struct reader *r, str name, const struct conf **out, struct err *err)
{
	struct conf *c = table_find(r->confs, name);
	int rc;

	if (str_chr(name, '\0') >= 0)
		return err_set(err, -EINVAL, "a name with a NUL byte");
	if (!c) {
		rc = read_conf(r, name, &c, err);
		if (rc < 0)
			return rc;
		table_put(r->confs, name, c);
	}
	*out = c;
	return 0;
}
