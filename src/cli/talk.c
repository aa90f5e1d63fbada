/* Asking a running guard and printing what it says; see talk.h. */
#include "cli/talk.h"

#include <stdio.h>

#include "base/log.h"
#include "config/config.h"
#include "control/client.h"

#define DEFAULT_SOCKET "/var/run/fail2ban/fail2ban.sock"

int talk_options(int argc, char **argv, struct talk *t)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i += 2) {
		const char **value = NULL;

		if (strcmp(argv[i], "--") == 0)
			return i + 1;
		if (strcmp(argv[i], "-s") == 0)
			value = &t->socket;
		else if (strcmp(argv[i], "-c") == 0)
			value = &t->dir;
		else
			break; /* a word, as in `status --all` */
		if (i + 1 == argc)
			return -1;
		*value = argv[i + 1];
	}
	return i;
}

void talk_complain(const char *text)
{
	struct log log = { .fd = STDERR_FILENO, .form = LOG_FORM_FILE, .level = LEVEL_ERROR };

	log.pid = getpid();
	log_line(&log, LEVEL_ERROR, "", "%s", text);
	log_flush(&log);
	buf_free(&log.pending);
}

int talk_settle(struct talk *t)
{
	const struct config_options only_general = { .jail = "" }; /* no section is called that */
	struct config *c;
	struct err err = { 0 };
	int rc;

	if (t->socket)
		return 0;
	rc = config_load(config_dir(t->dir), &only_general, &c, &err);
	if (rc < 0 && t->dir) {
		_buf_free_ struct buf text = { 0 };

		buf_add_z(&text, "Failed during configuration: ");
		err_print(&err, &text);
		talk_complain(buf_z(&text));
		return rc;
	}
	t->socket = DEFAULT_SOCKET;
	if (rc == 0) {
		if (c->socket.n)
			t->socket = arena_str(t->arena, c->socket).p;
		config_free(c);
	}
	return 0;
}

static int call(const struct talk *t, const struct value *words, struct value **answer,
		struct err *err)
{
	int fd = client_connect(t->socket, err), rc;

	if (fd < 0)
		return fd;
	rc = client_call(fd, words, -1, t->arena, answer, err);
	client_close(fd);
	return rc;
}

bool talk_ping(const struct talk *t)
{
	struct value *words = value_list(t->arena), *answer;

	value_add(t->arena, words, value_z(t->arena, "ping"));
	return call(t, words, &answer, NULL) == 0 && answer->type != VALUE_ERROR;
}

int talk_ask(const struct talk *t, const struct value *words)
{
	_buf_free_ struct buf text = { 0 };
	struct err err = { 0 };
	struct value *answer;

	if (call(t, words, &answer, &err) < 0) {
		talk_complain(err.text);
		return TALK_REFUSED;
	}
	if (answer->type == VALUE_ERROR) {
		client_print_refusal(&text, answer);
		talk_complain(buf_z(&text));
		buf_clear(&text);
	}
	client_print(&text, words, answer);
	buf_add_char(&text, '\n');
	fwrite(text.p, 1, text.n, stdout);
	return answer->type == VALUE_ERROR ? TALK_REFUSED : 0;
}
