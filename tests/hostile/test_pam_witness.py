# SPDX-License-Identifier: MIT
"""join=all of the PAM module, and what goes against it on the way in."""

import copy

import pytest

from lab import engines, handmade, pam, pam_all, process

from conftest import SENTENCES

BECOME = ("setuid", "setresuid", "setreuid", "setgid", "setresgid",
          "setgroups")


@pytest.fixture(scope="module")
def services(lab):
    with pam.services(lab) as made:
        yield made


@pytest.fixture(scope="module")
def visitor(lab):
    with pam_all.visitors(lab, "witness", ("crun",)) as made:
        yield made["crun"]


def test_a_login_ends_whose_witness_was_killed(lab, services, visitor):
    """Before its first word, when nothing else says that it is gone."""
    services.line("join=all", f"users={visitor.user.name}")
    shim = handmade.tool(lab, "orphan", "-shared", "-fPIC")
    result = services.run(
        "timeout", "--signal", "KILL", "15", "env", f"LD_PRELOAD={shim}",
        "pamtester", "ctsh-test", visitor.user.name, "open_session")
    assert (result.status, result.out) == (127, ""), result
