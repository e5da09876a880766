/* SPDX-License-Identifier: MIT */
/*
 * Part of attributes.h: a line for people, made without libc's time zones and
 * name service, which would look for files and libraries.
 */
#include "attributes.h"

#include <stdio.h>
#include <string.h>

#define DAY 86400
#define HALF_A_YEAR (182 * DAY)

struct date {
	int64_t year;
	int month, day, hour, minute;
};

/* Years that begin in March, in eras of 400: a leap day comes last. */
static struct date date_of(int64_t seconds)
{
	int64_t days = seconds / DAY, rest = seconds % DAY;
	int64_t era, of_era, year, of_year, month;
	struct date d;

	if (rest < 0) {
		rest += DAY;
		days--;
	}
	days += 719468; /* from March 1st of the year 0 */
	era = (days >= 0 ? days : days - 146096) / 146097;
	of_era = days - era * 146097;
	year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) /
	       365;
	of_year = of_era - (365 * year + year / 4 - year / 100);
	month = (5 * of_year + 2) / 153;
	d.day = (int)(of_year - (153 * month + 2) / 5 + 1);
	d.month = (int)(month < 10 ? month + 2 : month - 10);
	d.year = year + era * 400 + (month >= 10);
	d.hour = (int)(rest / 3600);
	d.minute = (int)(rest % 3600 / 60);
	return d;
}

static char type_of(mode_t mode)
{
	static const struct {
		mode_t type;
		char letter;
	} types[] = {{S_IFDIR, 'd'}, {S_IFLNK, 'l'}, {S_IFCHR, 'c'},
	             {S_IFBLK, 'b'}, {S_IFIFO, 'p'}, {S_IFSOCK, 's'},
	             {S_IFREG, '-'}};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if ((mode & S_IFMT) == types[i].type)
			return types[i].letter;
	return '?';
}

/* "-rwxr-xr-x", with s, S, t and T. */
static void show_mode(mode_t mode, char out[11])
{
	static const char letters[] = "rwxrwxrwx";
	static const struct {
		mode_t bit;
		int place;
		char letter;
	} special[] = {{S_ISUID, 3, 's'}, {S_ISGID, 6, 's'}, {S_ISVTX, 9, 't'}};

	out[0] = type_of(mode);
	for (int i = 0; i < 9; i++)
		out[i + 1] = mode & (0400u >> i) ? letters[i] : '-';
	for (int i = 0; i < 3; i++)
		if (mode & special[i].bit)
			out[special[i].place] =
				(char)(out[special[i].place] == 'x'
			                       ? special[i].letter
			                       : special[i].letter - 'a' + 'A');
	out[10] = '\0';
}

static void show_owner(struct sftp_names *names, uint32_t id,
                       char out[SFTP_NAME_MAX])
{
	const char *name = sftp_name_of(names, id);

	if (name[0])
		(void)snprintf(out, SFTP_NAME_MAX, "%s", name);
	else
		(void)snprintf(out, SFTP_NAME_MAX, "%u", id);
}

static void show_time(int64_t when, int64_t now, char *out, size_t size)
{
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr",
	                                   "May", "Jun", "Jul", "Aug",
	                                   "Sep", "Oct", "Nov", "Dec"};
	struct date d = date_of(when);

	if (when > now || now - when > HALF_A_YEAR)
		(void)snprintf(out, size, "%s %2d %5lld", months[d.month],
		               d.day, (long long)d.year);
	else
		(void)snprintf(out, size, "%s %2d %02d:%02d", months[d.month],
		               d.day, d.hour, d.minute);
}

void sftp_put_longname(struct sftp_writer *w, const char *name,
                       const struct stat *st, struct sftp_names *users,
                       struct sftp_names *groups, int64_t now)
{
	char mode[11], user[SFTP_NAME_MAX], group[SFTP_NAME_MAX], when[32];
	char line[192];
	size_t length = strlen(name), before;
	uint8_t *at;
	int n;

	show_mode(st->st_mode, mode);
	show_owner(users, st->st_uid, user);
	show_owner(groups, st->st_gid, group);
	show_time(st->st_mtime, now, when, sizeof(when));
	n = snprintf(line, sizeof(line), "%s %4llu %-8s %-8s %8llu %s ", mode,
	             (unsigned long long)st->st_nlink, user, group,
	             (unsigned long long)st->st_size, when);
	before = n < 0                      ? 0
	         : (size_t)n < sizeof(line) ? (size_t)n
	                                    : sizeof(line) - 1;
	sftp_put_u32(w, (uint32_t)(before + length));
	at = sftp_put_room(w, before + length);
	if (!at)
		return;
	memcpy(at, line, before);
	memcpy(at + before, name, length);
}
