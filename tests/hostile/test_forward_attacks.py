# SPDX-License-Identifier: MIT
"""Who forges what is forwarded, on either side.

The caller says where its agent is, the container talks to it, and the agent
answers: none of the three gets more than an agent's messages, and of the host
no more than the user's own agent.
"""

import contextlib
import copy
import os
import shutil
import signal
import struct
import subprocess
import sys
import time

import pytest

from lab import agent, engines, process

FAKE = os.path.join(os.path.dirname(agent.__file__), "fake_agent.py")
LIST = "agentclient list $SSH_AUTH_SOCK"


@pytest.fixture
def crun(lab):
    agent.place_client(lab, lab.boxes["crun"].container)
    return lab.boxes["crun"]


@pytest.fixture(scope="module")
def own_agent(lab):
    os.mkdir(f"{lab.base}/hostile-agent")
    with agent.agent(f"{lab.base}/hostile-agent",
                     f"{lab.sshd.directory}/key") as made:
        yield made


def as_user(user):
    return ["setpriv", "--reuid", str(user.uid), "--regid", str(user.gid),
            "--clear-groups", "--"]


class Fake:
    def __init__(self, socket, record):
        self.socket = socket
        self.env = {"SSH_AUTH_SOCK": socket}
        self.record = record

    def got(self):
        with open(self.record, "rb") as file:
            return file.read()


@contextlib.contextmanager
def fake_agent(lab, user, how, owner=None):
    """In the user's home; it runs as the owner, or as the user."""
    directory = f"{user.home}/agent"
    owner = owner or user
    os.mkdir(directory)
    os.chown(directory, owner.uid, owner.gid)
    made = Fake(f"{directory}/socket", f"{directory}/record")
    try:
        with process.daemon([*as_user(owner), sys.executable, FAKE,
                             made.socket, made.record, how],
                            f"{lab.base}/fake-agent.log"):
            process.wait_for(lambda: os.path.exists(made.socket),
                             what="the fake agent")
            yield made
    finally:
        shutil.rmtree(directory)


def ask(lab, box, env, command=LIST, **more):
    return lab.direct(box.user, "-c", command, env=env, **more)


# -- the caller ----------------------------------------------------------------

def test_the_users_own_agent_is_taken(lab, crun):
    """What the others are compared with."""
    with fake_agent(lab, crun.user, "silent") as fake:
        result = ask(lab, crun, fake.env,
                     "agentclient raw $SSH_AUTH_SOCK 000000010b")
        assert (result.out, fake.got().hex()) == (" open\n", "000000010b")


def test_another_users_agent_is_not(lab, crun):
    with fake_agent(lab, crun.user, "silent", lab.users["plain"]) as fake:
        result = ask(lab, crun, fake.env)
        assert (result.status, result.out) == (2, "closed\n")
        assert fake.got() == b""


def test_a_service_of_roots_is_not(lab, crun):
    root = copy.copy(lab.users["plain"])
    object.__setattr__(root, "uid", 0)
    object.__setattr__(root, "gid", 0)
    with fake_agent(lab, crun.user, "silent", root) as fake:
        result = ask(lab, crun, fake.env)
        assert (result.status, result.out) == (2, "closed\n")
        assert fake.got() == b""


@pytest.fixture(scope="module")
def places(lab):
    """What is no socket, in a directory that everybody may read."""
    directory = f"{lab.base}/no-sockets"
    os.mkdir(directory)
    os.mkfifo(f"{directory}/fifo", 0o666)
    os.chmod(f"{directory}/fifo", 0o666)
    with open(f"{directory}/file", "w") as file:
        file.write("text\n")
    os.symlink("loop", f"{directory}/loop")
    return directory


@pytest.mark.parametrize("name", [
    "fifo", "file", "loop", "absent", "", "/proc/1/root/run/x",
    "/proc/self/fd/0", "/proc/self/cwd", "/dev/null"])
def test_what_is_no_socket_leads_nowhere(lab, crun, places, name):
    path = name if name.startswith("/") else f"{places}/{name}".rstrip("/")
    result = ask(lab, crun, {"SSH_AUTH_SOCK": path})
    assert (result.status, result.out, result.err) == (2, "closed\n", "")


@pytest.mark.parametrize("value", [
    "", "relative", "../tmp/x", "/tmp/../tmp/x", "/" + "x" * 200,
    "/tmp/a\nb", "/tmp/\x7f", "@abstract"])
def test_what_is_no_path_counts_as_none(lab, crun, value):
    result = ask(lab, crun, {"SSH_AUTH_SOCK": value},
                 'echo "${SSH_AUTH_SOCK-none}"')
    assert (result.status, result.out) == (0, "none\n")


@pytest.mark.parametrize("value", [
    ":0", "localhost:9", "localhost:1000", "localhost:10.x", "localhost:+10",
    "127.0.0.2:10", "example.org:10", "localhost:10.0.0", "/tmp/x:0",
    "localhost:010", "localhost: 10", "localhost:", "unix:10"])
def test_a_forged_display_counts_as_none(lab, crun, value):
    user = lab.users["guest"]
    with lab.config.own(user, f'container = "{crun.container.spec}"\n'
                        "x11_forwarding = true\n"):
        result = lab.direct(user, "-c", 'echo "${DISPLAY-none}"',
                            env={"DISPLAY": value, "HOME": user.home})
    assert (result.status, result.out) == (0, "none\n")


def xauthority(number, data=b"x" * 16, name=b"MIT-MAGIC-COOKIE-1"):
    parts = (b"host", number, name, data)
    return b"\1\0" + b"".join(struct.pack(">H", len(part)) + part
                              for part in parts)


COOKIES = {
    "good": (xauthority(b"77"), True),
    "behind-another": (xauthority(b"76") + xauthority(b"77"), True),
    "other-number": (xauthority(b"7"), False),
    "other-name": (xauthority(b"77", name=b"XDM-AUTHORIZATION-1"), False),
    "too-long": (xauthority(b"77", data=b"x" * 65), False),
    "empty-cookie": (xauthority(b"77", data=b""), False),
    "cut": (xauthority(b"77")[:-1], False),
    "lengths": (b"\1\0\xff\xff" * 100, False),
    "empty": (b"", False),
    "large": (b"\0" * 70000 + xauthority(b"77"), False),
}


@pytest.mark.parametrize("name", COOKIES)
def test_only_a_cookie_is_taken_from_the_callers_file(lab, crun, name):
    content, taken = COOKIES[name]
    user = lab.users["guest"]
    path = f"{user.home}/cookies"
    with open(path, "wb") as file:
        file.write(content)
    os.chown(path, user.uid, user.gid)
    with lab.config.own(user, f'container = "{crun.container.spec}"\n'
                        "x11_forwarding = true\n"):
        result = lab.direct(user, "-c", "tail -c 16 ${XAUTHORITY-/dev/null}",
                            env={"DISPLAY": "localhost:77.0",
                                 "XAUTHORITY": path})
    os.unlink(path)
    assert (result.status, result.out) == (0, "x" * 16 if taken else "")


@pytest.mark.parametrize("kind", ["roots", "fifo", "link", "directory"])
def test_the_file_of_cookies_is_read_as_the_caller(lab, crun, kind):
    user = lab.users["guest"]
    directory = f"{lab.base}/cookies-{kind}"
    os.mkdir(directory)
    path = f"{directory}/file"
    with open(f"{directory}/secret", "wb") as file:
        file.write(xauthority(b"77"))
    os.chmod(f"{directory}/secret", 0o600)
    {"roots": lambda: os.rename(f"{directory}/secret", path),
     "fifo": lambda: os.mkfifo(path, 0o666),
     "link": lambda: os.symlink("secret", path),
     "directory": lambda: os.mkdir(path)}[kind]()
    with lab.config.own(user, f'container = "{crun.container.spec}"\n'
                        "x11_forwarding = true\n"):
        result = lab.direct(user, "-c", 'echo "${DISPLAY-none}"',
                            env={"DISPLAY": "localhost:77.0",
                                 "XAUTHORITY": path})
    assert (result.status, result.out) == (0, "none\n")


def test_no_path_leads_through_what_the_login_has_open(lab, crun):
    """The reader of the file has the caller's ids and, by its /proc/self/fd,
    no way around the directories above."""
    user = lab.users["guest"]
    path = f"{crun.container.root}/tmp/cookies"
    with open(path, "wb") as file:
        file.write(xauthority(b"77"))
    os.chmod(path, 0o644)
    try:
        with lab.config.own(user, f'container = "{crun.container.spec}"\n'
                            "x11_forwarding = true\n"):
            led = [fd for fd in range(3, 40) if lab.direct(
                user, "-c", 'echo "${DISPLAY-none}"', env={
                    "DISPLAY": "localhost:77.0", "XAUTHORITY":
                    f"/proc/self/fd/{fd}/tmp/cookies"}).out != "none\n"]
    finally:
        os.unlink(path)
    assert led == []


# -- the container -------------------------------------------------------------

# A message, and what of it the agent may see.
MESSAGES = {
    "unknown type": ("0000000163", ""),
    "an answer": ("000000010c", ""),
    "a library for the agent": ("0000000514" "00000000", ""),
    "the same, constrained": ("000000051a" "00000000", ""),
    "of no length": ("00000000" "0b", ""),
    "one byte too long": ("000400010b", ""),
    "of a negative length": ("ffffffff0b", ""),
    "of a protocol of text": (b"GET / HTTP/1.0\r\n\r\n".hex(), ""),
    "behind a good one": ("000000010b" "0000000163", "000000010b"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_what_no_agent_is_asked_does_not_reach_it(lab, crun, name):
    message, seen = MESSAGES[name]
    with fake_agent(lab, crun.user, "silent") as fake:
        result = ask(lab, crun, fake.env,
                     f"agentclient raw $SSH_AUTH_SOCK {message}")
        assert (result.status, result.out) == (0, " closed\n")
        # A connection of many messages may end before the first has gone.
        assert fake.got().hex() in ("", seen)


@pytest.mark.parametrize("message", ["00", "000000", "00000001"])
def test_half_a_header_stays_here(lab, crun, message):
    with fake_agent(lab, crun.user, "silent") as fake:
        result = ask(lab, crun, fake.env,
                     f"agentclient raw $SSH_AUTH_SOCK {message}")
        assert result.out == " open\n"
        assert fake.got() == b""


def test_a_message_of_the_greatest_length_passes(lab, crun):
    with fake_agent(lab, crun.user, "silent") as fake:
        result = ask(lab, crun, fake.env,
                     "agentclient long $SSH_AUTH_SOCK 262144")
        assert result.out == " open\n"
        assert len(fake.got()) == 4 + 262144


def test_who_asks_without_end_is_cut_off(lab, crun):
    with fake_agent(lab, crun.user, "silent") as fake:
        result = ask(lab, crun, fake.env,
                     f"agentclient raw $SSH_AUTH_SOCK {'000000010b' * 65}")
        assert (result.status, result.out) == (0, " closed\n")
        assert len(fake.got()) <= 64 * 5


def resident(pid):
    return int(process.status(pid)["VmRSS"].split()[0])


def test_who_does_not_read_costs_no_memory(lab, crun, own_agent):
    """And others are still served."""
    with agent.session(lab, crun, own_agent.env, 3308) as it:
        before = resident(it.supervisor), resident(it.porters[0])
        deaf = [inside(crun, "agentclient deaf", it.socket, 60)
                for _ in range(4)]
        assert [one.stdout.readline() for one in deaf] == [b"60\n"] * 4
        other = inside(crun, "agentclient list", it.socket)
        assert other.communicate(timeout=5)[0].splitlines()[0] == b"1"
        after = resident(it.supervisor), resident(it.porters[0])
        assert max(b - a for a, b in zip(before, after)) < 150
        for one in deaf:
            one.communicate(timeout=5)


@contextlib.contextmanager
def agent_at(lab, box, how, number=3301):
    """A session without sshd, with a fake agent."""
    with fake_agent(lab, box.user, how) as fake:
        ran = subprocess.Popen(
            lab.direct_argv(box.user, "-c",
                            f"echo $SSH_AUTH_SOCK; exec sleep {number}"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], **fake.env})
        try:
            yield agent.Session(lab, box, ran, number), fake
        finally:
            ran.terminate()
            process.end_all("sleep", str(number))
            ran.communicate(timeout=10)


def inside(box, what, socket, *more):
    """As the user of the box, inside, beside the session."""
    container = box.container
    return subprocess.Popen(
        [*container.engine.prefix, container.engine.program, "--root",
         container.engine.state, "exec", "--user", f"{box.uid}:{box.uid}",
         container.name, *what.split(), socket, *map(str, more)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)


def test_1000_connections_are_served_one_after_the_other(
        lab, crun, own_agent):
    with agent.session(lab, crun, own_agent.env, 3302) as it:
        held = inside(crun, "agentclient hold", it.socket, 1000)
        made = int(held.stdout.readline())
        assert 16 < made <= 100
        count = len(os.listdir(f"/proc/{it.supervisor}/fd"))
        assert count <= 16 * 3 + 20
        late = inside(crun, "agentclient list", it.socket)
        time.sleep(0.2)
        assert late.poll() is None
        held.stdin.close()
        held.wait(5)
        out, _ = late.communicate(timeout=5)
        assert out.splitlines()[0] == b"1"


ANSWERS = {
    "unasked": "0000000106",
    "unknown": "0000000163",
    "too long": "0004000106",
    "text": b"220 mail ready\r\n".hex(),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_no_agent_answers_does_not_come_in(lab, crun, name):
    with fake_agent(lab, crun.user, ANSWERS[name]) as fake:
        result = ask(lab, crun, fake.env,
                     "agentclient raw $SSH_AUTH_SOCK 00")
        assert (result.status, result.out) == (0, " closed\n")


def test_an_agent_that_does_not_answer_holds_up_nothing(lab, crun):
    with fake_agent(lab, crun.user, "silent") as fake:
        result = ask(lab, crun, fake.env,
                     f"{LIST} >/dev/null 2>&1 & sleep 0.1; echo shell")
        assert (result.status, result.out) == (0, "shell\n")
        assert result.seconds < 3


def test_a_stopped_agent_holds_up_nothing(lab, crun):
    """Its backlog fills up, and no connection is waited for."""
    with agent_at(lab, crun, "silent") as (it, fake):
        pid, = [p for p in process.pids()
                if process.cmdline(p)[-3:-1] == [fake.socket, fake.record]]
        os.kill(pid, signal.SIGSTOP)
        held = inside(crun, "agentclient hold", it.socket, 90)
        assert int(held.stdout.readline()) > 16
        held.stdin.close()
        assert held.wait(5) == 0
        os.kill(pid, signal.SIGCONT)
        again = inside(crun, "agentclient raw", it.socket, "000000010b")
        assert again.communicate(timeout=8)[0] == b" open\n"


@pytest.mark.parametrize("kind", ["crun", "userns"])
def test_another_user_gets_nothing_through_an_open_directory(
        lab, own_agent, kind):
    box = lab.boxes[kind]
    agent.place_client(lab, box.container)
    with agent.session(lab, box, own_agent.env, 3303) as it:
        os.chmod(it.place, 0o777)
        os.chmod(f"{it.place}/agent", 0o666)
        other = box.container.engine.call(
            "exec", "--user", "2999:2999", box.container.name, "agentclient",
            "list", it.socket)
        assert (other.status, other.out) == (2, "closed\n")


def test_a_link_in_place_of_the_directory_is_not_followed(
        lab, crun, own_agent):
    home = f"/proc/{crun.init}/root/home/{crun.user.name}"
    with agent.session(lab, crun, own_agent.env, 3304) as it:
        place = it.place
        with open(f"{home}/agent", "w") as file:
            file.write("mine\n")
        os.rename(place, f"{place}.away")
        os.symlink(f"/home/{crun.user.name}", place)
        assert process.alive(it.leader)
    assert process.read(f"{home}/agent") == "mine\n"
    process.wait_for(lambda: not process.alive(it.porters[0]), 5, "the porter")
    os.unlink(f"{home}/agent")
    os.unlink(place)
    shutil.rmtree(f"{place}.away")


def test_nobody_on_the_host_is_named_by_the_socket(lab, own_agent):
    """A container root with SYS_PTRACE takes descriptors of whom it can name
    (pidfd_getfd).  Who listens and who sends is one of the container's."""
    for kind in ("crun", "docker"):
        box = lab.boxes[kind]
        agent.place_client(lab, box.container)
        with agent.session(lab, box, own_agent.env, 3305) as it:
            result = box.exec("agentclient", "who", it.socket)
            assert result.out.split() == [it.inner_pid] * 2, result


def tell(it, strand, data):
    """To the supervisor, as if from the porter."""
    with open(f"/proc/{it.porters[0]}/fd/{9 + 2 * strand}", "wb", 0) as pipe:
        pipe.write(data)


NONSENSE = {
    "half a frame": b"\1",
    "unknown": b"\x09\0\0\0",
    "data before open": b"\2\0\1\0x",
    "a closed one closed": b"\4\0\0\0",
    "too long": b"\1\0\0\0\2\0\xff\xff",
    "of no length": b"\1\0\0\0\2\0\0\0",
    "open twice": b"\1\0\0\0\1\0\0\0",
    "data behind the end": b"\1\0\0\0\3\0\0\0\2\0\1\0x",
    "a target that was not ordered": b"\1\1\0\0",
    "a target that is none": b"\1\xff\0\0",
}


@pytest.mark.parametrize("name", NONSENSE)
def test_who_takes_the_porter_over_gets_nothing(lab, crun, own_agent, name):
    """Frames out of place end their strand; the session and the others go
    on."""
    with agent.session(lab, crun, own_agent.env, 3306) as it:
        tell(it, 15, NONSENSE[name])
        time.sleep(0.05)
        after = inside(crun, "agentclient list", it.socket)
        assert after.communicate(timeout=5)[0].splitlines()[0] == b"1"
        assert process.alive(it.leader) and process.alive(it.supervisor)


def test_all_strands_broken_are_no_end_of_the_session(lab, crun, own_agent):
    with agent.session(lab, crun, own_agent.env, 3307) as it:
        for strand in range(16):
            tell(it, strand, b"\x09\0\0\0")
        time.sleep(0.1)
        assert process.alive(it.leader) and process.alive(it.supervisor)


# -- filters of the container's ------------------------------------------------

def profile(calls, action, value):
    def change(config):
        rule = {"names": calls, "action": action}
        if value is not None:
            rule["errnoRet"] = value
        seccomp = copy.deepcopy(engines.SECCOMP)
        seccomp["syscalls"].append(rule)
        config["linux"]["seccomp"] = seccomp
    return change


FILTERS = {
    "no socket": (["socket"], "SCMP_ACT_ERRNO", 1),
    "no bind": (["bind"], "SCMP_ACT_ERRNO", 13),
    "no directory": (["mkdir", "mkdirat"], "SCMP_ACT_ERRNO", 13),
    "faked socket": (["socket"], "SCMP_ACT_ERRNO", 0),
    "faked bind": (["bind"], "SCMP_ACT_ERRNO", 0),
    "faked listen": (["listen"], "SCMP_ACT_ERRNO", 0),
    "faked directory": (["mkdir", "mkdirat"], "SCMP_ACT_ERRNO", 0),
    "faked poll": (["poll", "ppoll"], "SCMP_ACT_ERRNO", 0),
    "death by bind": (["bind"], "SCMP_ACT_KILL_PROCESS", None),
    "death by poll": (["poll"], "SCMP_ACT_KILL_PROCESS", None),
    "no execveat": (["execveat"], "SCMP_ACT_ERRNO", 1),
    "death by execveat": (["execveat"], "SCMP_ACT_KILL_PROCESS", None),
}


@pytest.fixture(scope="module")
def filtered_tree(lab):
    return lab.tree("filtered-forward")


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_costs_the_session_its_agent_and_nothing_else(
        lab, own_agent, filtered_tree, name):
    user = lab.users["guest"]
    with lab.crun.container("forward-filter", filtered_tree, seccomp=False,
                            change=profile(*FILTERS[name])) as container, \
            lab.config.own(user, f'container = "{container.spec}"\n'):
        result = lab.login(user, "echo in", options=["ForwardAgent=yes"],
                           env=own_agent.env)
    assert (result.status, result.out, result.err) == (0, "in\n", "")
    assert result.seconds < 5
