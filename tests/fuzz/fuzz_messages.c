/*
 * Payloads of an engine or console that was taken over, into the warden's handlers.  The one jail
 * has no action, so nothing is done; what counts is that nothing breaks.  The first byte chooses
 * message and sender.
 */
#include "daemon/warden.h"

static const struct {
	enum role from;
	enum message_type type;
} choices[] = {
	{ ROLE_ENGINE, MSG_BAN_ADD },    { ROLE_ENGINE, MSG_BAN_DEL },
	{ ROLE_ENGINE, MSG_HELLO },      { ROLE_ENGINE, MSG_OPEN_ROTATED },
	{ ROLE_ENGINE, MSG_IGNORE_RUN }, { ROLE_CONSOLE, MSG_BY_HAND },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str ignored = STR("10.0.0.0/8");
	struct config_jail jail = {
		.name = STR("j"), .bantime = 600, .ignoreip = &ignored, .n_ignoreip = 1
	};
	struct config_jail *jails[] = { &jail };
	struct config config = { .jails = jails, .n_jails = 1 };
	struct enforced_jail enforced = { .longest = 600 };
	struct warden w = { .options = { .dir = "/nonexistent" }, /* nothing to reload */
			    .config = &config,
			    .enforced = &enforced,
			    .by_hand = table_new(),
			    .listen_fd = -1,
			    .state_fd = -1,
			    .log = { .fd = -1 } };
	struct event_base *base = event_base_new();
	struct channel_events none = { 0 };
	int fds[2];

	if (size > 0 && channel_pair(fds) == 0) {
		size_t i = data[0] % (sizeof choices / sizeof *choices);
		struct channel *ch = channel_new(base, fds[0], ROLE_WARDEN, choices[i].from, &none);
		str payload = str_mem(data + 1, size - 1);

		w.children[choices[i].from].channel = ch;
		w.children[choices[i].from].greeted = choices[i].type != MSG_HELLO;
		if (!message_fault(choices[i].from, ROLE_WARDEN, choices[i].type, payload.n, false))
			(void)warden_message(&w, ch, choices[i].type, payload, -1);
		w.children[choices[i].from].channel = NULL;
		channel_free(ch);
		close(fds[1]);
	}
	event_base_free(base);
	table_free(w.by_hand, free);
	return 0;
}
