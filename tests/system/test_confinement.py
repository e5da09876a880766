# SPDX-License-Identifier: MIT
"""Never more than the container."""

import contextlib
import ctypes
import os
import signal
import subprocess

import pytest

from lab import engines, laboratory, process


@contextlib.contextmanager
def session(lab, user, command):
    """A login that goes on in the background."""
    ran = subprocess.Popen(lab.sshd.argv(user.name, command),
                           stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield ran
    finally:
        ran.terminate()
        ran.communicate(timeout=10)


@pytest.fixture(scope="module", params=laboratory.BOXES)
def inside(request, lab):
    """(box, PID as the host counts) of a process that a login started."""
    box = lab.boxes[request.param]
    number = str(2100 + laboratory.BOXES.index(request.param))
    with session(lab, box.user, f"exec sleep {number}"):
        yield box, process.find_one("sleep", number)
    process.end_all("sleep", number)


def fields(pid, *names):
    status = process.status(pid)
    return {name: status[name] for name in names}


def test_all_eight_namespaces_are_those_of_the_init(inside):
    box, pid = inside
    assert process.namespaces(pid) == process.namespaces(box.init)


def test_namespaces_are_not_the_hosts(inside):
    box, pid = inside
    ours, host = process.namespaces(pid), process.namespaces("self")
    own = {name for name in ours if ours[name] != host[name]}
    expected = {"mnt", "uts", "ipc", "net", "pid"}
    assert expected <= own
    assert ("user" in own) == (box.kind == "userns")


def test_the_root_directory_is_that_of_the_init(inside):
    box, pid = inside
    assert os.path.samestat(os.stat(f"/proc/{pid}/root"),
                            os.stat(f"/proc/{box.init}/root"))


def test_the_cgroup_is_that_of_the_init_in_every_hierarchy(inside):
    box, pid = inside
    assert process.cgroups(pid) == process.cgroups(box.init)


def test_ids_are_the_users_and_nothing_else(lab, inside):
    box, pid = inside
    shift = laboratory.USERNS_START if box.kind == "userns" else 0
    uid, crew = str(box.uid + shift), str(7001 + shift)
    assert fields(pid, "Uid", "Gid", "Groups") == {
        "Uid": "\t".join([uid] * 4), "Gid": "\t".join([uid] * 4),
        "Groups": f"{uid} {crew}"}


def test_the_bounding_set_is_that_of_the_init(inside):
    box, pid = inside
    assert fields(pid, "CapBnd") == fields(box.init, "CapBnd")


def test_no_capability_is_left(inside):
    _, pid = inside
    names = ("CapInh", "CapPrm", "CapEff", "CapAmb")
    assert fields(pid, *names) == dict.fromkeys(names, "0" * 16)


@pytest.mark.parametrize("what", ["NoNewPrivs", "Seccomp", "Seccomp_filters"])
def test_confinement_is_that_of_the_init(inside, what):
    box, pid = inside
    assert fields(pid, what) == fields(box.init, what)


def test_every_container_here_has_a_filter(inside):
    """Or the test before this one would say nothing."""
    _, pid = inside
    assert fields(pid, "Seccomp", "Seccomp_filters") == {
        "Seccomp": "2", "Seccomp_filters": "1"}


def test_resource_limits_are_those_of_the_init(inside):
    box, pid = inside
    assert process.read(f"/proc/{pid}/limits") == \
        process.read(f"/proc/{box.init}/limits")


def test_the_oom_score_is_that_of_the_init(inside):
    box, pid = inside
    assert process.read(f"/proc/{pid}/oom_score_adj") == \
        process.read(f"/proc/{box.init}/oom_score_adj")


def test_no_signal_is_ignored_or_blocked(inside):
    _, pid = inside
    names = ("SigBlk", "SigIgn")
    assert fields(pid, *names) == dict.fromkeys(names, "0" * 16)


def test_signals_that_the_caller_ignored_are_default_again(lab, crun_box):
    def ignore_all():
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    result = lab.direct(crun_box.user, "-c", "exec probe status",
                        preexec_fn=ignore_all)
    lines = dict(line.split(":\t", 1) for line in result.out.splitlines())
    assert {name: lines[name] for name in ("SigBlk", "SigIgn")} == {
        "SigBlk": "0" * 16, "SigIgn": "0" * 16}


# keyctl and add_key.
SYSCALLS = {"x86_64": (250, 248), "aarch64": (219, 217)}


def carry_a_key():
    """In a child: a session keyring with a key, as a login service has."""
    keyctl, add_key = SYSCALLS[os.uname().machine]
    call = ctypes.CDLL(None).syscall
    assert call(keyctl, 1, b"ctsh-test") > 0
    assert call(add_key, b"user", b"ctsh-secret", b"x", 1, -3) > 0


def test_keys_of_the_callers_session_do_not_come_along(lab, guest, crun_box):
    """A container without a filter, or keyctl(2) would be refused anyway."""
    host = lab.run_as(guest, lab.probe, "key", "ctsh-secret",
                      preexec_fn=carry_a_key)
    assert host.out == "found\n"
    with lab.crun.container("keys", crun_box.container.root,
                            seccomp=False) as it, \
            lab.config.own(guest, f'container = "{it.spec}"\n'):
        result = lab.direct(guest, "-c", "exec probe key ctsh-secret",
                            preexec_fn=carry_a_key)
        assert result.out == "Required key not available\n"


def test_the_engines_own_exec_sees_the_login_and_what_it_starts(lab, box):
    number = str(2200 + laboratory.BOXES.index(box.kind))
    with session(lab, box.user, f"sleep {number} & wait"):
        process.find_one("sleep", number)
        listing = box.exec("ps", "-o", "user,args").out.splitlines()
        assert [line.split(None, 1)[1] for line in listing
                if number in line] == [
                    f"sh -c sleep {number} & wait", f"sleep {number}"]
    process.end_all("sleep", number)


def test_seccomp_refuses_what_it_refuses_the_container(lab, box):
    def attempt(run):
        done = run("unshare -U true")
        return done.status != 0 and "not permitted" in done.err + done.out
    assert attempt(lambda command: box.exec("sh", "-c", command))
    assert attempt(lambda command: lab.login(box.user, command))


def test_a_setuid_program_gets_what_the_container_has(lab, box):
    """All of the bounding set, or nothing under no_new_privs."""
    result = lab.login(box.user, "exec suprobe status")
    lines = dict(line.split(":\t", 1) for line in result.out.splitlines())
    init = process.status(box.init)
    expected = "0" * 16 if init["NoNewPrivs"] == "1" else init["CapBnd"]
    assert lines["CapEff"] == expected
    assert lines["CapBnd"] == init["CapBnd"]


def test_a_memory_hog_dies_by_the_containers_limit(lab, box):
    result = lab.login(box.user, "probe hog 512; echo $?")
    assert result.out == "137\n"
    assert engines.MEMORY == 64 << 20


def test_a_fork_bomb_stays_within_the_containers_limit(lab, box):
    eagain = 11
    result = lab.login(box.user, "exec probe bomb 5000")
    count, why = (int(word) for word in result.out.split())
    assert why == eagain
    assert engines.PIDS - 10 < count < engines.PIDS


def test_the_hosts_files_are_not_there(lab, box):
    marker = f"{lab.base}/marker"
    with open(marker, "w") as file:
        file.write("host\n")
    os.chmod(marker, 0o644)
    result = lab.login(box.user, f"cat {marker}")
    assert (result.status, result.out) == (1, "")


def test_the_hosts_processes_are_not_there(lab, inside):
    box, _ = inside
    listed = lab.login(box.user, "ls /proc").out.split()
    shown = {int(name) for name in listed if name.isdigit()}
    own = os.readlink(f"/proc/{box.init}/ns/pid")
    count = len([pid for pid in process.pids() if in_namespace(pid, own)])
    # Those that stay, and the login that asked: a shell and ls, or one.
    assert 1 in shown
    assert len(shown) - count in (1, 2)


def in_namespace(pid, own):
    try:
        return os.readlink(f"/proc/{pid}/ns/pid") == own
    except OSError:
        return False


def test_the_hosts_network_is_not_there(lab, box):
    lines = lab.login(box.user, "cat /proc/net/dev").out.splitlines()
    assert [line.split(":")[0].strip() for line in lines[2:]] == ["lo"]


def test_no_descriptors_but_three(lab, box):
    assert lab.login(box.user, "exec probe descriptors").out == "0\n1\n2\n"


def test_no_descriptors_but_three_at_a_terminal(lab, box):
    with lab.terminal(box.user, "exec probe descriptors") as opened:
        assert opened.child.read().split() == ["0", "1", "2"]


def test_descriptors_of_the_caller_are_closed(lab, crun_box):
    result = lab.direct(crun_box.user, "-c", "exec probe descriptors",
                        how="many")
    assert result.out == "0\n1\n2\n"


def test_groups_of_the_host_do_not_come_along(lab, crun_box):
    """On the host this user is in a group that is nothing inside."""
    host = lab.run_as(crun_box.user, "id", "-G").out.split()
    inside = lab.login(crun_box.user, "id -G").out.split()
    assert inside == [str(crun_box.uid), "7001"]
    assert not set(host) & set(inside)
