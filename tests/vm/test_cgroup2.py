# SPDX-License-Identifier: MIT
"""The unified cgroup hierarchy alone, as on a machine of today: a login is in
the init's group from its first instruction, and bound as that is."""

import contextlib

import pytest

from lab import engines

GROUP = "/sys/fs/cgroup/lab/box"


@pytest.fixture(scope="module")
def guest(guests):
    machine = guests["apparmor"]
    machine.wait_until_ready()
    assert machine.read("/proc/self/cgroup") == "0::/\n"
    return machine


@pytest.fixture
def box(guest, tmp_path):
    @contextlib.contextmanager
    def make(edit=None, **options):
        with guest.container(str(tmp_path), edit=edit, **options) as init:
            yield init
    return make


def group(guest, pid):
    return guest.read(f"/proc/{pid}/cgroup")


def value(guest, name, key=None):
    """Of a file of the box's group, or of one line in it."""
    text = guest.read(f"{GROUP}/{name}")
    lines = dict(line.split() for line in text.splitlines()) if key else {}
    return int(lines[key] if key else text)


def test_a_login_is_in_the_inits_group(guest, box):
    with box() as init:
        assert group(guest, init) == "0::/lab/box\n"
        before = value(guest, "pids.current")
        with guest.session() as shell:
            assert group(guest, shell) == "0::/lab/box\n"
            assert value(guest, "pids.current") == before + 1


def test_it_sees_its_group_as_the_init_does(guest, box):
    with box():
        got = guest.login("cat /proc/1/cgroup /proc/self/cgroup")
    assert got.out == "0::/\n0::/\n", guest.seen(got)


def test_the_callers_group_stays_outside(guest, box):
    """Its limits are not the container's business, nor theirs its."""
    guest.run("mkdir /sys/fs/cgroup/caller", check=True)
    join = "echo $$ >/sys/fs/cgroup/caller/cgroup.procs"
    try:
        with box():
            with guest.session(before=join) as shell:
                assert group(guest, shell) == "0::/lab/box\n"
                parent = guest.status(shell)["PPid"]
                assert group(guest, parent) == "0::/caller\n"
    finally:
        guest.run("until rmdir /sys/fs/cgroup/caller; do :; done")


@pytest.mark.parametrize("userns", [None, 300000], ids=str)
def test_a_login_in_a_group_below_is_where_the_init_is(guest, box, userns):
    """A group with controllers for others below it takes no process: an init
    such as systemd goes into one of those itself."""
    with box(userns=userns) as init:
        guest.run(f"mkdir {GROUP}/init {GROUP}/other\n"
                  f"echo {init} >{GROUP}/init/cgroup.procs\n"
                  f"echo '+memory +pids' >{GROUP}/cgroup.subtree_control",
                  check=True)
        assert guest.run(f"echo 1 >{GROUP}/cgroup.procs").status != 0
        with guest.session() as shell:
            assert group(guest, shell) == "0::/lab/box/init\n"
        got = guest.login("cat /proc/self/cgroup")
        assert got.out == "0::/init\n", guest.seen(got)


def test_a_paused_container_is_said_to_be_paused(guest, box):
    with box():
        guest.run("crun pause box", check=True)
        got = guest.login("id")
        assert guest.reason(got, "E_PAUSED") == "its cgroup is frozen"
        guest.run("crun resume box", check=True)
        assert guest.login("echo back").out == "back\n"


def test_so_is_one_whose_group_above_is_frozen(guest, box):
    with box():
        above = "/sys/fs/cgroup/lab/cgroup.freeze"
        guest.run(f"echo 1 >{above}\n"
                  f"until grep -q 'frozen 1' {GROUP}/cgroup.events; do :; done",
                  check=True)
        try:
            got = guest.login("id")
        finally:
            guest.run(f"echo 0 >{above}")
        assert guest.reason(got, "E_PAUSED") == "its cgroup is frozen"


def test_without_room_for_a_process_there_is_no_login(guest, box):
    with box():
        used = value(guest, "pids.current")
        guest.run(f"echo {used} >{GROUP}/pids.max", check=True)
        got = guest.login("echo landed")
        assert guest.reason(got, "E_SYSTEM") == \
            "fork into the container's cgroup: EAGAIN"
        # Room for the entering process, and not for the shell beside it.
        guest.run(f"echo {used + 1} >{GROUP}/pids.max", check=True)
        got = guest.login("echo landed")
        assert guest.reason(got, "E_SYSTEM") == \
            "fork inside (pids limit?): EAGAIN"
        guest.run(f"echo {used + 2} >{GROUP}/pids.max", check=True)
        assert guest.login("echo landed").out == "landed\n"
        assert value(guest, "pids.current") == used


def test_the_limit_of_processes_holds_for_logins(guest, box):
    with box():
        got = guest.login(f"probe bomb {2 * engines.PIDS}")
    count, why = map(int, got.out.split())
    assert why == 11 and 0 < count < engines.PIDS, guest.seen(got)


def test_the_limit_of_memory_holds_for_logins(guest, box):
    with box() as init:
        before = value(guest, "memory.events", "oom_kill")
        got = guest.login("probe hog 128")
        assert got.status == 137 and got.out == "", guest.seen(got)
        assert value(guest, "memory.events", "oom_kill") == before + 1
        assert guest.run(f"kill -0 {init}").status == 0


def test_device_rules_hold_for_logins(guest, box):
    """In the unified hierarchy they are a program of the kernel's."""
    nodes = {"full": "c 1 7", "kmsg": "c 1 11", "ttyS1": "c 4 65"}
    made = "".join(f"mknod -m 666 /box/tmp/{name} {what}\n"
                   for name, what in nodes.items())

    def edit(config):
        config["linux"]["resources"]["devices"].append(
            {"allow": True, "type": "c", "major": 1, "minor": 7,
             "access": "rw"})

    guest.run(made, check=True)
    try:
        with box(edit):
            got = guest.login("head -c 1 /tmp/full | wc -c\n"
                              "echo >/tmp/kmsg\n: >/tmp/ttyS1")
            outside = guest.run("echo >/box/tmp/kmsg\n: >/box/tmp/ttyS1")
    finally:
        guest.run("rm /box/tmp/full /box/tmp/kmsg /box/tmp/ttyS1")
    assert outside.err == "", outside
    assert got.out == "1\n", guest.seen(got)
    assert got.err == "".join(f"sh: can't create /tmp/{name}: "
                              "Operation not permitted\n"
                              for name in ("kmsg", "ttyS1"))


def test_logins_end_with_the_group(guest, box):
    with box():
        with guest.session() as shell:
            guest.run(f"echo 1 >{GROUP}/cgroup.kill", check=True)
            ended = guest.run(f"n=0\nwhile [ -d /proc/{shell} ]; do\n"
                              "[ $((n += 1)) -lt 200 ] || exit 1\n"
                              "usleep 20000\ndone")
            assert ended.status == 0, ended


def test_a_login_in_a_threaded_group_is_where_the_init_is(guest, box):
    with box() as init:
        guest.run(f"mkdir {GROUP}/threads\n"
                  f"echo threaded >{GROUP}/threads/cgroup.type\n"
                  f"echo {init} >{GROUP}/threads/cgroup.procs", check=True)
        with guest.session() as shell:
            assert group(guest, shell) == "0::/lab/box/threads\n"
