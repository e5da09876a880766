# SPDX-License-Identifier: MIT
"""One machine, emulated in software, that does what it is told."""

import base64
import contextlib
import json
import os
import select
import shlex
import shutil
import subprocess
import time

from lab import engines, process

BOOT_LIMIT = 120

QEMU = ("qemu-system-x86_64", "-accel", "tcg", "-machine", "q35",
        "-cpu", "qemu64", "-m", "512", "-nodefaults", "-no-user-config",
        "-display", "none", "-no-reboot")


class Guest:
    """A booted machine.  Its kernel's words are in the file `console`."""

    def __init__(self, vmlinuz, initrd, console, parameters):
        self.console = console
        self.machine = subprocess.Popen(
            [*QEMU, "-kernel", vmlinuz, "-initrd", initrd,
             # On a busy machine the guest finds its timer broken.
             "-append", "console=ttyS0 quiet panic=-1 no_timer_check "
             f"{parameters}",
             "-serial", f"file:{console}", "-serial", "stdio"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, bufsize=0,
            preexec_fn=process.die_with_parent)
        self.buffer = b""
        self.is_ready = False

    def wait_until_ready(self):
        if not self.is_ready:
            line = self.read_line(BOOT_LIMIT)
            assert line == b"ready", self.failure(line)
            self.is_ready = True

    def failure(self, what):
        return f"{what!r}; console:\n{process.tail(self.console)}"

    def read_line(self, timeout):
        end = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            ready = left > 0 and select.select([self.machine.stdout], [], [],
                                               left)[0]
            more = ready and os.read(self.machine.stdout.fileno(), 65536)
            if not more:
                raise process.Late(self.failure(
                    f"no line after {timeout} s: {self.buffer[-200:]}"))
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def run(self, script, timeout=60, check=False):
        """What `sh` makes of the script, as root of the guest."""
        start = time.monotonic()
        try:
            self.machine.stdin.write(base64.b64encode(script.encode()) +
                                     b"\n")
            status, _, rest = self.read_line(timeout).partition(b" ")
        except BaseException:
            # Or the next script would be given the answer to this one.
            self.machine.kill()
            raise
        out, err = (process.text(base64.b64decode(part))
                    for part in rest.split(b"."))
        result = process.Result(int(status), out, err,
                                time.monotonic() - start)
        if check and result.status:
            raise RuntimeError(f"{script}\nstatus {result.status}\n"
                               f"{result.out}{result.err}")
        return result

    def read(self, path):
        return self.run(f"cat {path}", check=True).out

    def status(self, pid):
        """/proc/PID/status as a dictionary."""
        lines = self.read(f"/proc/{pid}/status").splitlines()
        return dict(line.split(":\t", 1) for line in lines)

    def write(self, path, content):
        self.run(f"base64 -d >{path} <<'END'\n"
                 f"{base64.b64encode(content.encode()).decode()}\nEND\n",
                 check=True)

    def stop(self):
        self.machine.kill()
        self.machine.wait(10)
        self.machine.stdin.close()
        self.machine.stdout.close()

    # -- containers and logins -------------------------------------------------

    @contextlib.contextmanager
    def container(self, scratch, *, edit=None, before="", **options):
        """A crun container, where alice's logins lead; its init's PID.
        `edit` may change its OCI configuration, `before` its engine."""
        self.write("/run/bundle/config.json",
                   json.dumps(bundle(scratch, edit, options)))
        self.run(f"cd /run/bundle\n: >log\n{before}\n"
                 "crun run --detach box <log >log 2>&1 || cat log >&2\n"
                 "[ ! -s log ]", check=True)
        try:
            self.lead_to("crun:box")
            yield json.loads(self.read("/run/crun/box/status"))["pid"]
        finally:
            self.run("crun delete --force box", check=True)

    def lead_to(self, container, more=""):
        """Where alice's logins lead from now on."""
        self.write("/etc/ctsh/users/alice",
                   f'container = "{container}"\n{more}\n')

    def login(self, command, *, before="", after="", timeout=60):
        """`ctsh -c COMMAND`, called by alice."""
        return self.run(f"{before}\n{AS_ALICE} ctsh -c "
                        f"{shlex.quote(command)} {after}", timeout)

    def terminal(self, typed, timeout=60):
        """A login at a terminal, at which that is typed."""
        return self.run(f"echo {shlex.quote(typed + '; exit')} | "
                        f"/usr/bin/script -qec '{AS_ALICE} ctsh' /dev/null",
                        timeout)

    @contextlib.contextmanager
    def session(self, *, before=""):
        """A login that goes on; the PID of its shell as the host counts."""
        start = f"""{before}
{AS_ALICE} ctsh -c 'exec sleep 4711' >/run/login 2>&1 &
login=$!
until pidof sleep; do
    kill -0 $login || break
    usleep 20000
done >/run/pid
cat /run/login >&2
[ -s /run/pid ] && [ ! -s /run/login ] && cat /run/pid"""
        started = self.run(start)
        assert started.status == 0, self.seen(started)
        try:
            yield int(started.out)
        finally:
            self.run(f"kill -9 {started.out}\nwhile pidof sleep; do :; done")

    def reason(self, result, code):
        """Of a login that was refused with this code; from the log."""
        assert result.status == 125 and result.out == "" \
            and f"[{code} " in result.err, self.seen(result)
        reference = result.err.split()[-1].rstrip("]")
        line = self.run(f"grep ref={reference} /var/log/messages").out
        assert f"code={code}" in line, f"logged: {line!r}"
        text = line.partition('reason="')[2].rpartition('" ref=')[0]
        return text.replace("\\x27", "'")

    def seen(self, result):
        log = self.run("tail -n 3 /var/log/messages").out
        return f"{result}; logged: {log}"


# busybox has a lesser one of that name, which its shell prefers.
AS_ALICE = "/usr/bin/setpriv --reuid 1001 --regid 1001 --clear-groups"


def bundle(scratch, edit, options):
    directory = f"{scratch}/bundle"
    engines.bundle(directory, "/box", "/lab/box", **options)
    path = f"{directory}/config.json"
    with open(path) as file:
        config = json.load(file)
    os.unlink(path)
    os.rmdir(directory)
    if edit:
        edit(config)
    return config


@contextlib.contextmanager
def with_systemd(images, name, make):
    """One with systemd as process 1, and what make(scratch) has packed."""
    scratch, vmlinuz, initrd = images
    both = f"{scratch}/{name}-both"
    with open(both, "wb") as out:
        for part in (initrd, make(scratch)):
            with open(part, "rb") as archive:
                shutil.copyfileobj(archive, out)
    machine = Guest(vmlinuz, both, f"{scratch}/{name}",
                    "ctsh.systemd systemd.log_target=console")
    try:
        machine.wait_until_ready()
        yield machine
    finally:
        machine.stop()
