# SPDX-License-Identifier: MIT
"""Carries out a page of docs/guides as its reader would.

A page's `sh` blocks run one after the other; a `text` block behind one is what
it prints.  Programs of the page's reader are scripts of the lab's in front on
the path, and a few words are the lab's own: alice is one of its users.
"""

import contextlib
import glob
import os
import re
import shlex
import shutil

from . import install, process, rootfs

PAGES = f"{install.SOURCE}/docs/guides"
IMAGE = "docker.io/library/debian:12"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)

# What an image of a distribution has and busybox has not; the last word is the
# account's name.
USERADD = """\
#!/bin/sh
shift $(($# - 1))
echo "$1:x:3000:3000::/home/$1:/bin/sh" >>/etc/passwd
echo "$1:x:3000:" >>/etc/group
mkdir "/home/$1"
chown 3000:3000 "/home/$1"
"""


def pages():
    return sorted(os.path.basename(path).removesuffix(".md")
                  for path in glob.glob(f"{PAGES}/*.md"))


def blocks(page):
    """The commands of a page and what each block of them prints, or None."""
    found = BLOCK.findall(process.read(f"{PAGES}/{page}.md"))
    for i, (kind, commands) in enumerate(found):
        if kind == "sh":
            follows = found[i + 1] if i + 1 < len(found) else ("", "")
            yield commands, follows[1] if follows[0] == "text" else None


def tree(lab, name):
    """A userland in which alice has no account yet."""
    directory = f"{lab.base}/trees/{name}"
    rootfs.make(directory, [], lab.probe)
    rootfs.write(directory, "usr/bin/useradd", USERADD, 0o755)
    return directory


class Guide:
    """One page.  `words` says what else stands for what, as regular
    expressions; `user` is alice."""

    def __init__(self, lab, page, user, words=()):
        self.lab = lab
        self.page = page
        self.user = user
        self.words = [(r"\balice\b", user.name),
                      ("@localhost", "@127.0.0.1"),
                      ("/usr/local/bin/ctsh", lab.ctsh.shell),
                      ("/etc/ctsh/", f"{lab.ctsh.etc}/"), *words]
        self.bin = f"{lab.base}/guide-{page}"

    def program(self, *argv, first="", before=()):
        """A script of the program's name for the reader's path: that command
        (in such a view) with the reader's arguments behind it, which the
        shell commands `first` may change."""
        real = shlex.join([*before, shutil.which(argv[0]), *argv[1:]])
        rootfs.write(self.bin, os.path.basename(argv[0]),
                     f'#!/bin/sh\n{first}exec {real} "$@"\n', 0o755)

    def translated(self, text):
        for word, ours in self.words:
            text = re.sub(word, ours, text)
        return text

    @contextlib.contextmanager
    def prepared(self):
        os.mkdir(self.bin)
        ssh = self.lab.sshd.argv("nobody")
        assert ssh[-1].startswith("nobody@")
        self.program(*ssh[:-1])
        self.program(self.lab.ctsh.ctl)
        try:
            yield self
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.lab.ctsh.etc}/users/{self.user.name}")
            shutil.rmtree(self.bin)

    def follow(self):
        """Does what the page says; every command must work."""
        done = 0
        for commands, prints in blocks(self.page):
            result = process.run(
                ["sh", "-e", "-u", "-c", self.translated(commands)],
                timeout=60, env={
                    "PATH": f"{self.bin}:/usr/sbin:/usr/bin:/sbin:/bin",
                    "HOME": self.bin, "LC_ALL": "C"})
            assert result.status == 0, (commands, result)
            if prints is not None:
                assert result.out == self.translated(prints), commands
            done += 1
        assert done, f"{self.page} has no commands"
