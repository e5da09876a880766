#!/bin/sh
# SPDX-License-Identifier: MIT
#
# scripts.sh [TREE] - shell scripts parse, and shellcheck has no complaint.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../..}"
bad=0
seen=0

# By the first line, whatever the file is called.
for file in $(find packaging tests bench demo .ci conf -type f \
	! -name '*.[ch15-8]' 2>/dev/null | sort); do
	case $(head -n 1 "$file" | tr -d '\0') in
	'#!/bin/sh'*) shell='sh' ;;
	'#!/bin/bash'* | '#!/usr/bin/env bash'*) shell='bash' ;;
	*) continue ;;
	esac
	seen=$((seen + 1))
	$shell -n "$file" || bad=1
	if command -v shellcheck >/dev/null; then
		shellcheck -x -S warning -f gcc "$file" || bad=1
	fi
done
if [ $seen -eq 0 ]; then
	echo "scripts.sh: no script below $(pwd)"
	exit 1
fi
exit $bad
