#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lists.sh [TREE] - the Makefile's lists name every source file there is.
#
# They are written out so that a stray file is never built into a root
# program; so a file that was forgotten has to be noticed here.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../..}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

find lib shell names sftp ctl pam_module -name '*.c' 2>/dev/null | sort >"$tmp/there"
# The lists alone: from NAME_SRC = to the first line without a backslash.
sed -n '/^[A-Z]*_SRC[ \t]*=/,/[^\\]$/p' Makefile |
	grep -oE '(lib|shell|names|sftp|ctl|pam_module)/[A-Za-z0-9_/]+\.c' |
	sort -u >"$tmp/listed"

if [ ! -s "$tmp/there" ]; then
	echo "lists.sh: no source below $(pwd)"
	exit 1
fi
if ! diff "$tmp/there" "$tmp/listed" >"$tmp/diff"; then
	echo "lists.sh: the tree (<) and the Makefile (>) differ:"
	grep '^[<>]' "$tmp/diff"
	exit 1
fi
