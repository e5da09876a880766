# SPDX-License-Identifier: MIT
"""AppArmor: a login runs under the init's label, whatever that is."""

import contextlib
import os

import pytest

from lab import process

PROFILES = os.path.join(os.path.dirname(__file__), "apparmor.profiles")

# What the init is started with, and what the kernel then says of it.
LABELS = {
    "a profile": ("ctsh-box", "ctsh-box (enforce)"),
    "a tight profile": ("ctsh-tight", "ctsh-tight (enforce)"),
    "a child of a profile": ("ctsh-box//child", "ctsh-box//child (enforce)"),
    "a profile that only complains": ("ctsh-complain",
                                      "ctsh-complain (complain)"),
    "a name with blanks and brackets": ("ctsh odd (enforce)",
                                        "ctsh odd (enforce) (enforce)"),
    "two profiles, stacked": ("ctsh-box//&ctsh-other",
                              "ctsh-box//&ctsh-other (enforce)"),
    "two profiles of different modes": ("ctsh-box//&ctsh-complain",
                                        "ctsh-box//&ctsh-complain (mixed)"),
    "another policy namespace": (":ctsh-ns://ctsh-box",
                                 ":ctsh-ns:ctsh-box (enforce)"),
    "a stack over a namespace, as of LXD": (
        "ctsh-box//&:ctsh-ns://unconfined",
        "ctsh-box//&:ctsh-ns:unconfined (enforce)"),
}


@pytest.fixture(scope="module")
def guest(guests):
    machine = guests["apparmor"]
    machine.wait_until_ready()
    machine.write("/run/profiles", process.read(PROFILES))
    machine.run("apparmor_parser -Kr /run/profiles\n"
                "apparmor_parser -Kr -n ctsh-ns /run/profiles\n"
                "cd /box/etc\n"
                "echo told >secret\necho told >other\nchmod 666 secret other",
                check=True)
    return machine


@pytest.fixture
def box(guest, tmp_path):
    """Makes a container whose init runs under that profile."""
    @contextlib.contextmanager
    def make(profile, **options):
        def edit(config):
            if profile:
                config["process"]["apparmorProfile"] = profile
        with guest.container(str(tmp_path), edit=edit, **options) as init:
            yield init
    return make


def label(guest, pid):
    return guest.read(f"/proc/{pid}/attr/apparmor/current").rstrip("\n")


@pytest.mark.parametrize("kind", LABELS)
def test_a_login_has_the_inits_label(guest, box, kind):
    profile, shown = LABELS[kind]
    with box(profile) as init:
        assert label(guest, init) == shown
        with guest.session() as shell:
            assert label(guest, shell) == shown


def test_what_the_profile_denies_is_denied_to_a_login(guest, box):
    with box("ctsh-box"):
        got = guest.login("cat /etc/other; cat /etc/secret")
    assert (got.status, got.out) == (1, "told\n"), guest.seen(got)
    assert got.err == "cat: can't open '/etc/secret': Permission denied\n"


def test_both_profiles_of_a_stack_deny(guest, box):
    with box("ctsh-box//&ctsh-other"):
        got = guest.login("cat /etc/secret; cat /etc/other; cat /etc/hostname")
    assert got.out == "inside\n", guest.seen(got)
    assert got.err.count("Permission denied") == 2


def test_what_a_login_starts_has_the_label_too(guest, box):
    with box("ctsh-box"):
        got = guest.login("sh -c 'cat /proc/self/attr/current'")
    assert got.out == "ctsh-box (enforce)\n", guest.seen(got)


def test_without_a_label_there_is_none(guest, box):
    with box(None) as init:
        assert label(guest, init) == "unconfined"
        with guest.session() as shell:
            assert label(guest, shell) == "unconfined"


def test_signals_reach_a_session_under_a_tight_profile(guest, box):
    with box("ctsh-tight"):
        with guest.session() as shell:
            guest.run(f"kill {guest.status(shell)['PPid']}", check=True)
            ended = guest.run(f"n=0\nwhile [ -d /proc/{shell} ]; do\n"
                              "[ $((n += 1)) -lt 200 ] || exit 1\n"
                              "usleep 20000\ndone")
            assert ended.status == 0, guest.read(f"/proc/{shell}/status")


def test_at_a_terminal(guest, box):
    with box("ctsh-box"):
        got = guest.terminal("tty; cat /proc/self/attr/current /etc/secret")
    assert "/dev/pts/0\r\nctsh-box (enforce)\r\n" in got.out, guest.seen(got)
    assert "Permission denied" in got.out


@pytest.mark.parametrize("options", [{"nnp": True}, {"userns": 300000},
                                     {"nnp": True, "userns": 300000},
                                     {"seccomp": False}], ids=str)
def test_the_label_goes_with_every_other_confinement(guest, box, options):
    """With no_new_privs a later change of label may be refused."""
    with box("ctsh-box", **options) as init:
        with guest.session() as shell:
            assert label(guest, shell) == "ctsh-box (enforce)"
            for name in ("NoNewPrivs", "Seccomp", "Seccomp_filters", "CapBnd"):
                assert guest.status(shell)[name] == guest.status(init)[name]


def test_a_profile_that_is_gone_confines_neither(guest, box):
    """The kernel takes a profile that is removed off its processes."""
    with box("ctsh-gone") as init:
        guest.run("apparmor_parser -R /run/profiles-gone", check=True)
        assert label(guest, init) == "unconfined"
        with guest.session() as shell:
            assert label(guest, shell) == "unconfined"


@pytest.fixture(autouse=True)
def gone(guest):
    guest.write("/run/profiles-gone", "profile ctsh-gone "
                "flags=(attach_disconnected) { capability, file, mount, "
                "umount, pivot_root, signal, ptrace, network, unix, }\n")
    guest.run("apparmor_parser -Kr /run/profiles-gone", check=True)


def test_a_label_that_ctsh_may_not_choose_refuses(guest, box):
    """As under a confined sshd whose profile does not say change_profile."""
    with box("ctsh-box"):
        got = guest.login("id", before=under("ctsh-caller"))
        reason = guest.reason(got, "E_UNSAFE")
    assert reason == "ask for the security label: EACCES"


def test_a_caller_that_may_choose_it_lands(guest, box):
    with box("ctsh-box"):
        with guest.session(before=under("ctsh-other")) as shell:
            assert label(guest, shell) == "ctsh-box (enforce)"


def under(profile):
    """Has what follows in the script run under that profile."""
    return f"printf 'exec {profile}' >/proc/self/attr/apparmor/exec"


def test_a_rule_may_do_without(guest, box):
    with box("ctsh-box"):
        guest.lead_to("crun:box", 'allow_unconfined = {"lsm"}')
        got = guest.login("cat /proc/self/attr/current /etc/hostname")
    assert (got.status, got.out) == (0, "unconfined\ninside\n"), \
        guest.seen(got)


FAKES = {
    "a directory over attr": "mkdir -p /attr/apparmor\n"
                             ": >/attr/exec\n: >/attr/apparmor/exec\n"
                             "mount --bind /attr /proc/1/attr",
    "a tmpfs over proc": "mount -t tmpfs fake /proc\n"
                         "mkdir -p /proc/self/attr/apparmor "
                         "/proc/thread-self/attr/apparmor\n"
                         ": >/proc/self/attr/exec\n"
                         ": >/proc/self/attr/apparmor/exec\n"
                         ": >/proc/thread-self/attr/apparmor/exec",
    "no proc at all": "umount -l /proc",
}


@pytest.mark.parametrize("fake", FAKES)
def test_a_forged_proc_inside_does_not_matter(guest, box, fake):
    """CVE-2019-16884, CVE-2025-52881: the label was written to a file of the
    container's."""
    with box("ctsh-box") as init:
        guest.run(f"nsenter -m -r -t {init} sh -ec "
                  f"'{FAKES[fake]}'", check=True)
        with guest.session() as shell:
            assert label(guest, shell) == "ctsh-box (enforce)"
