# SPDX-License-Identifier: MIT
"""The caller's agent, display and other sockets, inside."""

import contextlib
import fcntl
import os
import select
import signal
import socket
import stat
import threading
import time

import pytest

from lab import agent, debian, display, logreader, process, sshd

VARIABLES = ("SSH_AUTH_SOCK", "SSH_AGENT_PID", "DISPLAY", "XAUTHORITY")
SHOW = "env | grep -E '^(" + "|".join(VARIABLES) + ")=' || echo none"


@pytest.fixture(scope="module")
def own_agent(lab):
    """With the key that opens the host's accounts."""
    os.mkdir(f"{lab.base}/agent")
    with agent.agent(f"{lab.base}/agent", f"{lab.sshd.directory}/key") as made:
        yield made


@pytest.fixture
def placed(lab, box):
    agent.place_client(lab, box.container)
    return box


@pytest.fixture
def crun(lab):
    agent.place_client(lab, lab.boxes["crun"].container)
    return lab.boxes["crun"]


def login(lab, own_agent, user, *args, options=("ForwardAgent=yes",), **more):
    return lab.login(user, *args, options=options, env=own_agent.env, **more)


# -- the agent -----------------------------------------------------------------

def test_the_callers_agent_answers_inside(lab, placed, own_agent):
    result = login(lab, own_agent, placed.user,
                   "agentclient list $SSH_AUTH_SOCK")
    assert (result.status, result.err) == (0, "")
    assert result.out.splitlines()[0] == "1"


def test_it_answers_in_a_session_with_a_terminal(lab, placed, own_agent):
    result = login(lab, own_agent, placed.user,
                   "agentclient list $SSH_AUTH_SOCK",
                   options=["ForwardAgent=yes", "RequestTTY=force"])
    assert (result.status, result.out.splitlines()[0]) == (0, "1")


def test_the_socket_is_the_users_alone(lab, placed, own_agent):
    with agent.session(lab, placed, own_agent.env, 3201) as it:
        place, found = os.stat(it.place), os.stat(f"{it.place}/agent")
        owner = int(process.status(it.leader)["Uid"].split()[0])
        assert stat.filemode(place.st_mode) == "drwx------"
        assert stat.filemode(found.st_mode) == "srw-------"
        assert (place.st_uid, found.st_uid) == (owner, owner)
        other = placed.container.engine.call(
            "exec", "--user", "2999:2999", placed.container.name,
            "agentclient", "list", it.socket)
        assert (other.status, other.out) == (1, "")
        assert "Permission denied" in other.err


def end_normally(it):
    os.kill(it.leader, signal.SIGTERM)


def end_by_kill(it):
    os.kill(it.leader, signal.SIGKILL)


def kill_the_supervisor(it):
    os.kill(it.supervisor, signal.SIGKILL)


def kill_the_client(it):
    it.ran.kill()


def kill_the_watchdog(it):
    dog, = [pid for pid in process.children(it.supervisor)
            if process.status(pid)["Name"] == "ctsh-watchdog"]
    os.kill(dog, signal.SIGKILL)


ENDS = (end_normally, end_by_kill, kill_the_supervisor, kill_the_client,
        kill_the_watchdog)


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_nothing_is_left_of_it_after_any_end(lab, placed, own_agent, end):
    with agent.session(lab, placed, own_agent.env, 3202) as it:
        porter, = it.porters
        root = f"/proc/{placed.init}/root/tmp"
        assert os.path.basename(it.place) in os.listdir(root)
        end(it)
        # Without a terminal the leader learns of a client's end only when it
        # writes; the session, and with it the agent, goes on as on a host.
        if end is kill_the_client:
            os.kill(it.leader, signal.SIGTERM)
        process.wait_for(lambda: not process.alive(porter), 5, "the porter")
        assert os.path.basename(it.place) not in os.listdir(root)


def test_it_is_gone_when_the_connection_ends(lab, crun, own_agent):
    """With a terminal, whose hangup ends the shell."""
    with agent.session(lab, crun, own_agent.env, 3203, options=[
            "ForwardAgent=yes", "RequestTTY=force"]) as it:
        porter, = it.porters
        it.ran.kill()
        process.wait_for(lambda: not process.alive(porter), 5, "the porter")
        assert os.path.basename(it.place) not in \
            os.listdir(f"/proc/{crun.init}/root/tmp")


def test_who_forwards_nothing_has_no_process_more(lab, crun, own_agent):
    with agent.session(lab, crun, own_agent.env, 3204, options=()) as it:
        assert it.socket == ""
        names = sorted(process.status(pid)["Name"]
                       for pid in process.children(it.supervisor))
        assert names == ["ctsh-watchdog", "sleep"]


def test_without_an_agent_the_variables_are_absent(lab, placed, own_agent):
    result = login(lab, own_agent, placed.user, SHOW, options=())
    assert (result.status, result.out) == (0, "none\n")


KEYS = 'container = "{spec}"\n{more}\n'


@contextlib.contextmanager
def answering(server, answer):
    """Calls answer(conn) for each connection, in a thread of its own."""
    def serve():
        with contextlib.suppress(OSError):
            while True:
                conn, _ = server.accept()
                threading.Thread(target=answer, args=(conn,)).start()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


@contextlib.contextmanager
def rule(lab, box, more):
    """Another user's own rule for that container."""
    user = lab.users["guest"]
    with lab.config.own(user, KEYS.format(spec=box.container.spec,
                                          more=more)):
        yield user


@pytest.mark.parametrize("more", [
    "agent_forwarding = false",
    'agent_forwarding = false\nkeep_env = {"*"}'])
def test_a_rule_can_forbid_it(lab, crun, own_agent, more):
    with rule(lab, crun, more) as user:
        result = login(lab, own_agent, user, SHOW)
    assert (result.status, result.out) == (0, "none\n")


def test_the_hosts_variables_never_come_along(lab, crun):
    with rule(lab, crun, 'agent_forwarding = false\nkeep_env = {"*"}') as user:
        result = lab.direct(user, "-c", SHOW, env={
            name: "/tmp/of-the-host" for name in VARIABLES})
    assert (result.status, result.out) == (0, "none\n")


def test_a_container_without_room_for_it_gets_a_shell_all_the_same(
        lab, placed, own_agent):
    """/tmp is not writable, /run/user and /dev/shm are not there or neither:
    the variable is absent."""
    root = f"/proc/{placed.init}/root"
    places = [f"{root}{name}" for name in ("/tmp", "/dev/shm")
              if os.path.isdir(f"{root}{name}")]
    modes = [os.stat(place).st_mode for place in places]
    try:
        for place in places:
            os.chmod(place, 0o755)
        result = login(lab, own_agent, placed.user, SHOW)
    finally:
        for place, mode in zip(places, modes):
            os.chmod(place, stat.S_IMODE(mode))
    assert (result.status, result.out, result.err) == (0, "none\n", "")


def test_the_next_place_is_taken_where_tmp_is_not_writable(
        lab, crun, own_agent):
    tmp = f"/proc/{crun.init}/root/tmp"
    os.chmod(tmp, 0o755)
    try:
        result = login(lab, own_agent, crun.user,
                       "echo $SSH_AUTH_SOCK; "
                       "agentclient list $SSH_AUTH_SOCK")
    finally:
        os.chmod(tmp, 0o1777)
    assert result.status == 0
    assert result.out.startswith("/dev/shm/ssh-")


def test_a_container_of_few_descriptors_gets_a_session_all_the_same(
        lab, own_agent):
    """The porter fails on its way in, where it is watched already; the watchdog
    goes on to understand what it is told."""
    def few(config):
        config["process"]["rlimits"] = [
            {"type": "RLIMIT_NOFILE", "soft": 64, "hard": 64}]

    user = lab.users["guest"]
    with lab.crun.container("few", lab.tree("few"), change=few) as container, \
            lab.config.own(user, f'container = "{container.spec}"\n'):
        mark = lab.log.since()
        result = login(lab, own_agent, user, SHOW + "; exit 3")
        closed = logreader.parse(lab.log.login(mark, 10)[1])
    assert (result.status, result.out, result.err) == (3, "none\n", "")
    assert closed["status"] == "3"


# -- the porter ----------------------------------------------------------------

ALIKE = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd",
         "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters",
         "Cpus_allowed")


def test_the_porter_is_no_more_than_the_shell(lab, placed, own_agent):
    with agent.session(lab, placed, own_agent.env, 3205) as it:
        porter, = it.porters
        shell, other = (process.status(pid) for pid in (it.leader, porter))
        assert {name: shell[name] for name in ALIKE} == \
            {name: other[name] for name in ALIKE}
        assert process.namespaces(porter) == process.namespaces(it.leader)
        assert process.cgroups(porter) == process.cgroups(it.leader)
        assert process.read(f"/proc/{porter}/limits") == \
            process.read(f"/proc/{it.leader}/limits")
        assert process.read(f"/proc/{porter}/environ") == ""
        assert os.path.samestat(os.stat(f"/proc/{porter}/root"),
                                os.stat(f"/proc/{placed.init}/root"))


def kinds(pid):
    """What its descriptors are."""
    return {os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0]
            for fd in os.listdir(f"/proc/{pid}/fd")}


def test_the_porter_has_pipes_and_the_socket(lab, placed, own_agent):
    with agent.session(lab, placed, own_agent.env, 3206) as it:
        porter, = it.porters
        assert kinds(porter) == {"pipe", "socket"}
        sockets = [fd for fd in os.listdir(f"/proc/{porter}/fd")
                   if os.readlink(f"/proc/{porter}/fd/{fd}")
                   .startswith("socket:")]
        assert len(sockets) == 1
        mine = {os.readlink(f"/proc/{porter}/fd/{fd}")
                for fd in os.listdir(f"/proc/{porter}/fd")}
        theirs = {os.readlink(f"/proc/{it.leader}/fd/{fd}")
                  for fd in os.listdir(f"/proc/{it.leader}/fd")}
        assert not mine & theirs


def test_its_pipes_take_few_of_the_pages_that_root_may_have(
        lab, crun, own_agent):
    """Beyond /proc/sys/fs/pipe-user-pages-soft, which all pipes of root's
    count for, root in containers gets pipes of two pages."""
    with agent.session(lab, crun, own_agent.env, 3213) as it:
        sizes = []
        for fd in os.listdir(f"/proc/{it.porters[0]}/fd"):
            path = f"/proc/{it.porters[0]}/fd/{fd}"
            if os.readlink(path).startswith("pipe:"):
                pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                sizes.append(fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ))
                os.close(pipe)
    assert (len(sizes), max(sizes)) == (34, 4 * select.PIPE_BUF)


def written(pid):
    """KiB that are its own; its program is shared with other sessions."""
    total = 0
    for line in process.read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Private_Dirty:"):
            total += int(line.split()[1])
    return total


def test_the_porter_is_small(lab, crun, own_agent):
    with agent.session(lab, crun, own_agent.env, 3207) as it:
        assert written(it.porters[0]) <= 88


def test_a_container_that_stops_takes_it_along(lab, own_agent):
    with lab.crun.container("forwarded", lab.tree("forwarded")) as container:
        agent.place_client(lab, container)
        user = lab.users["guest"]
        box = type(lab.boxes["crun"])("forwarded", user,
                                      lab.inner_uid("guest"), container)
        with lab.config.own(user, f'container = "{container.spec}"\n'), \
                agent.session(lab, box, own_agent.env, 3208) as it:
            porter, = it.porters
            start = time.monotonic()
            lab.crun.call("delete", "--force", "forwarded", check=True)
            assert time.monotonic() - start < 3
            process.wait_for(lambda: not process.alive(porter), 2,
                             "the porter")


def test_a_killed_porter_costs_the_session_nothing_but_the_agent(
        lab, crun, own_agent):
    with agent.session(lab, crun, own_agent.env, 3209) as it:
        os.kill(it.porters[0], signal.SIGKILL)
        process.wait_for(lambda: not process.alive(it.porters[0]), 2,
                         "the porter")
        time.sleep(0.1)
        assert process.alive(it.leader) and process.alive(it.supervisor)


# -- forward_socket ------------------------------------------------------------

@contextlib.contextmanager
def echo(path):
    """A service of the host's that answers in capitals."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    os.chmod(path, 0o666)
    server.listen(8)

    def answer(conn):
        with conn:
            while data := conn.recv(65536):
                conn.sendall(data.upper())

    try:
        with answering(server, answer):
            yield
    finally:
        os.unlink(path)


@pytest.mark.parametrize("kind", ["crun", "userns", "docker"])
def test_a_socket_of_the_rule_is_there(lab, kind):
    box = lab.boxes[kind]
    agent.place_client(lab, box.container)
    with echo(f"{lab.base}/echo.guest"), rule(
            lab, box, f'forward_socket = {{"{lab.base}/echo.%g:/tmp/echo.%U",'
            f' "{lab.base}/echo.guest:/tmp/other.%u",'
            f' "/nonexistent/socket:/tmp/nobody"}}') as user:
        result = lab.login(
            user, f"agentclient raw /tmp/other.{user.name} 6162; "
            f"stat -c %A%U /tmp/other.{user.name}; "
            "agentclient raw /tmp/nobody 6162")
        left = os.listdir(f"/proc/{box.init}/root/tmp")
    assert result.out == f"4142 open\nsrw-------{user.name}\n closed\n"
    process.wait_for(lambda: not {f"other.{user.name}", "nobody"} & set(left)
                     or left.clear() or left.extend(
                         os.listdir(f"/proc/{box.init}/root/tmp")), 5,
                     "no socket left")


def test_no_file_is_replaced_by_a_socket(lab, crun):
    place = f"/proc/{crun.init}/root/home/{lab.users['guest'].name}/precious"
    with open(place, "w") as file:
        file.write("mine\n")
    os.chown(place, lab.inner_uid("guest"), lab.inner_uid("guest"))
    with rule(lab, crun, 'forward_socket = {"/nonexistent/socket:'
              '/home/%u/precious"}') as user:
        result = lab.login(user, "cat precious")
    os.unlink(place)
    assert (result.status, result.out) == (0, "mine\n")


# -- X11 -----------------------------------------------------------------------

@pytest.fixture(scope="module")
def x_sshd(lab):
    names = [user.name for user in lab.all_users]
    with sshd.sshd(f"{lab.base}/xssh", names, lab.log_prefix,
                   first="X11Forwarding yes\n") as made:
        yield made


@pytest.mark.parametrize("kind", ["crun", "userns", "docker"])
def test_a_window_opens_on_the_callers_display(lab, x_sshd, kind):
    box = lab.boxes[kind]
    agent.place_client(lab, box.container)
    with rule(lab, box, "x11_forwarding = true") as user:
        result, got = display.login(lab, x_sshd, user, display.TALK)
    talk, shown, mode = result.out.splitlines()
    assert talk.startswith(b"hello".hex()), result
    assert shown.startswith("127.0.0.1:") and mode == "-rw-------"
    # The client put its own in the cookie's place, so it was the right one.
    assert len(got) == 1 and got[0][:2] == b"l\0"


def test_without_the_cookie_no_window_opens(lab, crun, x_sshd):
    with rule(lab, crun, "x11_forwarding = true") as user:
        result, got = display.login(lab, x_sshd, user, display.FORGED)
    assert b"hello".hex() not in result.out, result
    # The client looked whether there is a display, and said nothing to it.
    assert b"".join(got) == b""


def test_by_default_there_is_no_display(lab, crun, x_sshd):
    with rule(lab, crun, "") as user:
        result, _ = display.login(lab, x_sshd, user, SHOW)
    assert (result.status, result.out) == (0, "none\n")


# -- real programs -------------------------------------------------------------

@contextlib.contextmanager
def bridge(path, port):
    """A unix socket that leads to a port of the loopback."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    os.chmod(path, 0o666)
    server.listen(8)

    def copy(one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    def answer(conn):
        with conn, socket.create_connection(("127.0.0.1", port)) as far:
            back = threading.Thread(target=copy, args=(far, conn))
            back.start()
            copy(conn, far)
            back.join()

    try:
        with answering(server, answer):
            yield
    finally:
        os.unlink(path)


@pytest.fixture(scope="module")
def repository(lab):
    """On the host, of a user whom the agent's key lets in."""
    plain = lab.users["plain"]
    git = ["git", "-C", f"{plain.home}/repository", "-c", "user.name=lab",
           "-c", "user.email=lab@example.org"]
    assert lab.run_as(plain, "git", "init", "-q",
                      f"{plain.home}/repository").status == 0
    assert lab.run_as(plain, *git, "commit", "-q", "--allow-empty", "-m",
                      "first").status == 0
    return f"ssh://{plain.name}@outside{plain.home}/repository"


GIT = ("ssh-add -l && GIT_SSH_COMMAND='ssh -q -o StrictHostKeyChecking=no "
       "-o UserKnownHostsFile=/dev/null -o \"ProxyCommand nc -U /tmp/ssh\"' "
       "git clone -q %s got && git -C got log --format=%%s && rm -r got")


def test_git_and_ssh_use_the_callers_agent(lab, house, own_agent, repository):
    spec = house.container.spec or \
        f"pidfile:{lab.run}/house-{house.kind}.pid"
    user, root = lab.users["guest"], f"/proc/{house.init}/root"
    if user.name not in process.read(f"{root}/etc/passwd"):
        debian.settle(root, user.name, 2600)
    keys = f'container = "{spec}"\n' \
        f'forward_socket = {{"{lab.base}/bridge:/tmp/ssh"}}\n'
    with bridge(f"{lab.base}/bridge", lab.sshd.port), \
            lab.config.own(user, keys):
        result = login(lab, own_agent, user, GIT % repository)
    assert (result.status, result.err) == (0, "")
    shown, subject = result.out.splitlines()
    assert "ED25519" in shown
    assert subject == "first"
