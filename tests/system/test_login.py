# SPDX-License-Identifier: MIT
"""What somebody who logs in sees, without a terminal."""

import os
import re

import pytest

from lab import engines, logreader, process


def test_a_command_runs_as_the_user_of_that_name_inside(lab, box):
    name = box.user.name
    result = lab.login(box.user, "id")
    assert result.out == (f"uid={box.uid}({name}) gid={box.uid}({name}) "
                          f"groups={box.uid}({name}),7001(crew)\n")
    assert result.err == ""
    assert result.status == 0


def test_a_command_lands_in_the_container_of_the_rule(lab, box):
    result = lab.login(box.user, "readlink /proc/self/ns/mnt")
    assert result.out == os.readlink(f"/proc/{box.init}/ns/mnt") + "\n"


def test_the_host_name_is_the_containers(lab, box):
    assert lab.login(box.user, "hostname").out == "inside\n"


@pytest.mark.parametrize("status", [0, 1, 7, 124, 255])
def test_the_exit_status_is_the_commands(lab, box, status):
    assert lab.login(box.user, f"exit {status}").status == status


def test_the_exit_status_of_a_command_at_a_terminal_is_the_commands(lab, box):
    with lab.terminal(box.user, "exit 7") as terminal:
        assert terminal.end() == 7


@pytest.mark.parametrize("signal", ["TERM", "KILL", "HUP", "INT"])
def test_a_deadly_signal_ends_the_login_as_on_a_plain_host(lab, crun_box,
                                                           signal):
    command = f"kill -{signal} $$; sleep 5"
    plain = lab.login(lab.users["plain"], command)
    result = lab.login(crun_box.user, command)
    assert (result.status, result.out, result.err) == \
        (plain.status, plain.out, plain.err)


def test_a_deadly_signal_is_the_same_to_a_direct_caller(lab, crun_box):
    assert lab.direct(crun_box.user, "-c", "kill -TERM $$").status == -15


def test_standard_input_reaches_the_command(lab, box):
    assert lab.login(box.user, "cat", stdin=b"x\n").out == "x\n"


def test_standard_error_stays_apart(lab, box):
    result = lab.login(box.user, "echo out; echo err >&2")
    assert (result.out, result.err) == ("out\n", "err\n")


def test_the_command_is_given_to_the_shell_untouched(lab, crun_box):
    command = "printf '%s\\n' \"a  b\" 'c\"d' \"$((1+1))\" \\* 'ä' ; true"
    result = lab.login(crun_box.user, command)
    assert result.out == "a  b\nc\"d\n2\n*\nä\n"


def test_a_login_without_a_command_reads_commands(lab, box):
    result = lab.login(box.user, stdin=b"hostname; exit 3\n")
    assert (result.out, result.status) == ("inside\n", 3)


def test_a_login_shell_is_called_with_a_dash(lab, crun_box):
    assert lab.login(crun_box.user, stdin=b"echo $0\n").out == "-sh\n"


def test_the_working_directory_is_the_home_inside(lab, box):
    assert lab.login(box.user, "pwd").out == f"/home/{box.user.name}\n"


def test_ps_shows_the_containers_processes_only(lab, box):
    result = lab.login(box.user, "exec busybox ps -o args")
    assert result.out.splitlines() == [
        "COMMAND", "/bin/probe init", "busybox ps -o args"]


def test_the_environment_is_made_for_the_inside(lab, crun_box):
    name = crun_box.user.name
    result = lab.direct(crun_box.user, "-c", "env", env={
        "TERM": "xterm", "LANG": "C.UTF-8", "HOME": "/nowhere",
        "LD_PRELOAD": "/tmp/evil.so", "EVIL": "yes", "SHELL": "/evil"})
    # The shell adds PWD and SHLVL of its own.
    assert sorted(result.out.splitlines()) == [
        "FROM_IMAGE=yes", f"HOME=/home/{name}", "LANG=C.UTF-8",
        f"LOGNAME={name}", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        f"PWD=/home/{name}", "SHELL=/bin/sh", "SHLVL=1", "TERM=xterm",
        f"USER={name}"]


def test_force_command_takes_the_original_command(lab, crun_box):
    result = lab.direct(crun_box.user,
                        env={"SSH_ORIGINAL_COMMAND": "echo $((6*7))"})
    assert result.out == "42\n"


def test_with_a_command_the_original_one_is_an_ordinary_variable(lab,
                                                                 crun_box):
    result = lab.direct(crun_box.user, "-c", "echo right",
                        env={"SSH_ORIGINAL_COMMAND": "echo wrong"})
    assert result.out == "right\n"


def test_two_users_are_in_two_containers(lab):
    first, second = lab.boxes["crun"], lab.boxes["runc"]
    seen = [lab.login(one.user, "readlink /proc/self/ns/mnt").out
            for one in (first, second)]
    assert seen == [os.readlink(f"/proc/{one.init}/ns/mnt") + "\n"
                    for one in (first, second)]
    assert seen[0] != seen[1]


@pytest.mark.parametrize("program", ["crun", "runc"])
def test_engines_are_found_in_their_standard_places(lab, guest, program):
    engine = engines.Oci(program, "", f"{lab.base}/standard-{program}",
                         lab.tag, lab.engine_prefix, program)
    name = f"{lab.tag}-standard"
    with engine.container(name, lab.tree(f"standard-{program}")) as made, \
            lab.config.own(guest, f'container = "{program}:{name}"\n'):
        result = lab.login(guest, "readlink /proc/self/ns/pid")
        assert result.out == os.readlink(f"/proc/{made.pid}/ns/pid") + "\n"


@pytest.mark.parametrize("ids", [1, 4711])
def test_an_init_need_not_be_root(lab, guest, ids):
    with lab.crun.container("humble", lab.boxes["crun"].container.root,
                            ids=ids) as it, \
            lab.config.own(guest, f'container = "{it.spec}"\n'
                           f'user = "{ids}:{ids}"\n'):
        result = lab.login(guest, "id -u")
        assert (result.out, result.err) == (f"{ids}\n", "")


@pytest.fixture
def opened_and_closed(lab, box):
    """The two lines of a login that ends with status 7."""
    lines = lab.log.since()
    lab.login(box.user, "exit 7")
    return tuple(map(logreader.parse, lab.log.login(lines)))


def test_the_opening_line_says_who_went_where(opened_and_closed, box):
    opened, _ = opened_and_closed
    expected = {
        "event": "open", "user": box.user.name, "uid": str(box.user.uid),
        "container": box.container.spec, "pid": str(box.init),
        "as": f"{box.uid}:{box.uid}", "claimed_from": "127.0.0.1"}
    assert {key: opened[key] for key in expected} == expected
    assert re.fullmatch("[0-9a-f]{8}", opened["ref"])


def test_the_opening_line_has_the_engines_id(lab):
    box = lab.boxes["docker"]
    lines = lab.log.since()
    lab.login(box.user, "true")
    whole = box.container.extra["id"]
    opened, _ = lab.log.login(lines)
    assert logreader.parse(opened)["id"] == whole[:12]


def test_the_opening_line_names_the_audit_session(opened_and_closed):
    """Which sshd has made only if PAM did; here it is that of this process."""
    own = process.read("/proc/self/sessionid")
    nobody_made_one = "4294967295"
    opened, _ = opened_and_closed
    assert opened["ses"] == ("none" if own == nobody_made_one else own)


def test_the_closing_line_says_how_it_ended(opened_and_closed, box):
    opened, closed = opened_and_closed
    assert closed == {
        "event": "close", "user": box.user.name, "ref": opened["ref"],
        "seconds": closed["seconds"], "status": "7"}
    assert 0 <= float(closed["seconds"]) < 10
