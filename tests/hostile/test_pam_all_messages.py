# SPDX-License-Identifier: MIT
"""join=all in a locale of the host's, and a container with translations for it.

A catalogue of messages is a file that a service opens when it says something;
its text may be a format, and its character set a module that is loaded.  So
neither may be the container's, whatever the service says after the session was
opened.
"""

import glob
import os
import re
import shutil
import signal
import struct
import subprocess

import pytest

from lab import pam, pam_all, process, rootfs, sshd, terminal

LIBRARIES = f"usr/lib/{os.uname().machine}-linux-gnu"

# With the character set of what their catalogue says: that of the locale, or
# one that takes a module.
LOCALES = {
    "de_DE.UTF-8": ("UTF-8", "UTF-8"),
    "ko_KR.UTF-8": ("UTF-8", "EUC-KR"),
    "ja_JP.EUC-JP": ("EUC-JP", "EUC-JP"),
}

DOMAINS = ("util-linux", "shadow", "Linux-PAM", "sudo", "sudoers", "libc")

# Whatever may be said by these is somewhere in them.
SPEAKERS = ("/bin/su", "/bin/login", "/usr/bin/sudo", "/usr/sbin/sshd",
            "/usr/lib/sudo/*.so*", f"/{LIBRARIES}/libpam*.so.0",
            f"/{LIBRARIES}/libc.so.6")

EVIL = b"EVIL %n"


def strings(path):
    with open(path, "rb") as file:
        return {one for one in file.read().split(b"\0") if len(one) > 3
                and all(31 < byte < 127 or byte in b"\n\t" for byte in one)}


def catalogue(charset):
    """Translates all of it, in the format of gettext."""
    known = {b"": b"Content-Type: text/plain; charset=" + charset.encode()}
    for pattern in SPEAKERS:
        for path in glob.glob(pattern):
            known |= dict.fromkeys(strings(path), EVIL)
    pairs = sorted(known.items())
    count, at = len(pairs), 28 + 16 * len(pairs)
    table, texts = [], []
    for text in [pair[part] for part in (0, 1) for pair in pairs]:
        table += [len(text), at]
        texts.append(text + b"\0")
        at += len(text) + 1
    return struct.pack(f"<{7 + 4 * count}I", 0x950412de, 0, count, 28,
                       28 + 8 * count, 0, 28 + 16 * count,
                       *table) + b"".join(texts)


@pytest.fixture(scope="module")
def traps(lab):
    """What a container may have at these places: a directory for each."""
    place = f"{lab.base}/traps"
    os.makedirs(f"{place}/gconv")
    evil = rootfs.compile_helper(
        "marker", f"{place}/evil.so", f'-DHOST_MARKS="{lab.base}/said"',
        "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-shared",
        "-fPIC")
    os.mkdir(f"{lab.base}/said")
    os.chmod(f"{lab.base}/said", 0o1777)
    for path in glob.glob(f"/{LIBRARIES}/gconv/*.so"):
        shutil.copy(evil, f"{place}/gconv/{os.path.basename(path)}")
    shutil.copy(f"/{LIBRARIES}/gconv/gconv-modules.cache", f"{place}/gconv/")
    for name, (_, charset) in LOCALES.items():
        where = f"{place}/locale/{name.split('.')[0]}/LC_MESSAGES"
        os.makedirs(where)
        text = catalogue(charset)
        for domain in DOMAINS:
            with open(f"{where}/{domain}.mo", "wb") as file:
                file.write(text)
    return place


@pytest.fixture(scope="module")
def locales(lab):
    """As if the machine had generated these, and no other."""
    place = f"{lab.base}/locales"
    os.mkdir(place)
    for name, (charset, _) in LOCALES.items():
        # What is in it does not matter.  Of the least it says what is missing,
        # and that is its status.
        process.run(["localedef", "-i", "POSIX", "-f", charset,
                     f"{place}/{name}"], timeout=60)
        assert os.path.exists(f"{place}/{name}/LC_MESSAGES")
    return place


@pytest.fixture(scope="module")
def services(lab, locales):
    with pam.services(lab) as made:
        process.run([*made.prefix, "mount", "--bind", locales,
                     "/usr/lib/locale"], check=True)
        yield made


@pytest.fixture(scope="module")
def visitor(lab, traps):
    with pam_all.visitors(lab, "said", ("crun",)) as made:
        root = made["crun"].inside("").rstrip("/")
        shutil.copytree(f"{traps}/locale", f"{root}/usr/share/locale")
        shutil.copytree(f"{traps}/gconv", f"{root}/{LIBRARIES}/gconv")
        os.makedirs(f"{root}/usr/lib/locale")
        os.mkdir(f"{root}/marks")
        os.chmod(f"{root}/marks", 0o1777)
        # That it is not there is one more thing to be said.
        shutil.rmtree(made["crun"].inside(made["crun"].user.home))
        yield made["crun"]


@pytest.fixture(params=LOCALES)
def env(request):
    return {"PATH": os.environ["PATH"], "TERM": "dumb",
            "LANG": request.param}


@pytest.fixture
def marks(lab, visitor):
    """None, at the end."""
    yield
    assert os.listdir(visitor.inside("marks")) == []
    assert os.listdir(f"{lab.base}/said") == []


# -- what makes them say something ---------------------------------------------

def at_terminal(argv, env, *answers):
    with terminal.Terminal(argv, env=env) as screen:
        said = ""
        for answer in answers:
            screen.prompt()
            said += screen.child.before
            screen.type(answer)
        screen.child.expect(terminal.pexpect.EOF)
        return said + screen.child.before


def su_without_shell(services, name, env):
    result = services.run("su", name, "-s", "/nosuch/shell", env=env)
    return result.out + result.err


def su_is_ended(services, name, env):
    with subprocess.Popen([*services.prefix, "su", name, "-c",
                           "echo in; exec sleep 20"], env=env,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as running:
        line = running.stdout.readline()
        running.send_signal(signal.SIGTERM)
        return process.text(line + running.communicate(timeout=15)[0])


def su_login(services, name, env):
    result = services.run("su", "-", name, "-c", "kill -SEGV $$", env=env)
    return result.out + result.err


def runuser(services, name, env):
    result = services.run("runuser", "-u", name, "/nosuch/program", env=env)
    return result.out + result.err


def sudo(services, name, env):
    result = services.run("sudo", "-n", "-u", name, "/usr/bin/pamtester",
                          env=env)
    return result.out + result.err


def sudo_login(services, name, env):
    return at_terminal([*services.prefix, "sudo", "-i", "-u", name], env,
                       "kill -SEGV $$\n")


def login(services, name, env):
    return at_terminal([*services.prefix, "login", "-p", "-f", name], env,
                       "exit 3\n")


SAID = {
    su_without_shell: "^su: failed to execute /nosuch/shell: No such file",
    su_is_ended: r"^in\n\nSession terminated, killing shell\.\.\. "
                 r"\.\.\.killed\.\n$",
    su_login: "^su: warning: cannot change directory to .*\n"
              "Segmentation fault",
    runuser: "^runuser: failed to execute /nosuch/program: No such file",
    sudo: "^sudo: unable to execute /usr/bin/pamtester: No such file",
    sudo_login: "^sudo: unable to change directory to ",
    login: "^No directory, logging in with HOME=/",
}


@pytest.mark.parametrize("way", SAID, ids=lambda way: way.__name__)
def test_nothing_is_said_in_its_words(services, visitor, env, marks, way):
    services.line("join=all", f"users={visitor.user.name}")
    assert re.search(SAID[way], way(services, visitor.user.name, env))


def test_sshd(lab, services, visitor, env, marks):
    name = visitor.user.name
    services.line("join=all", f"users={name}")
    with sshd.sshd(f"{lab.base}/ssh-{env['LANG']}", [name],
                   ["env", f"LANG={env['LANG']}", *services.prefix], pam=True,
                   sftp="internal-sftp") as server:
        assert process.run(server.argv(name, "echo in")).out == "in\n"
        said = at_terminal(server.argv(name, options=["RequestTTY=force"]),
                           env, "exit 3\n")
        assert b"EVIL" not in os.fsencode(said + process.read(server.log))


@pytest.fixture
def loot(lab):
    yield f"{lab.base}/said"
    for name in os.listdir(f"{lab.base}/said"):
        os.unlink(f"{lab.base}/said/{name}")


@pytest.mark.parametrize("name, said, marks", [
    ("de_DE.UTF-8", "su: EVIL : EVIL %n\n", []),
    ("ko_KR.UTF-8", "", ["mark"])])
def test_and_would_be_if_the_files_were_the_hosts(services, visitor, traps,
                                                  loot, name, said, marks):
    """Or all of this would prove nothing.  Behind a module that has no function
    libc waits for ever."""
    services.line("join=all", "users=nobody")
    cover = (f"mount --bind {traps}/locale /usr/share/locale && "
             f"mount --bind {traps}/gconv /{LIBRARIES}/gconv && "
             "exec timeout --signal KILL 2 "
             f"su {visitor.user.name} -s /nosuch/shell")
    result = services.run("unshare", "--mount", "sh", "-c", cover,
                          env={"PATH": os.environ["PATH"], "LANG": name})
    assert (result.err, os.listdir(loot)) == (said, marks), result
