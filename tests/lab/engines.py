# SPDX-License-Identifier: MIT
"""Real engines with state of their own, and containers in them."""

import contextlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field

from . import machine, process

MEMORY = 64 << 20
PIDS = 100

CAPABILITIES = ["CAP_" + name for name in (
    "CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP "
    "NET_BIND_SERVICE SYS_CHROOT").split()]

# Two calls that tests try, and nothing else.
SECCOMP = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "architectures": ["SCMP_ARCH_X86_64" if os.uname().machine == "x86_64"
                      else "SCMP_ARCH_AARCH64"],
    "syscalls": [{"names": ["unshare", "keyctl"],
                  "action": "SCMP_ACT_ERRNO", "errnoRet": 1}],
}


@dataclass
class Container:
    """A running container.  `spec` is what a rule writes."""

    engine: object
    name: str
    spec: str
    root: str = ""
    extra: dict = field(default_factory=dict)

    @property
    def pid(self):
        """Its init, as the host counts."""
        return self.engine.pid(self.name)

    def exec(self, *argv, **more):
        """By the engine's own exec, as the container's root."""
        return self.engine.exec(self.name, *argv, **more)


def bundle(directory, root, cgroup, *, shared=(), userns=None, seccomp=True,
           nnp=False, ids=0, capabilities=(), change=None):
    """The OCI configuration of one container; change() has the last word."""
    kinds = [k for k in ("pid", "network", "ipc", "uts", "mount", "cgroup")
             if k not in shared]
    linux = {
        "namespaces": [{"type": kind} for kind in kinds],
        "cgroupsPath": cgroup,
        "resources": {
            "memory": {"limit": MEMORY},
            "pids": {"limit": PIDS},
            "devices": [{"allow": False, "access": "rwm"}],
        },
        "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/sysrq-trigger"],
        "readonlyPaths": ["/proc/sys"],
    }
    if seccomp:
        linux["seccomp"] = SECCOMP
    if userns is not None:
        linux["namespaces"].append({"type": "user"})
        mapping = [{"containerID": 0, "hostID": userns, "size": 65536}]
        linux["uidMappings"] = linux["gidMappings"] = mapping
    config = {
        "ociVersion": "1.0.0",
        "process": {
            "terminal": False,
            "user": {"uid": ids, "gid": ids},
            "args": ["/bin/probe", "init"],
            "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "FROM_IMAGE=yes"],
            "cwd": "/",
            "capabilities": {kind: [*CAPABILITIES, *capabilities] for kind in
                             ("bounding", "effective", "permitted")},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024,
                         "soft": 512}],
            "noNewPrivileges": nnp,
        },
        "root": {"path": root, "readonly": False},
        "hostname": "inside",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "mode=755", "size=65536k"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
             "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666",
                         "mode=0620"]
             + ([] if userns is not None else ["gid=5"])},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
             "options": ["nosuid", "nodev", "mode=1777", "size=65536k"]},
        ],
        "linux": linux,
    }
    if "uts" in shared:
        del config["hostname"]
    if change:
        change(config)
    os.makedirs(directory)
    with open(f"{directory}/config.json", "w") as file:
        json.dump(config, file)


class Oci:
    """crun or runc with its own --root."""

    def __init__(self, program, state, directory, cgroup, prefix, section):
        self.program = program
        self.state = state
        self.directory = directory
        self.cgroup = cgroup
        self.prefix = prefix
        self.section = section
        self.made = []

    def call(self, *argv, **more):
        root = ["--root", self.state] if self.state else []
        return process.run([*self.prefix, self.program, *root, *argv], **more)

    @contextlib.contextmanager
    def container(self, name, root, *, start=True, popen=None, flags=(),
                  **options):
        """`popen` is how the engine itself is started; flags are its."""
        directory = f"{self.directory}/{self.program}-{name}"
        bundle(directory, root, f"/{self.cgroup}/{self.program}-{name}",
               **options)
        log = f"{directory}/run.log"
        # Not /dev/null: crun gives its standard input to the container's root.
        with open(log, "wb") as sink, open(log, "rb") as nothing:
            started = subprocess.run(
                [*self.prefix, self.program,
                 *(["--root", self.state] if self.state else []),
                 *(["run", "--detach"] if start else ["create"]), *flags,
                 "--bundle", directory, name],
                stdin=nothing, stdout=sink, stderr=sink, timeout=30,
                **(popen or {}))
        assert started.returncode == 0, process.tail(log)
        try:
            yield Container(self, name, f"{self.section}:{name}", root)
        finally:
            self.call("delete", "--force", name)
            shutil.rmtree(directory)

    def info(self, name):
        return json.loads(self.call("state", name, check=True).out)

    def pid(self, name):
        return int(self.info(name)["pid"])

    def exec(self, name, *argv, **more):
        return self.call("exec", name, *argv, **more)

    @contextlib.contextmanager
    def paused(self, name):
        self.call("pause", name, check=True)
        try:
            yield
        finally:
            self.call("resume", name, check=True)


class Docker:
    """An own dockerd with an own containerd."""

    def __init__(self, socket, cgroup, section, log):
        self.socket = socket
        self.cgroup = cgroup
        self.section = section
        self.log = log

    def call(self, *argv, **more):
        return process.run(["docker", "-H", f"unix://{self.socket}", *argv],
                           env={"PATH": os.environ["PATH"],
                                "HOME": "/nonexistent"}, **more)

    def load(self, image, directory, probe=None):
        """The tree, with that probe in it if it has none."""
        more = [] if probe is None else [
            "--transform", f"s,^{probe.lstrip('/')}$,usr/bin/probe,", probe]
        tar = subprocess.Popen(["tar", "-c", "-C", directory, ".", *more],
                               stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
        self.call("import", "--change", 'ENTRYPOINT ["/bin/probe", "init"]',
                  "--change", "ENV FROM_IMAGE=yes",
                  "-", image, stdin=tar.stdout, check=True, timeout=60)
        tar.stdout.close()
        assert tar.wait(10) == 0

    @contextlib.contextmanager
    def container(self, name, image, *options):
        limits = ["--memory", str(MEMORY), "--memory-swap", str(MEMORY)]
        self.call("run", "--detach", "--network", "none", "--name", name,
                  "--hostname", "inside", "--ulimit", "nofile=512:1024",
                  "--pids-limit", str(PIDS), *limits, *options, image,
                  check=True, timeout=60)
        try:
            yield Container(self, name, f"{self.section}:{name}",
                            extra={"id": self.id(name)})
        finally:
            self.call("rm", "--force", name, timeout=60)

    def inspect(self, name, form):
        return self.call("inspect", "--format", form, name,
                         check=True).out.strip()

    def id(self, name):
        return self.inspect(name, "{{.Id}}")

    def pid(self, name):
        return int(self.inspect(name, "{{.State.Pid}}"))

    def exec(self, name, *argv, **more):
        return self.call("exec", name, *argv, **more)

    @contextlib.contextmanager
    def paused(self, name):
        self.call("pause", name, check=True)
        try:
            yield
        finally:
            self.call("unpause", name, check=True)


@contextlib.contextmanager
def dockerd(directory, run, cgroup, prefix, section):
    os.mkdir(directory)
    os.makedirs(run, exist_ok=True)
    with contextlib.ExitStack() as stack:
        containerd = f"{run}/containerd.sock"
        with open(f"{directory}/containerd.toml", "w") as file:
            file.write('version = 2\n'
                       'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        stack.enter_context(process.daemon(
            [*prefix, "containerd", "--config",
             f"{directory}/containerd.toml",
             "--root", f"{directory}/containerd",
             "--state", f"{run}/containerd", "--address", containerd],
            f"{directory}/containerd.log"))
        process.wait_for(lambda: os.path.exists(containerd), 30, "containerd")
        log = f"{directory}/dockerd.log"
        socket = f"{run}/docker.sock"
        with open(f"{directory}/daemon.json", "w") as file:
            file.write("{}\n")
        stack.enter_context(process.daemon(
            [*prefix, "dockerd", "--config-file", f"{directory}/daemon.json",
             "--containerd", containerd,
             "--data-root", f"{directory}/data",
             "--exec-root", f"{run}/exec", "--pidfile", f"{run}/docker.pid",
             "-H", f"unix://{socket}", "--bridge=none", "--iptables=false",
             "--ip6tables=false", "--exec-opt",
             "native.cgroupdriver=cgroupfs",
             "--cgroup-parent", f"/{cgroup}"], log, patience=30))
        engine = Docker(socket, cgroup, section, log)
        process.wait_for(lambda: engine.call("version").status == 0, 60,
                         "dockerd", nap=0.2)
        yield engine


def remove_cgroups(name):
    """Takes the (empty) groups of that name out of every hierarchy."""
    for path, _, _ in os.walk("/sys/fs/cgroup", topdown=False):
        if f"/{name}/" in path + "/":
            with contextlib.suppress(OSError):
                os.rmdir(path)


def wait_for_no_cgroup(name):
    """The same, as soon as the last of their processes has left them."""
    def gone():
        remove_cgroups(name)
        return not any(path.endswith(f"/{name}")
                       for path in machine.cgroup_dirs())
    process.wait_for(gone, what=f"no cgroup {name}")
