# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# engines.sh - containers of engines that only the bench compares; like
# demo/lab.sh, which is sourced before it.

# --- podman ------------------------------------------------------------------

# With a store of its own below DIR, and no database of the machine's.
bench_podman() { # DIR ARGUMENT...
	local dir=$1
	shift
	lab_engine env CONTAINERS_CONF="$dir/containers.conf" podman \
		--root "$dir/root" --runroot "$dir/run" --tmpdir "$dir/tmp" \
		--storage-driver vfs "$@"
}

bench_podman_start() { # DIR NAME ROOTFS
	local dir=$1 limits=()

	mkdir -p "$dir" || return
	cat >"$dir/containers.conf" <<-END
	[engine]
	cgroup_manager = "cgroupfs"
	events_logger = "none"
	lock_type = "file"
	runtime = "crun"
	[network]
	network_config_dir = "$dir/net"
	END
	lab_may_raise_limits ||
		limits=(--ulimit nofile=512:1024 --ulimit nproc=1000:1000)
	bench_podman "$dir" run --detach --network none --name "$2" \
		"${limits[@]}" --rootfs "$3" /bin/sleep 100000 >"$dir/log" 2>&1 || {
		sed 's/^/    /' "$dir/log" >&2
		lab_complain "podman could not start $2"
	}
}

bench_podman_stop() { # DIR NAME
	[ ! -e "$1/containers.conf" ] ||
		bench_podman "$1" rm --force --ignore --time 0 "$2" >/dev/null
}

# --- LXC ---------------------------------------------------------------------

bench_lxc_start() { # DIR NAME ROOTFS
	local dir=$1/$2

	mkdir -p "$dir" || return
	cat >"$dir/config" <<-END
	lxc.include = /usr/share/lxc/config/common.conf
	lxc.uts.name = $2
	lxc.rootfs.path = dir:$3
	lxc.net.0.type = empty
	lxc.apparmor.profile = unconfined
	lxc.init.cmd = /bin/sleep 100000
	END
	lab_engine lxc-start -P "$1" -n "$2" >"$dir/log" 2>&1 || {
		sed 's/^/    /' "$dir/log" >&2
		lab_complain "LXC could not start $2"
	}
}

bench_lxc_stop() { # DIR NAME
	[ ! -e "$1/$2/config" ] || lab_engine lxc-stop -P "$1" -n "$2" --kill
}

# --- daemons of our own -------------------------------------------------------

# Behind it is DIR/pid; the output is in DIR/log.
bench_daemon() { # DIR COMMAND...
	local dir=$1
	shift
	# shellcheck disable=SC2016
	lab_engine setsid sh -c 'echo $$ >"$0/pid" && exec "$@"' "$dir" "$@" \
		</dev/null >"$dir/log" 2>&1 &
}

bench_wait() { # DIR COMMAND...
	local dir=$1 i
	shift
	for ((i = 0; i < 150; i++)); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.2
	done
	tail -n 5 "$dir/log" | sed 's/^/    /' >&2
	lab_complain "still not: $*"
}

# --- containerd, and what kubelet makes of it ---------------------------------

bench_ctr() { # DIR ARGUMENT...
	local dir=$1
	shift
	ctr --address "$dir/sock" "$@"
}

bench_containerd_start() { # DIR
	mkdir -p "$1" || return
	cat >"$1/containerd.toml" <<-END
	version = 2
	disabled_plugins = ["io.containerd.grpc.v1.cri"]
	END
	bench_daemon "$1" containerd --config "$1/containerd.toml" \
		--root "$1/root" --state "$1/state" --address "$1/sock"
	bench_wait "$1" bench_ctr "$1" version
}

bench_task_start() { # DIR NAMESPACE NAME ROOTFS OPTION...
	local dir=$1 ns=$2 name=$3 tree=$4
	shift 4
	bench_ctr "$dir" --namespace "$ns" run --detach --null-io --rootfs \
		--seccomp "$@" "$tree" "$name" /bin/sleep 100000
}

# A pod as containerd's CRI plugin notes it, without kubelet.
bench_pod_start() { # DIR POD ROOTFS
	local key=io.kubernetes.cri notes

	notes=(--annotation "$key.sandbox-id=$2-sandbox"
		--annotation "$key.sandbox-name=$2"
		--annotation "$key.sandbox-namespace=bench")
	bench_task_start "$1" k8s.io "$2-sandbox" "$3" "${notes[@]}" \
		--annotation "$key.container-type=sandbox" &&
		bench_task_start "$1" k8s.io "$2-app" "$3" "${notes[@]}" \
			--annotation "$key.container-type=container" \
			--annotation "$key.container-name=app"
}

bench_containerd_stop() { # DIR
	local ns name

	[ -s "$1/pid" ] || return 0
	for ns in default k8s.io; do
		for name in $(bench_ctr "$1" --namespace $ns container ls -q); do
			bench_ctr "$1" --namespace $ns task rm --force "$name"
			bench_ctr "$1" --namespace $ns container rm "$name"
		done
	done >/dev/null 2>&1
	lab_daemon_stop "$1"
}

# --- systemd-nspawn -----------------------------------------------------------

bench_nspawn_up() { # DIR
	local pid
	pid=$(cat "$1/pid") && grep -q . "/proc/$pid/task/$pid/children"
}

bench_nspawn_start() { # DIR NAME ROOTFS
	mkdir -p "$1" || return
	bench_daemon "$1" systemd-nspawn --quiet --machine="$2" \
		--directory="$3" --register=no --keep-unit --private-network \
		--resolv-conf=off --timezone=off /bin/sleep 100000
	bench_wait "$1" bench_nspawn_up "$1" && sleep 1
}

# --- a user's own podman ------------------------------------------------------

bench_own() { # USER ARGUMENT...
	local user=$1 uid
	shift
	uid=$(id -u "$user")
	lab_engine setpriv --reuid "$uid" --regid "$(id -g "$user")" \
		--init-groups env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		HOME="$(getent passwd "$user" | cut -d: -f6)" \
		XDG_RUNTIME_DIR="/run/user/$uid" podman "$@"
}

bench_own_start() { # USER HOME NAME ROOTFS
	local uid gid
	uid=$(id -u "$1") gid=$(id -g "$1")

	usermod --home "$2" --add-subuids 1700000000-1700065535 \
		--add-subgids 1700000000-1700065535 "$1" || return
	mkdir -p "$2/.config/containers" "/run/user/$uid" || return
	cat >"$2/.config/containers/containers.conf" <<-END
	[engine]
	cgroup_manager = "cgroupfs"
	events_logger = "none"
	runtime = "crun"
	[containers]
	default_ulimits = ["nofile=512:1024", "nproc=1000:1000"]
	netns = "none"
	END
	mkdir -p "$2/tree" && tar -C "$4" --exclude ./data -c . |
		tar -C "$2/tree" -x || return
	chown -R "$uid:$gid" "$2" "/run/user/$uid" || return
	chmod 700 "/run/user/$uid"
	(cd / && bench_own "$1" run --detach --name "$3" --rootfs "$2/tree" \
		/bin/sleep 100000 >"$2/log" 2>&1) || {
		sed 's/^/    /' "$2/log" >&2
		lab_complain "podman of $1 could not start $3"
	}
}

bench_own_stop() { # USER HOME NAME
	local uid pid

	[ -e "$2/log" ] || return 0
	uid=$(id -u "$1")
	(cd / && bench_own "$1" rm --force --ignore --time 0 "$3" >/dev/null)
	# podman's keeper of the user namespace.
	for pid in $(pgrep -u "$uid"); do
		kill "$pid"
	done
	rm -rf "/run/user/$uid"
}

# --- LXD ----------------------------------------------------------------------

bench_lxd() { # DIR PROGRAM ARGUMENT...
	local dir=$1
	shift
	env LXD_DIR="$dir/lxd" LXD_CONF="$dir/client" HOME="$dir" "$@"
}

bench_lxd_start() { # DIR NAME ROOTFS
	mkdir -p "$1/lxd" || return
	bench_daemon "$1" env LXD_DIR="$1/lxd" HOME="$1" lxd --group root
	bench_wait "$1" bench_lxd "$1" lxd waitready --timeout 1 || return
	printf 'architecture: %s\ncreation_date: 1700000000\n' "$(uname -m)" \
		>"$1/metadata.yaml"
	tar -C "$1" -cf "$1/image.tar" metadata.yaml &&
		tar -C "$3" --exclude ./data --transform 's,^\.,rootfs,' \
			-rf "$1/image.tar" . || return
	{
		bench_lxd "$1" lxc storage create bench dir &&
			bench_lxd "$1" lxc profile device add default root \
				disk path=/ pool=bench &&
			bench_lxd "$1" lxc image import "$1/image.tar" \
				--alias bench &&
			bench_lxd "$1" lxc init bench "$2" --config \
				'raw.lxc=lxc.init.cmd = /bin/sleep 100000' &&
			bench_lxd "$1" lxc start "$2"
	} >"$1/client.log" 2>&1 || {
		sed 's/^/    /' "$1/client.log" >&2
		lab_complain "LXD could not start $2"
	}
}

bench_lxd_stop() { # DIR NAME
	[ -s "$1/pid" ] || return 0
	bench_lxd "$1" lxc delete --force "$2" >/dev/null 2>&1
	bench_lxd "$1" lxd shutdown --timeout 20 >/dev/null 2>&1
	lab_daemon_stop "$1"
}
