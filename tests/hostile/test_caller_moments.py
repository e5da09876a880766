# SPDX-License-Identifier: MIT
"""What a caller can do to its login at each moment of it.

A helper stops the login at every system call from the exec of the stub to the
end; a process of the caller's acts there.
"""

import os
import re

import pytest

from lab import process, rootfs

STOP, TSTP, INT, QUIT, KILL = 19, 20, 2, 3, 9
LANDED = 7 << 8
EXIT_GROUP = 231 if os.uname().machine == "x86_64" else 94
OUT = r"in\n"  # as it prints them


@pytest.fixture(scope="module")
def step(lab):
    """Calls it on logins that say "in" and end with 7; gives one
    dictionary for each of its lines."""
    helper = rootfs.compile_helper("moments", f"{lab.base}/moments")
    user = lab.boxes["crun"].user

    def call(*how, timeout=80):
        result = process.run(
            [*lab.log_prefix, helper, str(user.uid), str(user.gid),
             f"{lab.ctsh.run}/slots", *map(str, how), lab.ctsh.shell, "ctsh",
             "-c", "echo in; exit 7"], timeout=timeout)
        assert (result.status, result.err) == (0, ""), result
        return [parse(line) for line in result.out.splitlines()]
    yield call


def parse(line):
    fields = {key: int(value, 0) for key, value in
              re.findall(r"(\w+)=(0x[0-9a-f]+|\d+)\b", line)}
    out = re.search(r'out="(.*)"$', line)
    if out:
        fields["out"] = out.group(1)
    return fields


@pytest.fixture(scope="module")
def survey(step):
    *moments, end = step("survey", 0, 0, 0, 0)
    assert (end["status"], end["left"], end["out"]) == (LANDED, 0, OUT)
    assert len(moments) == end["moments"] > 300
    return moments


def first(moments, fits, start=0):
    return next(i for i, moment in enumerate(moments)
                if i >= start and fits(moment))


@pytest.fixture(scope="module")
def stub_end(survey):
    """The first moment at which the caller may not signal its login."""
    return first(survey, lambda m: m["errno"] != 0)


@pytest.fixture(scope="module")
def session_start(survey, stub_end):
    """The first at which it may again."""
    return first(survey, lambda m: m["errno"] == 0, stub_end)


def test_the_caller_may_signal_the_stub_and_the_supervisor_alone(
        survey, stub_end, session_start):
    eperm = 1
    errors = [moment["errno"] for moment in survey]
    assert errors == [0] * stub_end + [eperm] * (session_start - stub_end) + \
        [0] * (len(survey) - session_start)
    assert 50 < stub_end < session_start - 200
    assert session_start < len(survey)


def test_no_other_process_of_a_login_can_ever_be_signalled(survey):
    assert [m for m in survey if m["reached"]] == []
    assert max(m["children"] for m in survey) >= 3


def test_the_stub_holds_nothing_that_anybody_waits_for(survey, stub_end):
    assert {(m["children"], m["held"]) for m in survey[:stub_end]} == {(0, 0)}


def at_each_moment_of_the_stub(step, stub_end, signal):
    """Every moment's outcome; the last few are past it."""
    moments = step("signal", signal, 0, stub_end + 2, 1)
    assert [m["moment"] for m in moments] == list(range(stub_end + 3))
    assert [m["errno"] for m in moments] == [0] * stub_end + [1] * 3
    assert {m["left"] for m in moments} == {0}
    return [(m["status"], m["stops"], m["held"], m["out"]) for m in moments]


def test_a_stub_stopped_at_any_moment_holds_nothing_and_goes_on(step,
                                                                stub_end):
    seen = at_each_moment_of_the_stub(step, stub_end, STOP)
    assert seen == [(LANDED, 1, 0, OUT)] * stub_end + \
        [(LANDED, 0, 0, OUT)] * 3


def count_first(seen, wanted):
    """How many at the beginning are `wanted`; the others must not be."""
    count = first([*seen, None], lambda one: one != wanted)
    assert wanted not in seen[count:]
    return count


def test_a_polite_stop_works_until_the_stub_ignores_it(step, stub_end):
    seen = at_each_moment_of_the_stub(step, stub_end, TSTP)
    ignored = count_first(seen, (LANDED, 1, 0, OUT))
    assert ignored > 20
    assert seen[ignored:] == [(LANDED, 0, 0, OUT)] * (len(seen) - ignored)


@pytest.mark.parametrize("signal", [INT, QUIT])
def test_an_interrupt_works_until_the_stub_ignores_it(step, stub_end, signal):
    seen = at_each_moment_of_the_stub(step, stub_end, signal)
    ignored = count_first(seen, (signal, 0, 0, ""))
    assert ignored > 20
    assert seen[ignored:] == [(LANDED, 0, 0, OUT)] * (len(seen) - ignored)


def test_a_stub_killed_at_any_moment_leaves_nothing(step, stub_end):
    seen = at_each_moment_of_the_stub(step, stub_end, KILL)
    assert seen == [(KILL, 0, 0, "")] * stub_end + [(LANDED, 0, 0, OUT)] * 3


def at_the_supervisor(step, session_start, signal):
    """From a little before it to the end.  How many calls a login makes
    differs a little from one to the next."""
    moments = step("signal", signal, session_start - 30, session_start + 200,
                   2)
    reached = [m for m in moments if m["errno"] == 0]
    assert len(reached) > 10
    assert {(m["status"], m["stops"], m["out"]) for m in moments
            if m["errno"]} <= {(LANDED, 0, OUT)}
    assert {m["left"] for m in moments} == {0}
    return reached


def test_a_supervisor_stopped_at_any_moment_goes_on(step, session_start):
    for m in at_the_supervisor(step, session_start, STOP):
        assert (m["status"], m["out"]) == (LANDED, OUT), m
        # Who is at its exit does not stop any more.
        assert m["stops"] == (m["call"] != EXIT_GROUP), m


def test_a_supervisor_killed_at_any_moment_takes_all_with_it(step,
                                                             session_start):
    for m in at_the_supervisor(step, session_start, KILL):
        assert m["status"] == KILL and m["out"] in ("", OUT), m


def test_a_supervisor_interrupted_at_any_moment_takes_all_with_it(
        step, session_start):
    for m in at_the_supervisor(step, session_start, INT):
        assert m["status"] in (INT, LANDED) and m["out"] in ("", OUT), m


def typed(step, survey, stub_end, key):
    """At moments of the whole login, and at more of them in the stub."""
    moments = [*step("key", ord(key), 0, stub_end, 9),
               *step("key", ord(key), stub_end, len(survey) + 60, 23)]
    assert {m["left"] for m in moments} == {0}
    assert len(moments) > 40
    return moments


def test_control_z_typed_at_any_moment_stops_no_login_for_good(
        step, survey, stub_end):
    moments = typed(step, survey, stub_end, "\x1a")
    for m in moments:
        assert m["status"] == LANDED and "in" in m["out"], m
    stops = [m for m in moments if m["stops"]]
    assert {m["held"] for m in stops} == {0}
    assert len(stops) > 5
    assert not [m for m in stops if stub_end <= m["moment"]
                < stub_end + 200], "stopped while it was root's"


@pytest.mark.parametrize("key,signal", [("\x03", INT), ("\x1c", QUIT)],
                         ids=["control-c", "control-backslash"])
def test_control_c_typed_at_any_moment_ends_a_login_or_is_ignored(
        step, survey, stub_end, session_start, key, signal):
    moments = typed(step, survey, stub_end, key)
    for m in moments:
        assert m["status"] in (LANDED, signal), m
        # While it is root's, a key does nothing.
        if stub_end <= m["moment"] < session_start - 100:
            assert m["status"] == LANDED and "in" in m["out"], m
    assert signal in {m["status"] for m in moments}


@pytest.mark.parametrize("signal", [STOP, TSTP, INT, KILL, 15])
def test_a_login_among_signals_lands_or_ends(step, signal):
    """Sixty logins each, in real time, with every process of each aimed at."""
    moments = step("pester", signal, 60, os.getpid(), 0)
    assert len(moments) == 60
    for m in moments:
        assert m["left"] == 0 and m["reached"] == 0, m
        assert m["status"] in (LANDED, signal), m
        assert m["out"] == OUT or m["status"] == signal, m
    assert LANDED in {m["status"] for m in moments}


def test_300_callers_at_once_stay_within_their_slots(lab, step):
    """Eight of them are root's at work, whatever comes; others log in."""
    *callers, end = step("crowd", 0, 300, 0, 0)
    assert (end["gone"], end["left"], end["held"]) == (300, 0, 0)
    assert 0 < end["peak"] <= 8
    assert len(callers) == 300
    landed = [c for c in callers if (c["status"], c["out"]) == (LANDED, OUT)]
    limited = [c for c in callers if c["status"] == 125 << 8 and re.fullmatch(
        r"ctsh: You have too many sessions\. \[E_LIMIT [0-9a-f]{8}\]\\n",
        c["out"])]
    assert len(landed) + len(limited) == 300
    # Those that work and those that may wait.
    assert len(landed) >= 8 + 64
