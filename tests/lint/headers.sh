#!/bin/sh
# SPDX-License-Identifier: MIT
#
# headers.sh [TREE] - every file says whose it is; every header says what
# privilege it needs and whom it trusts, and has a guard of its own.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../..}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
licence='SPDX-License-Identifier: MIT'

complain() {
	echo "headers.sh: $*" | tee -a "$tmp/bad"
}

find lib shell names sftp ctl pam_module tests bench demo -name '*.[ch]' 2>/dev/null |
	sort >"$tmp/sources"
[ -s "$tmp/sources" ] || complain "no source below $(pwd)"
while read -r file; do
	[ "$(head -n 1 "$file")" = "/* $licence */" ] ||
		complain "$file: its first line is not /* $licence */"
done <"$tmp/sources"

find packaging tests bench demo .ci -type f \( -name '*.sh' -o -name '*.py' \
	-o -name '*.awk' -o -name run \) 2>/dev/null | sort >"$tmp/scripts"
while read -r file; do
	[ ! -s "$file" ] || head -n 3 "$file" | grep -q "$licence" ||
		complain "$file: no $licence in its first lines"
done <"$tmp/scripts"

find lib shell names sftp ctl pam_module -name '*.h' 2>/dev/null | sort >"$tmp/headers"
while read -r file; do
	sed '/^#/q' "$file" >"$tmp/top"
	for word in Privilege Trust; do
		grep -Eq "^ \* $word:[[:space:]]+[^[:space:]]" "$tmp/top" ||
			complain "$file: no $word: at its top"
	done
	grep -Fq " * $(basename "$file") - " "$tmp/top" ||
		complain "$file: does not begin with \"$(basename "$file") -\""
	guard=$(sed -n 's/^#ifndef \(CTSH_[A-Z0-9_]*_H\)$/\1/p' "$file" |
		head -n 1)
	if [ -z "$guard" ] || ! grep -q "^#define $guard\$" "$file"; then
		complain "$file: no include guard CTSH_..._H"
	fi
	echo "$guard" >>"$tmp/guards"
done <"$tmp/headers"

# Two headers with one guard: the second is empty for whoever includes both.
for guard in $(sort "$tmp/guards" 2>/dev/null | uniq -d); do
	complain "the guard $guard is used twice"
done

[ ! -e "$tmp/bad" ]
