# SPDX-License-Identifier: MIT
"""The PAM module with join=all: the service's process in the container."""

import os
import re

import pytest

from lab import pam, pam_all, process, sshd, terminal

from conftest import SENTENCES


@pytest.fixture(scope="module")
def services(lab):
    with pam.services(lab) as made:
        yield made


@pytest.fixture(scope="module")
def visitors(lab):
    with pam_all.visitors(lab) as made:
        yield made


@pytest.fixture(params=pam_all.KINDS)
def visitor(request, visitors):
    return visitors[request.param]


@pytest.fixture
def one(visitors):
    """For what does not depend on the engine."""
    return visitors["crun"]


@pytest.fixture
def line(services, visitors):
    """join=all for every visitor; another line on demand."""
    def write(*arguments):
        services.line(*(arguments or (
            "join=all", "users=" + ",".join(
                each.user.name for each in visitors.values()))))
    write()
    return write


@pytest.fixture(scope="module")
def server(lab, services, visitors):
    names = [each.user.name for each in visitors.values()]
    with sshd.sshd(f"{lab.base}/ssh-all", [*names, lab.users["plain"].name],
                   services.prefix, pam=True,
                   sftp="internal-sftp") as made:
        yield made


NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")

SHOW = ("for n in " + " ".join(NAMESPACES) + "; do "
        "echo ns.$n=$(readlink /proc/self/ns/$n); done; "
        "cat /proc/self/status; echo id=$(id -u):$(id -g):$(id -G)")


def namespaces(pid):
    return {f"ns.{n}": os.readlink(f"/proc/{pid}/ns/{n}") for n in NAMESPACES}


def parse(text):
    return {key: value.strip() for key, _, value in
            (re.sub(r"^(\w+):", r"\1=", row).partition("=")
             for row in text.splitlines())}


def expected(visitor):
    """Of the user's shell, from what the host knows of the init."""
    init, user = process.status(visitor.init), visitor.user
    return {**namespaces(visitor.init),
            "id": f"{user.uid}:{user.gid}:{user.gid} 7100",
            "CapInh": "0" * 16, "CapPrm": "0" * 16, "CapEff": "0" * 16,
            "CapBnd": init["CapBnd"], "CapAmb": "0" * 16,
            "NoNewPrivs": init["NoNewPrivs"], "Seccomp": init["Seccomp"],
            "Seccomp_filters": init["Seccomp_filters"]}


def check(visitor, text):
    seen, wanted = parse(text), expected(visitor)
    assert {key: seen.get(key) for key in wanted} == wanted


WAYS = {
    "ssh": None,
    "su": lambda name: ["su", name, "-c", SHOW],
    "su -": lambda name: ["su", "-", name, "-c", SHOW],
    "runuser": lambda name: ["runuser", "-u", name, "--", "sh", "-c", SHOW],
    "runuser -l": lambda name: ["runuser", "-l", name, "-c", SHOW],
}


def come(services, server, visitor, way):
    name = visitor.user.name
    if way == "ssh":
        return process.run(server.argv(name, SHOW))
    return services.run(*WAYS[way](name))


@pytest.mark.parametrize("way", WAYS)
def test_the_session_is_the_containers(services, server, line, visitor, way):
    result = come(services, server, visitor, way)
    assert (result.status, result.err) == (0, ""), result
    check(visitor, result.out)
