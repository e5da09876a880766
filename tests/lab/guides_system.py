# SPDX-License-Identifier: MIT
"""What the pages about LXC, LXD, Incus and nspawn need."""

import contextlib
import os
import shlex
import signal

from . import engines, guides, lxc, nspawn, process, rootfs

# The download template needs a network; its configuration is taken as read.
LXC_CREATE = """\
dir={directory}/$2
mkdir "$dir"
sed "s/NAME/$2/" {directory}/template >"$dir/config"
exit
"""

# An image of the lab's in place of the one that is named.
LAUNCH = """\
case $1 in
launch)
    set -- launch guide "$3" --config 'raw.lxc=lxc.init.cmd = /bin/probe init'
    ;;
esac
"""

# There is no machined: what it starts is started here.
MACHINECTL = """\
#!/bin/sh
setsid {argv} --machine="$2" /bin/probe init </dev/null >{log} 2>&1 &
echo $! >{pidfile}
until grep -q . /proc/$!/task/$!/children; do sleep 0.1; done
sleep 0.5
"""


@contextlib.contextmanager
def page_of(lab, name, user, *words):
    page = guides.Guide(lab, name, user, words)
    with page.prepared():
        yield page


@contextlib.contextmanager
def for_lxc(lab, user):
    directory, name = lab.lxc.directory, f"{user.name}-box"
    tree = guides.tree(lab, "guide-lxc")
    rootfs.write(directory, "template", lxc.CONF.format(
        tree=tree, cgroup=lab.tag, name="NAME").replace("inside", "NAME"))
    section = f'engine guidelxc {{ type = "lxc"  root = "{directory}" }}\n'
    before = [*lab.engine_prefix, *lxc.WITHOUT_NEWUIDMAP]
    with lab.config.extended(section), page_of(
            lab, "lxc", user, ("lxc:", "guidelxc:")) as page:
        page.program("lxc-create",
                     first=LXC_CREATE.format(directory=directory))
        page.program("lxc-start", "-P", directory, before=before)
        page.program("lxc-attach", "-P", directory,
                     before=lab.engine_prefix)
        try:
            yield page
        finally:
            lab.lxc.call("stop", name, "--kill")
            engines.wait_for_no_cgroup(f"{lab.tag}/lxc-{name}")


@contextlib.contextmanager
def of_lxd(lab, user, name, program):
    engine, box = lab.lxd, f"{user.name}-box"
    if "guide" not in engine.call("image", "list", "-f", "csv").out:
        engine.load("guide", guides.tree(lab, "guide-lxd"))
    section = f'engine guide{name} {{ type = "{name}"  ' \
              f'root = "{engine.root}" }}\n'
    with lab.config.extended(section), page_of(
            lab, name, user, (f"{name}:", f"guide{name}:")) as page:
        variables = [f"{key}={value}" for key, value in engine.env.items()]
        page.program("lxc", first=LAUNCH, before=["env", *variables])
        if program != "lxc":
            os.rename(f"{page.bin}/lxc", f"{page.bin}/{program}")
        try:
            yield page
        finally:
            engine.call("delete", "--force", box, timeout=60)


def for_lxd(lab, user):
    return of_lxd(lab, user, "lxd", "lxc")


def for_incus(lab, user):
    return of_lxd(lab, user, "incus", "incus")


@contextlib.contextmanager
def for_nspawn(lab, user):
    tree = guides.tree(lab, "guide-nspawn")
    name = f"{user.name}-box"
    options = ["--register=no", "--keep-unit", "--private-network"]
    pidfile = f"{lab.run}/guide-nspawn.pid"
    with page_of(lab, "nspawn", user,
                 (r"/var/lib/machines/\S*", tree)) as page:
        rootfs.write(page.bin, "debootstrap", "#!/bin/sh\n", 0o755)
        page.program("systemd-nspawn", *options, before=[
            "sh", "-c", nspawn.IN_GROUP, "sh", f"{lab.tag}/guide-nspawn",
            *lab.engine_prefix])
        argv = shlex.join(["sh", "-c", nspawn.IN_GROUP, "sh",
                           f"{lab.tag}/guide-nspawn",
                           *lab.engine_prefix, "systemd-nspawn", "--quiet",
                           "-D", tree, *options])
        rootfs.write(page.bin, "machinectl", MACHINECTL.format(
            argv=argv, pidfile=pidfile, log=f"{lab.base}/{name}.log"), 0o755)
        try:
            yield page
        finally:
            if os.path.exists(pidfile):
                # Killed it would leave its machine behind.
                pid = int(process.read(pidfile))
                os.kill(pid, signal.SIGTERM)
                process.wait_for(lambda: not process.alive(pid),
                                 what="the end of a machine")
            engines.wait_for_no_cgroup(f"{lab.tag}/guide-nspawn")
