# SPDX-License-Identifier: MIT
"""SELinux: a login has the init's context, or there is no login."""

import base64
import contextlib
import os

import pytest

from lab import process

POLICY = os.path.join(os.path.dirname(__file__), "selinux.cil")


@pytest.fixture(scope="module")
def guest(guests, tmp_path_factory):
    machine = guests["selinux"]
    machine.wait_until_ready()
    binary = str(tmp_path_factory.mktemp("selinux") / "policy")
    process.run(["secilc", "-f", "/dev/null", "-o", binary, POLICY],
                check=True)
    with open(binary, "rb") as file:
        text = base64.b64encode(file.read()).decode()
    # The kernel takes a policy in one write.
    machine.run(f"base64 -d >/run/policy <<'END'\n{text}\nEND\n"
                "dd if=/run/policy of=/sys/fs/selinux/load bs=1M",
                check=True)
    assert context(machine, "self") == "u:r:host_t"
    assert machine.read("/sys/fs/selinux/enforce") == "1"
    return machine


@pytest.fixture
def box(guest, tmp_path):
    """Makes a container whose init has that type."""
    @contextlib.contextmanager
    def make(kind, **options):
        def edit(config):
            if kind:
                config["process"]["selinuxLabel"] = f"u:r:{kind}"
        with guest.container(str(tmp_path), edit=edit,
                             before=under("engine_t") if kind else "",
                             **options) as init:
            yield init
    return make


def context(guest, pid):
    return guest.read(f"/proc/{pid}/attr/current").rstrip("\0")


def under(kind):
    """Has what follows in the script run as that type."""
    return f"printf u:r:{kind} >/proc/self/attr/exec"


def test_a_login_has_the_inits_context(guest, box):
    with box("box_t") as init:
        assert context(guest, init) == "u:r:box_t"
        with guest.session() as shell:
            assert context(guest, shell) == "u:r:box_t"


def test_what_a_login_starts_has_the_context_too(guest, box):
    with box("box_t"):
        got = guest.login("sh -c 'cat /proc/self/attr/current'")
    assert (got.status, got.out) == (0, "u:r:box_t\0"), guest.seen(got)


def test_what_is_denied_to_the_container_is_denied_to_a_login(guest, box):
    with box("box_t"):
        got = guest.login("cat /etc/hostname; cat /proc/version")
    assert (got.status, got.out) == (1, "inside\n"), guest.seen(got)
    assert got.err == "cat: can't open '/proc/version': Permission denied\n"


def test_a_container_with_the_hosts_context_keeps_it(guest, box):
    with box(None):
        got = guest.login("cat /proc/self/attr/current; cat /proc/version")
    assert got.status == 0, guest.seen(got)
    assert got.out.startswith("u:r:host_t\0Linux version")


def test_a_context_that_ctsh_may_not_change_to_refuses(guest, box):
    with box("barred_t") as init:
        assert context(guest, init) == "u:r:barred_t"
        got = guest.login("cat /proc/self/attr/current")
        reason = guest.reason(got, "E_UNSAFE")
    assert reason == "take on the security label: EACCES"


def test_a_shell_that_is_not_executable_is_not_taken_for_it(guest, box):
    with box("box_t"):
        guest.lead_to("crun:box", 'shell = "/etc/passwd"')
        got = guest.login("id")
    assert got.status == 126 and got.out == "", guest.seen(got)


def test_no_new_privs_bars_what_the_policy_does_not_let_through(guest, box):
    with box("nnp_t", nnp=True):
        got = guest.login("cat /proc/self/attr/current")
        reason = guest.reason(got, "E_UNSAFE")
    assert reason == "take on the security label: EPERM"
    with box("nnp_t"):
        with guest.session() as shell:
            assert context(guest, shell) == "u:r:nnp_t"


@pytest.mark.parametrize("options", [{"nnp": True}, {"userns": 300000},
                                     {"nnp": True, "userns": 300000},
                                     {"seccomp": False}], ids=str)
def test_the_context_goes_with_every_other_confinement(guest, box, options):
    with box("box_t", **options) as init:
        with guest.session() as shell:
            assert context(guest, shell) == "u:r:box_t"
            for name in ("NoNewPrivs", "Seccomp", "Seccomp_filters", "CapBnd"):
                assert guest.status(shell)[name] == guest.status(init)[name]


def test_a_caller_that_may_not_choose_is_refused(guest, box):
    with box("box_t"):
        got = guest.login("id", before=under("caller_t"))
        reason = guest.reason(got, "E_UNSAFE")
    assert reason == "ask for the security label: EACCES"


def test_a_rule_may_do_without(guest, box):
    with box("barred_t"):
        guest.lead_to("crun:box", 'allow_unconfined = {"lsm"}')
        got = guest.login("cat /proc/self/attr/current")
    assert (got.status, got.out) == (0, "u:r:host_t\0"), guest.seen(got)


def test_pipes_arrive_on_the_other_side(guest, box):
    """What the new domain may not use the kernel replaces by its null."""
    with box("box_t"):
        got = guest.login("wc -c; echo told; echo cried >&2; exit 7",
                          before="head -c 200000 /dev/zero |",
                          after=">/run/1 2>/run/2\n"
                          "echo $?; cat /run/1 /run/2")
    assert got.out == "7\n200000\ntold\ncried\n", guest.seen(got)
    with box("box_t"):
        got = guest.login("head -c 200000 /dev/zero", after="| wc -c")
    assert got.out == "200000\n", guest.seen(got)


def test_a_command_that_nobody_would_hear_is_refused(guest, box):
    """Its status would be right, and its output nowhere."""
    with box("deaf_t"):
        got = guest.login("echo told; sleep 20; exit 7")
        reason = guest.reason(got, "E_UNSAFE")
        at_terminal = guest.terminal("cat /proc/self/attr/current")
    assert reason == "descriptor 1 may not be used with the security label " \
        "'u:r:deaf_t'"
    assert "u:r:deaf_t\0" in at_terminal.out


def test_files_arrive_on_the_other_side(guest, box):
    with box("box_t"):
        got = guest.login("wc -c; echo told; echo cried >&2; exit 7",
                          after="</box/bin/busybox >/run/1 2>/run/2\n"
                          "echo $?; cat /run/1 /run/2")
    size = os.path.getsize("/usr/bin/busybox")
    assert got.out == f"7\n{size}\ntold\ncried\n", guest.seen(got)


def test_at_a_terminal(guest, box):
    with box("box_t"):
        got = guest.terminal("tty; cat /proc/self/attr/current /proc/version")
    assert "/dev/pts/0\r\nu:r:box_t\0" in got.out, guest.seen(got)
    assert "Permission denied" in got.out


def test_a_forged_proc_inside_does_not_matter(guest, box):
    with box("box_t") as init:
        guest.run(f"nsenter -m -r -t {init} sh -ec '"
                  "mount -t tmpfs fake /proc\nmkdir -p /proc/self/attr\n"
                  ": >/proc/self/attr/exec'", check=True)
        with guest.session() as shell:
            assert context(guest, shell) == "u:r:box_t"
