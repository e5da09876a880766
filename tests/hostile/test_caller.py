# SPDX-License-Identifier: MIT
"""A hostile caller: where the program is, who calls it, and from where."""

import contextlib
import ctypes
import fcntl
import json
import os
import pty
import re
import resource
import shutil
import signal
import socket
import subprocess
import termios

import pytest

from lab import engines, process, rootfs

INSIDE = "inside\n"


# -- other names and copies of the program -----------------------------------

@pytest.fixture
def place(lab):
    """A directory on the program's file system, where everybody may look."""
    path = f"{lab.base}/elsewhere"
    os.mkdir(path, 0o755)
    yield path
    shutil.rmtree(path)


def call(lab, user, program, *args, argv0="ctsh"):
    return process.run(lab.direct_argv(user, *args, argv0=argv0,
                                       program=program),
                       env={"PATH": "/usr/bin:/bin"})


def test_a_hard_link_is_the_same_program_with_the_same_configuration(
        lab, crun_box, guest, place, refusal):
    """fs.protected_hardlinks keeps users from making one; root makes this."""
    link = f"{place}/bash"
    os.link(lab.ctsh.shell, link)
    os.makedirs(f"{place}/etc/ctsh")
    rootfs.write(place, "etc/ctsh/break_glass", f"{guest.name}\n")
    assert call(lab, crun_box.user, link, "-c", "hostname").out == INSIDE
    refusal(call(lab, guest, link, "-c", "id"), guest, "E_DENIED")


def test_a_symbolic_link_is_no_other_program(lab, crun_box, place):
    os.symlink(lab.ctsh.shell, f"{place}/sudo")
    assert call(lab, crun_box.user, f"{place}/sudo", "-c",
                "hostname").out == INSIDE


@pytest.mark.parametrize("owner", ["root", "caller"])
def test_a_copy_is_not_setuid_root(lab, crun_box, place, refusal, owner):
    """Not even one that the caller made setuid: then it is the caller."""
    copy = f"{place}/ctsh"
    shutil.copy(lab.ctsh.shell, copy)
    if owner == "caller":
        os.chown(copy, crun_box.user.uid, crun_box.user.gid)
        os.chmod(copy, 0o6755)
    else:
        os.chmod(copy, 0o755)
    reason = refusal(call(lab, crun_box.user, copy, "-c", "id"),
                     crun_box.user, "E_SYSTEM", known=False)
    assert reason == "ctsh is not setuid root"


def test_on_a_nosuid_mount_it_refuses(lab, crun_box, place, refusal):
    shutil.copy(lab.ctsh.shell, f"{place}/ctsh")
    os.chmod(f"{place}/ctsh", 0o4755)
    argv = lab.direct_argv(crun_box.user, "-c", "id", program=f"{place}/ctsh")
    at = len(lab.log_prefix)
    argv[at:at] = ["unshare", "--mount", "sh", "-c",
                   'mount --bind "$0" "$0" && mount -o remount,bind,nosuid '
                   '"$0" && exec "$@"', place]
    reason = refusal(process.run(argv), crun_box.user, "E_SYSTEM",
                     known=False)
    assert reason == "ctsh is not setuid root"


# -- real uid 0, and users with some of root's powers ------------------------

ROOTS_ENV = {"PATH": "/usr/bin:/bin", "HOME": "/"}


def as_root(lab, *args, **more):
    return process.run([*lab.log_prefix, lab.ctsh.shell, *args],
                       env=ROOTS_ENV, **more)


def test_root_is_on_the_host_with_all_that_it_had(lab):
    result = as_root(lab, "-c", "id -u; readlink /proc/self/ns/mnt; "
                     "grep CapEff /proc/self/status")
    uid, mount, caps = result.out.splitlines()
    assert uid == "0"
    own = process.run([*lab.log_prefix, "readlink", "/proc/self/ns/mnt"]).out
    assert mount + "\n" == own
    assert caps.split()[1] == process.status("self")["CapEff"]


def test_root_needs_arguments_that_are_supported_as_well(lab):
    result = as_root(lab, "-x")
    assert (result.status, result.out) == (125, "")
    assert "[E_USAGE " in result.err


def test_root_without_capabilities_gets_none_by_it(lab):
    """The bounding set is the caller's: what it lacks does not come back, and
    without it the stub cannot make its mount."""
    result = process.run(
        [*lab.log_prefix, "setpriv", "--bounding-set", "-sys_admin", "--",
         lab.ctsh.shell, "-c", "grep Cap /proc/self/status"], env=ROOTS_ENV)
    assert (result.status, result.out) == (125, ""), result
    assert "[E_SYSTEM " in result.err


def with_privileges(lab, user, *options):
    """setpriv's, at the call."""
    return process.run(
        [*lab.log_prefix, "setpriv", *options, "--reuid", str(user.uid),
         "--regid", str(user.gid), "--init-groups", "--", lab.ctsh.shell,
         "-c", "exec probe status"], env={"PATH": "/usr/bin:/bin"})


@pytest.mark.parametrize("options", [
    ["--inh-caps", "+net_raw"],
    ["--inh-caps", "+net_raw,+sys_admin", "--ambient-caps",
     "+net_raw,+sys_admin"]], ids=["inheritable", "ambient"])
def test_capabilities_of_the_callers_do_not_come_along(lab, crun_box,
                                                       options):
    status = dict(line.split(":\t", 1) for line in with_privileges(
        lab, crun_box.user, *options).out.splitlines())
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff",
                                      "CapAmb")} == {"0" * 16}
    assert status["CapBnd"] == process.status(crun_box.init)["CapBnd"]


# Whether it can still become the caller, who alone may write to their stderr.
HALVES = {
    "+noroot,+noroot_locked": False,
    "+no_setuid_fixup,+no_setuid_fixup_locked": True,
    "+keep_caps_locked": True,
    "-setuid": False, "-setgid": False, "-all": False,
    "-sys_admin": True, "-sys_chroot": True, "-setpcap": True,
}


@pytest.mark.parametrize("half", HALVES)
def test_half_a_root_is_refused(lab, crun_box, half):
    """What a login service took away, or a caller with privileges."""
    mark = lab.log.since()
    result = with_privileges(
        lab, crun_box.user,
        "--securebits" if half[0] == "+" else "--bounding-set", half)
    assert (result.status, result.out) == (125, "")
    line = r"ctsh: .*\. \[E_(SYSTEM|UNSAFE) [0-9a-f]{8}\]\n"
    assert re.fullmatch(line if HALVES[half] else "", result.err), result
    process.wait_for(lambda: [one for one in mark()
                              if one.startswith("refused ")], 5, "the reason")
    assert not [one for one in mark() if one.startswith("open ")]


def test_a_personality_of_the_callers_does_not_come_along(lab, crun_box):
    """Any number is one; this one looks like an error where it is signed."""
    libc = ctypes.CDLL(None)
    result = subprocess.run(
        lab.direct_argv(crun_box.user, "-c", "cat /proc/self/personality"),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
        preexec_fn=lambda: libc.personality(0x80000000))
    theirs = process.read(f"/proc/{crun_box.init}/personality")
    assert (result.returncode, result.stdout, result.stderr) == (0, theirs, "")


# -- core dumps --------------------------------------------------------------

FATAL = [signal.SIGQUIT, signal.SIGSEGV, signal.SIGABRT, signal.SIGSYS]


def unlimited():
    resource.setrlimit(resource.RLIMIT_CORE,
                       (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def start(argv, cwd=None):
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, cwd=cwd,
                            stderr=subprocess.DEVNULL, preexec_fn=unlimited)


def wait_status(ran):
    """As wait(2) has it: Popen's own number does not tell of a core."""
    _, status = os.waitpid(ran.pid, 0)
    ran.returncode = 0
    return status


def test_an_ordinary_program_would_leave_a_core(lab, guest):
    """Or the next test would show nothing."""
    ran = start(["setpriv", "--reuid", str(guest.uid), "--regid",
                 str(guest.gid), "--clear-groups", "sleep", "3401"],
                cwd=guest.home)
    process.wait_for(lambda: process.cmdline(ran.pid)[:1] == ["sleep"])
    os.kill(ran.pid, signal.SIGSEGV)
    status = wait_status(ran)
    for name in os.listdir(guest.home):
        if name.startswith("core"):
            os.unlink(f"{guest.home}/{name}")
    assert os.WIFSIGNALED(status) and os.WCOREDUMP(status)


@pytest.mark.parametrize("sig", FATAL, ids=lambda sig: sig.name)
def test_a_supervisor_leaves_no_core(lab, crun_box, sig):
    user = crun_box.user
    ran = start(lab.direct_argv(user, "-c", "exec sleep 3402"), user.home)
    leader = process.find_one("sleep", "3402")
    supervisor = process.parent(leader)
    assert supervisor == ran.pid
    assert lab.run_as(user, "kill", f"-{int(sig)}",
                      str(supervisor)).status == 0
    status = wait_status(ran)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == sig
    assert not os.WCOREDUMP(status)
    process.wait_for(lambda: not process.alive(leader), 5, "its end")


@pytest.mark.parametrize("sig", FATAL[:3], ids=lambda sig: sig.name)
def test_a_shell_that_dies_leaves_no_core_of_ours(lab, crun_box, sig):
    """We end by the same signal."""
    ran = start(lab.direct_argv(crun_box.user, "-c", "exec sleep 3403"))
    os.kill(process.find_one("sleep", "3403"), sig)
    status = wait_status(ran)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == sig
    assert not os.WCOREDUMP(status)


def test_what_proc_shows_of_our_processes_is_roots(lab, crun_box):
    """As it is for a process that cannot be dumped or traced."""
    ran = start(lab.direct_argv(crun_box.user, "-c", "exec sleep 3404"))
    leader = process.find_one("sleep", "3404")
    try:
        ours = [ran.pid, *(pid for pid in process.children(ran.pid)
                           if pid != leader)]
        assert len(ours) == 2
        for pid in ours:
            for name in ("mem", "environ", "maps", "fd", "coredump_filter"):
                info = os.stat(f"/proc/{pid}/{name}")
                assert (info.st_uid, info.st_gid) == (0, 0), (pid, name)
            for name in ("mem", "environ", "maps", "auxv"):
                assert lab.run_as(crun_box.user, "cat",
                                  f"/proc/{pid}/{name}").status == 1
    finally:
        os.kill(leader, signal.SIGKILL)
        ran.wait(10)


# -- from inside a container -------------------------------------------------

FORGED = """host_shell = "/bin/sh"
rule all {{ match = {{"*"}} container = "pidfile:/proc/1/forged" }}
"""


@contextlib.contextmanager
def forged_etc(lab, user):
    """A configuration as a container's root might write it: this user is an
    administrator."""
    directory = f"{lab.base}/forged"
    os.makedirs(f"{directory}/users")
    rootfs.write(directory, "ctsh.conf", FORGED.format())
    rootfs.write(directory, "break_glass", f"{user.name}\n")
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def nested(refusal, result, user, namespace):
    reason = refusal(result, user, "E_SYSTEM", known=False)
    assert reason == f"called in a container: another self/ns/{namespace}"


@pytest.fixture
def machine(lab, guest):
    """A container without a user namespace in which the host's programs are
    mounted, with all capabilities."""
    root = lab.tree("machine")
    with forged_etc(lab, guest) as etc:
        directory = f"{lab.base}/bundles/machine"
        engines.bundle(directory, root, f"/{lab.tag}/machine", seccomp=False)
        with open(f"{directory}/config.json") as file:
            config = json.load(file)
        caps = [f"CAP_{name}" for name in (
            "CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP "
            "SYS_ADMIN SYS_CHROOT SYS_PTRACE").split()]
        config["process"]["capabilities"] = {
            kind: caps for kind in ("bounding", "effective", "permitted")}
        for source, target in [
                *((path, path) for path in ("/usr", "/lib", "/lib64",
                                            "/etc/passwd", "/etc/group",
                                            "/etc/nsswitch.conf")),
                (lab.base, lab.base), (etc, lab.ctsh.etc),
                (lab.log.path, "/dev/log")]:
            if os.path.exists(source):
                config["mounts"].append({
                    "destination": target, "source": source,
                    "type": "none", "options": ["bind"]})
        with open(f"{directory}/config.json", "w") as file:
            json.dump(config, file)
        with open(f"{directory}/log", "wb") as sink, \
                open(f"{directory}/log") as nothing:
            started = subprocess.run(
                [*lab.engine_prefix, "crun", "--root", lab.crun.state, "run",
                 "--detach", "--bundle", directory, "machine"],
                stdin=nothing, stdout=sink, stderr=sink, timeout=30)
        assert started.returncode == 0, process.tail(f"{directory}/log")
        try:
            yield "machine"
        finally:
            lab.crun.call("delete", "--force", "machine")
            shutil.rmtree(directory)


def test_called_in_a_container_it_refuses(lab, guest, machine, refusal):
    """The forged file would make the user an administrator there."""
    def inside(*argv):
        return lab.crun.call("exec", "--user", f"{guest.uid}:{guest.gid}",
                             machine, *argv)
    assert "4755" in inside("/usr/bin/stat", "-c", "%a", lab.ctsh.shell).out
    assert guest.name in inside("/bin/busybox", "cat",
                                f"{lab.ctsh.etc}/break_glass").out
    nested(refusal, inside(lab.ctsh.shell, "-c", "id"), guest, "pid")


def test_called_in_a_pid_namespace_it_refuses(lab, crun_box, refusal):
    argv = lab.direct_argv(crun_box.user, "-c", "id")
    at = len(lab.log_prefix)
    argv[at:at] = ["unshare", "--pid", "--fork", "--mount-proc",
                   "--propagation", "private"]
    nested(refusal, process.run(argv), crun_box.user, "pid")


def test_called_in_a_user_namespace_it_refuses(lab, crun_box, refusal):
    """With every id mapped, so that the setuid bit works there."""
    argv = lab.direct_argv(crun_box.user, "-c", "id")
    at = len(lab.log_prefix)
    argv[at:at] = ["unshare", "--user", "--mount", "--propagation",
                   "private", "sh", "-c", 'echo; read -r go && exec "$@"',
                   "-"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as ran:
        assert ran.stdout.readline() == b"\n"
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{ran.pid}/{name}", "w") as file:
                file.write("0 0 4294967295\n")
        out, err = ran.communicate(b"go\n", timeout=20)
    nested(refusal, process.Result(ran.returncode, process.text(out),
                                   process.text(err), 0),
           crun_box.user, "user")


def test_root_is_served_in_a_container_too(lab):
    """Who is root there gains nothing; its administrator is not locked out."""
    result = process.run([*lab.log_prefix, "unshare", "--pid", "--fork",
                          "--mount-proc", "--propagation", "private",
                          lab.ctsh.shell, "-c", "id -u"], env=ROOTS_ENV)
    assert (result.status, result.out) == (0, "0\n")


# -- a terminal that is somebody else's --------------------------------------

def out_of_reach(slave):
    """In a child: its terminal's foreground is another group, and nobody is
    there who could change that."""
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    other = os.fork()
    if other == 0:
        process.die_with_parent()
        os.closerange(0, 256)
        signal.pause()
    os.setpgid(other, other)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(slave, other)


def test_a_terminal_that_cannot_be_had_is_told_on_a_relayed_stderr(
        lab, crun_box, refusal):
    master, slave = pty.openpty()
    ours, theirs = socket.socketpair()
    ran = subprocess.Popen(
        lab.direct_argv(crun_box.user, "-c", "sleep 1"), stdin=slave,
        stdout=subprocess.PIPE, stderr=theirs,
        preexec_fn=lambda: out_of_reach(slave))
    theirs.close()
    os.close(slave)
    ours.settimeout(20)
    err = b"".join(iter(lambda: ours.recv(4096), b""))
    out, _ = ran.communicate(timeout=20)
    ours.close()
    os.close(master)
    reason = refusal(process.Result(ran.returncode, process.text(out),
                                    process.text(err), 0),
                     crun_box.user, "E_SYSTEM")
    assert reason == "make the terminal raw: EIO"


# -- others are not held up --------------------------------------------------

def test_a_stopped_login_of_one_user_does_not_hold_up_another(lab, crun_box):
    """Twenty sessions, their supervisors stopped."""
    running = [start(lab.direct_argv(crun_box.user, "-c", "exec sleep 3405"))
               for _ in range(20)]
    try:
        leaders = process.wait_for(
            lambda: len(found := process.find("sleep", "3405")) == 20
            and found, what="20 sessions")
        for pid in {process.parent(leader) for leader in leaders}:
            assert lab.run_as(crun_box.user, "kill", "-STOP",
                              str(pid)).status == 0
        for user in (crun_box.user, lab.boxes["runc"].user):
            assert lab.direct(user, "-c", "hostname").out == INSIDE
    finally:
        for one in running:
            one.kill()
            one.wait(10)
        process.wait_for(lambda: not process.find("sleep", "3405"), 10,
                         "their end")
