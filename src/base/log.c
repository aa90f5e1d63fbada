/* Fail2ban's log format; see log.h.  Texts may hold bytes of a hostile line: they are escaped. */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <syslog.h>
#include <time.h>

#define PENDING_BYTES 32768u

static const struct {
	enum log_level level;
	const char *name;
	int syslog;
} levels[] = {
	{ LEVEL_CRITICAL, "CRITICAL", LOG_CRIT },
	{ LEVEL_ERROR, "ERROR", LOG_ERR },
	{ LEVEL_WARNING, "WARNING", LOG_WARNING },
	{ LEVEL_NOTICE, "NOTICE", LOG_NOTICE },
	{ LEVEL_INFO, "INFO", LOG_INFO },
	{ LEVEL_MSG, "MSG", LOG_INFO },
	{ LEVEL_DEBUG, "DEBUG", LOG_DEBUG },
	{ LEVEL_TRACEDEBUG, "TRACEDEBUG", LOG_DEBUG },
	{ LEVEL_HEAVYDEBUG, "HEAVYDEBUG", LOG_DEBUG },
};
#define LEVELS (sizeof levels / sizeof *levels)

int log_level_parse(str text, enum log_level *out)
{
	int64_t number;

	for (size_t i = 0; i < LEVELS; i++) {
		if (str_eq_nocase(text, str_of(levels[i].name))) {
			*out = levels[i].level;
			return 0;
		}
	}
	if (str_to_i64(text, 0, 60, &number) < 0)
		return -EINVAL;
	*out = (enum log_level)number;
	return 0;
}

const char *log_level_name(enum log_level level)
{
	for (size_t i = 0; i < LEVELS; i++)
		if (levels[i].level == level)
			return levels[i].name;
	return "NOTSET";
}

static int syslog_priority(enum log_level level)
{
	for (size_t i = 0; i < LEVELS; i++)
		if (levels[i].level <= level)
			return levels[i].syslog;
	return LOG_DEBUG;
}

static void add_time(struct buf *out)
{
	struct timeval tv;
	struct tm tm;
	time_t t;

	gettimeofday(&tv, NULL);
	t = tv.tv_sec;
	if (!localtime_r(&t, &tm))
		return;
	buf_printf(out, "%04d-%02d-%02d %02d:%02d:%02d,%03d ", tm.tm_year + 1900, tm.tm_mon + 1,
		   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(tv.tv_usec / 1000));
}

static void add_head(const struct log *log, enum log_level level, const char *logger,
		     struct buf *out)
{
	char name[64];

	snprintf(name, sizeof name, "fail2ban%s%s", *logger ? "." : "", logger);
	if (log->form == LOG_FORM_SYSLOG) {
		buf_printf(out, "<%d>%s[%d]: %s ", LOG_DAEMON | syslog_priority(level), name,
			   log->pid, log_level_name(level));
		return;
	}
	if (log->form == LOG_FORM_FILE)
		add_time(out);
	buf_printf(out, "%-24s[%d]: %-7s ", name, log->pid, log_level_name(level));
}

void log_line(struct log *log, enum log_level level, const char *logger, const char *fmt, ...)
{
	struct buf text = { 0 };
	va_list ap;

	if (log->fd < 0 || level < log->level)
		return;
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	add_head(log, level, logger, &log->pending);
	buf_add_escaped(&log->pending, buf_str(&text));
	buf_free(&text);
	if (log->form == LOG_FORM_SYSLOG) {
		log_flush(log);
		return;
	}
	buf_add_char(&log->pending, '\n');
	if (level >= LEVEL_WARNING || log->pending.n >= PENDING_BYTES)
		log_flush(log);
}

void log_flush(struct log *log)
{
	size_t done = 0;

	while (log->fd >= 0 && done < log->pending.n) {
		ssize_t n = write(log->fd, log->pending.p + done, log->pending.n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* a full disk or a dead reader must not stop the guard */
		done += (size_t)n;
	}
	log->pending.n = 0;
}
