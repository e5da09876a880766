# SPDX-License-Identifier: MIT
"""Our own processes, and attacks on them."""

import contextlib
import errno
import hashlib
import os
import shutil
import signal
import subprocess
import time

import pytest

from lab import process


@contextlib.contextmanager
def session(lab, user, number, tty=False):
    """A login that sleeps; its processes."""
    ran = subprocess.Popen(
        lab.sshd.argv(user.name, f"exec sleep {number}",
                      options=["RequestTTY=force"] if tty else []),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)
    try:
        yield Session(lab, process.find_one("sleep", str(number)), ran, tty)
    finally:
        ran.terminate()
        ran.communicate(timeout=10)
        process.end_all("sleep", str(number))


class Session:
    def __init__(self, lab, leader, client, terminal):
        self.client = client
        self.terminal = terminal
        self.leader = leader
        self.supervisor = process.parent(leader)
        self.watchdog = watchdog_of(self.supervisor)


def watchdog_of(supervisor):
    """The process of ours that watches this one: its child, and root's."""
    found = [pid for pid in process.children(supervisor)
             if process.status(pid).get("Uid", "").split()[:1] == ["0"]
             and process.cmdline(pid)[:1] == ["ctsh-session"]]
    assert len(found) == 1, found
    return found[0]


@pytest.fixture(params=[False, True], ids=["command", "terminal"])
def running(request, lab, box):
    with session(lab, box.user, 3101, request.param) as it:
        yield box, it


def test_the_supervisor_is_the_user_without_any_power(running):
    box, it = running
    status = process.status(it.supervisor)
    uid, gid = str(box.user.uid), str(box.user.gid)
    assert {name: status[name] for name in (
        "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd",
        "CapAmb", "NoNewPrivs", "Seccomp")} == {
        "Uid": "\t".join([uid] * 4), "Gid": "\t".join([gid] * 4),
        "Groups": gid, "CapInh": "0" * 16, "CapPrm": "0" * 16,
        "CapEff": "0" * 16, "CapBnd": "0" * 16, "CapAmb": "0" * 16,
        "NoNewPrivs": "1", "Seccomp": "2"}


def test_the_watchdog_may_kill_and_nothing_else(running):
    _, it = running
    status = process.status(it.watchdog)
    cap_kill = f"{1 << 5:016x}"
    assert {name: status[name] for name in (
        "Uid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
        "NoNewPrivs", "Seccomp")} == {
        "Uid": "\t".join(["0"] * 4), "CapInh": "0" * 16,
        "CapPrm": cap_kill, "CapEff": cap_kill, "CapBnd": cap_kill,
        "CapAmb": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}


def test_our_processes_stay_on_the_host(running):
    _, it = running
    for pid in (it.supervisor, it.watchdog):
        seen, host = process.namespaces(pid), process.namespaces(it.client.pid)
        del seen["mnt"], host["mnt"]
        assert seen == host


def test_the_user_may_not_look_into_the_supervisor(lab, running):
    box, it = running
    result = lab.run_as(box.user, "readlink", f"/proc/{it.supervisor}/exe")
    assert (result.status, result.out) == (1, "")


def test_the_user_may_not_end_the_watchdog(lab, running):
    box, it = running
    result = lab.run_as(box.user, "kill", "-9", str(it.watchdog))
    assert result.status == 1
    assert process.alive(it.watchdog)


def test_the_session_ends_when_its_supervisor_is_killed(running):
    _, it = running
    os.kill(it.supervisor, signal.SIGKILL)
    process.wait_for(lambda: not process.alive(it.leader), 5,
                     "the session's end")
    process.wait_for(lambda: not process.alive(it.watchdog), 5,
                     "the watchdog's end")


def test_no_session_goes_on_without_its_watchdog(running):
    """Killed by root, or by the kernel for memory.  Without a terminal nobody
    but the watchdog may signal a shell of another uid; its pipes end."""
    _, it = running
    os.kill(it.watchdog, signal.SIGKILL)
    process.wait_for(lambda: not process.alive(it.supervisor), 5,
                     "the supervisor's end")
    if it.terminal:
        process.wait_for(lambda: not process.alive(it.leader), 5,
                         "the session's end")
    elif process.alive(it.leader):
        os.kill(it.leader, signal.SIGKILL)


def test_the_watchdog_ends_with_the_session(running):
    _, it = running
    os.kill(it.leader, signal.SIGTERM)
    process.wait_for(lambda: not process.alive(it.watchdog), 5,
                     "the watchdog's end")
    assert not process.alive(it.supervisor)


@pytest.mark.parametrize("option", ["-x", "-c"])
def test_only_the_caller_writes_to_the_callers_stderr(lab, guest, option):
    """A pipe that fills up in between, or a file of a file system of the
    caller's own, makes the write hang: then nothing of root's may."""
    argv = [option] if option == "-x" else [option, "true"]
    trace = f"{lab.base}/stderr.trace"
    result = process.run(
        ["strace", "-f", "-e", "trace=write,setresuid", "-o", trace,
         *lab.direct_argv(guest, *argv)], b"", 30)
    assert result.status == 125 and result.err.startswith("ctsh: ")
    with open(trace) as file:
        lines = file.readlines()
    told = [line for line in lines if 'write(2, "ctsh: ' in line]
    assert len(told) == 1, lines
    pid, uid = told[0].split()[0], guest.uid
    before = [line for line in lines[:lines.index(told[0])]
              if line.split()[0] == pid and "setresuid(" in line]
    assert f"setresuid({uid}, {uid}, {uid}) = 0" in \
        " ".join(before[-1].split()), before


def test_the_login_ends_when_the_container_does(lab, guest):
    with lab.crun.container("short", lab.boxes["crun"].container.root) as it, \
            lab.config.own(guest, f'container = "{it.spec}"\n'), \
            session(lab, guest, 3102) as login:
        lab.crun.call("kill", "short", "KILL", check=True)
        login.client.wait(5)
        process.wait_for(lambda: not process.alive(login.supervisor), 5,
                         "the supervisor's end")


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_a_program_of_ours_that_somebody_holds_cannot_be_written(
        lab, crun_box):
    """CVE-2019-5736: who keeps /proc/PID/exe open writes to it when it is no
    longer busy.  Tried as the host's root, who has all that a container's
    could have."""
    before = sha256(lab.ctsh.session), sha256(lab.ctsh.shell)
    with session(lab, crun_box.user, 3108) as login:
        held = os.open(f"/proc/{login.supervisor}/exe", os.O_RDONLY)
    try:
        process.wait_for(lambda: not process.alive(login.supervisor),
                         what="the supervisor's end")
        assert os.fstat(held).st_ino == os.stat(lab.ctsh.session).st_ino
        for act in (lambda: os.open(f"/proc/self/fd/{held}", os.O_WRONLY),
                    lambda: os.fchmod(held, 0o777),
                    lambda: os.fchown(held, 1, 1)):
            with pytest.raises(OSError) as refused:
                act()
            assert refused.value.errno == errno.EROFS
    finally:
        os.close(held)
    assert (sha256(lab.ctsh.session), sha256(lab.ctsh.shell)) == before


@pytest.mark.parametrize("key", ["\x03", "\x1a", "\x1c"],
                         ids=["control-c", "control-z", "control-backslash"])
def test_keys_during_a_login_do_not_stop_it(lab, guest, key):
    with lab.fake_engine("silent") as path, lab.config.extended(
            f'engine fake {{ type = "docker" socket = "{path}" }}\n'), \
            lab.config.own(guest, 'container = "fake:box"\n'), \
            lab.direct_terminal(guest) as opened:
        process.wait_for(lambda: [pid for pid in process.descendants(
            os.getpid()) if process.cmdline(pid)[:1] == ["ctsh-session"]],
            what="a login under way")
        opened.type(key)
        opened.see(r"\[E_ENGINE [0-9a-f]{8}\]", timeout=8)
        assert opened.end() == 125


def test_the_user_cannot_signal_a_login_under_way(lab, guest):
    with lab.fake_engine("silent") as path, lab.config.extended(
            f'engine fake {{ type = "docker" socket = "{path}" }}\n'), \
            lab.config.own(guest, 'container = "fake:box"\n'):
        with subprocess.Popen(lab.direct_argv(guest, "-c", "id"),
                              stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE) as ran:
            mine = process.wait_for(
                lambda: [pid for pid in process.descendants(os.getpid())
                         if process.cmdline(pid)[:1] == ["ctsh-session"]],
                what="a login under way")
            for pid in mine:
                assert lab.run_as(guest, "kill", "-STOP",
                                  str(pid)).status == 1
            assert b"E_ENGINE" in ran.communicate(timeout=10)[1]
            assert ran.returncode == 125


def test_a_stopped_log_daemon_delays_no_login(lab, crun_box):
    with lab.log.stopped():
        start = time.monotonic()
        result = lab.direct(crun_box.user, "-c", "echo in")
        assert result.out == "in\n"
        assert time.monotonic() - start < 1


def test_a_stopped_log_daemon_delays_no_refusal(lab, guest):
    with lab.log.stopped():
        start = time.monotonic()
        assert lab.direct(guest, "-c", "id").status == 125
        assert time.monotonic() - start < 1


def test_a_frozen_reader_costs_no_memory(lab, crun_box):
    """`yes` at a terminal that nobody reads."""
    master, slave = os.openpty()
    try:
        ran = subprocess.Popen(
            lab.direct_argv(crun_box.user, "-c", "exec busybox yes"),
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        leader = process.find_one("yes")
        supervisor = process.parent(leader)
        time.sleep(1)
        resident = int(process.status(supervisor)["RssAnon"].split()[0])
        assert resident < 512
        ran.kill()
    finally:
        os.close(slave)
        os.close(master)
    process.wait_for(lambda: not process.find("yes"), what="the end of yes")
    ran.wait(10)


def test_a_log_line_cannot_be_forged(lab, crun_box):
    lines = lab.log.since()
    lab.direct(crun_box.user, "-c", "true", env={
        "SSH_CLIENT": "1.2.3.4\nopen user=root ref=00000000",
        "SSH_CONNECTION": "\x1b[31m\x9b 5 6 7 refused"})
    for line in lab.log.login(lines):
        assert line.isprintable() and line.isascii()
        assert "ref=00000000" not in line.split('"')[0]


def test_the_installed_modes_are_the_promised_ones(lab):
    def seen(path):
        info = os.stat(path)
        return oct(info.st_mode & 0o7777), info.st_uid, info.st_gid
    assert seen(lab.ctsh.shell) == ("0o4755", 0, 0)
    assert seen(lab.ctsh.session) == ("0o700", 0, 0)


def test_the_session_program_refuses_a_user(lab, guest):
    """Whoever gets at a copy of it has nothing."""
    copy = f"{lab.base}/copy"
    shutil.copy(lab.ctsh.session, copy)
    os.chmod(copy, 0o755)
    result = lab.run_as(guest, copy, "1", str(guest.uid), str(guest.gid),
                        "022", "command", "id")
    os.unlink(copy)
    assert (result.status, result.out) == (125, "")


@pytest.mark.parametrize("words", [
    ["2", "{uid}", "{gid}", "022", "command", "id"],
    ["1", "{uid}", "{gid}", "022", "command"],
    ["1", "{uid}", "{gid}", "022", "other", "id"],
    ["1", "-1", "{gid}", "022", "command", "id"],
    ["1", "4294967295", "{gid}", "022", "command", "id"],
    ["1", "{uid}", "{gid}", "999", "command", "id"], []],
    ids=lambda w: " ".join(w) or "none")
def test_the_session_program_refuses_another_handover(lab, crun_box, words):
    user = crun_box.user
    words = [word.format(uid=user.uid, gid=user.gid) for word in words]
    result = process.run([*lab.log_prefix, lab.ctsh.session, *words],
                         env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                              "LC_ALL": "C"})
    assert (result.status, result.out) == (125, "")


def test_under_no_new_privs_it_refuses(lab, crun_box):
    user = crun_box.user
    result = process.run(
        [*lab.log_prefix, "setpriv", "--reuid", str(user.uid), "--regid",
         str(user.gid), "--init-groups", "--no-new-privs", "--",
         lab.ctsh.shell, "-c", "id"])
    assert (result.status, result.out) == (125, "")
    assert "[E_SYSTEM " in result.err


def test_a_deleted_working_directory_harms_nobody(lab, crun_box):
    directory = f"{lab.base}/gone"
    os.mkdir(directory)
    argv = lab.direct_argv(crun_box.user, "-c", "hostname")
    result = process.run(["sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"',
                          directory, *argv])
    assert result.out == "inside\n"


@pytest.mark.parametrize("limit", ["-n 4", "-f 0", "-c unlimited", "-s 64",
                                   "-u 1", "-v 20000", "-t 1"])
def test_soft_limits_of_the_caller_change_nothing(lab, crun_box, limit):
    argv = lab.direct_argv(crun_box.user, "-c", "id -u")
    setpriv = argv[:argv.index("--") + 1]
    rest = argv[argv.index("--") + 1:]
    # Lowered by the user's own process, just before it calls ctsh.
    result = process.run([*setpriv, "bash", "-c",
                          f'ulimit -S {limit} && exec "$@"', "-", *rest])
    assert result.out == f"{crun_box.uid}\n"


@pytest.mark.parametrize("limit", ["--as=3000000", "--data=1000000",
                                   "--nofile=10", "--stack=262144"])
def test_hard_limits_too_low_for_our_programs(lab, guest, limit):
    """Or the loader complains as root, to wherever the caller's stderr leads."""
    argv = lab.direct_argv(guest, "-c", "true")
    place = argv.index("--") + 1
    argv[place:place] = ["prlimit", limit]
    result = process.run(argv, b"", 20)
    assert result.status == 125 and "[E_SYSTEM " in result.err, result
