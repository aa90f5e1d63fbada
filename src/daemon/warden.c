/*
 * The warden's life: what it opens, how it ends.  See warden.h for what it may and may not do.
 */
#include "daemon/warden.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/str.h"
#include "daemon/sandbox.h"
#include "daemon/spawn.h"
#include "judge/ignore.h"

#define HOUSEKEEPING_SECONDS 30
#define DESCRIPTORS 65536
#define FINISH_SECONDS 60 /* how long the end may take before it is made short */

void warden_log(struct warden *w, enum log_level level, const char *fmt, ...)
{
	struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	log_line(&w->log, level, "server", "%s", buf_z(&text));
	log_flush(&w->log);
	buf_free(&text);
}

/* ---------------------------------------------------------------- log */

static int open_syslog(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* The first word of a target; options such as [padding=on] change nothing of ours. */
static str target_name(str target)
{
	ssize_t bracket = str_chr(target, '[');

	return str_trim(bracket < 0 ? target : str_head(target, (size_t)bracket));
}

int warden_open_log(struct warden *w, struct err *err)
{
	str target = target_name(w->config->logtarget);
	_free_ char *path = str_dup(target);
	enum log_form form = LOG_FORM_FILE;
	int fd;

	if (str_eq_nocase(target, STR("STDOUT")) || str_eq_nocase(target, STR("STDERR"))) {
		fd = fcntl(str_eq_nocase(target, STR("STDOUT")) ? 1 : 2, F_DUPFD_CLOEXEC, 0);
	} else if (str_eq_nocase(target, STR("SYSOUT"))) {
		fd = fcntl(1, F_DUPFD_CLOEXEC, 0);
		form = LOG_FORM_SYSOUT;
	} else if (str_eq_nocase(target, STR("SYSLOG")) ||
		   str_eq_nocase(target, STR("SYSTEMD-JOURNAL"))) { /* the journal reads /dev/log */
		fd = open_syslog();
		form = LOG_FORM_SYSLOG;
	} else {
		fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
			  0640);
	}
	if (fd < 0)
		return err_set(err, -errno, "cannot open the log %s: %s", path, strerror(errno));
	log_flush(&w->log);
	if (w->log.fd >= 0)
		close(w->log.fd);
	w->log.fd = fd;
	w->log.form = form;
	for (enum role r = ROLE_ENGINE; r < ROLES; r++)
		if (w->children[r].channel && w->children[r].greeted)
			warden_send_log(w, w->children[r].channel);
	return 0;
}

void warden_log_settings(struct warden *w, const struct config *old)
{
	struct err err = { 0 };

	if (!str_eq(old->loglevel, w->config->loglevel) &&
	    log_level_parse(w->config->loglevel, &w->log.level) < 0)
		warden_log(w, LEVEL_ERROR, "Invalid log level '%.*s'",
			   STR_ARG(w->config->loglevel));
	if (!str_eq(old->logtarget, w->config->logtarget) && warden_open_log(w, &err) < 0)
		warden_log(w, LEVEL_ERROR, "%s", err.text);
}

void warden_send_log(struct warden *w, struct channel *to)
{
	struct buf b = { 0 };

	pack_u8(&b, (uint8_t)w->log.form);
	pack_u32(&b, (uint32_t)w->log.level);
	pack_u32(&b, (uint32_t)w->log.pid);
	channel_send(to, MSG_LOG_TARGET, &b,
		     w->log.fd >= 0 ? fcntl(w->log.fd, F_DUPFD_CLOEXEC, 0) : -1);
	buf_free(&b);
}

/* ---------------------------------------------------------------- socket */

/* The directory of `path`, made if it is missing (one level, as Fail2ban does). */
static void make_parent(const char *path, mode_t mode)
{
	_free_ char *copy = xstrdup(path);

	(void)mkdir(dirname(copy), mode);
}

static bool somebody_answers(const struct sockaddr_un *at)
{
	static const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };

	/* the console of a warden that was killed a moment ago is still on its way out */
	for (int i = 0; i < 50; i++) {
		_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		/* EAGAIN: its queue is full, so there is one */
		if (fd < 0 ||
		    (connect(fd, (const struct sockaddr *)at, sizeof *at) < 0 && errno != EAGAIN))
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static int open_socket(struct warden *w, struct err *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	_free_ char *path = str_dup(w->config->socket);
	mode_t before;
	int fd, r;

	if (strlen(path) >= sizeof at.sun_path)
		return err_set(err, -ENAMETOOLONG, "the socket's path %s is too long", path);
	memcpy(at.sun_path, path, strlen(path) + 1);
	make_parent(path, 0755);
	if (somebody_answers(&at))
		return err_set(err, -EADDRINUSE,
			       "a server already answers at %s (Fail2ban or another guard)", path);
	(void)unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, -errno, "socket: %s", strerror(errno));
	before = umask(0177);
	r = bind(fd, (struct sockaddr *)&at, sizeof at);
	umask(before);
	if (r < 0 || listen(fd, 64) < 0) {
		r = -errno;
		close(fd);
		return err_set(err, r, "cannot listen at %s: %s", path, strerror(-r));
	}
	w->listen_fd = fd;
	w->socket_path = xstrdup(path);
	return 0;
}

/* ---------------------------------------------------------------- state directory */

/*
 * Is the directory root's or the engine's, closed to the writing of others, and does it hold
 * nothing but the database and its companions?
 */
static bool is_dedicated(int dir, const char *name, const struct sandbox_user *to)
{
	int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again >= 0 ? fdopendir(again) : NULL;
	const struct dirent *entry;
	struct stat st;
	bool alone;

	if (!d) {
		if (again >= 0)
			close(again);
		return false;
	}
	alone = fstat(dir, &st) == 0 && (st.st_uid == 0 || st.st_uid == to->uid) &&
		!(st.st_mode & (S_IWGRP | S_IWOTH | S_ISVTX));
	while (alone && (entry = readdir(d)) != NULL)
		alone = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
			strncmp(entry->d_name, name, strlen(name)) == 0;
	closedir(d);
	return alone;
}

static void give_file(int dir, const char *name, const struct sandbox_user *to)
{
	_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 ||
	    st.st_uid == to->uid)
		return;
	if (fchown(fd, to->uid, to->gid) < 0)
		return; /* the engine says that it cannot open it */
}

/*
 * Hands the database and its directory to the engine's user.  Only a directory of its own is
 * given away; in any other the engine could replace what is not its.
 */
static int give_state(const struct warden *w, struct err *err)
{
	_free_ char *path = str_dup(w->config->dbfile), *for_dir = xstrdup(path),
		    *for_name = xstrdup(path);
	const char *dir = dirname(for_dir), *name = basename(for_name);
	struct sandbox_user to = sandbox_user(ROLE_ENGINE);
	static const char *const tails[] = { "", "-wal", "-shm", "-journal" };

	if (geteuid() != 0)
		return 0;
	make_parent(path, 0700);
	{
		_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd >= 0 && !is_dedicated(fd, name, &to))
			return err_set(err, -EPERM,
				       "the database's directory %s is not its own (it holds other "
				       "files, or others may write to it): give it one",
				       dir);
		if (fd < 0 || fchown(fd, to.uid, to.gid) < 0)
			return err_set(err, -errno, "cannot hand %s to the engine: %s", dir,
				       strerror(errno));
		for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
			_free_ char *file = xasprintf("%s%s", name, tails[i]);

			give_file(fd, file, &to);
		}
	}
	return 0;
}

/* ---------------------------------------------------------------- own addresses */

void warden_send_self(const struct warden *w, struct channel *engine)
{
	struct buf b = { 0 };

	pack_u32(&b, (uint32_t)w->n_self);
	for (size_t i = 0; i < w->n_self; i++)
		pack_ip(&b, &w->self[i]);
	channel_send(engine, MSG_SELF, &b, -1);
	buf_free(&b);
}

void warden_refresh_self(struct warden *w)
{
	struct channel *engine = warden_engine(w);

	w->n_self = ignore_own_addresses(w->self, SELF_MAX);
	if (engine)
		warden_send_self(w, engine);
}

static void on_address_change(evutil_socket_t fd, short what, void *arg)
{
	char room[4096];

	(void)what;
	while (recv(fd, room, sizeof room, MSG_DONTWAIT) > 0)
		; /* what changed does not matter, that it did does */
	warden_refresh_self(arg);
}

/* rtnetlink(7): addresses that come and go are protected from that moment. */
static void watch_addresses(struct warden *w)
{
	struct sockaddr_nl groups = { .nl_family = AF_NETLINK,
				      .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0)
		return;
	if (bind(fd, (struct sockaddr *)&groups, sizeof groups) < 0) {
		close(fd);
		return;
	}
	w->address_change = event_new(w->base, fd, EV_READ | EV_PERSIST, on_address_change, w);
	event_add(w->address_change, NULL);
}

/* ---------------------------------------------------------------- the end */

static void on_finish(evutil_socket_t fd, short what, void *arg)
{
	struct warden *w = arg;

	(void)fd;
	(void)what;
	warden_log(w, LEVEL_ERROR, "the end takes too long: %zu commands are left behind",
		   action_jobs_pending(w->jobs));
	event_base_loopbreak(w->base);
}

void warden_stop(struct warden *w)
{
	static const struct timeval finish = { .tv_sec = FINISH_SECONDS };
	struct buf final = { 0 };

	if (w->stopping)
		return;
	w->stopping = true;
	warden_log(w, LEVEL_INFO, "Shutdown in progress...");
	evtimer_add(w->finish, &finish);
	warden_reload_drop(w);
	pack_u8(&final, 1);
	for (enum role r = ROLE_ENGINE; r < ROLES; r++)
		if (w->children[r].channel)
			channel_send(w->children[r].channel, MSG_STOP, &final, -1);
	buf_free(&final);
	warden_stop_next(w);
}

void warden_stop_next(struct warden *w)
{
	if (w->children[ROLE_ENGINE].pid)
		return; /* its last orders are still to come */
	warden_actions_stop(w);
	if (action_jobs_pending(w->jobs))
		return;
	event_base_loopbreak(w->base);
}

/* ---------------------------------------------------------------- life */

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct warden *w = arg;
	struct err err = { 0 };

	(void)what;
	if (number == SIGCHLD)
		warden_reap(w);
	else if (number == SIGTERM || number == SIGINT)
		warden_stop(w);
	else if (number == SIGUSR1 && warden_open_log(w, &err) < 0)
		warden_log(w, LEVEL_ERROR, "%s", err.text);
	else if (number == SIGHUP && warden_reload(w, 0, &err) < 0) {
		struct buf text = { 0 };

		err_print(&err, &text);
		warden_log(w, LEVEL_ERROR, "the reload failed: %s", buf_z(&text));
		buf_free(&text);
	}
}

static void on_housekeeping(evutil_socket_t fd, short what, void *arg)
{
	struct warden *w = arg;

	(void)fd;
	(void)what;
	warden_sources_forget_old(w);
	warden_actions_check(w);
	warden_forget_by_hand(w);
	warden_refresh_self(w);
	log_flush(&w->log);
}

static void add_events(struct warden *w)
{
	static const int numbers[] = { SIGCHLD, SIGTERM, SIGINT, SIGUSR1, SIGHUP };
	static const struct timeval every = { .tv_sec = HOUSEKEEPING_SECONDS };

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		w->signals[i] = evsignal_new(w->base, numbers[i], on_signal, w);
		event_add(w->signals[i], NULL);
	}
	w->housekeeping = event_new(w->base, -1, EV_PERSIST, on_housekeeping, w);
	event_add(w->housekeeping, &every);
	w->finish = evtimer_new(w->base, on_finish, w);
}

static void log_place(struct warden *w, enum log_level level, const char *what,
		      const struct config_fault *f)
{
	struct buf text = { 0 };

	err_print(&f->err, &text);
	if (f->jail.n)
		warden_log(w, level, "Jail '%.*s'%s: %s", STR_ARG(f->jail), what, buf_z(&text));
	else
		warden_log(w, level, "%s", buf_z(&text));
	buf_free(&text);
}

static void log_faults(struct warden *w)
{
	for (const struct config_fault *f = w->config->faults; f; f = f->next)
		log_place(w, LEVEL_ERROR, " skipped, because of wrong configuration", f);
	for (const struct config_fault *f = w->config->notes; f; f = f->next)
		log_place(w, LEVEL_INFO, "", f);
	if (w->config->n_jails == 0)
		warden_log(w, LEVEL_WARNING,
			   "no jail is in use: nothing is guarded (see "
			   "`lastknock config test`)");
}

static int prepare(struct warden *w, struct err *err)
{
	int r = guard_options_config(&w->options, &w->config, err);

	if (r < 0)
		return r;
	assert(w->config);
	if (log_level_parse(w->config->loglevel, &w->log.level) < 0)
		w->log.level = LEVEL_INFO;
	r = warden_open_log(w, err);
	if (r < 0)
		return r;
	r = open_socket(w, err);
	if (r < 0)
		return r;
	warden_log(w, LEVEL_INFO, "--------------------------------------------------");
	warden_log(w, LEVEL_INFO, "Starting lastknock v%s (%.*s)", LASTKNOCK_VERSION,
		   STR_ARG(w->config->dir));
	log_faults(w);
	if (!str_is(w->config->dbfile, "None") && give_state(w, err) < 0)
		/* bans matter more than the memory of them: the engine goes on without the file */
		warden_log(w, LEVEL_ERROR, "%s", err->text);
	return 0;
}

static void finish(struct warden *w)
{
	warden_actions_teardown(w);
	firewall_close(w->firewall);
	for (enum role r = ROLE_ENGINE; r < ROLES; r++)
		if (w->children[r].pid)
			kill(w->children[r].pid, SIGKILL);
	(void)unlink(w->socket_path);
	warden_log(w, LEVEL_INFO, "Exiting lastknock");
	log_flush(&w->log);
}

/* Each log file takes a few descriptors here and in the engine. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit = { .rlim_cur = DESCRIPTORS, .rlim_max = DESCRIPTORS };

	if (setrlimit(RLIMIT_NOFILE, &limit) == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max; /* not ours to raise: as far as it goes */
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int warden_main(const struct guard_options *options)
{
	struct warden w = { .options = *options,
			    .listen_fd = -1,
			    .state_fd = -1,
			    .log = { .fd = -1, .pid = options->server_pid } };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct err err = { 0 };
	struct buf text = { 0 };
	sigset_t heard;

	sigaction(SIGPIPE, &ignore, NULL);
	raise_descriptor_limit();
	w.base = event_base_new();
	if (!w.base || prepare(&w, &err) < 0) {
		err_print(&err, &text);
		fprintf(stderr, "lastknock: %s\n", buf_z(&text));
		return 1;
	}
	add_events(&w);
	sigemptyset(&heard);
	spawn_guard_signals(&heard);
	sigprocmask(SIG_UNBLOCK, &heard, NULL);
	watch_addresses(&w);
	warden_refresh_self(&w);
	warden_actions_setup(&w);
	if (sandbox_warden(!w.options.observe && warden_needs_shell(w.config), &err) < 0)
		warden_log(&w, LEVEL_WARNING, "%s", err.text);
	warden_sources_open(&w);
	for (enum role r = ROLE_ENGINE; r < ROLES; r++)
		if (warden_start_child(&w, r) < 0)
			return 1;
	event_base_dispatch(w.base);
	finish(&w);
	return w.exit_status;
}
