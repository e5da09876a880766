# SPDX-License-Identifier: MIT
"""A user's own podman: the real one, without root."""

import os

import pytest

from lab import process

WHERE = "exec readlink /proc/self/ns/pid"


@pytest.fixture
def guest(lab):
    """Who has a podman of their own."""
    return lab.users["owner"]


@pytest.fixture
def login(lab, guest):
    def call(name, command=WHERE, owner="%u", user=guest, keys=""):
        with lab.config.own(user, f'container = "podman:{name}"\n'
                            f'owner = "{owner}"\nwait = 0\n{keys}'):
            return lab.direct(user, "-c", command)
    return call


@pytest.fixture
def lands(login):
    def check(pid, name="mine", **more):
        result = login(name, **more)
        assert (result.status, result.err) == (0, ""), result
        assert result.out.strip() == os.readlink(f"/proc/{pid}/ns/pid")
    return check


def test_a_user_lands_in_a_container_of_their_own(lab, guest, login, lands):
    lands(lab.rootless.mine.pid)
    result = login("mine", "id -un; hostname; cat /proc/self/uid_map")
    name, host, *maps = result.out.splitlines()
    assert (name, host) == (guest.name, "inside"), result
    assert [row.split() for row in maps] == [
        ["0", str(guest.uid), "1"],
        ["1", str(lab.rootless.start), "65536"]]


def test_the_session_has_no_more_than_the_container(lab, guest, login):
    """Not the power of the user who owns it, either."""
    result = login("mine", "exec cat /proc/self/status")
    assert result.status == 0, result
    session = dict(line.split(":\t", 1) for line in result.out.splitlines())
    init = process.status(lab.rootless.mine.pid)
    assert session["Uid"].split() == [str(lab.inner_uid("owner"))] * 4
    assert session["CapBnd"] == init["CapBnd"] != "0" * 16
    assert session["CapEff"] == session["CapPrm"] == "0" * 16
    assert session["Seccomp_filters"] == init["Seccomp_filters"] != "0"


def test_a_user_namespace_below_podmans_own_is_theirs_too(lab, lands):
    """Where the user keeps their uid inside."""
    with lab.rootless.container("kept", lab.rootless.mine.root,
                                "--userns", "keep-id") as kept:
        maps = process.read(f"/proc/{kept.pid}/uid_map").splitlines()
        assert len(maps) == 3
        lands(kept.pid, "kept")


def test_another_user_may_be_sent_there(lab, guest, lands):
    lands(lab.rootless.mine.pid, owner=guest.name, user=lab.users["keeper"])


def test_the_full_id_names_it(lab, login, lands):
    identity = lab.rootless.call("inspect", "--format", "{{.Id}}", "mine",
                                 check=True).out.strip()
    lands(lab.rootless.mine.pid, f"id={identity}")


def test_a_session_at_a_terminal_works(lab, guest):
    with lab.config.own(guest, 'container = "podman:mine"\nowner = "%u"\n'):
        with lab.terminal(guest) as terminal:
            terminal.prompt()
            assert terminal.ask("tty").startswith("/dev/pts/")
            assert terminal.ask("id -un") == guest.name


def test_stopped_and_started_again(lab, guest, login, lands, refusal):
    lab.rootless.call("stop", "--time", "0", "mine", check=True)
    refusal(login("mine"), guest, "E_ABSENT")
    lab.rootless.call("start", "mine", check=True)
    lands(lab.rootless.mine.pid)


def test_an_unknown_name_is_absent(lab, guest, login, refusal):
    assert lab.rootless.mine.pid
    for name in ("min", "minee", lab.rootless.mine.name[:1]):
        assert refusal(login(name), guest, "E_ABSENT") == "no such container"


def test_the_engines_of_root_and_of_a_user_are_two(lab, guest, login, refusal):
    """Neither is found where the other one is meant."""
    assert lab.rootless.mine.pid
    assert refusal(login("mine", owner="root"), guest, "E_ABSENT")


def test_an_owner_without_an_engine_is_absent(lab, login, refusal):
    plain = lab.users["plain"]
    refusal(login("mine", user=plain), plain, "E_ABSENT")


@pytest.mark.parametrize("owner", ["nobody-of-that-name", "guest", "%g"])
def test_an_owner_who_is_nobody_is_a_mistake(guest, login, refusal, owner):
    refusal(login("mine", owner=owner), guest, "E_CONFIG")


def test_an_owner_is_for_engines_that_can_have_one(lab, guest, refusal):
    with lab.config.own(guest, 'container = "crun:box"\nowner = "%u"\n'):
        reason = refusal(lab.direct(guest, "-c", "id"), guest, "E_CONFIG")
        assert reason.endswith(":1: \\x27owner\\x27 does not go with crun")
        assert lab.ctl("check").status != 0


def test_explain_says_whose_engine_it_is(lab, guest):
    assert lab.rootless.mine.pid
    with lab.config.own(guest, 'container = "podman:mine"\nowner = "%u"\n'):
        result = lab.ctl("explain", guest.name)
    assert f"owner:     {guest.name}\n" in result.out, result
    assert "container: podman:mine" in result.out
