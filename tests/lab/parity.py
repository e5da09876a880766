# SPDX-License-Identifier: MIT
"""One container of each engine in each variant, and two ways into it: a login,
and the engine's own exec as the same user."""

import contextlib
import ctypes
import json
import os
import re
import shutil
from dataclasses import dataclass

from . import engines, lxc, lxd, podman, process, rootfs

ENGINES = ("crun", "runc", "docker", "podman", "lxc", "lxd")
VARIANTS = ("default", "dropped", "added", "seccomp", "nnp", "rlimits",
            "scheduling")

DROPPED = ("DAC_OVERRIDE", "FSETID", "SYS_CHROOT")
ADDED = ("NET_ADMIN", "SYS_PTRACE")

# Every kind of answer that a filter can give but a listener's.
OCI_SECCOMP = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "architectures": engines.SECCOMP["architectures"],
    "syscalls": [
        {"names": ["unshare", "keyctl"], "action": "SCMP_ACT_ERRNO",
         "errnoRet": 1},
        {"names": ["sysinfo", "times"], "action": "SCMP_ACT_ERRNO",
         "errnoRet": 95},
        {"names": ["vhangup"], "action": "SCMP_ACT_KILL_PROCESS"},
        {"names": ["acct"], "action": "SCMP_ACT_TRAP"},
        {"names": ["mincore"], "action": "SCMP_ACT_ERRNO", "errnoRet": 71,
         "args": [{"index": 2, "value": 2 ** 64 - 1,
                   "op": "SCMP_CMP_EQ"}]},
    ],
}
LXC_SECCOMP = """\
2
denylist
[all]
unshare errno 1
keyctl errno 1
sysinfo errno 95
times errno 95
vhangup kill
acct trap
mincore errno 71 [2,18446744073709551615,SCMP_CMP_EQ]
"""

# What root without SYS_RESOURCE can set: nothing but lower.
RLIMITS = {"nofile": (300, 700), "nproc": (150, 250), "core": (0, 0),
           "fsize": (1 << 30, 1 << 31), "cpu": (900, 1000),
           "stack": (4 << 20, 16 << 20), "msgqueue": (4096, 8192)}
OOM_SCORE_ADJ = 300


def scheduled():
    """Before the exec of an engine: what it starts has these by birth."""
    libc = ctypes.CDLL(None, use_errno=True)
    os.nice(5)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    ioprio_set, best_effort = 251, 2 << 13
    if os.uname().machine != "x86_64":
        ioprio_set = 30
    assert libc.syscall(ioprio_set, 1, 0, best_effort | 6) == 0
    pr_set_timerslack, addr_no_randomize = 29, 0x0040000
    assert libc.prctl(pr_set_timerslack, 70000, 0, 0, 0) == 0
    assert libc.personality(addr_no_randomize) >= 0


@dataclass
class Subject:
    """A container, and its engine's exec as the user who logs in."""

    container: engines.Container
    as_user: object

    @property
    def init(self):
        return self.container.pid


class Parity:
    """The engines, each started when it is first asked for."""

    def __init__(self, lab, stack):
        self.lab = lab
        self.stack = stack
        self.user = lab.users["guest"]
        self.uid = lab.inner_uid("guest")
        self.made = {}
        self.tree = lab.tree("parity")
        probe = rootfs.compile_helper("parity", f"{lab.base}/parity",
                                      "-static")
        shutil.copy(probe, f"{self.tree}/bin/parity")
        os.mkdir(f"{lab.run}/parity", 0o755)
        self.profile = f"{lab.base}/parity.json"
        with open(self.profile, "w") as file:
            json.dump(OCI_SECCOMP, file)
        self.policy = f"{lab.base}/parity.policy"
        with open(self.policy, "w") as file:
            file.write(LXC_SECCOMP)

    def engine(self, name):
        if name not in self.made:
            self.made[name] = getattr(self, f"make_{name}")()
        return self.made[name]

    def make_crun(self):
        return self.lab.crun

    def make_runc(self):
        return self.lab.runc

    def make_docker(self):
        self.lab.docker.load("parity", self.tree)
        return self.lab.docker

    def make_podman(self):
        return podman.Podman(f"{self.lab.base}/podman", self.lab.run,
                             self.lab.tag, self.lab.engine_prefix)

    def make_lxc(self):
        return lxc.Lxc(f"{self.lab.base}/lxc", self.lab.tag,
                       self.lab.engine_prefix)

    def make_lxd(self):
        engine = self.stack.enter_context(lxd.lxd(
            f"{self.lab.base}/lxd", self.lab.tag, self.lab.engine_prefix))
        engine.load("parity", self.tree)
        return engine

    @contextlib.contextmanager
    def subject(self, engine, variant):
        """The container, and a rule that leads the user there."""
        with getattr(self, engine)(self.engine(engine), variant) as subject, \
                self.rule(engine, variant, subject.container):
            yield subject

    @contextlib.contextmanager
    def rule(self, engine, variant, container):
        spec = container.spec
        if not spec:
            path = f"{self.lab.run}/parity/{engine}-{variant}.pid"
            with open(path, "w") as file:
                file.write(f"{container.pid}\n")
            spec = f"pidfile:{path}"
        with self.lab.config.own(self.user, f'container = "{spec}"\n'):
            yield

    def login(self, command):
        return self.lab.login(self.user, command)

    # -- the engines' ways ---------------------------------------------------

    @contextlib.contextmanager
    def oci(self, engine, variant):
        def change(config):
            self.change_bundle(config, variant)
        popen = started(variant)
        name = f"parity-{variant}"
        with engine.container(name, self.tree, change=change, popen=popen,
                              nnp=variant == "nnp") as container:
            def as_user(*argv):
                bundle = f"{engine.directory}/{engine.program}-{name}"
                with open(f"{bundle}/config.json") as file:
                    spec = json.load(file)["process"]
                spec["user"] = {"uid": self.uid, "gid": self.uid,
                                "additionalGids": [self.uid, 7001]}
                spec["args"] = argv
                with open(f"{bundle}/exec.json", "w") as file:
                    json.dump(spec, file)
                return engine.call("exec", "--process", f"{bundle}/exec.json",
                                   name, **popen)
            yield Subject(container, as_user)

    crun = runc = oci

    @staticmethod
    def change_bundle(config, variant):
        inside = config["process"]
        names = list(engines.CAPABILITIES)
        if variant == "dropped":
            names = [n for n in names if n[4:] not in DROPPED]
        if variant == "added":
            names += [f"CAP_{name}" for name in ADDED]
        inside["capabilities"] = dict.fromkeys(inside["capabilities"], names)
        if variant == "seccomp":
            config["linux"]["seccomp"] = OCI_SECCOMP
        if variant == "rlimits":
            inside["rlimits"] = [
                {"type": f"RLIMIT_{name.upper()}", "soft": soft, "hard": hard}
                for name, (soft, hard) in RLIMITS.items()]
            inside["oomScoreAdj"] = OOM_SCORE_ADJ

    def options(self, variant):
        """What docker and podman agree on."""
        return {
            "default": [],
            "dropped": [f"--cap-drop={name}" for name in DROPPED],
            "added": [f"--cap-add={name}" for name in ADDED],
            "seccomp": [f"--security-opt=seccomp={self.profile}"],
            "nnp": ["--security-opt=no-new-privileges"],
            "rlimits": [f"--ulimit={name}={soft}:{hard}"
                        for name, (soft, hard) in RLIMITS.items()]
            + [f"--oom-score-adj={OOM_SCORE_ADJ}"],
            "scheduling": ["--cpuset-cpus=0"],
        }[variant]

    @contextlib.contextmanager
    def docker(self, engine, variant):
        name = f"parity-{variant}"
        with engine.container(name, "parity",
                              *self.options(variant)) as container:
            yield Subject(container, lambda *argv: engine.call(
                "exec", "--user", self.user.name, name, *argv))

    @contextlib.contextmanager
    def podman(self, engine, variant):
        name = f"parity-{variant}"
        popen = started(variant)
        with engine.container(name, self.tree, *self.options(variant),
                              **popen) as container:
            yield Subject(container, lambda *argv: engine.call(
                "exec", "--user", self.user.name, name, *argv, **popen))

    def lines(self, variant):
        """What LXC, and LXD by way of it, take as configuration."""
        return {
            "default": [],
            "dropped": [f"lxc.cap.drop = {name.lower()}" for name in DROPPED],
            "added": ["lxc.cap.drop ="],
            "seccomp": [f"lxc.seccomp.profile = {self.policy}"],
            "nnp": ["lxc.no_new_privs = 1"],
            "rlimits": [f"lxc.prlimit.{name} = {soft}:{hard}"
                        for name, (soft, hard) in RLIMITS.items()]
            + [f"lxc.proc.oom_score_adj = {OOM_SCORE_ADJ}"],
            "scheduling": ["lxc.cgroup.cpuset.cpus = 0"],
        }[variant]

    @contextlib.contextmanager
    def lxc(self, engine, variant):
        popen = started(variant)
        with engine.container(variant, self.tree, *self.lines(variant),
                              **popen) as container:
            yield Subject(container, lambda *argv: engine.call(
                "attach", variant, "--uid", str(self.uid), "--gid",
                str(self.uid), "--clear-env", "--", *argv, **popen))

    @contextlib.contextmanager
    def lxd(self, engine, variant):
        lines, settings = self.lines(variant), []
        if variant == "seccomp":
            lines, settings = [], [f"raw.seccomp={LXC_SECCOMP}"]
        with engine.container(f"parity-{variant}", "parity", *settings,
                              lines=lines) as container:
            yield Subject(container, lambda *argv: engine.call(
                "exec", "--force-noninteractive", "--user", str(self.uid),
                "--group", str(self.uid), container.name, "--", *argv))


def started(variant):
    return {"preexec_fn": scheduled} if variant == "scheduling" else {}


# -- what was seen -----------------------------------------------------------

def names_of_calls():
    """Number to name, of those that this machine's headers know."""
    done = process.run(["gcc", "-E", "-dM", "-include", "sys/syscall.h", "-"],
                       check=True)
    found = re.findall(r"#define __NR_(\w+) (\d+)\n", done.out)
    return {number: name for name, number in found}


def parse(result, names):
    """The lines of the probe as a dictionary; calls by name."""
    assert result.status == 0, result
    fields = dict(line.split("=", 1) for line in result.out.splitlines())
    return {f"syscall.{names.get(key[8:], key[8:])}"
            if key.startswith("syscall.") else key: value
            for key, value in fields.items()}
