# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# lab.sh - containers to try things with, without a registry: a tree made of
# busybox alone, started by crun or docker.  To be sourced by a bash script.
#
# Every function prints what went wrong to stderr and returns 1; nothing is
# left half started.  Who starts something ends it by the same name.

lab_complain() {
	echo "lab.sh: $*" >&2
	return 1
}

# A tree with a shell and two accounts: root, and USER with home /home/USER.
lab_rootfs() { # DIR USER UID GID
	local dir=$1 user=$2 uid=$3 gid=$4 busybox applet

	busybox=$(command -v busybox) || lab_complain "no busybox" || return
	if readelf -l "$busybox" 2>/dev/null | grep -q INTERP; then
		lab_complain "$busybox is not static (install busybox-static)"
		return
	fi
	rm -rf "$dir" || return
	mkdir -p "$dir"/{bin,sbin,dev,etc,proc,sys,tmp,root,run,var/tmp} \
		"$dir/usr/bin" "$dir/home/$user" || return
	cp "$busybox" "$dir/bin/busybox" || return
	for applet in $("$busybox" --list); do
		[ "$applet" = busybox ] || ln -s busybox "$dir/bin/$applet"
	done
	cat >"$dir/etc/passwd" <<-END
		root:x:0:0:root:/root:/bin/sh
		$user:x:$uid:$gid:$user:/home/$user:/bin/sh
	END
	cat >"$dir/etc/group" <<-END
		root:x:0:
		tty:x:5:
		$user:x:$gid:
		box:x:4321:$user
	END
	cat >"$dir/etc/profile" <<-'END'
		PS1='\u@\h:\w\$ '
	END
	echo 'PRETTY_NAME="busybox in a container"' >"$dir/etc/os-release"
	chmod 1777 "$dir/tmp" "$dir/var/tmp"
	chmod 700 "$dir/root"
	chown -R "$uid:$gid" "$dir/home/$user"
}

# Runs COMMAND where an engine can work.  A hybrid cgroup tree (v1 controllers
# and /sys/fs/cgroup/unified) is refused by crun and confuses docker; a mount
# namespace of its own, without `unified`, is plain v1.
lab_engine() { # COMMAND...
	if mountpoint -q /sys/fs/cgroup/unified; then
		# shellcheck disable=SC2016
		unshare -m --propagation private sh -c \
			'umount /sys/fs/cgroup/unified && exec "$@"' sh "$@"
	else
		"$@"
	fi
}

# Whether this machine may raise its own limits (CAP_SYS_RESOURCE, bit 24).
lab_may_raise_limits() {
	local caps
	caps=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
	[ $((0x$caps >> 24 & 1)) -eq 1 ]
}

# --- crun --------------------------------------------------------------------

# The capabilities docker gives, and a filter that forbids what a container
# has no business with; so the demonstration shows both being carried over.
lab_bundle() { # DIR NAME: DIR holds rootfs, gets config.json
	local caps='"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER",
		"CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
		"CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
		"CAP_MKNOD", "CAP_AUDIT_WRITE", "CAP_SETFCAP"'
	# The init adopts what sessions leave behind, so it has to wait for it.
	# shellcheck disable=SC2016
	local init='trap \"exit 0\" TERM; while :; do sleep 3600 & wait; done'
	local cgroup='"type": "cgroup", "source": "cgroup"'

	cat >"$1/config.json" <<-END
	{
	  "ociVersion": "1.0.0",
	  "process": {
	    "terminal": false,
	    "user": { "uid": 0, "gid": 0 },
	    "args": [ "/bin/sh", "-c", "$init" ],
	    "env": [
	      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	    ],
	    "cwd": "/",
	    "capabilities": {
	      "bounding": [ $caps ],
	      "effective": [ $caps ],
	      "permitted": [ $caps ]
	    },
	    "noNewPrivileges": false
	  },
	  "root": { "path": "rootfs", "readonly": false },
	  "hostname": "$2",
	  "mounts": [
	    { "destination": "/proc", "type": "proc", "source": "proc" },
	    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
	      "options": [ "nosuid", "strictatime", "mode=755", "size=65536k" ] },
	    { "destination": "/dev/pts", "type": "devpts", "source": "devpts",
	      "options": [ "nosuid", "noexec", "newinstance", "ptmxmode=0666",
	                   "mode=0620", "gid=5" ] },
	    { "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
	      "options": [ "nosuid", "noexec", "nodev", "mode=1777",
	                   "size=65536k" ] },
	    { "destination": "/sys", "type": "sysfs", "source": "sysfs",
	      "options": [ "nosuid", "noexec", "nodev", "ro" ] },
	    { "destination": "/sys/fs/cgroup", $cgroup,
	      "options": [ "nosuid", "noexec", "nodev", "relatime", "ro" ] }
	  ],
	  "linux": {
	    "cgroupsPath": "/$2",
	    "resources": { "devices": [ { "allow": false, "access": "rwm" } ] },
	    "namespaces": [
	      { "type": "pid" }, { "type": "network" }, { "type": "ipc" },
	      { "type": "uts" }, { "type": "mount" }
	    ],
	    "maskedPaths": [ "/proc/kcore", "/proc/keys", "/proc/timer_list",
	                     "/sys/firmware" ],
	    "readonlyPaths": [ "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
	                       "/proc/sysrq-trigger" ],
	    "seccomp": {
	      "defaultAction": "SCMP_ACT_ALLOW",
	      "syscalls": [ {
	        "names": [ "add_key", "bpf", "delete_module", "finit_module",
	                   "init_module", "kexec_load", "keyctl", "mount",
	                   "perf_event_open", "ptrace", "reboot", "request_key",
	                   "setns", "swapon", "umount2", "unshare",
	                   "userfaultfd" ],
	        "action": "SCMP_ACT_ERRNO"
	      } ]
	    }
	  }
	}
	END
}

lab_crun_start() { # NAME DIR
	local name=$1 dir=$2

	lab_bundle "$dir" "$name" || return
	(cd "$dir" && lab_engine crun run -d "$name" \
		</dev/null >"$dir/crun.log" 2>&1) || {
		sed 's/^/    /' "$dir/crun.log" >&2
		lab_complain "crun could not start $name"
	}
}

lab_crun_stop() { # NAME
	[ ! -e "/run/crun/$1" ] || lab_engine crun delete -f "$1"
}

lab_crun_pid() { # NAME
	crun state "$1" | sed -n 's/.*"pid" *: *\([0-9]*\).*/\1/p'
}

# --- docker ------------------------------------------------------------------

# The daemon to talk to; lab_dockerd_start sets another.
LAB_DOCKER_HOST=${LAB_DOCKER_HOST:-unix:///var/run/docker.sock}

lab_docker() {
	docker -H "$LAB_DOCKER_HOST" "$@"
}

lab_docker_runs() {
	lab_docker version >/dev/null 2>&1
}

# A daemon of our own below DIR, without a network, beside any other.
lab_dockerd_start() { # DIR
	local dir=$1 i

	mkdir -p "$dir" || return
	LAB_DOCKER_HOST=unix://$dir/docker.sock
	# exec, so that the PID noted here is the daemon's.
	lab_engine setsid dockerd --bridge=none --iptables=false \
		--ip6tables=false --data-root "$dir/data" \
		--exec-root "$dir/exec" --pidfile "$dir/pid" \
		-H "$LAB_DOCKER_HOST" </dev/null >"$dir/log" 2>&1 &
	for ((i = 0; i < 150; i++)); do
		lab_docker_runs && return
		sleep 0.2
	done
	tail -n 5 "$dir/log" | sed 's/^/    /' >&2
	lab_daemon_stop "$dir"
	lab_complain "dockerd did not start"
}

# What was started with its PID in DIR/pid.
lab_daemon_stop() { # DIR
	local pid i

	[ -s "$1/pid" ] || return 0
	pid=$(cat "$1/pid")
	kill "$pid" 2>/dev/null
	for ((i = 0; i < 100; i++)); do
		kill -0 "$pid" 2>/dev/null || return 0
		sleep 0.1
	done
	kill -9 "$pid" 2>/dev/null
}

# ctsh enters no container with a label of AppArmor or SELinux yet, so it is
# started without one where the host has either.
lab_docker_security() {
	if grep -qs '^Y' /sys/module/apparmor/parameters/enabled; then
		echo --security-opt apparmor=unconfined
	fi
	if [ -e /sys/fs/selinux/enforce ]; then
		echo --security-opt label=disable
	fi
}

lab_docker_start() { # NAME DIR: DIR holds rootfs
	local name=$1 limits=()

	# Without the capability the engine cannot set what it usually sets.
	lab_may_raise_limits || limits=(--ulimit nofile=1024:1024)
	tar -C "$2/rootfs" -c . | lab_docker import - "$name:lab" \
		>/dev/null || return
	# Unquoted on purpose: words.
	# shellcheck disable=SC2046
	lab_docker run -d --init=false --name "$name" --hostname "$name" \
		--network none "${limits[@]}" $(lab_docker_security) \
		"$name:lab" /bin/sh -c \
		'trap "exit 0" TERM; while :; do sleep 3600 & wait; done' \
		>/dev/null
}

lab_docker_stop() { # NAME
	lab_docker rm -f "$1" >/dev/null 2>&1
	lab_docker rmi -f "$1:lab" >/dev/null 2>&1
	return 0
}

lab_docker_pid() { # NAME
	lab_docker inspect -f '{{.State.Pid}}' "$1"
}
