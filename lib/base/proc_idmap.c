/* SPDX-License-Identifier: MIT */
/* Part of proc.h: /proc/PID/uid_map and gid_map. */
#include "proc.h"
#include "proc_scan.h"

/* A number and the blank that must follow it. */
static bool take_column(const char **p, uint32_t *out)
{
	return ctsh_scan_u32(p, UINT32_MAX, out) && ctsh_scan_char(p, ' ');
}

static bool overlap(uint32_t a, uint32_t a_length, uint32_t b,
                    uint32_t b_length)
{
	return a < b ? b - a < a_length : a - b < b_length;
}

/* An id that two ranges name would have no one answer; the kernel accepts
 * neither that nor a range that wraps round (user_namespaces(7)).  The latter
 * also leaves out 4294967295, which it shows for an id without a number. */
static bool is_acceptable(const struct ctsh_idmap *map, uint32_t inside,
                          uint32_t outside, uint32_t length)
{
	if (!length || length > UINT32_MAX - inside ||
	    length > UINT32_MAX - outside)
		return false;
	for (unsigned i = 0; i < map->count; i++)
		if (overlap(map->range[i].inside, map->range[i].length, inside,
		            length) ||
		    overlap(map->range[i].outside, map->range[i].length,
		            outside, length))
			return false;
	return true;
}

static bool take_range(const char **p, struct ctsh_idmap *map)
{
	uint32_t inside, outside, length;

	if (map->count == CTSH_IDMAP_MAX || !take_column(p, &inside) ||
	    !take_column(p, &outside) ||
	    !ctsh_scan_u32(p, UINT32_MAX, &length) ||
	    !is_acceptable(map, inside, outside, length))
		return false;
	map->range[map->count].inside = inside;
	map->range[map->count].outside = outside;
	map->range[map->count].length = length;
	map->count++;
	return ctsh_scan_char(p, '\n');
}

int ctsh_proc_parse_idmap(const char *text, struct ctsh_idmap *map)
{
	struct ctsh_idmap found = {0};

	while (*text)
		if (!take_range(&text, &found))
			return -1;
	*map = found;
	return 0;
}

bool ctsh_idmap_out(const struct ctsh_idmap *map, uint32_t inside,
                    uint32_t *outside)
{
	for (unsigned i = 0; i < map->count; i++) {
		if (inside < map->range[i].inside ||
		    inside - map->range[i].inside >= map->range[i].length)
			continue;
		*outside =
			map->range[i].outside + (inside - map->range[i].inside);
		return true;
	}
	return false;
}

bool ctsh_idmap_in(const struct ctsh_idmap *map, uint32_t outside,
                   uint32_t *inside)
{
	for (unsigned i = 0; i < map->count; i++) {
		if (outside < map->range[i].outside ||
		    outside - map->range[i].outside >= map->range[i].length)
			continue;
		*inside = map->range[i].inside +
		          (outside - map->range[i].outside);
		return true;
	}
	return false;
}
