# SPDX-License-Identifier: MIT
"""One container of each engine in each variant, and two ways into it: a login,
and the engine's own exec as the same user."""

import contextlib
import json
import os
import shutil
from dataclasses import dataclass

from . import engines, process, rootfs, seen, variants

ENGINES = ("crun", "runc", "docker", "podman", "lxc", "lxd")
# Who else has a user namespace than LXD, whose containers all have one.
SHIFTED = ("crun", "runc", "lxc")

PAIRS = [(engine, variant) for engine in ENGINES
         for variant in variants.VARIANTS] + [
             (engine, "userns") for engine in SHIFTED]


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
        self.seen = {}
        self.names = seen.names_of_calls()
        self.probe = rootfs.compile_helper("parity", f"{lab.base}/parity",
                                           "-static")
        self.tree = self.make_tree("parity")
        self.shifted = self.make_tree("parity-shifted", variants.USERNS_START)
        os.mkdir(f"{lab.run}/parity", 0o755)
        self.profile = f"{lab.base}/parity.json"
        with open(self.profile, "w") as file:
            json.dump(variants.OCI_SECCOMP, file)
        self.policy = f"{lab.base}/parity.policy"
        with open(self.policy, "w") as file:
            file.write(variants.LXC_SECCOMP)

    def make_tree(self, name, shift=0):
        tree = self.lab.tree(name, shift)
        shutil.copy(self.probe, f"{tree}/bin/parity")
        return tree

    def tree_of(self, variant):
        return self.shifted if variant == "userns" else self.tree

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
        return self.lab.podman

    def make_lxc(self):
        return self.lab.lxc

    def make_lxd(self):
        self.lab.lxd.load("parity", self.tree)
        return self.lab.lxd

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

    def look(self, engine, variant):
        """Both ways into such a container; each is looked at once."""
        key = engine, variant
        if key not in self.seen:
            with self.subject(engine, variant) as subject:
                self.seen[key] = self.look_at(subject)
        return self.seen[key]

    def look_at(self, subject):
        return seen.Seen(
            seen.parse(self.lab.login(self.user, "exec parity all"),
                       self.names),
            seen.parse(subject.as_user("/bin/sh", "-c", "exec parity all"),
                       self.names),
            seen.of_init(subject.init),
            seen.power(self.lab.direct(self.user, "-c",
                                       "exec suprobe status")),
            seen.power(subject.as_user("/bin/sh", "-c",
                                       "exec suprobe status")),
            seen.power(process.run(
                ["nsenter", "--all", "--target", str(subject.init),
                 "--setuid", str(self.uid), "--setgid", str(self.uid),
                 "/bin/suprobe", "status"])))

    def look_at_callers(self):
        """What a plain caller gets, and an odd one."""
        with self.subject("crun", "default"):
            return [seen.parse(self.lab.direct(
                self.user, "-c", "exec parity all", preexec_fn=prepare),
                self.names) for prepare in (None, variants.odd)]

    # -- the engines' ways ---------------------------------------------------

    @contextlib.contextmanager
    def oci(self, engine, variant):
        def change(config):
            variants.change_bundle(config, variant, engine.program)
        popen = variants.started(variant)
        name = f"parity-{variant}"
        with engine.container(
                name, self.tree_of(variant), change=change, popen=popen,
                userns=variants.USERNS_START if variant == "userns" else None,
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

    @contextlib.contextmanager
    def docker(self, engine, variant):
        name = f"parity-{variant}"
        nofile = "--ulimit=nofile={}:{}".format(*variants.RUNC_NOFILE)
        options = variants.options(variant, self.profile)
        with engine.container(name, "parity", *options,
                              nofile) as container:
            yield Subject(container, lambda *argv: engine.call(
                "exec", "--interactive", "--user", self.user.name, name,
                *argv))

    @contextlib.contextmanager
    def podman(self, engine, variant):
        """Not without --interactive: crun would give the user what then is
        standard input, the host's /dev/null."""
        name = f"parity-{variant}"
        popen = variants.started(variant)
        options = variants.options(variant, self.profile)
        with engine.container(name, self.tree, *options,
                              **popen) as container:
            yield Subject(container, lambda *argv: engine.call(
                "exec", "--interactive", "--user", self.user.name, name,
                *argv, **popen))

    @contextlib.contextmanager
    def lxc(self, engine, variant):
        popen = variants.started(variant)
        lines = variants.lines(variant, self.policy)
        with engine.container(variant, self.tree_of(variant), *lines,
                              **popen) as container:
            yield Subject(container, lambda *argv: engine.call(
                "attach", variant, "--uid", str(self.uid), "--gid",
                str(self.uid), "--clear-env", "--", *argv, **popen))

    @contextlib.contextmanager
    def lxd(self, engine, variant):
        with engine.container(
                f"parity-{variant}", "parity",
                *variants.lxd_settings(variant),
                lines=variants.lxd_lines(variant)) as container:
            yield Subject(container, lambda *argv: engine.call(
                "exec", "--force-noninteractive", "--user", str(self.uid),
                "--group", str(self.uid), container.name, "--", *argv))
