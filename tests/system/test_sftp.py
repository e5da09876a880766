# SPDX-License-Identifier: MIT
"""sftp, and scp by it, with the real clients; into containers that have no
sftp-server, and into one that has OpenSSH's, which must look the same."""

import contextlib
import hashlib
import os
import re
import shutil

import pytest

from lab import laboratory, process, rootfs, sftp

MB = 1 << 20
OPENSSH = "/usr/lib/openssh/sftp-server"


@pytest.fixture
def here(lab, request):
    """An empty directory on this side."""
    name = f"{lab.base}/sftp-{abs(hash(request.node.nodeid)):x}"
    os.mkdir(name)
    yield name
    shutil.rmtree(name)


def install_openssh(directory, place=OPENSSH):
    """OpenSSH's own server, with what it is linked to."""
    found = process.run(["ldd", OPENSSH], check=True).out
    for path in re.findall(r"(/\S+) \(", found):
        target = f"{directory}{path}"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(path, target)
    os.makedirs(os.path.dirname(f"{directory}{place}"), exist_ok=True)
    shutil.copy(OPENSSH, f"{directory}{place}")


@contextlib.contextmanager
def guest_in(lab, container, more=""):
    user = lab.users["guest"]
    with lab.config.own(user, f'container = "{container.spec}"\n{more}'):
        yield laboratory.Box("own", user, lab.inner_uid("guest"), container)


@pytest.fixture(scope="module")
def openssh_box(lab):
    """A container with OpenSSH's server, at another place than asked for."""
    directory = lab.tree("openssh-sftp")
    install_openssh(directory, "/usr/libexec/openssh/sftp-server")
    with lab.crun.container("openssh-sftp", directory) as container:
        yield container


@pytest.fixture(params=[*laboratory.BOXES, "openssh"])
def any_box(request, lab):
    if request.param != "openssh":
        yield lab.boxes[request.param]
        return
    container = request.getfixturevalue("openssh_box")
    with guest_in(lab, container) as box:
        yield box


def home(box):
    return f"/home/{box.user.name}"


def root_of(box):
    return f"/proc/{box.init}/root"


def ok(result):
    assert (result.status, result.err) == (0, ""), result
    return sftp.said(result)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def noise(path, size):
    with open(path, "wb") as file:
        for _ in range(0, size, MB):
            file.write(os.urandom(min(MB, size)))
    return path


def test_which_server_serves(lab, any_box):
    """Ours, by the descriptor, or the container's own, wherever it is."""
    with sftp.raw(lab, any_box.user) as client:
        client.greet()
        there = [pid for pid in process.descendants(any_box.init)
                 + process.pids()
                 if "sftp-server" in " ".join(process.cmdline(pid)[:3])
                 and process.status(pid)["NSpid"].split()[1:]]
        assert there
        argv = process.cmdline(there[0])
    assert argv == (["sftp-server"] if any_box.kind != "own" else
                    ["/usr/libexec/openssh/sftp-server"])


def test_a_file_goes_in_and_comes_back(lab, any_box, here):
    noise(f"{here}/a", 3 * MB)
    ok(sftp.batch(lab, any_box.user, f"put {here}/a f",
                  f"get f {here}/b"))
    assert digest(f"{here}/b") == digest(f"{here}/a")
    info = os.stat(f"{root_of(any_box)}{home(any_box)}/f")
    shift = laboratory.USERNS_START if any_box.kind == "userns" else 0
    assert (info.st_uid, info.st_mode & 0o7777) == \
        (any_box.uid + shift, 0o644)
