/*
 * Following log files through rotation; see follow.h.  Called by the engine only.  Events and
 * descriptors come from the kernel and the warden; lines pass through unread.
 */
#include "source/follow.h"

#include <errno.h>
#include <math.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/follow_state.h"

#define SCAN_PAUSE 0.25 /* seconds between two scans that events ask for */
#define UNWATCHED_LOOK 1.0

enum {
	TURN_COST = 512,   /* bytes that a turn counts for at least, so that rounds end */
	EVENT_ROUNDS = 64, /* reads of the inotify descriptor in one call */
	EVENT_ROOM = 16384,
};

static void ask_for_scan(struct follow *f, double now)
{
	/* a clock that went back does not keep a scan away */
	if (now < f->last_scan + SCAN_PAUSE && now >= f->last_scan) {
		f->scan_wanted = true;
		return;
	}
	f->scan_wanted = false;
	f->last_scan = now;
	f->hooks.scan(f->hooks.arg);
}

static void all_ready(struct follow *f, bool only_unwatched)
{
	for (size_t i = 0; i < f->n_list; i++)
		if (!only_unwatched || f->list[i]->wd < 0)
			follow_set_ready(f, (struct node *)f->list[i]);
}

/* One event; true if a scan is needed. */
static bool handle(struct follow *f, const struct inotify_event *e)
{
	struct node *n;

	if (e->mask & IN_Q_OVERFLOW) {
		all_ready(f, false);
		return true;
	}
	n = follow_find_wd(f, e->wd);
	if (!n)
		/* a directory; what a file not yet known says, or a closed one, does not matter */
		return !(e->mask & (IN_MODIFY | IN_IGNORED));
	while (n) {
		struct node *next = n->same_wd;

		follow_set_ready(f, n);
		if (e->mask & IN_IGNORED) {
			/* the kernel took the watch away: the number is void */
			n->pub.wd = -1;
			n->same_wd = NULL;
		}
		n = next;
	}
	if (e->mask & IN_IGNORED)
		table_del(f->by_wd, str_mem(&e->wd, sizeof e->wd));
	return e->mask & ~(uint32_t)IN_MODIFY;
}

int follow_events(struct follow *f, double now)
{
	char room[EVENT_ROOM] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool scan = false;
	int result = 0;

	for (int i = 0; i < EVENT_ROUNDS; i++) {
		ssize_t n = read(f->inotify, room, sizeof room);
		const struct inotify_event *e;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			result = n < 0 && errno != EAGAIN ? -errno : 0;
			break;
		}
		for (size_t at = 0; at + sizeof *e <= (size_t)n; at += sizeof *e + e->len) {
			e = (const struct inotify_event *)(const void *)(room + at);
			scan |= handle(f, e);
		}
	}
	if (scan)
		ask_for_scan(f, now);
	return result;
}

struct line_call {
	struct follow *f;
	struct node *n;
};

static void pass_line(void *arg, str line, int64_t end)
{
	struct line_call *c = arg;

	c->f->hooks.line(c->f->hooks.arg, &c->n->pub, line, end);
}

static void reached_end(struct node *n)
{
	n->ready = false;
	n->failed = false;
	n->pub.at_end = true;
	if (file_size(n->pub.src) <= 0)
		return;
	n->pub.in_operation = true;
	/* an old file's end says nothing about what has gathered in the current one */
	if (n->pub.current)
		n->path->in_operation = true;
}

/* One turn; returns what it cost. */
static size_t read_node(struct follow *f, struct node *n, size_t budget, double now)
{
	struct line_call c = { .f = f, .n = n };
	uint64_t before = file_bytes_read(n->pub.src);
	size_t used;

	n->pub.at_end = false;
	n->pub.in_operation |= n->path->in_operation;
	switch (file_read(n->pub.src, budget, pass_line, &c)) {
	case FILE_MORE:
		break;
	case FILE_END:
		reached_end(n);
		break;
	case FILE_TRUNCATED:
		f->hooks.event(f->hooks.arg, &n->pub, FOLLOW_TRUNCATED);
		break;
	case FILE_FAILED:
		n->ready = false;
		if (!n->failed)
			f->hooks.event(f->hooks.arg, &n->pub, FOLLOW_FAILED);
		n->failed = true;
		break;
	}
	used = (size_t)(file_bytes_read(n->pub.src) - before);
	if (used)
		n->last_data = now;
	return used;
}

size_t follow_read(struct follow *f, size_t budget, double now)
{
	size_t cost = 0, total = 0;

	while (cost < budget && f->first) {
		struct path *p = f->first;
		size_t left = budget - cost, used;
		struct node *n = p->oldest;

		follow_dequeue(f, p);
		while (n && !n->ready)
			n = n->newer;
		if (!n)
			continue;
		used = read_node(f, n, left < FOLLOW_SLICE ? left : FOLLOW_SLICE, now);
		total += used;
		cost += used > TURN_COST ? used : TURN_COST;
		while (n && !n->ready)
			n = n->newer;
		if (n)
			follow_enqueue(f, p);
	}
	return total;
}

bool follow_pending(const struct follow *f)
{
	return f->first != NULL;
}

/* Has the file no name any more? */
static bool is_deleted(const struct node *n)
{
	struct stat st;

	return fstat(file_fd(n->pub.src), &st) == 0 && st.st_nlink == 0;
}

/* May the file be closed? Everything in it was read, and nothing came for a while. */
static bool is_done(const struct node *n, double now)
{
	const struct node *current = follow_newest(n->path);

	if (n->ready || now < n->last_data + FOLLOW_QUIET)
		return false;
	if (!n->failed && (!n->pub.at_end || file_has_news(n->pub.src)))
		return false;
	if (n->pub.current)
		return is_deleted(n);
	return !current->pub.current || file_size(current->pub.src) > 0;
}

static void close_done(struct follow *f, double now)
{
	for (size_t i = 0; i < f->n_list;) {
		struct node *n = (struct node *)f->list[i];

		if (is_done(n, now))
			follow_give_up(f, n); /* the list is a new one, one shorter */
		else
			i++;
	}
}

static bool due(double *last, double pause, double now)
{
	if (now < *last + pause && now >= *last)
		return false;
	*last = now;
	return true;
}

void follow_tick(struct follow *f, double now)
{
	if (due(&f->last_look, FOLLOW_LOOK, now)) {
		close_done(f, now);
		all_ready(f, false);
	}
	if (due(&f->last_unwatched_look, UNWATCHED_LOOK, now))
		all_ready(f, true);
	if (f->scan_wanted || now < f->last_scan || now >= f->last_scan + FOLLOW_SCAN)
		ask_for_scan(f, now);
}

double follow_next_tick(const struct follow *f)
{
	double next = f->last_look + FOLLOW_LOOK;

	for (size_t i = 0; i < f->n_list; i++)
		if (f->list[i]->wd < 0)
			next = fmin(next, f->last_unwatched_look + UNWATCHED_LOOK);
	return fmin(next, f->last_scan + (f->scan_wanted ? SCAN_PAUSE : FOLLOW_SCAN));
}
