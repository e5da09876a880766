# SPDX-License-Identifier: MIT
"""Recordings: what is in them, and what ends them."""

import contextlib
import fcntl
import json
import os
import re
import signal
import stat
import subprocess
import termios
import time

import pytest

from lab import process

MIB = 1 << 20
KINDS = ("crun", "userns", "docker")

LINES = "i=0; while [ $i -lt {} ]; do echo $i " + "x" * 1000 + \
    "; i=$((i + 1)); done"


class Records:
    """The directory of recordings of one test: as logins see it, and as we
    do."""

    def __init__(self, directory, seen_as=None):
        self.named = directory
        self.directory = seen_as or directory

    def rule(self, box, more=""):
        return (f'rule recorded {{ match = {{"{box.user.name}"}}\n'
                f'container = "{box.container.spec}"\n'
                f'record = "output"\nrecord_dir = "{self.named}"\n'
                f'{more} }}\n')

    @contextlib.contextmanager
    def kept(self, lab, box, more=""):
        """Logins of this box's user are recorded."""
        standard = lab.config.standard
        engines = standard[:standard.index("rule ")]
        with lab.config.replaced(engines + self.rule(box, more)):
            yield self

    def files(self):
        return sorted(os.listdir(self.directory))

    def one(self):
        name, = self.files()
        return f"{self.directory}/{name}"

    def read(self):
        return Recording(self.one())


class Recording:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            lines = file.read().split("\n")
        assert lines.pop() == "", "the last line has no end"
        self.header = json.loads(lines[0])
        self.events = [json.loads(line) for line in lines[1:]]
        times = [event[0] for event in self.events]
        assert times == sorted(times)

    def of(self, kind):
        return [data for _, what, data in self.events if what == kind]

    @property
    def output(self):
        return "".join(self.of("o"))


def shown(path, *how):
    """What asciinema's own player prints; it wants a terminal of its own."""
    master, slave = os.openpty()

    def settle():
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    try:
        done = process.run(
            ["asciinema", *(how or ["cat"]), path], start_new_session=True,
            preexec_fn=settle, pass_fds=[slave],
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8",
                 "ASCIINEMA_CONFIG_HOME": f"{os.path.dirname(path)}/../player"})
    finally:
        os.close(slave)
        os.close(master)
    assert (done.status, done.err) == (0, "")
    return done.out


@pytest.fixture
def records(lab):
    directory = f"{lab.base}/records"
    os.mkdir(directory, 0o700)
    yield Records(directory)
    process.run(["rm", "-r", directory], check=True)


@pytest.fixture
def small(lab):
    """A directory of recordings on a small file system of its own."""
    directory = f"{lab.base}/small"
    os.mkdir(directory, 0o700)
    holder = re.search(r"/proc/\d+", lab.log_prefix[1]).group()
    process.run([*lab.log_prefix, "mount", "-t", "tmpfs", "-o",
                 "size=256k,mode=700", "ctsh-small", directory], check=True)
    yield Records(directory, f"{holder}/root{directory}")
    process.run([*lab.log_prefix, "umount", directory], check=True)
    os.rmdir(directory)


@pytest.fixture(params=KINDS)
def box(request, lab):
    return lab.boxes[request.param]


def recorded(lab, mark, timeout=5):
    """The one line about the end of a recording after that mark."""
    def found():
        return [line for line in mark() if line.startswith("recorded ")]
    line, = process.wait_for(found, timeout, "a line `recorded`")
    return line


# -- what is in them ----------------------------------------------------------

def test_a_session_at_a_terminal_is_recorded_as_it_was_seen(
        lab, box, records):
    mark = lab.log.since()
    with records.kept(lab, box), lab.terminal(box.user) as screen:
        seen = []
        screen.child.logfile_read = type(
            "Seen", (), {"write": lambda _, text: seen.append(text),
                         "flush": lambda _: None})()
        screen.prompt()
        assert screen.ask("printf 'a\\303\\251\\342\\202\\254\\033[1mb\\n'")
        screen.child.setwinsize(33, 150)
        process.wait_for(lambda: screen.ask("stty size") == "33 150")
        screen.type("exit 3\r")
        assert screen.end() == 3
    opened, _ = lab.log.login(mark)
    recording = records.read()
    assert recording.output == re.sub(r"Connection to \S+ closed\.\r\n$", "",
                                      "".join(seen))
    assert "aé€\x1b[1mb" in recording.output
    assert (recording.header["version"], recording.header["width"],
            recording.header["height"]) == (2, 200, 50)
    assert recording.of("r") == ["150x33"]
    assert recording.header["env"] == {"TERM": "xterm", "SHELL": "/bin/sh"}
    ref = re.search(r"ref=(\w+)", opened).group(1)
    assert recording.header["title"] == \
        f"{box.user.name} in {box.container.spec}, {ref}"
    assert abs(recording.header["timestamp"] - time.time()) < 60
    assert shown(records.one()) == recording.output
    assert shown(records.one(), "play", "-i", "0.01") == recording.output


def test_the_file_is_roots_and_named_after_the_session(lab, box, records):
    mark = lab.log.since()
    with records.kept(lab, box):
        assert lab.login(box.user, "echo hi").status == 0
    opened, _ = lab.log.login(mark)
    name = os.path.basename(records.one())
    where = box.container.spec.replace(":", "_")
    ref = re.search(r"ref=(\w+)", opened).group(1)
    assert re.fullmatch(rf"{box.user.name}_{re.escape(where)}_"
                        rf"\d{{8}}T\d{{6}}Z_{ref}\.cast", name)
    info = os.stat(records.one())
    assert (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == \
        (0, 0, 0o600)
    assert f" record={name} " in opened
    assert re.search(rf"file={re.escape(name)} bytes={info.st_size} "
                     r'end="the session ended"', recorded(lab, mark))


def test_a_command_without_a_terminal_is_recorded(lab, box, records):
    with records.kept(lab, box):
        done = lab.login(box.user, "cat; echo err >&2; exit 5",
                         stdin=b"in and out\n")
    assert (done.status, done.out, done.err) == (5, "in and out\n", "err\n")
    recording = records.read()
    assert sorted(recording.of("o")) == ["err\n", "in and out\n"]
    assert (recording.header["width"], recording.header["height"]) == (80, 24)
    assert shown(records.one()) == recording.output


def test_noise_of_3_mb_is_recorded_whole(lab, crun_box, records):
    noise = os.urandom(3 * MIB)
    with records.kept(lab, crun_box):
        done = subprocess.run(
            lab.sshd.argv(crun_box.user.name, "cat"), input=noise,
            stdout=subprocess.PIPE, timeout=30)
    assert done.stdout == noise
    assert records.read().output == noise.decode("utf-8", "replace")


def test_a_background_process_is_recorded_to_its_end(lab, crun_box, records):
    with records.kept(lab, crun_box):
        done = lab.login(crun_box.user,
                         "(sleep 0.5; echo late; echo late >&2) & exit 4")
    assert (done.status, done.out, done.err) == (4, "late\n", "late\n")
    assert records.read().output == "late\nlate\n"


def test_without_the_key_nothing_is_recorded(lab, crun_box, records):
    mark = lab.log.since()
    assert lab.login(crun_box.user, "echo hi").out == "hi\n"
    opened, _ = lab.log.login(mark)
    assert records.files() == []
    assert "record" not in opened


# -- what ends them -----------------------------------------------------------

ENDS = r"ctsh: This session ends, since its recording cannot go on: " \
    r"{}\. \[[0-9a-f]{{8}}\]"
STOPS = r"ctsh: This session is recorded no further: {}\. \[[0-9a-f]{{8}}\]"


def test_at_the_cap_a_command_is_ended(lab, box, records):
    mark = lab.log.since()
    with records.kept(lab, box, "record_max = 1"):
        done = lab.login(box.user, LINES.format(5000))
    assert done.status == 125
    assert re.fullmatch(ENDS.format("it reached 1 MiB") + "\n", done.err)
    recording = records.read()
    assert MIB - 16384 < os.stat(records.one()).st_size <= MIB
    assert recording.of("m") == \
        ["ctsh: the recording ends: it reached 1 MiB"]
    # Nothing was shown that is not in it.
    assert recording.output.startswith(done.out)
    assert len(done.out) > MIB / 2
    assert 'end="it reached 1 MiB"' in recorded(lab, mark)
    assert any(line.startswith("refused ") and "code=E_LIMIT" in line
               for line in mark())
    lab.log.login(mark)


def test_at_the_cap_a_session_at_a_terminal_is_ended(lab, crun_box, records):
    with records.kept(lab, crun_box, "record_max = 1"), \
            lab.terminal(crun_box.user) as screen:
        screen.prompt()
        screen.type("yes\r")
        screen.see(ENDS.format("it reached 1 MiB"))
        assert screen.end() == 125
    assert records.read().of("m") != []
    process.wait_for(lambda: process.find("yes") == [], what="the end")


def test_at_the_cap_recording_may_stop_instead(lab, box, records):
    mark = lab.log.since()
    with records.kept(lab, box, 'record_max = 1 record_full = "stop"'):
        done = lab.login(box.user, LINES.format(3000) + "; exit 6")
    assert done.status == 6
    assert len(done.out.splitlines()) == 3000
    assert re.fullmatch(STOPS.format("it reached 1 MiB") + "\n", done.err)
    recording = records.read()
    assert done.out.startswith(recording.output)
    assert recording.of("m") == \
        ["ctsh: the recording ends: it reached 1 MiB"]
    assert 'end="it reached 1 MiB"' in recorded(lab, mark)


def test_on_a_full_disk_the_session_ends(lab, crun_box, small):
    mark = lab.log.since()
    with small.kept(lab, crun_box):
        done = lab.login(crun_box.user, LINES.format(5000))
        assert done.status == 125
        assert re.fullmatch(ENDS.format("the disk is full") + "\n", done.err)
        recording = small.read()
        assert recording.output.startswith(done.out) and done.out
        assert recording.of("m") == \
            ["ctsh: the recording ends: the disk is full"]
        assert 'end="the disk is full"' in recorded(lab, mark)


def test_on_a_full_disk_recording_may_stop_instead(lab, crun_box, small):
    with small.kept(lab, crun_box, 'record_full = "stop"'), \
            lab.terminal(crun_box.user) as screen:
        screen.prompt()
        screen.type("yes 0123456 | head -c 400000; echo 'do''ne'\r")
        screen.see(STOPS.format("the disk is full"))
        screen.see("done")
        screen.type("exit 2\r")
        assert screen.end() == 2
    assert small.read().of("m") == \
        ["ctsh: the recording ends: the disk is full"]
    assert shown(small.one()).startswith(small.read().output)


def test_what_cannot_be_recorded_does_not_begin(
        lab, crun_box, small, refusal):
    with open(f"{small.directory}/filler", "wb", buffering=0) as file, \
            contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    with small.kept(lab, crun_box):
        reason = refusal(lab.login(crun_box.user, "echo in"), crun_box.user,
                         "E_SYSTEM")
    assert "recording" in reason
    assert small.files() == ["filler"]


@pytest.mark.parametrize("fault, reason", [
    ("absent", "ENOENT"), ("writable", "writable by others"),
    ("owned", "not owned by root"), ("link", "symbolic link")])
def test_an_unsafe_directory_refuses(
        lab, crun_box, records, refusal, fault, reason):
    path = f"{records.directory}/below"
    if fault == "link":
        os.symlink("/tmp", path)
    elif fault != "absent":
        os.mkdir(path, 0o700)
        os.chmod(path, 0o770 if fault == "writable" else 0o700)
        os.chown(path, crun_box.user.uid if fault == "owned" else 0, 0)
    below = Records(path)
    with below.kept(lab, crun_box):
        said = refusal(lab.login(crun_box.user, "echo in"), crun_box.user,
                       "E_SYSTEM")
    assert reason in said
    with contextlib.suppress(FileNotFoundError):
        assert fault == "link" or below.files() == []


def test_a_shell_that_does_not_start_leaves_no_file(lab, crun_box, records):
    with records.kept(lab, crun_box, 'shell = "/no/such"'):
        assert lab.login(crun_box.user, "true").status == 127
    assert records.files() == []


# -- who would have it otherwise ----------------------------------------------

@contextlib.contextmanager
def session(lab, box, command):
    """A session without a terminal that goes on; and its supervisor."""
    argv = lab.direct_argv(box.user, "-c", f"echo ready; {command}")
    client = subprocess.Popen(argv, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE,
                              env={"PATH": "/usr/bin:/bin"})
    try:
        assert client.stdout.readline() == b"ready\n"
        # Every prefix in direct_argv() executes the next program.
        yield client, client.pid
    finally:
        client.kill()
        client.communicate(timeout=10)


def as_user(lab, box, *argv):
    return lab.run_as(box.user, *argv)


def test_a_killed_supervisor_ends_the_session_and_leaves_a_whole_file(
        lab, box, records):
    mark = lab.log.since()
    with records.kept(lab, box), \
            session(lab, box, "while :; do echo x; sleep 0.01; done") \
            as (client, pid):
        client.stdout.readline()
        done = as_user(lab, box, "kill", "-9", str(pid))
        assert done.status == 0
        assert client.wait(10) == -signal.SIGKILL
        rest = client.stdout.read().decode()
    _, closed = lab.log.login(mark)
    assert "status=lost" in closed
    output = records.read().output
    assert output.startswith("ready\nx\n" + rest)


def test_a_stopped_supervisor_shows_nothing(lab, crun_box, records):
    with records.kept(lab, crun_box), \
            session(lab, crun_box, "read x; echo shown $x; read y") \
            as (client, pid):
        assert as_user(lab, crun_box, "kill", "-STOP", str(pid)).status == 0
        client.stdin.write(b"word\n")
        client.stdin.flush()
        time.sleep(0.3)
        assert "shown" not in records.read().output
        os.set_blocking(client.stdout.fileno(), False)
        assert client.stdout.read() is None
        assert as_user(lab, crun_box, "kill", "-CONT", str(pid)).status == 0
        os.set_blocking(client.stdout.fileno(), True)
        assert client.stdout.readline() == b"shown word\n"
        assert records.read().output == "ready\nshown word\n"


def test_a_limit_of_file_sizes_ends_the_session_whatever_the_rule_says(
        lab, crun_box, records):
    with records.kept(lab, crun_box, 'record_full = "stop"'), \
            session(lab, crun_box, "read x; echo hidden; read y") \
            as (client, pid):
        assert as_user(lab, crun_box, "prlimit", "--pid", str(pid),
                       "--fsize=10").status == 0
        client.stdin.write(b"go\n")
        client.stdin.flush()
        assert client.wait(10) == 125
        out, err = client.communicate(timeout=10)
    assert out == b""
    assert re.fullmatch(ENDS.format("it cannot be written") + "\n",
                        err.decode())
    assert records.read().output == "ready\n"


def test_the_callers_own_limit_of_file_sizes_is_no_obstacle(
        lab, crun_box, records):
    argv = lab.direct_argv(crun_box.user, "-c", "yes | head -c 100000")
    with records.kept(lab, crun_box):
        done = process.run(["prlimit", "--fsize=10:unlimited", *argv])
    assert (done.status, len(done.out)) == (0, 100000)
    assert len(records.read().output) == 100000


def test_a_hard_limit_below_the_first_line_refuses(lab, crun_box, records):
    argv = lab.direct_argv(crun_box.user, "-c", "echo in")
    with records.kept(lab, crun_box):
        done = process.run(["prlimit", "--fsize=10:10", *argv])
    assert (done.status, done.out) == (125, "")
    assert "E_SYSTEM" in done.err
    assert records.files() == []


def test_the_user_cannot_reach_the_descriptor(lab, crun_box, records):
    with records.kept(lab, crun_box), \
            session(lab, crun_box, "read x") as (_, pid):
        links = {os.readlink(f"/proc/{pid}/fd/{fd}"): fd
                 for fd in os.listdir(f"/proc/{pid}/fd")}
        fd = links[records.one()]
        assert as_user(lab, crun_box, "ls", f"/proc/{pid}/fd").status != 0
        for path in (f"/proc/{pid}/fd/{fd}", records.one()):
            done = as_user(lab, crun_box, "sh", "-c", f": >>{path}")
            assert done.status != 0, path
        flags = re.search(r"flags:\s+(\d+)",
                          process.read(f"/proc/{pid}/fdinfo/{fd}")).group(1)
        assert int(flags, 8) & os.O_APPEND
        assert int(flags, 8) & os.O_ACCMODE == os.O_WRONLY
        # None of what is inside has it.
        for other in process.descendants(pid):
            held = [os.readlink(f"/proc/{other}/fd/{number}")
                    for number in os.listdir(f"/proc/{other}/fd")]
            assert records.one() not in held


def test_output_cannot_pose_as_another_event(lab, box, records):
    forged = '"]\\n[0.1, "o", "forged"]\\n\\\\", "r", "1x1"]\\n'
    with records.kept(lab, box):
        done = lab.login(box.user, f"printf '{forged}'")
    recording = records.read()
    assert recording.output == done.out
    assert [kind for _, kind, _ in recording.events] == ["o"]
