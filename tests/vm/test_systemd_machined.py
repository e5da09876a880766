# SPDX-License-Identifier: MIT
"""Machines of systemd-nspawn that a real machined knows.  `box` is a service,
as machinectl starts it, with a systemd of its own and a user namespace; `a-b` is
started by hand, and what is in it knows no unified hierarchy."""


import pytest

from lab import install

MACHINES = "/run/systemd/machines"
SAMPLE = f"{install.SOURCE}/tests/data/engines/nspawn/252/machine"

# Of each machine another, but of its kind.
VARIES = ("ID", "LEADER", "REALTIME", "MONOTONIC")
# What later versions add.
LATER = ("UID", "LEADER_PIDFDID", "SUPERVISOR", "SUPERVISOR_PIDFDID",
         "SSH_ADDRESS", "SSH_PRIVATE_KEY_PATH", "VSOCK_CID")

ONDEMAND = 'start = "ondemand"\nwait = 60'

NAMESPACES = "cgroup ipc mnt net pid user uts"

BY_HAND = """\
[ -e /inner ] || cp -a /box /inner
systemd-nspawn --quiet --machine=a-b -D /inner --private-network \
    --console=pipe /bin/probe init </dev/null >/run/nspawn.log 2>&1 &
until leader=$(sed -n s/^LEADER=//p /run/systemd/machines/a-b) &&
        grep -q probe /proc/$leader/cmdline; do
    kill -0 $! || break
    usleep 20000
done 2>/dev/null
cat /run/nspawn.log >&2
[ ! -s /run/nspawn.log ]
"""

# A process of the host's gets the number $leader next.
COME_ROUND = """\
for try in 1 2 3 4 5 6 7 8 9; do
    echo $((leader - 1)) >/proc/sys/kernel/ns_last_pid
    sleep 600 &
    [ $! != $leader ] || break
    kill $!
done
[ $! = $leader ]
"""


def leader(guest, name):
    """As machined answers."""
    return int(guest.run(f"machinectl show {name} --property Leader --value",
                         check=True).out)


def namespaces(guest, pid):
    return guest.run(f"for kind in {NAMESPACES}; do\n"
                     f"readlink /proc/{pid}/ns/$kind\ndone", check=True).out


def start(guest):
    guest.run("machinectl start box", check=True, timeout=90)
    return leader(guest, "box")


def end(guest, name):
    guest.run(f"machinectl terminate {name}\n"
              f"while [ -e {MACHINES}/{name} ]; do usleep 20000; done",
              check=True)


@pytest.fixture(scope="module")
def guest(systemd):
    yield systemd
    systemd.run("machinectl terminate box\nmachinectl terminate a-b")


@pytest.fixture
def box(guest):
    """Its leader, as machined answers; alice's logins lead there."""
    guest.lead_to("nspawn:box")
    if guest.run(f"[ -e {MACHINES}/box ]").status:
        return start(guest)
    return leader(guest, "box")


@pytest.fixture(scope="module")
def by_hand(guest):
    guest.run(BY_HAND, check=True, timeout=90)
    return leader(guest, "a-b")


@pytest.fixture
def file_of_box(guest, box):
    """To be edited: what is in its place is put back."""
    path = f"{MACHINES}/box"
    guest.run(f"cp -p {path} /run/kept", check=True)
    yield path
    guest.run(f"mv /run/kept {path}", check=True)


def lands(guest, init, *, timeout=60):
    """A login in the namespaces of that init; what else it printed."""
    command = f"for kind in {NAMESPACES}; do " \
        "readlink /proc/self/ns/$kind; done; hostname; id -un"
    result = guest.login(command, timeout=timeout)
    assert (result.status, result.err) == (0, ""), guest.seen(result)
    lines = result.out.splitlines(keepends=True)
    assert "".join(lines[:-2]) == namespaces(guest, init)
    return "".join(lines[-2:])


def is_absent(guest, reason):
    result = guest.login("true")
    assert guest.reason(result, "E_ABSENT") == reason
    assert "Your container is not running." in result.err


# -- one that machinectl starts ------------------------------------------------

def test_a_login_lands_in_a_booted_machine(guest, box):
    assert guest.read(f"/proc/{box}/comm") == "systemd\n"
    assert guest.read(f"/proc/{box}/uid_map").split()[1] != "0"
    assert lands(guest, box) == "inside\nalice\n"
    with guest.session() as shell:
        group = guest.read(f"/proc/{shell}/cgroup")
        assert "systemd-nspawn@box.service/payload" in group
        assert group == guest.read(f"/proc/{box}/cgroup")


def test_its_file_names_the_service(guest, box):
    assert "\nSCOPE=systemd-nspawn@box.service\n" in \
        guest.read(f"{MACHINES}/box")


def test_one_that_was_started_again_is_found_anew(guest, box):
    end(guest, "box")
    is_absent(guest, "no systemd-nspawn runs with -M box")
    again = start(guest)
    assert again != box
    lands(guest, again)


def test_a_frozen_one_is_paused(guest, box):
    guest.run("systemctl freeze systemd-nspawn@box", check=True)
    try:
        result = guest.login("true")
        guest.reason(result, "E_PAUSED")
        assert "Your container is paused." in result.err
    finally:
        guest.run("systemctl thaw systemd-nspawn@box", check=True)


@pytest.mark.parametrize("name", ["bo", "boxx", "BOX"])
def test_only_the_exact_name_will_do(guest, box, name):
    guest.lead_to(f"nspawn:{name}")
    is_absent(guest, f"no systemd-nspawn runs with -M {name}")


# -- on demand -----------------------------------------------------------------

@pytest.fixture
def ended(guest):
    """A copy of the box's tree that does not run, but may be started."""
    guest.run("""cd /var/lib/machines
[ -e m.1-a ] || cp -a box m.1-a
cp /etc/systemd/nspawn/box.nspawn /etc/systemd/nspawn/m.1-a.nspawn""",
              check=True)
    guest.lead_to("nspawn:m.1-a", ONDEMAND)
    try:
        yield "m.1-a"
    finally:
        end(guest, "m.1-a")


def test_a_login_starts_it(guest, ended):
    result = guest.login("id -un", timeout=90)
    assert (result.status, result.out) == (0, "alice\n"), guest.seen(result)
    first = leader(guest, ended)
    assert "/systemd-nspawn@m.1-a.service/payload" in \
        guest.read(f"/proc/{first}/cgroup")
    lands(guest, first)
    end(guest, ended)
    assert guest.login("id -un", timeout=90).out == "alice\n"
    again = leader(guest, ended)
    assert again != first
    lands(guest, again)


def test_one_that_does_not_start_says_why(guest):
    guest.lead_to("nspawn:nowhere", ONDEMAND)
    reason = guest.reason(guest.login("true", timeout=90), "E_ABSENT")
    assert reason.startswith("systemd-nspawn@nowhere.service: ")
    assert "No image for machine 'nowhere'" in reason


# -- one that was started by hand ----------------------------------------------

def test_a_login_lands_in_a_scope(guest, by_hand):
    """Its hierarchy of old is mounted nowhere but in there."""
    guest.lead_to("nspawn:a-b")
    assert lands(guest, by_hand) == "a-b\nalice\n"
    with guest.session() as shell:
        group = guest.read(f"/proc/{shell}/cgroup")
        assert group == guest.read(f"/proc/{by_hand}/cgroup")
    for line in group.splitlines():
        assert "/machine-a\\x2db.scope/" in line
    assert [line.split(":")[:2] for line in group.splitlines()] == \
        [["1", "name=systemd"], ["0", ""]]


def test_the_sample_is_what_machined_writes(guest, by_hand):
    def fields(text):
        first, *rest = text.splitlines()
        assert first == "# This is private data. Do not parse."
        return [tuple(line.split("=", 1)) for line in rest]

    real = [(key, value) for key, value in
            fields(guest.read(f"{MACHINES}/a-b")) if key not in LATER]
    with open(SAMPLE) as file:
        sample = fields(file.read())
    assert [key for key, _ in real] == [key for key, _ in sample]
    for (key, value), (_, taken) in zip(real, sample):
        if key not in VARIES:
            assert value == taken, key
    varies = dict(real)
    assert varies["LEADER"] == str(by_hand)
    assert len(bytes.fromhex(varies["ID"])) == 16
    assert varies["REALTIME"].isdigit() and varies["MONOTONIC"].isdigit()


# -- files that are not true (any more) ----------------------------------------

def test_a_file_that_names_another_machines_leader_is_refused(
        guest, by_hand, file_of_box):
    guest.run(f"sed -i s/^LEADER=.*/LEADER={by_hand}/ {file_of_box}",
              check=True)
    assert "does not name container systemd-nspawn@box.service" in \
        guest.reason(guest.login("true"), "E_UNSAFE")


def test_a_file_that_names_a_process_of_the_host_is_refused(
        guest, file_of_box):
    """Even one that is in the machine's own unit."""
    parent = guest.run("systemctl show systemd-nspawn@box -P MainPID",
                       check=True).out.strip()
    guest.run(f"sed -i s/^LEADER=.*/LEADER={parent}/ {file_of_box}",
              check=True)
    guest.reason(guest.login("true"), "E_UNSAFE")


def test_a_file_that_outlived_its_machine_leads_nowhere(guest, box):
    """There is no machined that would remove it, and the number of its leader
    comes round."""
    guest.run("systemctl mask --runtime --now systemd-machined\n"
              f"kill -9 {box}\n"
              "while systemctl --quiet is-active systemd-nspawn@box; do\n"
              "usleep 20000\ndone", check=True)
    try:
        assert guest.read(f"{MACHINES}/box").count(f"\nLEADER={box}\n") == 1
        guest.reason(guest.login("true"), "E_ABSENT")
        guest.run(f"leader={box}\n{COME_ROUND}", check=True)
        assert guest.reason(guest.login("true"), "E_UNSAFE") == \
            f"pid {box} is in the host's mnt namespace"
    finally:
        # It knows the machine from its file, until it has looked after it.
        guest.run(f"kill {box}\nsystemctl unmask --runtime systemd-machined\n"
                  "systemctl start systemd-machined\n"
                  f"while [ -e {MACHINES}/box ]; do usleep 20000; done",
                  check=True)
    lands(guest, start(guest))
