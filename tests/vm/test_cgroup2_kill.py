# SPDX-License-Identifier: MIT
"""on_disconnect = "kill" on the unified hierarchy alone: all of a session is
in a group of its own below the init's, bound as that is, and ends with it."""

import contextlib

import pytest

from guest import AS_ALICE
from lab import engines

GROUP = "/sys/fs/cgroup/lab/box"

# It forks twice, has a session of its own and ignores what can be ignored.
DAEMON = ("setsid sh -c 'trap \"\" HUP INT TERM; (exec sleep 4712) & "
          "exec sleep 4712' </dev/null >/dev/null 2>&1 & ")


@pytest.fixture(scope="module")
def guest(guests):
    machine = guests["apparmor"]
    machine.wait_until_ready()
    return machine


@pytest.fixture
def box(guest, tmp_path):
    @contextlib.contextmanager
    def make(**options):
        with guest.container(str(tmp_path), **options) as init:
            guest.lead_to("crun:box", 'on_disconnect = "kill"')
            yield init
    return make


@contextlib.contextmanager
def session(guest):
    """One that goes on, and whose caller stays; the PID of its shell."""
    started = guest.run(f"""({AS_ALICE} ctsh -c 'exec sleep 4711'; :) \\
    </dev/null >/run/login 2>&1 &
n=0
until pidof sleep >/run/pid; do
    [ $((n += 1)) -lt 300 ] || break
    usleep 20000
done
cat /run/login >&2
[ -s /run/pid ] && cat /run/pid""")
    assert started.status == 0, guest.seen(started)
    try:
        yield int(started.out)
    finally:
        guest.run(f"kill -9 {started.out}\nwhile pidof sleep; do :; done")


def groups(guest, below=GROUP):
    return guest.run(f"find {below} -name 'ctsh*' -type d").out.split()


def group(guest, pid):
    return guest.read(f"/proc/{pid}/cgroup").removeprefix("0::").rstrip("\n")


def wait(guest, condition):
    ended = guest.run(f"n=0\nuntil {condition}; do\n"
                      "[ $((n += 1)) -lt 300 ] || exit 1\nusleep 20000\ndone")
    assert ended.status == 0, (condition, ended)


def nothing_is_left(guest, below=GROUP):
    wait(guest, "! pidof sleep")
    wait(guest, f"[ -z \"$(find {below} -name 'ctsh-*')\" ]")


def test_a_session_is_in_its_own_group_below_the_inits(guest, box):
    with box() as init:
        with session(guest) as shell:
            one, = groups(guest)
            assert group(guest, shell) == one.removeprefix("/sys/fs/cgroup")
            assert group(guest, init) == "/lab/box"
            assert guest.read(f"{GROUP}/cgroup.subtree_control") == ""
        nothing_is_left(guest)
        got = guest.login("cat /proc/self/cgroup")
        assert got.out.startswith("0::/ctsh-"), guest.seen(got)
        assert groups(guest) == []


def test_daemons_end_with_the_shell(guest, box):
    """By the time the login has ended, all is over."""
    with box():
        got = guest.login(DAEMON + "usleep 100000; exit 3",
                          after="; s=$?; pidof sleep; exit $s")
        assert (got.status, got.out) == (3, ""), guest.seen(got)
        assert groups(guest) == []


@pytest.mark.parametrize("signal", ["HUP", "KILL"])
def test_daemons_end_with_the_supervisor(guest, box, signal):
    with box():
        with session(guest) as shell:
            supervisor = guest.status(shell)["PPid"]
            guest.run(f"kill -{signal} {supervisor}", check=True)
            nothing_is_left(guest)


def test_what_forks_as_fast_as_it_can_ends_as_well(guest, box):
    with box():
        got = guest.login(
            "trap '' HUP TERM\nsleep 4712 &\n"
            "(setsid sh -c 'while :; do sleep 4712 & done' &) "
            ">/dev/null 2>&1 </dev/null\nusleep 300000; exit 4")
        assert got.status == 4, guest.seen(got)
        nothing_is_left(guest)
        assert guest.login("echo again").out == "again\n"


def test_the_limits_of_the_container_hold_in_it(guest, box):
    with box() as init:
        got = guest.login(f"probe bomb {2 * engines.PIDS}")
        count, why = map(int, got.out.split())
        assert why == 11 and 0 < count < engines.PIDS, guest.seen(got)
        nothing_is_left(guest)
        got = guest.login("probe hog 128")
        assert got.status == 137 and got.out == "", guest.seen(got)
        assert guest.run(f"kill -0 {init}").status == 0
        assert groups(guest) == []


def test_a_refused_login_leaves_no_group(guest, box):
    with box():
        used = guest.read(f"{GROUP}/pids.current").strip()
        guest.run(f"echo {used} >{GROUP}/pids.max", check=True)
        got = guest.login("echo landed")
        assert guest.reason(got, "E_SYSTEM") == \
            "fork into the container's cgroup: EAGAIN"
        nothing_is_left(guest)


def test_a_delegated_group_is_left_tidy(guest, box):
    """It is the container root's, and only root removes from it."""
    with box(userns=300000):
        guest.run(f"chown 300000:300000 {GROUP} {GROUP}/cgroup.procs",
                  check=True)
        got = guest.login("cat /proc/self/cgroup")
        assert got.out.startswith("0::/ctsh/ctsh-"), guest.seen(got)
        assert groups(guest) == [f"{GROUP}/ctsh"]
        guest.run(f"chown 300000 {GROUP}/ctsh", check=True)
        got = guest.login("echo landed")
        assert guest.reason(got, "E_UNSAFE") == "its cgroup ctsh is not root's"


def test_no_controller_no_limit_no_group_means_no_login(guest, box):
    with box():
        guest.run(f"echo 0 >{GROUP}/cgroup.max.descendants", check=True)
        got = guest.login("echo landed")
        assert "make cgroup ctsh-" in guest.reason(got, "E_SYSTEM")


def test_in_a_threaded_group_there_is_no_login(guest, box):
    with box() as init:
        guest.run(f"mkdir {GROUP}/threads\n"
                  f"echo threaded >{GROUP}/threads/cgroup.type\n"
                  f"echo {init} >{GROUP}/threads/cgroup.procs", check=True)
        got = guest.login("echo landed")
        assert guest.reason(got, "E_SYSTEM") == \
            "fork into the container's cgroup: EOPNOTSUPP"
        nothing_is_left(guest)


def test_a_frozen_session_ends_and_is_tidied(guest, box):
    with box():
        with session(guest) as shell:
            supervisor = guest.status(shell)["PPid"]
            guest.run(f"echo 1 >{GROUP}/cgroup.freeze\n"
                      f"kill -9 {supervisor}", check=True)
            nothing_is_left(guest)
            guest.run(f"echo 0 >{GROUP}/cgroup.freeze", check=True)


def test_the_container_stops_with_sessions_in_it(guest, box):
    with box():
        with session(guest):
            guest.run("crun kill box KILL", check=True)
            wait(guest, "! pidof sleep")
    assert guest.run(f"[ -d {GROUP} ]").status == 1


def test_its_group_is_removed_with_a_session_in_it(guest, box):
    with box():
        with session(guest):
            guest.run("crun delete --force box", check=True)
            assert guest.run(f"[ -d {GROUP} ]").status == 1


@pytest.mark.parametrize("key", ["max_session", "idle_timeout"])
def test_a_clock_that_jumps_ends_no_session(guest, box, key):
    with box():
        guest.lead_to("crun:box", f"{key} = 30")
        got = guest.login(
            "usleep 1500000; echo end", before="(usleep 500000; "
            "date -s @$(($(date +%s) + 86400)) >/dev/null) &")
        assert (got.status, got.out) == (0, "end\n"), guest.seen(got)
