# SPDX-License-Identifier: MIT
"""The PAM module with join=all: the service's process in the container."""

import os
import re

import pytest

from lab import pam_all, process, sshd, terminal

from conftest import SENTENCES


@pytest.fixture(scope="module")
def visitors(lab):
    with pam_all.visitors(lab) as made:
        yield made


@pytest.fixture(params=pam_all.KINDS)
def visitor(request, visitors):
    return visitors[request.param]


@pytest.fixture
def one(visitors):
    """For what does not depend on the engine."""
    return visitors["crun"]


@pytest.fixture
def line(services, visitors):
    """join=all for every visitor; another line on demand."""
    def write(*arguments):
        services.line(*(arguments or (
            "join=all", "users=" + ",".join(
                each.user.name for each in visitors.values()))))
    write()
    return write


@pytest.fixture(scope="module")
def server(lab, services, visitors):
    names = [each.user.name for each in visitors.values()]
    with sshd.sshd(f"{lab.base}/ssh-all", names, services.prefix, pam=True,
                   sftp="internal-sftp") as made:
        yield made


# -- the service itself --------------------------------------------------------

NEEDED = sum(1 << bit for bit in (0, 1, 3, 5, 6, 7, 29))


def monitor_of(server_pid, visitor):
    """The root process of the connection, and the user's below it."""
    found = [pid for pid in process.descendants(server_pid)
             if process.status(pid).get("Uid", "").split()[:1]
             == [str(visitor.shift)]
             and os.readlink(f"/proc/{pid}/ns/mnt")
             == os.readlink(f"/proc/{visitor.init}/ns/mnt")]
    return found


@pytest.fixture
def monitor(server, line, visitor):
    """Of a session that lasts; its PID as the host counts."""
    pid = int(process.read(f"{server.directory}/sshd.pid"))
    with terminal.Terminal(
            server.argv(visitor.user.name, options=["RequestTTY=force"]),
            env={"PATH": os.environ["PATH"], "TERM": "dumb"}) as screen:
        screen.prompt()
        found, = monitor_of(pid, visitor)
        yield found
        screen.type("exit\n")
        screen.end()


def test_the_service_itself_is_confined(visitor, monitor):
    theirs, init = process.status(monitor), process.status(visitor.init)
    for name in ("CapBnd", "NoNewPrivs", "Seccomp", "Seccomp_filters"):
        assert theirs[name] == init[name], name
    bounding = int(init["CapBnd"], 16)
    assert int(theirs["CapPrm"], 16) == bounding & NEEDED
    assert theirs["CapEff"] == theirs["CapPrm"]
    assert theirs["CapInh"] == theirs["CapAmb"] == "0" * 16
    assert theirs["Uid"].split() == [str(visitor.shift)] * 4
    assert theirs["Gid"].split() == [str(visitor.user.gid
                                         + visitor.shift)] * 4
    seen, wanted = process.namespaces(monitor), process.namespaces(
        visitor.init)
    seen["pid"] = os.readlink(f"/proc/{monitor}/ns/pid_for_children")
    assert seen == wanted
    assert process.cgroups(monitor) == process.cgroups(visitor.init)
    assert os.path.samestat(os.stat(f"/proc/{monitor}/root"),
                            os.stat(f"/proc/{visitor.init}/root"))


def test_the_service_cannot_be_dumped(visitor, monitor):
    """Else its files were its own user's."""
    assert os.stat(f"/proc/{monitor}/environ").st_uid == 0


KINDS_OF_FD = ("/proc", "/sys/fs/cgroup", "mnt:", "net:", "pid:", "user:",
               "anon_inode:[pidfd]")


def test_no_descriptor_of_ours_is_left(visitor, monitor):
    links = []
    for name in sorted(os.listdir(f"/proc/{monitor}/fd")):
        links.append(os.readlink(f"/proc/{monitor}/fd/{name}"))
    bad = [link for link in links if link.startswith(KINDS_OF_FD)]
    assert bad == []
    assert not [link for link in links if link in ("/", visitor.inside(""))]


def test_nobody_inside_can_name_the_service(visitor, monitor):
    """It has no PID there, and nobody's parent is it."""
    assert process.status(monitor)["NSpid"] == str(monitor)
    seen = process.run(["nsenter", "-m", "-p", "-t", str(visitor.init), "--",
                        "/bin/ps", "-o", "args"], check=True).out
    assert "probe" in seen and "[priv]" not in seen


# -- files ---------------------------------------------------------------------

def options_of(server, user):
    """For programs that call the port -P."""
    options = [word for word in server.argv(user.name)[1:-1]
               if word != "EscapeChar=none"]
    options.pop()
    options[options.index("-p")] = "-P"
    return options


def copy(server, visitor, program, tmp_path):
    return process.run([program, *options_of(server, visitor.user),
                        f"{visitor.user.name}@127.0.0.1:whose",
                        f"{tmp_path}/got"])


@pytest.mark.parametrize("program", ["sftp", "scp"])
def test_files_are_the_containers(server, line, visitor, tmp_path, program):
    result = copy(server, visitor, program, tmp_path)
    assert result.status == 0, result
    assert process.read(f"{tmp_path}/got") == "the container's\n"


def test_sftp_sees_no_file_of_the_hosts(lab, server, line, visitor):
    batch = f"ls {lab.ctsh.etc}\n"
    result = process.run(["sftp", *options_of(server, visitor.user), "-b", "-",
                          f"{visitor.user.name}@127.0.0.1"],
                         batch.encode())
    assert result.status != 0 and "not found" in result.err, result


# -- whom it leaves alone ------------------------------------------------------

def test_break_glass_is_left_alone(lab, services, line, one):
    with lab.config.break_glass(f"{one.user.name}\n"), \
            lab.config.replaced("this is not a configuration"):
        result = services.run("su", one.user.name, "-c",
                              "readlink /proc/self/ns/net")
    assert result.out == os.readlink("/proc/self/ns/net") + "\n"


# -- refusals ------------------------------------------------------------------

@pytest.fixture
def refused(lab, services, server, line):
    """Of this user with this rule, in su and over ssh; the reason."""
    def check_both(visitor, keys, code):
        name = visitor.user.name
        with lab.config.own(visitor.user, keys):
            mark = len(lab.log.lines)
            result = services.run("su", name, "-c", "echo was there")
            remote = process.run(server.argv(name, "echo was there"))
        with open(f"{lab.config.directory}/users/{name}", "w") as file:
            file.write(visitor.keys)
        assert (result.out, result.status) == ("", 1), result
        assert "was there" not in remote.out and remote.status == 254, remote
        told = re.search(rf"ctsh: {re.escape(SENTENCES[code])} "
                         rf"\[{code} ([0-9a-f]{{8}})\]", result.err)
        assert told, result
        lines = process.wait_for(
            lambda: (lambda s: s if len(s) > 1 else None)(services.said(mark)),
            what="two lines")
        assert [one["event"] for one in lines] == ["refused"] * 2
        assert lines[0]["ref"] == told.group(1)
        assert lines[0]["reason"] == lines[1]["reason"]
        assert {one["code"] for one in lines} == {code}
        return lines[0]["reason"]
    return check_both


def test_without_trust_or_user_namespace(refused, one):
    reason = refused(one, f'container = "{one.container.spec}"\n', "E_CONFIG")
    assert reason.endswith(
        ":1: join=all enters a container without a user namespace only with "
        "\\x27trust_container = true\\x27")


def test_a_user_namespace_needs_no_trust(services, line, visitors):
    visitor = visitors["userns"]
    assert "trust" not in visitor.keys
    pam_all.check(visitor, services.run("su", visitor.user.name, "-c",
                                        pam_all.SHOW).out)


@pytest.mark.parametrize("key, why", [
    ('record = "output"', "no process of ours watches the session"),
    ("shell = \"/bin/sh\"", "the service decides that, and not the rule"),
    ("x11_forwarding = true", "the service forwards by itself")])
def test_a_key_that_nobody_carries_out(refused, one, key, why):
    reason = refused(one, f"{one.keys}{key}\n", "E_CONFIG")
    assert reason.endswith(
        f":1: {key.split()[0]} cannot be set with join=all: {why}")


def test_no_account_inside(lab, refused, visitors, one):
    other = visitors["docker"]
    reason = refused(one, other.keys, "E_IDENTITY")
    assert reason == f"no account in the container for {one.user.name}"


def test_another_account_inside(lab, refused, visitors, one):
    """Of that name, or with that uid, but not both."""
    with open(visitors["docker"].inside("etc/passwd")) as file:
        before = file.read()
    line_of = f"{one.user.name}:x:{{}}:{one.user.gid}::/:/bin/sh\n"
    try:
        with open(visitors["docker"].inside("etc/passwd"), "a") as file:
            file.write(line_of.format(one.user.uid + 10000))
        reason = refused(one, visitors["docker"].keys, "E_IDENTITY")
    finally:
        with open(visitors["docker"].inside("etc/passwd"), "w") as file:
            file.write(before)
    assert reason == (
        f"with join=all the account inside must be {one.user.name} with uid "
        f"{one.user.uid} and gid {one.user.gid}, and is {one.user.name} with "
        f"{one.user.uid + 10000} and {one.user.gid}")


def test_another_name_inside(refused, visitors, one):
    name = visitors["crun"].user.name
    reason = refused(one, f'{one.keys}user = "root"\nallow_root = true\n',
                     "E_IDENTITY")
    assert reason.startswith("with join=all the account inside must be "
                             f"{name} with uid")


def test_a_container_that_is_not_there(refused, one):
    refused(one, 'container = "labcrun:nosuch"\n', "E_ABSENT")


def test_a_paused_container(lab, refused, one):
    with lab.crun.paused(one.container.name):
        refused(one, one.keys, "E_PAUSED")


# -- opening and closing -------------------------------------------------------

def test_one_line_is_logged_and_none_at_the_end(lab, services, line, visitor):
    mark = len(lab.log.lines)
    result = services.tester(visitor.user, "open_session", "open_session",
                             "close_session")
    assert (result.status, result.err) == (0, "")
    opened, = process.wait_for(lambda: services.said(mark), what="a line")
    assert opened["event"] == "open" and opened["join"] == "all"
    assert opened["user"] == visitor.user.name
    assert opened["container"] == visitor.container.spec
    assert opened["pid"] == str(visitor.init)
