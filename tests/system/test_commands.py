# SPDX-License-Identifier: MIT
"""Commands by ssh: the string arrives as it was sent, and what people run in
such a way works as on a plain host."""

import concurrent.futures
import os
import random
import re
import shlex
import subprocess

import pytest

from lab import laboratory, process, rootfs
from lab import remote as remote_sshd

# What the kernel takes as one argument, its end included (execve(2)).
MAX_ARG_STRLEN = 131072

# A shell that says what it was called with: busybox and dash keep each byte.
SPEAKING_SHELL = """\
#!/bin/sh
printf '%s\\0' "$@"
"""


@pytest.fixture(scope="module")
def speakers(lab):
    """Whose shell is the one above, in that box: kind to user."""
    users = {}
    for kind in laboratory.BOXES:
        box = lab.boxes[kind]
        root = f"/proc/{box.init}/root"
        rootfs.write(root, "bin/speak", SPEAKING_SHELL, 0o755)
        users[kind] = box.user
    return users


@pytest.fixture
def speaker(lab, guest, box, speakers):
    """A login into that box with the shell above."""
    with lab.config.own(guest, f'container = "{box.container.spec}"\n'
                        f'shell = "/bin/speak"\n'):
        yield guest


def said(command):
    """What the shell above prints when it gets this, as process.Result has
    it."""
    return process.text(b"-c\0" + command + b"\0")


def random_bytes(source):
    """No NUL, which no argument can have; a lone newline among others."""
    alphabet = bytes(range(1, 256))
    return bytes(source.choice(alphabet)
                 for _ in range(source.randint(1, 300)))


AWKWARD = [
    b" ", b"\n", b"\t \n", b"'", b'"', b"\\", b"\\\\n", b"'\"'\"'", b"$HOME",
    b"`id`", b"$(id)", b"a\nb\n", b"\n\na", b"*", b"~", b"-c", b"-", b"--",
    b"\xff", b"\xc3", b"\xc3\xa4", b"\xed\xa0\x80", b"\x1b[0m", b"\x7f",
    b"\r\n", b"\x01\x02\x80\x81\x82\x88", b"%s%n", b"a=b", b"()", b"{1..9}",
    b"!history", b"; exit 7", b"trailing \\"]


def together(work, items, workers=4):
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, items))


def test_any_string_arrives_as_it_was_sent(remote, speaker):
    seed = random.randrange(1 << 32)
    source = random.Random(seed)
    commands = AWKWARD + [random_bytes(source) for _ in range(50)]
    with remote.connection(speaker) as shared:
        results = together(shared.run, commands)
    wrong = [(sent, result) for sent, result in zip(commands, results)
             if (result.status, result.out, result.err) !=
             (0, said(sent), "")]
    assert not wrong, f"seed {seed}: {len(wrong)} wrong: {wrong[:3]}"


# Nothing among these writes a file or starts a program that could.
FRAGMENTS = [
    "echo ", "printf '%s.' ", "a", "b c", "'", '"', "\\", "\n", ";", " ; ",
    "$x", "${x}", "$((1+2))", "#", "x='a b'", "(", ")", "{ ", "; }", "`", "!",
    "true && ", "false || ", "if ", "then ", "fi", "\t", "ä", "$#", "$?",
    "exit 3", "set -u;", "echo e >&2;", "for i in 1 2; do ", "done"]


def random_script(source):
    return "".join(source.choice(FRAGMENTS)
                   for _ in range(source.randint(1, 12)))


def test_the_shell_makes_the_same_of_it_as_on_a_plain_host(lab, remote,
                                                           dash_inside):
    seed = random.randrange(1 << 32)
    source = random.Random(seed)
    scripts = [random_script(source) for _ in range(100)]
    with remote.connection(dash_inside) as inside, \
            remote.connection(lab.users["plain"]) as plain:
        ours = together(inside.run, scripts)
        theirs = together(plain.run, scripts)
    wrong = [(script, a, b) for script, a, b in zip(scripts, ours, theirs)
             if (a.status, a.out, a.err) != (b.status, b.out, b.err)]
    assert not wrong, f"seed {seed}: {len(wrong)} wrong: {wrong[:3]}"
    # Both kinds were among them.
    assert {result.status for result in ours} >= {0, 2}


def test_the_longest_command_that_the_kernel_takes_arrives(remote, speaker):
    command = bytes(random.choices(range(1, 256), k=MAX_ARG_STRLEN - 1))
    result = remote.run(speaker, command)
    assert (result.status, result.err) == (0, "")
    assert result.out == said(command)


def too_long(remote, user):
    """One byte more than the kernel takes; ssh puts the words together."""
    half = "x" * (MAX_ARG_STRLEN // 2)
    return remote.run(user, half, half[1:])


def test_a_byte_more_fails_as_on_a_plain_host(lab, remote, speaker):
    """It is sshd that cannot start the shell."""
    ours = too_long(remote, speaker)
    plain = too_long(remote, lab.users["plain"])
    assert (plain.status, plain.out, plain.err) == \
        (1, "", "/bin/sh: Argument list too long\n")
    assert (ours.status, ours.out, ours.err) == \
        (1, "", f"{lab.ctsh.shell}: Argument list too long\n")


def test_an_empty_command_is_one(lab, speaker):
    """ssh cannot send one, su and others can."""
    result = lab.direct(speaker, "-c", "")
    assert (result.status, result.out, result.err) == (0, said(b""), "")


@pytest.mark.parametrize("option", ["-n", "-T"])
def test_without_input_or_terminal_it_is_the_same(remote, box, option):
    result = remote.run(box.user, "tty; cat; echo out; echo err >&2; exit 3",
                        options=[option])
    assert (result.status, result.out, result.err) == \
        (3, "not a tty\nout\n", "err\n")


def test_a_terminal_without_a_keyboard_ends_as_on_a_plain_host(lab, remote,
                                                               box):
    """`ssh -tt host command </dev/null`."""
    command = "tty >/dev/null && echo at a terminal; exit 5"
    ours = remote.run(box.user, command, options=["-tt"])
    plain = remote.run(lab.users["plain"], command, options=["-tt"])
    assert (ours.status, ours.out, ours.err) == \
        (5, "at a terminal\r\n", "")
    assert (plain.status, plain.out, plain.err) == \
        (ours.status, ours.out, ours.err)


# --- what is around the command -----------------------------------------------

NOISE = "echo noise; echo noise >&2\n"


@pytest.fixture
def noisy(house):
    """Everything that a login reads is talkative."""
    root = f"/proc/{house.init}/root"
    home = f"{root}/home/{house.user.name}"
    paths = [f"{root}/etc/profile.d/noise.sh", f"{home}/.bash_profile"]
    for path in paths:
        with open(path, "w") as file:
            file.write(NOISE)
    yield house
    for path in paths:
        os.unlink(path)


def test_a_talkative_profile_says_nothing_to_a_command(remote, noisy):
    result = remote.run(noisy.user, "echo only")
    assert (result.status, result.out, result.err) == (0, "only\n", "")


def test_a_login_hears_the_profile(remote, noisy):
    """That is, the test before this one could fail."""
    result = remote.run(noisy.user, stdin=b"exit 4\n", options=["-T"])
    assert (result.status, result.out, result.err) == \
        (4, "noise\nnoise\n", "noise\nnoise\n")


@pytest.fixture
def user_rc(box):
    """~/.ssh/rc on the host, where sshd looks for it.  Gives the box, and the
    same path inside."""
    outside = f"{box.user.home}/.ssh"
    inside = f"/proc/{box.init}/root{outside}"
    os.mkdir(outside)
    rootfs.write(outside, "rc", "echo rc on the host >&2\n")
    yield box, f"{inside}/rc"
    os.unlink(f"{outside}/rc")
    os.rmdir(outside)


def test_the_users_rc_file_runs_inside(remote, user_rc):
    """sshd looks for it on the host, and has the shell run it by its path."""
    box, path = user_rc
    rootfs.write(os.path.dirname(path), "rc", "echo rc $(hostname) >&2\n")
    try:
        result = remote.run(box.user, "echo done")
    finally:
        os.unlink(path)
    assert (result.status, result.out, result.err) == \
        (0, "done\n", "rc inside\n")


def test_an_rc_file_that_is_on_the_host_alone_does_not_run(remote, user_rc):
    """The shell complains, and the command runs."""
    box, _ = user_rc
    result = remote.run(box.user, "echo done")
    assert (result.status, result.out) == (0, "done\n")
    assert re.fullmatch(f".*{box.user.home}/.ssh/rc.*No such file.*\n",
                        result.err)


# --- ForceCommand ---------------------------------------------------------------

@pytest.fixture(scope="module")
def forced_to_ctsh(lab):
    """Whoever logs in there is sent to ctsh, whatever their shell."""
    more = f"ForceCommand {lab.ctsh.shell}\n"
    with remote_sshd.remote(lab, "forced", more) as server:
        yield server


@pytest.fixture
def by_force(lab, box):
    """A user with a shell of the host's, and a rule."""
    user = lab.users["plain"]
    with lab.config.own(user, f'container = "{box.container.spec}"\n'
                        f'user = "{box.user.name}"\n'):
        yield user


def test_force_command_goes_to_the_container(forced_to_ctsh, by_force, box):
    where = os.readlink(f"/proc/{box.init}/ns/mnt")
    command = "readlink /proc/self/ns/mnt; echo 'a  b' >&2; cat; exit 6"
    result = forced_to_ctsh.run(by_force, command, stdin=b"in")
    assert (result.status, result.out, result.err) == \
        (6, f"{where}\nin", "a  b\n")


def test_force_command_without_a_command_is_a_login(forced_to_ctsh,
                                                    by_force):
    result = forced_to_ctsh.run(by_force, stdin=b"echo $0; hostname\n",
                                options=["-T"])
    assert (result.status, result.out, result.err) == (0, "-sh\ninside\n", "")


LONGEST_ORIGINAL = 131000


def test_the_longest_original_command_arrives(forced_to_ctsh, by_force,
                                              crun_box):
    command = "printf %s " + "x" * (LONGEST_ORIGINAL - len("printf %s "))
    result = forced_to_ctsh.run(by_force, command)
    assert (result.status, result.err) == (0, "")
    assert command.endswith(result.out)
    assert len(result.out) == LONGEST_ORIGINAL - len("printf %s ")


def test_a_longer_original_command_is_refused(lab, forced_to_ctsh, by_force,
                                              refusal):
    result = forced_to_ctsh.run(by_force, "x" * (LONGEST_ORIGINAL + 1))
    refusal(result, by_force, "E_USAGE", known=False)


def test_a_command_forced_upon_a_ctsh_user_runs_inside(lab, remote, crun_box):
    """command="..." of authorized_keys; the other one is only a variable,
    which a rule may keep."""
    keys = f"{remote.server.directory}/authorized_keys"
    plain = process.read(keys)
    forced = 'command="hostname; echo [$SSH_ORIGINAL_COMMAND]" '
    results = []
    with open(keys, "w") as file:
        file.write(forced + plain)
    try:
        results.append(remote.run(crun_box.user, "id"))
        with lab.config.own(crun_box.user, 'container = "labcrun:box"\n'
                            'keep_env = {"SSH_ORIGINAL_COMMAND"}\n'):
            results.append(remote.run(crun_box.user, "id"))
    finally:
        with open(keys, "w") as file:
            file.write(plain)
    assert [(each.status, each.out, each.err) for each in results] == [
        (0, "inside\n[]\n", ""), (0, "inside\n[id]\n", "")]


# --- many sessions ----------------------------------------------------------------

def test_ten_sessions_of_one_connection_at_once(remote, box):
    """Each waits for a line of its own: all of them are there together."""
    with remote.connection(box.user) as shared:
        running = [subprocess.Popen(
            shared.argv(f"echo ready; read line; echo got $line; exit {i}"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for i in range(10)]
        try:
            for one in running:
                assert one.stdout.readline() == b"ready\n"
            for i, one in reversed(list(enumerate(running))):
                out, _ = one.communicate(b"%d\n" % i, timeout=20)
                assert (out, one.returncode) == (b"got %d\n" % i, i)
        finally:
            for one in running:
                one.kill()
                one.wait(10)


# --- scripts and bytes ---------------------------------------------------------------

def test_a_big_script_runs_from_standard_input(remote, house):
    """`ssh host bash -s argument <script`, half a megabyte of it."""
    lines = [f"sum=$((sum + {i})) # {'x' * 90}" for i in range(5000)]
    script = "\n".join(["sum=0", *lines, 'echo "$1 $sum $(hostname)"',
                        "exit 8", ""])
    result = remote.run(house.user, "bash", "-s", "total",
                        stdin=script.encode())
    assert (result.status, result.out, result.err) == \
        (8, f"total {sum(range(5000))} inside\n", "")


def random_file(path, megabytes):
    with open(path, "wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1_000_000))


@pytest.fixture(scope="module")
def noise(lab):
    """A directory with 10 MB in one file and 200 small ones."""
    directory = f"{lab.base}/tree"
    os.mkdir(directory)
    random_file(f"{directory}/big", 10)
    for i in range(200):
        where = f"{directory}/many/{i % 10}"
        os.makedirs(where, exist_ok=True)
        with open(f"{where}/file {i}", "wb") as file:
            file.write(os.urandom(i))
    os.symlink("big", f"{directory}/link")
    os.chmod(f"{directory}/many/0/file 0", 0o755)
    os.utime(f"{directory}/big", (1_000_000_000, 1_000_000_000))
    return directory


@pytest.fixture
def more_noise(noise):
    """50 MB."""
    random_file(f"{noise}/bigger", 40)
    yield noise
    os.unlink(f"{noise}/bigger")


def summary(directory, times=True):
    """Names, modes, times and contents of a tree: two that are equal are
    copies of each other."""
    seen = {}
    for path, dirs, files in os.walk(directory):
        for name in dirs + files:
            whole = f"{path}/{name}"
            info = os.lstat(whole)
            what = os.readlink(whole) if os.path.islink(whole) else ""
            if os.path.isfile(whole) and not what:
                with open(whole, "rb") as file:
                    what = hash(file.read())
            seen[os.path.relpath(whole, directory)] = (
                oct(info.st_mode), what, times and int(info.st_mtime))
    return seen


def home_of(house):
    return f"/proc/{house.init}/root/home/{house.user.name}"


@pytest.fixture
def scratch(lab, house):
    """An empty directory here, and `copy` inside that is taken away."""
    here = f"{lab.base}/scratch"
    process.run(["mkdir", here], check=True)
    yield here
    process.run(["rm", "-rf", here, f"{home_of(house)}/copy"], check=True)


def test_50_mb_of_tar_go_in_and_come_out(remote, house, more_noise, scratch):
    enter = " ".join(map(shlex.quote, remote.argv(
        house.user, "mkdir copy && tar -xpf - -C copy")))
    leave = " ".join(map(shlex.quote, remote.argv(
        house.user, "tar -cf - -C copy .")))
    result = process.run(
        ["bash", "-ec", "set -o pipefail\n"
         f"tar -cf - -C {more_noise} . | {enter}\n"
         f"{leave} | tar -xpf - -C {scratch}\n"], timeout=60)
    assert (result.status, result.out, result.err) == (0, "", "")
    assert summary(scratch) == summary(more_noise)


SCP = {"new": [], "old": ["-O"]}


@pytest.mark.parametrize("protocol", SCP)
def test_scp_goes_both_ways(remote, house, noise, scratch, protocol):
    options = [*SCP[protocol], "-q", "-p", "-r"]
    there = remote.place(house.user, "copy")
    for source, target in ((noise, there), (there, f"{scratch}/back")):
        result = remote.tool("scp", *options, source, target, timeout=60)
        assert (result.status, result.out, result.err) == (0, "", "")
    # Neither protocol knows a symbolic link: it arrives as a second file.
    expected = summary(noise, times=False)
    expected["link"] = expected["big"]
    assert summary(f"{scratch}/back", times=False) == expected
    assert os.stat(f"{scratch}/back/big").st_mtime == 1_000_000_000


def test_sftp_works_by_its_own_commands(remote, house, scratch):
    with open(f"{scratch}/file", "w") as file:
        file.write("from the host\n")
    batch = (f"pwd\nmkdir copy\nput {scratch}/file copy/file\n"
             f"rename copy/file copy/moved\nget copy/moved {scratch}/back\n"
             "chmod 600 copy/moved\nls -1 copy\n")
    result = remote.tool("sftp", "-q", "-b", "-",
                         f"{house.user.name}@here", stdin=batch.encode())
    assert (result.status, result.err) == (0, "")
    said_there = [line for line in result.out.splitlines()
                  if not line.startswith("sftp> ")]
    assert said_there == [
        f"Remote working directory: /home/{house.user.name}", "copy/moved"]
    assert process.read(f"{scratch}/back") == "from the host\n"


def rsync(remote, *argv):
    return process.run(["rsync", "-e", remote.shell, *argv], timeout=60)


def test_rsync_goes_both_ways_and_deletes(remote, house, noise, scratch):
    there = remote.place(house.user, "copy/")
    result = rsync(remote, "-a", "--delete", f"{noise}/", there)
    assert (result.status, result.out, result.err) == (0, "", "")
    result = rsync(remote, "-a", there, f"{scratch}/")
    assert (result.status, result.out, result.err) == (0, "", "")
    assert summary(scratch) == summary(noise)
    process.run(["rm", "-r", f"{scratch}/many/3", f"{scratch}/link"],
                check=True)
    with open(f"{scratch}/many/4/file 4", "w") as file:
        file.write("changed\n")
    result = rsync(remote, "-a", "--delete", f"{scratch}/", there)
    assert (result.status, result.out, result.err) == (0, "", "")
    assert summary(f"{home_of(house)}/copy") == summary(scratch)


GIT = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
       "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@localhost",
       "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@localhost"}


def git(remote, directory, *argv):
    """What it prints; it may not complain."""
    result = process.run(
        ["git", "-C", directory, *argv], timeout=60,
        env={**GIT, "PATH": os.environ["PATH"],
             "GIT_SSH_COMMAND": remote.shell})
    assert (result.status, result.err) == (0, ""), result
    return result.out


def test_git_clones_and_pushes(remote, house, noise, scratch):
    made = remote.run(house.user, "git init -q --bare -b main copy")
    assert (made.status, made.out, made.err) == (0, "", "")
    there = remote.place(house.user, "copy")
    git(remote, scratch, "init", "-q", "-b", "main", "first")
    process.run(["cp", "-a", f"{noise}/many", f"{scratch}/first/"],
                check=True)
    random_file(f"{scratch}/first/big", 2)
    git(remote, f"{scratch}/first", "add", ".")
    git(remote, f"{scratch}/first", "commit", "-q", "-m", "all")
    git(remote, f"{scratch}/first", "push", "-q", there, "main")
    git(remote, scratch, "clone", "-q", there, "second")
    assert summary(f"{scratch}/second/many", times=False) == \
        summary(f"{scratch}/first/many", times=False)
    assert git(remote, f"{scratch}/second", "rev-parse", "HEAD") == \
        git(remote, f"{scratch}/first", "rev-parse", "HEAD")
