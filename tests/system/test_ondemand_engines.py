# SPDX-License-Identifier: MIT
"""`start` with the engines that have a daemon of their own, with machines, and
with a podman that is a user's own."""

import contextlib
import os
import signal
from concurrent import futures

import pytest

from lab import engines, manager, nspawn, process

ONDEMAND = 'start = "ondemand"'
WHERE = "exec readlink /proc/self/ns/pid"


@pytest.fixture
def lands(lab, guest):
    """A login of the guest's there, over ssh, comes to that process."""
    def check(spec, pid, keys=ONDEMAND):
        with lab.config.own(guest, f'container = "{spec}"\n{keys}\n'):
            result = lab.login(guest, WHERE)
        assert (result.status, result.err) == (0, ""), result
        assert result.out.strip() == os.readlink(f"/proc/{pid()}/ns/pid")
    return check


@pytest.fixture
def fails(lab, guest, refusal):
    def check(spec, code="E_ABSENT", keys=ONDEMAND):
        with lab.config.own(guest, f'container = "{spec}"\n{keys}\n'):
            result = lab.direct(guest, "-c", "true")
        assert result.seconds < 12
        return refusal(result, guest, code)
    return check


# -- LXD and Incus -----------------------------------------------------------

@pytest.fixture(scope="module")
def instances(lab):
    """One that is stopped, in the default project; `team` has one too."""
    engine = lab.lxd
    if "waits" not in engine.call("image", "list", "-f", "csv").out:
        engine.load("waits", lab.tree("lxd-waits"))
    engine.call("project", "create", "crew", "-c", "features.images=false",
                "-c", "features.profiles=false", check=True)
    name = f"{lab.tag}-waits"
    places = ("default", "crew")
    try:
        for project in places:
            engine.call("init", "waits", name, "--project", project,
                        "--config", "raw.lxc=lxc.init.cmd = /bin/probe init",
                        check=True, timeout=60)
        with lab.config.extended(
                f'engine waitlxd {{ type = "lxd"  root = "{engine.root}" }}\n'
                f'engine waitincus {{ type = "incus"  '
                f'root = "{engine.root}" }}\n'):
            yield name
    finally:
        for project in places:
            engine.call("delete", "--force", "--project", project, name,
                        timeout=60)
        engine.call("project", "delete", "crew")


def lxd_pid(lab, name, project):
    out = lab.lxd.call("info", "--project", project, name, check=True).out
    pid, = [line.split()[1] for line in out.splitlines()
            if line.startswith("PID:")]
    return int(pid)


@pytest.mark.parametrize("engine, project", [
    ("waitlxd", "default"), ("waitincus", "crew")])
def test_an_instance_is_started_by_its_daemon(lab, instances, lands, engine,
                                              project):
    spec = f"{engine}:{project}/{instances}"
    try:
        lands(spec, lambda: lxd_pid(lab, instances, project))
    finally:
        lab.lxd.call("stop", "--force", "--project", project, instances,
                     timeout=60)


def test_of_two_projects_one_is_started(lab, instances, lands):
    lands(f"waitlxd:{instances}",
          lambda: lxd_pid(lab, instances, "default"))
    other = lab.lxd.call("info", "--project", "crew", instances).out
    assert "Status: STOPPED" in other


def test_no_instance_of_that_name(instances, fails):
    assert "not found" in fails(f"waitlxd:{instances}x")
    assert "not found" in fails(f"waitlxd:other/{instances}")


def test_lxd_says_why_it_cannot(lab, instances, fails):
    lab.lxd.call("config", "set", "--project", "crew", instances,
                 "raw.lxc=lxc.init.cmd = /nowhere", check=True)
    reason = fails(f"waitlxd:crew/{instances}")
    assert "forkstart" in reason and "exit status" in reason, reason


def test_a_daemon_that_is_down(lab, guest, fails, tmp_path):
    with lab.config.extended(f'engine waitlxd {{ type = "lxd"  '
                             f'root = "{lab.run}/nolxd" }}\n'):
        fails("waitlxd:box", "E_ENGINE")


# -- containerd --------------------------------------------------------------

@pytest.fixture(scope="module")
def tree(lab):
    return lab.tree("waits")


@pytest.fixture(scope="module")
def section(lab):
    with lab.config.extended(
            f'engine waitctr {{ type = "containerd"  '
            f'root = "{lab.containerd.state}"  '
            f'socket = "{lab.run}/containerd.sock" }}\n'):
        yield


@contextlib.contextmanager
def created(lab, tree, name, *argv):
    """A container of ctr's without a task; its group is below that of its
    namespace."""
    engine, ns = lab.containerd, lab.tag
    try:
        engine.call(ns, "container", "create", "--rootfs", tree, name,
                    *(argv or ["/bin/probe", "init"]), check=True)
        yield f"waitctr:{ns}/{name}", lambda: engine.pid(f"{ns}/{name}")
    finally:
        engine.remove(ns, name)


@pytest.mark.usefixtures("section")
def test_a_task_is_started_and_one_that_ended_anew(lab, tree, lands):
    with created(lab, tree, "waits") as (spec, pid):
        lands(spec, pid)
        first = pid()
        lands(spec, pid)
        assert pid() == first
        status = process.status(first)
        assert process.cmdline(int(status["PPid"]))[0].endswith(
            "containerd-shim-runc-v2")
        os.kill(first, signal.SIGKILL)
        process.wait_for(lambda: not process.alive(first), what="its end")
        lands(spec, pid)
        assert pid() != first


@pytest.mark.usefixtures("section")
def test_containerd_says_why_it_cannot(lab, tree, fails):
    with created(lab, tree, "waits", "/nowhere") as (spec, _):
        reason = fails(spec)
    assert reason.startswith("/usr/bin/ctr: ") and "/nowhere" in reason


@pytest.mark.usefixtures("section")
def test_a_task_that_ends_at_once(lab, tree, fails):
    with created(lab, tree, "waits", "/bin/true") as (spec, _):
        assert fails(spec).startswith("was started; ")


@pytest.mark.usefixtures("section")
def test_what_is_not_there_or_somebody_elses_to_start(lab, fails):
    reason = fails(f"waitctr:{lab.tag}/nothing")
    assert reason.startswith("/usr/bin/ctr: ") and "not found" in reason
    for ns, whose in (("moby", "docker"), ("k8s.io", "the kubelet")):
        assert fails(f"waitctr:{ns}/nothing", "E_CONFIG") == \
            f"tasks of the namespace {ns} are started by {whose}"


def test_pods_are_not_started(fails):
    assert fails("kubernetes:lab/pod", "E_CONFIG").endswith(
        "this engine starts no containers")


# -- systemd-nspawn ----------------------------------------------------------

@pytest.fixture
def managed(lab):
    with manager.manager(lab) as own:
        yield own


CONTROL = """\
#!/bin/sh
echo "$@" >>{calls}
setsid {argv} </dev/null >{journal} 2>&1 &
echo $! >{pidfile}
while :; do
    for child in $(cat /proc/$!/task/$!/children); do
        # Its last words are in those of all that it has been before.
        first=$(tr '\\0' '\\n' <"/proc/$child/cmdline" | head -n 1)
        [ "$first" != /bin/probe ] || exit 0
    done
    kill -0 $! || break
    sleep 0.05
done 2>/dev/null
echo "Job for a unit failed."
exit 1
"""


@pytest.fixture
def unit(lab, managed):
    """What systemctl does for the machine of that name and tree."""
    pidfile = f"{managed.place}/nspawn.pid"
    group = f"{lab.tag}/waits"

    def put(name, tree):
        words = ["sh", "-c", f"'{nspawn.IN_GROUP}'", "sh", group,
                 *lab.engine_prefix, *lab.nspawn.argv(name, tree)]
        managed.program("systemctl", CONTROL.format(
            argv=" ".join(words), calls=managed.calls, pidfile=pidfile,
            journal=managed.journal))
    try:
        yield put
    finally:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            pid = int(process.read(pidfile))
            os.kill(pid, signal.SIGTERM)
            process.wait_for(lambda: not process.alive(pid),
                             what="the end of a machine")
        engines.wait_for_no_cgroup(group)


def test_a_machine_is_started_by_its_unit(lab, guest, managed, unit):
    name, tree = f"{lab.tag}w.1-a", lab.tree("nspawn-waits")
    unit(name, tree)
    with lab.config.own(guest, f'container = "nspawn:{name}"\n{ONDEMAND}\n'):
        result = managed.login(guest, "-c", "hostname")
        assert (result.out, result.err) == ("inside\n", "")
        assert managed.login(guest, "-c", "hostname").out == "inside\n"
    assert managed.told() == [
        f"--quiet --no-ask-password start -- systemd-nspawn@{name}.service"]


def test_nspawn_says_why_it_cannot(lab, guest, managed, unit, refusal):
    name = f"{lab.tag}w2"
    unit(name, "/nowhere")
    with lab.config.own(guest, f'container = "nspawn:{name}"\n{ONDEMAND}\n'):
        reason = refusal(managed.login(guest, "-c", "true"), guest,
                         "E_ABSENT")
    assert reason.startswith(f"systemd-nspawn@{name}.service: ")
    assert "/nowhere" in reason


# -- podman of a user's own --------------------------------------------------

@pytest.fixture
def owner(lab):
    return lab.users["owner"]


@contextlib.contextmanager
def stopped(lab, name, *options):
    tree = lab.tree(f"rootless-{name}")
    lab.rootless.give(tree)
    with lab.rootless.container(name, tree, *options) as container:
        lab.rootless.call("kill", name, check=True)
        process.wait_for(lambda: lab.rootless.call(
            "inspect", "--format", "{{.State.Status}}", name,
            check=True).out == "exited\n", what="its end")
        yield container


def keys(name, more=ONDEMAND):
    return f'container = "podman:{name}"\nowner = "%u"\n{more}\n'


def test_a_users_own_is_started_as_that_user(lab, owner, managed):
    """Once, for all who come at the same time."""
    assert lab.rootless.mine.pid
    with stopped(lab, "waits") as container, \
            lab.config.own(owner, keys("waits", f"{ONDEMAND}\nwait = 40")), \
            futures.ThreadPoolExecutor(6) as pool:
        results = list(pool.map(
            lambda _: managed.login(owner, "-c", WHERE, timeout=60),
            range(6)))
        pid = container.pid
        there = os.readlink(f"/proc/{pid}/ns/pid")
        assert [(r.out.strip(), r.err) for r in results] == [(there, "")] * 6
        parent = process.status(int(process.status(pid)["PPid"]))
    assert parent["Name"] == "conmon"
    assert parent["Uid"].split() == [str(owner.uid)] * 4
    assert parent["Gid"].split() == [str(owner.gid)] * 4
    assert set(map(int, parent["Groups"].split())) == \
        set(os.getgrouplist(owner.name, owner.gid))
    call, = managed.told()
    assert f" --uid={owner.uid} --gid={owner.gid} " \
        f"--slice=user-{owner.uid}.slice --setenv=XDG_RUNTIME_DIR=" \
        f"/run/user/{owner.uid} -- /usr/bin/podman start " in call
    assert len(call.split()[-1]) == 64


def test_a_users_podman_says_why_it_cannot(lab, owner, managed, refusal):
    with stopped(lab, "fails") as container, \
            lab.config.own(owner, keys("fails")):
        os.rename(container.root, f"{container.root}.gone")
        try:
            result = managed.login(owner, "-c", "true")
        finally:
            os.rename(f"{container.root}.gone", container.root)
    reason = refusal(result, owner, "E_ABSENT")
    assert reason.startswith("/usr/bin/podman: Error: ")
    assert "mount point" in reason
    assert "mount" not in result.err


def test_one_that_never_ran(lab, owner, managed):
    """It looks as if it were just being made, as all do after a boot, and is
    given a second."""
    tree = lab.tree("rootless-unborn")
    lab.rootless.give(tree)
    try:
        lab.rootless.call("create", "--name", "unborn", "--rootfs", tree,
                          "/bin/probe", "init", check=True, timeout=60)
        with lab.config.own(owner, keys("unborn")):
            told = lab.ctl("explain", owner.name)
            result = managed.login(owner, "-c", WHERE)
        assert result.out.strip() == os.readlink(
            f"/proc/{lab.rootless.pid('unborn')}/ns/pid"), result
    finally:
        lab.rootless.call("rm", "--force", "--ignore", "--time", "0",
                          "unborn", timeout=60)
    assert "starts:    a login would start it" in told.out
    assert result.seconds > 1


def test_another_may_start_it_if_a_rule_says_so(lab, owner, managed):
    keeper = lab.users["keeper"]
    with stopped(lab, "lent") as container, lab.config.own(
            keeper, keys("lent", ONDEMAND).replace("%u", owner.name)):
        result = managed.login(keeper, "-c", WHERE)
        assert result.out.strip() == \
            os.readlink(f"/proc/{container.pid}/ns/pid"), result


def test_an_owner_who_has_no_run_directory(lab, owner, managed, refusal):
    """Neither a session nor lingering: podman would take another one."""
    with stopped(lab, "lonely") as container, \
            lab.config.own(owner, keys("lonely")):
        run = lab.rootless.run
        os.rename(run, f"{run}.away")
        try:
            result = managed.login(owner, "-c", "true")
        finally:
            os.rename(f"{run}.away", run)
        assert container
    assert refusal(result, owner, "E_CONFIG") == \
        f"uid {owner.uid} has no {run}: neither a session nor lingering"
    assert managed.told() == []


def test_a_name_that_is_nobodys(lab, owner, managed, refusal):
    """Not one whose ID begins like that, either."""
    with stopped(lab, "named"):
        identity = lab.rootless.call("inspect", "--format", "{{.Id}}",
                                     "named", check=True).out.strip()
        for name in (identity[:1], identity[:12], "name"):
            with lab.config.own(owner, keys(name)):
                assert refusal(managed.login(owner, "-c", "true"), owner,
                               "E_ABSENT") == "no such container"
    assert managed.told() == []
