# SPDX-License-Identifier: MIT
"""That no kind of trap was forgotten."""

import pytest

import test_container_accounts
import test_container_code
import test_container_hang
import test_container_init
import test_container_view

AT_LEAST = 40

TABLES = (test_container_accounts, test_container_code, test_container_hang,
          test_container_init, test_container_view)
NAMES = [str(case) for table in TABLES for case in table.CASES]

# Each kind, and how many cases of it there must be.
KINDS = {
    ("nss",): 2, ("preload",): 2, ("gconv",): 1, ("loader",): 2,
    ("environment",): 2, ("fifos",): 1, ("log-",): 3,
    ("shell-of-ours",): 2, ("shell-",): 15, ("account-shell-",): 8,
    ("home-descriptor-",): 8, ("home-",): 15,
    ("passwd-fifo",): 1, ("passwd-to-", "passwd-climbs-"): 4,
    ("passwd-device", "passwd-block-device"): 2,
    ("passwd-of-a-gigabyte", "passwd-of-a-million-lines"): 2,
    ("passwd-nul-",): 3, ("uid-",): 20, ("gid-",): 6, ("group-",): 15,
    ("proc-",): 10, ("pts-",): 15, ("dev-",): 3, ("root-",): 3,
    ("filter-nnp-",): 15, ("filter-plain-",): 4, ("traced-",): 2,
    ("no-more-processes",): 1, ("frozen",): 1,
    ("silent-",): 6, ("greedy-",): 6,
}


def test_there_are_enough_of_them():
    assert len(NAMES) == len(set(NAMES))
    assert len(NAMES) >= AT_LEAST


@pytest.mark.parametrize("kind", KINDS, ids="+".join)
def test_there_are_enough_of_a_kind(kind):
    assert len([name for name in NAMES if name.startswith(kind)]) >= \
        KINDS[kind]
