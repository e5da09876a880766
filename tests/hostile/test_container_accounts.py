# SPDX-License-Identifier: MIT
"""Containers whose account files are traps."""

import os
import stat

import pytest

from lab.hostile import (  # noqa: F401  (siege is a fixture)
    GROUP, PRIMARY, USERNS, Case, Lands, Refused, siege)

MISSING = Refused("E_IDENTITY", "no account in the container for {user}")
MALFORMED = Refused("E_IDENTITY",
                    "the container's account for {user} is malformed")
ROOT = Refused("E_IDENTITY", "uid 0 is root")
ROOTS_GROUP = Refused("E_IDENTITY", "group 0 is root's")
ONLY_PRIMARY = Lands(groups=(PRIMARY,))

MEBIBYTE = 1 << 20
ZERO = os.makedev(1, 5)
HEAD = "root:x:0:0:root:/root:/bin/sh\n"


def passwd(make):
    """Spoils etc/passwd: `make` gives its content."""
    def spoil(tree):
        content = make(tree)
        tree.put("etc/passwd", HEAD.encode() + content
                 if isinstance(content, bytes) else HEAD + content)
    return spoil


def line(**fields):
    """The user's line with these fields."""
    return passwd(lambda tree: tree.account(**fields))


def group(make):
    def spoil(tree):
        tree.put("etc/group", make(tree))
    return spoil


def node(name, kind, device=0):
    return lambda tree: tree.node(name, kind, device)


def link(name, target):
    return lambda tree: tree.link(name, target.format(
        base=tree.siege.lab.base))


def plant(content):
    """A file of the host's that links in the container point at."""
    def spoil(tree):
        with open(f"{tree.siege.lab.base}/planted", "w") as file:
            file.write(content(tree))
        tree.link("etc/passwd", f"{tree.siege.lab.base}/planted")
    return spoil


def climbing(tree):
    plant(lambda tree: tree.account())(tree)
    tree.link("etc/passwd", "../" * 40 +
              f"{tree.siege.lab.base}/planted".lstrip("/"))


def through_proc(tree):
    plant(lambda tree: tree.account())(tree)
    tree.link("etc/passwd",
              f"/proc/self/root/{tree.siege.lab.base}/planted")


def through_the_init(tree):
    """A link that the kernel follows without looking at the path."""
    tree.put("etc/real", tree.account())
    tree.link("etc/passwd", "/proc/1/root/etc/real")


def linked_inside(tree):
    tree.put("srv/real", HEAD + tree.account(uid=2222, gid=2223))
    tree.link("etc/passwd", "/srv/real")


def directory(name):
    def spoil(tree):
        tree.remove(name)
        os.mkdir(tree.path(name))
    return spoil


def socket(name):
    return node(name, stat.S_IFSOCK)


def sparse(name, size, first):
    """The user's line, and then a hole."""
    def spoil(tree):
        tree.put(name, first(tree))
        os.truncate(tree.path(name), size)
    return spoil


def lines(count, form):
    return "".join(form.format(i) for i in range(count))


def unreadable(tree):
    """Root of the container's may read it by a capability only."""
    os.chown(tree.path("etc/passwd"), 1, 1)
    os.chmod(tree.path("etc/passwd"), 0o000)


def crew(tree):
    return f"crew:x:{GROUP}:{tree.user.name}\n"


def grouped(gid):
    return group(lambda tree: crew(tree) + f"x:x:{gid}:{tree.user.name}\n")


def member_of_many(count):
    return group(lambda tree: "".join(
        f"g{i}:x:{10000 + i}:{tree.user.name}\n" for i in range(count)))


PASSWD = [
    # What stands in its place.
    Case("passwd-missing", MISSING,
         spoil=lambda tree: tree.remove("etc/passwd")),
    Case("etc-missing", MISSING, spoil=lambda tree: tree.remove("etc")),
    Case("passwd-fifo", MISSING, MISSING,
         spoil=node("etc/passwd", stat.S_IFIFO)),
    Case("passwd-device", MISSING,
         spoil=node("etc/passwd", stat.S_IFCHR, ZERO)),
    Case("passwd-block-device", MISSING,
         spoil=node("etc/passwd", stat.S_IFBLK, os.makedev(7, 0))),
    Case("passwd-socket", MISSING, spoil=socket("etc/passwd")),
    Case("passwd-directory", MISSING, spoil=directory("etc/passwd")),
    Case("passwd-unreadable", MISSING, spoil=unreadable),
    Case("passwd-to-itself", MISSING, spoil=link("etc/passwd", "passwd")),
    Case("passwd-to-the-host", MISSING, MISSING,
         spoil=plant(lambda tree: tree.account())),
    Case("passwd-climbs-to-the-host", MISSING, spoil=climbing),
    Case("passwd-through-proc", MISSING, spoil=through_proc),
    Case("passwd-through-the-init", MISSING, spoil=through_the_init),
    Case("passwd-to-a-descriptor", MISSING,
         spoil=link("etc/passwd", "/proc/self/fd/0")),
    Case("etc-to-the-host", MISSING, spoil=link("etc", "/../../../../etc")),
    Case("passwd-linked-inside", Lands(uid=2222, gid=2223,
                                       groups=(2223, GROUP)),
         spoil=linked_inside),
    # Sizes.
    Case("passwd-of-a-gigabyte", MALFORMED, MALFORMED,
         spoil=sparse("etc/passwd", 1 << 30, lambda tree: tree.account())),
    Case("passwd-of-a-million-lines", MALFORMED,
         spoil=passwd(lambda tree: tree.account() +
                      lines(1000000, "u{0}:x:9{0}:1::/:/bin/sh\n"))),
    Case("passwd-just-too-long", MALFORMED,
         spoil=passwd(lambda tree: tree.account() + "#" * MEBIBYTE)),
    Case("passwd-with-the-line-last", Lands(),
         spoil=passwd(lambda tree: lines(20000, "u{0}:x:9{0}:1::/:/bin/x\n")
                      + tree.account())),
    Case("passwd-line-too-long", MALFORMED,
         spoil=passwd(lambda tree: tree.account().replace(
             "::", ":" + "g" * 5000 + ":", 1))),
    Case("passwd-home-too-long", MALFORMED, spoil=line(home="/" + "h" * 1500)),
    Case("passwd-shell-too-long", MALFORMED,
         spoil=line(shell="/" + "s" * 1500)),
    # Bytes.
    Case("passwd-nul-in-the-line", MALFORMED,
         spoil=passwd(lambda tree: tree.account().replace(
             "::", ":\0:").encode())),
    Case("passwd-nul-in-another-line", Lands(),
         spoil=passwd(lambda tree: b"a\0b:x:1:1::/:/\n\0\n"
                      + tree.account().encode())),
    Case("passwd-nul-behind-the-name", MISSING,
         spoil=passwd(lambda tree: tree.account(
             name=tree.user.name + "\0").encode())),
    Case("passwd-of-bytes", MISSING,
         spoil=passwd(lambda tree: bytes(range(256)) * 100)),
    Case("passwd-escape-in-the-home", MALFORMED,
         spoil=line(home="/home/\x1b]0;x\x07")),
    Case("passwd-carriage-returns", MALFORMED,
         spoil=passwd(lambda tree: tree.account().replace("\n", "\r\n"))),
    Case("passwd-no-newline", Lands(),
         spoil=passwd(lambda tree: tree.account().rstrip("\n"))),
    Case("passwd-six-fields", MALFORMED,
         spoil=passwd(lambda tree: tree.account().replace("::", ":"))),
    Case("passwd-eight-fields", MALFORMED,
         spoil=passwd(lambda tree: tree.account().replace("::", ":::"))),
    # Whose line.
    Case("passwd-first-line-wins", Lands(uid=2005, gid=2006,
                                         groups=(2006, GROUP)),
         spoil=passwd(lambda tree: tree.account(uid=2005, gid=2006)
                      + tree.account(uid=0, gid=0))),
    Case("passwd-first-line-wins-malformed", MALFORMED,
         spoil=passwd(lambda tree: tree.account(uid="x") + tree.account())),
    Case("passwd-plus-lines", MISSING,
         spoil=passwd(lambda tree: "+::::::\n+"
                      + tree.account() + "-" + tree.account())),
    Case("passwd-plus-lines-by-uid",
         Refused("E_IDENTITY", "uid 2222 is not in the container's passwd "
                 "and the rule gives no gid"),
         keys='user = "2222"\n',
         spoil=passwd(lambda tree: "+" + tree.account(uid=2222)
                      + "-" + tree.account(uid=2222)
                      + "#" + tree.account(uid=2222))),
    Case("passwd-comment", MISSING,
         spoil=passwd(lambda tree: "#" + tree.account())),
    Case("passwd-other-case", MISSING,
         spoil=passwd(lambda tree: tree.account(
             name=tree.user.name.upper()))),
    Case("passwd-the-users-uid-under-another-name", MISSING,
         spoil=passwd(lambda tree: tree.account(name="x")
                      + tree.account(name="y", uid=tree.user.uid))),
    # Ids.
    *[Case(f"uid-{name}", MALFORMED, spoil=line(uid=uid))
      for name, uid in {
          "minus-one": "-1", "minus-five": "-5", "all-bits": "4294967295",
          "two-to-32": "4294967296", "two-to-32-and-2000": "4294969296",
          "two-to-64": "18446744073709551616", "hex": "0x7d4",
          "octal": "03724", "double-zero": "00", "empty": "",
          "plus": "+2004", "blank-before": " 2004", "blank-behind": "2004 ",
          "exponent": "2e3", "point": "2004.0", "letters": "root",
          "newline-like": "2004\v"}.items()],
    *[Case(f"gid-{name}", MALFORMED, spoil=line(gid=gid))
      for name, gid in {
          "minus-one": "-1", "all-bits": "4294967295",
          "two-to-32": "4294967296", "octal": "010", "empty": ""}.items()],
    Case("uid-root", ROOT, ROOT, spoil=line(uid=0)),
    Case("gid-root", ROOTS_GROUP, spoil=line(gid=0)),
    Case("uid-root-in-a-user-namespace", ROOT, spoil=line(uid=0),
         options=USERNS),
    Case("uid-not-mapped", Refused("E_IDENTITY", "uid 70000 is not mapped"),
         spoil=line(uid=70000), options=USERNS),
    Case("gid-not-mapped", Refused("E_IDENTITY", "gid 70000 is not mapped"),
         spoil=line(gid=70000), options=USERNS),
    Case("uid-highest", Lands(uid=4294967294), spoil=line(uid=4294967294)),
]

GROUPS = [
    Case("group-missing", ONLY_PRIMARY,
         spoil=lambda tree: tree.remove("etc/group")),
    Case("group-fifo", ONLY_PRIMARY, ONLY_PRIMARY,
         spoil=node("etc/group", stat.S_IFIFO)),
    Case("group-device", ONLY_PRIMARY,
         spoil=node("etc/group", stat.S_IFCHR, ZERO)),
    Case("group-to-the-host", ONLY_PRIMARY,
         spoil=link("etc/group", "{base}/../../etc/group")),
    Case("group-of-a-gigabyte", MALFORMED,
         spoil=sparse("etc/group", 1 << 30, crew)),
    Case("group-of-a-million-lines", MALFORMED,
         spoil=group(lambda tree: lines(1000000, "g{0}:x:9{0}:a,b\n"))),
    Case("group-nul", ONLY_PRIMARY,
         spoil=group(lambda tree: crew(tree).replace("x", "\0"))),
    Case("group-of-bytes", ONLY_PRIMARY,
         spoil=group(lambda tree: bytes(range(256)) * 100)),
    Case("group-root", ROOTS_GROUP, ROOTS_GROUP, spoil=grouped(0)),
    *[Case(f"group-{name}", Lands(), spoil=grouped(gid))
      for name, gid in {
          "minus-one": "-1", "all-bits": "4294967295",
          "two-to-32": "4294967296", "double-zero": "00", "empty": "",
          "plus-zero": "+0", "blank-zero": " 0", "twice": GROUP}.items()],
    Case("group-too-many", Refused("E_IDENTITY",
                                   "more than 1024 groups in the container"),
         spoil=member_of_many(1025)),
    Case("group-not-mapped",
         Refused("E_IDENTITY", "group 70000 is not mapped"),
         spoil=grouped(70000), options=USERNS),
]

CASES = PASSWD + GROUPS


@pytest.mark.parametrize("case", CASES, ids=str)
def test_account_files(siege, case):  # noqa: F811
    siege.run(case)
