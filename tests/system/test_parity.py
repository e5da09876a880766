# SPDX-License-Identifier: MIT
import contextlib
import time
import pytest
from lab import parity

@pytest.fixture(scope="module")
def ways(lab):
    with contextlib.ExitStack() as stack:
        yield parity.Parity(lab, stack)

@pytest.mark.parametrize("variant", parity.VARIANTS)
@pytest.mark.parametrize("engine", parity.ENGINES)
def test_x(ways, engine, variant):
    names = parity.names_of_calls()
    t=time.time()
    with ways.subject(engine, variant) as subject:
        t1=time.time()
        r = ways.login("exec parity all")
        t2=time.time()
        a = parity.parse(r, names)
        b = parity.parse(subject.as_user("/bin/sh", "-c", "exec parity all"), names)
        t3=time.time()
        ra = ways.login("exec suprobe status").out.splitlines()
        rb = subject.as_user("/bin/sh", "-c", "exec suprobe status").out.splitlines()
        sa = {k:v for k,v in (l.split(":\t",1) for l in ra)if k.startswith(("Cap","NoN","Sec","Uid","Gro"))}
        sb = {k:v for k,v in (l.split(":\t",1) for l in rb)if k.startswith(("Cap","NoN","Sec","Uid","Gro"))}
        with open("/opt/par-play/diffs","a") as f:
            print("=====", engine, variant, f"start {t1-t:.2f} login {t2-t1:.2f} exec {t3-t2:.2f} fields {len(a)}", file=f)
            for k in sorted(a.keys()|b.keys()):
                if a.get(k)!=b.get(k): print("   ",k, "LOGIN",a.get(k),"EXEC",b.get(k),file=f)
            for k in sa:
                if sa[k]!=sb[k]: print("   SU",k,sa[k],sb[k],file=f)
