/*
 * Asking a guard on this machine; see local_guard.h.
 */
#include "check/local_guard.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "control/client.h"

enum { ANSWER_MS = 3000, FDS_MAX = 4096 };

static const char *escaped(struct arena *a, str s)
{
	struct buf b _buf_free_ = { 0 };

	buf_add_escaped(&b, s);
	return arena_str(a, buf_str(&b)).p;
}

static bool read_file(const char *path, struct buf *out, size_t most)
{
	int fd _close_ = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	while (out->n < most) {
		ssize_t n = read(fd, buf_reserve(out, 65536), 65536);

		if (n <= 0)
			return n == 0;
		out->n += (size_t)n;
	}
	return true;
}

/* ---------------------------------------------------------------- finding */

static bool read_proc(const char *pid, const char *file, struct buf *out)
{
	char path[300];

	snprintf(path, sizeof path, "/proc/%s/%s", pid, file);
	buf_clear(out);
	return read_file(path, out, 16u << 20);
}

/* The guard's name, if the process is one; lastknock's children are known by what they were called.
 */
static const char *guard_name(const char *pid)
{
	struct buf text _buf_free_ = { 0 };
	str rest, word;
	ssize_t slash;

	if (read_proc(pid, "comm", &text) && str_is(str_trim(buf_str(&text)), "fail2ban-server"))
		return "fail2ban";
	if (!read_proc(pid, "cmdline", &text))
		return NULL;
	rest = buf_str(&text);
	if (!str_split(&rest, '\0', &word))
		return NULL;
	slash = str_rchr(word, '/');
	if (!str_is(str_from(word, (size_t)(slash + 1)), "lastknock"))
		return NULL;
	return str_split(&rest, '\0', &word) && str_is(word, "guard") ? "lastknock" : NULL;
}

/* Does the process hold the socket with this inode? */
static bool holds(const char *pid, str inode)
{
	char path[300], wanted[64];
	bool found = false;
	struct dirent *de;
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%s/fd", pid);
	snprintf(wanted, sizeof wanted, "socket:[%.*s]", STR_ARG(str_head(inode, 20)));
	dir = opendir(path);
	while (dir && !found && n++ < FDS_MAX && (de = readdir(dir))) {
		char target[64];
		ssize_t got = readlinkat(dirfd(dir), de->d_name, target, sizeof target);

		found = got > 0 && str_is(str_mem(target, (size_t)got), wanted);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* "0000: 00000002 00000000 00010000 0001 01 12345 /run/x.sock": flags, inode, path (proc(5)) */
static bool listening_row(str row, str *inode, str *path)
{
	str word, flags = STR_NULL;

	for (int i = 0; i < 7; i++) {
		if (!str_word(&row, &word))
			return false;
		if (i == 3)
			flags = word;
	}
	*inode = word;
	*path = str_trim(row);
	return str_is(flags, "00010000") && path->n && path->p[0] == '/';
}

/* A socket of somebody else's could tell anything. */
static bool is_ours_or_roots(const struct stat *st)
{
	return S_ISSOCK(st->st_mode) && (st->st_uid == 0 || st->st_uid == geteuid());
}

/* Two processes may hold the same one; two paths that look alike may be in different containers. */
static bool is_known(const struct local_guard *g, size_t n, const struct stat *st)
{
	struct stat other;

	for (size_t i = 0; i < n; i++)
		if (stat(g[i].socket, &other) == 0 && other.st_dev == st->st_dev &&
		    other.st_ino == st->st_ino)
			return true;
	return false;
}

static size_t add_sockets_of(const char *pid, const char *name, struct arena *a,
			     struct local_guard *out, size_t n)
{
	struct buf table _buf_free_ = { 0 };
	str rest, row;

	if (!read_proc(pid, "net/unix", &table))
		return n;
	rest = buf_str(&table);
	while (n < LOCAL_GUARDS_MAX && str_split(&rest, '\n', &row)) {
		str inode, file;
		const char *shown, *reach;
		struct stat st;

		if (!listening_row(row, &inode, &file) || !holds(pid, inode))
			continue;
		shown = arena_str(a, file).p;
		reach = arena_printf(a, "/proc/%s/root%s", pid, shown).p;
		/* one that only observes bans nobody */
		if (str_ends(file, STR("/observe.sock")) || lstat(reach, &st) < 0 ||
		    !is_ours_or_roots(&st) || is_known(out, n, &st))
			continue;
		out[n++] = (struct local_guard){ .name = name,
						 .socket = reach,
						 .shown = escaped(a, file) };
	}
	return n;
}

/* proc(5): every IPv4 address of a namespace stands in fib_trie, a local one before "host LOCAL".
 */
static bool has_ipv4(str trie, const char *text)
{
	str row, before = STR_NULL;

	while (str_split(&trie, '\n', &row)) {
		if (str_find(row, STR("/32 host LOCAL")) >= 0 && str_ends(before, str_of(text)))
			return true;
		before = str_trim(row);
	}
	return false;
}

/* if_inet6: 32 hexadecimal digits at the beginning of a row */
static bool has_ipv6(str rows, const struct ip *ip)
{
	char text[33];
	str row;

	for (size_t i = 0; i < sizeof ip->bytes; i++)
		snprintf(text + 2 * i, 3, "%02x", ip->bytes[i]);
	while (str_split(&rows, '\n', &row))
		if (str_starts(row, str_of(text)))
			return true;
	return false;
}

/* Does the process live where one of these addresses does? */
static bool is_where(const char *pid, const struct ip *server, size_t n)
{
	struct buf trie _buf_free_ = { 0 }, rows _buf_free_ = { 0 };

	(void)read_proc(pid, "net/fib_trie", &trie);
	(void)read_proc(pid, "net/if_inet6", &rows);
	for (size_t i = 0; i < n; i++) {
		char ip[IP_TEXT_MAX], text[IP_TEXT_MAX + 4];

		ip_print(&server[i], ip);
		snprintf(text, sizeof text, "|-- %s", ip);
		if (server[i].family == 4 ? has_ipv4(buf_str(&trie), text)
					  : has_ipv6(buf_str(&rows), &server[i]))
			return true;
	}
	return false;
}

size_t local_guards_find(const char *socket, const struct ip *server, size_t n_server,
			 struct arena *a, struct local_guard out[static LOCAL_GUARDS_MAX])
{
	struct dirent *de;
	size_t n = 0;
	DIR *proc;

	if (socket) {
		out[0] = (struct local_guard){ .name = "guard", .socket = socket, .shown = socket };
		return 1;
	}
	proc = opendir("/proc");
	while (proc && n < LOCAL_GUARDS_MAX && (de = readdir(proc))) {
		const char *name =
			isdigit((unsigned char)de->d_name[0]) ? guard_name(de->d_name) : NULL;

		if (name && is_where(de->d_name, server, n_server))
			n = add_sockets_of(de->d_name, name, a, out, n);
	}
	if (proc)
		closedir(proc);
	return n;
}

/* ---------------------------------------------------------------- asking */

/*
 * Who made the socket listen that we are connected to (unix(7), SO_PEERCRED)?  Another user could
 * tell us anything.
 */
static bool is_roots_or_ours(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static struct value *ask_once(const struct local_guard *g, struct arena *a,
			      const char *const words[])
{
	struct value *request = value_list(a), *answer = NULL;
	struct err err;
	int fd = client_connect(g->socket, &err);

	if (fd < 0)
		return NULL;
	for (size_t i = 0; words[i]; i++)
		value_add(a, request, value_z(a, words[i]));
	if (!is_roots_or_ours(fd) || client_call(fd, request, ANSWER_MS, a, &answer, &err) < 0)
		answer = NULL;
	client_close(fd);
	return answer;
}

/* NULL: a refusal, or no answer. */
static struct value *ask(struct local_guard *g, struct arena *a, const char *const words[])
{
	struct value *answer = g->mute ? NULL : ask_once(g, a, words);

	g->mute |= answer == NULL;
	return answer && answer->type != VALUE_ERROR ? answer : NULL;
}

static bool is_list(const struct value *v)
{
	return v && (v->type == VALUE_LIST || v->type == VALUE_TUPLE);
}

bool local_guard_row(str row, const struct ip *ip, int64_t *seconds)
{
	struct ip banned;
	str word;

	if (!str_word(&row, &word) || ip_parse(word, &banned) < 0 || !ip_in(ip, &banned))
		return false;
	while (str_word(&row, &word))
		if (str_is(word, "+"))
			return str_word(&row, &word) &&
			       str_to_i64(word, -1, INT64_MAX / 2, seconds) == 0;
	return false;
}

static bool length_in(const struct value *rows, const struct ip *ip, int64_t *seconds)
{
	for (size_t i = 0; is_list(rows) && i < rows->n; i++)
		if (rows->items[i]->type == VALUE_STR &&
		    local_guard_row(rows->items[i]->s, ip, seconds))
			return true;
	return false;
}

bool local_guard_ban(struct local_guard *g, const struct ip *ip, struct arena *a,
		     struct local_ban *out)
{
	char text[IP_TEXT_MAX];
	struct value *jails;
	bool found = false;

	ip_print(ip, text);
	jails = ask(g, a, (const char *const[]){ "banned", text, NULL });
	if (is_list(jails) && jails->n == 1)
		jails = jails->items[0];
	for (size_t i = 0; is_list(jails) && i < jails->n; i++) {
		const char *jail;
		int64_t seconds;

		if (jails->items[i]->type != VALUE_STR ||
		    str_starts(jails->items[i]->s, STR("recidive")))
			continue;
		jail = arena_str(a, jails->items[i]->s).p;
		if (!length_in(
			    ask(g, a,
				(const char *const[]){ "get", jail, "banip", "--with-time", NULL }),
			    ip, &seconds))
			continue;
		/* the door opens when the last of them ends */
		if (found && (out->seconds == -1 || (seconds != -1 && seconds <= out->seconds)))
			continue;
		*out = (struct local_ban){ .guard = g->name,
					   .jail = escaped(a, str_of(jail)),
					   .seconds = seconds };
		found = true;
	}
	return found;
}

bool local_guard_unban(struct local_guard *g, const struct ip *ip, struct arena *a)
{
	char text[IP_TEXT_MAX];
	struct value *count;

	ip_print(ip, text);
	count = ask(g, a, (const char *const[]){ "unban", text, NULL });
	return count && count->type == VALUE_INT && count->i > 0;
}

bool local_guard_answers(struct local_guard *g, struct arena *a)
{
	return ask(g, a, (const char *const[]){ "ping", NULL }) != NULL;
}
