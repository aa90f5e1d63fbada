/* What struct follow holds; shared by follow.c and follow_files.c only. */
#pragma once

#include <assert.h>
#include <stddef.h>

#include "base/table.h"
#include "source/follow.h"

struct path;

/* A generation with what is nobody else's business. */
struct node {
	struct follow_file pub;
	struct path *path;
	struct node *newer;   /* of the same path */
	struct node *same_wd; /* another path, the same inode */
	bool ready;
	bool failed;
	double last_data; /* when bytes were read last */
};
static_assert(offsetof(struct node, pub) == 0, "a follow_file is the start of its node");

struct path {
	char *text;
	struct node *oldest;
	unsigned n;
	bool in_operation;
	bool queued;
	struct path *next; /* in the queue */
};

struct follow {
	int inotify;
	struct follow_hooks hooks;
	struct table *paths;       /* text -> struct path */
	struct table *by_wd;       /* wd -> struct node */
	struct path *first, *last; /* queue of paths with something ready */
	bool scan_wanted;
	double last_scan, last_look, last_unwatched_look;
	struct follow_file **list; /* for follow_each() */
	size_t n_list, list_room;
};

/* In follow_files.c. The newest generation, or NULL. */
struct node *follow_newest(const struct path *p);
/* The first of those with that watch, or NULL. */
struct node *follow_find_wd(const struct follow *f, int wd);
/* There may be news: the path gets into the queue. */
void follow_set_ready(struct follow *f, struct node *n);
void follow_enqueue(struct follow *f, struct path *p);
void follow_dequeue(struct follow *f, struct path *p);
/* Tells FOLLOW_GONE and closes it; follow.list is built anew. */
void follow_give_up(struct follow *f, struct node *n);
