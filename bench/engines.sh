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
