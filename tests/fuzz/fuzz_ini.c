/*
 * A configuration file of any bytes: it parses or is refused with a text, and what was parsed is
 * what the grammar promises (keys in lower case, no blanks at ends, lines that rise).
 */
#include <assert.h>

#include "config/ini.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena *arena = arena_new();
	struct err err = { 0 };
	struct ini *ini = NULL;
	int line = 0, rc = ini_parse(arena, "f", str_mem(data, n), &ini, &err);

	assert(rc == 0 ? ini != NULL : err.text[0] != '\0');
	for (size_t s = 0; rc == 0 && s < ini->n_sections; s++) {
		const struct ini_section *section = &ini->sections[s];

		assert(section->name.n && section->line > line);
		line = section->line;
		for (size_t k = 0; k < section->n_keys; k++) {
			const struct ini_key *key = &section->keys[k];

			assert(key->name.n && key->line > line);
			line = key->line;
			assert(str_eq(str_trim(key->name), key->name));
			assert(str_eq(str_rtrim(key->value), key->value));
			for (size_t i = 0; i < key->name.n; i++)
				assert(key->name.p[i] < 'A' || key->name.p[i] > 'Z');
		}
	}
	arena_free(arena);
	return 0;
}
