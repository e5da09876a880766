# SPDX-License-Identifier: MIT
"""join=all of the PAM module, and what goes against it on the way in."""

import contextlib
import copy
import os
import re
import signal
import threading

import pytest

from lab import engines, handmade, pam_all, process

from conftest import SENTENCES

BECOME = ("setuid", "setresuid", "setreuid", "setgid", "setresgid",
          "setgroups")


@pytest.fixture(scope="module")
def visitor(lab):
    with pam_all.visitors(lab, "witness", ("crun",)) as made:
        yield made["crun"]


def test_a_login_ends_whose_witness_was_killed(lab, services, visitor):
    """Before its first word, when nothing else says that it is gone."""
    services.line("join=all", f"users={visitor.user.name}")
    shim = handmade.tool(lab, "orphan", "-shared", "-fPIC")
    result = services.run(
        "timeout", "--signal", "KILL", "15", "env", f"LD_PRELOAD={shim}",
        "pamtester", "ctsh-test", visitor.user.name, "open_session")
    assert (result.status, result.out) == (127, ""), result


@pytest.fixture(params=[BECOME, ("clone", "clone3", "fork", "vfork")],
                ids=["become", "fork"])
def liar(request, lab):
    """A user whose own program is the init, and who chose its filter."""
    seccomp = copy.deepcopy(engines.SECCOMP)
    seccomp["syscalls"].append({"names": request.param, "errnoRet": 0,
                                "action": "SCMP_ACT_ERRNO"})

    def change(config):
        config["linux"]["seccomp"] = seccomp
    with contextlib.ExitStack() as stack:
        name = f"liar{request.param[0]}"
        user = pam_all.make_user(lab, stack, "liar")
        container = stack.enter_context(lab.crun.container(
            name, lab.tree(name), nnp=True, ids=user.uid, change=change))
        made = pam_all.Visitor("crun", user, container, 0)
        pam_all.settle(made)
        stack.enter_context(lab.config.own(user, made.keys))
        yield made


def test_a_filter_that_says_done_to_what_is_not(services, liar):
    """To setuid(2), and the shell was root's; to fork(2), and it had a PID of
    the host's."""
    services.line("join=all", f"users={liar.user.name}")
    result = services.run("su", liar.user.name, "-c",
                          "cat /proc/self/status", timeout=30)
    assert (result.status, result.out) == (1, ""), result
    assert SENTENCES["E_UNSAFE"] in result.err, result


def test_who_would_become_dumpable_stays_outside(lab, services, visitor):
    """By the change of ids: of the same user others inside could trace it."""
    services.line("join=all", f"users={visitor.user.name}")
    setting = f"{lab.base}/suid_dumpable"
    with open(setting, "w") as file:
        file.write("1\n")
    result = services.run(
        "unshare", "--mount", "sh", "-c",
        f"mount --bind {setting} /proc/sys/fs/suid_dumpable && "
        f"exec su {visitor.user.name} -c id")
    assert (result.status, result.out) == (1, ""), result
    assert SENTENCES["E_SYSTEM"] in result.err, result


def test_what_su_was_started_with_stays_outside(services, visitor):
    services.line("join=all", f"users={visitor.user.name}")
    result = services.run(
        "sh", "-c", "exec 9</etc/hostname; "
        f"exec su {visitor.user.name} -c 'ls /proc/self/fd'")
    # The last one is that of ls.
    assert (result.status, result.out.split()) == (0, [*"0123"]), result


@pytest.mark.parametrize("fd", (0, 9))
def test_no_directory_of_the_hosts_comes_along(lab, services, visitor, fd):
    services.line("join=all", f"users={visitor.user.name}")
    mark = len(lab.log.lines)
    result = services.run(
        "sh", "-c", f"exec {fd}</etc; exec su {visitor.user.name} -c "
        "'echo in; cat /proc/self/fd/*/hostname'")
    assert (result.status, result.out) == (-9, ""), result
    def refused():
        return [one for one in services.said(mark)
                if one["event"] == "refused"]
    # It is ended first.
    line, = process.wait_for(refused, 5, "the line")
    assert (line["code"], line["reason"]) == (
        "E_UNSAFE", "the service has a directory open")


def come_while_it_dies(lab, services, user, turn):
    """What was said when the init ended a little later than the last time."""
    name = f"dying{turn}"
    with lab.crun.container(name, lab.tree(name)) as container:
        made = pam_all.Visitor("crun", user, container, 0)
        with open(made.inside("etc/passwd"), "a") as file:
            file.write(f"{user.name}:x:{user.uid}:{user.gid}::/:/bin/sh\n")
        with lab.config.own(user, made.keys):
            end = threading.Timer(.004 + .0012 * turn, os.kill,
                                  (made.init, signal.SIGKILL))
            end.start()
            result = services.run("su", user.name, "-c", "readlink "
                                  "/proc/self/ns/pid; sleep 5")
            end.join()
    return result


@pytest.fixture
def mourner(lab):
    with contextlib.ExitStack() as stack:
        yield pam_all.make_user(lab, stack, "mourner")


def test_a_container_that_dies_meanwhile_is_called_gone(lab, services,
                                                        mourner):
    services.line("join=all", f"users={mourner.name}")
    host = os.readlink("/proc/self/ns/pid")
    for turn in range(16):
        result = come_while_it_dies(lab, services, mourner, turn)
        assert result.status in (1, 137, -9), result
        assert host not in result.out, result
        code = re.search(r"\[(E_\w+) ", result.err)
        assert not code or code[1] in ("E_ABSENT", "E_GONE"), result
