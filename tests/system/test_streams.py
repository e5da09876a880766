# SPDX-License-Identifier: MIT
"""Bytes: none lost, none added, whatever carries them."""

import hashlib
import os
import socket
import subprocess

import pytest

from lab import process

MB = 1_000_000


@pytest.fixture(scope="module")
def bytes_file(lab):
    """100 MB of noise in a file that everybody may read."""
    path = f"{lab.base}/noise"
    with open(path, "wb") as file:
        for _ in range(100):
            file.write(os.urandom(MB))
    yield path
    os.unlink(path)


def digest(path, size=None):
    with open(path, "rb") as file:
        if size is not None:
            return hashlib.sha256(file.read(size)).hexdigest()
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_100_mb_go_in_and_come_back_by_ssh(lab, crun_box, bytes_file):
    back = f"{lab.base}/back"
    with open(bytes_file, "rb") as source, open(back, "wb") as sink:
        done = subprocess.run(lab.sshd.argv(crun_box.user.name, "cat"),
                              stdin=source, stdout=sink, timeout=60)
    assert done.returncode == 0
    assert digest(back) == digest(bytes_file)
    os.unlink(back)


def test_100_mb_go_in_and_come_back_by_pipes(lab, crun_box, bytes_file):
    command = (f"cat {bytes_file} | " + " ".join(
        lab.direct_argv(crun_box.user, "-c", "cat")) + " | sha256sum")
    done = process.run(["sh", "-c", command], timeout=60)
    assert done.out.split()[0] == digest(bytes_file)


@pytest.mark.parametrize("kind", ["userns", "runc", "docker"])
def test_10_mb_go_in_and_come_back_by_ssh(lab, kind, bytes_file):
    data = open(bytes_file, "rb").read(10 * MB)
    done = subprocess.run(
        lab.sshd.argv(lab.boxes[kind].user.name, "cat"), input=data,
        stdout=subprocess.PIPE, timeout=60)
    assert hashlib.sha256(done.stdout).digest() == \
        hashlib.sha256(data).digest()


def ten_mb_file(lab, bytes_file, user):
    path = f"{lab.base}/ten"
    with open(bytes_file, "rb") as source, open(path, "wb") as file:
        file.write(source.read(10 * MB))
    os.chown(path, user.uid, user.gid)
    return path


def test_10_mb_come_from_a_regular_file(lab, box, bytes_file):
    path = ten_mb_file(lab, bytes_file, box.user)
    with open(path, "rb") as source:
        result = lab.direct(box.user, "-c", "sha256sum", stdin=source)
    assert result.out.split()[0] == digest(path)


def test_10_mb_go_to_a_regular_file(lab, box, bytes_file):
    path = ten_mb_file(lab, bytes_file, box.user)
    back = f"{path}.back"
    with open(path, "rb") as source, open(back, "wb") as sink:
        done = subprocess.run(lab.direct_argv(box.user, "-c", "cat"),
                              stdin=source, stdout=sink, timeout=30)
    assert done.returncode == 0
    assert digest(back) == digest(path)
    os.unlink(back)


def test_a_file_is_never_reachable_through_a_descriptor(lab, box):
    """Relayed: what the container gets is a pipe."""
    path = f"{lab.base}/precious"
    with open(path, "w") as file:
        file.write("precious\n")
    with open(path, "rb") as source:
        result = lab.direct(box.user, "-c", "readlink /proc/self/fd/0; cat",
                            stdin=source)
    link, _, rest = result.out.partition("\n")
    assert link.startswith("pipe:[")
    assert rest == "precious\n"


def test_appending_goes_to_the_end_of_the_file(lab, crun_box):
    path = f"{lab.base}/appended"
    with open(path, "wb") as file:
        file.write(b"first\n")
    with open(path, "ab") as sink:
        subprocess.run(lab.direct_argv(crun_box.user, "-c", "echo second"),
                       stdin=subprocess.DEVNULL, stdout=sink, timeout=20)
    assert process.read(path) == "first\nsecond\n"


def test_a_stream_socket_is_relayed_both_ways(lab, crun_box):
    ours, theirs = socket.socketpair()
    ran = subprocess.Popen(
        lab.direct_argv(crun_box.user, "-c", "readlink /proc/self/fd/0; cat"),
        stdin=theirs, stdout=theirs, stderr=subprocess.PIPE)
    theirs.close()
    ours.settimeout(20)
    ours.sendall(b"over the socket\n")
    ours.shutdown(socket.SHUT_WR)
    received = b"".join(iter(lambda: ours.recv(65536), b""))
    assert ran.wait(20) == 0
    ran.stderr.close()
    ours.close()
    assert received.startswith(b"pipe:[")
    assert received.endswith(b"]\nover the socket\n")


NULL_DEVICE = "1:3"


def test_dev_null_stays_dev_null(lab, crun_box):
    with open("/dev/null", "rb") as null:
        result = process.run(
            lab.direct_argv(crun_box.user, "-c",
                            "stat -L -c %t:%T /proc/self/fd/0; cat"),
            stdin=null)
    assert (result.out, result.err) == (f"{NULL_DEVICE}\n", "")


def test_what_is_written_to_dev_null_is_gone(lab, crun_box):
    with open("/dev/null", "wb", buffering=0) as null:
        done = subprocess.run(
            lab.direct_argv(crun_box.user, "-c",
                            "seq 1 100000; exit 4"),
            stdin=subprocess.DEVNULL, stdout=null, stderr=subprocess.PIPE,
            timeout=20)
    assert (done.returncode, done.stderr) == (4, b"")


def test_the_hosts_dev_null_cannot_be_changed_through_it(lab, guest):
    before = os.stat("/dev/null")
    with lab.config.own(guest, 'container = "labcrun:box"\nuser = "root"\n'
                        'allow_root = true\n'), open("/dev/null") as null:
        result = lab.direct(guest, "-c", "chmod 600 /proc/self/fd/0",
                            stdin=null)
    after = os.stat("/dev/null")
    os.chmod("/dev/null", before.st_mode)
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    assert result.status == 1
    assert "Read-only file system" in result.err


def test_dev_zero_is_relayed(lab, crun_box):
    with open("/dev/zero", "rb") as zero:
        result = lab.direct(crun_box.user, "-c", "head -c 1000000 | wc -c",
                            stdin=zero)
    assert result.out == "1000000\n"


def test_a_reader_that_leaves_ends_the_writer(lab, crun_box):
    """`yes | head`: SIGPIPE gets through."""
    command = " ".join(lab.direct_argv(
        crun_box.user, "-c", "'exec busybox yes'")) + " | head -n 1"
    assert process.run(["bash", "-c", command]).out == "y\n"
    process.wait_for(lambda: not process.find("yes"), what="no more yes")


def test_the_end_of_input_arrives(lab, box):
    result = lab.login(box.user, "wc -c", stdin=b"12345")
    assert result.out == "5\n"


def test_closed_descriptors_harm_nobody(lab, crun_box):
    """Nothing can be seen of it, but the status."""
    assert lab.direct(crun_box.user, "-c", "exit 9", how="closed").status == 9


@pytest.mark.parametrize("how", [
    "directory", "path", "socket", "listener", "event", "namespace"])
def test_other_kinds_of_descriptor_are_refused(lab, crun_box, how, refusal):
    result = lab.direct(crun_box.user, "-c", "id", how=how)
    refusal(result, crun_box.user, "E_USAGE")
