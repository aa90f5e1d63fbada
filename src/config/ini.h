/*
 * One configuration file in the dialect of Python's configparser that Fail2ban uses (behaviour
 * section 1.3): sections, `key = value` or `key: value`, continuation lines, `#` and `;` comment
 * lines, `;` comments behind a blank.  Nothing is interpolated here.
 * The bytes are root's, but may be anything: they are checked and capped, never trusted to be text.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum {
	INI_FILE_MAX = 1 << 20,   /* bytes of a file */
	INI_KEYS_MAX = 20000,     /* keys of a file */
	INI_SECTIONS_MAX = 20000, /* sections of a file */
};

struct ini_key {
	str name;  /* lower case */
	str value; /* lines joined by \n, trimmed at the right end */
	int line;
};

struct ini_section {
	str name;
	int line;
	struct ini_key *keys; /* in the order of the file */
	size_t n_keys;
};

struct ini {
	const char *file;
	struct ini_section *sections; /* in the order of the file; [DEFAULT] may come twice */
	size_t n_sections;
};

/*
 * Everything is copied to the arena but `file`, which is kept.  -EINVAL with *err (file, line, and
 * the key or text at fault): not UTF-8, too large, a key twice in a section, a section twice, a
 * line that is neither, a key before any section.
 */
int ini_parse(struct arena *arena, const char *file, str text, struct ini **out, struct err *err)
	__attribute__((warn_unused_result));
