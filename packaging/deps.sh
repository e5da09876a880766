#!/bin/sh
# SPDX-License-Identifier: MIT
#
# deps.sh [build|demo|all] - install what is missing, with apt-get.
#
#   build   what `make` needs
#   demo    that, and what `make demo` needs
#   all     that, and what the tests and `make bench` need (the default)
#
# No service is started or restarted: an administrator who wants to try ctsh
# has not asked for an sshd or a dockerd.  What was installed is noted in
# build/installed-packages, for `make demo-down` to name.
set -eu

# A|B: the first of them that this release has; A|-: A, if it has it.
build='gcc make libc6-dev pkg-config|pkgconf libconfuse-dev libjansson-dev
	libpam0g-dev musl-tools|-'
demo='crun busybox-static openssh-server openssh-client passwd procps
	util-linux mount'
tests='clang libclang-rt-dev|libclang-rt-14-dev|clang
	clang-format-14|clang-format universal-ctags mandoc shellcheck
	libcmocka-dev login expect sshpass strace socat iproute2
	python3 python3-pytest python3-pexpect runc docker.io ansible-core
	docker-cli|docker.io git binutils rsync tmux sudo
	qemu-system-x86 apparmor secilc cpio
	asciinema
	podman lxc lxd|- lxd-client|- systemd-container uidmap debootstrap openssl
	pamtester cron locales valgrind libc6-dbg libpam-systemd
	dbus-daemon|dbus dbus'

case ${1:-all} in
build) wanted="$build" ;;
demo) wanted="$build $demo" ;;
all) wanted="$build $demo $tests" ;;
*)
	echo "usage: deps.sh [build|demo|all]" >&2
	exit 2
	;;
esac

is_installed() {
	dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null |
		grep -q '^.i'
}

is_available() {
	apt-cache policy "$1" 2>/dev/null |
		grep -q '^  Candidate: [^(]'
}

# One name out of A|B|C: one that is there, else one that can be had.  Nothing
# where "-" allows that: the tests that need it then say that they skip.
choose() {
	names=$(echo "$1" | tr '|' ' ')
	for name in $names; do
		is_installed "$name" && return
	done
	for name in $names; do
		[ "$name" != - ] || return 0
		if is_available "$name"; then
			echo "$name"
			return
		fi
	done
	echo "!$1"
}

list_missing() {
	for entry in $wanted; do
		choose "$entry"
	done
}

# policy-rc.d is Debian's own switch for "install, but start nothing".  One
# that is there already is the administrator's and is left alone.
policy=/usr/sbin/policy-rc.d
made_policy=
hold_services() {
	if [ ! -e "$policy" ] && [ ! -h "$policy" ]; then
		made_policy=yes
		printf '#!/bin/sh\n# Of deps.sh; to be removed.\nexit 101\n' \
			>"$policy"
		chmod 755 "$policy"
	fi
}

release_services() {
	[ -z "$made_policy" ] || rm -f "$policy"
	made_policy=
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	echo "deps.sh: no apt-get here.  Please install the like of:" >&2
	echo "$wanted" | tr -s '\n\t ' ' ' | fold -s -w 72 | sed 's/^/  /' >&2
	echo >&2
	exit 1
fi

missing=$(list_missing)
if [ -z "$missing" ]; then
	echo "deps.sh: everything is installed"
	exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "deps.sh: run me as root to install:" $missing >&2
	exit 1
fi

export DEBIAN_FRONTEND=noninteractive
# needrestart would restart services behind our back on Ubuntu.
export NEEDRESTART_MODE=l
trap release_services EXIT
trap 'exit 1' HUP INT TERM
apt-get update -q
missing=$(list_missing)
case $missing in
*!*)
	echo "deps.sh: this release has none of:" >&2
	echo "$missing" | sed -n 's/^!/  /p' >&2
	exit 1
	;;
esac
hold_services
# Unquoted on purpose: a list of names.
apt-get install -q -y --no-install-recommends $missing
release_services

# Not started now; nor shall the next boot start what nobody asked for.
if command -v systemctl >/dev/null; then
	for name in $missing; do
		case $name in
		openssh-server) units='ssh.service ssh.socket' ;;
		docker.io) units='docker.service docker.socket
			containerd.service' ;;
		apparmor) units=apparmor.service ;;
		podman) units='podman.service podman.socket
			podman-auto-update.timer podman-restart.service' ;;
		systemd-container) units=machines.target ;;
		lxc) units='lxc.service lxc-net.service lxcfs.service' ;;
		lxd) units='lxd.service lxd.socket lxd-containers.service
			lxcfs.service' ;;
		*) continue ;;
		esac
		for unit in $units; do
			systemctl disable --quiet "$unit" 2>/dev/null || true
		done
		echo "deps.sh: $name is installed, but its service is off"
	done
fi

mkdir -p build
echo "$missing" >>build/installed-packages
