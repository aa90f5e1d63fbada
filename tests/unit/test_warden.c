/*
 * The warden against an engine and a console that were taken over: every malformed, oversized,
 * out-of-state and forbidden message is refused and none obeyed.  Obeying would be visible: the
 * one action of the one jail writes each address into a file.
 */
#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "daemon/warden.h"

struct scene {
	struct warden w;
	struct config config;
	struct config_jail jail, *jails[1];
	struct config_action action;
	struct enforcer enforcer;
	struct enforced_jail enforced;
	str ignoreip[2];
	int engine, console; /* the attacker's ends */
	char dir[64], out[96];
	unsigned refused;
	bool closed;
};

static void count_refused(void *arg, struct channel *ch, const char *text)
{
	struct scene *s = arg;

	(void)ch;
	(void)text;
	s->refused++;
}

static void note_closed(void *arg, struct channel *ch)
{
	struct scene *s = arg;

	(void)ch;
	s->closed = true;
}

static int pass_on(void *arg, struct channel *ch, enum message_type type, str payload, int fd)
{
	struct scene *s = arg;

	return warden_message(&s->w, ch, type, payload, fd);
}

static int attach(struct scene *s, enum role role)
{
	const struct channel_events events = {
		.arg = s, .message = pass_on, .refused = count_refused, .closed = note_closed
	};
	int fds[2];

	assert_int_equal(channel_pair(fds), 0);
	s->w.children[role].channel = channel_new(s->w.base, fds[0], ROLE_WARDEN, role, &events);
	s->w.children[role].greeted = true;
	return fds[1];
}

static void nothing(void *arg, int level, const char *logger, const char *text)
{
	(void)arg;
	(void)level;
	(void)logger;
	(void)text;
}

static void nothing_done(void *arg, unsigned jail, unsigned action, enum action_verb verb,
			 const struct ticket *t, bool ok)
{
	(void)arg;
	(void)jail;
	(void)action;
	(void)verb;
	(void)t;
	(void)ok;
}

static int set_up(void **state)
{
	struct scene *s = xcalloc(1, sizeof *s);
	const struct action_callbacks callbacks = { .log = nothing, .done = nothing_done };
	struct err err = { 0 };
	char command[160];

	snprintf(s->dir, sizeof s->dir, "/tmp/test_warden.XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->out, sizeof s->out, "%s/out", s->dir);
	snprintf(command, sizeof command, "echo <ip> >> %s", s->out);
	s->config.arena = arena_new();
	s->action.name = s->action.file = STR("note");
	s->action.properties = value_dict(s->config.arena);
	value_add(s->config.arena, s->action.properties, value_z(s->config.arena, "actionban"));
	value_add(s->config.arena, s->action.properties, value_z(s->config.arena, command));
	s->ignoreip[0] = STR("198.51.100.0/24");
	s->ignoreip[1] = STR("name.example");
	s->jail = (struct config_jail){ .name = STR("j"),
					.bantime = 600,
					.ignoreip = s->ignoreip,
					.n_ignoreip = 2,
					.action = &s->action,
					.n_action = 1 };
	s->jails[0] = &s->jail;
	s->config.jails = s->jails;
	s->config.n_jails = 1;
	s->config.allowipv6 = STR("auto");
	s->w = (struct warden){ .base = event_base_new(),
				.config = &s->config,
				.enforced = &s->enforced,
				.by_hand = table_new(),
				.listen_fd = -1,
				.state_fd = -1,
				.log = { .fd = -1 } };
	assert_int_equal(ip_parse(STR("192.0.2.1"), &s->w.self[0]), 0);
	assert_int_equal(ip_parse(STR("2001:db8::1"), &s->w.self[1]), 0);
	s->w.n_self = 2;
	s->w.jobs = action_jobs_new(s->w.base, &callbacks, 1);
	assert_int_equal(action_jobs_add(s->w.jobs, &s->jail, 0, true, &err), 0);
	s->enforcer = (struct enforcer){ .kind = ENFORCE_SHELL, .bans = table_new() };
	s->enforced = (struct enforced_jail){ .actions = &s->enforcer, .longest = 600 };
	s->engine = attach(s, ROLE_ENGINE);
	s->console = attach(s, ROLE_CONSOLE);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	channel_free(s->w.children[ROLE_ENGINE].channel);
	channel_free(s->w.children[ROLE_CONSOLE].channel);
	action_jobs_free(s->w.jobs);
	table_free(s->enforcer.bans, NULL);
	table_free(s->w.by_hand, free);
	event_base_free(s->w.base);
	close(s->engine);
	close(s->console);
	arena_free(s->config.arena);
	unlink(s->out);
	rmdir(s->dir);
	free(s);
	return 0;
}

/* Lets the warden work until its commands have ended. */
static void settle(struct scene *s)
{
	channel_drain(s->w.children[ROLE_ENGINE].channel);
	channel_drain(s->w.children[ROLE_CONSOLE].channel);
	while (action_jobs_pending(s->w.jobs)) {
		siginfo_t info;
		int status;

		event_base_loop(s->w.base, EVLOOP_NONBLOCK);
		if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid &&
		    waitpid(info.si_pid, &status, 0) == info.si_pid)
			action_jobs_reap(s->w.jobs, info.si_pid, status);
	}
}

static bool obeyed(const struct scene *s)
{
	struct stat st;

	return stat(s->out, &st) == 0;
}

static void send_raw(int to, const void *bytes, size_t n, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof control.bytes;
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	assert_int_equal(sendmsg(to, &msg, MSG_NOSIGNAL), n);
}

static void send_message(int to, unsigned type, const struct buf *payload)
{
	struct message_head head = { .magic = MESSAGE_MAGIC,
				     .type = (uint16_t)type,
				     .size = (uint32_t)payload->n };
	struct buf all = { 0 };

	buf_add(&all, &head, sizeof head);
	buf_add_str(&all, buf_str(payload));
	send_raw(to, all.p, all.n, -1);
	buf_free(&all);
}

/* BAN_ADD of one address for `bantime` seconds. */
static void pack_ban(struct buf *b, uint32_t jail, const char *id, int64_t bantime)
{
	struct fid fid = fid_parse(str_of(id));
	struct ticket *t = ticket_new(&fid, clock_now());

	t->bantime = bantime;
	pack_u32(b, jail);
	pack_u8(b, 0);
	for (int i = 0; i < 4; i++)
		pack_u64(b, 0);
	pack_u32(b, 1);
	ticket_pack(t, b);
	ticket_free(t);
}

static void order(struct scene *s, const char *id, int64_t bantime)
{
	struct buf b = { 0 };

	pack_ban(&b, 0, id, bantime);
	send_message(s->engine, MSG_BAN_ADD, &b);
	buf_free(&b);
	settle(s);
}

/* ---------------------------------------------------------------- tests */

static void a_good_order_is_obeyed(void **state)
{
	struct scene *s = *state;

	order(s, "203.0.113.9", 600);
	assert_int_equal(s->refused, 0);
	assert_true(obeyed(s)); /* so the other tests can fail */
}

static void protected_addresses_are_not_banned(void **state)
{
	static const char *const ids[] = {
		"127.0.0.1",       "127.9.9.9",     "::1",
		"192.0.2.1",       "2001:db8::1",   "192.0.2.0/24",
		"2001:db8::/64",   "0.0.0.0/0",     "::/0",
		"127.0.0.0/8",     "126.0.0.0/7",   "198.51.100.7",
		"198.51.100.0/25", "198.51.0.0/16",
	};
	struct scene *s = *state;

	for (size_t i = 0; i < COUNT(ids); i++)
		order(s, ids[i], 600);
	assert_false(obeyed(s));
}

static void bans_longer_than_configured_are_not_made(void **state)
{
	struct scene *s = *state;

	order(s, "203.0.113.9", -1);
	order(s, "203.0.113.9", 100000);
	order(s, "203.0.113.9", INT64_MAX);
	assert_false(obeyed(s));
}

static void roots_word_goes_further_but_only_once(void **state)
{
	struct scene *s = *state;
	struct buf b = { 0 };
	struct ip ip;

	assert_int_equal(ip_parse(STR("198.51.100.7"), &ip), 0);
	pack_str(&b, STR("j"));
	pack_u32(&b, 1);
	pack_ip(&b, &ip);
	send_message(s->engine, MSG_BY_HAND, &b); /* the engine cannot say it */
	settle(s);
	assert_int_equal(s->refused, 1);
	order(s, "198.51.100.7", 600);
	assert_false(obeyed(s));
	send_message(s->console, MSG_BY_HAND, &b);
	order(s, "198.51.100.7", 600);
	assert_true(obeyed(s));
	unlink(s->out);
	order(s, "198.51.100.8", 600);
	assert_false(obeyed(s));
	buf_free(&b);
}

static void malformed_messages_are_refused(void **state)
{
	struct scene *s = *state;
	struct message_head head = { .magic = MESSAGE_MAGIC, .type = MSG_BAN_ADD, .size = 41 };
	static char big[sizeof(struct message_head) + MESSAGE_PAYLOAD_MAX + 1];
	char room[64] = { 0 };
	unsigned sent = 0;

	send_raw(s->engine, "x", 1, -1), sent++; /* shorter than a head */
	memcpy(room, &head, sizeof head);
	send_raw(s->engine, room, sizeof head + 40, -1), sent++; /* its length lies */
	head.magic = 0x1234;
	memcpy(room, &head, sizeof head);
	send_raw(s->engine, room, sizeof head + 41, -1), sent++; /* not ours */
	head = (struct message_head){ .magic = MESSAGE_MAGIC, .type = 9999 };
	send_raw(s->engine, &head, sizeof head, -1), sent++; /* no such message */
	head.type = 0;
	send_raw(s->engine, &head, sizeof head, -1), sent++;
	head = (struct message_head){ .magic = MESSAGE_MAGIC,
				      .type = MSG_BAN_ADD,
				      .size = MESSAGE_PAYLOAD_MAX + 1 };
	memcpy(big, &head, sizeof head);
	send_raw(s->engine, big, sizeof big, -1), sent++; /* longer than any */
	head = (struct message_head){ .magic = MESSAGE_MAGIC, .type = MSG_SCAN };
	send_raw(s->engine, &head, sizeof head, s->engine), sent++; /* a descriptor too many */
	settle(s);
	assert_int_equal(s->refused, sent);
	assert_false(s->closed);
	assert_false(obeyed(s));
}

static void every_cut_of_an_order_is_refused(void **state)
{
	struct scene *s = *state;
	struct buf whole = { 0 };
	unsigned sent = 0;

	pack_ban(&whole, 0, "203.0.113.9", 600);
	for (size_t n = 0; n < whole.n; n++, sent++) {
		struct buf cut = { .p = whole.p, .n = n, .room = whole.room };

		send_message(s->engine, MSG_BAN_ADD, &cut);
		if (sent % 16 == 15)
			settle(s);
	}
	buf_add_char(&whole, 'x'); /* and one with something behind it */
	send_message(s->engine, MSG_BAN_ADD, &whole);
	settle(s);
	assert_int_equal(s->refused, sent + 1);
	assert_false(obeyed(s));
	buf_free(&whole);
}

static void indices_and_counts_out_of_range_are_refused(void **state)
{
	struct scene *s = *state;
	struct buf b = { 0 };

	pack_ban(&b, 1, "203.0.113.9", 600); /* there is no jail 1 */
	send_message(s->engine, MSG_BAN_ADD, &b);
	buf_clear(&b);
	pack_ban(&b, UINT32_MAX, "203.0.113.9", 600);
	send_message(s->engine, MSG_BAN_ADD, &b);
	buf_clear(&b);
	pack_ban(&b, 0, "203.0.113.9", 600);
	memset(b.p + 37, 0xff, 4); /* four thousand million tickets */
	send_message(s->engine, MSG_BAN_ADD, &b);
	buf_clear(&b);
	pack_u32(&b, 77); /* no such pattern */
	pack_u64(&b, 1);
	pack_u64(&b, 2);
	send_message(s->engine, MSG_OPEN_ROTATED, &b);
	buf_clear(&b);
	pack_u32(&b, 1);
	pack_u32(&b, 0);
	send_message(s->engine, MSG_IGNORE_RUN, &b); /* the jail has no ignorecommand */
	settle(s);
	assert_int_equal(s->refused, 5);
	assert_false(obeyed(s));
	buf_free(&b);
}

/* Every message of the table that is not the sender's to send, with a payload of the right size. */
static void forbidden_messages_are_refused(void **state)
{
	struct scene *s = *state;
	static const enum role senders[] = { ROLE_ENGINE, ROLE_CONSOLE };
	unsigned sent = 0;

	for (size_t i = 0; i < COUNT(senders); i++) {
		for (unsigned type = 1; type < MESSAGE_TYPES; type++) {
			const struct message_rule *rule = message_rule(type);
			struct buf b = { 0 };

			if (!rule ||
			    (rule->to & 1u << ROLE_WARDEN && rule->from & 1u << senders[i]))
				continue;
			memset(buf_reserve(&b, rule->min + 1), 0, rule->min + 1);
			b.n = rule->min;
			send_message(i ? s->console : s->engine, type, &b);
			sent++;
			settle(s);
			buf_free(&b);
		}
	}
	assert_true(sent > 20);
	assert_int_equal(s->refused, sent);
	assert_false(s->w.stopping);
	assert_false(obeyed(s));
}

static void nothing_is_taken_before_the_greeting(void **state)
{
	struct scene *s = *state;
	struct buf b = { 0 };

	s->w.children[ROLE_ENGINE].greeted = false;
	order(s, "203.0.113.9", 600);
	assert_int_equal(s->refused, 1);
	/* a greeting with another configuration's digest, or another's role, is none; the former
	 * makes the warden look at the files, which are not there */
	s->w.options.dir = s->out;
	pack_u8(&b, ROLE_ENGINE);
	buf_add(&b, "0123456789abcdef0123456789abcdef", 32);
	send_message(s->engine, MSG_HELLO, &b);
	b.p[0] = ROLE_CONSOLE;
	send_message(s->engine, MSG_HELLO, &b);
	settle(s);
	assert_int_equal(s->refused, 2);
	assert_false(s->w.children[ROLE_ENGINE].greeted);
	assert_int_equal(s->w.reload.engine.pid, 0);
	order(s, "203.0.113.9", 600);
	assert_int_equal(s->refused, 3);
	assert_false(obeyed(s));
	/* and nobody greets twice */
	s->w.children[ROLE_ENGINE].greeted = true;
	b.p[0] = ROLE_ENGINE;
	send_message(s->engine, MSG_HELLO, &b);
	settle(s);
	assert_int_equal(s->refused, 4);
	buf_free(&b);
}

static void a_closed_channel_is_noticed(void **state)
{
	struct scene *s = *state;

	close(s->engine);
	s->engine = -1;
	event_base_loop(s->w.base, EVLOOP_NONBLOCK);
	assert_true(s->closed);
}

#define with_scene(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		with_scene(a_good_order_is_obeyed),
		with_scene(protected_addresses_are_not_banned),
		with_scene(bans_longer_than_configured_are_not_made),
		with_scene(roots_word_goes_further_but_only_once),
		with_scene(malformed_messages_are_refused),
		with_scene(every_cut_of_an_order_is_refused),
		with_scene(indices_and_counts_out_of_range_are_refused),
		with_scene(forbidden_messages_are_refused),
		with_scene(nothing_is_taken_before_the_greeting),
		with_scene(a_closed_channel_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
