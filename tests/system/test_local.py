# SPDX-License-Identifier: MIT
"""Through PAM: su, the console, and an sshd that uses it."""

import os
import re
import shlex

import pytest

from lab import process, sshd, terminal


def test_su_with_a_command(lab, box):
    result = process.run([*lab.log_prefix, "su", "-", box.user.name, "-c",
                          "id -u; hostname; exit 7"])
    assert (result.out, result.status) == (f"{box.uid}\ninside\n", 7)


def test_su_without_a_dash(lab, crun_box):
    result = process.run([*lab.log_prefix, "su", crun_box.user.name, "-c",
                          "id -u; pwd"])
    assert result.out == f"{crun_box.uid}\n/home/{crun_box.user.name}\n"


@pytest.mark.parametrize("command", [["su", "-", "{}"],
                                     ["su", "--pty", "-", "{}"],
                                     ["login", "-f", "{}"]],
                         ids=lambda c: "-".join(c[:2]))
def test_an_interactive_login(lab, box, command):
    argv = [*lab.log_prefix, *(w.format(box.user.name) for w in command)]
    with terminal.Terminal(argv, size=(44, 133)) as opened:
        opened.prompt()
        assert opened.ask("hostname; id -u") == f"inside\n{box.uid}"
        assert re.fullmatch(r"/dev/pts/\d+", opened.ask("tty"))
        assert opened.ask("stty size") == "44 133"
        opened.type("exit 6\r")
        status = opened.end()
        # login(1) does not pass the status on.
        assert status == (0 if command[0] == "login" else 6)


def test_job_control_below_su(lab, crun_box):
    argv = [*lab.log_prefix, "su", "-", crun_box.user.name]
    with terminal.Terminal(argv) as opened:
        opened.prompt()
        opened.type("sleep 1201\r")
        process.find_one("sleep", "1201")
        opened.type("\x03")
        opened.prompt()
        assert opened.ask("echo $?") == "130"
        opened.type("exit\r")
        opened.end()


def test_nothing_typed_by_the_inside_reaches_the_terminal_outside(lab,
                                                                  crun_box):
    """TIOCSTI works on the container's own terminal at most."""
    pushed = f"{lab.base}/pushed"
    command = shlex.join(["exec", "probe", "push", f"touch {pushed}\n"])
    script = f"{lab.base}/push.sh"
    with open(script, "w") as file:
        file.write(shlex.join(["su", "-", crun_box.user.name, "-c", command]))
    shell = [*lab.log_prefix, "bash", "--norc", "--noprofile"]
    with terminal.Terminal(shell) as opened:
        opened.prompt()
        opened.ask(f"sh {script}")
        assert opened.status == 0
        assert opened.ask("echo fine") == "fine"
    assert not os.path.exists(pushed)


@pytest.fixture(scope="module")
def pam_sshd(lab):
    """With the machine's own /etc/pam.d/sshd, as it is."""
    with sshd.sshd(f"{lab.base}/ssh-pam",
                   [user.name for user in lab.all_users], lab.log_prefix,
                   pam=True) as server:
        yield server


def test_a_command_by_an_sshd_with_pam(pam_sshd, box):
    result = process.run(pam_sshd.argv(box.user.name, "id -u; exit 7"))
    assert (result.out, result.status) == (f"{box.uid}\n", 7)


def test_a_terminal_by_an_sshd_with_pam(pam_sshd, box):
    argv = pam_sshd.argv(box.user.name, options=["RequestTTY=force"])
    with terminal.Terminal(argv) as opened:
        opened.prompt()
        assert opened.ask("hostname; id -u") == f"inside\n{box.uid}"
        opened.type("exit 6\r")
        assert opened.end() == 6


def test_a_refusal_by_an_sshd_with_pam(pam_sshd, lab, guest, refusal):
    refusal(process.run(pam_sshd.argv(guest.name, "id")), guest, "E_DENIED")
