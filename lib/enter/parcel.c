/* SPDX-License-Identifier: MIT */
#include "parcel.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* More than all limits together: the caller's environment and command, the
 * container's environment, 1024 groups, 32768 filter instructions.  Only what
 * is used is ever there. */
#define PARCEL_MAX ((size_t)8 << 20)
#define ALIGNMENT 16

struct room {
	char *at;
	size_t left;
	bool full;
};

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static void *take(struct room *room, size_t size)
{
	void *taken = room->at;

	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (size > room->left) {
		room->full = true;
		return NULL;
	}
	room->at += size;
	room->left -= size;
	return taken;
}

static void *copy(struct room *room, const void *from, size_t size)
{
	void *to = from ? take(room, size) : NULL;

	if (to)
		memcpy(to, from, size);
	return to;
}

static char *copy_text(struct room *room, const char *text)
{
	return text ? copy(room, text, strlen(text) + 1) : NULL;
}

/* A list that ends with NULL; what comes before `first` is left out. */
static char **copy_texts(struct room *room, char *const *list, size_t first)
{
	size_t count = first;
	char **to;

	while (list[count])
		count++;
	to = take(room, (count + 1) * sizeof(*to));
	for (size_t i = first; to && i < count; i++)
		to[i] = copy_text(room, list[i]);
	return to;
}

static struct ctsh_plan *copy_plan(struct room *room,
                                   const struct ctsh_plan *plan)
{
	struct ctsh_plan *to = copy(room, plan, sizeof(*plan));

	if (!to)
		return NULL;
	to->groups =
		copy(room, plan->groups, plan->group_count * sizeof(gid_t));
	to->host_groups = NULL;
	/* Where there are fewer, what the others point to stays behind. */
	memset(to->shells, 0, sizeof(to->shells));
	for (size_t i = 0; i < plan->shell_count; i++) {
		const struct ctsh_candidate *shell = &plan->shells[i];

		to->shells[i].path = copy_text(room, shell->path);
		to->shells[i].argv = copy_texts(room, shell->argv, 0);
		to->shells[i].shell_env = copy_text(room, shell->shell_env);
	}
	if (plan->program)
		to->program = copy_texts(room, plan->program, 0);
	for (size_t i = 0; i < plan->directory_count; i++)
		to->directories[i] = copy_text(room, plan->directories[i]);
	/* The first one is the candidate's. */
	to->env = copy_texts(room, plan->env, 1);
	return to;
}

static void copy_filters(struct room *room, const struct ctsh_filters *from,
                         struct ctsh_filters *to)
{
	to->filter =
		copy(room, from->filter, from->count * sizeof(*from->filter));
	for (unsigned i = 0; to->filter && i < from->count; i++)
		to->filter[i].insns = copy(
			room, from->filter[i].insns,
			from->filter[i].length * sizeof(*to->filter[i].insns));
}

static struct ctsh_container *copy_container(struct room *room,
                                             const struct ctsh_container *c)
{
	struct ctsh_container *to = copy(room, c, sizeof(*c));

	if (!to)
		return NULL;
	to->cgroup_text = NULL;
	to->label.own = NULL;
	to->label.shown = copy_text(room, c->label.shown);
	to->label.wanted = copy_text(room, c->label.wanted);
	copy_filters(room, &c->filters, &to->filters);
	return to;
}

const void *ctsh_parcel_mark(void)
{
	/* The page that it ends in is behind the one it begins in. */
	return malloc(page_size());
}

static int find_heap(const void *mark, struct ctsh_parcel *parcel,
                     struct ctsh_error *err)
{
	uintptr_t end = (uintptr_t)sbrk(0), start = (uintptr_t)mark;

	if (!mark)
		return ctsh_fail(err, CTSH_E_SYSTEM, 0, "find the heap");
	start = (start + page_size() - 1) / page_size() * page_size();
	parcel->heap = (char *)start;
	/* A sanitizer's is elsewhere. */
	parcel->heap_size = start < end ? end - start : 0;
	return 0;
}

int ctsh_parcel_pack(const struct ctsh_entry *entry, struct ctsh_parcel *parcel,
                     struct ctsh_error *err)
{
	struct ctsh_parcel made = {.memory = NULL};
	struct room room = {.left = PARCEL_MAX};

	if (find_heap(entry->heap, &made, err))
		return -1;
	made.memory = mmap(NULL, PARCEL_MAX, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (made.memory == MAP_FAILED)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "map the parcel");
	room.at = made.memory;
	made.entry = copy(&room, entry, sizeof(*entry));
	made.entry->container = copy_container(&room, entry->container);
	made.entry->plan = copy_plan(&room, entry->plan);
	made.entry->group = NULL;
	if (room.full) {
		ctsh_parcel_free(&made);
		return ctsh_fail(err, CTSH_E_SYSTEM, E2BIG, "pack the parcel");
	}
	*parcel = made;
	return 0;
}

int ctsh_parcel_leave_heap(const struct ctsh_parcel *parcel, bool leave)
{
	return madvise(parcel->heap, parcel->heap_size,
	               leave ? MADV_DONTFORK : MADV_DOFORK);
}

void ctsh_parcel_free(struct ctsh_parcel *parcel)
{
	int saved = errno;

	if (parcel->memory)
		(void)munmap(parcel->memory, PARCEL_MAX);
	*parcel = (struct ctsh_parcel){.memory = NULL};
	errno = saved;
}
