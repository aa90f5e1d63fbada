/*
 * What crosses between the processes, in one table: who may send what to whom, how long it is,
 * and whether a descriptor comes with it.  A channel refuses everything else before anybody looks
 * at the content.  Jails, actions and patterns go by their index in the configuration; no path,
 * command or pattern text ever travels upwards to the warden.
 *
 * One datagram of SOCK_SEQPACKET is one message: struct message_head, then the payload in the
 * encoding of base/pack.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum role {
	ROLE_WARDEN,
	ROLE_ENGINE,
	ROLE_CONSOLE,
	ROLE_HERALD,
	ROLES,
};

enum {
	MESSAGE_PAYLOAD_MAX = 128 * 1024,
	MESSAGE_TICKETS_MAX = 512,     /* tickets in one BAN message */
	MESSAGE_MAGIC = 0x4b4c,        /* "LK" */
	COMMAND_MAX = 4 * 1024 * 1024, /* a client's words, put together again */
};

enum message_type {
	/* any child -> warden: u8 role, 32 bytes digest of the configuration it has read (zero from
	 * console and herald, which need none) */
	MSG_HELLO = 1,
	/* warden -> any child: u8 role; the other end of a channel to that role */
	MSG_PEER_FD,
	/* warden -> any child: u8 form, u32 level, u32 pid; the log to write to (none: nowhere) */
	MSG_LOG_TARGET,
	/* warden -> any child: u8 final: finish. Not final: only hand over to a new engine */
	MSG_STOP,
	/* any child -> warden: finished; no payload. The engine adds a memfd with its state if that
	 * is in no file */
	MSG_STOPPED,

	/* warden -> engine: u8 flags (ENGINE_*): read the state (from the memfd, if one comes) and
	 * begin */
	MSG_BEGIN,
	/* warden -> engine: the inotify descriptor; no payload */
	MSG_WATCH_FD,
	/* warden -> engine: u8 flags (LOG_FD_*), u64 dev, u64 ino, u32 wd, u32 n, n * u32 pattern,
	 * str path; an open log file */
	MSG_LOG_FD,
	/* warden -> engine: every file there is has been sent; no payload */
	MSG_SCANNED,
	/* warden -> engine: u32 n, n * ip: the machine's own addresses */
	MSG_SELF,
	/* engine -> warden: look for log files again; no payload */
	MSG_SCAN,
	/* engine -> warden: u32 pattern, u64 dev, u64 ino: open what this file is called now */
	MSG_OPEN_ROTATED,

	/* engine -> warden: u32 jail, u8 flags (BAN_FLAG_*), 4 * u64 counters, u32 n, n * ticket */
	MSG_BAN_ADD,
	MSG_BAN_DEL,
	/* warden -> engine: u32 jail, u32 action, u8 verb, u8 ok, str id: an action ended */
	MSG_BAN_DONE,
	/* warden -> engine: say every ban again: the kernel has lost them; no payload */
	MSG_SAY_BANS,
	/* engine -> warden: u32 id, u32 jail, ticket: run the jail's ignorecommand */
	MSG_IGNORE_RUN,
	/* warden -> engine: u32 id, u8 ignore */
	MSG_IGNORE_DONE,

	/* console -> engine: u32 id, u8 root, u8 more, part of the pickle of the words */
	MSG_COMMAND,
	/* engine -> console: u32 id, u8 more, part of the pickled answer */
	MSG_REPLY,
	/* console -> warden: u32 id, u8 request (enum request), str text */
	MSG_REQUEST,
	/* warden -> console: u32 id, u8 ok, str text */
	MSG_ANSWER,
	/* console -> warden: str jail, u32 n (4096 at most), n * ip: root is about to ban these */
	MSG_BY_HAND,
	/* warden -> console: the listening control socket; no payload */
	MSG_LISTEN_FD,

	/* engine -> herald: u32 id, str name */
	MSG_RESOLVE,
	/* herald -> engine: u32 id, u32 n, n * ip */
	MSG_ADDRESSES,
	MESSAGE_TYPES,
};

enum engine_flags {
	ENGINE_RELOADED = 1, /* took over from an engine that was told to stop */
};

enum log_fd_flags {
	LOG_FD_OLD = 1,     /* renamed or deleted: no longer what the path names */
	LOG_FD_ROTATED = 2, /* the answer to MSG_OPEN_ROTATED; without a descriptor: not found */
};

enum ban_flags {
	BAN_FLAG_RESTORED = 1, /* from the database: actions with norestored leave it out */
	BAN_FLAG_EXTENDED = 2, /* known already, ends later: renew the kernel's time-out only */
	BAN_FLAG_STOPPING = 4, /* BAN_DEL: the jail stops; an action's flush does for all of them */
};

enum request {
	REQUEST_STOP,
	REQUEST_RELOAD, /* text: jail or "--all", then flags, blank-separated */
	REQUEST_FLUSHLOGS,
	REQUEST_LOGLEVEL, /* text: the level */
	REQUEST_BANTIME,  /* text: seconds, a blank, the jail: root changes what is allowed */
	REQUESTS,
};

struct message_head {
	uint16_t magic;
	uint16_t type;
	uint32_t size; /* of the payload: must be what came */
};

struct message_rule {
	const char *name;
	uint8_t from, to; /* bit 1 << role */
	uint32_t min, max;
	enum { FD_NEVER, FD_ALWAYS, FD_MAYBE } descriptor;
};

/* NULL for a number that is no message. */
const struct message_rule *message_rule(unsigned type);
const char *role_name(enum role role);
/* NULL if this message may pass as it is; else why not, for the log. */
const char *message_fault(enum role from, enum role to, unsigned type, size_t size, bool with_fd);
