# SPDX-License-Identifier: MIT
"""Where each thing ends that an sshd forwards by itself, with the login shell
and the module: as sshd is by default, and with the example that is shipped."""

import os
import socket
import subprocess

import pytest

from lab import agent, display, install, machine, pam, process, sshd
from lab.tunnels import inside, listener, talk, tunnel

# sshd gives up on a display if ::1 cannot be had beside 127.0.0.1, as in a
# network of docker's, which has IPv6 switched off.
EVERYTHING = """\
AddressFamily inet
AllowStreamLocalForwarding yes
PermitTunnel yes
GatewayPorts yes
X11Forwarding yes
PermitUserRC yes
"""

EXAMPLE = f"{install.SOURCE}/conf/examples/sshd_config"


@pytest.fixture(scope="module")
def services(lab):
    users = ",".join(box.user.name for box in lab.boxes.values())
    with pam.services(lab) as made:
        made.line("join=net", f"users={users},{lab.users['guest'].name}")
        yield made


def names(lab):
    return [user.name for user in lab.all_users]


@pytest.fixture(scope="module")
def open_server(lab, services):
    """Forwards whatever it can."""
    with sshd.sshd(f"{lab.base}/ssh-open", names(lab), services.prefix,
                   pam=True, first=EVERYTHING) as made:
        yield made


@pytest.fixture(scope="module")
def shut_server(lab, services):
    """The same with the example, where an sshd_config.d would have it."""
    path = f"{lab.base}/example"
    with open(EXAMPLE) as source, open(path, "w") as file:
        file.write(source.read().replace("Match Group students",
                                         f"Match Group {lab.crew}"))
    with sshd.sshd(f"{lab.base}/ssh-shut", names(lab), services.prefix,
                   pam=True, first=f"Include {path}\n{EVERYTHING}") as made:
        yield made


@pytest.fixture(params=["open", "shut"])
def either_server(request, open_server, shut_server):
    return open_server if request.param == "open" else shut_server


@pytest.fixture
def crun(lab, crun_box):
    agent.place_client(lab, crun_box.container)
    return crun_box


@pytest.fixture
def ends(crun):
    """Ports that somebody listens at: in the container, on the host, and both
    at one."""
    theirs, ours, both = (machine.free_port() for _ in range(3))
    prefix = inside(crun)
    with listener("inside", theirs, prefix), listener("outside", ours), \
            listener("inside", both, prefix), listener("outside", both):
        yield {"inside": theirs, "outside": ours, "both": both}


# -- TCP -----------------------------------------------------------------------

TCP = [("inside", "inside"), ("outside", ""), ("both", "inside")]


def test_local_tcp(crun, either_server, ends):
    """Whoever listens on the host only is not reached."""
    ports = [machine.free_port() for _ in TCP]
    arguments = [word for there, (where, _) in zip(ports, TCP)
                 for word in ("-L", f"{there}:127.0.0.1:{ends[where]}")]
    with tunnel(either_server, crun.user, *arguments):
        for there in ports:
            process.wait_for(lambda: sshd.listens_at(there), what="a tunnel")
        assert [talk(there) for there in ports] == [said for _, said in TCP]


@pytest.mark.parametrize("where, said", TCP)
def test_stdio(crun, either_server, ends, where, said):
    argv = either_server.argv(crun.user.name)
    argv[1:1] = ["-W", f"127.0.0.1:{ends[where]}"]
    assert process.run(argv).out == said


def socks(port, target):
    """SOCKS 4: connect to that port of 127.0.0.1; what is said there."""
    with socket.create_connection(("127.0.0.1", port), 10) as one:
        one.settimeout(10)
        one.sendall(b"\x04\x01" + target.to_bytes(2, "big")
                    + bytes([127, 0, 0, 1]) + b"\0")
        answer = one.recv(8)
        return one.recv(100).decode() if answer[1:2] == b"\x5a" else ""


def test_dynamic(crun, either_server, ends):
    there = machine.free_port()
    with tunnel(either_server, crun.user, "-D", f"127.0.0.1:{there}"):
        process.wait_for(lambda: sshd.listens_at(there), what="the proxy")
        assert [socks(there, ends[where]) for where, _ in TCP] == \
            [said for _, said in TCP]


CONNECT = "import socket, sys; print(socket.create_connection(" \
    "(sys.argv[1], int(sys.argv[2])), 5).recv(100).decode())"


def test_remote_tcp(crun, either_server):
    """Listens in the container alone."""
    ours, theirs = machine.free_port(), machine.free_port()
    with listener("of the client", ours), \
            tunnel(either_server, crun.user,
                   "-R", f"127.0.0.1:{theirs}:127.0.0.1:{ours}"):
        assert not sshd.listens_at(theirs)
        result = process.run([*inside(crun), "/usr/bin/python3", "-c",
                              CONNECT, "127.0.0.1", str(theirs)])
        assert result.out == "of the client\n"


# -- sockets with a path -------------------------------------------------------

@pytest.fixture
def paths(lab, crun):
    """One on the host and one in the container, each by its own name."""
    place = f"{lab.base}/outside.sock"
    there = f"/proc/{crun.init}/root/tmp/inside.sock"
    try:
        with listener("outside", place), listener("inside", there):
            yield {"outside": place, "inside": "/tmp/inside.sock"}
    finally:
        os.unlink(place)
        os.unlink(there)


# The manual says that these are the host's, and the example closes them.
LOCAL = {"open": {"outside": "outside", "inside": ""},
         "shut": {"outside": "", "inside": ""}}


@pytest.mark.parametrize("kind", LOCAL)
def test_local_socket(request, crun, paths, kind):
    server = request.getfixturevalue(f"{kind}_server")
    there = {where: machine.free_port() for where in paths}
    arguments = [word for where, path in paths.items()
                 for word in ("-L", f"{there[where]}:{path}")]
    with tunnel(server, crun.user, *arguments):
        for port in there.values():
            process.wait_for(lambda: sshd.listens_at(port), what="a tunnel")
        assert {where: talk(port) for where, port in there.items()} == \
            LOCAL[kind]


def remote_socket(server, user, path, port):
    """ssh -R of a socket, until it stands or is refused."""
    argv = server.argv(user.name, options=["ExitOnForwardFailure=yes"])
    argv.remove("-q")
    argv[1:1] = ["-v", "-N", "-R", f"{path}:127.0.0.1:{port}"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as client:
        try:
            for line in client.stderr:
                if "remote forward success" in line:
                    return os.path.exists(path)
            return False
        finally:
            client.kill()


@pytest.mark.parametrize("kind, made", [("open", True), ("shut", False)])
def test_remote_socket(request, crun, kind, made):
    """Made on the host, by the user; refused with the example."""
    server = request.getfixturevalue(f"{kind}_server")
    path = f"{crun.user.home}/remote.sock"
    inner = f"/proc/{crun.init}/root{path}"
    try:
        assert remote_socket(server, crun.user, path, 9) == made
        assert not os.path.exists(inner)
        assert os.path.exists(path) == made
    finally:
        if os.path.exists(path):
            os.unlink(path)


# -- agent and display ---------------------------------------------------------

@pytest.fixture(scope="module")
def own_agent(lab):
    os.mkdir(f"{lab.base}/agent-of-pam")
    with agent.agent(f"{lab.base}/agent-of-pam",
                     f"{lab.sshd.directory}/key") as made:
        yield made


def test_the_agent(crun, either_server, own_agent):
    """The caller's answers inside; sshd's own socket is not seen there."""
    result = process.run(either_server.argv(
        crun.user.name, "agentclient list $SSH_AUTH_SOCK; ls -d /tmp/ssh-*",
        options=["ForwardAgent=yes"]), env=own_agent.env)
    answer, *_, place = result.out.splitlines()
    assert (answer, result.err) == ("1", ""), result
    assert len(place) == len("/tmp/ssh-") + 16


RULE = 'container = "{spec}"\nx11_forwarding = true\n'


@pytest.mark.parametrize("kind", ["crun", "docker"])
def test_a_window_opens_on_the_callers_display(lab, open_server, kind):
    """sshd listens for the display in the container's network, and there the
    session looks for it."""
    box = lab.boxes[kind]
    agent.place_client(lab, box.container)
    inside(box)
    guest = lab.users["guest"]
    with lab.config.own(guest, RULE.format(spec=box.container.spec)):
        result, got = display.login(lab, open_server, guest, display.TALK)
    assert result.out.startswith(b"hello".hex()), result
    assert len(got) == 1 and got[0][:2] == b"l\0"


def test_without_the_cookie_no_window_opens(lab, crun, open_server, guest):
    inside(crun)
    with lab.config.own(guest, RULE.format(spec=crun.container.spec)):
        result, got = display.login(lab, open_server, guest, display.FORGED)
    assert b"hello".hex() not in result.out, result
    assert b"".join(got) == b""


def test_with_the_example_there_is_no_display(lab, crun, shut_server, guest):
    with lab.config.own(guest, RULE.format(spec=crun.container.spec)):
        result, got = display.login(lab, shut_server, guest,
                                    "echo ${DISPLAY:-none}")
    assert (result.out, got) == ("none\n", [])


def test_who_has_no_display_is_supervised_on_the_host(
        lab, services, crun, open_server, guest):
    """Only the display makes the supervisor go back to the caller's network;
    and nothing of it is root's by then."""
    networks = {}
    for more in ("", "x11_forwarding = true\n"):
        with lab.config.own(guest, f'container = "{crun.container.spec}"\n'
                            + more), display.display() as (number, _):
            with subprocess.Popen(
                    open_server.argv(guest.name, "echo on; exec sleep 4711",
                                     options=["ForwardX11=yes",
                                              "ForwardX11Trusted=yes"]),
                    env={"PATH": os.environ["PATH"], "HOME": lab.base,
                         "DISPLAY": f"127.0.0.1:{number}"},
                    stdout=subprocess.PIPE, text=True) as client:
                try:
                    assert client.stdout.readline() == "on\n"
                    leader = process.find_one("sleep", "4711")
                    supervisor = process.parent(leader)
                    networks[more] = process.namespaces(supervisor)["net"]
                    assert set(process.status(supervisor)["Uid"].split()) == \
                        {str(guest.uid)}
                    assert process.status(supervisor)["CapPrm"] == "0" * 16
                    os.kill(leader, 15)
                finally:
                    client.kill()
    assert networks == {
        "": os.readlink("/proc/self/ns/net"),
        "x11_forwarding = true\n": process.namespaces(crun.init)["net"]}


# -- files ---------------------------------------------------------------------

@pytest.mark.parametrize("program, seen", [
    ("internal-sftp", "outside"), ("sftp-server", "inside")])
def test_whose_files_sftp_shows(lab, services, crun, program, seen):
    """sshd serves the host's by itself: so the manual says.  What the shell
    starts shows the container's."""
    place = f"{lab.base}/home/sftp-shows"
    inner = f"/proc/{crun.init}/root{place}"
    os.makedirs(os.path.dirname(inner), exist_ok=True)
    for path, word in ((place, "outside"), (inner, "inside")):
        with open(path, "w") as file:
            file.write(word)
    force = "internal-sftp" if program == "internal-sftp" else \
        "/usr/lib/openssh/sftp-server"
    with sshd.sshd(f"{lab.base}/ssh-{program}", names(lab), services.prefix,
                   pam=True, more=f"ForceCommand {force}\n") as server:
        argv = server.argv(crun.user.name)
        argv = ["sftp", "-b", "-", *["-P" if word == "-p" else word
                                     for word in argv[1:]]]
        got = f"{lab.base}/got-{program}"
        result = process.run(argv, f"get {place} {got}\n".encode())
    assert (result.status, process.read(got)) == (0, seen), result


# -- what the example closes ---------------------------------------------------

CLOSED = {"allowstreamlocalforwarding": "no", "permittunnel": "no",
          "gatewayports": "no", "x11forwarding": "no", "permituserrc": "no",
          "permituserenvironment": "no", "allowtcpforwarding": "yes"}


def effective(server, services, user):
    """sshd's own word for what holds for that user."""
    result = services.run(
        "/usr/sbin/sshd", "-T", "-f", f"{server.directory}/sshd_config", "-C",
        f"user={user.name},host=here,addr=127.0.0.1", check=True)
    return dict(line.split(" ", 1) for line in result.out.splitlines()
                if line.split(" ", 1)[0] in CLOSED)


def test_what_holds_with_the_example(lab, services, crun, shut_server):
    assert effective(shut_server, services, crun.user) == CLOSED
    other = effective(shut_server, services, lab.users["plain"])
    assert other["allowstreamlocalforwarding"] == "yes"
