/*
 * A ticket of hostile values in commands of every shape: whatever it holds, the text handed to the
 * shell has no special byte more than the command itself, its properties and our variables have.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "action/render.h"
#include "config/property.h"

static const char command[] = "x <matches> <ipmatches> <ipjailmatches> <F-USER> <F-A-B> <F-A_B> "
			      "<F-ID> <ip> <fid> <ip-rev> "
			      "<raw-ticket> <family> <time> <bantime> <F-HOST><F-USER>";

static bool is_special(char c)
{
	return property_is_special(c) || ((unsigned char)c < ' ' && c != '\t') || c == 0x7f;
}

/* Takes the next piece of the input, up to a zero byte. */
static str piece(str *in)
{
	str p;

	if (!str_split(in, '\0', &p))
		return STR("");
	return p;
}

static void check(str script, char **args)
{
	const char *p = script.p, *end = script.p + script.n;

	if (args[0]) {
		/* the line of variables: names that we chose, and positions */
		for (unsigned i = 0; args[i]; i++) {
			char position[16];

			assert(strncmp(p, "f2bV_", 5) == 0);
			p += strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789_");
			snprintf(position, sizeof position, i < 10 ? "=$%u " : "=${%u} ", i);
			assert(strncmp(p, position, strlen(position)) == 0);
			p += strlen(position);
		}
		assert(*p++ == '\n');
	}
	for (; p < end; p++)
		assert(!is_special(*p) || strncmp(p, "$f2bV_", 6) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const fields[] = { "user", "a-b", "a_b", "fid", "host", "ip" };
	str in = str_mem(data, size);
	struct fid id = fid_parse(piece(&in));
	struct ticket *t = ticket_new(&id, 1e9);
	struct arena *arena = arena_new();
	struct action_input input = { .ticket = t, .properties = value_dict(arena) };
	struct err err = { 0 };
	char **args;
	str script;

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		str value = piece(&in);

		if (value.n)
			ticket_add_field(t, str_of(fields[i]), value);
	}
	while (in.p) {
		struct match_line line = { .prefix = piece(&in) };

		line.date = piece(&in);
		line.suffix = piece(&in);
		ticket_add_line(t, &line, 20);
	}
	if (action_render(&input, str_mem(command, sizeof command - 1), arena, &script, &args,
			  &err) == 0)
		check(script, args);
	arena_free(arena);
	ticket_free(t);
	return 0;
}
