# SPDX-License-Identifier: MIT
"""What went wrong elsewhere does not go wrong here.

tests/data/cves/table names each failure of another program that enters
containers, or is setuid, and the test that would fail if it were ours; the
tests that have no better place are here.
"""

import contextlib
import os
import re
import signal
import stat
import subprocess

import pytest

from lab import handmade, process, rootfs

HERE = os.path.dirname(__file__)
TESTS = os.path.dirname(HERE)


# -- the table ---------------------------------------------------------------

def table():
    """(identifiers, program, what went wrong, where it is held)."""
    path = f"{TESTS}/data/cves/table"
    with open(path, encoding="ascii") as file:
        lines = [line.rstrip("\n") for line in file]
    return [[cell.strip() for cell in line.split("|")] for line in lines
            if line and not line.startswith("#")]


def test_each_failure_is_named_once():
    names = [name for row in table() for name in row[0].split()]
    assert len(names) == len(set(names)) and len(names) > 60
    for name in names:
        assert re.fullmatch(r"CVE-\d{4}-\d{4,7}|[a-z-]+-[a-z0-9.]+",
                            name), name


def test_each_row_says_what_happened_and_what_holds():
    for row in table():
        assert len(row) == 4 and all(row), row


def test_each_test_in_the_table_exists():
    missing = []
    for _, _, _, held in table():
        if held.startswith("none: "):
            continue
        for name in held.split():
            file, _, function = name.partition("::")
            with open(f"{TESTS}/{file}", encoding="utf-8") as source:
                if not re.search(rf"\b{function}\(", source.read()):
                    missing.append(name)
    assert missing == []


def test_each_test_of_a_failure_is_in_the_table():
    with open(__file__, encoding="utf-8") as source:
        tests = re.findall(r"^def (test_cve_\w+)\(", source.read(), re.M)
    held = {name.partition("::")[2] for row in table()
            for name in row[3].split()}
    assert [name for name in tests if name not in held] == []


# -- helpers -----------------------------------------------------------------

@contextlib.contextmanager
def unmanaged(lab, guest, root, keys=""):
    """The guest's container: made by hand, with that userland."""
    with handmade.handmade(lab, root) as it, \
            handmade.pidfile(lab, it.pid) as path, \
            lab.config.own(guest, f'container = "pidfile:{path}"\n{keys}'):
        yield it


def traced(lab, calls, argv, **more):
    """Result and lines (pid, call) of a login under strace."""
    trace = f"{lab.base}/cve.trace"
    result = process.run(["strace", "-f", "-qq", "-v", "-s", "4096", "-e",
                          f"trace={calls}", "-e", "signal=none", "-o", trace,
                          *argv], **more)
    lines = [line.split(None, 1) for line in
             process.read(trace).splitlines()]
    return result, [(int(pid), call) for pid, call in lines]


def with_environment(lab, user, variables, *args):
    """argv of a login in whose environment, and in nobody else's, they are."""
    words = [f"{name}={value}" for name, value in variables.items()]
    return lab.direct_argv(user, *words, lab.ctsh.shell, *args, argv0="env",
                           program="/usr/bin/env")


def marker(lab):
    """A file of the host's that no container may show."""
    path = f"{lab.base}/cve-marker"
    with open(path, "w", encoding="ascii") as file:
        file.write("host\n")
    return path


# -- libraries and the caller's environment ----------------------------------

NAMES = """LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT LOCPATH NLSPATH GCONV_PATH
    MALLOC_TRACE TMPDIR TZ TZDIR HOSTALIASES RESOLV_HOST_CONF NIS_PATH
    LIBVIRT_LOG_OUTPUTS LIBVIRT_DEFAULT_URI DOCKER_HOST DOCKER_CONFIG
    CONTAINER_HOST XDG_CONFIG_HOME XDG_RUNTIME_DIR HOME SHELL ENV BASH_ENV
    INPUTRC TERMINFO TERMCAP LXC_PATH LANGUAGE LANG LC_ALL""".split()


def test_cve_2013_4400_no_file_of_the_callers_choice_is_touched(lab, crun_box):
    bait = f"{lab.users['evil'].home}/bait"
    variables = {name: f"{bait}/{name}" for name in NAMES}
    variables["PATH"] = f"{bait}/bin"
    result, lines = traced(lab, "%file,connect,bind", with_environment(
        lab, crun_box.user, variables, "-c", "true"))
    assert (result.status, result.err) == (0, "")
    assert any(lab.ctsh.session in call or "execveat(" in call
               for _, call in lines)
    touched = [call for _, call in lines if bait in call
               and not call.startswith(("execve(", "execveat("))]
    assert touched == []
    assert [call for _, call in lines
            if call.startswith(f'execve("{bait}')] == []


OURS = re.compile(r"PATH=/usr/sbin:/usr/bin:/sbin:/bin|LC_ALL=C|"
                  r"CTSH_CALLER_[A-Za-z0-9_]+=.*")


def test_cve_2023_4911_no_variable_reaches_our_program_by_its_name(lab,
                                                                   crun_box):
    variables = {name: "/x" for name in NAMES}
    variables["GLIBC_TUNABLES"] = "glibc.malloc.mxfast=" * 2 + "A" * 600
    result, lines = traced(lab, "execve,execveat", with_environment(
        lab, crun_box.user, variables, "-c", "true"))
    assert (result.status, result.err) == (0, "")
    call, = [call for _, call in lines if "ctsh-session" in call]
    environment = call[call.index("], [") + 3:call.rindex("]") + 1]
    found = re.findall(r'"((?:[^"\\]|\\.)*)"', environment)
    assert "CTSH_CALLER_GLIBC_TUNABLES=" in " ".join(found)
    assert [one for one in found if not OURS.fullmatch(one)] == []


def test_cve_2020_17367_no_program_but_ours_runs_on_the_host(lab, crun_box):
    """Least of all a shell that is given the caller's words."""
    made = f"{lab.base}/injected"
    command = f"true --output=/tmp/x; touch {made}; $(touch {made})"
    _, lines = traced(lab, "execve,execveat", lab.direct_argv(
        crun_box.user, "-c", command))
    started = [call for _, call in lines if call.rstrip().endswith("= 0")]
    after = next(i for i, call in enumerate(started)
                 if call.startswith(f'execve("{lab.ctsh.shell}"'))
    programs = [call for call in started[after + 1:]]
    assert "ctsh-session" in programs[0]
    assert programs[1].startswith('execve("/bin/sh", ["sh", "-c", ')
    assert not os.path.exists(made)


def test_cve_2014_6271_no_function_comes_in_by_a_variable(lab, crun_box):
    function = "() { :; }; echo vulnerable"
    result = lab.direct(crun_box.user, "-c", "env", env={
        name: function for name in ("TERM", "LANG", "LC_ALL", "LC_X", "TZ",
                                    "COLORTERM", "SSH_CLIENT")})
    assert result.status == 0
    assert "()" not in result.out and "vulnerable" not in result.out


@pytest.mark.parametrize("argv0", ["sudoedit", "-sudoedit"])
def test_cve_2021_3156_backslashes_stay_what_they_are(lab, crun_box, argv0):
    """Whatever the program is called by; and the last one too."""
    result = lab.direct(crun_box.user, "-c", "printf %s 'a\\' b\\\\; #\\",
                        argv0=argv0)
    assert (result.status, result.out) == (0, "a\\b\\"), result


# -- where our own files are -------------------------------------------------

def test_cve_2021_44730_a_hard_link_finds_the_same_program(lab, crun_box):
    """Beside the link lies what a path relative to it would lead to."""
    place = f"{lab.base}/linked"
    called = f"{lab.base}/called"
    for name in ("bin", "libexec/ctsh", "etc/ctsh"):
        os.makedirs(f"{place}/{name}")
    os.link(lab.ctsh.shell, f"{place}/bin/ctsh")
    rootfs.write(place, "libexec/ctsh/ctsh-session",
                 f"#!/bin/sh\ntouch {called}\n", 0o755)
    result = process.run(lab.direct_argv(crun_box.user, "-c", "hostname",
                                         program=f"{place}/bin/ctsh"))
    os.unlink(f"{place}/bin/ctsh")
    assert result.out == "inside\n"
    assert not os.path.exists(called)


@pytest.mark.parametrize("name", ["", "slots", "filters"])
def test_cve_2021_44731_a_directory_that_somebody_else_made(lab, crun_box,
                                                            refusal, name):
    """Where we keep things, somebody was first."""
    lab.direct(crun_box.user, "-c", "true")
    path = f"{lab.ctsh.run}/{name}".rstrip("/")
    os.chown(path, lab.users["evil"].uid, 0)
    try:
        result = lab.direct(crun_box.user, "-c", "true")
        assert "root" in refusal(result, crun_box.user, "E_SYSTEM")
    finally:
        os.chown(path, 0, 0)


def test_cve_2022_47952_the_answer_does_not_tell_what_exists(lab, crun_box,
                                                             refusal):
    there = marker(lab)
    for path in (there, f"{there}.not", "/root/.bashrc", "/root/.not"):
        result, lines = traced(lab, "%file", lab.direct_argv(
            crun_box.user, path))
        refusal(result, crun_box.user, "E_USAGE", known=False)
        assert [call for _, call in lines if f'"{path}"' in call
                and not call.startswith("execve(")] == []


# -- which process -----------------------------------------------------------

def test_cve_2017_1000367_a_process_name_like_fields(lab, guest):
    """The record's start time is compared with a field behind that name."""
    with lab.crun.container("named", handmade.strange_tree(
            lab, "named")) as it, \
            lab.config.own(guest, f'container = "{it.spec}"\n'):
        assert process.read(f"/proc/{it.pid}/comm") == ") R 1 1 1 (\n"
        assert lab.direct(guest, "-c", "hostname").out == "inside\n"


# -- the last moment before the shell ----------------------------------------

@contextlib.contextmanager
def about_to_execute(lab, box):
    """PID of the process that will be the shell, in its last moments."""
    own = os.readlink(f"/proc/{box.init}/ns/pid")

    def inside():
        return [pid for pid in process.pids()
                if process.cmdline(pid)[:1] == ["ctsh-session"]
                and pid_namespace(pid) == own]
    argv = ["strace", "-f", "-qq", "-o", "/dev/null", "--trace=getcwd",
            "--inject=getcwd:delay_exit=1500000:when=1",
            *lab.direct_argv(box.user, "-c", "echo in")]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as login:
        pid, = process.wait_for(inside, 10, "a process inside")
        process.wait_for(lambda: os.readlink(f"/proc/{pid}/cwd") != "/", 5,
                         "the change of directory")
        yield pid
        assert pid in inside(), "too late"
        assert login.communicate(timeout=15) == (b"in\n", b"")


def pid_namespace(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None


@pytest.mark.parametrize("kind", ["crun", "userns"])
def test_cve_2016_9962_nothing_of_the_hosts_is_within_reach(lab, kind):
    """What a container's root could trace, or see in /proc."""
    box = lab.boxes[kind]
    shift = 300000 if kind == "userns" else 0
    with about_to_execute(lab, box) as pid:
        status = process.status(pid)
        for name in os.listdir(f"/proc/{pid}/fd"):
            info = os.stat(f"/proc/{pid}/fd/{name}")
            assert stat.S_ISFIFO(info.st_mode) or \
                (stat.S_ISCHR(info.st_mode) and info.st_rdev == 0x103), name
        assert os.path.samestat(os.stat(f"/proc/{pid}/root"),
                                os.stat(f"/proc/{box.init}/root"))
        assert os.path.samestat(
            os.stat(f"/proc/{pid}/cwd"),
            os.stat(f"/proc/{box.init}/root/home/{box.user.name}"))
        # Not dumpable: its files in /proc are root's.
        assert os.stat(f"/proc/{pid}/environ").st_uid == 0
    assert status["Uid"].split() == [str(box.uid + shift)] * 4
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff",
                                      "CapAmb")} == {"0" * 16}


# What a process of ours does with paths between joining and the shell.
BELOW = re.compile(r'fchdir\(\d+\)|chroot\("\."\)|chdir\("/"\)|'
                   r'chdir\("/home/[a-z0-9]+"\)|getcwd\(|'
                   r'execve\("/bin/(ba)?sh", |setns\(')
PATHS = ("%file,open_tree,move_mount,mount_setattr,fsopen,fchdir,setns,"
         "fchown,fchmod,getcwd,name_to_handle_at,open_by_handle_at")


@pytest.mark.parametrize("tty", [False, True], ids=["command", "terminal"])
def test_cve_2025_6020_inside_nothing_is_done_by_path(lab, crun_box, tty):
    """Not opened, made, mounted, chowned: no link or race can misdirect it."""
    argv = lab.direct_argv(crun_box.user, "-c", "true")
    if tty:
        argv = ["setsid", "script", "-qec", " ".join(
            f"'{word}'" for word in argv), "/dev/null"]
    result, lines = traced(lab, PATHS, argv)
    assert result.status == 0, result
    joined = next(i for i, (_, call) in enumerate(lines)
                  if call.startswith("setns(") and "CLONE_NEWPID" in call)
    mover = lines[joined][0]
    shell = next(i for i, (_, call) in enumerate(lines)
                 if i > joined and call.startswith('execve("/bin/'))
    inside = [call for pid, call in lines[joined:shell + 1]
              if pid in (mover, lines[shell][0])]
    assert len(inside) >= 6
    assert [call for call in inside if not BELOW.match(call)] == []


CHANGES = ("chown,lchown,fchownat,chmod,fchmodat,mkdir,mkdirat,mknod,mknodat,"
           "symlink,symlinkat,link,linkat,rename,renameat,renameat2,unlink,"
           "unlinkat,rmdir,mount,umount2,creat,truncate,utimensat")


def test_cve_2026_53612_a_login_changes_no_file_by_path(lab, guest):
    """But for its own directory, which is only root's."""
    with lab.crun.container("changes", lab.boxes["crun"].container.root) \
            as it, lab.config.own(guest, f'container = "{it.spec}"\n'):
        result, lines = traced(lab, CHANGES, lab.direct_argv(
            guest, "-c", "true"))
    assert result.status == 0
    own = re.compile(rf'mkdirat\(AT_FDCWD, "{lab.ctsh.run}", 0700\)|'
                     r'mkdirat\(\d+, "(slots|filters)", 0700\)|'
                     r'unlinkat\(\d+, "\d+-\d+(\.new|\.lock|-\d+-\d+)", 0\)|'
                     r'renameat\(\d+, "\d+-\d+\.new", \d+, '
                     r'"\d+-\d+-\d+-\d+"\)')
    assert any("renameat" in call for _, call in lines)
    assert [call for _, call in lines if not own.match(call)] == []


# -- what the container's files say ------------------------------------------

LEADS_OUT = ["/proc/self/fd/{n}", "/proc/self/fd/{n}/../../..",
             "/proc/thread-self/fd/{n}", "/proc/1/fd/{n}"]


def test_cve_2024_21626_a_home_that_leads_out(lab, guest):
    """Through a descriptor of ours that is still open, or a link to one."""
    root, host = lab.tree("leads-out"), marker(lab)
    passwd = process.read(f"{root}/etc/passwd")
    os.symlink("/proc/self/fd/4", f"{root}/home/link")
    homes = ["/home/link"] + [form.format(n=n) for n in range(3, 10)
                              for form in LEADS_OUT[:2 if n > 4 else 4]]
    with unmanaged(lab, guest, root):
        for home in homes:
            rootfs.write(root, "etc/passwd",
                         passwd.replace(f"/home/{guest.name}", home))
            result = lab.direct(guest, "-c", "pwd -P; exec ls -d "
                                f"{host} ../../../../../../../..{host}")
            assert (result.status, result.out) == (1, "/\n"), (home, result)


def test_cve_2019_16884_the_containers_proc_decides_nothing(lab, guest):
    """Something else is mounted there, with files of the same names."""
    root = lab.tree("false-proc")
    forge = """
        set -e
        mount -t tmpfs none /proc
        for name in self thread-self 1; do
            mkdir -p /proc/$name/attr /proc/$name/ns /proc/$name/fd
            for file in status attr/exec attr/current attr/apparmor \
                    uid_map gid_map setgroups oom_score_adj cgroup; do
                echo forged >/proc/$name/$file
                chmod 666 /proc/$name/$file
            done
        done
    """
    count = "grep -rl '^forged$' /proc | wc -l"
    with unmanaged(lab, guest, root) as it:
        process.run(["nsenter", f"--mount=/proc/{it.pid}/ns/mnt", "--",
                     "/bin/sh", "-c", forge], check=True)
        with subprocess.Popen(lab.direct_argv(guest, "-c",
                                              "exec sleep 3303"),
                              stdin=subprocess.DEVNULL) as login:
            try:
                pid = process.find_one("sleep", "3303")
                seen, init = process.status(pid), process.status(it.pid)
                assert process.namespaces(pid) == process.namespaces(it.pid)
                os.kill(pid, signal.SIGKILL)
                login.wait(10)
            finally:
                login.kill()
        assert seen["CapBnd"] == init["CapBnd"]
        assert seen["CapPrm"] == "0" * 16
        assert lab.direct(guest, "-c", count).out == "27\n"


def test_cve_2025_31133_a_null_device_that_is_a_link(lab, guest):
    root = lab.tree("false-null")
    rootfs.write(root, "precious", "precious\n", 0o600)
    os.symlink("/precious", f"{root}/dev/null")
    with unmanaged(lab, guest, root), \
            open(os.devnull, "rb") as nothing:
        result = lab.direct(guest, "-c", "stat -L -c %t:%T /proc/self/fd/0",
                            stdin=nothing)
    assert result.out == "1:3\n"
    info = os.stat(f"{root}/precious")
    assert (info.st_uid, stat.S_IMODE(info.st_mode)) == (0, 0o600)
    assert process.read(f"{root}/precious") == "precious\n"


def forge_dev(root, how):
    """A /dev without a devpts, that pretends to have one."""
    os.rmdir(f"{root}/dev")
    os.makedirs(f"{root}/elsewhere/pts")
    rootfs.write(root, "elsewhere/target", "target\n", 0o600)
    if how == "a_linked_dev":
        os.symlink("/elsewhere", f"{root}/dev")
    else:
        os.rename(f"{root}/elsewhere", f"{root}/dev")
    pts = os.path.realpath(f"{root}/dev/pts") if how != "a_linked_dev" \
        else f"{root}/elsewhere/pts"
    ptmx = {"a_plain_file": None,
            "a_linked_ptmx": "/dev/target",
            "a_linked_dev": "/proc/1/root/dev/target",
            "the_hosts": "/proc/self/fd/0"}[how]
    if ptmx:
        os.symlink(ptmx, f"{pts}/ptmx")
    else:
        rootfs.write(pts, "ptmx", "target\n", 0o666)
    os.symlink("pts/ptmx", f"{pts}/../ptmx")


@pytest.mark.parametrize("how", ["a_plain_file", "a_linked_ptmx",
                                 "a_linked_dev", "the_hosts"])
def test_cve_2025_52565_a_terminal_that_is_none(lab, guest, how):
    root = lab.tree(f"false-dev-{how}")
    forge_dev(root, how)
    with unmanaged(lab, guest, root):
        with lab.direct_terminal(guest) as opened:
            opened.see(r"\[E_UNSAFE [0-9a-f]{8}\]")
            assert opened.end() == 125
        assert lab.direct(guest, "-c", "echo in").out == "in\n"
    for path, _, names in os.walk(root):
        for name in names:
            if name == "target":
                info = os.stat(f"{path}/{name}")
                assert (info.st_uid, stat.S_IMODE(info.st_mode)) == (0, 0o600)
                assert process.read(f"{path}/{name}") == "target\n"


LIBRARY = """
#include <fcntl.h>
__attribute__((constructor)) static void loaded(void)
{
    open("/loaded", O_CREAT | O_WRONLY, 0666);
}
"""


def test_cve_2019_14271_no_library_of_the_containers_is_loaded(lab, guest):
    """One for each way that a name could be looked up, conversion and zone
    files among them."""
    root = lab.tree("libraries")
    os.chmod(root, 0o777)
    with open(f"{lab.base}/evil.c", "w", encoding="ascii") as file:
        file.write(LIBRARY)
    library = f"{lab.base}/evil.so"
    process.run(["gcc", "-shared", "-fPIC", "-o", library,
                 f"{lab.base}/evil.c"], check=True)
    rootfs.write(root, "etc/nsswitch.conf", "".join(
        f"{name}: evil files\n" for name in
        ("passwd", "group", "shadow", "initgroups", "hosts")))
    with open(library, "rb") as file:
        content = file.read()
    triplet = f"{os.uname().machine}-linux-gnu"
    for place in ("lib", "lib64", f"lib/{triplet}", f"usr/lib/{triplet}"):
        os.makedirs(f"{root}/{place}", exist_ok=True)
        for name in ("libnss_evil.so.2", "libnss_files.so.2",
                     "libnss_systemd.so.2", "gconv/UTF-8.so"):
            path = f"{root}/{place}/{name}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
    with unmanaged(lab, guest, root):
        result = lab.direct(guest, "-c", "id -un", env={"LANG": "C.UTF-8"})
        assert result.out == f"{guest.name}\n"
        assert not os.path.exists(f"{root}/loaded")
        # And it would show: the init's own program is static.
        process.run(["/usr/bin/python3", "-c", "import ctypes, os, sys;"
                     "os.chroot(sys.argv[1]); os.chdir('/');"
                     "ctypes.CDLL('/lib/libnss_evil.so.2')", root],
                    check=False)
    assert os.path.exists(f"{root}/loaded")


def fifo_for(root, name):
    os.unlink(f"{root}/etc/{name}")
    os.mkfifo(f"{root}/etc/pipe", 0o644)
    os.symlink("pipe", f"{root}/etc/{name}")


def test_cve_2024_9676_accounts_that_never_answer(lab, guest, refusal):
    root = lab.tree("fifo-passwd")
    fifo_for(root, "passwd")
    with unmanaged(lab, guest, root):
        result = lab.direct(guest, "-c", "echo in")
        refusal(result, guest, "E_IDENTITY")
        assert result.seconds < 5


def test_cve_2024_9676_groups_that_never_answer(lab, guest):
    """The container has no groups then, but for the account's own."""
    root = lab.tree("fifo-group")
    fifo_for(root, "group")
    with unmanaged(lab, guest, root):
        result = lab.direct(guest, "-c", "grep Groups /proc/self/status")
    assert result.out.split() == ["Groups:", str(lab.inner_uid("guest"))]
    assert result.seconds < 5


def test_cve_2024_22365_a_home_that_never_answers(lab, guest):
    root = lab.tree("fifo-home")
    home = f"{root}/home/{guest.name}"
    os.rmdir(home)
    os.mkfifo(home, 0o666)
    with unmanaged(lab, guest, root):
        result = lab.direct(guest, "-c", "pwd")
        assert (result.out, result.seconds < 5) == ("/\n", True)


# -- ids and power -----------------------------------------------------------

def test_cve_2022_2989_a_file_that_ones_own_group_may_not_read(lab, crun_box):
    """Who lacks a group may read it: both groups, then, must be there."""
    root, user = crun_box.container.root, crun_box.user
    for name, gid in (("primary", crun_box.uid), ("crew", 7001),
                      ("neither", 7002)):
        path = rootfs.write(root, f"tmp/{name}", f"{name}\n", 0o604)
        os.chown(path, 0, gid)
    result = lab.direct(user, "-c", "cd /tmp; cat primary crew neither")
    assert result.out == "neither\n"
    assert result.err.count("Permission denied") == 2


def test_cve_2022_29162_no_capability_is_inherited_from_the_caller(lab,
                                                                   crun_box):
    argv = lab.direct_argv(crun_box.user, "-c", "grep ^Cap /proc/self/status")
    argv[argv.index("setpriv"):argv.index("setpriv") + 1] = [
        "setpriv", "--inh-caps", "+chown,+net_raw"]
    check = [word if word != lab.ctsh.shell else "/bin/grep" for word in argv]
    check[check.index("/bin/grep"):] = ["/bin/grep", "grep", "CapInh",
                                        "/proc/self/status"]
    assert process.run(check).out.split()[1] != "0" * 16
    caps = dict(line.split() for line in process.run(argv).out.splitlines())
    assert {caps[f"Cap{kind}:"] for kind in ("Inh", "Prm", "Eff", "Amb")} == \
        {"0" * 16}


@pytest.mark.parametrize("value", ["1:1", "10:20", "1:4711"])
def test_cve_2026_30892_a_number_is_that_number(lab, guest, value):
    uid, _, gid = value.partition(":")
    with lab.config.own(guest, 'container = "labcrun:box"\n'
                        f'user = "{value}"\n'):
        result = lab.direct(guest, "-c", "id -u; id -g; id -G")
    assert result.out == f"{uid}\n{gid}\n{gid}\n"


def test_cve_2026_30892_a_number_without_an_account_is_nobody(lab, guest,
                                                              refusal):
    with lab.config.own(guest, 'container = "labcrun:box"\nuser = "1"\n'):
        refusal(lab.direct(guest, "-c", "id"), guest, "E_IDENTITY")


@pytest.mark.parametrize("value", ["-1", "#-1", "4294967295", "4294967296",
                                   "4294967295:1", "1:4294967295", "-1:-1"])
def test_cve_2019_14287_minus_one_is_nobody(lab, guest, refusal, value):
    with lab.config.own(guest, 'container = "labcrun:box"\n'
                        f'user = "{value}"\n'):
        refusal(lab.direct(guest, "-c", "id"), guest, "E_CONFIG")


@pytest.mark.parametrize("fields", ["-1:2000", "4294967295:2000",
                                    "2000:4294967295", "4294967296:2000",
                                    ":2000", "0x0:2000"])
def test_cve_2019_14287_minus_one_inside_is_nobody(lab, guest, refusal,
                                                   fields):
    """setresuid(-1) leaves everything as it is: root."""
    root = lab.tree("minus-one-" + re.sub(r"\W", "_", fields))
    rootfs.write(root, "etc/passwd", "root:x:0:0::/root:/bin/sh\n"
                 f"{guest.name}:x:{fields}::/:/bin/sh\n")
    with unmanaged(lab, guest, root):
        refusal(lab.direct(guest, "-c", "id"), guest, "E_IDENTITY")


def test_cve_2025_46802_no_terminal_is_opened_up(lab, crun_box):
    """Neither the caller's own nor the one inside, at any time seen."""
    with lab.direct_terminal(crun_box.user) as opened:
        outer = os.readlink(f"/proc/{opened.child.pid}/fd/0")
        first = stat.S_IMODE(os.stat(outer).st_mode)
        opened.prompt()
        assert stat.S_IMODE(os.stat(outer).st_mode) == first
        assert opened.ask("stat -c %a $(tty)") in ("620", "600")
        opened.type("exit\r")
        opened.end()
    assert first & 0o006 == 0
