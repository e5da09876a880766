# SPDX-License-Identifier: MIT
"""The administrator's tool."""

import glob
import os
import re

import pytest

from lab import process

DATA = os.path.join(os.path.dirname(__file__), "../data/config")
GOOD, BAD = (sorted(path for path in glob.glob(f"{DATA}/{kind}/*")
                    if os.path.isfile(path)) for kind in ("good", "bad"))


def answer(result):
    """The lines `key: value`; a line without a key goes on with the last."""
    found, last = {}, None
    for line in result.out.splitlines():
        key, colon, value = line.partition(":")
        if colon and key.isalpha():
            last = key
            found[last] = value.strip()
        elif last:
            found[last] += "\n" + line.strip()
    return found


# -- explain -----------------------------------------------------------------

def test_explain_tells_the_way_of_a_login(lab, box):
    result = lab.ctl("explain", box.user.name)
    assert result.err == ""
    assert result.status == 0
    way = answer(result)
    assert way["person"].startswith(
        f"{box.user.name} uid={box.user.uid} gid={box.user.gid} ")
    assert way["rule"].startswith(f"{box.kind} ({lab.config.file}:")
    assert way["container"].startswith(f"{box.container.spec} ")
    assert way["container"].endswith(f" pid={box.init}")
    assert way["identity"].startswith(f"uid={box.uid} gid={box.uid} ")
    assert way["shell"].splitlines()[0] == "/bin/sh"
    assert "refused" not in way


def test_explain_enters_nothing(lab, crun_box):
    before = process.descendants(crun_box.init)
    lab.ctl("explain", crun_box.user.name)
    assert process.descendants(crun_box.init) == before


def test_explain_names_the_line_of_the_rule(lab, crun_box):
    lines = lab.config.standard.splitlines()
    number = lines.index("rule crun {") + 1
    way = answer(lab.ctl("explain", crun_box.user.name))
    assert way["rule"] == f"crun ({lab.config.file}:{number})"


def test_explain_names_the_users_own_file(lab, guest):
    with lab.config.own(guest, 'container = "labcrun:box"\n') as path:
        way = answer(lab.ctl("explain", guest.name))
    assert path in way["rule"]


def test_explain_says_why_there_is_no_way(lab, guest):
    result = lab.ctl("explain", guest.name)
    assert result.status == 1
    way = answer(result)
    assert way["refused"].startswith("E_DENIED: ")
    assert "container" not in way


def test_explain_says_how_far_it_came(lab, guest):
    with lab.config.own(guest, 'container = "labcrun:absent"\n'):
        result = lab.ctl("explain", guest.name)
    assert result.status == 1
    way = answer(result)
    assert "rule" in way
    assert way["refused"].startswith("E_ABSENT: ")


def test_explain_knows_the_missing_account(lab):
    stranger = lab.users["stranger"]
    with lab.config.own(stranger, 'container = "labcrun:box"\n'):
        result = lab.ctl("explain", stranger.name)
    assert result.status == 1
    assert answer(result)["refused"].startswith("E_IDENTITY: ")


def test_explain_names_the_line_of_a_mistake(lab, crun_box):
    with lab.config.replaced("\n\nnonsense\n") as path:
        result = lab.ctl("explain", crun_box.user.name)
    assert result.status == 1
    assert answer(result)["refused"].startswith(f"E_CONFIG: {path}:3: ")


def test_explain_knows_break_glass(lab):
    keeper = lab.users["keeper"]
    with lab.config.break_glass(f"{keeper.name}\n"):
        result = lab.ctl("explain", keeper.name)
    assert result.status == 0
    assert answer(result)["host"].startswith("/bin/bash")


def test_explain_of_nobody_is_wrong_usage(lab):
    result = lab.ctl("explain", "nobody-of-that-name")
    assert (result.status, result.out) == (2, "")


def test_explain_is_for_root(lab, guest):
    result = lab.run_as(guest, lab.ctsh.ctl, "explain", guest.name)
    assert (result.status, result.out) == (2, "")


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["explain"],
                                       ["explain", "a", "b"],
                                       ["check", "a", "b"]])
def test_wrong_usage(lab, arguments):
    result = lab.ctl(*arguments)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("usage: ctshctl ")


# -- check -------------------------------------------------------------------

def test_check_is_content_with_a_good_configuration(lab):
    result = lab.ctl("check")
    assert (result.status, result.err) == (0, "")


def test_check_names_file_and_line_of_a_mistake(lab):
    with lab.config.replaced("\nnonsense\n") as path:
        result = lab.ctl("check")
    assert result.status == 1
    assert result.err.startswith(f"error: {path}:2: ")


def test_check_reads_every_users_file(lab, guest):
    with lab.config.own(guest, "contaner = \"labcrun:box\"\n") as path:
        result = lab.ctl("check")
    assert result.status == 1
    assert f"{path}:1: " in result.err


def test_check_reads_break_glass(lab):
    with lab.config.break_glass("two words\n") as path:
        result = lab.ctl("check")
    assert result.status == 1
    assert path in result.err


def test_check_refuses_an_unsafe_file_in_its_place(lab):
    os.chmod(lab.config.file, 0o666)
    try:
        result = lab.ctl("check")
    finally:
        os.chmod(lab.config.file, 0o644)
    assert result.status == 1
    assert lab.config.file in result.err


@pytest.fixture
def draft(lab, tmp_path):
    def write(content):
        path = tmp_path / "draft.conf"
        path.write_text(content)
        os.chown(path, lab.users["evil"].uid, -1)
        return str(path)
    return write


def test_check_of_a_draft_only_warns_about_its_owner(lab, draft):
    path = draft(lab.config.standard)
    result = lab.ctl("check", path)
    assert result.status == 0
    assert result.err.startswith("warning: ")


def test_check_names_a_group_that_does_not_exist(lab, draft):
    rule = 'rule a { match = {"@' + lab.tag + 'none"} deny = "No." }\n'
    result = lab.ctl("check", draft(rule))
    assert result.status == 1
    assert f"{lab.tag}none" in result.err


@pytest.mark.parametrize("path", [
    path for path in GOOD if '"@' not in process.read(path)],
    ids=os.path.basename)
def test_check_of_a_good_example(lab, path):
    assert lab.ctl("check", path).status == 0


@pytest.mark.parametrize("path", BAD, ids=os.path.basename)
def test_check_of_a_bad_example_names_the_line(lab, path):
    result = lab.ctl("check", path)
    assert (result.status, result.out) == (1, "")
    last = result.err.splitlines()[-1]
    assert re.match(rf"error: {re.escape(path)}:\d+: ", last)


def test_check_of_a_draft_names_its_mistakes(lab, draft):
    path = draft("\n\n\nnonsense\n")
    result = lab.ctl("check", path)
    assert result.status == 1
    assert f"error: {path}:4: " in result.err


def test_check_of_a_draft_looks_at_nothing_else(lab, draft):
    with lab.config.replaced("nonsense\n"):
        assert lab.ctl("check", draft(lab.config.standard)).status == 0


def test_check_of_a_file_that_is_not_there(lab):
    assert lab.ctl("check", f"{lab.base}/nothing.conf").status == 1
