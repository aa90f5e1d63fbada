/*
 * The files that make up one configuration name ("jail", "filter.d/sshd", ...), in Fail2ban's
 * order, and their contents merged (behaviour sections 1.1 and 1.2).  Files and merged names are
 * kept until reader_free(), since most jails share them.
 * Trusted input; mistakes are errors that name file and line.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/table.h"

enum {
	READER_DEPTH_MAX = 16,  /* includes within includes */
	READER_FILES_MAX = 200, /* files of one name, counted as often as they are included */
};

#define READER_WORK_MAX ((size_t)256 << 20)

/* A raw value and where it was written. */
struct conf_key {
	str value;
	const char *file; /* NULL: not from a file (an option, a default of ours) */
	int line;
};

struct conf_section {
	str name;
	struct table *keys;  /* -> struct conf_key */
	struct table *known; /* -> struct conf_key: values that a later file replaced; or NULL */
};

struct conf {
	str name;
	struct conf_section *defaults; /* [DEFAULT] */
	struct table *sections;        /* the others -> struct conf_section, in file order */
	struct conf_section *includes; /* [INCLUDES] of all files, of no further use; or NULL */
};

struct reader {
	struct arena *arena; /* of everything read; freed with the reader */
	const char *dir;
	struct table *files;  /* path -> struct reader_file */
	struct table *confs;  /* name -> struct conf */
	struct table **owned; /* tables to free */
	size_t n_owned, room_owned;
	bool no_disk; /* only files that were put exist; for fuzzers */
	size_t work;  /* bytes that expansions have produced, see reader_work() */
};

/* `dir` is copied. */
struct reader *reader_new(const char *dir);
void reader_free(struct reader *r);
/* A file that is taken from memory instead of the disk; for tests and fuzzers. */
void reader_put_file(struct reader *r, const char *path, str text);
/*
 * The merged configuration of a name.  -ENOENT: there is no file for it; -EINVAL and others: a file
 * cannot be read, or breaks the grammar.
 */
int reader_conf(struct reader *r, str name, const struct conf **out, struct err *err)
	__attribute__((warn_unused_result));
/* A table that is freed with the reader. */
struct table *reader_table(struct reader *r);
/* Puts a value that came from no file. */
void reader_put(struct reader *r, struct table *keys, str name, str value);
/*
 * Counts `n` bytes of expansion.  -EINVAL once the whole reading has used more than any sensible
 * configuration needs: that ends expansions that grow without bound.
 */
int reader_work(struct reader *r, size_t n, struct err *err) __attribute__((warn_unused_result));
/* The section's, or NULL. */
const struct conf_section *conf_section(const struct conf *c, str name);
/* In the section or in [DEFAULT]; NULL: in neither. `s` may be NULL. */
const struct conf_key *conf_key(const struct conf *c, const struct conf_section *s, str name);
