# SPDX-License-Identifier: MIT
"""A real sshd on a port of its own, and the client's side of it."""

import contextlib
import os
import socket

from . import machine, process

CONF = """\
{first}Port {port}
ListenAddress 127.0.0.1
HostKey {dir}/host_key
PidFile {dir}/sshd.pid
AuthorizedKeysFile {dir}/authorized_keys
AuthenticationMethods publickey
UsePAM {pam}
AllowUsers {users}
MaxStartups 200:30:400
MaxSessions 100
LoginGraceTime 60
PrintMotd no
PrintLastLog no
X11Forwarding no
AllowStreamLocalForwarding no
PermitTunnel no
AcceptEnv LANG LC_* CTSH_TEST
Subsystem sftp {sftp}
LogLevel VERBOSE
"""


class Sshd:
    def __init__(self, directory, port, log):
        self.directory = directory
        self.port = port
        self.log = log

    def argv(self, user, *args, options=()):
        """The client's command line: ssh itself, no configuration of the
        machine's, no agent."""
        more = [word for option in options for word in ("-o", option)]
        return ["ssh", "-F", "none", "-q", "-p", str(self.port),
                "-i", f"{self.directory}/key",
                "-o", "IdentitiesOnly=yes",
                "-o", "BatchMode=yes",
                "-o", "StrictHostKeyChecking=yes",
                "-o", f"UserKnownHostsFile={self.directory}/known_hosts",
                "-o", "GlobalKnownHostsFile=/dev/null",
                "-o", "ConnectTimeout=20",
                "-o", "EscapeChar=none",
                *more, f"{user}@127.0.0.1", *args]


def make_keys(directory):
    for name in ("host_key", "key"):
        process.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "",
                     "-f", f"{directory}/{name}"], check=True)
    with open(f"{directory}/authorized_keys", "w") as file:
        file.write(process.read(f"{directory}/key.pub"))


@contextlib.contextmanager
def privsep_directory():
    """sshd insists on this one."""
    if os.path.isdir("/run/sshd"):
        yield
        return
    os.mkdir("/run/sshd", 0o755)
    try:
        yield
    finally:
        os.rmdir("/run/sshd")


@contextlib.contextmanager
def sshd(directory, users, prefix, pam=False, more="", first="",
         sftp="/usr/lib/openssh/sftp-server"):
    """`more` stands at the end of the configuration, `first` at its beginning,
    where it wins."""
    os.mkdir(directory, 0o755)
    make_keys(directory)
    port = machine.free_port()
    with open(f"{directory}/known_hosts", "w") as file:
        key = process.read(f"{directory}/host_key.pub")
        file.write(f"[127.0.0.1]:{port} {key}")
    with open(f"{directory}/sshd_config", "w") as file:
        file.write(CONF.format(port=port, dir=directory, first=first,
                               pam="yes" if pam else "no",
                               users=" ".join(users), sftp=sftp) + more)
    log = f"{directory}/sshd.log"
    with privsep_directory(), process.daemon(
            [*prefix, "/usr/sbin/sshd", "-D", "-e",
             "-f", f"{directory}/sshd_config"], log) as server:
        process.wait_for(lambda: listens(port, server), 20, "sshd")
        yield Sshd(directory, port, log)


def listens(port, server):
    assert server.poll() is None, "sshd did not start"
    return listens_at(port)


def listens_at(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
