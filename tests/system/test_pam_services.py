# SPDX-License-Identifier: MIT
"""join=all: each login service against each kind of container."""

import contextlib
import os
import re

import pytest

from lab import pam, pam_all, process, rootfs, sshd
from lab.pam_all import SHOW, check


@pytest.fixture(scope="module")
def visitors(lab):
    with pam_all.visitors(lab, "served", pam_all.ALL_KINDS) as made:
        yield made


@pytest.fixture(params=pam_all.ALL_KINDS)
def visitor(request, visitors):
    return visitors[request.param]


@pytest.fixture(scope="module")
def users_of_all(visitors):
    return "users=" + ",".join(each.user.name for each in visitors.values())


@pytest.fixture
def line(services, users_of_all):
    services.line("join=all", users_of_all)


@pytest.fixture(scope="module")
def jobs(lab, services, visitors, users_of_all):
    """One of each visitor's, at work beside the tests."""
    places = {}
    for visitor in visitors.values():
        places[visitor.user] = f"{visitor.user.home}/job"
    services.line("join=all", users_of_all)
    with pam.cron(lab, services, {
            user: f"({SHOW}; echo end=) >{place} 2>&1"
            for user, place in places.items()}):
        yield places


@pytest.fixture(scope="module")
def server(lab, jobs, services, visitors):
    names = [each.user.name for each in visitors.values()]
    with sshd.sshd(f"{lab.base}/ssh-served",
                   [*names, lab.users["plain"].name, "root"],
                   services.prefix, pam=True) as made:
        yield made


# -- the ways ------------------------------------------------------------------

def by_ssh(services, server, name, command):
    return process.run(server.argv(name, command))


def called(*words):
    def run(services, _server, name, command):
        return services.run(*(word.format(name=name) for word in words),
                            command)
    return run


def by_sudo_i(services, _server, name, command):
    """It leaves dollars to the login shell, which so reads all of it."""
    return services.run("sudo", "-n", "-i", "-u", name,
                        stdin=command.encode())


def by_login(services, _server, name, command):
    """Its own status is not the shell's, which says it here."""
    with pam_all.login(services, name) as screen:
        screen.prompt()
        out = screen.ask(f"({command})")
        status = screen.status
        screen.type("exit\n")
        screen.end()
    return process.Result(status, out, "", 0)


WAYS = {
    "ssh": by_ssh,
    "login": by_login,
    "su": called("su", "{name}", "-s", "/bin/sh", "-c"),
    "su -": called("su", "-", "{name}", "-s", "/bin/sh", "-c"),
    "runuser": called("runuser", "-u", "{name}", "--", "/bin/sh", "-c"),
    "runuser -l": called("runuser", "-l", "{name}", "-s", "/bin/sh", "-c"),
    "sudo": called("sudo", "-n", "-u", "{name}", "/bin/sh", "-c"),
    "sudo -i": by_sudo_i,
}


def there(visitor):
    """All processes that see the container's files."""
    own = process.namespaces(visitor.init)["mnt"]
    found = set()
    for pid in process.pids():
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/ns/mnt") == own:
                found.add(pid)
    return found


def refuses_itself(services, visitor):
    with pam_all.login(services, visitor.user.name) as screen:
        screen.see("Unable to change owner or mode of tty stdin: "
                   "Operation not permitted")
        assert screen.end() == 1
    return None


def comes_in(visitor, way):
    """The terminal that login(1) was called at is the host's, and no process
    in a user namespace can give that to the user."""
    return way != "login" or not visitor.shift


@pytest.mark.parametrize("way", WAYS)
def test_the_session_is_the_containers(services, server, line, visitor, way):
    """All of it, with the command's own status, and then it is over."""
    if not comes_in(visitor, way):
        return refuses_itself(services, visitor)
    before = there(visitor)
    result = WAYS[way](services, server, visitor.user.name, f"{SHOW}; exit 7")
    assert (result.status, result.err) == (7, ""), result
    check(visitor, result.out)
    process.wait_for(lambda: there(visitor) <= before, what="the end")


@pytest.fixture
def behind(services, users_of_all):
    """What a module behind ours executes finds this."""
    services.line("join=all", users_of_all, behind=(
        "session required pam_exec.so stdout /bin/look",))


def look_at(path):
    rootfs.write(path, "bin/look", f"#!/bin/sh\n{SHOW}\n", 0o755)


def test_pamtester(services, behind, visitor):
    """What it starts is root, as the service is."""
    look_at(visitor.inside("").rstrip("/"))
    result = services.tester(visitor.user, "open_session")
    assert (result.status, result.err) == (0, ""), result
    wanted = pam_all.expected(visitor)
    groups = f"0:{visitor.user.gid}:{visitor.user.gid} 7100"
    seen = pam_all.parse(result.out)
    for name in ("CapPrm", "CapEff"):
        assert int(seen[name], 16) & ~int(wanted["CapBnd"], 16) == 0
        wanted.pop(name)
    assert {key: seen.get(key) for key in wanted} == wanted | {"id": groups}


def is_inside(visitor, screen):
    """The terminal that the shell there has."""
    number = re.fullmatch(r"/dev/pts/(\d+)", screen.ask("tty")).group(1)
    inside = os.stat(visitor.inside(f"dev/pts/{number}"))
    assert inside.st_uid == visitor.user.uid + visitor.shift
    host = f"/dev/pts/{number}"
    assert not os.path.exists(host) or \
        os.stat(host).st_dev != inside.st_dev


def test_the_terminal_is_one_of_the_containers(server, line, visitor):
    with pam_all.at_a_terminal(server.argv(
            visitor.user.name, options=["RequestTTY=force"])) as screen:
        screen.prompt()
        is_inside(visitor, screen)
        screen.type("exit 3\n")
        assert screen.end() == 3


def test_the_terminal_that_su_makes(services, line, visitor):
    """It makes one when asked to, before the session is opened."""
    with pam_all.at_a_terminal([
            *services.prefix, "su", "--pty", visitor.user.name]) as screen:
        screen.prompt()
        check(visitor, screen.ask(SHOW))
        is_inside(visitor, screen)
        screen.type("exit 3\n")
        assert screen.end() == 3


def test_sudo_at_a_terminal(services, line, visitor):
    """Between that and the user's it has made one more: both the host's."""
    with pam_all.at_a_terminal([
            *services.prefix, "sudo", "-n", "-i", "-u",
            visitor.user.name]) as screen:
        screen.prompt()
        check(visitor, screen.ask(SHOW))
        assert screen.ask("tty") == "not a tty"
        screen.type("exit 3\n")
        assert screen.end() == 3


def test_all_of_them_at_once(services, server, line, visitors):
    with contextlib.ExitStack() as stack:
        screens = {}
        for kind, visitor in visitors.items():
            screens[kind] = stack.enter_context(pam_all.at_a_terminal(
                server.argv(visitor.user.name,
                            options=["RequestTTY=force"])))
        for kind, visitor in visitors.items():
            screens[kind].prompt()
            check(visitor, services.run("su", visitor.user.name, "-c",
                                        SHOW).out)
        for kind, visitor in visitors.items():
            check(visitor, screens[kind].ask(SHOW))


# -- whom it leaves alone ------------------------------------------------------

OF_THE_HOST = "echo $(readlink /proc/self/ns/net) $(id -un)"


@pytest.mark.parametrize("who", ["plain", "root"])
@pytest.mark.parametrize("way", WAYS)
def test_others_are_left_alone(lab, services, server, line, way, who):
    """Whatever the configuration is."""
    name = "root" if who == "root" else lab.users[who].name
    with lab.config.replaced("this is not a configuration"):
        result = WAYS[way](services, server, name, OF_THE_HOST)
    assert (result.out.strip(), result.err) == (
        f"{os.readlink('/proc/self/ns/net')} {name}", ""), result


# -- cron ----------------------------------------------------------------------

# The last one: meanwhile a minute may have begun.
@pytest.mark.limit(100)
def test_cron(line, visitor, jobs):
    out = visitor.inside(jobs[visitor.user])
    process.wait_for(lambda: os.path.exists(out)
                     and "end=" in process.read(out), 75, "a job")
    check(visitor, process.read(out))
    assert not os.path.exists(jobs[visitor.user])
