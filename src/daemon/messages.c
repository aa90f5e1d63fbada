/* The table of messages; see messages.h.  Pure: no input, no output. */
#include "daemon/messages.h"

#include "base/ip.h"

#define W (1u << ROLE_WARDEN)
#define E (1u << ROLE_ENGINE)
#define C (1u << ROLE_CONSOLE)
#define H (1u << ROLE_HERALD)
#define ANY MESSAGE_PAYLOAD_MAX

static const struct message_rule rules[MESSAGE_TYPES] = {
	[MSG_HELLO] = { "HELLO", E | C | H, W, 33, 33, FD_NEVER },
	[MSG_PEER_FD] = { "PEER_FD", W, E | C | H, 1, 1, FD_ALWAYS },
	[MSG_LOG_TARGET] = { "LOG_TARGET", W, E | C | H, 9, 9, FD_MAYBE },
	[MSG_STOP] = { "STOP", W, E | C | H, 1, 1, FD_NEVER },
	[MSG_STOPPED] = { "STOPPED", E | C | H, W, 0, 0, FD_MAYBE },
	[MSG_BEGIN] = { "BEGIN", W, E, 1, 1, FD_MAYBE },
	[MSG_WATCH_FD] = { "WATCH_FD", W, E, 0, 0, FD_ALWAYS },
	[MSG_LOG_FD] = { "LOG_FD", W, E, 29, 29 + 4096 * 4 + 4096, FD_MAYBE },
	[MSG_SCANNED] = { "SCANNED", W, E, 0, 0, FD_NEVER },
	[MSG_SELF] = { "SELF", W, E, 4, 4 + 4096 * 18, FD_NEVER },
	[MSG_SCAN] = { "SCAN", E, W, 0, 0, FD_NEVER },
	[MSG_OPEN_ROTATED] = { "OPEN_ROTATED", E, W, 20, 20, FD_NEVER },
	[MSG_BAN_ADD] = { "BAN_ADD", E, W, 41, ANY, FD_NEVER },
	[MSG_BAN_DEL] = { "BAN_DEL", E, W, 41, ANY, FD_NEVER },
	[MSG_BAN_DONE] = { "BAN_DONE", W, E, 14, 14 + 256, FD_NEVER },
	[MSG_SAY_BANS] = { "SAY_BANS", W, E, 0, 0, FD_NEVER },
	[MSG_IGNORE_RUN] = { "IGNORE_RUN", E, W, 8, ANY, FD_NEVER },
	[MSG_IGNORE_DONE] = { "IGNORE_DONE", W, E, 5, 5, FD_NEVER },
	[MSG_COMMAND] = { "COMMAND", C, E, 7, ANY, FD_NEVER },
	[MSG_REPLY] = { "REPLY", E, C, 5, ANY, FD_NEVER },
	[MSG_REQUEST] = { "REQUEST", C, W, 9, 9 + 4096, FD_NEVER },
	[MSG_ANSWER] = { "ANSWER", W, C, 9, 9 + 4096, FD_NEVER },
	[MSG_BY_HAND] = { "BY_HAND", C, W, 8, 8 + 256 + 4096 * 18, FD_NEVER },
	[MSG_LISTEN_FD] = { "LISTEN_FD", W, C, 0, 0, FD_ALWAYS },
	[MSG_RESOLVE] = { "RESOLVE", E, H, 9, 8 + 255, FD_NEVER },
	[MSG_ADDRESSES] = { "ADDRESSES", H, E, 8, 8 + 64 * 18, FD_NEVER },
};

const struct message_rule *message_rule(unsigned type)
{
	return type < MESSAGE_TYPES && rules[type].name ? &rules[type] : NULL;
}

const char *role_name(enum role role)
{
	static const char *const names[ROLES] = { "warden", "engine", "console", "herald" };

	return role < ROLES ? names[role] : "?";
}

const char *message_fault(enum role from, enum role to, unsigned type, size_t size, bool with_fd)
{
	const struct message_rule *rule = message_rule(type);

	if (!rule)
		return "no such message";
	if (!(rule->from & 1u << from) || !(rule->to & 1u << to))
		return "not this sender's to send";
	if (size < rule->min)
		return "too short";
	if (size > rule->max)
		return "too long";
	if (with_fd && rule->descriptor == FD_NEVER)
		return "a descriptor where none belongs";
	if (!with_fd && rule->descriptor == FD_ALWAYS)
		return "its descriptor is missing";
	return NULL;
}
