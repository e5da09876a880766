# SPDX-License-Identifier: MIT
"""sftp, and scp by it, with the real clients; into containers that have no
sftp-server, and into one that has OpenSSH's, which must look the same."""

import contextlib
import hashlib
import os
import re
import shutil

import pytest

from lab import laboratory, process, rootfs, sftp

MB = 1 << 20
OPENSSH = "/usr/lib/openssh/sftp-server"


@pytest.fixture
def here(lab, request):
    """An empty directory on this side."""
    name = f"{lab.base}/sftp-{abs(hash(request.node.nodeid)):x}"
    os.mkdir(name)
    yield name
    shutil.rmtree(name)


def install_openssh(directory, place=OPENSSH):
    """OpenSSH's own server, with what it is linked to."""
    found = process.run(["ldd", OPENSSH], check=True).out
    for path in re.findall(r"(/\S+) \(", found):
        target = f"{directory}{path}"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(path, target)
    os.makedirs(os.path.dirname(f"{directory}{place}"), exist_ok=True)
    shutil.copy(OPENSSH, f"{directory}{place}")


@contextlib.contextmanager
def guest_in(lab, container, more=""):
    user = lab.users["guest"]
    with lab.config.own(user, f'container = "{container.spec}"\n{more}'):
        yield laboratory.Box("own", user, lab.inner_uid("guest"), container)


@pytest.fixture(scope="module")
def openssh_box(lab):
    """A container with OpenSSH's server, at another place than asked for."""
    directory = lab.tree("openssh-sftp")
    install_openssh(directory, "/usr/libexec/openssh/sftp-server")
    with lab.crun.container("openssh-sftp", directory) as container:
        yield container


@pytest.fixture(params=[*laboratory.BOXES, "openssh"])
def any_box(request, lab):
    if request.param != "openssh":
        yield lab.boxes[request.param]
        return
    container = request.getfixturevalue("openssh_box")
    with guest_in(lab, container) as box:
        yield box


def home(box):
    return f"/home/{box.user.name}"


def root_of(box):
    return f"/proc/{box.init}/root"


def ok(result):
    assert (result.status, result.err) == (0, ""), result
    return sftp.said(result)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def noise(path, size):
    with open(path, "wb") as file:
        for _ in range(0, size, MB):
            file.write(os.urandom(min(MB, size)))
    return path


def test_which_server_serves(lab, any_box):
    """Ours, by the descriptor, or the container's own, wherever it is."""
    with sftp.raw(lab, any_box.user) as client:
        client.greet()
        there = [pid for pid in process.descendants(any_box.init)
                 + process.pids()
                 if "sftp-server" in " ".join(process.cmdline(pid)[:3])
                 and process.status(pid)["NSpid"].split()[1:]]
        assert there
        argv = process.cmdline(there[0])
    assert argv == (["sftp-server"] if any_box.kind != "own" else
                    ["/usr/libexec/openssh/sftp-server"])


def test_a_file_goes_in_and_comes_back(lab, any_box, here):
    noise(f"{here}/a", 3 * MB)
    ok(sftp.batch(lab, any_box.user, f"put {here}/a f",
                  f"get f {here}/b"))
    assert digest(f"{here}/b") == digest(f"{here}/a")
    info = os.stat(f"{root_of(any_box)}{home(any_box)}/f")
    shift = laboratory.USERNS_START if any_box.kind == "userns" else 0
    assert (info.st_uid, info.st_mode & 0o7777) == \
        (any_box.uid + shift, 0o644)


def test_100_mb_go_in_and_come_back_by_scp(lab, crun_box, here):
    noise(f"{here}/a", 100 * MB)
    there = sftp.remote(crun_box.user, "big")
    ok(sftp.scp(lab, f"{here}/a", there))
    ok(sftp.scp(lab, there, f"{here}/b"))
    assert digest(f"{here}/b") == digest(f"{here}/a")
    ok(sftp.batch(lab, crun_box.user, "rm big"))


# -- the same as OpenSSH's -----------------------------------------------------

# A line with `-` in front may fail: what is said then is compared, too.
SCRIPT = r"""
mkdir t
-mkdir t
cd t
pwd
lmkdir got
put {here}/up one
-put {here}/up /etc/refused
put "{here}/with space" "with space"
get "with space" "{here}/got/with space"
rename one two
-rename nothing other
ln two hard
ln -s two soft
ln -s /nowhere dangling
ls -1
-get nothing
-get /root/refused
-ls /nothing
-cd /nothing
-rm nothing
-rmdir nothing
-chmod 600 /etc/passwd
chmod 640 two
put -p {here}/up kept
put -r {here}/tree tree
ls -1 tree
ls -1 tree/below
get -r tree {here}/got/tree
mkdir empty
-rmdir tree
rmdir empty
-put {here}/up tree
copy two copied
-copy nothing copied
ls -1
-df /nothing
rm two hard soft dangling kept copied
cd ..
"""


def sources(here):
    """What the script sends."""
    os.makedirs(f"{here}/tree/below/deeper")
    os.makedirs(f"{here}/got")
    for name, content in (("up", "up\n"), ("with space", "space\n"),
                          ("tree/a", "a"), ("tree/below/b", "b" * 70000),
                          ("tree/below/deeper/c", "")):
        with open(f"{here}/{name}", "w") as file:
            file.write(content)
    os.chmod(f"{here}/up", 0o600)
    os.utime(f"{here}/up", (1_000_000_000, 1_000_000_000))


def transcript(lab, box, here):
    """All that both sides said and have at the end, as one text."""
    sources(here)
    lines = SCRIPT.replace("lmkdir got\n", "").format(here=here)
    result = sftp.batch(lab, box.user, *lines.strip().splitlines())
    assert result.status == 0, result
    there = f"{root_of(box)}{home(box)}"
    listing = process.run(["find", "t", "-printf", "%p %y %m %s\n"],
                          cwd=there, check=True)
    got = process.run(["find", "got", "-printf", "%p %y %s\n"], cwd=here,
                      check=True)
    shutil.rmtree(f"{there}/t")
    text = "\n".join([result.out, result.err, *sorted(
        listing.out.splitlines()), *sorted(got.out.splitlines())])
    return text.replace(here, "HERE").replace(box.user.name, "USER")


@pytest.fixture(scope="module")
def expected(lab, openssh_box):
    """What OpenSSH's server does with the script."""
    here = f"{lab.base}/sftp-expected"
    os.mkdir(here)
    with guest_in(lab, openssh_box) as box:
        return transcript(lab, box, here)


def test_all_goes_as_with_openssh(lab, box, here, expected):
    assert 'Couldn\'t' in expected or 'remote' in expected
    assert transcript(lab, box, here) == expected


NAMES = (b"a b", b"line\nbreak", b"\xff\xfe\x80", b"-dash", "ä€".encode(),
         b"quote\"'", b"star*", b"x" * 255)


def test_names_of_any_bytes_go_both_ways_by_scp(lab, any_box, here):
    os.mkdir(f"{here}/names")
    for name in NAMES:
        with open(f"{here}/names/".encode() + name, "wb") as file:
            file.write(name)
    ok(sftp.scp(lab, "-r", f"{here}/names", sftp.remote(any_box.user, ".")))
    ok(sftp.scp(lab, "-r", sftp.remote(any_box.user, "names"),
                f"{here}/back"))
    assert sorted(os.listdir(f"{here}/back".encode())) == sorted(NAMES)
    for name in NAMES:
        with open(f"{here}/back/".encode() + name, "rb") as file:
            assert file.read() == name
    shutil.rmtree(f"{root_of(any_box)}{home(any_box)}/names")


def test_scp_keeps_times_and_modes(lab, crun_box, here):
    sources(here)
    ok(sftp.scp(lab, "-p", f"{here}/up", sftp.remote(crun_box.user, "kept")))
    info = os.stat(f"{root_of(crun_box)}{home(crun_box)}/kept")
    assert (int(info.st_mtime), info.st_mode & 0o7777) == \
        (1_000_000_000, 0o600)
    missing = sftp.scp(lab, sftp.remote(crun_box.user, "nothing"),
                       f"{here}/x")
    assert (missing.status, missing.out) == (1, "")
    assert "nothing: No such file or directory" in missing.err


def test_a_transfer_is_resumed_both_ways(lab, any_box, here):
    noise(f"{here}/a", 2 * MB)
    with open(f"{here}/a", "rb") as file:
        first = file.read(MB + 17)
    for name in ("half", "back"):
        with open(f"{here}/{name}", "wb") as file:
            file.write(first)
    ok(sftp.batch(lab, any_box.user, f"put {here}/half r",
                  f"reput {here}/a r", f"reget r {here}/back", "rm r"))
    assert digest(f"{here}/back") == digest(f"{here}/a")


def test_a_directory_of_5000_files_is_listed(lab, crun_box):
    there = f"{root_of(crun_box)}{home(crun_box)}/many"
    os.mkdir(there)
    for i in range(5000):
        open(f"{there}/f{i}", "w").close()
    lines = ok(sftp.batch(lab, crun_box.user, "ls -1 many"))
    assert len(lines) == 5000
    assert set(lines) == {f"many/f{i}" for i in range(5000)}
    shutil.rmtree(there)


def test_the_long_listing_names_the_owners_of_the_container(lab, crun_box,
                                                            here):
    sources(here)
    lines = ok(sftp.batch(lab, crun_box.user, f"put -p {here}/up up",
                          "ls -l up", "ls -l /etc/passwd", "rm up"))
    assert re.fullmatch(
        rf"-rw------- +(\?|1) {crun_box.user.name} +{crun_box.user.name} +3 "
        r"Sep  9  2001 up", lines[-2]), lines
    assert re.match(r"-rw-r--r-- +(\?|1) root +root ", lines[-1]), lines


def test_df_tells_of_the_containers_file_system(lab, any_box):
    line = ok(sftp.batch(lab, any_box.user, "df /dev/shm"))[-1]
    assert line.split()[0] == "65536", line


# -- special containers ----------------------------------------------------------

def small_disk(config):
    config["mounts"].append(
        {"destination": "/small", "type": "tmpfs", "source": "small",
         "options": ["size=1m", "mode=1777"]})


def test_a_full_disk_is_a_failure_and_not_the_end(lab, here):
    noise(f"{here}/a", 2 * MB)
    with lab.crun.container("small", lab.tree("small"),
                            change=small_disk) as container, \
            guest_in(lab, container) as box:
        result = sftp.batch(lab, box.user, f"-put {here}/a /small/a",
                            "rm /small/a", "pwd")
    assert result.status == 0, result
    assert re.search(r"write remote \"/small/a\": Failure", result.err), \
        result
    assert sftp.said(result)[-1].startswith("Remote working directory: /")


def test_an_image_without_any_shell_will_do(lab, here):
    """And without anything else: only the init's program is left."""
    directory = lab.tree("no-shell")
    for name in os.listdir(f"{directory}/bin"):
        if name != "probe":
            os.unlink(f"{directory}/bin/{name}")
    noise(f"{here}/a", MB)
    with lab.crun.container("no-shell", directory) as container, \
            guest_in(lab, container) as box:
        assert lab.login(box.user, "true").status == 127
        ok(sftp.batch(lab, box.user, f"put {here}/a f", f"get f {here}/b"))
    assert digest(f"{here}/b") == digest(f"{here}/a")


@pytest.mark.parametrize("shell, status, said", [
    ("/sbin/nologin", 1, "This account is not available"),
    ("/bin/false", 1, ""),
    ("/bin/unheard-of", 127, "sftp-server: not found"),
], ids=["nologin", "false", "missing"])
def test_who_has_no_shell_has_no_sftp(lab, shell, status, said):
    """As on a host; by the name, whether that shell is there or not."""
    directory = lab.tree(f"shell{abs(hash(shell)):x}")
    rootfs.write(directory, "sbin/nologin",
                 "#!/bin/sh\necho This account is not available >&2\n"
                 "exit 1\n", 0o755)
    name = lab.users["guest"].name
    accounts = process.read(f"{directory}/etc/passwd")
    rootfs.write(directory, "etc/passwd", re.sub(
        rf"^({name}:.*):[^:\n]*$", rf"\1:{shell}", accounts, flags=re.M))
    with lab.crun.container(f"shell-{os.path.basename(shell)}",
                            directory) as container, \
            guest_in(lab, container) as box:
        result = lab.login(box.user, OPENSSH)
        client = sftp.batch(lab, box.user, "pwd")
    assert (result.status, result.out) == (status, "")
    assert said in result.err
    assert client.status == 255
    assert "Connected" not in client.out


def no_execveat(config):
    config["linux"]["seccomp"] = {
        **config["linux"]["seccomp"],
        "syscalls": [{"names": ["execveat"], "action": "SCMP_ACT_ERRNO",
                      "errnoRet": 1}]}


def test_a_filter_that_forbids_execveat_is_named(lab):
    with lab.crun.container("no-execveat", lab.tree("no-execveat"),
                            change=no_execveat) as container, \
            guest_in(lab, container) as box:
        result = lab.login(box.user, OPENSSH)
        assert lab.login(box.user, "echo fine").out == "fine\n"
    assert (result.status, result.out) == (126, "")
    ref = re.search(r"\[E_SHELL ([0-9a-f]{8})\]", result.err).group(1)
    reason = lab.log.line("refused", ref=ref)["reason"]
    assert reason == \
        "execute a program of ours (a label, a filter?): EPERM"


# -- the way it is called ----------------------------------------------------------

def test_arguments_of_the_subsystem_are_kept(lab, any_box):
    """Here, -R: nothing may be changed."""
    result = sftp.batch(
        lab, any_box.user, "-mkdir refused", "ls -1 /etc/passwd",
        more=("-s", f"{OPENSSH} -l ERROR -R"))
    assert result.status == 0, result
    assert "mkdir \"" in result.err and "Permission denied" in result.err
    assert sftp.said(result)[-1] == "/etc/passwd"


def test_nothing_but_the_plain_command_is_sftp(lab, crun_box):
    """A shell has been asked, and answers."""
    result = lab.login(crun_box.user, f"{OPENSSH}; echo $?")
    assert result.out == "127\n"
    assert "not found" in result.err


def test_what_the_session_is(lab, box):
    """The ids, capabilities, filters and directory of any session; and no
    descriptor beside 0 to 2."""
    with sftp.raw(lab, box.user) as client:
        client.greet()
        pid = process.find_one("sftp-server")
        status, init = process.status(pid), process.status(box.init)
        links = {fd: os.readlink(f"/proc/{pid}/fd/{fd}")
                 for fd in os.listdir(f"/proc/{pid}/fd")}
        cwd = os.readlink(f"/proc/{pid}/cwd")
        env = process.read(f"/proc/{pid}/environ").split("\0")
        assert process.namespaces(pid) == process.namespaces(box.init)
    assert set(links) == {"0", "1", "2"}
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[name], 16) == 0
    for name in ("CapBnd", "NoNewPrivs", "Seccomp_filters"):
        assert status[name] == init[name]
    assert status["NSpid"].split()[1:] != []
    assert cwd.endswith(home(box))
    assert f"HOME={home(box)}" in env and "SHELL=/bin/sh" in env


def test_a_client_that_talks_nonsense_is_told_so(lab, box):
    """By the command: of a subsystem sshd passes no stderr on."""
    result = lab.login(box.user, OPENSSH, stdin=b"GET / HTTP/1.0\r\n\r\n")
    assert (result.status, result.out, result.err) == \
        (1, "", "ctsh-sftp-server: this is no sftp client\n")


def test_packets_made_by_hand_are_answered(lab, box):
    with sftp.raw(lab, box.user) as client:
        assert b"limits@openssh.com" in client.greet()
        assert client.status(99, 5) == sftp.UNSUPPORTED
        assert client.status(sftp.OPEN, 6, b"\xff\xff\xff\xff") == \
            sftp.BAD_MESSAGE
        assert client.status(sftp.STAT, 7, sftp.string(b"/none")) == \
            sftp.NO_SUCH_FILE
        kind, _ = client.ask(sftp.STAT, 8, sftp.string(b"/"))
        assert kind == 105
        client.ran.stdin.close()
        assert client.ran.wait(10) == 0


def test_the_server_ends_with_its_client(lab, crun_box):
    with sftp.raw(lab, crun_box.user) as client:
        client.greet()
        pid = process.find_one("sftp-server")
        client.ran.kill()
    process.wait_for(lambda: not process.alive(pid), what="the server's end")
