#!/bin/bash
# SPDX-License-Identifier: MIT
#
# run.sh [ROUNDS] - how long a login takes and what a session costs, beside the
# tools of today.
#
# Installs ctsh below /opt/ctsh-bench (a setuid program needs a file system
# without nosuid), makes a crun and a docker container and three users whose
# logins end there, measures everything in turns with hyperfine and session.py,
# prints medians and ratios with the targets, and removes all of it.  Without
# docker the docker rows are left out; a daemon of its own is used if none runs.
set -uo pipefail

cd "$(dirname "$0")/.." || exit 1
# shellcheck source=demo/lab.sh
. demo/lab.sh
# shellcheck source=bench/engines.sh
. bench/engines.sh
unset MAKEFLAGS MFLAGS DESTDIR SETUID_GROUP

rounds=${1:-${ROUNDS:-10}}
runs=20
results=/run/ctsh-bench-results
prefix=/opt/ctsh-bench
rundir=/run/ctsh-bench
ctrdir=/run/ctsh-bench-containerd
box=$prefix/container
# One user for each way to find a container, since the rule decides.
users=(ctsh-bench-crun ctsh-bench-file ctsh-bench-dock ctsh-bench-podm
	ctsh-bench-lxc ctsh-bench-ctr ctsh-bench-kube ctsh-bench-nspawn
	ctsh-bench-own ctsh-bench-lxd)
# Whose login stays on the host.
plain=ctsh-bench-plain
docker=
dockerd=
podman=
lxc=
# Of the others, those that are here.
more=()

die() {
	echo "bench: $*" >&2
	exit 1
}

clean_up() {
	local user
	trap '' INT TERM
	lab_crun_stop ctsh-bench 2>/dev/null
	[ -z "$docker" ] || lab_docker_stop ctsh-bench
	[ -z "$dockerd" ] || lab_daemon_stop "$dockerd"
	bench_podman_stop $prefix/podman ctsh-bench
	bench_lxc_stop $prefix/lxc ctsh-bench
	bench_containerd_stop $ctrdir
	lab_daemon_stop $prefix/nspawn
	bench_own_stop "${users[8]}" $prefix/own ctsh-bench
	bench_lxd_stop $prefix/lxd ctsh-bench
	for user in "${users[@]}" $plain; do
		case $(getent passwd "$user" | cut -d: -f7) in
		"$prefix"/*) userdel "$user" ;;
		esac
	done
	rm -rf "$prefix" "$rundir" "$ctrdir" "$results"
}

install_ctsh() {
	mkdir -p build
	make -s -j"$(nproc)" B=build/bench prefix=$prefix \
		sysconfdir=$prefix/etc rundir=$rundir \
		logdir=$prefix/log install \
		>build/bench.log 2>&1 || {
		tail -n 20 build/bench.log >&2
		die "ctsh could not be built"
	}
	cc -O2 -D_GNU_SOURCE -o $prefix/lookup bench/lookup.c \
		build/bench/libctsh.a -lconfuse -ljansson ||
		die "bench/lookup.c could not be built"
}

# Not locked, or sshd would not let them in.
add_user() { # NAME SHELL
	useradd --system --user-group --no-create-home --password '*' \
		--home-dir / --shell "$2" "$1" || die "useradd failed"
}

# The plain user has the shell that the containers have, so that the difference
# is ours.
make_users() {
	local user
	for user in "${users[@]}"; do
		add_user "$user" $prefix/bin/ctsh
	done
	cp "$(command -v busybox)" $prefix/bin/sh
	add_user $plain $prefix/bin/sh
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
	# Lines, for what passes through a terminal.
	head -c 48000000 /dev/urandom | base64 >"$box/rootfs/data"
}

# More engines, each if it is installed.
make_more() {
	if command -v ctr containerd >/dev/null; then
		more+=(ctr kube)
		bench_containerd_start $ctrdir &&
			bench_task_start $ctrdir default ctsh-bench \
				"$box/rootfs" &&
			bench_pod_start $ctrdir ctsh-bench "$box/rootfs" ||
			die "no containers of containerd"
	fi
	if command -v systemd-nspawn >/dev/null; then
		more+=(nspawn)
		bench_nspawn_start $prefix/nspawn ctsh-bench "$box/rootfs" ||
			die "no machine of nspawn"
	fi
	if command -v podman >/dev/null && command -v newuidmap >/dev/null; then
		more+=(own)
		bench_own_start "${users[8]}" $prefix/own ctsh-bench \
			"$box/rootfs" || die "no podman container of a user"
	fi
	if command -v lxd >/dev/null; then
		more+=(lxd)
		bench_lxd_start $prefix/lxd ctsh-bench "$box/rootfs" ||
			die "no LXD container"
	fi
}

make_containers() {
	lab_crun_start ctsh-bench "$box" || die "no crun container"
	mkdir -p $prefix/run
	lab_crun_pid ctsh-bench >$prefix/run/box.pid
	if command -v podman >/dev/null; then
		podman=yes
		bench_podman_start $prefix/podman ctsh-bench "$box/rootfs" ||
			die "no podman container"
	fi
	if command -v lxc-start >/dev/null; then
		lxc=yes
		bench_lxc_start $prefix/lxc ctsh-bench "$box/rootfs" ||
			die "no LXC container"
	fi
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
	engine benchpodman {
	    type = "podman"
	    root = "$prefix/podman/root"
	    runroot = "$prefix/podman/run"
	}
	engine benchlxc { type = "lxc"  root = "$prefix/lxc" }
	rule podman {
	    match = {"${users[3]}"}
	    container = "benchpodman:ctsh-bench"
	}
	rule lxc { match = {"${users[4]}"}  container = "benchlxc:ctsh-bench" }
	rule crun { match = {"${users[0]}"}  container = "crun:ctsh-bench" }
	rule file {
	    match = {"${users[1]}"}
	    container = "pidfile:$prefix/run/box.pid"
	}
	rule docker { match = {"${users[2]}"}  container = "bench:ctsh-bench" }
	engine benchctr { type = "containerd"  root = "$ctrdir/state" }
	engine benchkube { type = "kubernetes"  root = "$ctrdir/state" }
	engine benchlxd { type = "lxd"  root = "$prefix/lxd/lxd" }
	rule ctr {
	    match = {"${users[5]}"}
	    container = "benchctr:default/ctsh-bench"
	}
	rule kube {
	    match = {"${users[6]}"}
	    container = "benchkube:bench/ctsh-bench/app"
	}
	rule nspawn { match = {"${users[7]}"}  container = "nspawn:ctsh-bench" }
	rule own {
	    match = {"${users[8]}"}
	    container = "podman:ctsh-bench"
	    owner = "%u"
	}
	rule lxd { match = {"${users[9]}"}  container = "benchlxd:ctsh-bench" }
	END
	chmod 644 $prefix/etc/ctsh/ctsh.conf
}

# In turns, so that a machine whose speed drifts is unfair to all alike.  Who
# calls ctsh is the user from the start: hyperfine itself runs as them, and no
# wrapper is measured.
one() { # NAME USER COMMAND...
	local name=$1 user=$2
	shift 2
	setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups \
		hyperfine -N --style none --warmup 1 --runs "$runs" \
		--export-json "$results/$name.$round.json" \
		"$*" </dev/null >/dev/null
}

measure_others() {
	if [ -n "$podman" ]; then
		CONTAINERS_CONF=$prefix/podman/containers.conf runs=5 \
			one podman-exec root podman --root $prefix/podman/root \
			--runroot $prefix/podman/run \
			--tmpdir $prefix/podman/tmp --storage-driver vfs \
			exec ctsh-bench true &&
			one ctsh-podman "${users[3]}" $prefix/bin/ctsh -c true ||
			return 1
	fi
	[ -n "$lxc" ] || return 0
	one lxc-attach root lxc-attach -P $prefix/lxc -n ctsh-bench \
		--clear-env -- true &&
		one ctsh-lxc "${users[4]}" $prefix/bin/ctsh -c true
}

# The engine's own exec, and ours.
against() { # THEIRS USER OURS USER COMMAND...
	local theirs=$1 their_user=$2 ours=$3 our_user=$4
	shift 4
	runs=5 one "$theirs" "$their_user" "$@" &&
		one "$ours" "$our_user" $prefix/bin/ctsh -c true
}

measure_more() {
	local engine id
	for engine in "${more[@]}"; do
		case $engine in
		ctr)
			against ctr-exec root ctsh-containerd "${users[5]}" \
				ctr --address $ctrdir/sock task exec \
				--exec-id bench ctsh-bench /bin/true
			;;
		kube)
			against kube-exec root ctsh-kubernetes "${users[6]}" \
				ctr --address $ctrdir/sock -n k8s.io \
				task exec --exec-id bench ctsh-bench-app /bin/true
			;;
		nspawn)	# Without machined it has no exec of its own.
			one ctsh-nspawn "${users[7]}" $prefix/bin/ctsh -c true
			;;
		own)
			id=$(id -u "${users[8]}")
			HOME=$prefix/own XDG_RUNTIME_DIR=/run/user/$id \
				against own-exec "${users[8]}" ctsh-own \
				"${users[8]}" podman exec ctsh-bench true
			;;
		lxd)
			LXD_DIR=$prefix/lxd/lxd LXD_CONF=$prefix/lxd/client \
				HOME=$prefix/lxd \
				against lxc-exec root ctsh-lxd "${users[9]}" \
				lxc exec -T ctsh-bench -- true
			;;
		esac || return
	done
}

# How long it takes to find one, without a login around it.
look() { # NAME ENGINE CONTAINER ROOT RUNROOT SOCKET USER
	local name=$1
	shift
	$prefix/lookup "$@" 100 >"$results/lookup-$name.$round.json"
}

measure_lookups() {
	local engine
	look crun crun ctsh-bench - - - - || return
	[ -z "$docker" ] || look docker docker ctsh-bench - - \
		"${LAB_DOCKER_HOST#unix://}" - || return
	[ -z "$podman" ] || look podman podman ctsh-bench \
		$prefix/podman/root $prefix/podman/run - - || return
	[ -z "$lxc" ] || look lxc lxc ctsh-bench $prefix/lxc - - - || return
	for engine in "${more[@]}"; do
		case $engine in
		ctr)
			look containerd containerd default/ctsh-bench \
				$ctrdir/state - - -
			;;
		kube)
			look kubernetes kubernetes bench/ctsh-bench/app \
				$ctrdir/state - - -
			;;
		nspawn) look nspawn nspawn ctsh-bench - - - - ;;
		own) look own podman ctsh-bench - - - "${users[8]}" ;;
		lxd) look lxd lxd ctsh-bench $prefix/lxd/lxd - - - ;;
		esac || return
	done
}

measure() {
	local pid
	pid=$(lab_crun_pid ctsh-bench)
	for ((round = 1; round <= rounds; round++)); do
		one nsenter root nsenter -a -t "$pid" true &&
			one crun-exec root crun exec ctsh-bench true &&
			one ctsh-crun "${users[0]}" $prefix/bin/ctsh -c true &&
			one ctsh-pidfile "${users[1]}" $prefix/bin/ctsh -c true ||
			return 1
		measure_others && measure_more && measure_lookups || return 1
		[ -n "$docker" ] || continue
		one docker-exec root docker -H "$LAB_DOCKER_HOST" exec \
			ctsh-bench true &&
			one ctsh-docker "${users[2]}" $prefix/bin/ctsh -c true ||
			return 1
	done
}

# What a session costs once it runs.
measure_sessions() {
	/usr/bin/python3 bench/session.py $((rounds < 5 ? rounds : 5)) \
		"$results" $prefix/bin/ctsh ctsh-bench "${users[0]}" $plain \
		${docker:+"$LAB_DOCKER_HOST"}
}

[ "$(id -u)" -eq 0 ] || die "please run me as root"
for tool in crun busybox nsenter hyperfine python3; do
	command -v $tool >/dev/null || die "no $tool; \`make deps\` installs it"
done
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
clean_up
install_ctsh
make_users
make_tree
make_containers
make_more
write_config
# Written by whoever is measured; the directory goes with the bench.
mkdir -p "$results"
chmod 1777 "$results"
{ measure && measure_sessions; } ||
	die "a command failed; is ctsh working?" \
	"(ctshctl explain ${users[0]})"
echo "medians of $rounds rounds, in turns:"
python3 bench/report.py "$results"
