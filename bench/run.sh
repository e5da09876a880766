#!/bin/bash
# SPDX-License-Identifier: MIT
#
# run.sh [ROUNDS] - how long a login takes, beside the tools of today.
#
# Installs ctsh below /opt/ctsh-bench (a setuid program needs a file system
# without nosuid), makes a crun and a docker container and three users whose
# logins end there, measures everything in turns (see latency.c), prints
# medians and ratios with the targets, and removes all of it.  Without docker
# the docker rows are left out; a daemon of its own is used if none runs.
set -uo pipefail

cd "$(dirname "$0")/.." || exit 1
# shellcheck source=demo/lab.sh
. demo/lab.sh
unset MAKEFLAGS MFLAGS DESTDIR SETUID_GROUP

rounds=${1:-${ROUNDS:-200}}
prefix=/opt/ctsh-bench
rundir=/run/ctsh-bench
box=$prefix/container
# One user for each way to find a container, since the rule decides.
users=(ctsh-bench-crun ctsh-bench-file ctsh-bench-dock)
docker=
dockerd=

die() {
	echo "bench: $*" >&2
	exit 1
}

clean_up() {
	local user
	trap '' INT TERM
	lab_crun_stop ctsh-bench 2>/dev/null
	[ -z "$docker" ] || lab_docker_stop ctsh-bench
	[ -z "$dockerd" ] || lab_dockerd_stop "$dockerd"
	for user in "${users[@]}"; do
		[ "$(getent passwd "$user" | cut -d: -f7)" != \
			"$prefix/bin/ctsh" ] || userdel "$user"
	done
	rm -rf "$prefix" "$rundir"
}

install_ctsh() {
	mkdir -p build
	make -s -j"$(nproc)" B=build/bench prefix=$prefix \
		sysconfdir=$prefix/etc rundir=$rundir install \
		>build/bench.log 2>&1 || {
		tail -n 20 build/bench.log >&2
		die "ctsh could not be built"
	}
	gcc -std=gnu17 -D_GNU_SOURCE -O2 -o build/bench/latency \
		bench/latency.c || die "latency.c does not compile"
}

make_users() {
	local user
	for user in "${users[@]}"; do
		useradd --system --user-group --no-create-home \
			--home-dir / --shell $prefix/bin/ctsh "$user" ||
			die "useradd failed"
	done
}

make_tree() {
	local user
	mkdir -p "$box"
	lab_rootfs "$box/rootfs" nobody 65534 65534 || die "no tree"
	for user in "${users[@]}"; do
		getent passwd "$user" |
			awk -F: -v OFS=: '{ $7 = "/bin/sh"; print }' \
				>>"$box/rootfs/etc/passwd"
		getent group "$user" >>"$box/rootfs/etc/group"
	done
}

make_containers() {
	lab_crun_start ctsh-bench "$box" || die "no crun container"
	mkdir -p $prefix/run
	lab_crun_pid ctsh-bench >$prefix/run/box.pid
	command -v dockerd >/dev/null || return 0
	if ! lab_docker_runs; then
		lab_dockerd_start "$prefix/docker" || return 0
		dockerd=$prefix/docker
	fi
	docker=yes
	lab_docker_start ctsh-bench "$box" || die "no docker container"
}

write_config() {
	cat >$prefix/etc/ctsh/ctsh.conf <<-END
	engine bench { type = "docker"  socket = "${LAB_DOCKER_HOST#unix://}" }
	rule crun { match = {"${users[0]}"}  container = "crun:ctsh-bench" }
	rule file {
	    match = {"${users[1]}"}
	    container = "pidfile:$prefix/run/box.pid"
	}
	rule docker { match = {"${users[2]}"}  container = "bench:ctsh-bench" }
	END
	chmod 644 $prefix/etc/ctsh/ctsh.conf
}

measure() {
	local pid login=("$prefix/bin/ctsh" -c true) commands=()
	pid=$(lab_crun_pid ctsh-bench)
	add() { # NAME USER COMMAND...
		commands+=("$1" "$(id -u "$2")" "$(id -g "$2")" "${@:3}" ';')
	}
	add nsenter root nsenter -a -t "$pid" true
	add crun-exec root crun exec ctsh-bench true
	add ctsh-crun "${users[0]}" "${login[@]}"
	add ctsh-pidfile "${users[1]}" "${login[@]}"
	if [ -n "$docker" ]; then
		add docker-exec root docker -H "$LAB_DOCKER_HOST" exec \
			ctsh-bench true
		add ctsh-docker "${users[2]}" "${login[@]}"
	fi
	unset 'commands[-1]'
	build/bench/latency "$rounds" "${commands[@]}"
}

# The targets stand in docs/benchmarks.md too; a ratio over one is marked.
report() {
	awk '
	{ us[$1] = $2; printf "  %-14s %9.2f ms\n", $1, $2 / 1000 }
	function ratio(a, b, target,    r) {
		if (!(a in us) || !(b in us)) return
		r = us[a] / us[b]
		printf "  %-30s %6.3f   at most %.3f   %s\n", a " / " b, r,
			target, r <= target ? "met" : "MISSED"
		if (r > target) missed++
	}
	END {
		print ""
		ratio("ctsh-crun", "nsenter", 1.5)
		ratio("ctsh-crun", "crun-exec", 0.65)
		ratio("ctsh-pidfile", "nsenter", 1.5)
		ratio("ctsh-pidfile", "crun-exec", 0.65)
		ratio("ctsh-docker", "docker-exec", 1 / 15)
		exit missed > 0
	}' "$1"
}

[ "$(id -u)" -eq 0 ] || die "please run me as root"
for tool in crun busybox nsenter gcc; do
	command -v $tool >/dev/null || die "no $tool; \`make deps\` installs it"
done
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
clean_up
install_ctsh
make_users
make_tree
make_containers
write_config
measure >build/bench/latency.txt || die "a command failed; is ctsh working?" \
	"(ctshctl explain ${users[0]})"
echo "median of $rounds logins each, in turns:"
report build/bench/latency.txt
