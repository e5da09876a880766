/* SPDX-License-Identifier: MIT */
#include "lsm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../base/fdio.h"

#define LABEL_MAX 4096

/*
 * The modules' files below /proc/PID.  Each but SELinux has a directory of its
 * own (Linux 5.8); the first of them shares SELinux's place.
 */
static const struct module {
	const char *current;
	const char *exec; /* NULL: has no such request */
	bool by_command;  /* wants "exec LABEL", the label without its mode */
} apparmor = {"attr/apparmor/current", "attr/apparmor/exec", true},
  smack = {"attr/smack/current", NULL, false},
  selinux = {"attr/current", "attr/exec", false};

/*
 * The label as the kernel shows it, without what ends it (a newline or a NUL,
 * by module), in fresh memory; "" where no such module is active (EINVAL) or
 * built in (ENOENT).  NULL with `*err`.
 */
static char *read_label(int proc, const char *file, struct ctsh_error *err)
{
	char *label = ctsh_read_file_at(proc, file, LABEL_MAX, NULL);

	if (!label && (errno == EINVAL || errno == ENOENT))
		label = strdup("");
	if (label)
		label[strcspn(label, "\n")] = '\0';
	else
		(void)ctsh_fail(err, CTSH_E_SYSTEM, errno, "read %s", file);
	return label;
}

/* The mode that AppArmor shows behind a label: " (enforce)".  A label may hold
 * parentheses itself. */
static size_t length_without_mode(const char *label)
{
	static const char *const modes[] = {" (enforce)", " (complain)",
	                                    " (mixed)",   " (kill)",
	                                    " (user)",    " (unconfined)"};
	size_t length = strlen(label);

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		size_t mode = strlen(modes[i]);

		if (length > mode && !strcmp(label + length - mode, modes[i]))
			return length - mode;
	}
	return length;
}

/* What to write; NULL without memory. */
static char *make_wanted(const struct module *module, const char *label)
{
	char *wanted = NULL;

	if (!module->by_command)
		return strdup(label);
	if (asprintf(&wanted, "exec %.*s", (int)length_without_mode(label),
	             label) < 0)
		return NULL;
	return wanted;
}

static int refuse(struct ctsh_error *err, const char *label, const char *why)
{
	return ctsh_fail(err, CTSH_E_UNSAFE, 0,
	                 "its init has the security label '%s', %s", label,
	                 why);
}

/* Only one request can stand at a time, and two modules that each want one were
 * never seen. */
static int add(struct ctsh_label *label, const struct module *module,
               const char *shown, const char *own, struct ctsh_error *err)
{
	if (!module->exec)
		return refuse(err, shown, "which cannot be asked for");
	if (label->file)
		return refuse(err, shown, "and one of another module");
	label->file = module->exec;
	label->current = module->current;
	label->shown = strdup(shown);
	label->wanted = make_wanted(module, shown);
	label->own = strdup(own);
	if (!label->shown || !label->wanted || !label->own)
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "label");
	return 0;
}

/* Reads one module's label of both and takes it in where they differ. */
static int judge(int init, int own, const struct module *module,
                 struct ctsh_label *label, struct ctsh_error *err)
{
	ctsh_autofree char *theirs = NULL;
	ctsh_autofree char *ours = NULL;

	theirs = read_label(init, module->current, err);
	ours = theirs ? read_label(own, module->current, err) : NULL;
	if (!ours)
		return -1;
	if (strcmp(theirs, ours) == 0)
		return 0;
	if (!theirs[0])
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "its init has no security label, and we have");
	return add(label, module, theirs, ours, err);
}

/* Whether the place that modules share shows the label of one with a directory
 * of its own: then that one was judged already.  -1 with `*err`. */
static int is_taken(int own, struct ctsh_error *err)
{
	const struct module *others[] = {&apparmor, &smack};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		ctsh_autofree char *label =
			read_label(own, others[i]->current, err);

		if (!label)
			return -1;
		if (label[0])
			return 1;
	}
	return 0;
}

static int judge_all(int init, int own, struct ctsh_label *label,
                     struct ctsh_error *err)
{
	int taken = is_taken(own, err);

	if (taken < 0 || judge(init, own, &apparmor, label, err) ||
	    judge(init, own, &smack, label, err))
		return -1;
	return taken ? 0 : judge(init, own, &selinux, label, err);
}

int ctsh_lsm_read(int init, int own, struct ctsh_label *label,
                  struct ctsh_error *err)
{
	struct ctsh_label found = {.read = true};

	if (judge_all(init, own, &found, err)) {
		ctsh_lsm_free(&found);
		return -1;
	}
	*label = found;
	return 0;
}

/* By M itself: to anybody else AppArmor shows the reader's own request. */
static int read_back(int fd, const struct ctsh_label *label)
{
	char found[LABEL_MAX];
	ssize_t n = pread(fd, found, sizeof(found) - 1, 0);

	if (n < 0)
		return -1;
	found[n] = '\0';
	found[strcspn(found, "\n")] = '\0';
	errno = EINVAL;
	return strcmp(found, label->shown) == 0 ? 0 : -1;
}

int ctsh_lsm_ask(const struct ctsh_label *label)
{
	ctsh_autoclose int self = -1;
	ctsh_autoclose int fd = -1;
	size_t length;

	if (!label->file)
		return 0;
	length = strlen(label->wanted);
	self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = openat(self, label->file, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	/* One write: the kernel takes each for a whole request. */
	if (write(fd, label->wanted, length) != (ssize_t)length)
		return -1;
	return read_back(fd, label);
}

/*
 * SELinux closes at exec what the new domain may not use and puts a null of its
 * own in its place: a command would end well, and its output be nowhere.  What
 * cannot be seen was closed by the shell, or the shell has ended.
 */
static int check_descriptors(int proc, const struct ctsh_label *label,
                             struct ctsh_error *err)
{
	static const char *const places[] = {"fd/0", "fd/1", "fd/2"};

	for (unsigned i = 0; i < 3; i++) {
		ctsh_autoclose int fd =
			openat(proc, places[i], O_PATH | O_CLOEXEC);
		struct statfs fs;

		if (fd >= 0 && fstatfs(fd, &fs) == 0 &&
		    fs.f_type == SELINUX_MAGIC)
			return ctsh_fail(err, CTSH_E_UNSAFE, 0,
			                 "descriptor %u may not be used with "
			                 "the security label '%s'",
			                 i, label->shown);
	}
	return 0;
}

int ctsh_lsm_check_taken(int proc, const struct ctsh_label *label,
                         struct ctsh_error *err)
{
	ctsh_autofree char *found = NULL;

	if (!label->file)
		return 0;
	found = read_label(proc, label->current, err);
	if (!found)
		return -1;
	if (strcmp(found, label->own) == 0)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "the shell kept the security label '%s', and "
		                 "did not take '%s'",
		                 found, label->shown);
	return check_descriptors(proc, label, err);
}

static bool same(const struct ctsh_label *a, const struct ctsh_label *b)
{
	if (!a->file || !b->file)
		return a->file == b->file;
	return strcmp(a->file, b->file) == 0 && strcmp(a->shown, b->shown) == 0;
}

int ctsh_lsm_check_unchanged(int init, int own, const struct ctsh_label *label,
                             struct ctsh_error *err)
{
	struct ctsh_label now;
	bool unchanged;

	if (!label->read)
		return 0;
	if (ctsh_lsm_read(init, own, &now, err))
		return -1;
	unchanged = same(&now, label);
	ctsh_lsm_free(&now);
	if (!unchanged)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "the init changed its security label during "
		                 "the login");
	return 0;
}

void ctsh_lsm_free(struct ctsh_label *label)
{
	ctsh_free_at(&label->shown);
	ctsh_free_at(&label->wanted);
	ctsh_free_at(&label->own);
	label->file = NULL;
	label->read = false;
}
