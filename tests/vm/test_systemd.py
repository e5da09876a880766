# SPDX-License-Identifier: MIT
"""systemd as the service manager: it starts what crun and runc cannot start
without being the login's own child."""

import json
import os

import pytest

import guest as machines
import logind
from image import copy, copy_program, pack_beside

PROGRAMS = ("/usr/lib/systemd/systemd", "/usr/bin/systemd-run",
            "/usr/bin/systemctl", "/usr/sbin/runc",
            "/usr/lib/systemd/systemd-journald", "/usr/bin/journalctl",
            "/usr/bin/systemd-nspawn")

UNITS = {
    "default.target": """\
[Unit]
DefaultDependencies=no
Wants=loop.service systemd-journald.service
""",
    "loop.service": """\
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/loop
KillMode=process
""",
    # As systemd's own, without the machined that this one registers with.
    "systemd-nspawn@.service": """\
[Unit]
DefaultDependencies=no
[Service]
Environment=SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
ExecStart=/usr/bin/systemd-nspawn --quiet --keep-unit --register=no \\
    --private-network --hostname=inside --machine=%i --directory=/srv/%i \\
    /bin/probe init
KillMode=mixed
Type=notify
""",
}

# What a user's podman is given, and what it says.
PODMAN = """\
#!/bin/sh
{
    grep -E '^(Uid|Gid|Groups|CapPrm|CapBnd):' /proc/self/status
    echo "cgroup: $(cat /proc/self/cgroup)"
    echo "parent: $(sed -n 's/PPid:.//p' /proc/$$/status)"
    for fd in 0 1 2; do echo "fd: $(readlink /proc/$$/fd/$fd)"; done
    for fd in 3 4 5 6 7 8 9; do [ ! -e /proc/$$/fd/$fd ] || echo "fd: $fd"; done
    env
    pwd
    echo "$@"
} >/home/alice/seen
printf 'Error: no space \\033[2J left\\nbye\\n' >&2
exit 125
"""

ID = "2a05f363220067e77c49b100163668c51c64b7e934acd3b0df5c22c40524160c"


def make(scratch):
    """What the file system has more than that of the others."""
    tree = f"{scratch}/systemd-tree"
    units = f"{tree}/etc/systemd/system"
    os.makedirs(units)
    for path in PROGRAMS:
        copy_program(tree, path)
    logind.add(tree)
    for name in ("shutdown.target", "basic.target", "sysinit.target",
                 "systemd-journald.service", "systemd-journald.socket"):
        copy(tree, f"/usr/lib/systemd/system/{name}")
    for name, content in UNITS.items():
        with open(f"{units}/{name}", "w") as file:
            file.write(content)
    with open(f"{tree}/etc/machine-id", "w") as file:
        file.write("0123456789abcdef0123456789abcdef\n")
    return pack_beside(tree, f"{scratch}/systemd-initrd")


@pytest.fixture(scope="module")
def guest(images):
    with machines.with_systemd(images, "systemd", make) as machine:
        yield machine


@pytest.fixture(params=["crun", "runc"])
def engine(request, guest, tmp_path):
    """Its name; alice's logins start its container `box`."""
    name = request.param
    config = machines.bundle(str(tmp_path), None, {})
    guest.run("mkdir -p /srv/bundles/alice", check=True)
    guest.write("/srv/bundles/alice/config.json", json.dumps(config))
    guest.lead_to(f"{name}:box", 'start = "ondemand"\n'
                  'bundle = "/srv/bundles/%u"\nwait = 60')
    try:
        yield name
    finally:
        guest.run(f"{name} delete --force box", check=True)


def init(guest, engine):
    return json.loads(guest.run(f"{engine} state box", check=True).out)["pid"]


def test_a_login_starts_it(guest, engine):
    result = guest.login("hostname", timeout=90)
    assert (result.status, result.out) == (0, "inside\n"), guest.seen(result)
    first = init(guest, engine)
    again = guest.login("hostname", timeout=90)
    assert again.out == "inside\n", guest.seen(again)
    assert init(guest, engine) == first


def test_nothing_of_the_login_is_in_it(guest, engine):
    before = """mkdir -p /sys/fs/cgroup/caller
echo $$ >/sys/fs/cgroup/caller/cgroup.procs
echo 500 >/proc/$$/oom_score_adj
echo 4711 >/proc/$$/loginuid
ulimit -c 123; umask 027; renice -n 7 -p $$"""
    result = guest.login("true", before=before, timeout=90)
    assert result.status == 0, guest.seen(result)
    pid = init(guest, engine)
    assert guest.read(f"/proc/{pid}/cgroup") == "0::/lab/box\n"
    assert guest.read(f"/proc/{pid}/oom_score_adj") == "0\n"
    assert guest.read(f"/proc/{pid}/loginuid") == "4294967295"
    assert guest.read(f"/proc/{pid}/stat").rpartition(")")[2].split()[16] \
        == "0"
    assert "123" not in guest.run(
        f"grep 'Max core' /proc/{pid}/limits", check=True).out
    assert guest.status(pid)["PPid"] == "1"
    assert guest.run("systemctl list-units --all --plain --no-legend "
                     "'run-*.service'", check=True).out == ""


def test_one_that_ended_is_started_anew(guest, engine):
    assert guest.login("true", timeout=90).status == 0
    first = init(guest, engine)
    guest.run(f"kill -9 {first}\nwhile kill -0 {first}; do :; done")
    result = guest.login("hostname", timeout=90)
    assert result.out == "inside\n", guest.seen(result)
    assert init(guest, engine) != first


def test_the_engines_own_words_are_logged(guest, engine, tmp_path):
    config = machines.bundle(
        str(tmp_path), lambda c: c["process"].update(args=["/nowhere"]), {})
    guest.write("/srv/bundles/alice/config.json", json.dumps(config))
    result = guest.login("true", timeout=90)
    assert "/nowhere" in guest.reason(result, "E_ABSENT")
    assert "nowhere" not in result.err


def test_a_bundle_of_somebody_elses_is_not_run(guest, engine):
    guest.run("chown 1001 /srv/bundles/alice", check=True)
    try:
        result = guest.login("true", timeout=90)
        assert "alice" in guest.reason(result, "E_CONFIG")
    finally:
        guest.run("chown 0 /srv/bundles/alice", check=True)


def test_many_first_logins_start_it_once(guest, engine):
    script = "\n".join(
        f"{machines.AS_ALICE} ctsh -c 'readlink /proc/self/ns/pid' "
        f">/run/many.{i} 2>&1 &" for i in range(6))
    guest.run(f"{script}\nwait", timeout=120)
    out = guest.run("cat /run/many.*; rm /run/many.*").out.split("\n")
    own = guest.run(f"readlink /proc/{init(guest, engine)}/ns/pid").out
    assert out == [own.strip()] * 6 + [""]


# -- what is a unit already ----------------------------------------------------

def test_a_machine_is_started_by_its_unit(guest):
    guest.lead_to("nspawn:m.1-a", 'start = "ondemand"\nwait = 60')
    guest.run("mkdir -p /srv/m.1-a /box/usr /box/etc\n"
              "mount --bind /box /srv/m.1-a\n"
              "echo ID=lab >/usr/lib/os-release", check=True)
    try:
        result = guest.login("hostname", timeout=90)
        assert result.out == "inside\n", guest.seen(result)
        assert guest.run("systemctl is-active systemd-nspawn@m.1-a").out \
            == "active\n"
    finally:
        guest.run("systemctl stop systemd-nspawn@m.1-a\n"
                  "umount /srv/m.1-a", check=True)


def test_a_machine_that_does_not_start_says_why(guest):
    guest.lead_to("nspawn:nowhere", 'start = "ondemand"\nwait = 60')
    reason = guest.reason(guest.login("true", timeout=90), "E_ABSENT")
    assert reason.startswith("systemd-nspawn@nowhere.service: ")
    assert "/srv/nowhere" in reason


# -- a user's own podman -------------------------------------------------------

@pytest.fixture
def podman(guest):
    """A stand-in that looks at what it is given; alice's container `box`."""
    store = "/home/alice/.local/share/containers/storage/overlay-containers"
    guest.write("/usr/bin/podman", PODMAN)
    guest.run(f"chmod 755 /usr/bin/podman\nmkdir -p {store}/{ID}/userdata "
              "/run/user/1001", check=True)
    guest.write(f"{store}/containers.json",
                json.dumps([{"id": ID, "names": ["box"]}]))
    guest.run("chown -R 1001:1001 /home/alice /run/user/1001", check=True)
    guest.lead_to("podman:box", 'owner = "%u"\nstart = "ondemand"\n'
                  "wait = 60")
    try:
        yield
    finally:
        guest.run("rm -rf /usr/bin/podman /run/user/1001 /home/alice/.local",
                  check=True)


def test_a_users_podman_has_that_user_and_nothing_of_roots(guest, podman):
    result = guest.login("true", timeout=90)
    assert guest.reason(result, "E_ABSENT") == \
        "/usr/bin/podman: Error: no space ?[2J left"
    lines = guest.read("/home/alice/seen").splitlines()
    status = dict(line.split(":\t", 1) for line in lines[:5])
    assert status["Uid"].split() == status["Gid"].split() == ["1001"] * 4
    assert status["Groups"].split() == ["1001"]
    assert int(status["CapPrm"], 16) == 0
    assert lines[5].startswith(
        "cgroup: 0::/user.slice/user-1001.slice/ctsh-start-")
    assert lines[6] == "parent: 1"
    # An empty line to read, and the journal in place of the second and third.
    files = [line[4:].split(":")[0] for line in lines if line[:4] == "fd: "]
    assert files == ["/memfd", "/home/alice/seen", "socket"], lines
    assert "HOME=/home/alice" in lines
    assert "XDG_RUNTIME_DIR=/run/user/1001" in lines
    assert not [line for line in lines if line.startswith("CTSH_")]
    assert lines[-2:] == ["/", f"start {ID}"]


def test_without_a_run_directory_nothing_runs(guest, podman):
    guest.run("rm -rf /run/user/1001 /home/alice/seen", check=True)
    result = guest.login("true", timeout=90)
    assert "lingering" in guest.reason(result, "E_CONFIG")
    assert guest.run("cat /home/alice/seen").status != 0


# -- stopping ----------------------------------------------------------------

KEEPERS = "systemctl list-units --all --plain --no-legend 'run-*.service'"

POLITE = "trap 'exit 0' TERM; while :; do sleep 4712 & wait; done"


@pytest.fixture
def unused(guest, tmp_path):
    """alice's container, which ends when it is told to."""
    config = machines.bundle(str(tmp_path), lambda c: c["process"].update(
        args=["/bin/sh", "-c", POLITE]), {})
    guest.run("mkdir -p /srv/bundles/alice", check=True)
    guest.write("/srv/bundles/alice/config.json", json.dumps(config))
    guest.lead_to("crun:box", 'start = "ondemand"\n'
                  'bundle = "/srv/bundles/%u"\nwait = 60\nstop_after = 3')
    try:
        yield
    finally:
        guest.run("crun delete --force box", check=True)


def keeper(guest):
    """Waits for it; its PID, by systemd's word."""
    units = guest.run(
        f"until unit=$({KEEPERS} | grep 'running.*unused'); do\n"
        "usleep 50000; done; echo $unit", timeout=60).out
    name, _, _, _, *words = units.split()
    assert " ".join(words) == "stops a container that ctsh finds unused"
    return int(guest.run(f"systemctl show -p MainPID --value {name}",
                         check=True).out)


def test_an_unused_container_is_stopped_by_a_service(guest, unused):
    before = """mkdir -p /sys/fs/cgroup/caller
echo $$ >/sys/fs/cgroup/caller/cgroup.procs"""
    result = guest.login("true", before=before, timeout=90)
    assert result.status == 0, guest.seen(result)
    pid = init(guest, "crun")
    first = keeper(guest)
    assert guest.status(first)["PPid"] == "1"
    assert "caller" not in guest.read(f"/proc/{first}/cgroup")
    # Whoever kills it meets the next one.
    guest.run(f"kill -9 {first}", check=True)
    second = keeper(guest)
    assert second != first
    guest.run(f"while kill -0 {pid}; do usleep 50000; done\n"
              f"while [ \"$({KEEPERS})\" ]; do usleep 50000; done",
              timeout=60)
    log = guest.run("grep 'stopped user=alice' /var/log/messages").out
    assert f"container=crun:box id=box pid={pid} unused=3" in log


# -- logind, and the PAM module behind pam_systemd -----------------------------

@pytest.fixture(scope="module")
def bus(guest):
    """Where bob has an account of the same uid in the container."""
    guest.run("systemctl start logind.service\nmkdir -p /etc/pam.d\n"
              "for root in '' /box; do\n"
              f"echo 'bob:x:{logind.BOB}:{logind.BOB}::/:/bin/sh' "
              ">>$root/etc/passwd\n"
              f"echo 'bob:x:{logind.BOB}:' >>$root/etc/group\ndone",
              check=True)
    guest.write("/etc/ctsh/users/bob",
                'container = "crun:box"\ntrust_container = true\n')


@pytest.fixture
def box(guest, tmp_path, bus):
    guest.run("mkdir -p /run/bundle", check=True)
    with guest.container(str(tmp_path)) as pid:
        yield pid


START = """\
/usr/bin/su bob -c 'echo $XDG_SESSION_ID; exec sleep 4711' >/run/su 2>&1 &
su=$!
until pidof sleep >/run/pid; do
    kill -0 $su || break
    usleep 20000
done
cat /run/su /run/pid
"""

END = """\
kill -9 $(cat /run/pid)
while pidof su sleep; do usleep 20000; done
until loginctl list-sessions | grep -q 'No sessions'; do usleep 20000; done
tail -n 20 /var/log/messages
"""


@pytest.fixture
def by_su(guest, box):
    """A session of bob's: its name, the shell's PID, and how to end it."""
    def start(join):
        guest.write("/etc/pam.d/su", logind.pam(
            logind.module("systemd"),
            f"/usr/lib/security/pam_ctsh.so join={join} users=bob"))
        started = guest.run(START)
        words = started.out.split()
        assert len(words) == 2, guest.seen(started)
        return words
    yield start
    guest.run("pkill -9 sleep")


def scope(guest, session):
    """The processes that systemd knows of it; without any it goes."""
    path = f"/sys/fs/cgroup/user.slice/user-{logind.BOB}.slice/" \
           f"session-{session}.scope/cgroup.procs"
    return guest.run(f"cat {path} 2>/dev/null").out.split()


def sessions(guest):
    return guest.run("loginctl list-sessions --no-legend", check=True).out


def network(guest, pid):
    return guest.run(f"readlink /proc/{pid}/ns/net", check=True).out


def test_join_net_is_a_session_of_logind(guest, box, by_su):
    """In the container's network, and in the scope on the host."""
    session, pid = by_su("net")
    assert network(guest, pid) == network(guest, box)
    assert sessions(guest).split()[:3] == [session, str(logind.BOB), "bob"]
    assert pid in scope(guest, session)
    guest.run(f"loginctl terminate-session {session}", check=True)
    guest.run("while pidof sleep; do usleep 20000; done", check=True)
    log = guest.run(END).out
    assert "pam_ctsh(su:session): close user=bob" in log


def test_join_all_is_one_without_processes(guest, box, by_su):
    """Those are in the container's group; so logind cannot end them, and what
    closes the session does not find its bus."""
    session, pid = by_su("all")
    assert network(guest, pid) == network(guest, box)
    assert guest.read(f"/proc/{pid}/cgroup") == "0::/lab/box\n"
    assert sessions(guest).split()[:3] == [session, str(logind.BOB), "bob"]
    assert scope(guest, session) == []
    guest.run(f"loginctl terminate-session {session}", check=True)
    assert guest.run(f"sleep 0.3; kill -0 {pid}").status == 0
    log = guest.run(END).out
    assert "Failed to connect to system bus" in log


def test_a_refused_session_is_none_of_logind(guest, box, by_su):
    guest.write("/etc/pam.d/su", logind.pam(
        logind.module("systemd"), "/usr/lib/security/pam_ctsh.so join=net"))
    result = guest.run("/usr/bin/su bob -c 'echo reached'")
    assert result.out == "" and "[E_CONFIG " in result.err, result
    assert sessions(guest) == ""
