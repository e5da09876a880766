# SPDX-License-Identifier: MIT
"""The PAM module: a login service's process in the container's network."""

import os
import re
import socket
import subprocess

import pytest

from lab import install, machine, process, rootfs, sshd, terminal
from lab.tunnels import inside, listener, talk, tunnel

from conftest import SENTENCES

SESSION_ERR = "Cannot make/remove an entry for the specified session"


@pytest.fixture
def here(lab, services):
    """Sets the line; at the end it concerns nobody."""
    yield services.line
    services.line("join=net", "users=nobody")


@pytest.fixture(scope="module")
def server(lab, services):
    """An sshd with the module that lets forward."""
    names = [user.name for user in lab.all_users]
    with sshd.sshd(f"{lab.base}/ssh-module", names, services.prefix,
                   pam=True) as made:
        yield made


def network(pid="self"):
    return os.readlink(f"/proc/{pid}/ns/net")


def users_of(lab):
    """Everybody with a container."""
    return "users=" + ",".join(box.user.name for box in lab.boxes.values())


SHOW = ("-c", "readlink /proc/self/ns/net /proc/self/ns/mnt /proc/self/ns/pid")


def seen(result):
    assert result.status == 0, result
    return result.out.split()


def of_host():
    return [os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "pid")]


# -- whom it concerns ----------------------------------------------------------

def test_a_session_opens_and_closes(lab, services, here, box):
    here("join=net", users_of(lab))
    mark = len(lab.log.lines)
    result = services.tester(box.user, "open_session", "close_session")
    assert (result.status, result.err) == (0, "")
    opened, closed = process.wait_for(
        lambda: (lambda s: s if len(s) == 2 else None)(services.said(mark)),
        what="two lines")
    assert opened["event"] == "open" and closed["event"] == "close"
    assert opened["ref"] == closed["ref"]
    assert opened["user"] == closed["user"] == box.user.name
    assert opened["uid"] == str(box.user.uid)
    assert opened["container"] == box.container.spec
    assert opened["pid"] == str(box.init)
    assert opened["join"] == "net"
    assert re.fullmatch(r"\d+\.\d", closed["seconds"])


def su(services, user, *more):
    return services.run("su", user.name, "-s", "/bin/sh", *more)


def test_the_process_is_in_the_containers_network_alone(lab, services, here,
                                                        box):
    here("join=net", users_of(lab))
    net, *rest = seen(su(services, box.user, *SHOW))
    assert net == network(box.init) != network()
    # The view of the test has a mount namespace of its own.
    assert rest[1:] == of_host()[1:]
    assert rest[0] != os.readlink(f"/proc/{box.init}/ns/mnt")


@pytest.mark.parametrize("who", ["users={name}", "users=@{group}",
                                 "users=nobody,@{group}",
                                 "users=@nosuchgroup,{name}"])
def test_users_are_named_or_in_a_group(lab, services, here, crun_box, who):
    here("join=net", who.format(name=crun_box.user.name, group=lab.crew))
    net, *_ = seen(su(services, crun_box.user, *SHOW))
    assert net == network(crun_box.init)


@pytest.mark.parametrize("who", ["nobody", "@root", "nobody,root"])
def test_who_is_not_among_the_users_is_left_alone(lab, services, here,
                                                  crun_box, who):
    here("join=net", f"users={who}")
    mark = len(lab.log.lines)
    assert seen(su(services, crun_box.user, *SHOW))[0] == network()
    assert services.said(mark) == []


def test_who_is_left_alone_does_not_need_a_configuration(lab, services, here,
                                                         crun_box):
    here("join=net", "users=nobody")
    with lab.config.replaced("this is not a configuration"):
        assert seen(su(services, crun_box.user, *SHOW))[0] == network()


@pytest.mark.parametrize("arguments", [
    ["join=net", "users=root"], [], ["nonsense"],
    ["join=net", "users=@nosuchgroup"]])
def test_uid_0_is_left_alone_whatever_is_written(services, here, arguments):
    here(*arguments)
    result = services.run("su", "root", "-c", "readlink /proc/self/ns/net")
    assert (result.out.strip(), result.err) == (network(), "")


@pytest.mark.parametrize("arguments", [
    ["join=net", "users={name}"], [], ["nonsense"],
    ["join=net", "users=@nosuchgroup"]])
def test_break_glass_is_left_alone_whatever_is_written(
        lab, services, here, crun_box, arguments):
    here(*(a.format(name=crun_box.user.name) for a in arguments))
    with lab.config.break_glass(f"{crun_box.user.name}\n"), \
            lab.config.replaced("this is not a configuration"):
        assert seen(su(services, crun_box.user, *SHOW))[0] == network()


def test_two_users_are_in_two_networks(lab, services, here):
    here("join=net", users_of(lab))
    first, second = lab.boxes["crun"], lab.boxes["docker"]
    seen_by = [seen(su(services, one.user, *SHOW))[0]
               for one in (first, second)]
    assert seen_by == [network(one.init) for one in (first, second)]
    assert seen_by[0] != seen_by[1]


# -- refusals ------------------------------------------------------------------

@pytest.fixture
def refused(lab, services, here):
    """That the session of the user is refused; the reason in the log."""
    def check(user, code, arguments=None, sentence=None):
        here(*(["join=net", f"users={user.name}"] if arguments is None
               else arguments))
        mark = len(lab.log.lines)
        result = services.tester(user, "open_session")
        assert result.status != 0 and SESSION_ERR in result.err, result
        expected = rf"ctsh: {re.escape(sentence or SENTENCES[code])} " \
                   rf"\[{code} ([0-9a-f]{{8}})\]"
        told = re.search(expected, result.err + result.out)
        assert told, result
        line, = process.wait_for(lambda: services.said(mark), what="a line")
        assert (line["event"], line["code"], line["user"], line["ref"]) == \
            ("refused", code, user.name, told.group(1))
        return line["reason"]
    return check


WRITE = "; write: pam_ctsh.so join=all|net users=@GROUP,NAME,... [debug]"


@pytest.mark.parametrize("arguments, reason", [
    ([], "join= is missing"),
    (["join=net"], "users= is missing"),
    (["users=nobody"], "join= is missing"),
    (["join=everything", "users=nobody"], "unknown join=everything"),
    (["join=net", "users=nobody", "verbose"], "unknown argument verbose"),
    (["join=net", "join=net", "users=nobody"], "join= twice"),
    (["join=net", "users=nobody", "users=root"], "users= twice"),
])
def test_wrong_arguments_refuse_and_say_what_to_write(refused, crun_box,
                                                      arguments, reason):
    assert refused(crun_box.user, "E_CONFIG", arguments) == reason + WRITE


@pytest.mark.parametrize("who, reason", [
    ("", "users: an empty name"), ("nobody,", "users: an empty name"),
    ("@", "users: a group without a name"),
    ("@nosuchgroup", "users: no group nosuchgroup")])
def test_a_wrong_list_refuses(refused, crun_box, who, reason):
    assert refused(crun_box.user, "E_CONFIG",
                   ["join=net", f"users={who}"]) == reason


def test_an_unusable_configuration_refuses(lab, refused, crun_box):
    with lab.config.replaced("rule {"):
        assert "ctsh.conf" in refused(crun_box.user, "E_CONFIG")


def test_without_a_rule_it_is_refused(refused, guest):
    refused(guest, "E_DENIED")


def test_deny_and_its_sentence(lab, refused, guest):
    with lab.config.own(guest, 'deny = "Come back tomorrow."\n'):
        refused(guest, "E_DENIED", sentence="Come back tomorrow.")


def test_a_container_that_is_not_there(lab, refused, guest):
    with lab.config.own(guest, 'container = "labcrun:nosuch"\n'):
        refused(guest, "E_ABSENT")


def test_a_paused_container(lab, refused, crun_box):
    with lab.crun.paused(crun_box.container.name):
        refused(crun_box.user, "E_PAUSED")


def test_an_engine_that_is_down(lab, refused, guest):
    conf = 'engine nowhere { type = "docker"  socket = "/run/nowhere" }\n'
    with lab.config.extended(conf), \
            lab.config.own(guest, 'container = "nowhere:box"\n'):
        refused(guest, "E_ENGINE")


def test_a_process_of_the_hosts_is_no_container(lab, refused, guest):
    path = f"{lab.run}/pam.pid"
    with subprocess.Popen(["sleep", "1000"]) as sleeper:
        with open(path, "w") as file:
            file.write(f"{sleeper.pid}\n")
        try:
            with lab.config.own(guest, f'container = "pidfile:{path}"\n'):
                refused(guest, "E_UNSAFE")
        finally:
            sleeper.kill()


def test_two_names_of_one_uid(lab, services, here, crun_box):
    alias = f"{lab.tag}alias"
    process.run(["useradd", "--non-unique", "--uid", str(crun_box.user.uid),
                 "--gid", str(crun_box.user.gid), "--no-log-init",
                 "--home-dir", "/nonexistent", alias], check=True)
    try:
        here("join=net", f"users={alias}")
        mark = len(lab.log.lines)
        result = services.run("pamtester", "ctsh-test", alias,
                              "open_session")
        assert SESSION_ERR in result.err
        line, = process.wait_for(lambda: services.said(mark), what="a line")
        assert line["code"] == "E_DENIED"
    finally:
        # userdel wants to end the processes of the other name.
        process.run(["sed", "-i", f"/^{alias}:/d", "/etc/passwd",
                     "/etc/shadow", "/etc/group", "/etc/gshadow"])


# -- each service --------------------------------------------------------------

COMMAND = "readlink /proc/self/ns/net"

WAYS = {
    "su": lambda name: ["su", name, "-s", "/bin/sh", "-c", COMMAND],
    "su -": lambda name: ["su", "-", name, "-s", "/bin/sh", "-c", COMMAND],
    "runuser": lambda name: ["runuser", "-u", name, "--", *COMMAND.split()],
    "runuser -l": lambda name: ["runuser", "-l", name, "-s", "/bin/sh",
                                "-c", COMMAND],
    "sudo": lambda name: ["sudo", "-n", "-u", name, *COMMAND.split()],
    "sudo -i": lambda name: ["sudo", "-n", "-i", "-u", name,
                             *COMMAND.split()],
}


@pytest.fixture
def keeper(lab):
    """Has a shell of the host's, and a rule."""
    user = lab.users["plain"]
    with lab.config.own(user, f'container = '
                        f'"{lab.boxes["crun"].container.spec}"\n'):
        yield user


@pytest.mark.parametrize("way", WAYS)
def test_in_each_service(lab, services, here, keeper, crun_box, way):
    here("join=net", f"users={keeper.name}")
    result = services.run(*WAYS[way](keeper.name))
    assert (result.out, result.err) == (network(crun_box.init) + "\n", "")


def login(services, name):
    """login(1) wants a terminal of its own."""
    return terminal.Terminal([*services.prefix, "login", "-f", name],
                             env={"PATH": os.environ["PATH"],
                                  "TERM": "dumb"})


def test_login(lab, services, here, keeper, crun_box):
    here("join=net", f"users={keeper.name}")
    with login(services, keeper.name) as screen:
        screen.prompt()
        assert screen.ask(COMMAND) == network(crun_box.init)


def test_login_that_is_refused(lab, services, here):
    plain = lab.users["plain"]
    here("join=net", f"users={plain.name}")
    with login(services, plain.name) as screen:
        screen.see(r"You may not log in here\. \[E_DENIED [0-9a-f]{8}\]")
        assert screen.end() != 0


# -- sshd ----------------------------------------------------------------------

@pytest.fixture
def ports(crun_box):
    """One port that somebody listens at in the container only, and one on the
    host only."""
    theirs, ours = machine.free_port(), machine.free_port()
    with listener("inside", theirs, inside(crun_box)), \
            listener("outside", ours):
        yield theirs, ours


def test_a_session_of_the_login_shell_is_in_the_container(
        lab, services, here, server, box):
    here("join=net", users_of(lab))
    result = process.run(server.argv(box.user.name, COMMAND))
    assert (result.out, result.err) == (network(box.init) + "\n", "")


def test_local_forwarding_ends_in_the_container(lab, services, here, server,
                                                crun_box, ports):
    here("join=net", users_of(lab))
    there = machine.free_port()
    with tunnel(server, crun_box.user,
                "-L", f"{there}:127.0.0.1:{ports[0]}"):
        process.wait_for(lambda: sshd.listens_at(there), what="the tunnel")
        assert talk(there) == "inside"


def test_local_forwarding_does_not_reach_the_host(lab, services, here, server,
                                                  crun_box, ports):
    here("join=net", users_of(lab))
    there = machine.free_port()
    with tunnel(server, crun_box.user,
                "-L", f"{there}:127.0.0.1:{ports[1]}"):
        process.wait_for(lambda: sshd.listens_at(there), what="the tunnel")
        assert talk(there) == ""


def test_without_the_module_it_ends_on_the_host(lab, services, here, server,
                                                crun_box, ports):
    """What the module is there for."""
    here("join=net", "users=nobody")
    there = machine.free_port()
    with tunnel(server, crun_box.user,
                "-L", f"{there}:127.0.0.1:{ports[1]}"):
        process.wait_for(lambda: sshd.listens_at(there), what="the tunnel")
        assert talk(there) == "outside"


@pytest.mark.parametrize("index, said", [(0, "inside"), (1, "")])
def test_stdio_forwarding(lab, services, here, server, crun_box, ports, index,
                          said):
    here("join=net", users_of(lab))
    argv = server.argv(crun_box.user.name)
    argv[1:1] = ["-W", f"127.0.0.1:{ports[index]}"]
    assert process.run(argv).out == said


@pytest.mark.parametrize("index, said", [(0, b"inside"), (1, b"")])
def test_dynamic_forwarding(lab, services, here, server, crun_box, ports,
                            index, said):
    here("join=net", users_of(lab))
    there = machine.free_port()
    with tunnel(server, crun_box.user, "-D", f"127.0.0.1:{there}"):
        process.wait_for(lambda: sshd.listens_at(there), what="the proxy")
        with socket.create_connection(("127.0.0.1", there), 10) as one:
            # SOCKS 4a: connect to that port of 127.0.0.1.
            one.sendall(b"\x04\x01" + ports[index].to_bytes(2, "big")
                        + bytes([127, 0, 0, 1]) + b"\0")
            answer = one.recv(8)
            assert (answer[1:2] == b"\x5a") == bool(said)
            if said:
                assert one.recv(100) == said


def test_remote_forwarding_listens_in_the_container(lab, services, here,
                                                    server, crun_box):
    here("join=net", users_of(lab))
    prefix = inside(crun_box)
    ours, theirs = machine.free_port(), machine.free_port()
    with listener("of the client", ours), \
            tunnel(server, crun_box.user,
                   "-R", f"127.0.0.1:{theirs}:127.0.0.1:{ours}"):
        assert not sshd.listens_at(theirs)
        result = process.run([*prefix, "/usr/bin/python3", "-c",
                              "import socket; print(socket.create_connection("
                              f"('127.0.0.1', {theirs}), 5).recv(100))"])
        assert result.out == "b'of the client'\n"


def test_a_refused_session_gets_no_forwarding_and_no_shell(
        lab, services, here, server, ports):
    plain = lab.users["plain"]
    here("join=net", f"users={plain.name}")
    argv = server.argv(plain.name, "echo reached")
    result = process.run(argv)
    assert "reached" not in result.out
    assert result.status == 254
    assert re.search(r"You may not log in here\. \[E_DENIED [0-9a-f]{8}\]",
                     result.out + result.err)
    argv = server.argv(plain.name)
    argv[1:1] = ["-W", f"127.0.0.1:{ports[1]}"]
    assert process.run(argv).out == ""


# -- a good guest --------------------------------------------------------------

def test_close_without_open(lab, services, here, crun_box):
    here("join=net", users_of(lab))
    result = services.tester(crun_box.user, "close_session")
    assert (result.status, result.err) == (0, "")


def test_open_without_close(lab, services, here, crun_box):
    here("join=net", users_of(lab))
    assert services.tester(crun_box.user, "open_session").status == 0


def test_open_twice(lab, services, here, crun_box):
    here("join=net", users_of(lab))
    mark = len(lab.log.lines)
    result = services.tester(crun_box.user, "open_session", "open_session",
                             "close_session")
    assert result.status == 0
    process.wait_for(lambda: len(services.said(mark)) == 2, what="two lines")


ONE_HANDLE = """\
import ctypes, os, sys
pam = ctypes.CDLL("libpam.so.0")
CONVERSE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, *[ctypes.c_void_p] * 3)
class Conversation(ctypes.Structure):
    _fields_ = [("converse", CONVERSE), ("data", ctypes.c_void_p)]
conversation = Conversation(CONVERSE(lambda *_: 19), None)
handle = ctypes.c_void_p()
pam.pam_start(b"ctsh-test", None, ctypes.byref(conversation),
              ctypes.byref(handle))
for name in sys.argv[1:]:
    pam.pam_set_item(handle, 2, name.encode())
    print(pam.pam_open_session(handle, 0), os.readlink("/proc/self/ns/net"))
"""


def test_one_handle_for_several_users(lab, services, here):
    """Nobody gets the network of whoever was there before."""
    here("join=net", users_of(lab))
    first, second = lab.boxes["crun"], lab.boxes["docker"]
    result = services.run("/usr/bin/python3", "-c", ONE_HANDLE,
                          first.user.name, second.user.name, "root",
                          first.user.name)
    assert result.out.splitlines() == [
        f"0 {network(first.init)}", f"0 {network(second.init)}",
        f"0 {network()}", f"0 {network(first.init)}"]


@pytest.fixture(scope="module")
def host(lab):
    """A login service that looks at what a module does to it."""
    def make(*flags):
        return rootfs.compile_helper(
            "pam_host", f"{lab.base}/pam_host", *flags, "-pthread",
            "-Wl,--no-as-needed", "-lpam", "-ldl")
    return make


def test_a_service_finds_everything_as_it_was(lab, services, here, host,
                                              crun_box):
    """Loaded and unloaded a thousand times; masks, handlers, umask, directory
    and descriptors as before; back in the network; refused with a thread."""
    here("join=net", users_of(lab))
    result = services.run(host(), "ctsh-test", crun_box.user.name,
                          lab.ctsh.pam, "10", timeout=60)
    assert (result.out, result.err, result.status) == ("ok\n", "", 0)


@pytest.mark.limit(240)
def test_a_thousand_sessions_under_sanitizers(lab, services, here, host,
                                              crun_box):
    """Address, undefined behaviour, and at the end leaks.  (Under valgrind:
    test_pam_valgrind.py.)"""
    module = install.build_sanitized(f"{lab.base}/pam-san", lab.ctsh)
    here("join=net", users_of(lab), module=module)
    result = services.run(host("-fsanitize=address,undefined"), "ctsh-test",
                          crun_box.user.name, module, "1000", timeout=200)
    assert (result.out, result.err, result.status) == ("ok\n", "", 0)
