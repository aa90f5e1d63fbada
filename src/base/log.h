/*
 * Fail2ban's log: `2026-11-21 20:19:52,105 fail2ban.actions        [21484]: NOTICE  [j1] Ban ...`
 * to a file, standard output or error, or syslog.  Lines are gathered and written whole, by
 * log_flush() or when the buffer is full; errors and warnings go out at once.
 */
#pragma once

#include "base/buf.h"

enum log_level {
	LEVEL_CRITICAL = 50,
	LEVEL_ERROR = 40,
	LEVEL_WARNING = 30,
	LEVEL_NOTICE = 25,
	LEVEL_INFO = 20,
	LEVEL_MSG = 18,
	LEVEL_DEBUG = 10,
	LEVEL_TRACEDEBUG = 7,
	LEVEL_HEAVYDEBUG = 5,
};

enum log_form {
	LOG_FORM_FILE,   /* with time and padding */
	LOG_FORM_SYSOUT, /* padding, no time */
	LOG_FORM_SYSLOG, /* neither; each line is one datagram to /dev/log */
};

struct log {
	int fd; /* O_APPEND file, terminal or connected datagram socket; -1: nowhere */
	enum log_form form;
	enum log_level level; /* lines above this number are written */
	int pid;              /* shown in [ ] */
	struct buf pending;
};

/* "INFO" and so on, any case; or a number. 0 or -EINVAL. */
int log_level_parse(str text, enum log_level *out) __attribute__((warn_unused_result));
const char *log_level_name(enum log_level level);
/*
 * One line.  `logger` is the part after "fail2ban." ("" for the root logger).  The text is
 * escaped: hostile bytes cannot end a line or move a cursor.
 */
void log_line(struct log *log, enum log_level level, const char *logger, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void log_flush(struct log *log);
