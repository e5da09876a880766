/* SPDX-License-Identifier: MIT */
/* Part of proc.h: /proc/PID/status, /proc/PID/stat, /proc/PID/personality. */
#include <limits.h>

#include "proc.h"
#include "proc_scan.h"

/* (uid_t)-1 is nobody's: the kernel shows an id that has no number here as
 * the overflow id. */
#define ID_MAX (UINT32_MAX - 1)

/* Takes one value, whose type the function knows, from the text. */
typedef bool take_fn(const char **p, void *out);

static bool take_count(const char **p, void *out)
{
	return ctsh_scan_u32(p, UINT32_MAX, out);
}

static bool take_seccomp(const char **p, void *out)
{
	return ctsh_scan_u32(p, 2, out);
}

static bool take_flag(const char **p, void *out)
{
	uint32_t value;

	if (!ctsh_scan_u32(p, 1, &value))
		return false;
	*(bool *)out = value;
	return true;
}

static bool take_pid(const char **p, void *out)
{
	uint32_t value;

	if (!ctsh_scan_u32(p, INT_MAX, &value))
		return false;
	*(pid_t *)out = (pid_t)value;
	return true;
}

static bool take_ids(const char **p, void *out)
{
	uint32_t *id = out;

	for (int i = 0; i < 4; i++)
		if (!ctsh_scan_u32(p, ID_MAX, &id[i]))
			return false;
	return true;
}

static bool take_groups(const char **p, void *out)
{
	struct ctsh_proc_status *status = out;
	unsigned count = 0;

	for (ctsh_scan_blanks(p); **p && **p != '\n'; ctsh_scan_blanks(p)) {
		if (count == CTSH_PROC_GROUPS_MAX ||
		    !ctsh_scan_u32(p, ID_MAX, &status->groups[count++]))
			return false;
	}
	status->group_count = count;
	return true;
}

/* Exactly so many hexadecimal digits. */
static bool take_digits(const char **p, unsigned count, uint64_t *out)
{
	uint64_t value = 0;

	if (strspn(*p, "0123456789abcdef") != count)
		return false;
	for (unsigned i = 0; i < count; i++, ++*p)
		value = value << 4 |
		        (uint64_t)(**p <= '9' ? **p - '0' : **p - 'a' + 10);
	*out = value;
	return true;
}

/* As the kernel writes a set of capabilities. */
static bool take_set(const char **p, void *out)
{
	ctsh_scan_blanks(p);
	return take_digits(p, 16, out);
}

static bool scan_state(const char **p, char *out)
{
	if ((**p < 'A' || **p > 'Z') && (**p < 'a' || **p > 'z'))
		return false;
	*out = *(*p)++;
	return ctsh_scan_char(p, ' ');
}

/* "S (sleeping)" */
static bool take_state(const char **p, void *out)
{
	ctsh_scan_blanks(p);
	if (!scan_state(p, out) || !ctsh_scan_char(p, '('))
		return false;
	*p += strcspn(*p, ")\n");
	return ctsh_scan_char(p, ')');
}

#define AT(member) offsetof(struct ctsh_proc_status, member)

static const struct {
	const char *key;
	take_fn *take;
	size_t offset;
} fields[] = {
	{"State", take_state, AT(state)},
	{"PPid", take_pid, AT(parent)},
	{"TracerPid", take_pid, AT(tracer)},
	{"Uid", take_ids, AT(uid)},
	{"Gid", take_ids, AT(gid)},
	{"Groups", take_groups, 0},
	{"Threads", take_count, AT(threads)},
	{"CapInh", take_set, AT(inheritable)},
	{"CapPrm", take_set, AT(permitted)},
	{"CapEff", take_set, AT(effective)},
	{"CapBnd", take_set, AT(bounding)},
	{"CapAmb", take_set, AT(ambient)},
	{"NoNewPrivs", take_flag, AT(no_new_privs)},
	{"Seccomp", take_seccomp, AT(seccomp)},
	{"Seccomp_filters", take_count, AT(seccomp_filters)},
};

#define FIELD_COUNT (sizeof(fields) / sizeof(*fields))

/* The field whose key, all of it, stands before the colon; or FIELD_COUNT. */
static size_t find_field(const char *line)
{
	size_t length = strcspn(line, ":\n");
	size_t i;

	for (i = 0; line[length] == ':' && i < FIELD_COUNT; i++)
		if (strlen(fields[i].key) == length &&
		    memcmp(fields[i].key, line, length) == 0)
			return i;
	return FIELD_COUNT;
}

/* Reads one line.  Lines that we have no use for may say what they like; the
 * kernel escapes the newlines of a command name. */
static bool take_line(const char **p, struct ctsh_proc_status *status,
                      unsigned *seen)
{
	size_t i = find_field(*p);

	if (i == FIELD_COUNT) {
		*p += strcspn(*p, "\n");
		return ctsh_scan_char(p, '\n');
	}
	if (*seen & 1u << i)
		return false;
	*seen |= 1u << i;
	*p += strlen(fields[i].key) + 1;
	if (!fields[i].take(p, (char *)status + fields[i].offset))
		return false;
	ctsh_scan_blanks(p);
	return ctsh_scan_char(p, '\n');
}

int ctsh_proc_parse_status(const char *text, struct ctsh_proc_status *status)
{
	struct ctsh_proc_status found = {0};
	unsigned seen = 0;

	while (*text)
		if (!take_line(&text, &found, &seen))
			return -1;
	if (seen != (1u << FIELD_COUNT) - 1)
		return -1;
	*status = found;
	return 0;
}

/* As proc(5) numbers the fields of stat. */
#define PARENT_FIELD 4
#define FLAGS_FIELD 9
#define START_FIELD 22
#define STACK_FIELD 28

/*
 * The numbers behind the state, to the end of the text.  Some fields can be
 * negative, those that are wanted cannot.
 */
static bool take_numbers(const char **p, unsigned wanted, uint64_t *number)
{
	unsigned field = PARENT_FIELD;
	bool more = true;

	for (; more; field++) {
		bool negative = ctsh_scan_char(p, '-');
		uint64_t value;

		if (!ctsh_scan_number(p, UINT64_MAX, &value))
			return false;
		if (field == wanted && negative)
			return false;
		if (field == wanted)
			*number = value;
		more = ctsh_scan_char(p, ' ');
	}
	return field > wanted && ctsh_scan_char(p, '\n') && !**p;
}

static int parse_stat(const char *text, unsigned wanted, uint64_t *number)
{
	uint64_t pid, found = 0;
	char state;

	if (!ctsh_scan_number(&text, INT_MAX, &pid) ||
	    !ctsh_scan_char(&text, ' ') || !ctsh_scan_char(&text, '('))
		return -1;
	/*
	 * A command may be named "x) S 1 (".  The name ends at the last
	 * parenthesis and nowhere else, because all that is behind is checked
	 * to be one letter and numbers.
	 */
	text = strrchr(text, ')');
	if (!text || !ctsh_scan_char(&text, ')') ||
	    !ctsh_scan_char(&text, ' ') || !scan_state(&text, &state) ||
	    !take_numbers(&text, wanted, &found))
		return -1;
	*number = found;
	return 0;
}

int ctsh_proc_parse_start(const char *text, uint64_t *ticks)
{
	return parse_stat(text, START_FIELD, ticks);
}

int ctsh_proc_parse_flags(const char *text, uint64_t *flags)
{
	return parse_stat(text, FLAGS_FIELD, flags);
}

int ctsh_proc_parse_stack(const char *text, uint64_t *address)
{
	return parse_stat(text, STACK_FIELD, address);
}

int ctsh_proc_parse_personality(const char *text, unsigned *personality)
{
	uint64_t value;

	if (!take_digits(&text, 8, &value) || !ctsh_scan_char(&text, '\n') ||
	    *text)
		return -1;
	*personality = (unsigned)value;
	return 0;
}
