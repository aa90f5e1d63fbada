/*
 * Which files are followed: paths, their generations, their watches and the queue; see follow.h.
 * What is done with them is in follow.c.  Called by the engine.
 */
#include <assert.h>
#include <math.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "source/follow_state.h"

struct follow *follow_new(int inotify, const struct follow_hooks *hooks)
{
	struct follow *f = xcalloc(1, sizeof *f);

	f->inotify = inotify;
	f->hooks = *hooks;
	f->paths = table_new();
	f->by_wd = table_new();
	f->last_scan = f->last_look = f->last_unwatched_look = -INFINITY;
	return f;
}

void follow_enqueue(struct follow *f, struct path *p)
{
	if (p->queued)
		return;
	p->queued = true;
	p->next = NULL;
	if (f->last)
		f->last->next = p;
	else
		f->first = p;
	f->last = p;
}

void follow_set_ready(struct follow *f, struct node *n)
{
	n->ready = true;
	follow_enqueue(f, n->path);
}

void follow_dequeue(struct follow *f, struct path *p)
{
	struct path **link = &f->first, *last = NULL;

	if (!p->queued)
		return;
	while (*link != p) {
		last = *link;
		link = &last->next;
	}
	*link = p->next;
	if (f->last == p)
		f->last = last;
	p->queued = false;
}

struct node *follow_find_wd(const struct follow *f, int wd)
{
	return table_find(f->by_wd, str_mem(&wd, sizeof wd));
}

static void set_wd(struct follow *f, struct node *n, int wd)
{
	n->pub.wd = wd;
	n->same_wd = NULL;
	if (wd >= 0)
		n->same_wd = table_put(f->by_wd, str_mem(&wd, sizeof wd), n);
}

/* Takes the node off its watch; the last one takes the watch away. */
static void clear_wd(struct follow *f, struct node *n)
{
	int wd = n->pub.wd;
	struct node *head;

	if (wd < 0)
		return;
	head = follow_find_wd(f, wd);
	if (head == n) {
		if (n->same_wd) {
			table_put(f->by_wd, str_mem(&wd, sizeof wd), n->same_wd);
		} else {
			table_del(f->by_wd, str_mem(&wd, sizeof wd));
			if (f->inotify >= 0)
				inotify_rm_watch(f->inotify, wd);
		}
	} else {
		while (head->same_wd != n)
			head = head->same_wd;
		head->same_wd = n->same_wd;
	}
	n->pub.wd = -1;
	n->same_wd = NULL;
}

struct node *follow_newest(const struct path *p)
{
	struct node *n = p->oldest;

	while (n && n->newer)
		n = n->newer;
	return n;
}

static void rebuild_list(struct follow *f)
{
	size_t at = 0;
	void *value;

	f->n_list = 0;
	while (table_each(f->paths, &at, NULL, &value)) {
		for (struct node *n = ((struct path *)value)->oldest; n; n = n->newer) {
			if (f->n_list == f->list_room) {
				f->list_room = f->list_room ? f->list_room * 2 : 16;
				f->list = xreallocarray(f->list, f->list_room, sizeof(*f->list));
			}
			f->list[f->n_list++] = &n->pub;
		}
	}
}

static void unlink_node(struct node *n)
{
	struct node **link = &n->path->oldest;

	while (*link != n)
		link = &(*link)->newer;
	*link = n->newer;
	n->newer = NULL;
	n->path->n--;
}

static void append_node(struct path *p, struct node *n)
{
	struct node **link = &p->oldest;

	while (*link)
		link = &(*link)->newer;
	*link = n;
	p->n++;
}

static void close_node(struct follow *f, struct node *n)
{
	clear_wd(f, n);
	unlink_node(n);
	file_free(n->pub.src);
	free(n);
}

static void path_free(struct follow *f, struct path *p)
{
	follow_dequeue(f, p);
	for (struct node *n = p->oldest, *newer; n; n = newer) {
		newer = n->newer;
		close_node(f, n);
	}
	free(p->text);
	free(p);
}

void follow_give_up(struct follow *f, struct node *n)
{
	struct path *p = n->path;

	f->hooks.event(f->hooks.arg, &n->pub, FOLLOW_GONE);
	close_node(f, n);
	/* names under a wildcard come and go: they are not remembered */
	if (!p->oldest) {
		table_del(f->paths, str_of(p->text));
		path_free(f, p);
	}
	rebuild_list(f);
}

static struct path *path_get(struct follow *f, str text)
{
	struct path *p = table_find(f->paths, text);

	if (!p) {
		p = xcalloc(1, sizeof *p);
		p->text = str_dup(text); /* a path holds no NUL */
		table_put(f->paths, text, p);
	}
	return p;
}

static struct node *find_inode(struct path *p, uint64_t dev, uint64_t ino)
{
	struct node *n = p->oldest;

	while (n && (n->pub.dev != dev || n->pub.ino != ino))
		n = n->newer;
	return n;
}

static struct node *node_new(struct path *p, str text, int fd, uint64_t dev, uint64_t ino,
			     double now)
{
	struct node *n = xcalloc(1, sizeof *n);

	n->pub.path = str_mem(p->text, text.n);
	n->pub.src = file_new(fd);
	n->pub.dev = dev;
	n->pub.ino = ino;
	n->pub.in_operation = p->in_operation;
	n->pub.committed = -1;
	n->path = p;
	n->last_data = now;
	return n;
}

static void retire(struct follow *f, struct node *n, double now)
{
	n->pub.current = false;
	n->last_data = now;
	follow_set_ready(f, n);
	f->hooks.event(f->hooks.arg, &n->pub, FOLLOW_ROTATED);
}

struct follow_file *follow_add(struct follow *f, str path, int fd, int wd, uint64_t dev,
			       uint64_t ino, double now)
{
	struct path *p = path_get(f, path);
	struct node *n = find_inode(p, dev, ino), *before = follow_newest(p);

	if (before && before != n && before->pub.current)
		retire(f, before, now);
	if (n) {
		close(fd);
		if (n->pub.wd != wd) {
			clear_wd(f, n);
			set_wd(f, n, wd);
		}
		unlink_node(n); /* it may have been renamed back */
	} else {
		n = node_new(p, path, fd, dev, ino, now);
		set_wd(f, n, wd);
	}
	append_node(p, n);
	n->pub.current = true;
	follow_set_ready(f, n);
	if (p->n > FOLLOW_GENERATIONS_MAX) {
		assert(p->oldest != n); /* it is the newest */
		follow_give_up(f, p->oldest);
	}
	rebuild_list(f);
	return &n->pub;
}

struct follow_file *follow_add_old(struct follow *f, str path, int fd, uint64_t dev, uint64_t ino,
				   double now)
{
	struct path *p = path_get(f, path);
	struct node *n = find_inode(p, dev, ino);

	if (n) {
		close(fd);
		return &n->pub;
	}
	n = node_new(p, path, fd, dev, ino, now);
	n->pub.wd = -1;
	n->newer = p->oldest;
	p->oldest = n;
	p->n++;
	follow_set_ready(f, n);
	rebuild_list(f);
	return &n->pub;
}

void follow_del(struct follow *f, str path)
{
	struct path *p = table_del(f->paths, path);

	if (!p)
		return;
	path_free(f, p);
	rebuild_list(f);
}

void follow_free(struct follow *f)
{
	size_t at = 0;
	void *value;

	if (!f)
		return;
	while (table_each(f->paths, &at, NULL, &value))
		path_free(f, value);
	table_free(f->paths, NULL);
	table_free(f->by_wd, NULL);
	free(f->list);
	free(f);
}

void follow_set_in_operation(struct follow_file *file, bool in_operation)
{
	struct node *n = (struct node *)file;

	n->pub.in_operation = n->path->in_operation = in_operation;
}

struct follow_file *follow_each(const struct follow *f, size_t *at)
{
	return *at < f->n_list ? f->list[(*at)++] : NULL;
}

struct follow_file *follow_find(const struct follow *f, str path)
{
	struct path *p = table_find(f->paths, path);
	struct node *n = p ? follow_newest(p) : NULL;

	return n && n->pub.current ? &n->pub : NULL;
}
