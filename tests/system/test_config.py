# SPDX-License-Identifier: MIT
"""A configuration that is wrong or unsafe lets nobody in but break-glass."""

import contextlib
import glob
import os
import shutil
import socket

import pytest

from lab import users

DATA = os.path.join(os.path.dirname(__file__), "../data/config/bad")
BAD = sorted(path for path in glob.glob(f"{DATA}/*")
             if os.path.isfile(path))


@pytest.fixture
def keeper(lab):
    """Break-glass."""
    user = lab.users["keeper"]
    with lab.config.break_glass(f"{user.name}\n"):
        yield user


def reaches_the_host(lab, user):
    result = lab.direct(user, "-c", "readlink /proc/self/ns/mnt")
    own = lab.run_as(user, "readlink", "/proc/self/ns/mnt")
    return (result.status, result.out) == (0, own.out)


def test_there_are_bad_examples():
    assert len(BAD) > 10


@pytest.mark.parametrize("path", BAD, ids=os.path.basename)
def test_a_malformed_file_refuses_and_names_the_line(lab, crun_box, refusal,
                                                     path):
    with open(path, "rb") as file, lab.config.replaced(file.read()) as it:
        reason = refusal(lab.direct(crun_box.user, "-c", "id"),
                         crun_box.user, "E_CONFIG")
        assert reason.startswith(it)
        assert reason.removeprefix(it)[:2].strip(":").isdigit()


def test_break_glass_works_with_a_malformed_file(lab, keeper):
    with lab.config.replaced("rule {{{\n"):
        assert reaches_the_host(lab, keeper)


def test_break_glass_works_with_an_unsafe_file(lab, keeper):
    with owned(lab.config.file, lab.users["evil"].uid):
        assert reaches_the_host(lab, keeper)


def test_break_glass_works_without_a_file(lab, keeper):
    with aside(lab.config.file):
        assert reaches_the_host(lab, keeper)


def test_break_glass_works_with_a_host_shell_that_is_not_there(lab, keeper):
    with lab.config.replaced('host_shell = "/bin/no-such-shell"\n'):
        assert reaches_the_host(lab, keeper)
        assert reaches_the_host(lab, root(lab))


def test_break_glass_works_without_the_run_directory(lab, keeper, crun_box):
    """And who is not on break-glass is refused then."""
    lab.direct(crun_box.user, "-c", "true")  # makes the directory
    with owned(lab.ctsh.run, mode=0o755):
        assert reaches_the_host(lab, keeper)
        result = lab.direct(crun_box.user, "-c", "id")
        assert (result.status, result.out) == (125, "")
        assert "[E_SYSTEM " in result.err


def test_break_glass_works_when_closed(lab, keeper):
    with lab.config.extended('closed = "Back at noon."\n'):
        assert reaches_the_host(lab, keeper)


def test_a_malformed_file_of_one_user_refuses_that_one(lab, guest, crun_box,
                                                       refusal):
    with lab.config.own(guest, "contaner = \"labcrun:box\"\n") as path:
        reason = refusal(lab.direct(guest, "-c", "id"), guest, "E_CONFIG")
        assert reason.startswith(f"{path}:1:")
        assert lab.direct(crun_box.user, "-c", "hostname").out == "inside\n"


def put_back(path, uid=0, gid=0, mode=0o644):
    os.chown(path, uid, gid)
    os.chmod(path, mode)


@contextlib.contextmanager
def owned(path, uid=0, gid=0, mode=None):
    before = os.stat(path)
    os.chown(path, uid, gid)
    os.chmod(path, before.st_mode if mode is None else mode)
    try:
        yield
    finally:
        put_back(path, before.st_uid, before.st_gid, before.st_mode)


@contextlib.contextmanager
def aside(path):
    """The file of that name is moved away for a while."""
    os.rename(path, f"{path}.aside")
    try:
        yield f"{path}.aside"
    finally:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)
        os.rename(f"{path}.aside", path)


OWNERS = {
    "a_users_file": dict(uid="evil"),
    "writable_by_group": dict(mode=0o664),
    "writable_by_all": dict(mode=0o646),
    "a_users_file_and_read_only": dict(uid="evil", mode=0o444),
}


@pytest.mark.parametrize("how", OWNERS)
@pytest.mark.parametrize("what", ["the_file", "its_directory",
                                  "the_directory_above"])
def test_unsafe_ownership_refuses(lab, crun_box, refusal, what, how):
    path = {"the_file": lab.config.file,
            "its_directory": lab.config.directory,
            "the_directory_above": os.path.dirname(lab.config.directory)
            }[what]
    change = dict(OWNERS[how])
    if "uid" in change:
        change["uid"] = lab.users["evil"].uid
    if "mode" in change and what != "the_file":
        change["mode"] |= 0o111
    with owned(path, **change):
        refusal(lab.direct(crun_box.user, "-c", "id"), crun_box.user,
                "E_CONFIG")


@pytest.mark.parametrize("how", OWNERS)
def test_unsafe_ownership_of_the_own_file_refuses(lab, guest, refusal, how):
    change = dict(OWNERS[how])
    if "uid" in change:
        change["uid"] = lab.users["evil"].uid
    with lab.config.own(guest, 'container = "labcrun:box"\n') as path, \
            owned(path, **change):
        refusal(lab.direct(guest, "-c", "id"), guest, "E_CONFIG")


@pytest.mark.parametrize("what", ["symlink", "directory", "fifo", "nothing",
                                  "socket"])
def test_what_is_not_a_regular_file_refuses(lab, crun_box, refusal, what):
    path = lab.config.file
    with aside(path) as real:
        if what == "symlink":
            os.symlink(real, path)
        elif what == "directory":
            os.mkdir(path, 0o755)
        elif what == "fifo":
            os.mkfifo(path, 0o644)
        elif what == "socket":
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(path)
            os.chmod(path, 0o644)
        refusal(lab.direct(crun_box.user, "-c", "id"), crun_box.user,
                "E_CONFIG")


def test_a_symlink_to_the_directory_refuses(lab, crun_box, refusal):
    path = lab.config.directory
    with aside(path) as real:
        os.symlink(real, path)
        refusal(lab.direct(crun_box.user, "-c", "id"), crun_box.user,
                "E_CONFIG")


def test_a_huge_file_refuses(lab, crun_box, refusal):
    with lab.config.replaced(lab.config.standard + "# filler\n" * 4_000_000):
        refusal(lab.direct(crun_box.user, "-c", "id"), crun_box.user,
                "E_CONFIG")


def test_a_nul_refuses(lab, crun_box, refusal):
    with lab.config.replaced(lab.config.standard + "# \0\n"):
        refusal(lab.direct(crun_box.user, "-c", "id"), crun_box.user,
                "E_CONFIG")


# -- break-glass -------------------------------------------------------------

def test_break_glass_gets_the_host_shell_with_a_command(lab, keeper):
    result = lab.login(keeper, "echo $0; id -un; exit 7")
    assert result.out == f"bash\n{keeper.name}\n"
    assert result.status == 7
    assert reaches_the_host(lab, keeper)


def test_break_glass_gets_a_login_shell(lab, keeper):
    with lab.terminal(keeper) as opened:
        opened.prompt()
        assert opened.ask("echo $0") == "-bash"
        assert opened.ask("id -un") == keeper.name
        opened.type("exit 5\r")
        assert opened.end() == 5


def test_break_glass_by_group(lab):
    keeper = lab.users["keeper"]
    with lab.config.break_glass(f"# who\n@{keeper.group}\n"):
        assert reaches_the_host(lab, keeper)


def test_break_glass_gives_no_privilege(lab, keeper):
    result = lab.direct(keeper, "-c", "grep -E '^(Uid|Cap)' /proc/self/status")
    plain = lab.run_as(keeper, "grep", "-E", "^(Uid|Cap)",
                       "/proc/self/status")
    assert result.out == plain.out


def test_without_break_glass_the_same_user_is_refused(lab, refusal):
    keeper = lab.users["keeper"]
    refusal(lab.direct(keeper, "-c", "id"), keeper, "E_DENIED")


@pytest.mark.parametrize("content", ["", "somebody\n", "@root\n"])
def test_break_glass_is_for_those_named_only(lab, crun_box, content):
    with lab.config.break_glass(content):
        result = lab.direct(crun_box.user, "-c", "hostname")
        assert result.out == "inside\n"


def test_an_unsafe_break_glass_file_qualifies_nobody(lab, keeper):
    path = f"{lab.config.directory}/break_glass"
    with owned(path, lab.users["evil"].uid):
        assert lab.direct(keeper, "-c", "id").status == 125


def root(lab):
    return users.User("root", 0, 0, "root", "/root")


def test_root_gets_the_host_shell(lab):
    assert reaches_the_host(lab, root(lab))


def test_root_gets_the_host_shell_whatever_is_broken(lab):
    path = f"{lab.config.directory}/break_glass"
    with owned(path, lab.users["evil"].uid), \
            lab.config.replaced("rule {{{\n"):
        assert reaches_the_host(lab, root(lab))
