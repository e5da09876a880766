/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/proc.h"

/*
 * /proc/PID/net shows the network of that process, and its files have numbers
 * of their own in each.  Unlike /proc/PID/ns/net this can be seen without the
 * right to trace the process, which pid 1 may deny even to root.
 */
static int read_network(const char *file, struct ctsh_ns_id *id,
                        struct ctsh_error *err)
{
	struct stat st;

	if (stat(file, &st))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "%s", file);
	id->dev = st.st_dev;
	id->ino = st.st_ino;
	return 0;
}

int ctsh_host_network(struct ctsh_error *err)
{
	ctsh_autoclose int proc = ctsh_proc_open(err);
	ctsh_autoclose int ns = -1;
	struct ctsh_ns_id theirs = {0}, ours = {0};

	if (proc < 0 || read_network("/proc/1/net/dev", &theirs, err) ||
	    read_network("/proc/self/net/dev", &ours, err))
		return -1;
	if (theirs.dev == ours.dev && theirs.ino == ours.ino)
		return 0;
	ns = openat(proc, "1/ns/net", O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "return to the host's network");
	return 0;
}

int ctsh_host_become(const struct ctsh_person *person, struct ctsh_error *err)
{
	uid_t r, e, s;

	if (setgroups(person->group_count, person->groups) ||
	    setresgid(person->gid, person->gid, person->gid) ||
	    setresuid(person->uid, person->uid, person->uid))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "become the user on the host");
	if (getresuid(&r, &e, &s) || r != person->uid || e != r || s != r ||
	    (person->uid != 0 && setuid(0) == 0))
		return ctsh_fail(err, CTSH_E_SYSTEM, 0,
		                 "the change of ids had no effect");
	return 0;
}
