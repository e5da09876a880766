# SPDX-License-Identifier: MIT
"""Programs that live on a terminal, used as a person does, over ssh."""

import contextlib
import os
import re
import time

import pytest

from lab import debian, process, terminal


@pytest.fixture
def seat(lab, house):
    """A person at a prompt in a container with a distribution in it."""
    with lab.terminal(house.user, size=(30, 150)) as opened:
        opened.prompt()
        yield opened


@pytest.fixture
def crun_seat(lab, houses):
    with lab.terminal(houses.house("crun").user, size=(30, 150)) as opened:
        opened.prompt()
        yield opened


# -- editors, pagers, monitors -------------------------------------------------

def test_an_editor_writes_what_was_typed(seat):
    seat.type("vi note\r")
    seat.see('"note"')
    seat.type("ifirst\rsecond\x1b")
    seat.see("second")
    seat.type("k$x:wq\r")
    seat.see("written")
    seat.prompt()
    assert seat.ask("cat note; rm note") == "firs\nsecond"


def test_a_pager_fills_the_window_and_finds_the_end(seat):
    seat.type("seq 1 500 >numbers; less numbers\r")
    seat.see(r"\r\n29\r\n")
    assert "30" not in seat.child.buffer
    seat.type("/^321$\r")
    seat.see(r"321\S*\r\n322")
    seat.type("G")
    seat.see("500\r\n")
    seat.see(r"\(END\)")
    seat.type("q")
    seat.prompt()


def test_a_monitor_fills_the_window_and_ends_at_a_key(seat):
    seat.type("top\r")
    seat.see("Tasks:")
    seat.see("COMMAND")
    seat.see(r"\d+ \S+ .* bash")
    seat.type("q")
    seat.prompt()


# -- terminals in the terminal -------------------------------------------------

def test_tmux_comes_goes_and_comes_back(lab, house, seat):
    seat.type("tmux new -s one\r")
    seat.see(r"\[one\]")
    seat.type("stty size; echo in $((6 * 7)) tmux\r")
    seat.see("29 150")
    seat.see("in 42 tmux")
    seat.child.setwinsize(25, 90)
    process.wait_for(lambda: retry_size(seat, "24 90"), what="the new size")
    press(seat, "\x02", "d")
    seat.see(r"\[detached \(from session one\)\]")
    seat.prompt()
    seat.type("exit\r")
    assert seat.end() == 0
    with lab.terminal(house.user) as again:
        again.prompt()
        assert again.ask("tmux ls").startswith("one: 1 windows")
        again.type("tmux attach\r")
        again.see("in 42 tmux")
        again.type("exit\r")
        again.see(r"\[exited\]")
        again.prompt()


def press(seat, *keys):
    """At the pace of fingers: what comes faster is a paste to tmux."""
    for key in keys:
        time.sleep(0.1)
        seat.type(key)


def retry_size(seat, size):
    seat.type("stty size\r")
    return seat.child.expect([size + r"\D", r"\d+ \d+\D"]) == 0


def test_screen_comes_goes_and_comes_back(seat):
    seat.ask("mkdir -p -m 700 ~/.screen; export SCREENDIR=~/.screen")
    seat.type("screen -S two\r")
    seat.prompt()
    seat.type("echo in $((6 * 7)) screen; tty\r")
    seat.see("in 42 screen")
    seat.see(r"/dev/pts/\d+")
    press(seat, "\x01", "d")
    seat.see(r"\[detached from \d+\.two\]")
    seat.prompt()
    assert re.search(r"\d+\.two\s.*Detached", seat.ask("screen -ls"))
    seat.type("screen -r two\r")
    seat.see("in 42 screen")
    seat.type("exit\r")
    seat.see(r"\[screen is terminating\]")
    seat.prompt()


def test_script_records_a_session_of_its_own(seat):
    outer = seat.ask("tty")
    seat.type("script -q log\r")
    seat.prompt()
    inner = seat.ask("tty")
    assert inner != outer and inner.startswith("/dev/pts/")
    assert seat.ask("stty size") == "30 150"
    seat.type("exit\r")
    seat.prompt()
    assert seat.ask("tty") == outer
    assert inner in seat.ask("cat log; rm log")


# -- becoming somebody else ----------------------------------------------------

def give_password(seat, question, password=debian.PASSWORD):
    """At a prompt that does not show what is typed."""
    seat.see(question)
    process.wait_for(lambda: not seat.child.buffer, what="the question")
    seat.type(f"{password}\r")


def test_sudo_asks_for_the_password_and_gives_root(seat):
    seat.type("sudo -k; sudo sh -c 'echo I am $(id -u) at $(tty)'\r")
    give_password(seat, r"password for [a-z0-9]+: ")
    shown = seat.see(r"I am 0 at (\S+)\r")
    assert shown.group(1).startswith("/dev/pts/")
    assert debian.PASSWORD not in seat.child.before
    seat.prompt()


def test_sudo_opens_a_login_shell_with_job_control(house, seat):
    seat.type("sudo -k; sudo -i\r")
    give_password(seat, r"password for [a-z0-9]+: ")
    seat.see("root@[^#]*# ")
    assert seat.ask("id -un; stty size") == "root\n30 150"
    seat.type("sleep 1201\r")
    process.find_one("sleep", "1201")
    seat.type("\x1a")
    seat.see("Stopped")
    seat.prompt()
    seat.ask("kill %1; wait")
    seat.type("exit\r")
    seat.see("logout")
    seat.prompt()
    assert seat.ask("id -u") == str(house.uid)


def test_su_opens_a_login_shell_after_the_password(house, seat):
    seat.type(f"su - {house.user.name}\r")
    give_password(seat, "Password: ")
    seat.prompt()
    assert seat.ask("shopt -q login_shell && tty").startswith("/dev/pts/")
    assert seat.ask("id -u") == str(house.uid)
    seat.type("exit\r")
    seat.prompt()


@contextlib.contextmanager
def shadow_kept(house):
    path = f"/proc/{house.init}/root/etc/shadow"
    before = process.read(path)
    try:
        yield lambda: process.read(path) != before
    finally:
        with open(path, "w") as file:
            file.write(before)


def test_passwd_changes_the_password(house, seat):
    with shadow_kept(house) as changed:
        seat.type("passwd\r")
        give_password(seat, "Current password: ")
        give_password(seat, "New password: ", "battery staple 7")
        give_password(seat, "Retype new password: ", "battery staple 7")
        seat.see("password updated successfully")
        seat.prompt()
        assert changed()
        seat.type(f"su -c 'echo got in' {house.user.name}\r")
        give_password(seat, "Password: ", "battery staple 7")
        seat.see("got in\r")


def test_gpg_asks_for_the_passphrase_in_a_dialogue(seat):
    seat.ask("export GPG_TTY=$(tty); echo precious >plain")
    # Else it measures first how fast the machine is.
    seat.ask("mkdir -m 700 ~/.gnupg; "
             "echo s2k-count 65536 >~/.gnupg/gpg-agent.conf")
    seat.ask("gpg --batch --quiet --no-symkey-cache --pinentry-mode loopback "
             "--passphrase 'open sesame' --output secret.gpg -c plain")
    assert seat.status == 0
    seat.type("gpg --quiet --no-symkey-cache -d secret.gpg\r")
    seat.see("Passphrase:")
    seat.see("<Cancel>")
    seat.type("open sesame\r")
    seat.see("precious\r\n")
    assert "sesame" not in seat.child.before
    seat.prompt()
    seat.ask("gpgconf --kill gpg-agent; rm -r plain secret.gpg ~/.gnupg")


# -- the terminal itself -------------------------------------------------------

def test_every_way_of_naming_the_terminal_agrees(seat):
    name = seat.ask("tty")
    assert re.fullmatch(r"/dev/pts/\d+", name)
    assert seat.ask(f"test -c {name} && test -O {name} && echo mine") == \
        "mine"
    assert seat.ask("python3 -c 'import os; print(*map(os.ttyname, "
                    "range(3)))'") == " ".join([name] * 3)
    assert seat.ask("ps -o tty= -p $$") == name.removeprefix("/dev/")
    assert seat.ask("readlink /proc/self/fd/0") == name
    assert seat.ask(f"echo by name >{name}") == "by name"
    assert seat.ask("echo by alias >/dev/tty") == "by alias"


def test_output_of_a_background_job_comes_through(crun_seat):
    crun_seat.type("(sleep 0.1; echo back''ground) &\r")
    crun_seat.see("background\r\n")


def test_a_background_job_waits_to_speak_where_that_is_asked(crun_seat):
    crun_seat.ask("stty tostop")
    crun_seat.type("(echo spo''ken) & sleep 0.1\r")
    crun_seat.prompt()
    assert "spoken" not in crun_seat.child.before
    assert "Stopped" in crun_seat.ask("jobs")
    crun_seat.type("fg\r")
    crun_seat.see("spoken\r\n")
    crun_seat.prompt()


def test_a_stopped_job_goes_on_in_the_background(crun_seat):
    crun_seat.type("sleep 1202\r")
    sleeper = process.find_one("sleep", "1202")
    crun_seat.type("\x1a")
    crun_seat.see("Stopped")
    crun_seat.prompt()
    crun_seat.type("bg\r")
    process.wait_for(lambda: process.status(sleeper)["State"][0] == "S",
                     what="the job to go on")
    crun_seat.prompt()
    assert "Running" in crun_seat.ask("jobs")
    crun_seat.ask("kill %1; wait")
    assert not process.alive(sleeper)


def test_every_byte_goes_in_and_comes_back(lab, house):
    """^P among them, once, and all that is no UTF-8."""
    every = bytes(range(256))
    with lab.terminal(house.user, "stty raw -echo; echo ready; "
                      "head -c 256") as opened:
        opened.see("ready\n")
        os.write(opened.child.child_fd, every)
        back = b""
        while len(back) < 256:
            back += os.read(opened.child.child_fd, 256)
        assert back == every


def test_a_letter_of_two_bytes_is_erased_as_one(lab, houses):
    with lab.terminal(houses.house("docker").user, "stty iutf8 erase '^?' "
                      "-echo; echo ready; head -n 1 | od -An -c") as opened:
        opened.see("ready\r\n")
        opened.type("g\u00fc\u20ac\x7fn\r")
        opened.see(r" +g +303 +274 +n +\\n\r\n")


MODES = {
    "as they are": "sane",
    "other keys": "intr ^X quit ^Y erase ^H kill ^G eof ^E eol ^O eol2 ^K "
                  "start ^T stop ^W susp ^V rprnt ^F werase ^A lnext ^B "
                  "discard ^L",
    "other flags": "-ixon -ixoff ixany -icrnl inlcr igncr istrip inpck "
                   "ignpar parmrk imaxbel iutf8 -onlcr ocrnl onlret "
                   "-icanon -isig -iexten -echo echoe echok echonl noflsh "
                   "tostop echoctl echoke cs7 parenb parodd 9600",
}


def modes_seen(lab, user, change):
    """What `stty -a` says over ssh from a terminal with these modes."""
    argv = lab.sshd.argv(user.name, "stty -a", options=["RequestTTY=force"])
    with terminal.Terminal(
            ["sh", "-c", f'stty {change}; exec "$@"', "sh", *argv],
            size=(41, 97), env={"PATH": os.environ["PATH"]}) as opened:
        shown = opened.child.read()
    return shown[shown.index("speed"):].split()


@pytest.fixture(scope="module")
def plain_modes(lab):
    return {name: modes_seen(lab, lab.users["plain"], change)
            for name, change in MODES.items()}


@pytest.mark.parametrize("modes", MODES)
def test_every_mode_is_as_on_a_plain_host(lab, house, plain_modes, modes):
    inside = modes_seen(lab, house.user, MODES[modes])
    assert inside == plain_modes[modes]
    assert " ".join(inside[3:7]) == "rows 41; columns 97;"
