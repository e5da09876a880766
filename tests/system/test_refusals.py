# SPDX-License-Identifier: MIT
"""Whoever may not come in is told one sentence; the log has the reason."""

import contextlib
import json
import os
import socket
import time

import pytest

from lab import answers, engines, process
from lab.handmade import pidfile

ENGINES = ("crun", "runc", "docker")


@pytest.fixture
def attempt(lab, guest, refusal):
    """A login of the guest with these keys, which must be refused with that
    code; gives the reason."""
    def check(keys, code, sentence=None):
        with lab.config.own(guest, keys):
            return refusal(lab.direct(guest, "-c", "id"), guest, code,
                           sentence)
    return check


# -- nobody said so ----------------------------------------------------------

def test_no_rule_by_ssh(lab, guest, refusal):
    refusal(lab.login(guest, "id"), guest, "E_DENIED")


def test_no_rule_at_a_terminal(lab, guest):
    with lab.terminal(guest) as opened:
        opened.see(r"^ctsh: You may not log in here\. "
                   r"\[E_DENIED [0-9a-f]{8}\]\r\n")
        assert opened.end() == 125


def test_a_rule_for_a_group_lets_in_who_is_in_it(lab, guest):
    rule = f'rule crew {{ match = {{"@{lab.crew}"}} ' \
           'container = "labcrun:box" }\n'
    with lab.config.extended(rule):
        assert lab.direct(guest, "-c", "hostname").out == "inside\n"


def test_a_rule_for_a_group_does_not_let_in_others(lab, refusal):
    rule = 'rule ops { match = {"@root"} container = "labcrun:box" }\n'
    with lab.config.extended(rule):
        user = lab.users["guest"]
        refusal(lab.direct(user, "-c", "id"), user, "E_DENIED")


def test_a_rule_for_a_group_that_does_not_exist_refuses(lab, crun_box,
                                                        refusal):
    rule = f'rule none {{ match = {{"@{lab.tag}none"}} ' \
           'container = "labcrun:box" }\n'
    with lab.config.extended(rule):
        refusal(lab.direct(crun_box.user, "-c", "id"), crun_box.user,
                "E_CONFIG")


def test_a_rule_may_deny_with_a_sentence(lab, guest, refusal):
    rule = f'rule gone {{ match = {{"{guest.name}"}} ' \
           'deny = "Ask the desk, room 5." }\n'
    with lab.config.extended(rule):
        refusal(lab.direct(guest, "-c", "id"), guest, "E_DENIED",
                "Ask the desk, room 5.")


def test_a_deny_rule_wins_over_the_users_own_file(lab, guest, refusal):
    rule = 'rule gone { match = {"ctsht*guest"} deny = "No." }\n'
    with lab.config.extended(rule), \
            lab.config.own(guest, 'container = "labcrun:box"\n'):
        refusal(lab.direct(guest, "-c", "id"), guest, "E_DENIED", "No.")


def test_a_users_own_file_wins_over_a_deny_for_everybody(lab, guest):
    rule = 'rule rest { match = {"*"} deny = "No." }\n'
    with lab.config.extended(rule), \
            lab.config.own(guest, 'container = "labcrun:box"\n'):
        assert lab.direct(guest, "-c", "hostname").out == "inside\n"


def test_closed_refuses_those_who_have_a_rule(lab, crun_box, refusal):
    with lab.config.extended('closed = "Back at noon."\n'):
        refusal(lab.direct(crun_box.user, "-c", "id"), crun_box.user,
                "E_DENIED", "Back at noon.")


# -- the container -----------------------------------------------------------

@pytest.mark.parametrize("engine", ENGINES)
def test_absent(attempt, engine):
    attempt(f'container = "lab{engine}:absent"\n', "E_ABSENT")


@pytest.mark.parametrize("engine", ENGINES)
def test_stopped(lab, attempt, engine):
    with contextlib.ExitStack() as stack:
        if engine == "docker":
            it = stack.enter_context(lab.docker.container("ended", "lab"))
            lab.docker.call("stop", "ended", check=True)
        else:
            runtime = getattr(lab, engine)
            it = stack.enter_context(runtime.container(
                "ended", lab.boxes[engine].container.root))
            runtime.call("kill", "ended", "KILL", check=True)
            process.wait_for(
                lambda: runtime.info("ended")["status"] == "stopped",
                what="its end")
        attempt(f'container = "{it.spec}"\n', "E_ABSENT")


@pytest.mark.parametrize("engine", ENGINES)
def test_paused(lab, attempt, engine):
    box = lab.boxes[engine]
    start = time.monotonic()
    with box.container.engine.paused(box.container.name):
        attempt(f'container = "{box.container.spec}"\n', "E_PAUSED")
    assert time.monotonic() - start < 7


@pytest.mark.parametrize("length", [2, 6, 12, 63, 64])
def test_a_docker_id_or_its_beginning_is_no_name(lab, attempt, length):
    whole = lab.boxes["docker"].container.extra["id"]
    attempt(f'container = "labdocker:{whole[:length]}"\n', "E_ABSENT")


def test_the_beginning_of_a_docker_name_is_no_name(attempt):
    attempt('container = "labdocker:bo"\n', "E_ABSENT")


def test_a_docker_id_is_a_name_when_it_says_so(lab, guest):
    whole = lab.boxes["docker"].container.extra["id"]
    with lab.config.own(guest, f'container = "labdocker:id={whole}"\n'):
        assert lab.direct(guest, "-c", "hostname").out == "inside\n"


def test_the_hosts_network_must_be_allowed(lab, guest, attempt):
    with shared(lab, "network") as it:
        reason = attempt(f'container = "{it.spec}"\n', "E_UNSAFE")
        assert "net" in reason


SHARES = {"network": "net", "uts": "uts", "ipc": "ipc"}


@contextlib.contextmanager
def shared(lab, kind):
    name = f"shares-{kind}"
    with lab.crun.container(name, lab.boxes["crun"].container.root,
                            shared=(kind,)) as it:
        yield it


@pytest.mark.parametrize("kind", SHARES)
def test_what_is_allowed_may_be_shared(lab, guest, kind):
    word = SHARES[kind]
    with shared(lab, kind) as it, lab.config.own(
            guest, f'container = "{it.spec}"\n'
            f'share = {{"user", "time", "cgroup", "{word}"}}\n'):
        result = lab.direct(guest, "-c", f"readlink /proc/self/ns/{word}")
        assert result.out == os.readlink(f"/proc/self/ns/{word}") + "\n"


@pytest.mark.parametrize("kind", SHARES)
def test_what_is_not_allowed_may_not_be_shared(lab, attempt, kind):
    with shared(lab, kind) as it:
        attempt(f'container = "{it.spec}"\n', "E_UNSAFE")


def test_a_user_namespace_may_be_demanded(lab, attempt):
    attempt('container = "labcrun:box"\nshare = {"time", "cgroup"}\n',
            "E_UNSAFE")


@pytest.mark.parametrize("engine", ["crun", "runc"])
def test_a_filter_that_the_engine_names_must_be_there(lab, attempt, engine):
    """The init has none; the engine's files say that it should."""
    runtime = getattr(lab, engine)
    with runtime.container("bare", lab.boxes[engine].container.root,
                           seccomp=False) as it:
        forge_seccomp(runtime, "bare")
        reason = attempt(f'container = "{it.spec}"\n', "E_UNSAFE")
        assert "seccomp" in reason


@pytest.mark.parametrize("engine", ["crun", "runc"])
def test_a_missing_filter_can_be_allowed(lab, guest, engine):
    runtime = getattr(lab, engine)
    with runtime.container("bare", lab.boxes[engine].container.root,
                           seccomp=False) as it:
        forge_seccomp(runtime, "bare")
        with lab.config.own(guest, f'container = "{it.spec}"\n'
                            'allow_unconfined = {"seccomp"}\n'):
            assert lab.direct(guest, "-c", "hostname").out == "inside\n"


def forge_seccomp(runtime, name):
    file = "config.json" if runtime.program == "crun" else "state.json"
    path = f"{runtime.state}/{name}/{file}"
    content = json.loads(process.read(path))
    if runtime.program == "crun":
        content["linux"]["seccomp"] = engines.SECCOMP
    else:
        content["config"]["seccomp"] = {"default_action": 4,
                                        "architectures": ["amd64"],
                                        "syscalls": []}
    with open(path, "w") as out:
        json.dump(content, out)


# -- the engine --------------------------------------------------------------

def engine(lab, socket):
    return lab.config.extended(
        f'engine fake {{ type = "docker" socket = "{socket}" }}\n')


def test_the_engine_is_not_there(lab, attempt):
    with engine(lab, f"{lab.run}/nothing.sock"):
        attempt('container = "fake:box"\n', "E_ENGINE")


def test_nobody_listens(lab, attempt):
    path = f"{lab.run}/dead.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    with engine(lab, path):
        attempt('container = "fake:box"\n', "E_ENGINE")
    os.unlink(path)


@pytest.mark.parametrize("how", ["silent", "drip"])
def test_a_slow_engine(lab, attempt, how):
    with lab.fake_engine(how) as path, engine(lab, path):
        start = time.monotonic()
        attempt('container = "fake:box"\n', "E_ENGINE")
        assert time.monotonic() - start < 7


def test_an_endless_answer(lab, attempt):
    with lab.fake_engine("huge") as path, engine(lab, path):
        start = time.monotonic()
        attempt('container = "fake:box"\n', "E_ENGINE")
        assert time.monotonic() - start < 7


GARBAGE = {
    "nothing": b"",
    "not_http": b"hello\n" * 10,
    "half_a_head": b"HTTP/1.0 200 OK\r\nContent",
    "another_status": b"HTTP/1.0 500 Oops\r\n\r\n{}",
    "a_redirect": b"HTTP/1.0 302 Found\r\nLocation: /x\r\n\r\n",
    "no_json": answers.OK + b"\x00\xff garbage",
    "an_array": answers.OK + b"[]",
    "an_empty_object": answers.OK + b"{}",
    "cut_off": answers.OK + b'{"Id":"' + b"a" * 64 + b'","State":{"Pid":1',
    "deep": answers.OK + b'{"State":' + b"[" * 100_000,
}


@pytest.mark.parametrize("what", GARBAGE)
def test_an_engine_that_talks_garbage(lab, attempt, what):
    with lab.fake_engine("answer", GARBAGE[what]) as path, engine(lab, path):
        attempt('container = "fake:box"\n', "E_ENGINE")


def test_an_answer_with_a_key_twice(lab, attempt):
    answer = answers.true_answer(lab)
    head, _, body = answer.partition(b"\r\n\r\n")
    pid = lab.boxes["docker"].init
    twice = body.replace(b'"Pid":%d' % pid, b'"Pid":1,"Pid":%d' % pid)
    assert twice != body
    with lab.fake_engine("answer", answers.OK + twice) as path, \
            engine(lab, path):
        attempt('container = "fake:box"\n', "E_ENGINE")


def test_a_true_answer_of_a_fake_of_root_is_taken(lab, guest):
    """The other tests of this kind refuse for the reason they name."""
    with lab.fake_engine("answer", answers.true_answer(lab)) as path, \
            engine(lab, path), \
            lab.config.own(guest, 'container = "fake:box"\n'):
        assert lab.direct(guest, "-c", "hostname").out == "inside\n"


def test_a_true_answer_of_somebody_else_is_refused(lab, attempt):
    evil = lab.users["evil"]
    answer = answers.true_answer(lab)
    with lab.fake_engine("answer", answer, evil.uid) as path, \
            engine(lab, path):
        reason = attempt('container = "fake:box"\n', "E_UNSAFE")
        assert str(evil.uid) in reason


@pytest.mark.parametrize("what", ["another_container", "a_host_process",
                                  "the_hosts_init"])
def test_an_answer_that_names_another_process_is_refused(lab, attempt, what):
    pid = {"another_container": lab.boxes["crun"].init,
           "a_host_process": os.getpid(), "the_hosts_init": 1}[what]
    code = "E_ENGINE" if pid == 1 else "E_UNSAFE"
    answer = answers.lie(answers.true_answer(lab), pid)
    with lab.fake_engine("answer", answer) as path, engine(lab, path):
        attempt('container = "fake:box"\n', code)


# -- pidfiles ----------------------------------------------------------------

def test_a_pidfile_leads_to_its_container(lab, guest, crun_box):
    with pidfile(lab, crun_box.init) as path, \
            lab.config.own(guest, f'container = "pidfile:{path}"\n'):
        result = lab.direct(guest, "-c", "readlink /proc/self/ns/pid")
        assert result.out == \
            os.readlink(f"/proc/{crun_box.init}/ns/pid") + "\n"


def test_a_pidfile_of_a_host_process(lab, attempt):
    with pidfile(lab, os.getpid()) as path:
        attempt(f'container = "pidfile:{path}"\n', "E_UNSAFE")


def test_a_pidfile_older_than_its_process(lab, attempt, crun_box):
    with pidfile(lab, crun_box.init, age=86400) as path:
        attempt(f'container = "pidfile:{path}"\n', "E_UNSAFE")


@pytest.mark.parametrize("engine_name", ["crun", "runc"])
def test_a_pidfile_of_a_container_that_was_not_started(lab, attempt,
                                                       engine_name):
    """Its process is still the engine's own program, without a filter."""
    made = getattr(lab, engine_name)
    root = lab.boxes[engine_name].container.root
    with made.container("made", root, start=False), \
            pidfile(lab, made.pid("made")) as path:
        attempt(f'container = "pidfile:{path}"\n', "E_ABSENT")


def test_a_pidfile_that_is_not_there(lab, attempt):
    attempt(f'container = "pidfile:{lab.run}/no.pid"\n', "E_ABSENT")


def test_a_pidfile_of_a_user(lab, attempt, crun_box):
    with pidfile(lab, crun_box.init) as path:
        os.chown(path, lab.users["evil"].uid, 0)
        attempt(f'container = "pidfile:{path}"\n', "E_UNSAFE")


# -- the identity ------------------------------------------------------------

@pytest.fixture
def stranger(lab):
    return lab.users["stranger"]


def test_no_account_inside(lab, stranger, refusal):
    with lab.config.own(stranger, 'container = "labcrun:box"\n'):
        refusal(lab.direct(stranger, "-c", "id"), stranger, "E_IDENTITY")


def test_no_account_inside_and_numeric_ids(lab, stranger):
    with lab.config.own(stranger, 'container = "labcrun:box"\n'
                        'missing_user = "numeric"\n'):
        result = lab.direct(stranger, "-c", "id -u; id -g; id -G; pwd")
    assert result.out.split() == [str(stranger.uid), str(stranger.gid),
                                  str(stranger.gid), "/"]


def test_root_inside_must_be_allowed(attempt):
    attempt('container = "labcrun:box"\nuser = "root"\n', "E_IDENTITY")


@pytest.mark.parametrize("user", ["0:0", "0", "4711:0"])
def test_a_zero_in_the_rule_must_be_allowed(attempt, user):
    reason = attempt(f'container = "labcrun:box"\nuser = "{user}"\n',
                     "E_CONFIG")
    assert "allow_root" in reason


@pytest.mark.parametrize("what", ["0:4712:", "4711:0:", "4711:4712:0"])
def test_root_by_the_containers_own_files_must_be_allowed(lab, guest, attempt,
                                                          what):
    """An account inside whose uid, gid or other group is 0."""
    uid, gid, other = what.split(":")
    root = lab.tree(f"rooted-{uid}-{gid}-{other}")
    lines = [line for line in process.read(f"{root}/etc/passwd").splitlines()
             if not line.startswith(f"{guest.name}:")]
    lines.append(f"{guest.name}:x:{uid}:{gid}::/:/bin/sh\n")
    with open(f"{root}/etc/passwd", "w") as file:
        file.write("\n".join(lines))
    if other:
        with open(f"{root}/etc/group", "a") as file:
            file.write(f"zero:x:{other}:{guest.name}\n")
    with lab.crun.container("rooted", root) as it:
        attempt(f'container = "{it.spec}"\n', "E_IDENTITY")


@pytest.mark.parametrize("kind", ["crun", "userns", "runc", "docker"])
def test_root_inside_can_be_allowed(lab, guest, kind):
    box = lab.boxes[kind]
    with lab.config.own(guest, f'container = "{box.container.spec}"\n'
                        'user = "root"\nallow_root = true\n'):
        assert lab.direct(guest, "-c", "id -u; id -g").out == "0\n0\n"


def test_an_account_can_be_named(lab, guest, crun_box):
    with lab.config.own(guest, 'container = "labcrun:box"\n'
                        f'user = "{crun_box.user.name}"\n'):
        assert lab.direct(guest, "-c", "id -u").out == f"{crun_box.uid}\n"


def test_ids_can_be_numbers(lab, guest):
    with lab.config.own(guest, 'container = "labcrun:box"\n'
                        'user = "4711:4712"\n'):
        result = lab.direct(guest, "-c", "id -u; id -G")
    assert result.out == "4711\n4712\n"


def test_groups_of_the_container_can_be_left_out(lab, guest):
    uid = lab.inner_uid("guest")
    with lab.config.own(guest, 'container = "labcrun:box"\n'
                        'groups = "none"\n'):
        assert lab.direct(guest, "-c", "id -G").out == f"{uid}\n"


# -- the shell ---------------------------------------------------------------

def test_a_shell_that_is_not_there(lab, guest):
    with lab.config.own(guest, 'container = "labcrun:box"\n'
                        'shell = "/bin/nothing"\n'):
        assert lab.direct(guest, "-c", "id").status == 127


def test_a_shell_that_cannot_be_started(lab, guest):
    with lab.config.own(guest, 'container = "labcrun:box"\n'
                        'shell = "/etc/passwd"\n'):
        assert lab.direct(guest, "-c", "id").status == 126


# -- the invocation ----------------------------------------------------------

@pytest.mark.parametrize("arguments", [
    ["-x"], ["-c"], ["-c", "a", "b"], ["id"], ["--", "-c", "id"], ["-cid"],
    ["-l"], ["--help"], [""], ["-c", "id", ""], ["-lc", "id"]],
    ids=lambda a: " ".join(a) or "empty")
def test_unsupported_options(lab, crun_box, refusal, arguments):
    refusal(lab.direct(crun_box.user, *arguments), crun_box.user, "E_USAGE",
            known=False)


def test_no_arguments_at_all(lab, crun_box, refusal):
    """argc 0; the kernel makes an empty argv[0] of it."""
    refusal(lab.direct(crun_box.user, argv0=None), crun_box.user, "E_USAGE",
            known=False)


@pytest.mark.parametrize("argv0", ["ctsh", "-ctsh", "-", "sh", "%s%n", "-c",
                                   "x" * 100_000])
def test_the_name_it_is_called_by_decides_nothing(lab, crun_box, argv0):
    result = lab.direct(crun_box.user, "-c", "hostname", argv0=argv0)
    assert result.out == "inside\n"
