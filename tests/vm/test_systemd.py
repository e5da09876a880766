# SPDX-License-Identifier: MIT
"""systemd as the service manager: it starts what crun and runc cannot start
without being the login's own child."""

import json
import os
import shutil

import pytest

import guest as machines
from image import copy, copy_program, pack

PROGRAMS = ("/usr/lib/systemd/systemd", "/usr/bin/systemd-run",
            "/usr/bin/systemctl", "/usr/sbin/runc")

UNITS = {
    "default.target": """\
[Unit]
DefaultDependencies=no
Wants=loop.service
""",
    "loop.service": """\
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/loop
KillMode=process
""",
}


def make(scratch):
    """What the file system has more than that of the others."""
    tree = f"{scratch}/systemd-tree"
    units = f"{tree}/etc/systemd/system"
    os.makedirs(units)
    for path in PROGRAMS:
        copy_program(tree, path)
    for name in ("shutdown.target", "basic.target", "sysinit.target"):
        copy(tree, f"/usr/lib/systemd/system/{name}")
    for name, content in UNITS.items():
        with open(f"{units}/{name}", "w") as file:
            file.write(content)
    with open(f"{tree}/etc/machine-id", "w") as file:
        file.write("0123456789abcdef0123456789abcdef\n")
    # Links of the other archive are not to be replaced by directories.
    os.makedirs(f"{tree}/usr/lib64", exist_ok=True)
    for name in ("lib", "bin", "sbin"):
        if os.path.isdir(f"{tree}/{name}"):
            shutil.copytree(f"{tree}/{name}", f"{tree}/usr/{name}",
                            dirs_exist_ok=True)
            shutil.rmtree(f"{tree}/{name}")
    return pack(tree, f"{scratch}/systemd-initrd")


@pytest.fixture(scope="module")
def guest(images):
    scratch, vmlinuz, initrd = images
    both = f"{scratch}/systemd-both"
    with open(both, "wb") as out:
        for part in (initrd, make(scratch)):
            with open(part, "rb") as image:
                shutil.copyfileobj(image, out)
    machine = machines.Guest(vmlinuz, both, f"{scratch}/systemd",
                             "ctsh.systemd systemd.log_target=console")
    try:
        machine.wait_until_ready()
        yield machine
    finally:
        machine.stop()


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
