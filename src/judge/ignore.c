/*
 * The ignore list of one jail; see ignore.h.  Entries are root's; list files are root's or of whom
 * root let write them; addresses of names come from the DNS and are hostile: they are bounded, and
 * used for nothing but sparing an address.  Called by the engine for each failure, by the warden
 * before it enforces a ban, and by command lines.
 */
#include "judge/ignore.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "judge/ipset.h"

enum {
	NAMES_MAX = 1000,     /* of a jail, files included */
	NAME_MAX_BYTES = 255, /* a longer word is no host name */
	ADDRESSES_MAX = 256,  /* of a name */
	FILE_MAX = 8 << 20,
};

struct name {
	char *text;
	struct ip ips[ADDRESSES_MAX];
	size_t n;
};

struct list_file {
	str path;
	int fd; /* -1: could never be opened */
	/* of what was read */
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec modified;
	struct ipset *set;
	bool names[NAMES_MAX]; /* which of the names stand in it */
};

struct entry {
	struct ip net; /* family 0: a name or a file */
	struct name *name;
	struct list_file *file;
	const char *source;
};

struct ignore {
	bool self;
	struct ipset *singles;
	struct entry *entries; /* without the single addresses */
	size_t n_entries;
	struct name **names;
	size_t n_names;
	double checked;
};

static size_t name_index(const struct ignore *ig, str text)
{
	size_t i = 0;

	while (i < ig->n_names && !str_eq_nocase(str_of(ig->names[i]->text), text))
		i++;
	return i;
}

/* Its index, or NAMES_MAX when there is no more room or it cannot be a name. */
static size_t add_name(struct ignore *ig, str text)
{
	size_t i = name_index(ig, text);

	if (i < ig->n_names)
		return i;
	if (i == NAMES_MAX || text.n == 0 || text.n > NAME_MAX_BYTES || str_chr(text, '\0') >= 0)
		return NAMES_MAX;
	ig->names = xreallocarray(ig->names, i + 1, sizeof(*ig->names));
	ig->names[i] = xcalloc(1, sizeof(**ig->names));
	ig->names[i]->text = str_dup(text);
	ig->n_names++;
	return i;
}

/* A line of a list file, without its comment. */
static void read_line(struct ignore *ig, struct list_file *file, struct ipset *set, str line)
{
	static const char separators[] = " \t\r\n\v\f,";
	size_t end = 0, start;

	while (end < line.n && line.p[end] != '#' && line.p[end] != ';')
		end++;
	line = str_head(line, end);
	for (size_t i = 0; i < line.n;) {
		struct ip ip;
		size_t name;
		str word;

		while (i < line.n && memchr(separators, line.p[i], sizeof separators))
			i++;
		start = i;
		while (i < line.n && !memchr(separators, line.p[i], sizeof separators))
			i++;
		word = str_head(str_from(line, start), i - start);
		if (word.n == 0)
			break;
		if (ip_parse(word, &ip) == 0) {
			ipset_add(set, &ip);
			continue;
		}
		name = add_name(ig, word);
		if (name < NAMES_MAX)
			file->names[name] = true;
	}
}

static bool read_whole(int fd, size_t size, struct buf *out)
{
	while (out->n < size) {
		ssize_t n =
			pread(fd, buf_reserve(out, size - out->n), size - out->n, (off_t)out->n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		if (n == 0)
			break;
		out->n += (size_t)n;
	}
	return true;
}

static bool same_content(const struct list_file *file, const struct stat *st)
{
	return file->set && file->dev == st->st_dev && file->ino == st->st_ino &&
	       file->size == st->st_size && file->modified.tv_sec == st->st_mtim.tv_sec &&
	       file->modified.tv_nsec == st->st_mtim.tv_nsec;
}

/* Reads the list again if the open file is not what was read last; true if it was. */
static bool load(struct ignore *ig, struct list_file *file)
{
	_buf_free_ struct buf content = { 0 };
	struct ipset *old = file->set;
	struct stat st;
	str rest, line;

	if (file->fd < 0 || fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size > FILE_MAX || same_content(file, &st) ||
	    !read_whole(file->fd, (size_t)st.st_size, &content))
		return false;
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	file->size = st.st_size;
	file->modified = st.st_mtim;
	file->set = ipset_new();
	memset(file->names, 0, sizeof file->names);
	rest = buf_str(&content);
	while (str_split(&rest, '\n', &line))
		read_line(ig, file, file->set, line);
	ipset_free(old);
	return true;
}

/* Opens what stands at the path now, if it is something else and may be opened. */
static void reopen(struct list_file *file)
{
	_free_ char *path = str_dup(file->path);
	struct stat st;
	int fd;

	if (stat(path, &st) < 0 || (file->set && file->dev == st.st_dev && file->ino == st.st_ino))
		return;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (file->fd >= 0)
		close(file->fd);
	file->fd = fd;
}

static struct list_file *list_file_new(struct ignore *ig, str path)
{
	struct list_file *file = xcalloc(1, sizeof *file);

	file->path = path;
	file->fd = -1;
	reopen(file);
	load(ig, file);
	return file;
}

static void add_entry(struct ignore *ig, str text)
{
	struct entry e = { 0 };
	size_t name;

	if (str_starts(text, STR("file:"))) {
		e.source = str_dup(text);
		e.file = list_file_new(ig, str_from(text, 5));
	} else if (ip_parse(text, &e.net) == 0) {
		if (ip_is_single(&e.net)) {
			ipset_add(ig->singles, &e.net);
			return;
		}
		e.source = "ip";
	} else {
		name = add_name(ig, text);
		if (name == NAMES_MAX)
			return;
		e.name = ig->names[name];
		e.source = "dns";
	}
	ig->entries = xreallocarray(ig->entries, ig->n_entries + 1, sizeof(*ig->entries));
	ig->entries[ig->n_entries++] = e;
}

struct ignore *ignore_new(const struct config_jail *jail)
{
	struct ignore *ig = xcalloc(1, sizeof *ig);

	ig->self = jail->ignoreself;
	ig->singles = ipset_new();
	for (unsigned i = 0; i < jail->n_ignoreip; i++)
		add_entry(ig, jail->ignoreip[i]);
	return ig;
}

void ignore_free(struct ignore *ig)
{
	if (!ig)
		return;
	for (size_t i = 0; i < ig->n_entries; i++) {
		struct list_file *file = ig->entries[i].file;

		if (!file)
			continue;
		if (file->fd >= 0)
			close(file->fd);
		ipset_free(file->set);
		free(file);
		free((char *)(uintptr_t)ig->entries[i].source);
	}
	for (size_t i = 0; i < ig->n_names; i++) {
		free(ig->names[i]->text);
		free(ig->names[i]);
	}
	free(ig->names);
	free(ig->entries);
	ipset_free(ig->singles);
	free(ig);
}

/* The two questions: is the address covered; does the network touch what is covered. */
typedef bool relation(const struct ip *asked, const struct ip *rule);

static bool covered(const struct ip *asked, const struct ip *rule)
{
	return ip_in(asked, rule);
}

static bool touching(const struct ip *asked, const struct ip *rule)
{
	return ip_in(asked, rule) || ip_in(rule, asked);
}

static bool any(const struct ip *rules, size_t n, const struct ip *asked, relation *related)
{
	for (size_t i = 0; i < n; i++)
		if (related(asked, &rules[i]))
			return true;
	return false;
}

static bool in_file(const struct ignore *ig, const struct list_file *file, const struct ip *ip,
		    relation *related)
{
	if (!file->set)
		return false;
	if (related == covered ? ipset_covers(file->set, ip) : ipset_touches(file->set, ip))
		return true;
	for (size_t i = 0; i < ig->n_names; i++)
		if (file->names[i] && any(ig->names[i]->ips, ig->names[i]->n, ip, related))
			return true;
	return false;
}

static const char *find_entry(const struct ignore *ig, const struct ip *ip, relation *related)
{
	for (size_t i = 0; i < ig->n_entries; i++) {
		const struct entry *e = &ig->entries[i];

		if (e->file   ? in_file(ig, e->file, ip, related)
		    : e->name ? any(e->name->ips, e->name->n, ip, related)
			      : related(ip, &e->net))
			return e->source;
	}
	return NULL;
}

const char *ignore_test(const struct ignore *ig, const struct fid *id, const struct ip *self,
			size_t n_self)
{
	if (!id->ip.family) {
		/* an id that is no address: an entry of the same text means it */
		for (size_t i = 0; i < ig->n_entries; i++)
			if (ig->entries[i].name && str_is(id->text, ig->entries[i].name->text))
				return ig->entries[i].source;
		return NULL;
	}
	if (ig->self && (ip_is_loopback(&id->ip) || any(self, n_self, &id->ip, covered)))
		return "ignoreself rule";
	if (ipset_covers(ig->singles, &id->ip))
		return "ip";
	return find_entry(ig, &id->ip, covered);
}

bool ignore_inside(const struct ignore *ig, const struct ip *net, const struct ip *self,
		   size_t n_self)
{
	static const struct ip loopback[] = {
		{ .family = 4, .prefix = 8, .bytes = { 127 } },
		{ .family = 6, .prefix = 128, .bytes = { [15] = 1 } },
	};

	if (ig->self && (any(loopback, 2, net, touching) || any(self, n_self, net, touching)))
		return true;
	return ipset_touches(ig->singles, net) || find_entry(ig, net, touching);
}

str ignore_name(const struct ignore *ig, size_t n)
{
	return n < ig->n_names ? str_of(ig->names[n]->text) : STR_NULL;
}

void ignore_set_addresses(struct ignore *ig, str name, const struct ip *ips, size_t n)
{
	size_t i = name_index(ig, name);

	if (i == ig->n_names || n == 0)
		return;
	ig->names[i]->n = n < ADDRESSES_MAX ? n : ADDRESSES_MAX;
	memcpy(ig->names[i]->ips, ips, ig->names[i]->n * sizeof(*ips));
}

str ignore_file(const struct ignore *ig, size_t n)
{
	for (size_t i = 0; i < ig->n_entries; i++)
		if (ig->entries[i].file && n-- == 0)
			return ig->entries[i].file->path;
	return STR_NULL;
}

bool ignore_refresh(struct ignore *ig, double now)
{
	bool changed = false;

	if (now >= ig->checked && now < ig->checked + 1)
		return false;
	ig->checked = now;
	for (size_t i = 0; i < ig->n_entries; i++) {
		if (!ig->entries[i].file)
			continue;
		reopen(ig->entries[i].file);
		changed |= load(ig, ig->entries[i].file);
	}
	return changed;
}

size_t ignore_own_addresses(struct ip *out, size_t max)
{
	struct ifaddrs *list;
	size_t n = 0;

	if (getifaddrs(&list) < 0)
		return 0;
	for (const struct ifaddrs *i = list; i && n < max; i = i->ifa_next) {
		struct ip ip = { 0 };

		if (i->ifa_addr)
			ip = ip_from_sockaddr(i->ifa_addr);
		if (ip.family)
			out[n++] = ip;
	}
	freeifaddrs(list);
	return n;
}
