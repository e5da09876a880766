# SPDX-License-Identifier: MIT
"""A login is like the engine's own exec as the same user, in every field that
a process can tell or be told of; for each engine, in each variant of what it
can be asked for.  tests/data/parity-allowed has the differences."""

import contextlib
import os
import shutil

import pytest

from lab import install, parity, variants
from lab.seen import differences

ALLOWED = os.path.join(install.SOURCE, "tests/data/parity-allowed")

# Bits of CapBnd.
DROPPED = 1 << 1 | 1 << 4 | 1 << 18     # see variants.DROPPED
ADDED = 1 << 12 | 1 << 19               # see variants.ADDED
ADDED_BY_LXC = 1 << 16 | 1 << 17 | 1 << 25 | 1 << 32 | 1 << 33
SYS_ADMIN = 1 << 21

SKIPPED = {"syscall.exit", "syscall.exit_group", "syscall.rt_sigreturn",
           "syscall.reboot", "syscall.sync", "syscall.pause", "syscall.vfork"}


def allowed():
    """(field, engine) to the reason."""
    entries = {}
    with open(ALLOWED) as file:
        lines = [line.strip() for line in file]
    for line in lines:
        if not line or line.startswith("#"):
            continue
        field, names, reason = (part.strip() for part in line.split("|"))
        for engine in names.split():
            assert engine in parity.ENGINES and reason, line
            assert (field, engine) not in entries, line
            entries[field, engine] = reason
    return entries


@pytest.fixture(scope="module")
def ways(lab):
    with contextlib.ExitStack() as stack:
        yield parity.Parity(lab, stack)


def there_is(engine):
    """LXD is not packaged everywhere: Ubuntu has it as a snap only."""
    return engine != "lxd" or shutil.which(engine)


def demand(engine):
    if not there_is(engine):
        pytest.skip(f"{engine} is not installed")


@pytest.fixture(scope="module", params=parity.PAIRS, ids="-".join)
def pair(request):
    demand(request.param[0])
    return request.param


@pytest.fixture(scope="module")
def seen(ways, pair):
    return ways.look(*pair)


@pytest.fixture(scope="module", params=parity.ENGINES)
def engine(request):
    demand(request.param)
    return request.param


@pytest.fixture(scope="module")
def of_engine(ways, engine):
    """Variant to what was seen of it."""
    return {variant: ways.look(engine, variant)
            for variant in variants.VARIANTS}


def test_a_login_is_like_the_engines_own_exec(seen, pair):
    excused = {field for field, engine in allowed() if engine == pair[0]}
    assert {field: both for field, both in seen.differences().items()
            if field not in excused} == {}


def test_a_login_is_like_the_init(seen):
    """Also where the engine's exec is not."""
    assert {field: seen.login[field] for field in seen.init} == seen.init


def test_a_setuid_program_has_what_it_has_under_exec(seen):
    assert seen.login_setuid == seen.exec_setuid


def test_a_setuid_program_has_no_more_than_the_init(seen):
    bound = int(seen.init["status.CapBnd"], 16)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(seen.login_setuid[name], 16) & ~bound == 0, name


def test_every_system_call_was_tried_but_a_listed_few(seen):
    calls = [field for field in seen.login if field.startswith("syscall.")]
    assert len(calls) >= 481
    assert {call for call in calls if seen.login[call] == "skipped"} == SKIPPED
    # What blocks for ever would be the same in any container, and so would
    # what could not be tried.
    assert [call for call in calls if seen.login[call] == "signal 14"
            or seen.login[call].startswith("not tried")] == []


# -- that each variant is one, or the tests above would say nothing ----------

def capabilities(one):
    return int(one.login["status.CapBnd"], 16)


def test_dropped_capabilities_are_dropped(of_engine):
    assert capabilities(of_engine["default"]) & DROPPED == DROPPED
    assert capabilities(of_engine["dropped"]) & DROPPED == 0
    assert int(of_engine["dropped"].login_setuid["CapEff"], 16) == \
        capabilities(of_engine["dropped"])


def test_added_capabilities_are_added(engine, of_engine):
    """LXC leaves most of them anyway, LXD all."""
    more = {"lxc": ADDED_BY_LXC, "lxd": 0}.get(engine, ADDED)
    assert capabilities(of_engine["added"]) == \
        capabilities(of_engine["default"]) | more
    assert capabilities(of_engine["default"]) & more == 0


def test_a_custom_filter_answers_as_written(of_engine):
    login = of_engine["seccomp"].login
    assert {name: login[f"syscall.{name}"] for name in
            ("unshare", "sysinfo", "vhangup", "acct", "mincore")} == {
                "unshare": "1", "sysinfo": "95", "vhangup": "signal 31",
                "acct": "signal 31", "mincore": "71"}
    other = of_engine["default"].login
    assert other["syscall.sysinfo"] != "95"


def test_no_new_privs_is_set_and_nowhere_else(of_engine):
    assert {variant: one.login["status.NoNewPrivs"]
            for variant, one in of_engine.items()} == {
                variant: str(int(variant == "nnp")) for variant in of_engine}
    assert int(of_engine["nnp"].login_setuid["CapEff"], 16) == 0


def test_limits_are_lowered(engine, of_engine):
    login = of_engine["rlimits"].login
    soft, hard = variants.RUNC_NOFILE if engine in ("runc", "docker") \
        else variants.RLIMITS["nofile"]
    assert login["limit.Max open files"] == f"{soft} {hard} files"
    assert login["limit.Max processes"] == "150 250 processes"
    assert login["limit.Max stack size"] == "4194304 16777216 bytes"
    assert login["limit.Max cpu time"] == "900 1000 seconds"
    assert login["oom_score_adj"] == str(variants.OOM_SCORE_ADJ)


def test_scheduling_is_another(engine, of_engine):
    """A daemon starts docker's and LXD's; LXC sets a personality itself."""
    login = of_engine["scheduling"].login
    other = of_engine["default"].login
    assert login["status.Cpus_allowed_list"] == str(variants.CPU)
    if engine in ("docker", "lxd"):
        return
    names = ("scheduling.nice", "scheduling.io", "timer_slack")
    assert [login[name] for name in names] == ["5", "16390", "70000"]
    assert [other[name] for name in names] == ["0", "0", "50000"]
    assert login["personality"] == ("0" if engine == "lxc" else "262144")


# -- the caller ---------------------------------------------------------------

def test_what_the_caller_was_gives_it_no_more(ways):
    """The limit is one that a user had before; the rest, as listed, is about
    the caller's own memory and core."""
    plain, odd = ways.look_at_callers()
    assert differences(plain, odd) == {
        "limit.Max open files": ("512 1024 files", "150 150 files"),
        "coredump_filter": (plain["coredump_filter"], "0000007f"),
        "status.THP_enabled": ("1", "0"),
        "thp_disable": ("0", "1")}


# -- the contrast ------------------------------------------------------------

def test_nsenter_gives_a_setuid_program_more_than_the_container(
        engine, of_engine):
    """Plain `nsenter --all --setuid` brings the bounding set of the host, or
    all of it in a user namespace, and none of the filters."""
    one = of_engine["dropped"]
    bound = int(one.init["status.CapBnd"], 16)
    handed_out = int(one.nsenter_setuid["CapEff"], 16)
    assert handed_out & DROPPED == DROPPED
    assert handed_out & SYS_ADMIN == SYS_ADMIN
    assert bound & DROPPED == 0
    assert one.nsenter_setuid["Seccomp"] == "0"
    assert one.login_setuid["Seccomp"] == "2"
    if engine != "lxd":
        with open("/proc/self/status") as file:
            own = dict(line.split(":", 1) for line in file)
        assert handed_out == int(own["CapBnd"], 16)


def test_no_new_privs_does_not_hold_back_nsenter(of_engine):
    assert of_engine["nnp"].nsenter_setuid["NoNewPrivs"] == "0"
    assert int(of_engine["nnp"].nsenter_setuid["CapEff"], 16) != 0


# -- the list ----------------------------------------------------------------

@pytest.fixture(scope="module")
def all_seen(ways):
    return {pair: ways.look(*pair) for pair in parity.PAIRS
            if there_is(pair[0])}


def test_every_allowed_difference_is_there(all_seen):
    needed = {(field, engine) for (engine, _), one in all_seen.items()
              for field in one.differences()}
    assert {(field, engine) for field, engine in allowed()
            if there_is(engine)} - needed == set()
