# SPDX-License-Identifier: MIT
"""The right container or none, whoever answers and whatever changes."""

import contextlib
import errno
import json
import os
import shutil
import signal
import socket
import subprocess

import pytest

from lab import answers, handmade, process, storm

HELLO = "hostname"


@pytest.fixture(scope="module")
def plain_root(lab):
    return lab.tree("unmanaged")


@pytest.fixture
def attempt(lab, guest, refusal):
    """A login of the guest into that container must be refused with that
    code; gives the reason."""
    def check(spec, code):
        with lab.config.own(guest, f'container = "{spec}"\n'):
            return refusal(lab.direct(guest, "-c", HELLO), guest, code)
    return check


def lands(lab, guest, spec):
    """PID namespace of where the guest's login comes to."""
    with lab.config.own(guest, f'container = "{spec}"\n'):
        result = lab.direct(guest, "-c", "exec readlink /proc/self/ns/pid")
    assert (result.status, result.err) == (0, ""), result
    return result.out.strip()


def pid_namespace(pid):
    return os.readlink(f"/proc/{pid}/ns/pid")


# -- a container that is made anew, again and again --------------------------

def marked(lab, name):
    """marker -> userland with it."""
    roots = {}
    for part in ("left", "right"):
        marker = f"{lab.tag}-{name}-{part}"
        roots[marker] = lab.tree(f"{name}-{part}")
        with open(f"{roots[marker]}/marker", "w", encoding="ascii") as file:
            file.write(f"{marker}\n")
    return roots


def judge(lab, results, generations, refusals):
    """Each login is inside one of these, all of it, or refused so."""
    assert not os.path.exists("/marker")
    right = set(generations)
    for status, out, err in results:
        if status == 0:
            assert out in right and err == ""
        elif status == 137:     # its container ended with it inside
            assert any(one.startswith(out) for one in right) and err == ""
        else:
            assert status == 125 and out == "", (status, out, err)
    counted = storm.tally(results)
    odd = [err.rpartition(" ")[2].rstrip("]\n") for status, _, err in results
           if status == 125 and not any(code in err for code in refusals)]
    assert set(counted) <= {0, 137, *refusals}, (counted, [
        line for line in lab.log.ours() if any(ref in line for ref in odd)])
    landed, refused = counted[0], sum(counted[code] for code in refusals)
    assert min(landed, refused) >= len(results) // 30, counted
    return counted


@pytest.mark.limit(240)
def test_2000_logins_while_crun_makes_the_container_anew(lab, guest):
    """Other namespaces, another host name and another root each time; crun
    freezes what it ends."""
    with storm.crun_storm(lab, marked(lab, "storm"), 0.1) as restarting, \
            lab.config.own(guest, 'container = "labcrun:storm"\n'):
        results = storm.logins(lab, guest, 2000, 4)
    judge(lab, results, restarting.seen, {"E_ABSENT", "E_GONE", "E_PAUSED"})
    assert len(restarting.seen) >= 20


@pytest.mark.limit(240)
def test_logins_while_docker_restarts_the_container(lab, guest):
    """Same ID, same cgroup path, same files: another process each time."""
    marker = f"{lab.tag}-docker"

    def describe():
        return storm.describe(lab.docker.pid("storm"), marker, "inside")

    def renew(_):
        lab.docker.call("restart", "--time", "0", "storm", check=True)
        return describe()
    with lab.docker.container("storm", "lab") as it:
        it.exec("sh", "-c", f"echo {marker} >/marker", check=True)
        with storm.Restarting(describe(), renew, 0.5) as restarting, \
                lab.config.own(guest, f'container = "{it.spec}"\n'):
            results = storm.logins(lab, guest, 600, 3)
    judge(lab, results, restarting.seen, {"E_ABSENT", "E_GONE"})
    assert len(restarting.seen) >= 3


# -- an engine that names the wrong process ----------------------------------

@contextlib.contextmanager
def claimed(lab, pid, answer=None):
    """A rule's `container` whose engine, of root's, names that PID."""
    body = answers.lie(answer or answers.true_answer(lab), pid)
    with lab.fake_engine("answer", body) as path, lab.config.extended(
            f'engine fake {{ type = "docker" socket = "{path}" }}\n'):
        yield "fake:box"


def kernel_thread(lab):
    del lab
    return 2


def the_sshd(lab):
    return int(process.read(f"{lab.sshd.directory}/sshd.pid"))


def a_thread(lab):
    """Of this process; it has a number, but is no process."""
    return next(int(tid) for tid in os.listdir("/proc/self/task")
                if int(tid) != os.getpid())


def the_other_container(lab):
    return lab.boxes["runc"].init


def in_the_user_namespace(lab):
    return lab.boxes["userns"].init


WRONG = {
    kernel_thread: ("E_UNSAFE", "namespace"),
    the_sshd: ("E_UNSAFE", "namespace"),
    a_thread: ("E_UNSAFE", "is no process"),
    the_other_container: ("E_UNSAFE", "cgroup"),
    in_the_user_namespace: ("E_UNSAFE", "cgroup"),
}


@pytest.mark.parametrize("what", WRONG, ids=lambda what: what.__name__)
def test_a_claim_for_the_wrong_process_is_refused(lab, attempt, what):
    code, reason = WRONG[what]
    with claimed(lab, what(lab)) as spec:
        assert reason in attempt(spec, code)


def test_a_claim_for_a_container_within_the_container_is_refused(lab,
                                                                 attempt):
    """In all namespaces of the box, but for two more of its own."""
    init = lab.boxes["docker"].init
    with nested(init) as pid, claimed(lab, pid) as spec:
        assert "cgroup" in attempt(spec, "E_UNSAFE")


@contextlib.contextmanager
def nested(init):
    with subprocess.Popen(["nsenter", "--target", str(init), "--all",
                           "unshare", "--mount", "--pid", "--fork",
                           "sh", "-c", "exec /bin/sleep 3301"],
                          preexec_fn=process.die_with_parent) as outer:
        pid = process.find_one("/bin/sleep", "3301")
        try:
            assert pid_namespace(pid) != pid_namespace(init)
            yield pid
        finally:
            os.kill(pid, signal.SIGKILL)
            outer.wait(10)


def test_a_claim_for_a_recycled_pid_is_refused(lab, plain_root, attempt):
    """The engine is late: another container has that number now."""
    with lab.docker.container("late", "lab"):
        answer = answers.true_answer(lab, "late")
        pid = lab.docker.pid("late")
        lab.docker.call("kill", "late", check=True)
        process.wait_for(lambda: not os.path.exists(f"/proc/{pid}"),
                         what="its end")
    with handmade.handmade(lab, plain_root, errno.ENOANO, pid), \
            claimed(lab, pid, answer) as spec:
        assert "cgroup" in attempt(spec.replace("box", "late"), "E_UNSAFE")


# -- pidfiles ----------------------------------------------------------------

def test_a_pidfile_of_the_hosts_init(lab, attempt):
    with handmade.pidfile(lab, 1) as path:
        attempt(f"pidfile:{path}", "E_ENGINE")


@pytest.mark.parametrize("what", [kernel_thread, the_sshd, a_thread],
                         ids=lambda what: what.__name__)
def test_a_pidfile_of_the_wrong_process(lab, attempt, what):
    code, reason = WRONG[what]
    with handmade.pidfile(lab, what(lab)) as path:
        assert reason in attempt(f"pidfile:{path}", code)


LEADS_BACK = {
    "itself": 'echo $$ >"$0"; exec "$@"',
    "its_parent": 'echo $$ >"$0"; "$@"; exit $?',
}


@pytest.mark.parametrize("what", LEADS_BACK)
def test_a_pidfile_that_leads_back_to_the_login(lab, guest, refusal, what):
    path = f"{lab.run}/back.pid"
    with lab.config.own(guest, f'container = "pidfile:{path}"\n'):
        result = process.run(["sh", "-c", LEADS_BACK[what], path,
                              *lab.direct_argv(guest, "-c", HELLO)])
    os.unlink(path)
    assert "namespace" in refusal(result, guest, "E_UNSAFE")


def test_a_pidfile_that_outlived_its_container(lab, guest, plain_root,
                                               attempt):
    """Its number is another container's by now; written anew, it leads
    there."""
    with handmade.handmade(lab, plain_root) as first:
        pid = first.pid
        with handmade.pidfile(lab, pid) as path:
            spec = f"pidfile:{path}"
            assert lands(lab, guest, spec) == pid_namespace(pid)
            first.end()
            attempt(spec, "E_ABSENT")
            with handmade.handmade(lab, plain_root, pid=pid):
                assert "younger" in attempt(spec, "E_UNSAFE")
                os.utime(path)
                assert lands(lab, guest, spec) == pid_namespace(pid)


def test_a_container_that_starts_during_a_login(lab, guest, refusal):
    """Until then its process is the engine's, with the environment of who
    called that."""
    secret = {"env": {**os.environ, "SECRET_OF_THE_HOST": lab.tag}}
    with lab.crun.container("early", lab.tree("early"), start=False,
                            seccomp=False, popen=secret) as it, \
            handmade.pidfile(lab, it.pid) as path, \
            lab.config.own(guest, f'container = "pidfile:{path}"\n'
                           'wait = 0\n'):
        argv = ["strace", "-f", "-o", "/dev/null", "--trace=sched_getattr",
                "--inject=sched_getattr:delay_enter=1500000:when=1",
                *lab.direct_argv(guest, "-c", "env")]
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as login:
            # It is over, or waits between its first look and its proofs.
            with contextlib.suppress(subprocess.TimeoutExpired):
                login.wait(1)
            lab.crun.call("start", it.name, check=True)
            out, err = map(process.text, login.communicate(timeout=15))
        refusal(process.Result(login.returncode, out, err, 0), guest,
                "E_ABSENT")
        result = lab.direct(guest, "-c", "env")
    assert result.status == 0 and "FROM_IMAGE=yes" in result.out
    assert "SECRET_OF_THE_HOST" not in result.out


# -- records of crun and runc ------------------------------------------------

def crun_record(pid, start):
    return "status", {"pid": pid, "process-start-time": start}


def runc_record(pid, start):
    return "state.json", {"id": "box", "init_process_pid": pid,
                          "init_process_start": start, "config": {}}


RECORDS = {"crun": crun_record, "runc": runc_record}


@contextlib.contextmanager
def record(lab, kind, pid, start):
    """A rule's `container` with such a record of root's."""
    root = f"{lab.run}/records"
    name, content = RECORDS[kind](pid, start)
    os.makedirs(f"{root}/box", mode=0o755)
    with open(f"{root}/box/{name}", "w", encoding="ascii") as file:
        json.dump(content, file)
    try:
        with lab.config.extended(
                f'engine written {{ type = "{kind}" root = "{root}" }}\n'):
            yield "written:box"
    finally:
        shutil.rmtree(root)


def start_of(pid):
    text = process.read(f"/proc/{pid}/stat")
    return int(text.rpartition(")")[2].split()[19])


@pytest.mark.parametrize("kind", RECORDS)
def test_a_true_record_is_taken_and_a_late_one_is_not(lab, guest, plain_root,
                                                      attempt, kind):
    """The other tests of this kind refuse for the reason they name."""
    with handmade.handmade(lab, plain_root, errno.ENOANO) as first:
        pid, start = first.pid, first.start
        with record(lab, kind, pid, start) as spec:
            assert lands(lab, guest, spec) == pid_namespace(pid)
            first.end()
            with handmade.handmade(lab, plain_root, errno.ENOANO, pid):
                assert "another process by now" in attempt(spec, "E_ABSENT")


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_with_the_pid_of_another_container(lab, attempt, kind):
    """And the start time of the right one."""
    with record(lab, kind, lab.boxes["runc"].init,
                start_of(lab.boxes["crun"].init) + 1) as spec:
        assert "another process by now" in attempt(spec, "E_ABSENT")


@pytest.mark.parametrize("kind", RECORDS)
@pytest.mark.parametrize("what", [kernel_thread, the_sshd],
                         ids=lambda what: what.__name__)
def test_a_record_of_a_host_process(lab, attempt, kind, what):
    """And the right start time: that of a kernel thread is 0 or 1."""
    pid = what(lab)
    with record(lab, kind, pid, start_of(pid) or 1) as spec:
        assert "namespace" in attempt(spec, "E_UNSAFE")


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_of_the_hosts_init(lab, attempt, kind):
    with record(lab, kind, 1, start_of(1) or 1) as spec:
        attempt(spec, "E_ENGINE")


@pytest.mark.parametrize("kind", RECORDS)
@pytest.mark.parametrize("name", ["b", "bo", "boxx", "bo*", "box/"])
def test_a_name_that_is_not_quite_one(lab, guest, refusal, kind, name):
    code = "E_ABSENT" if name.isalpha() else "E_CONFIG"
    with lab.config.own(guest, f'container = "lab{kind}:{name}"\n'):
        refusal(lab.direct(guest, "-c", HELLO), guest, code)


# -- another user's container ------------------------------------------------

def test_another_users_rootless_container(lab, attempt):
    """Its root is that user, and what is in it is that user's work."""
    evil = lab.users["evil"]
    argv = ["unshare", "--user", "--map-root-user", "--mount", "--pid",
            "--net", "--uts", "--ipc", "--fork", "--mount-proc",
            "sh", "-c", "exec sleep 3302"]
    with subprocess.Popen(["setpriv", "--reuid", str(evil.uid), "--regid",
                           str(evil.gid), "--clear-groups", "--", *argv],
                          preexec_fn=process.die_with_parent) as outer:
        pid = process.find_one("sleep", "3302")
        try:
            with handmade.pidfile(lab, pid) as path:
                reason = attempt(f"pidfile:{path}", "E_UNSAFE")
            assert f"belongs to uid {evil.uid}, not 0" in reason
        finally:
            os.kill(pid, signal.SIGKILL)
            outer.wait(10)


# -- who listens -------------------------------------------------------------

def asks(lab, path):
    return lab.config.extended(
        f'engine fake {{ type = "docker" socket = "{path}" }}\n')


@contextlib.contextmanager
def listening_inside(lab, kind):
    """A socket of a container's root that shows on the host too."""
    box = lab.boxes[kind]
    root = box.container.root
    shutil.copy(handmade.tool(lab, "strange", "-static"),
                f"{root}/bin/strange")
    with open(f"{root}/run/answer", "wb") as file:
        file.write(answers.true_answer(lab))
    with subprocess.Popen(["nsenter", "--target", str(box.init), "--all",
                           "/bin/strange", "listen", "/run/docker.sock",
                           "/run/answer"],
                          preexec_fn=process.die_with_parent) as listener:
        path = f"{root}/run/docker.sock"
        try:
            process.wait_for(lambda: os.path.exists(path), what="the socket")
            yield path
        finally:
            # nsenter is its parent, and would leave it behind.
            for pid in process.children(listener.pid):
                os.kill(pid, signal.SIGKILL)
            listener.wait(10)
            for name in ("run/docker.sock", "run/answer", "bin/strange"):
                os.unlink(f"{root}/{name}")


@pytest.mark.parametrize("kind,reason", [
    ("crun", "socket peer is in another pid namespace"),
    ("userns", "is not owned by root")])
def test_a_socket_of_a_containers_root(lab, attempt, kind, reason):
    """uid 0, answering the truth, at a path that is root's all the way."""
    with listening_inside(lab, kind) as path, asks(lab, path):
        assert reason in attempt("fake:box", "E_UNSAFE")


def test_a_socket_in_a_directory_of_somebody_elses(lab, attempt):
    """Root's own socket: but who may rename may put another in its place."""
    evil = lab.users["evil"]
    with lab.fake_engine("answer", answers.true_answer(lab)) as path:
        place = f"{evil.home}/docker.sock"
        os.rename(path, place)
        with asks(lab, place):
            assert "home/evil" in attempt("fake:box", "E_UNSAFE")
        os.unlink(place)


def test_a_link_to_the_right_socket(lab, attempt):
    place = f"{lab.run}/link.sock"
    os.symlink(lab.docker.socket, place)
    with asks(lab, place):
        attempt("fake:box", "E_UNSAFE")
    os.unlink(place)


@pytest.mark.parametrize("name", ["{path}", "{path}\0", "docker.sock",
                                  "@{path}"])
def test_a_squatted_abstract_name_is_never_asked(lab, attempt, name):
    """The daemon is not there; somebody listens where no file is needed."""
    path = f"{lab.run}/away.sock"
    with socket.socket(socket.AF_UNIX) as squatter, asks(lab, path):
        squatter.bind("\0" + name.format(path=path))
        squatter.listen(8)
        squatter.setblocking(False)
        attempt("fake:box", "E_ENGINE")
        with pytest.raises(BlockingIOError):
            squatter.accept()


@pytest.mark.parametrize("address", ["@docker.sock", "@/run/docker.sock",
                                     "docker.sock", "unix:@docker.sock",
                                     "\\0docker.sock", ""])
def test_an_abstract_name_cannot_be_configured(lab, crun_box, refusal,
                                               address):
    with asks(lab, address):
        refusal(lab.direct(crun_box.user, "-c", HELLO), crun_box.user,
                "E_CONFIG")


def test_a_login_connects_to_no_abstract_name(lab):
    box = lab.boxes["docker"]
    trace = f"{lab.base}/connects"
    result = process.run(["strace", "-f", "-e", "trace=connect,bind", "-o",
                          trace, *lab.direct_argv(box.user, "-c", HELLO)])
    assert result.out == "inside\n"
    calls = [line for line in process.read(trace).splitlines()
             if "AF_UNIX" in line]
    assert any("/proc/self/fd/" in line for line in calls), calls
    assert not [line for line in calls if "sun_path=@" in line], calls
