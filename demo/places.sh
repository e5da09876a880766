# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
#
# places.sh - what the demo is called and where it lives, for demo.sh, which
# makes it, and down.sh, which has to find all of it again.

demo_name=ctsh-demo              # user, container, cgroup, image
demo_prefix=/opt/ctsh-demo       # programs, configuration, keys, container
demo_rundir=/run/ctsh-demo
demo_build=build/demo
demo_etc=$demo_prefix/etc
demo_box=$demo_prefix/container
demo_sshd=$demo_prefix/sshd      # sshd's configuration, key, log and PID
demo_client=$demo_prefix/client  # the visitor's key
demo_key=$demo_client/id_ed25519
demo_hosts=$demo_client/known_hosts

die() {
	echo >&2
	echo "demo: $*" >&2
	exit 1
}
