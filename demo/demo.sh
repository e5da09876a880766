#!/bin/bash
# SPDX-License-Identifier: MIT
#
# demo.sh [crun|docker] - a container, a user and an sshd on a loopback port,
# to see a login through ctsh and to try one by hand.
#
# Everything lies below /opt/ctsh-demo but for the user, the container and two
# directories in /run; down.sh removes it.  /etc/ssh, /etc/pam.d and
# /etc/shells are not touched.
set -uo pipefail

cd "$(dirname "$0")/.." || exit 1
# shellcheck source=demo/places.sh
. demo/places.sh
# shellcheck source=demo/lab.sh
. demo/lab.sh

engine=${1:-crun}
# Of a make that called us; the demo's own build has its own variables.
unset MAKEFLAGS MFLAGS DESTDIR SETUID_GROUP

announce() {
	cat <<-END
	This makes, on this machine:
	  - packages that are missing (gcc, libconfuse, crun, busybox, openssh ...),
	    without starting their services
	  - ctsh, built and installed below $demo_prefix
	  - a container "$demo_name" ($engine, a busybox tree, no network)
	  - a user "$demo_name" whose shell is $demo_prefix/bin/ctsh
	  - an sshd on 127.0.0.1 with a configuration and keys of its own
	\`make demo-down\` removes all of it but the packages.

	END
}

step() {
	printf '%s\n' "--> $*"
}

# --- before anything is made -------------------------------------------------

check_machine() {
	local dir version
	case $engine in
	crun | docker) ;;
	*) die "ENGINE is crun or docker, not \"$engine\"" ;;
	esac
	[ "$(id -u)" -eq 0 ] || die "please run me as root: a user, a setuid" \
		"program and a container are made"
	version=$(uname -r)
	if [ "$(printf '%s\n' 5.12 "${version%%-*}" | sort -V | head -n 1)" \
		!= 5.12 ]; then
		die "Linux $version is too old: ctsh needs 5.12"
	fi
	# ctsh believes a configuration only if all above it is root's alone.
	for dir in / /opt; do
		[ -d "$dir" ] || mkdir -m 755 "$dir"
		[ -L "$dir" ] && die "$dir is a symbolic link: ctsh would not" \
			"trust a configuration below it"
		[ "$(stat -c %u "$dir")" -eq 0 ] &&
			[ $((0$(stat -c %a "$dir") & 022)) -eq 0 ] ||
			die "$dir is not root's alone ($(stat -c '%A %U' \
				"$dir")): ctsh would not trust what is below"
	done
	if findmnt -no OPTIONS -T /opt | tr , '\n' |
		grep -Eqx 'nosuid|noexec'; then
		die "/opt is mounted nosuid or noexec"
	fi
	local shell
	if shell=$(getent passwd "$demo_name" | cut -d: -f7) &&
		[ -n "$shell" ] && [ "$shell" != "$demo_prefix/bin/ctsh" ]; then
		die "there is a user $demo_name already, and not of mine"
	fi
}

check_docker() {
	[ "$engine" = docker ] || return 0
	command -v docker >/dev/null ||
		die "no docker here; \`make demo\` uses crun instead"
	lab_docker_runs || {
		lab_docker version 2>&1 | sed 's/^/    /'
		die "docker does not answer; start it (systemctl start docker)"
	}
	[ -z "$(lab_docker_security)" ] || cat <<-END
	    This host has AppArmor or SELinux.  The container is started
	    unconfined by it, since this version of ctsh cannot carry a label
	    over and therefore refuses labelled containers.
	END
}

# --- making it ----------------------------------------------------------------

install_ctsh() {
	make -s -j"$(nproc)" B="$demo_build" prefix="$demo_prefix" \
		sysconfdir="$demo_etc" rundir="$demo_rundir" \
		logdir="$demo_prefix/log" install \
		>"$demo_build.log" 2>&1 || {
		tail -n 30 "$demo_build.log"
		die "ctsh could not be built; all of it is in $demo_build.log"
	}
}

# Remembered where `make clean` does not reach.
note_packages() {
	[ ! -s build/installed-packages ] ||
		cp build/installed-packages "$demo_prefix/packages"
}

make_user() {
	# "*" and not "!": a locked account may not log in by key either.
	useradd --system --user-group --no-create-home --password '*' \
		--home-dir "$demo_prefix/home" \
		--shell "$demo_prefix/bin/ctsh" "$demo_name" ||
		die "useradd failed"
}

make_container() {
	mkdir -p "$demo_box"
	lab_rootfs "$demo_box/rootfs" "$demo_name" \
		"$(id -u "$demo_name")" "$(id -g "$demo_name")" ||
		die "no tree for the container"
	echo "$engine" >"$demo_prefix/engine"
	if [ "$engine" = docker ]; then
		lab_docker_start "$demo_name" "$demo_box" ||
			die "docker could not start the container"
	else
		lab_crun_start "$demo_name" "$demo_box" ||
			die "crun could not start the container"
	fi
}

# LAB_DOCKER_HOST=unix:///... names another docker than the usual one; then
# the configuration has to as well.
write_config() {
	local where=$engine
	{
		if [ "$engine" = docker ] &&
			[ "$LAB_DOCKER_HOST" != unix:///var/run/docker.sock ]; then
			where=demo
			echo 'engine demo {'
			echo '    type   = "docker"'
			echo "    socket = \"${LAB_DOCKER_HOST#unix://}\""
			echo '}'
		fi
		echo 'rule demo {'
		echo "    match     = {\"$demo_name\"}"
		echo "    container = \"$where:%u\""
		echo '}'
	} >"$demo_etc/ctsh/ctsh.conf"
	chmod 644 "$demo_etc/ctsh/ctsh.conf"
}

free_port() {
	local port
	for ((port = 2222; port < 2322; port++)); do
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || {
			echo "$port"
			return
		}
	done
	return 1
}

make_keys() {
	mkdir -p "$demo_sshd" "$demo_client" "$demo_prefix/home"
	ssh-keygen -q -t ed25519 -N '' -C "$demo_name" -f "$demo_key" &&
		ssh-keygen -q -t ed25519 -N '' -f "$demo_sshd/host_key" ||
		die "no keys"
	install -m 644 "$demo_key.pub" "$demo_sshd/authorized_keys"
	echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 "$demo_sshd/host_key.pub")" \
		>"$demo_hosts"
	# Whoever called sudo shall be able to try it without.
	[ -z "${SUDO_UID:-}" ] || chown "$SUDO_UID" "$demo_key"
}

# The settings below the first blank line are those of conf/ and docs/: what
# sshd would do around the shell is closed.
start_sshd() {
	cat >"$demo_sshd/config" <<-END
	Port $port
	ListenAddress 127.0.0.1
	HostKey $demo_sshd/host_key
	PidFile $demo_sshd/pid
	AuthorizedKeysFile $demo_sshd/authorized_keys
	AllowUsers $demo_name
	UsePAM no
	PasswordAuthentication no
	KbdInteractiveAuthentication no
	PrintMotd no

	AllowTcpForwarding no
	AllowStreamLocalForwarding no
	AllowAgentForwarding no
	X11Forwarding no
	PermitTunnel no
	PermitUserRC no
	PermitUserEnvironment no
	END
	# Where sshd's own unprivileged child is locked in.
	[ -d /run/sshd ] || mkdir -m 755 /run/sshd
	/usr/sbin/sshd -t -f "$demo_sshd/config" || die "sshd refuses its" \
		"configuration $demo_sshd/config"
	/usr/sbin/sshd -f "$demo_sshd/config" -E "$demo_sshd/log" ||
		die "sshd does not start"
	local i
	for ((i = 0; i < 50; i++)); do
		[ ! -s "$demo_sshd/pid" ] || return 0
		sleep 0.1
	done
	die "sshd does not come up: $(tail -n 3 "$demo_sshd/log")"
}

# --- showing it ------------------------------------------------------------------

visit() { # SSH-OPTION-OR-COMMAND...
	ssh -F none -i "$demo_key" -p "$port" -o IdentitiesOnly=yes \
		-o UserKnownHostsFile="$demo_hosts" -o BatchMode=yes \
		-o LogLevel=ERROR "$@"
}
login() { # COMMAND
	visit "$demo_name@127.0.0.1" "$1"
}

# Everything there is to see when a login fails.
explain_failure() {
	echo
	echo "What sshd said:"
	tail -n 10 "$demo_sshd/log" | sed 's/^/    /'
	echo "What ctshctl explain says:"
	"$demo_prefix/sbin/ctshctl" explain "$demo_name" 2>&1 | sed 's/^/    /'
	echo "The container:"
	if [ "$engine" = docker ]; then
		lab_docker ps -a --filter "name=$demo_name"
	else
		crun list
	fi 2>&1 | sed 's/^/    /'
	die "$1 (the demo is left as it is; \`make demo-down\` removes it)"
}

# NAME=VALUE lines about whoever runs it; works in any shell.
facts='
ns() { readlink "/proc/self/ns/$1" | tr -cd 0-9; }
echo "hostname=$(hostname)"
echo "system=$(sed -n "s/^PRETTY_NAME=//p" /etc/os-release | tr -d "\"")"
echo "processes=$(ls -d /proc/[0-9]* | wc -l)"
echo "interfaces=$(ls /sys/class/net | tr "\n" " ")"
for n in mnt pid net uts ipc; do echo "ns_$n=$(ns $n)"; done
echo "cgroup=$(cut -d: -f3- /proc/self/cgroup | sort | tail -n 1)"
echo "bounding=$(sed -n "s/^CapBnd:[^0-9a-f]*//p" /proc/self/status)"
echo "effective=$(sed -n "s/^CapEff:[^0-9a-f]*//p" /proc/self/status)"
echo "seccomp=$(sed -n "s/^Seccomp_filters:[^0-9]*//p" /proc/self/status)"
'

fact() { # FACTS NAME
	sed -n "s/^$2=//p" <<<"$1"
}

row() { # LABEL HOST CONTAINER
	printf '  %-20s  %-26.26s  %s\n' "$1" "$2" "$3"
}

show_sides() {
	local host box name
	host=$(setpriv --reuid="$demo_name" --regid="$demo_name" \
		--init-groups sh -c "$facts" </dev/null)
	box=$(login "$facts") || explain_failure "the login failed"
	[ "$(fact "$box" ns_pid)" != "$(fact "$host" ns_pid)" ] ||
		explain_failure "the login landed on the host"
	row '' 'on the host' "over ssh, through ctsh"
	row 'hostname' "$(fact "$host" hostname)" "$(fact "$box" hostname)"
	row 'system' "$(fact "$host" system)" "$(fact "$box" system)"
	row 'processes it sees' "$(fact "$host" processes)" \
		"$(fact "$box" processes)"
	row 'network' "$(fact "$host" interfaces)" "$(fact "$box" interfaces)"
	for name in mnt pid net uts ipc; do
		row "namespace $name" "$(fact "$host" ns_$name)" \
			"$(fact "$box" ns_$name)"
	done
	row 'cgroup' "$(fact "$host" cgroup)" "$(fact "$box" cgroup)"
	row 'capability bounds' "$(fact "$host" bounding)" \
		"$(fact "$box" bounding)"
	row 'capabilities' "$(fact "$host" effective)" \
		"$(fact "$box" effective)"
	row 'seccomp filters' "$(fact "$host" seccomp)" \
		"$(fact "$box" seccomp)"
}

show_command() { # COMMAND
	echo
	echo "  \$ ssh $demo_name@127.0.0.1 '$1'"
	login "$1" 2>&1 | sed 's/^/    /'
}

show_rest() {
	local status=0
	show_command 'id; pwd; ps'
	echo
	echo "  \$ ssh -t $demo_name@127.0.0.1 tty      (a terminal of the container's)"
	visit -tt "$demo_name@127.0.0.1" tty 2>&1 </dev/null | tr -d '\r' |
		sed 's/^/    /'
	echo
	echo "  \$ ssh $demo_name@127.0.0.1 'exit 42'; echo \$?"
	login 'exit 42' || status=$?
	echo "    $status"
	[ "$status" -eq 42 ] ||
		explain_failure "the exit status is $status instead of 42"
}

# Milliseconds of one run in the middle of twenty.
median_ms() { # COMMAND...
	local i begin end
	for ((i = 0; i < 20; i++)); do
		begin=${EPOCHREALTIME/[.,]/}
		"$@" </dev/null >/dev/null 2>&1 || return
		end=${EPOCHREALTIME/[.,]/}
		echo $((end - begin))
	done | sort -n | awk '{ t[NR] = $1 }
		END { if (NR == 20) printf "%.1f ms\n", t[10] / 1000
		      else print "failed" }'
}

show_times() {
	local as_user=(setpriv --reuid="$(id -u "$demo_name")"
		--regid="$(id -g "$demo_name")" --clear-groups --)
	echo
	echo "  how long it takes, the median of 20 (bench/ measures properly):"
	row "true" "" "$(median_ms "${as_user[@]}" true)"
	row "ctsh -c true" "" \
		"$(median_ms "${as_user[@]}" "$demo_prefix/bin/ctsh" -c true)"
	if [ "$engine" = docker ]; then
		row "docker exec" "" \
			"$(median_ms lab_docker exec "$demo_name" true)"
	else
		row "crun exec" "" "$(median_ms crun exec "$demo_name" true)"
	fi
	row "a whole ssh login" "" "$(median_ms login true)"
}

invite() {
	cat <<-END

	It is yours to try:

	  ssh -i $demo_key -p $port -o UserKnownHostsFile=$demo_hosts $demo_name@127.0.0.1

	  $demo_prefix/sbin/ctshctl explain $demo_name
	  $demo_etc/ctsh/ctsh.conf
	  make demo-down                     removes all of it
	END
}

announce
check_machine
step "packages"
sh packaging/deps.sh demo || die "packages are missing"
check_docker
step "removing what an earlier demo left"
bash demo/down.sh quiet || die "an earlier demo could not be removed"
step "building and installing ctsh"
mkdir -p build
install_ctsh
note_packages
step "user"
make_user
step "container"
make_container
write_config
step "sshd"
port=$(free_port) || die "no free port from 2222 on"
make_keys
start_sshd
step "logging in"
echo
show_sides
show_rest
show_times
invite
