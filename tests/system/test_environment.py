# SPDX-License-Identifier: MIT
"""What a session finds in its environment, over ssh and without."""

import contextlib
import os
import shutil

import pytest

from lab import laboratory, process

# What a plain host has and a container has not, and the other way round.
HOSTS_OWN = {"MAIL"}
CONTAINERS_OWN = {"FROM_IMAGE", "HOSTNAME"}
SHELLS_OWN = {"SHLVL", "_"}


def parse(text):
    return dict(line.split("=", 1) for line in text.splitlines())


def environment(lab, user, *variables, command="env"):
    """Of a command by ssh, with these sent along."""
    options = [f"SetEnv={' '.join(variables)}"] if variables else []
    result = lab.login(user, command, options=options)
    assert (result.status, result.err) == (0, ""), result
    return parse(result.out)


def kept(lab, user, pattern, env, command="env"):
    """Of a direct caller's command whose rule keeps what fits the pattern."""
    keys = f'container = "labcrun:box"\nkeep_env = {{"{pattern}"}}\n'
    with lab.config.own(user, keys):
        result = lab.direct(user, "-c", command, env=env)
    assert (result.status, result.err) == (0, ""), result
    return parse(result.out)


# -- as on a plain host ------------------------------------------------------

def test_a_command_has_the_variables_of_one_on_a_plain_host(lab, box):
    plain = environment(lab, lab.users["plain"])
    inside = environment(lab, box.user)
    assert plain.keys() - HOSTS_OWN - SHELLS_OWN == \
        inside.keys() - CONTAINERS_OWN - SHELLS_OWN
    assert inside["FROM_IMAGE"] == "yes"
    name = box.user.name
    assert {key: inside[key] for key in ("HOME", "USER", "LOGNAME", "SHELL",
                                         "PWD")} == {
        "HOME": f"/home/{name}", "USER": name, "LOGNAME": name,
        "SHELL": "/bin/sh", "PWD": f"/home/{name}"}
    init = process.read(f"/proc/{box.init}/environ").split("\0")
    assert f"PATH={inside['PATH']}" in init
    assert "TERM" not in inside
    client, _, server, port = inside["SSH_CONNECTION"].split()
    assert (client, server, int(port)) == ("127.0.0.1", "127.0.0.1",
                                           lab.sshd.port)


def test_a_terminal_has_its_own_name_and_kind(lab, box):
    with lab.terminal(box.user) as opened:
        opened.prompt()
        tty = opened.ask("tty")
        inside = parse(opened.ask("env"))
        assert opened.ask("stat -c %u $SSH_TTY") == str(box.uid)
    assert inside["SSH_TTY"] == tty
    assert tty.startswith("/dev/pts/")
    assert inside["TERM"] == "xterm"


def test_two_terminals_have_two_names(lab, crun_box):
    with lab.terminal(crun_box.user) as one, \
            lab.terminal(crun_box.user) as two:
        names = {each.prompt().ask("echo $SSH_TTY") for each in (one, two)}
        assert names == {each.ask("tty") for each in (one, two)}
    assert len(names) == 2


def test_a_command_at_a_terminal_has_it_too(lab, crun_box):
    with lab.terminal(crun_box.user, "echo $SSH_TTY; tty") as opened:
        match = opened.see(r"(/dev/pts/\d+)\r\n(/dev/pts/\d+)\r\n")
        assert match.group(1) == match.group(2)
        assert opened.end() == 0


def test_who_comes_without_ssh_has_no_terminal_of_sshs(lab, crun_box):
    with lab.direct_terminal(crun_box.user) as opened:
        opened.prompt()
        assert opened.ask("echo ${SSH_TTY-none}") == "none"


def test_a_terminal_of_the_hosts_is_never_named(lab, guest):
    inside = kept(lab, guest, "*", {"SSH_TTY": "/dev/pts/77"})
    assert "SSH_TTY" not in inside


def test_a_terminal_of_unknown_kind_is_dumb(lab, crun_box):
    with lab.config.own(crun_box.user, 'container = "labcrun:box"\n'
                        "keep_env = {}\n"), \
            lab.terminal(crun_box.user) as opened:
        opened.prompt()
        assert opened.ask("echo $TERM") == "dumb"


def test_without_a_path_of_the_containers_there_is_a_usual_one(lab, guest):
    with lab.config.own(guest, 'container = "labcrun:box"\n'
                        "container_env = false\n"):
        inside = environment(lab, guest)
    assert inside["PATH"] == "/usr/local/sbin:/usr/local/bin:/usr/sbin:" \
                             "/usr/bin:/sbin:/bin"
    assert "FROM_IMAGE" not in inside


def test_root_inside_has_its_own_home_and_name(lab, guest):
    with lab.config.own(guest, 'container = "labcrun:box"\nuser = "root"\n'
                        "allow_root = true\n"):
        inside = environment(lab, guest)
    assert (inside["HOME"], inside["USER"], inside["LOGNAME"],
            inside["PWD"]) == ("/root", "root", "root", "/root")


def test_the_rule_has_the_last_word_but_for_the_identity(lab, guest):
    with lab.config.own(guest, 'container = "labcrun:box"\n'
                        'set_env = {"FROM_IMAGE=no", "LC_NAME=set",'
                        ' "PATH=/bin", "EXTRA=a b=c"}\n'):
        inside = environment(lab, guest, "LC_NAME=C")
    assert {name: inside[name] for name in
            ("FROM_IMAGE", "LC_NAME", "PATH", "EXTRA", "USER")} == {
        "FROM_IMAGE": "no", "LC_NAME": "set", "PATH": "/bin",
        "EXTRA": "a b=c", "USER": guest.name}


def test_what_is_not_kept_does_not_come_along(lab, crun_box):
    inside = environment(lab, crun_box.user, "CTSH_TEST=1", "LC_TIME=C")
    assert "CTSH_TEST" not in inside
    assert inside["LC_TIME"] == "C"


def test_no_place_of_the_hosts_login_is_kept(lab, guest):
    theirs = {"XDG_RUNTIME_DIR": "/run/user/1", "XDG_SESSION_ID": "c1",
              "GOOD": "1"}
    inside = kept(lab, guest, "*", theirs)
    assert theirs.keys() & inside.keys() == {"GOOD"}


# -- values ------------------------------------------------------------------

CONTROL = [*range(1, 0x20), 0x7f]

SHOCKS = {
    "S1": "() { :;}; echo shocked",
    "S2": "() { echo shocked; }",
    "S3": "() { (a)=>\\",
    "S4": "(){ :;};",
    "S5": "() {",
}


def test_values_that_a_shell_once_ran_are_dropped(lab, guest):
    inside = kept(lab, guest, "*", {**SHOCKS, "GOOD": "a () { :;}"})
    assert not SHOCKS.keys() & inside.keys()
    assert inside["GOOD"] == "a () { :;}"


def test_such_a_value_by_ssh_is_dropped(lab, crun_box):
    inside = environment(lab, crun_box.user,
                         '"LC_TIME=() { :;}; echo shocked"', "LC_NAME=C")
    assert "LC_TIME" not in inside
    assert inside["LC_NAME"] == "C"


def test_each_control_character_drops_its_value(lab, guest):
    bad = {f"C{code}": f"a{chr(code)}b" for code in CONTROL}
    result = kept(lab, guest, "?*", {**bad, "GOOD": "a b"})
    assert not bad.keys() & result.keys()
    assert result["GOOD"] == "a b"


# -- locales -----------------------------------------------------------------

GERMAN, MISSING = "de_DE.UTF-8", "xx_YY.UTF-8"


@pytest.fixture(scope="module")
def locales(lab):
    """An image of a glibc's: C.UTF-8 by directory, German by archive."""
    root = lab.tree("locales")
    place = f"{root}/usr/lib/locale"
    os.makedirs(f"{place}/C.utf8")
    shutil.copy("/usr/lib/locale/C.utf8/LC_CTYPE", f"{place}/C.utf8")
    process.run(["localedef", f"--prefix={root}", "-i", "de_DE", "-f",
                 "UTF-8", GERMAN], check=True)
    assert sorted(os.listdir(place)) == ["C.utf8", "locale-archive"]
    with lab.crun.container("locales", root) as it:
        yield it


@pytest.fixture
def speaker(lab, guest, locales):
    """What a login makes of these variables: those that begin so."""
    def ask(*variables):
        with lab.config.own(guest, f'container = "{locales.spec}"\n'):
            inside = environment(lab, guest, *variables)
        return {name: value for name, value in inside.items()
                if name.startswith("L") and name != "LOGNAME"}
    return ask


def test_a_locale_of_the_images_is_kept(speaker):
    theirs = {"LANG": GERMAN, "LC_TIME": "C.UTF-8", "LC_NUMERIC": "POSIX",
              "LC_COLLATE": "de_DE.utf8"}
    assert speaker(*map("=".join, theirs.items())) == theirs


def test_a_locale_that_the_image_lacks_becomes_a_plain_one(speaker):
    assert speaker(f"LANG={MISSING}", f"LC_ALL={MISSING}",
                   "LC_TIME=de_DE.ISO-8859-1", f"LC_CTYPE={GERMAN}") == {
        "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "LC_TIME": "C.UTF-8",
        "LC_CTYPE": GERMAN}


def test_what_only_looks_like_a_locale_is_left_alone(speaker):
    theirs = {"LC_TERMINAL": "iTerm2", "LC_TERMINAL_VERSION": "3.5.0"}
    assert speaker(*map("=".join, theirs.items())) == theirs


def test_without_the_better_plain_one_it_is_the_other(lab, speaker, locales):
    with moved(f"{locales.root}/usr/lib/locale/C.utf8"):
        assert speaker(f"LANG={MISSING}", f"LC_CTYPE={GERMAN}") == {
            "LANG": "C", "LC_CTYPE": GERMAN}


def test_an_image_without_locales_takes_any(speaker, locales):
    with moved(f"{locales.root}/usr/lib/locale"):
        assert speaker(f"LANG={MISSING}") == {"LANG": MISSING}


@contextlib.contextmanager
def moved(path):
    os.rename(path, f"{path}.away")
    try:
        yield
    finally:
        os.rename(f"{path}.away", path)


def test_the_images_own_choice_stands_where_the_callers_is_missing(
        lab, guest, locales):
    def chosen(config):
        config["process"]["env"].append("LANG=de_DE.utf8")
    with lab.crun.container("chosen", locales.root, change=chosen) as it, \
            lab.config.own(guest, f'container = "{it.spec}"\n'):
        assert environment(lab, guest, f"LANG={MISSING}")["LANG"] == \
            "de_DE.utf8"
        assert environment(lab, guest, f"LANG={GERMAN}")["LANG"] == GERMAN


@pytest.mark.limit(400)
def test_no_program_of_a_real_image_complains_of_the_locale(lab, houses):
    """perl and bash do so at every call."""
    house = houses.house("crun")
    complain = f"LC_ALL={MISSING}; export LC_ALL; perl -e 1; bash -c :"
    assert lab.login(house.user, complain).err.count("locale") > 1
    result = lab.login(house.user, "perl -e 1; bash -c 'echo $LANG'",
                       options=[f"SetEnv=LANG={MISSING} LC_ALL={MISSING}"])
    assert (result.out, result.err) == ("C.UTF-8\n", "")


# -- the directory of one's own ----------------------------------------------

SEE = "echo $XDG_RUNTIME_DIR; stat -c '%F %a %u %g' $XDG_RUNTIME_DIR"


@contextlib.contextmanager
def run_user(box):
    assert box.exec("/bin/mkdir", "/run/user").status == 0
    try:
        yield
    finally:
        box.exec("/bin/rm", "-rf", "/run/user")


def expected(uid):
    return f"/run/user/{uid}\ndirectory 700 {uid} {uid}\n"


def test_where_there_is_run_user_a_login_gets_a_directory_there(lab, box):
    with run_user(box):
        for _ in range(2):
            result = lab.login(box.user, f"{SEE}; echo >>$XDG_RUNTIME_DIR/a")
            assert (result.out, result.err) == (expected(box.uid), "")
        assert box.exec("/bin/busybox", "wc", "-l",
                        f"/run/user/{box.uid}/a").out.split()[0] == "2"
        with lab.terminal(box.user) as opened:
            opened.prompt()
            assert opened.ask(SEE) == expected(box.uid).strip()


def test_where_there_is_none_nothing_is_made(lab, box):
    result = lab.login(box.user, "echo ${XDG_RUNTIME_DIR-none}; ls /run")
    assert result.out == "none\n"


def test_the_rules_own_directory_stands(lab, guest):
    box = laboratory.Box("crun", guest, lab.inner_uid("guest"),
                         lab.boxes["crun"].container)
    with run_user(box), lab.config.own(
            guest, 'container = "labcrun:box"\n'
            'set_env = {"XDG_RUNTIME_DIR=/tmp"}\n'):
        result = lab.login(guest, "echo $XDG_RUNTIME_DIR")
    assert result.out == "/tmp\n"
