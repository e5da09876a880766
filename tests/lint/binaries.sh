#!/bin/sh
# SPDX-License-Identifier: MIT
#
# binaries.sh BUILD - what the linker made is what was meant.
#
# All programs: position-independent, relro, bound at start, no executable
# stack, no search path for libraries.  ctsh: no library but libc.
# pam_ctsh.so: no name but those that PAM calls, and no variable.
# ctsh-sftp-server: not even a loader.
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
	case $1 in
	*.so) ;;
	*)
		echo "$dynamic" | grep -Eq 'FLAGS_1.*PIE' ||
			complain "$1: not linked with -pie"
		;;
	esac
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

# Whatever a module shows could stand in for a function of its host's.
check_exports() { # FILE
	extra=$(nm -D --defined-only "$1" | awk '{ print $3 }' |
		grep -Ev '^pam_sm_(open|close)_session$' || true)
	[ -z "$extra" ] || complain "$1: shows" $extra
}

# It would be common to all that use the module in a process.  What is written
# only while it is loaded lies elsewhere; the linker's own is no variable.
check_no_variables() { # FILE
	kept=$(objdump -t "$1" | awk '
		/[ \t]\.(data|bss|tdata|tbss)[.A-Za-z]*\t/ && !/\.data\.rel\.ro/ &&
		$NF !~ /^(completed\.[0-9]+|__dso_handle|__TMC_END__|\.[a-z]*)$/ {
			print $NF }' |
		grep -Ev '^(_edata|_end|__bss_start|(__)?data_start)$' || true)
	[ -z "$kept" ] || complain "$1: keeps" $kept
}

# That is for ctsh-names: modules would be loaded into the login.
check_no_names() { # FILE
	asks=$(nm "$1" | awk '{ print $NF }' | sed 's/@.*//' |
		grep -E '^get((pw|gr)(nam|uid|gid)_r|grouplist)$' || true)
	[ -z "$asks" ] || complain "$1: asks the name service:" $asks
}

for name in ctsh ctsh-session ctsh-names ctsh-porter ctsh-sftp-server ctshctl \
	pam_ctsh.so; do
	if [ ! -f "$build/$name" ]; then
		complain "$build/$name is not there"
		continue
	fi
	check_hardening "$build/$name"
done
if [ -f "$build/pam_ctsh.so" ]; then
	check_exports "$build/pam_ctsh.so"
	check_no_variables "$build/pam_ctsh.so"
fi
[ ! -f "$build/ctsh" ] || check_libc_only "$build/ctsh"
[ ! -f "$build/ctsh-session" ] || check_no_names "$build/ctsh-session"
# It is executed where the host's loader and libraries are not.
if readelf -Wl "$build/ctsh-sftp-server" 2>/dev/null | grep -q INTERP; then
	complain "$build/ctsh-sftp-server: asks for a loader"
fi
exit $bad
