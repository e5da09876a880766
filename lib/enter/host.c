/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/proc.h"
#include "sandbox.h"

/* The first namespaces have these numbers on every kernel, and no other ones
 * ever get them (PROC_USER_INIT_INO, PROC_PID_INIT_INO). */
#define FIRST_USER_NS 0xEFFFFFFDU
#define FIRST_PID_NS 0xEFFFFFFCU

#ifdef CTSH_NESTED
static const bool nested_allowed = true;
#else
static const bool nested_allowed = false;
#endif

static int expect_number(int proc, const char *ns, ino_t number,
                         struct ctsh_error *err)
{
	struct stat st;

	if (fstatat(proc, ns, &st, 0))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "/proc/%s", ns);
	if (st.st_ino != number)
		return ctsh_fail(err, CTSH_E_SYSTEM, 0,
		                 "called in a container: another %s", ns);
	return 0;
}

int ctsh_host_check(struct ctsh_error *err)
{
	ctsh_autoclose int proc = -1;

	if (nested_allowed)
		return 0;
	proc = ctsh_proc_open(err);
	if (proc < 0 || expect_number(proc, "self/ns/user", FIRST_USER_NS, err))
		return -1;
	return expect_number(proc, "self/ns/pid", FIRST_PID_NS, err);
}

static bool is_already(uid_t uid, gid_t gid)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	return getresuid(&r, &e, &s) == 0 && r == uid && e == uid && s == uid &&
	       getresgid(&rg, &eg, &sg) == 0 && rg == gid && eg == gid &&
	       sg == gid;
}

int ctsh_host_leave(uid_t uid, gid_t gid, struct ctsh_error *err)
{
	/* To setresuid(2) it would mean "no change". */
	if (uid == (uid_t)-1 || gid == (gid_t)-1)
		return ctsh_fail(err, CTSH_E_SYSTEM, 0, "nobody to become");
	/* After a ctsh_become() that failed late: no right to change is left,
	 * and no need. */
	if (!is_already(uid, gid) &&
	    (setgroups(0, NULL) || setresgid(gid, gid, gid) ||
	     setresuid(uid, uid, uid)))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "become the caller");
	ctsh_hide();
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
