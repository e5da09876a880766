#!/bin/bash
# SPDX-License-Identifier: MIT
#
# down.sh - remove everything that demo.sh made, and say what stays.
# Harmless where there is no demo, or half of one.
set -uo pipefail

cd "$(dirname "$0")/.." || exit 1
# shellcheck source=demo/places.sh
. demo/places.sh
# shellcheck source=demo/lab.sh
. demo/lab.sh

[ "$(id -u)" -eq 0 ] || die "please run me as root"
quiet=${1:-}

say() {
	[ -n "$quiet" ] || echo "$*"
}

# The sshd in the PID file, if it still is that one: a PID is only a number.
sshd_pid() {
	local pid
	pid=$(cat "$demo_sshd/pid" 2>/dev/null) || return
	tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null |
		grep -q "$demo_sshd/config" && echo "$pid"
}

stop_sshd() {
	local pid children
	pid=$(sshd_pid) || return 0
	children=$(pgrep -P "$pid")
	# Unquoted on purpose: a list of numbers.
	# shellcheck disable=SC2086
	kill "$pid" $children 2>/dev/null
	say "stopped   sshd ($pid)"
}

stop_container() {
	if [ -e "/run/crun/$demo_name" ]; then
		lab_crun_stop "$demo_name" && say "removed   crun:$demo_name"
	fi
	if [ "$(cat "$demo_prefix/engine" 2>/dev/null)" = docker ]; then
		lab_docker_stop "$demo_name"
		say "removed   docker:$demo_name and its image"
	fi
}

# Only an account that this demo made: its shell says so.
remove_user() {
	local shell i pids
	shell=$(getent passwd "$demo_name" | cut -d: -f7)
	[ "$shell" = "$demo_prefix/bin/ctsh" ] || return 0
	for ((i = 0; i < 50; i++)); do
		pids=$(pgrep -U "$demo_name") || break
		# First they get the time to notice that it is over.
		# shellcheck disable=SC2086
		[ "$i" -lt 20 ] || kill -9 $pids 2>/dev/null
		sleep 0.1
	done
	userdel "$demo_name" && say "removed   user $demo_name"
}

remove_files() {
	local path
	for path in "$demo_prefix" "$demo_rundir" "$demo_build"; do
		[ -e "$path" ] || continue
		rm -rf "$path" && say "removed   $path"
	done
}

packages=$(cat "$demo_prefix/packages" 2>/dev/null)
stop_sshd
stop_container
remove_user
remove_files

if [ -z "$quiet" ] && [ -n "$packages" ]; then
	echo "left      packages that were installed by deps.sh:"
	echo "$packages" | sort -u | tr '\n' ' ' | fold -s -w 66 |
		sed 's/^/            /'
	echo
	echo "          (apt-get remove them if nothing else needs them)"
fi
[ ! -e "$demo_prefix" ] || die "could not remove $demo_prefix"
