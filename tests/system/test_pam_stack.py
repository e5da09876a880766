# SPDX-License-Identifier: MIT
"""The line of the shipped examples behind the machine's own files in pam.d, and
what the modules before it do."""

import contextlib
import os
import re
import shutil

import pytest

from lab import install, machine, pam_all, process, sshd, terminal

EXAMPLES = f"{install.SOURCE}/conf/examples"
SERVICES = ("sshd", "login", "su")

SHOW = "readlink /proc/self/ns/net; cat /proc/self/loginuid; echo; " \
    "ulimit -n; echo $OF_PAM_ENV"

LIMITS = "{user} soft nofile 321\n{user} hard nofile 321\n"


def example(lab, service, user):
    """The only line of it that is no comment, for that user."""
    text = process.read(f"{EXAMPLES}/pam.d-{service}")
    line, = [one for one in text.splitlines()
             if one and not one.startswith("#")]
    assert line.split() == ["session", "required", "pam_ctsh.so", "join=net",
                            "users=@students"]
    return line.replace("pam_ctsh.so", lab.ctsh.pam) \
        .replace("@students", user.name)


@contextlib.contextmanager
def covered(directory, texts):
    """Commands that put a file of ours over one of the machine's, each."""
    os.mkdir(directory)
    commands = []
    for number, (path, text) in enumerate(texts.items()):
        place = f"{directory}/{number}"
        with open(place, "w") as file:
            file.write(text)
        commands.append(["mount", "--bind", place, path])
    yield commands


@pytest.fixture(scope="module")
def keeper(lab):
    """Has a shell of the host's, and a rule."""
    user = lab.users["plain"]
    with lab.config.own(user, 'container = '
                        f'"{lab.boxes["crun"].container.spec}"\n'):
        yield user


@pytest.fixture(scope="module")
def view(lab, keeper):
    """Where the machine's pam.d has the lines of the examples at its end."""
    directory = f"{lab.base}/pam.d-own"
    shutil.copytree("/etc/pam.d", directory)
    for service in SERVICES:
        with open(f"{directory}/{service}", "a") as file:
            file.write("\n" + example(lab, service, keeper) + "\n")
    over = {"/etc/environment": "OF_PAM_ENV=seen\n",
            "/etc/motd": "of pam_motd\n", "/var/log/lastlog": "",
            "/etc/security/limits.conf": LIMITS.format(user=keeper.name)}
    with covered(f"{lab.base}/over", over) as commands, \
            machine.view(["mount", "--bind", directory, "/etc/pam.d"],
                         *commands, inside=lab.log_prefix) as prefix:
        yield prefix


def network(crun_box):
    return os.readlink(f"/proc/{crun_box.init}/ns/net")


@pytest.mark.parametrize("dash", [[], ["-"]])
def test_su(keeper, crun_box, view, dash):
    """su-l includes su."""
    result = process.run([*view, "su", *dash, keeper.name, "-c", SHOW])
    net, _, files, variable = result.out.splitlines()
    assert (net, files, variable, result.err) == \
        (network(crun_box), "321", "seen", "")


def test_login(keeper, crun_box, view):
    with terminal.Terminal([*view, "login", "-f", keeper.name],
                           env={"PATH": os.environ["PATH"],
                                "TERM": "dumb"}) as screen:
        screen.see("of pam_motd")
        screen.prompt()
        assert screen.ask(SHOW).splitlines() == [
            network(crun_box), str(keeper.uid), "321", "seen"]


def test_sshd(lab, keeper, crun_box, view):
    with sshd.sshd(f"{lab.base}/ssh-own", [keeper.name], view, pam=True,
                   first="PrintMotd no\n") as server:
        result = process.run(server.argv(keeper.name, SHOW))
        assert result.out.splitlines() == [
            network(crun_box), str(keeper.uid), "321", "seen"], result
        with terminal.Terminal(server.argv(keeper.name, options=[
                "RequestTTY=force"]), env={"PATH": os.environ["PATH"],
                                           "TERM": "dumb"}) as screen:
            screen.see("of pam_motd")
            screen.prompt()
            assert screen.ask(SHOW.split(";")[0]) == network(crun_box)


@pytest.mark.parametrize("service", SERVICES)
def test_who_is_not_named_has_it_all_but_the_network(lab, view, service):
    other = lab.users["evil"]
    result = process.run([*view, "su", other.name, "-c", SHOW])
    assert result.out.splitlines()[0] == os.readlink("/proc/self/ns/net")
    assert result.out.splitlines()[-1] == "seen"


# -- modules one by one --------------------------------------------------------

@pytest.fixture
def su(services, keeper):
    """With these lines before ours."""
    def run(*before, command, prefix=()):
        services.line("join=net", f"users={keeper.name}", before=before)
        return services.run(*prefix, "su", keeper.name, "-c", command)
    yield run
    services.line("join=net", "users=nobody")


def test_pam_namespace(lab, keeper, crun_box, su):
    """A directory of one's own, and the container's network."""
    shared, own = f"{lab.base}/home/poly", f"{lab.base}/home/poly-own"
    os.mkdir(shared)
    os.mkdir(own, 0)
    os.chmod(shared, 0o1777)
    conf = f"{lab.base}/namespace.conf"
    with open(conf, "w") as file:
        file.write(f"{shared} {own}/ user root\n")
    with open(f"{shared}/of-all", "w"):
        pass
    result = su("session required pam_namespace.so",
                command=f"readlink /proc/self/ns/net; ls {shared}; "
                f"touch {shared}/mine; stat -c %U {shared}/mine",
                prefix=["unshare", "--mount", "sh", "-c",
                        f"mount --bind {conf} /etc/security/namespace.conf "
                        '&& exec "$0" "$@"'])
    assert (result.out.splitlines(), result.err) == (
        [network(crun_box), keeper.name], "")
    assert os.listdir(shared) == ["of-all"]
    # And went back to where they were made, so that nothing stays mounted.
    assert not [line for line in machine.mounts() if shared in line]


@pytest.mark.parametrize("line", [
    "session optional pam_systemd.so", "session required pam_keyinit.so",
    "session required pam_selinux.so open", "session required pam_umask.so",
    "session required pam_unix.so", "session optional pam_lastlog.so"])
def test_what_stands_before_it_does_not_matter(crun_box, su, line):
    result = su(line, command="readlink /proc/self/ns/net")
    assert result.out.splitlines()[-1] == network(crun_box), result


# -- the same with all joined --------------------------------------------------

@pytest.fixture(scope="module")
def visitor(lab):
    with pam_all.visitors(lab, "stacked", ("crun",)) as made:
        yield made["crun"]


@pytest.fixture
def su_inside(services, visitor):
    """With these lines before ours."""
    def run(*before, command, prefix=()):
        services.line("join=all", f"users={visitor.user.name}", before=before)
        return services.run(*prefix, "su", visitor.user.name, "-c", command)
    yield run
    services.line("join=net", "users=nobody")


INSIDE = "readlink /proc/self/ns/mnt; readlink /proc/self/ns/net"


def inside(visitor):
    return "".join(os.readlink(f"/proc/{visitor.init}/ns/{name}") + "\n"
                   for name in ("mnt", "net"))


@pytest.mark.parametrize("line", [
    "session optional pam_systemd.so", "session required pam_keyinit.so",
    "session required pam_selinux.so open", "session required pam_umask.so",
    "session required pam_unix.so", "session optional pam_lastlog.so"])
def test_what_stands_before_join_all_does_not_matter(visitor, su_inside, line):
    result = su_inside(line, command=INSIDE)
    assert (result.status, result.out) == (0, inside(visitor)), result


def test_what_modules_set_before_join_all_comes_along(lab, visitor, su_inside):
    """Limits within the init's, variables, the audit's user, and what su(1)
    does not say with a command."""
    place = f"{lab.base}/before-all"
    os.mkdir(place)
    for name, text in (("limits", LIMITS.format(user=visitor.user.name)),
                       ("env", "OF_PAM_ENV=seen\n"), ("motd", "seen\n")):
        with open(f"{place}/{name}", "w") as file:
            file.write(text)
    result = su_inside(
        f"session required pam_limits.so conf={place}/limits",
        f"session required pam_env.so envfile={place}/env",
        f"session required pam_motd.so motd={place}/motd",
        "session required pam_loginuid.so",
        command=f"{INSIDE}; ulimit -Hn; echo $OF_PAM_ENV; "
        "cat /proc/self/loginuid")
    assert result.out == \
        f"{inside(visitor)}321\nseen\n{visitor.user.uid}", result


def test_the_motd_before_join_all_is_the_hosts(lab, services, visitor):
    motd = f"{lab.base}/motd-all"
    with open(motd, "w") as file:
        file.write("of pam_motd\n")
    with open(visitor.inside("etc/motd"), "w") as file:
        file.write("of the container\n")
    services.line("join=all", f"users={visitor.user.name}",
                  before=[f"session required pam_motd.so motd={motd}"])
    with terminal.Terminal([*services.prefix, "login", "-f",
                            visitor.user.name],
                           env={"PATH": os.environ["PATH"],
                                "TERM": "dumb"}) as screen:
        screen.see("of pam_motd")
        screen.prompt()
        assert screen.ask(INSIDE) == inside(visitor).strip()
    services.line("join=net", "users=nobody")


def test_limits_wider_than_the_inits_are_cut(lab, visitor, su_inside):
    conf = f"{lab.base}/limits-wide"
    with open(conf, "w") as file:
        file.write(f"{visitor.user.name} - nofile 9999\n")
    result = su_inside(f"session required pam_limits.so conf={conf}",
                       command="ulimit -Hn")
    assert result.out == "1024\n", result


def test_pam_namespace_before_join_all(lab, visitor, su_inside):
    """Made in a mount namespace that is left: the container's directory is
    not another one, nothing is mounted on the host, and the end of the session
    is the same."""
    shared, own = f"{lab.base}/home/poly-all", f"{lab.base}/home/poly-all-own"
    for place in (shared, visitor.inside(shared)):
        os.makedirs(place)
        os.chmod(place, 0o1777)
    os.mkdir(own, 0)
    open(visitor.inside(f"{shared}/of-container"), "w").close()
    conf = f"{lab.base}/namespace-all.conf"
    with open(conf, "w") as file:
        file.write(f"{shared} {own}/ user root\n")
    result = su_inside(
        "session required pam_namespace.so", command=f"{INSIDE}; ls {shared}",
        prefix=["unshare", "--mount", "sh", "-c",
                f"mount --bind {conf} /etc/security/namespace.conf "
                '&& exec "$0" "$@"'])
    assert result.out == inside(visitor) + "of-container\n", result
    assert not [line for line in machine.mounts() if shared in line]


def test_pam_loginuid_behind_join_all_sets_nothing(services, visitor):
    """It looks for itself in the container's /proc, and does not complain."""
    services.line("join=all", f"users={visitor.user.name}",
                  behind=["session required pam_loginuid.so"])
    result = services.run("su", visitor.user.name, "-c",
                          "cat /proc/self/loginuid")
    assert result.out == process.read("/proc/self/loginuid"), result
    services.line("join=net", "users=nobody")


def test_a_module_that_refuses_before_it(keeper, su):
    """It is asked all the same, and nobody gets a session."""
    result = su("session required pam_deny.so", command="echo reached")
    assert "reached" not in result.out and result.status != 0


def test_every_example_of_a_line_is_installed():
    found = {name for name in os.listdir(EXAMPLES) if "pam.d" in name}
    assert found == {f"pam.d-{service}" for service in SERVICES}
    modes = process.read(f"{install.SOURCE}/packaging/modes")
    assert set(re.findall(r"conf/examples/(pam\.d-\S+)", modes)) == found
