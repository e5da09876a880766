# SPDX-License-Identifier: MIT
"""Each page of docs/guides is carried out, command by command.

A new page needs a function of its name here: what the lab must have ready for
it, and what the page's engine is called there.
"""

import contextlib

import pytest

from lab import guides, guides_system

# root of these machines may lack the power to raise limits.
DOCKER_RUN = """\
case $1 in
run)
    shift
    set -- run --network none --ulimit nofile=512:1024 "$@"
    ;;
esac
"""


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


PAGES = {"docker": docker, "lxc": guides_system.for_lxc,
         "lxd": guides_system.for_lxd, "incus": guides_system.for_incus,
         "nspawn": guides_system.for_nspawn}


def test_every_page_is_tested():
    assert guides.pages() == sorted(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_guide_says_works(lab, guest, page):
    with PAGES[page](lab, guest) as guide:
        guide.follow()
