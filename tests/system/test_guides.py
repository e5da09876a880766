# SPDX-License-Identifier: MIT
"""Each page of docs/guides is carried out, command by command.

A new page needs a function of its name here: what the lab must have ready for
it, and what the page's engine is called there.
"""

import contextlib

import pytest

from lab import guides, guides_system, pods, process, rootfs

# root of these machines may lack the power to raise limits.
DOCKER_RUN = """\
case $1 in
run)
    shift
    set -- run --network none --ulimit nofile=512:1024 "$@"
    ;;
esac
"""

PODMAN_RUN = DOCKER_RUN.replace("--ulimit", "--ulimit nproc=1000:1000 --ulimit")


@contextlib.contextmanager
def docker(lab, user):
    lab.docker.load(guides.IMAGE, guides.tree(lab, "guide-docker"))
    page = guides.Guide(lab, "docker", user, [("docker:", "labdocker:")])
    with page.prepared():
        page.program("docker", "-H", f"unix://{lab.docker.socket}",
                     first=DOCKER_RUN)
        try:
            yield page
        finally:
            lab.docker.call("rm", "--force", f"{user.name}-box", timeout=60)


@contextlib.contextmanager
def podman(lab, user):
    image = f"{lab.base}/guide.tar"
    process.run(["tar", "-C", guides.tree(lab, "guide-podman"), "-cf", image,
                 "."], check=True)
    for engine in (lab.podman, lab.rootless):
        engine.call("import", "--change", 'ENTRYPOINT ["/bin/probe", "init"]',
                    image, guides.IMAGE, check=True, timeout=60)
    section = 'engine labpodman { type = "podman" ' \
        f'root = "{lab.podman.root}" runroot = "{lab.podman.run_root}" }}\n'
    # The other one of the two is where it usually is.
    page = guides.Guide(lab, "podman", user,
                        [('podman:(?=[^\n]*\nEND)', "labpodman:")])
    with page.prepared(), lab.config.extended(section):
        head = lab.podman.head
        at = head.index("podman")
        page.program(*head[at:], before=head[:at], first=PODMAN_RUN)
        page.program("su", before=lab.engine_prefix)
        # Without systemd there is none; the laboratory keeps her directory.
        rootfs.write(page.bin, "loginctl", "#!/bin/sh\n", 0o755)
        try:
            yield page
        finally:
            for engine, name in ((lab.podman, "box"), (lab.rootless, "own")):
                engine.call("rm", "--force", "--time", "0",
                            f"{user.name}-{name}", timeout=60)


CTR_RUN = """\
if [ "$3" = run ]; then
    space=$2
    shift 3
    set -- --namespace "$space" run --null-io --cgroup {} "$@"
fi
"""


@contextlib.contextmanager
def containerd(lab, user):
    tree = guides.tree(lab, "guide-containerd")
    page = guides.Guide(lab, "containerd", user, [
        (f"/srv/{user.name}", tree), ("containerd:", "guidectr:")])
    name = f"{user.name}-box"
    section = f'engine guidectr {{ type = "containerd"  ' \
        f'root = "{lab.containerd.state}"  ' \
        f'socket = "{lab.run}/containerd.sock" }}\n'
    with page.prepared(), lab.config.extended(section):
        page.program("ctr", "--address", f"{lab.run}/containerd.sock",
                     first=CTR_RUN.format(f"/{lab.tag}/{name}"))
        try:
            yield page
        finally:
            lab.containerd.remove("default", name)


@contextlib.contextmanager
def kubernetes(lab, user):
    cri = pods.Cri(lab, lab.tree("guide-kubernetes"))
    pod = pods.Pod("lab", f"{user.name}-0")
    page = guides.Guide(lab, "kubernetes", user,
                        [("kubernetes:", "labkube:")])
    with cri.sandbox(pod) as sandbox, cri.container(pod, sandbox, "app"), \
            page.prepared():
        yield page


PAGES = {"docker": docker, "podman": podman,
         "containerd": containerd, "kubernetes": kubernetes,
         "lxc": guides_system.for_lxc,
         "lxd": guides_system.for_lxd, "incus": guides_system.for_incus,
         "nspawn": guides_system.for_nspawn}


def test_every_page_is_tested():
    assert guides.pages() == sorted(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_guide_says_works(lab, guest, page):
    alice = lab.users["owner"] if page == "podman" else guest
    with PAGES[page](lab, alice) as guide:
        guide.follow()
