# SPDX-License-Identifier: MIT
"""Tools that bring a program of their own along: editors with a remote part,
ansible."""

import contextlib
import io
import os
import re
import shlex
import signal
import socket
import tarfile
import threading

import pytest

from lab import debian, install, machine, process

DATA = f"{install.SOURCE}/tests/data/remote-tools"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
MARK = "7f3a91c2b5d8"


def filled(text, **more):
    words = {"MARK": MARK, "COMMIT": COMMIT, **more}
    for word, value in words.items():
        text = text.replace(f"@{word}@", str(value))
    return text


SCRIPT = filled(process.read(f"{DATA}/bootstrap.sh")).encode()


def archive():
    """The server as its maker ships it."""
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w:gz") as tar:
        entry = tarfile.TarInfo("server")
        with open(f"{DATA}/server.py", "rb") as file:
            content = file.read()
        entry.size, entry.mode = len(content), 0o755
        tar.addfile(entry, io.BytesIO(content))
        # Something of the size that a real one has.
        entry = tarfile.TarInfo("node")
        entry.size = 5_000_000
        tar.addfile(entry, io.BytesIO(os.urandom(entry.size)))
    return memory.getvalue()


def recorded(session, **values):
    """What was recorded of that session, as it must look here."""
    parts = re.split(r"^# session \d.*\n",
                     process.read(f"{DATA}/transcript"), flags=re.M)
    return filled(parts[session], MACHINE=os.uname().machine, **values)


def value(text, key):
    return re.search(f"^{key}==(.*)==$", text, re.M).group(1)


def bootstrap(remote, user):
    """As such tools call ssh: with a port for their own connections, too."""
    return remote.run(
        user, "sh", stdin=SCRIPT,
        options=["-T", "-D", f"127.0.0.1:{machine.free_port()}"])


UNPACK = f"cd .far-server/bin/{COMMIT} && tar -xzf -"


def served(remote, user, **where):
    """The three sessions, each as recorded; the port and the process of the
    server that they leave behind."""
    first = bootstrap(remote, user)
    assert (first.out, first.status, first.err) == \
        (recorded(1, **where), 33, "")
    sent = remote.run(user, UNPACK, stdin=archive())
    assert (sent.out, sent.status, sent.err) == ("", 0, "")
    second = bootstrap(remote, user)
    where["PORT"] = value(second.out, "listeningOn").split(":")[1]
    where["PID"] = value(second.out, "pid")
    assert (second.out, second.status, second.err) == \
        (recorded(2, **where), 0, "")
    third = bootstrap(remote, user)
    assert (third.out, third.status, third.err) == \
        (recorded(3, **where), 0, "")
    return int(where["PORT"])


def end_server(home):
    """By what stands on its command line; nothing if it never started."""
    base = f"{home}/.far-server/bin/{COMMIT}"
    mine = base.partition("/root/")[2] or base
    for pid in process.pids():
        if any(mine in word for word in process.cmdline(pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def server(remote, house):
    """The port inside of a server that was brought along."""
    # LXC leaves it down where it is asked for no network.
    process.run(["nsenter", "--target", str(house.init), "--net", "ip",
                 "link", "set", "lo", "up"], check=True)
    home = f"/home/{house.user.name}"
    root = f"/proc/{house.init}/root{home}"
    try:
        yield served(remote, house.user, HOST="inside",
                     USER=house.user.name, HOME=home)
    finally:
        end_server(root)
        process.run(["rm", "-rf", f"{root}/.far-server"], check=True)


def is_free(port):
    """On the host."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def talk(address, line):
    with socket.create_connection(address, timeout=20) as stream:
        stream.sendall(line)
        return stream.makefile("rb").readline()


def test_a_server_is_brought_along_and_reached_by_a_command(remote, house,
                                                            server):
    """`nc` inside stands for the forwarded port."""
    result = remote.run(house.user, "nc", "-N", "127.0.0.1", str(server),
                        stdin=b"one\ntwo\n")
    assert (result.status, result.out, result.err) == \
        (0, "inside: one\ninside: two\n", "")
    # A port of one's own machine that leads there, for a tool that wants one.
    port = machine.free_port()
    bridge = " ".join(map(shlex.quote, remote.argv(
        house.user, "nc", "-N", "127.0.0.1", str(server))))
    with process.daemon(
            ["socat", f"TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr",
             f"SYSTEM:{shlex.quote(bridge)}"],
            f"{remote.server.directory}/socat.log"):
        process.wait_for(lambda: not is_free(port), what="socat")
        for line in (b"three\n", b"four\n"):
            assert talk(("127.0.0.1", port), line) == b"inside: " + line
    # And sshd's own forwarding ends on the host, where nobody listens.
    assert is_free(server)
    forwarded = remote.run(house.user,
                           options=["-W", f"127.0.0.1:{server}"])
    assert (forwarded.status, forwarded.out, forwarded.err) == \
        (255, "", "stdio forwarding failed\r\n")


def test_the_recorded_sessions_are_those_of_a_plain_host(lab, remote):
    """Else what was recorded would be our own idea of it."""
    user = lab.users["plain"]
    try:
        served(remote, user, HOST=socket.gethostname(), USER=user.name,
               HOME=user.home)
    finally:
        end_server(user.home)
        process.run(["rm", "-rf", f"{user.home}/.far-server"], check=True)


def test_forwarding_by_sshd_ends_on_the_host(remote, crun_box):
    """Said in the manual; whoever does not want it forbids it there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def answer():
            stream, _ = listener.accept()
            with stream:
                stream.sendall(b"the host\n")
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        result = remote.run(
            crun_box.user,
            options=["-W", f"127.0.0.1:{listener.getsockname()[1]}"])
        thread.join(10)
    assert (result.status, result.out) == (0, "the host\n")


# --- ansible ------------------------------------------------------------------------

PLAYBOOK = """\
- hosts: all
  gather_facts: false
  tasks:
    - ping:
      register: pong
    - copy: {{src: "{where}/source", dest: "~/copied", mode: "0640"}}
    - shell: "md5sum copied; rm copied; hostname; whoami >&2; exit 3"
      ignore_errors: true
      register: ran
    - assert:
        that:
          - pong.ping == "pong"
          - ran.rc == 3
          - ran.stdout_lines == ["{digest}  copied", "inside"]
          - ran.stderr == inventory_hostname
"""
TASKS = 4


@pytest.fixture(scope="module")
def all_houses(houses):
    return [houses.house(kind) for kind in debian.KINDS]


@pytest.fixture
def playbook(lab, remote, all_houses):
    """A play for all of them, in a directory that ansible may call home."""
    where = f"{lab.base}/ansible"
    os.mkdir(where)
    with open(f"{where}/source", "wb") as file:
        file.write(os.urandom(300_000))
    digest = process.run(["md5sum", f"{where}/source"]).out.split()[0]
    with open(f"{where}/play.yml", "w") as file:
        file.write(PLAYBOOK.format(where=where, digest=digest))
    with open(f"{where}/hosts", "w") as file:
        for house in all_houses:
            name = house.user.name
            file.write(f"{name} ansible_host=here ansible_user={name} "
                       f"ansible_python_interpreter=/usr/bin/python3 "
                       f"ansible_ssh_common_args='-F {remote.config}'\n")
    return where


def test_ansible_pings_copies_and_runs(all_houses, playbook):
    """One play against all four engines, with a file by sftp."""
    result = process.run(
        ["ansible-playbook", "-i", f"{playbook}/hosts",
         f"{playbook}/play.yml"], timeout=80, cwd=playbook,
        env={"PATH": os.environ["PATH"], "HOME": playbook,
             "LC_ALL": "C.UTF-8", "ANSIBLE_FORKS": "4",
             "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{playbook}/cp",
             "ANSIBLE_SSH_ARGS": "-o ControlMaster=no"})
    assert (result.status, result.err) == (0, ""), result
    recap = re.findall(
        r"^(\S+) +: ok=(\d+) .*unreachable=0 +failed=0 .*ignored=1",
        result.out, re.M)
    assert sorted(recap) == sorted(
        (house.user.name, str(TASKS)) for house in all_houses), result.out
