# SPDX-License-Identifier: MIT
"""Images whose locales are traps for who looks there: the name is replaced, at
once, and the login lands."""

import os
import stat
import struct
import time

import pytest

MAGIC = 0xde020109
PLACE = "usr/lib/locale"
ARCHIVE = f"{PLACE}/locale-archive"


@pytest.fixture(scope="module")
def trap(lab):
    """A container whose tree the tests change."""
    with lab.crun.container("locale-trap", lab.tree("locale-trap")) as it:
        os.makedirs(f"{it.root}/{PLACE}/C.utf8")
        with open(f"{it.root}/{PLACE}/C.utf8/LC_CTYPE", "w"):
            pass
        yield it


def archive(entries, size=None, offset=20):
    """A head, and a table of these."""
    words = [MAGIC, 0, offset, 0, len(entries) if size is None else size]
    return struct.pack(f"<{5 + 3 * len(entries)}I", *words,
                       *[word for entry in entries for word in entry])


def content(data):
    def lay(path):
        with open(path, "wb") as file:
            file.write(data)
    return lay


def sparse(path):
    """A gigabyte in which every entry is the next one's hash collision."""
    with open(path, "wb") as file:
        file.write(archive([], size=(1 << 30) // 12 - 9))
        file.truncate(1 << 30)


def node(kind, device=0):
    def lay(path):
        os.mknod(path, kind | 0o666, device)
    return lay


def link(target):
    def lay(path):
        os.symlink(target, path)
    return lay


ARCHIVES = {
    "empty": content(b""),
    "cut-off": content(archive([])[:11]),
    "no-entry": content(archive([], size=0)),
    "one-entry": content(archive([(0, 0, 0)])),
    "two-entries": content(archive([(1, 1, 1)] * 2)),
    "never-empty": content(archive([(1, 20, 1)] * 40000)),
    "all-of-the-memory": content(archive([], size=0xffffffff,
                                         offset=0xffffffff)),
    "a-gigabyte": sparse,
    "fifo": node(stat.S_IFIFO),
    "device": node(stat.S_IFCHR, os.makedev(1, 5)),
    "directory": os.mkdir,
    "link-to-itself": link("locale-archive"),
    "link-to-a-descriptor": link("/proc/self/fd/0"),
    "link-out-of-the-root": link("/../../../../../etc/shadow"),
    "link-through-the-init": link("/proc/1/root/etc/passwd"),
}


def expect(lab, guest, trap, wanted):
    start = time.monotonic()
    with lab.config.own(guest, f'container = "{trap.spec}"\n'):
        result = lab.direct(guest, "-c", "echo $LANG",
                            env={"LANG": "de_DE.UTF-8"})
    assert (result.status, result.out, result.err) == (0, wanted + "\n", "")
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("what", ARCHIVES)
def test_an_archive_that_is_a_trap_has_no_locale(lab, guest, trap, what):
    path = f"{trap.root}/{ARCHIVE}"
    ARCHIVES[what](path)
    try:
        expect(lab, guest, trap, "C.UTF-8")
    finally:
        (os.rmdir if what == "directory" else os.unlink)(path)


DIRECTORIES = {
    "fifo": node(stat.S_IFIFO),
    "file": content(b"x"),
    "link-to-itself": link("de_DE.utf8"),
    "link-out-of-the-root": link("/../../../../../usr/lib/locale/C.utf8/x"),
    "link-to-the-hosts": link("/proc/self/cwd/usr/lib/locale/C.utf8"),
}


@pytest.mark.parametrize("what", DIRECTORIES)
def test_a_directory_that_is_a_trap_is_no_locale(lab, guest, trap, what):
    path = f"{trap.root}/{PLACE}/de_DE.utf8"
    DIRECTORIES[what](path)
    try:
        expect(lab, guest, trap, "C.UTF-8")
    finally:
        os.unlink(path)


@pytest.mark.parametrize("lay", [node(stat.S_IFIFO), content(b""),
                                 link("locale")],
                         ids=["fifo", "file", "link-to-itself"])
def test_a_place_that_is_none_is_as_good_as_none(lab, guest, trap, lay):
    path = f"{trap.root}/{PLACE}"
    os.rename(path, f"{path}.away")
    try:
        lay(path)
        expect(lab, guest, trap, "de_DE.UTF-8")
    finally:
        os.unlink(path)
        os.rename(f"{path}.away", path)
