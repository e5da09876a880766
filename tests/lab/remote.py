# SPDX-License-Identifier: MIT
"""An sshd as people use it: programs that start ssh themselves (scp, rsync,
git, ansible) get a configuration file for it, and many sessions can share one
connection.
"""

import contextlib
import subprocess

from . import process, sshd

CLIENT = """\
IdentityFile {dir}/key
IdentitiesOnly yes
BatchMode yes
StrictHostKeyChecking yes
UserKnownHostsFile {dir}/known_hosts
GlobalKnownHostsFile /dev/null
Port {port}
HostName 127.0.0.1
ConnectTimeout 20
EscapeChar none
LogLevel ERROR
"""


class Remote:
    """A user's ssh to that server: `name` stands for host and account."""

    def __init__(self, server):
        self.server = server
        self.config = f"{server.directory}/client_config"
        with open(self.config, "w") as file:
            file.write(CLIENT.format(dir=server.directory, port=server.port))
        self.connections = 0

    def argv(self, user, *args, options=()):
        """A command may begin with a dash."""
        return ["ssh", "-F", self.config, *options, "--",
                f"{user.name}@here", *args]

    def run(self, user, *args, options=(), **more):
        return process.run(self.argv(user, *args, options=options), **more)

    def place(self, user, path=""):
        """As scp, rsync and git write it; relative to the home."""
        return f"{user.name}@here:{path}"

    @property
    def shell(self):
        """What rsync -e and GIT_SSH_COMMAND take."""
        return f"ssh -F {self.config}"

    def tool(self, *argv, **more):
        """A program that starts ssh itself."""
        first, *rest = argv
        return process.run([first, "-F", self.config, *rest], **more)

    @contextlib.contextmanager
    def connection(self, user):
        """Logged in once: every run() is a session of the same one."""
        self.connections += 1
        path = f"{self.server.directory}/mux{self.connections}"
        master = subprocess.Popen(
            self.argv(user, options=["-M", "-N", "-S", path]),
            stdin=subprocess.DEVNULL)
        shared = Connection(self, user, path)
        try:
            process.wait_for(shared.ready, 20, "the connection")
            yield shared
        finally:
            process.run(shared.argv(options=["-O", "exit"]))
            process.stop(master)


class Connection:
    def __init__(self, remote, user, path):
        self.remote = remote
        self.user = user
        self.path = path

    def argv(self, *args, options=()):
        return self.remote.argv(self.user, *args,
                                options=["-S", self.path, *options])

    def ready(self):
        return process.run(self.argv(options=["-O", "check"])).status == 0

    def run(self, *args, options=(), **more):
        return process.run(self.argv(*args, options=options), **more)


@contextlib.contextmanager
def remote(lab, name, more=""):
    """`more` is what else stands in its sshd_config."""
    directory = f"{lab.base}/ssh-{name}"
    with sshd.sshd(directory, [user.name for user in lab.all_users],
                   lab.log_prefix, more=more) as server:
        yield Remote(server)
