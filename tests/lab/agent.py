# SPDX-License-Identifier: MIT
"""SSH agents of callers, and sessions that have one forwarded."""

import contextlib
import os
import shutil
import subprocess

from . import process, rootfs


class Agent:
    """On the client's side of the connection, with one key."""

    def __init__(self, socket):
        self.socket = socket

    @property
    def env(self):
        return {"PATH": os.environ["PATH"], "SSH_AUTH_SOCK": self.socket,
                "TERM": "xterm"}


@contextlib.contextmanager
def agent(directory, key, prefix=()):
    """Holds that key; `prefix` is how it is started, as another user say."""
    socket = f"{directory}/socket"
    with process.daemon([*prefix, "ssh-agent", "-D", "-a", socket],
                        f"{directory}/log"):
        process.wait_for(lambda: os.path.exists(socket), what="the agent")
        made = Agent(socket)
        process.run([*prefix, "ssh-add", "-q", "-"], check=True, env=made.env,
                    stdin=process.read(key).encode())
        yield made


def place_client(lab, container):
    """The client in the container: agentclient, in its search path."""
    program = f"{lab.base}/agentclient"
    if not os.path.exists(program):
        rootfs.compile_helper("agentclient", program, "-static")
    place = f"/proc/{container.pid}/root/usr/bin/agentclient"
    if not os.path.exists(place):
        shutil.copy(program, place)
        os.chmod(place, 0o755)


def porters(supervisor):
    return [pid for pid in process.children(supervisor)
            if process.status(pid).get("Name") == "ctsh-porter"]


class Session:
    """Says where its agent is, and then waits."""

    def __init__(self, lab, box, ran, number):
        self.box = box
        self.ran = ran
        self.socket = ran.stdout.readline().decode().strip()
        self.leader = process.find_one("sleep", str(number))
        self.supervisor = process.parent(self.leader)
        self.porters = porters(self.supervisor)

    @property
    def place(self):
        """Its private directory, as the host sees it."""
        return f"/proc/{self.box.init}/root{os.path.dirname(self.socket)}"

    @property
    def inner_pid(self):
        return process.status(self.porters[0])["NSpid"].split()[-1]


@contextlib.contextmanager
def session(lab, box, env, number, options=("ForwardAgent=yes",),
            show="$SSH_AUTH_SOCK"):
    ran = subprocess.Popen(
        lab.sshd.argv(box.user.name, f"echo {show}; exec sleep {number}",
                      options=options),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=env)
    try:
        yield Session(lab, box, ran, number)
    finally:
        ran.terminate()
        ran.communicate(timeout=10)
        process.end_all("sleep", str(number))
