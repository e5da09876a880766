#!/bin/sh
# SPDX-License-Identifier: MIT
#
# binaries.sh BUILD - what the linker made is what was meant.
#
# All programs: position-independent, relro, bound at start, no executable
# stack, no search path for libraries.  ctsh: no library but libc.
set -eu

build=${1:?directory of the programs}
bad=0

complain() {
	echo "binaries.sh: $*"
	bad=1
}

check_hardening() { # FILE
	head=$(readelf -Wh "$1")
	dynamic=$(readelf -Wd "$1")
	segments=$(readelf -Wl "$1")
	echo "$head" | grep -q 'Type:.*DYN' ||
		complain "$1: not position-independent"
	echo "$dynamic" | grep -Eq 'FLAGS_1.*PIE' ||
		complain "$1: not linked with -pie"
	echo "$segments" | grep -q 'GNU_RELRO' ||
		complain "$1: no relro"
	echo "$dynamic" | grep -Eq 'FLAGS_1.*NOW|BIND_NOW' ||
		complain "$1: not bound at start"
	echo "$segments" | grep -E 'GNU_STACK' | grep -Eq ' RW +0x' ||
		complain "$1: the stack may be executable"
	if echo "$dynamic" | grep -Eq 'RPATH|RUNPATH'; then
		complain "$1: has a search path for libraries"
	fi
}

check_libc_only() { # FILE
	# The dynamic linker itself is named on some machines (arm).
	extra=$(readelf -Wd "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
		grep -Ev '^(libc\.so\.[0-9]+|ld-linux[^/]*)$' || true)
	[ -z "$extra" ] || complain "$1: linked with" $extra
}

for name in ctsh ctsh-session ctshctl; do
	if [ ! -f "$build/$name" ]; then
		complain "$build/$name is not there"
		continue
	fi
	check_hardening "$build/$name"
done
[ ! -f "$build/ctsh" ] || check_libc_only "$build/ctsh"
exit $bad
