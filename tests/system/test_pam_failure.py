# SPDX-License-Identifier: MIT
"""Whatever goes wrong, in each login service: no session, and a sentence where
the service shows one."""

import concurrent.futures
import contextlib
import os
import re

import pytest

from lab import machine, pam, pam_all, process, rootfs, sshd, terminal, users

from conftest import SENTENCES

# What goes wrong, and how it is called.
CAUSES = {
    "absent": "E_ABSENT",
    "stopped": "E_ABSENT",
    "died": "E_ABSENT",
    "paused": "E_PAUSED",
    "engine": "E_ENGINE",
    "nonsense": "E_ENGINE",
    "bad": "E_CONFIG",
}

# And "memory": how far a session comes without any is the service's.
PEOPLE = ("well", "memory", *CAUSES)

# Once that is set, a process of the user's session gets none.
LIMITS = "{user} hard as 1\n{user} soft as 1\n"

# sudo looks for it on the host: it is at that place in both.
COMMAND = "/bin/readlink /proc/self/ns/net"

CONF = """
engine nowhere {{ type = "docker"  socket = "{run}/nowhere" }}
engine nonsense {{ type = "docker"  socket = "{fake}" }}
"""


@contextlib.contextmanager
def stopped(lab):
    with lab.crun.container("halted", lab.boxes["crun"].container.root) as it:
        lab.crun.call("kill", "halted", "KILL", check=True)
        process.wait_for(
            lambda: lab.crun.info("halted")["status"] == "stopped",
            what="its end")
        yield it.spec


@contextlib.contextmanager
def paused(lab):
    with lab.crun.container("frozen", lab.boxes["crun"].container.root) as it:
        with lab.crun.paused("frozen"):
            yield it.spec


def pidfile_of_nobody(lab):
    path = f"{lab.run}/died.pid"
    done = process.run(["sh", "-c", "echo $$"], check=True)
    with open(path, "w") as file:
        file.write(done.out)
    return f"pidfile:{path}"


def rules(lab, stack):
    """A user's own file for each cause."""
    container = ('container = "{}"\n' + pam_all.TRUST).format
    return {
        "well": container(lab.boxes["crun"].container.spec),
        "absent": container("labcrun:nosuch"),
        "stopped": container(stack.enter_context(stopped(lab))),
        "died": container(pidfile_of_nobody(lab)),
        "paused": container(stack.enter_context(paused(lab))),
        "engine": container("nowhere:box"),
        "nonsense": container("nonsense:box"),
        "bad": "container = \n",
        "memory": container(lab.boxes["crun"].container.spec),
    }


@pytest.fixture(scope="module")
def people(lab):
    """One user for each cause, all with a shell of the host's; nobody else can
    tell from what a test sees whether that ran."""
    gid = lab.users["plain"].gid
    ids = users.free_ids(len(PEOPLE))
    with contextlib.ExitStack() as stack:
        fake = stack.enter_context(lab.fake_engine("nonsense"))
        made = {}
        stack.enter_context(lab.config.extended(
            CONF.format(run=lab.run, fake=fake)))
        for cause, keys in rules(lab, stack).items():
            made[cause] = stack.enter_context(users.user(
                f"{lab.tag}{cause}", ids.pop(), gid,
                f"{lab.base}/home/of-{cause}", "/bin/sh"))
            stack.enter_context(lab.config.own(made[cause], keys))
        for cause in ("well", "memory"):
            # With an account inside, as join=all wants it.
            pam_all.settle(pam_all.Visitor(
                "crun", made[cause], lab.boxes["crun"].container, 0))
        lab.log.users |= {user.name for user in made.values()}
        yield made


JOINS = ("net", "all")


@pytest.fixture(scope="module", params=JOINS)
def line(request, people):
    return (f"join={request.param}",
            "users=" + ",".join(user.name for user in people.values()))


def limits(lab):
    return f"{lab.base}/limits.conf"


@pytest.fixture(scope="module")
def services(lab, people, line):
    """All have the line, and before it what takes the memory of one user."""
    conf = limits(lab)
    with open(conf, "w") as file:
        file.write(LIMITS.format(user=people["memory"].name))
    with pam.services(lab) as made:
        made.line(*line,
                  before=[f"session required pam_limits.so conf={conf}"])
        yield made


@pytest.fixture(scope="module")
def server(lab, people, services, line):
    names = [user.name for user in people.values()]
    with sshd.sshd(f"{lab.base}/ssh-{line[0]}", names, services.prefix,
                   pam=True) as made:
        yield made


def argv(*words):
    """Runs the command, and shows what is said to the user."""
    def run(services, _server, user):
        result = services.run(*[word.format(name=user.name)
                                for word in words])
        return result.status, result.out, result.out + result.err
    return run


def by_ssh(services, server, user):
    result = process.run(server.argv(user.name, COMMAND))
    # sshd may show it in either.
    shown = [line for line in result.out.splitlines() if "net:" in line]
    return result.status, "\n".join(shown), result.out + result.err


def by_login(services, _server, user):
    with terminal.Terminal([*services.prefix, "login", "-f", user.name],
                           env={"PATH": os.environ["PATH"],
                                "TERM": "dumb"}) as screen:
        which = screen.child.expect([terminal.PROMPT,
                                     terminal.pexpect.EOF])
        if which == 0:
            return 0, screen.ask(COMMAND), ""
        shown = screen.child.before
        return screen.end(), "", shown


SU = ("{name}", "-s", "/bin/sh", "-c", COMMAND)

WAYS = {
    "sshd": by_ssh,
    "login": by_login,
    "su": argv("su", *SU),
    "su -": argv("su", "-", *SU),
    "runuser -l": argv("runuser", "-l", *SU),
    "runuser -u": argv("runuser", "-u", "{name}", "--", *COMMAND.split()),
    "sudo": argv("sudo", "-n", "-u", "{name}", *COMMAND.split()),
    "sudo -i": argv("sudo", "-n", "-i", "-u", "{name}", *COMMAND.split()),
    "pamtester": argv("pamtester", "ctsh-test", "{name}", "open_session"),
}


# To a command that is no shell it says nothing at all.
SILENT = ("sudo",)


def logged(services, mark):
    return process.wait_for(
        lambda: [(line["event"], line.get("code"), line.get("user"))
                 for line in services.said(mark)], what="a line")


def of_box(crun_box):
    return os.readlink(f"/proc/{crun_box.init}/ns/net")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cause", CAUSES)
def test_no_session(lab, people, services, server, way, cause):
    user, mark = people[cause], len(lab.log.lines)
    status, ran, shown = WAYS[way](services, server, user)
    assert ran == "" and status != 0, (status, ran, shown)
    assert logged(services, mark) == [("refused", CAUSES[cause], user.name)]
    if way in SILENT:
        return
    sentence = re.escape(SENTENCES[CAUSES[cause]])
    assert re.search(rf"ctsh: {sentence} \[{CAUSES[cause]} [0-9a-f]{{8}}\]",
                     shown), shown


@pytest.mark.parametrize("way", [way for way in WAYS if way != "pamtester"])
def test_and_a_session_where_all_is_well(people, services, server, crun_box,
                                         way):
    """Or the others would prove nothing."""
    status, ran, shown = WAYS[way](services, server, people["well"])
    assert (status, ran.strip()) == (0, of_box(crun_box)), shown


# With room in its heap it comes further, and perhaps inside.
ROOMY = ("sudo", "sudo -i")

# Is told, and has no memory itself to tell the user.
SPEECHLESS = ("sshd",)


@pytest.mark.parametrize("way", WAYS)
def test_without_memory_nobody_is_on_the_host(lab, people, services, server,
                                              crun_box, way):
    user, mark = people["memory"], len(lab.log.lines)
    status, ran, shown = WAYS[way](services, server, user)
    if way in ROOMY:
        assert ran.strip() in ("", of_box(crun_box)), shown
        return
    assert (ran, status != 0) == ("", True), (status, shown)
    assert way in SPEECHLESS or re.search(
        r"ctsh: Something failed on this machine\. "
        r"\[E_SYSTEM [0-9a-f]{8}\]", shown), shown
    assert logged(services, mark) == [("refused", "E_SYSTEM", user.name)]


# Once for both: it takes up to a minute.
ONLY_NET = pytest.mark.parametrize("line", ["net"], indirect=True,
                                   scope="module")


def of_crons(lab, people, net, all_of_it):
    """What each printed as a job by either cron, in the same minute."""
    users, mark = list(people.values()), len(lab.log.lines)

    def inside():
        """What is printed there does not come out."""
        return [one for one in all_of_it.said(mark)
                if (one["event"], one.get("join"), one["user"]) ==
                ("open", "all", people["well"].name)]

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        ran = [pool.submit(net.jobs, users, COMMAND),
               pool.submit(all_of_it.jobs, users, COMMAND, is_done=inside)]
        return [dict(zip(people, one.result())) for one in ran]


@ONLY_NET
@pytest.mark.limit(200)
def test_no_job(lab, people, services, crun_box):
    """Of cron's; nobody is there to be told."""
    mark = len(lab.log.lines)
    with pam.services(lab, "pam.d-all") as others:
        others.line("join=all", "users=" + ",".join(
            user.name for user in people.values()),
            before=[f"session required pam_limits.so conf={limits(lab)}"])
        net, all_of_it = of_crons(lab, people, services, others)
    assert net == {cause: of_box(crun_box) + "\n" if cause == "well" else ""
                   for cause in people}
    assert all_of_it == dict.fromkeys(people, "")
    refused = sorted((line["user"], line["code"])
                     for line in services.said(mark)
                     if line["event"] == "refused"
                     and line["user"] != people["memory"].name)
    assert refused == sorted((people[cause].name, code)
                             for cause, code in CAUSES.items()
                             for _ in range(2))


def test_no_session_under_an_unusable_configuration(lab, people, services,
                                                    server):
    with lab.config.replaced("rule {"):
        for way, run in WAYS.items():
            status, ran, shown = run(services, server, people["well"])
            assert (ran, status != 0) == ("", True), way
            assert way in SILENT or re.search(
                r"\[E_CONFIG [0-9a-f]{8}\]", shown), (way, shown)


# -- each allocation in turn ---------------------------------------------------

@pytest.fixture
def alone(services, line):
    """The line without another module's."""
    services.line(*line)
    return services


# What of the process is the container's in a session.
JOINED = {"net": ["net"], "all": ["mnt", "net", "ipc", "uts", "cgroup"]}


def kept(lab):
    """What the module may leave for later: copies of filters."""
    return sorted(os.path.join(place, name)
                  for place, _, names in os.walk(lab.ctsh.run)
                  for name in names)


def test_wherever_memory_ends(lab, people, alone, crun_box, line):
    """Of all that is asked for during a session's opening, ours and that of
    what we use, one after the other is refused: it is opened, in the
    container, or not at all, and then nothing of it is left, no descriptor
    and no process."""
    join = line[0].partition("=")[2]
    program = f"{lab.base}/pam_memory"
    if not os.path.exists(program):
        rootfs.compile_helper("pam_memory", program, "-Wl,--no-as-needed",
                              "-lpam")
    assert alone.tester(people["well"], "open_session").status == 0
    before = kept(lab)
    result = alone.run(program, "ctsh-test", people["well"].name,
                       str(crun_box.init), *JOINED[join], timeout=60)
    match = re.fullmatch(r"(\d+) allocations, (\d+) refused, (\d+) ended, "
                         r"(\d+) killed, ok\n", result.out)
    assert match and result.status == 0, result
    tried, refused, ended, killed = map(int, match.groups())
    assert tried > 50 and refused > 25, result
    # libconfuse's scanner ends the process, so the service: for want of its
    # buffer, the stack of those, or a longer word, in each of two files.
    assert ended <= 12, result
    # On the way into the container there is none back.
    assert killed <= (40 if join == "all" else 0), result
    # What others have left there may be swept away meanwhile.
    assert not set(kept(lab)) - set(before)
