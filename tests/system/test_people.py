# SPDX-License-Identifier: MIT
"""Accounts, homes, shells and images that lack something, over ssh."""

import contextlib
import os
import re

import pytest

from lab import process, rootfs, terminal

NOTE = "ctsh: {} cannot be entered; you are in /."


@pytest.fixture(scope="module")
def image(lab):
    """A running container whose files the tests change."""
    with lab.crun.container("people", lab.tree("people")) as it:
        yield it


@pytest.fixture
def person(lab, guest, image):
    """The guest with this home and shell in that container's passwd."""
    @contextlib.contextmanager
    def account(home=f"/home/{guest.name}", shell="/bin/sh", uid=None,
                keys=""):
        uid = lab.inner_uid("guest") if uid is None else uid
        path = f"{image.root}/etc/passwd"
        before = process.read(path)
        lines = [line for line in before.splitlines(keepends=True)
                 if not line.startswith(f"{guest.name}:")]
        lines.append(f"{guest.name}:x:{uid}:{uid}::{home}:{shell}\n")
        put(path, "".join(lines))
        try:
            with lab.config.own(guest,
                                f'container = "{image.spec}"\n{keys}'):
                yield guest
        finally:
            put(path, before)
    return account


def put(path, content):
    with open(path, "w", errors="surrogateescape") as file:
        file.write(content)


@contextlib.contextmanager
def added(image, name, content, mode=0o755):
    path = rootfs.write(image.root, name, content, mode)
    try:
        yield
    finally:
        os.unlink(path)


@contextlib.contextmanager
def absent(image, name):
    path = f"{image.root}/{name}"
    os.rename(path, f"{path}.away")
    try:
        yield
    finally:
        os.rename(f"{path}.away", path)


# -- the account -------------------------------------------------------------

def refused(lab, box, code, sentence):
    """The stranger's login to that container, as a command and at a
    terminal."""
    user = lab.users["stranger"]
    line = re.compile(rf"ctsh: {re.escape(sentence)} \[{code} [0-9a-f]{{8}}\]")
    result = lab.login(user, "id")
    assert (result.status, result.out) == (125, "")
    assert line.fullmatch(result.err.strip()), result.err
    with lab.terminal(user) as opened:
        assert line.fullmatch(opened.child.read().strip())
        assert opened.end() == 125


def test_who_has_no_account_inside_is_told_so(lab, box):
    user = lab.users["stranger"]
    with lab.config.own(user, f'container = "{box.container.spec}"\n'):
        refused(lab, box, "E_IDENTITY",
                "You have no account in your container.")


def test_who_has_none_may_come_by_number(lab, box):
    user = lab.users["stranger"]
    with lab.config.own(user, f'container = "{box.container.spec}"\n'
                        'missing_user = "numeric"\n'):
        result = lab.login(user, "id -u; id -g; pwd; echo $HOME $SHELL $USER")
        assert (result.out, result.err) == (
            f"{user.uid}\n{user.gid}\n/\n/ /bin/sh {user.name}\n", "")
        with lab.terminal(user) as opened:
            before = opened.prompt().child.before
            assert "ctsh:" not in before
            assert opened.ask("pwd") == "/"


def test_root_inside_is_root_and_has_a_terminal(lab, box, guest):
    with lab.config.own(guest, f'container = "{box.container.spec}"\n'
                        'user = "root"\nallow_root = true\n'), \
            lab.terminal(guest) as opened:
        opened.see("# ")
        opened.type("id -u; stat -c %u:%a $(tty)\r")
        match = opened.see(r"\n0\r\n0:(\d+)\r\n")
        assert match.group(1) in ("600", "620")


# -- the home ----------------------------------------------------------------

def expect_root(lab, user, home):
    """A command is told nothing, a login without a terminal neither."""
    command = lab.login(user, "pwd; echo $HOME")
    assert (command.status, command.out, command.err) == \
        (0, f"/\n{home}\n", "")
    login = lab.login(user, stdin=b"pwd\n")
    assert (login.status, login.out, login.err) == (0, "/\n", "")
    with lab.terminal(user, "pwd") as opened:
        assert opened.child.read() == "/\r\n"
        assert opened.end() == 0
    with lab.terminal(user) as opened:
        shown = opened.prompt().child.before
        assert shown.startswith(NOTE.format(home) + "\r\n"), shown
        assert shown.count("ctsh:") == 1
        assert opened.ask("pwd; echo $HOME") == f"/\n{home}"
        assert opened.ask("exit 3 | true") == ""


def test_a_home_that_is_not_there(lab, person):
    with person(home="/home/nobody-made-it") as user:
        expect_root(lab, user, "/home/nobody-made-it")


def test_a_home_that_is_somebody_elses(lab, image, person):
    os.mkdir(f"{image.root}/srv", 0o755)
    os.mkdir(f"{image.root}/srv/closed", 0o700)
    with person(home="/srv/closed") as user:
        expect_root(lab, user, "/srv/closed")


def test_a_home_that_is_a_file(lab, person):
    with person(home="/etc/passwd") as user:
        expect_root(lab, user, "/etc/passwd")


def test_the_note_goes_to_standard_error_or_nowhere(lab, person):
    nowhere = ["sh", "-c", 'exec "$0" "$@" 2>/dev/null']
    with person(home="/none") as user:
        with lab.direct_terminal(user) as opened:
            opened.see(NOTE.format("/none"))
        argv = lab.direct_argv(user, argv0="-ctsh")
        with terminal.Terminal([*nowhere, *argv], env={
                "PATH": "/usr/bin:/bin", "TERM": "xterm"}) as opened:
            assert "ctsh:" not in opened.prompt().child.before


@pytest.mark.parametrize("home", ["", "relative", "/"])
def test_an_account_without_a_home_begins_at_the_root(lab, person, home):
    with person(home=home) as user:
        assert lab.login(user, "pwd; echo $HOME").out == "/\n/\n"
        with lab.terminal(user) as opened:
            assert "ctsh:" not in opened.prompt().child.before


def test_a_directory_of_the_rule_that_is_not_there(lab, person):
    with person(keys='directory = "/none"\n') as user:
        assert lab.login(user, "pwd").out == "/\n"
        with lab.terminal(user) as opened:
            opened.see(NOTE.format("/none"))


# -- the shell ---------------------------------------------------------------

def not_started(lab, user, status, name):
    """As a command and at a terminal; the reason in the log."""
    what = "was not found" if status == 127 else "could not be started"
    line = re.compile(rf"ctsh: Your shell {re.escape(name)} {what}\. "
                      r"\[E_SHELL ([0-9a-f]{8})\]")
    result = lab.login(user, "id")
    assert (result.status, result.out) == (status, ""), result
    match = line.fullmatch(result.err.strip())
    assert match, result.err
    logged = lab.log.line("refused", ref=match.group(1))
    assert logged["code"] == "E_SHELL"
    with lab.terminal(user) as opened:
        assert line.fullmatch(opened.child.read().strip())
        assert opened.end() == status
    return logged["reason"]


BASH = "#!/bin/sh\necho bash \"$@\"\n"


def test_a_shell_that_is_not_there_gives_way_to_bash(lab, image, person):
    with person(shell="/bin/zsh") as user, added(image, "bin/bash", BASH):
        assert lab.login(user, "true").out == "bash -c true\n"


def test_and_that_to_sh(lab, person):
    with person(shell="/bin/zsh") as user:
        result = lab.login(user, "echo $0 $SHELL")
        assert (result.out, result.err) == ("sh /bin/sh\n", "")


@pytest.mark.parametrize("shell", ["/usr/local/bin/ctsh", "relative", ""])
def test_a_shell_that_cannot_be_meant_counts_as_none(lab, person, shell):
    with person(shell=shell) as user:
        assert lab.login(user, "echo $SHELL").out == "/bin/sh\n"


@pytest.mark.parametrize("shell", ["/bin/zsh", "/bin/sh"])
def test_an_image_without_any_shell(lab, image, person, shell):
    with person(shell=shell) as user, absent(image, "bin/sh"):
        assert not_started(lab, user, 127, shell) == \
            "execute the shell: ENOENT"


def test_a_shell_of_the_rule_that_is_not_there(lab, person):
    with person(keys='shell = "/opt/shell"\n') as user:
        not_started(lab, user, 127, "/opt/shell")


def test_a_shell_that_nobody_may_execute(lab, image, person):
    with person(shell="/bin/closed") as user, \
            added(image, "bin/closed", "#!/bin/sh\n", 0o644):
        assert not_started(lab, user, 126, "/bin/closed") == \
            "execute the shell: EACCES"


def test_a_second_choice_that_nobody_may_execute_is_named(lab, image,
                                                          person):
    with person(shell="/bin/zsh") as user, \
            added(image, "bin/bash", BASH, 0o600):
        not_started(lab, user, 126, "/bin/bash")


def test_a_shell_that_is_no_program(lab, image, person):
    with person(shell="/bin/text") as user, \
            added(image, "bin/text", "just text\n"):
        assert not_started(lab, user, 126, "/bin/text") == \
            "execute the shell: ENOEXEC"


def test_a_script_whose_interpreter_is_not_there_is_no_shell(lab, image,
                                                             person):
    with person(keys='shell = "/bin/orphan"\n') as user, \
            added(image, "bin/orphan", "#!/opt/none\n"):
        not_started(lab, user, 127, "/bin/orphan")


def test_a_name_that_is_no_text_reaches_no_terminal(lab, image, person):
    """Bytes of the container's, which a terminal could take for orders."""
    odd = "\udc9b31m\xe9"
    with person(home=f"/{odd}", shell=f"/bin/{odd}") as user:
        with absent(image, "bin/sh"):
            not_started(lab, user, 127, "/bin/bash")
        with lab.terminal(user) as opened:
            opened.see(re.escape(NOTE.format(r"/\x9b31m\xc3\xa9")))


# -- the container -----------------------------------------------------------

def read_only(config):
    config["root"]["readonly"] = True


def without(*places):
    def change(config):
        config["mounts"] = [mount for mount in config["mounts"]
                            if mount["destination"] not in places]
        config["linux"]["maskedPaths"] = []
        config["linux"]["readonlyPaths"] = []
    return change


@contextlib.contextmanager
def changed(lab, kind, change, guest):
    """A container like the box of that kind, but for that."""
    box = lab.boxes[kind]
    name = "changed"
    if kind == "docker":
        made = lab.docker.container(name, "lab", "--read-only")
    else:
        made = lab.runc if kind == "runc" else lab.crun
        options = {"userns": 300000, "nnp": True} if kind == "userns" else {}
        made = made.container(name, box.container.root, change=change,
                              **options)
    with made as it, lab.config.own(guest, f'container = "{it.spec}"\n'):
        yield it


@pytest.mark.parametrize("kind", ["crun", "userns", "runc", "docker"])
def test_a_root_that_cannot_be_written_to(lab, guest, kind):
    with changed(lab, kind, read_only, guest):
        result = lab.login(guest, "pwd; echo x >f; echo $?")
        assert result.out == f"/home/{guest.name}\n1\n"
        assert "Read-only file system" in result.err
        with lab.terminal(guest) as opened:
            opened.prompt()
            assert opened.ask("tty").startswith("/dev/pts/")


@pytest.mark.parametrize("kind", ["crun", "userns", "runc"])
def test_without_a_devpts_commands_still_work(lab, guest, kind):
    with changed(lab, kind, without("/dev/pts"), guest):
        result = lab.login(guest, "echo in; cat", stdin=b"through\n")
        assert (result.out, result.err) == ("in\nthrough\n", "")
        with lab.terminal(guest) as opened:
            opened.see(r"^ctsh: Your container cannot be entered safely\. "
                       r"\[E_UNSAFE [0-9a-f]{8}\]\r\n")
            assert opened.end() == 125


@pytest.mark.parametrize("kind", ["crun", "userns"])
def test_without_proc_everything_works(lab, guest, kind):
    with changed(lab, kind, without("/proc"), guest) as it:
        assert os.listdir(f"/proc/{it.pid}/root/proc") == []
        result = lab.login(guest, "id -u; ls /proc")
        assert (result.out, result.err) == \
            (f"{lab.inner_uid('guest')}\n", "")
        with lab.terminal(guest) as opened:
            opened.prompt()
            assert opened.ask("echo $((6*7))") == "42"


def test_without_accounts_there_is_the_number(lab, image, stranger_by_number):
    with absent(image, "etc/passwd"), absent(image, "etc/group"):
        result = lab.login(stranger_by_number, "id")
        uid, gid = stranger_by_number.uid, stranger_by_number.gid
        assert (result.out, result.err) == \
            (f"uid={uid} gid={gid} groups={gid}\n", "")


@pytest.fixture
def stranger_by_number(lab, image):
    user = lab.users["stranger"]
    with lab.config.own(user, f'container = "{image.spec}"\n'
                        'missing_user = "numeric"\n'):
        yield user
