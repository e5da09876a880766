# SPDX-License-Identifier: MIT
"""What the guest boots: a kernel of the distribution's, never installed here,
and an initial file system made of this machine's own programs."""

import glob
import os
import platform
import shutil

from lab import install, process, rootfs

CACHE = f"{install.SOURCE}/build/vm"

# The first of them that the release has.  The small ones boot faster; all of
# them have AppArmor, SELinux, the serial port and cgroups built in.
KERNELS = ("linux-image-cloud-amd64", "linux-image-virtual",
           "linux-image-amd64")

PROGRAMS = ("crun", "setpriv", "script", "apparmor_parser")

DIRECTORIES = ("dev", "etc/ctsh", "home", "proc", "root",
               "run/bundle", "sys",
               "var/log", "usr/bin", "usr/sbin", "usr/lib", "lib64")

# Uids on the host; inside, alice is another one.
ALICE = 1001
INNER_ALICE = 2001

PASSWD = f"""\
root:x:0:0:root:/root:/bin/sh
alice:x:{ALICE}:{ALICE}::/home/alice:/usr/bin/ctsh
"""
GROUP = f"root:x:0:\ntty:x:5:\nalice:x:{ALICE}:\n"


# -- the kernel ----------------------------------------------------------------

def apt(*argv, **more):
    # As root, since _apt may not reach the directory.
    return process.run([*argv, "-o", "APT::Sandbox::User=root"], timeout=120,
                       **more)


def newest():
    """The package with the newest kernel: what an empty one depends on."""
    for name in KERNELS:
        answer = apt("apt-cache", "depends", "--important", name)
        for line in answer.out.splitlines():
            word = line.split()[-1]
            if word.startswith("linux-image-") and "Depends:" in line:
                return word
    return None


def download(package, directory):
    """The kernel's file alone, out of its package."""
    os.makedirs(directory)
    if apt("apt-get", "download", package, cwd=directory).status:
        apt("apt-get", "update", check=True)
        apt("apt-get", "download", package, cwd=directory, check=True)
    process.run(["sh", "-ec", "dpkg-deb --fsys-tarfile *.deb >all.tar\n"
                 "tar -xf all.tar --wildcards './boot/vmlinuz-*'\n"
                 "mv boot/vmlinuz-* vmlinuz\n"
                 "rm -r boot all.tar *.deb"],
                check=True, timeout=120, cwd=directory)


def kernel():
    """A kernel to boot: from the last run, or from the distribution."""
    if platform.machine() != "x86_64":
        raise RuntimeError("the machines for these tests are x86_64 only")
    package = newest()
    cached = sorted(glob.glob(f"{CACHE}/linux-image-*/vmlinuz"))
    if package is None and cached:
        return cached[-1]
    if package is None:
        apt("apt-get", "update", check=True)
        package = newest()
    assert package, f"no package of {KERNELS} can be had"
    place = f"{CACHE}/{package}"
    if not os.path.exists(f"{place}/vmlinuz"):
        shutil.rmtree(f"{place}.new", ignore_errors=True)
        download(package, f"{place}.new")
        shutil.rmtree(place, ignore_errors=True)
        os.rename(f"{place}.new", place)
    return f"{place}/vmlinuz"


# -- the file system -----------------------------------------------------------

def libraries(program):
    """What the dynamic loader would map, itself included."""
    listed = process.run(["ldd", program], check=True).out
    for line in listed.splitlines():
        for word in line.split():
            if word.startswith("/"):
                yield word
                break


def copy(tree, path, place=None):
    """One file, under the path that it has here."""
    target = f"{tree}{place or path}"
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if not os.path.exists(target):
        shutil.copy(path, target)


def copy_program(tree, path):
    copy(tree, path)
    for library in libraries(path):
        copy(tree, library)


def add_programs(tree):
    """The applets come last: what is there already is the real thing."""
    for name in PROGRAMS:
        path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
        assert path, f"{name} is not installed"
        copy_program(tree, path)
    copy(tree, "/usr/bin/busybox")
    for applet in process.run(["/usr/bin/busybox", "--list"],
                              check=True).out.split():
        if not any(os.path.lexists(f"{tree}/usr/{room}/{applet}")
                   for room in ("bin", "sbin")):
            os.symlink("busybox", f"{tree}/usr/bin/{applet}")


def add_ctsh(tree):
    """Built for the places that it has in the guest."""
    places = [f"B={CACHE}/ctsh", "prefix=/usr", "sysconfdir=/etc",
              "rundir=/run/ctsh", f"DESTDIR={tree}"]
    process.run(["make", "-C", install.SOURCE, "-j2", "all", *places],
                check=True, timeout=240)
    process.run(["make", "-C", install.SOURCE, "install", *places],
                check=True, timeout=60)
    for program in ("libexec/ctsh/ctsh-session", "sbin/ctshctl"):
        for library in libraries(f"{tree}/usr/{program}"):
            copy(tree, library)


def add_container(tree, scratch):
    """The userland of all containers."""
    probe = f"{scratch}/probe"
    rootfs.compile_helper("probe", probe, "-static")
    rootfs.make(f"{tree}/box", [("alice", INNER_ALICE, INNER_ALICE,
                                 "/bin/sh")], probe)
    copy(tree, probe, "/usr/bin/probe")


def make(scratch):
    """The initial file system as a file below `scratch`; its path."""
    here = os.path.dirname(os.path.abspath(__file__))
    tree = f"{scratch}/tree"
    for name in DIRECTORIES:
        os.makedirs(f"{tree}/{name}")
    for name in ("bin", "sbin", "lib"):
        os.symlink(f"usr/{name}", f"{tree}/{name}")
    rootfs.write(tree, "etc/passwd", PASSWD)
    rootfs.write(tree, "etc/group", GROUP)
    rootfs.write(tree, "etc/nsswitch.conf", "passwd: files\ngroup: files\n")
    os.mkdir(f"{tree}/tmp")
    os.chmod(f"{tree}/tmp", 0o1777)
    os.mkdir(f"{tree}/home/alice")
    os.chown(f"{tree}/home/alice", ALICE, ALICE)
    add_ctsh(tree)
    add_container(tree, scratch)
    add_programs(tree)
    for name in ("init", "loop"):
        shutil.copy(f"{here}/{name}", f"{tree}/{name}")
        os.chmod(f"{tree}/{name}", 0o755)
    return pack(tree, f"{scratch}/initrd")


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(content)


def pack_beside(tree, image):
    """To be unpacked after another one: links of that, as where /lib leads to
    /usr/lib, are not to be replaced by directories."""
    os.makedirs(f"{tree}/usr/lib64", exist_ok=True)
    for name in ("lib", "bin", "sbin"):
        if os.path.isdir(f"{tree}/{name}"):
            shutil.copytree(f"{tree}/{name}", f"{tree}/usr/{name}",
                            dirs_exist_ok=True)
            shutil.rmtree(f"{tree}/{name}")
    return pack(tree, image)


def pack(tree, image):
    process.run(["sh", "-ec", 'find . | cpio --quiet -o -H newc >"$1"', "sh",
                 image], cwd=tree, check=True, timeout=60)
    return image
