#!/bin/sh
# SPDX-License-Identifier: MIT
#
# man.sh [TREE] - the man pages are clean mdoc, and there is one for each
# program and file format that is installed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../..}"
bad=0

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
pages=$(find docs -name '*.[1-8]' 2>/dev/null | sort)
if [ -z "$pages" ]; then
	echo "man.sh: no man page below $(pwd)/docs"
	exit 1
fi
for page in $pages; do
	mandoc -T lint -W warning "$page" || bad=1
	grep -q '^\.Dd' "$page" || {
		echo "man.sh: $page: not mdoc"
		bad=1
	}
done

# What packaging/modes installs exists; what exists is installed.
if [ -f packaging/modes ]; then
	sed -n 's/.*[[:space:]]\(docs\/[^[:space:]]*\)$/\1/p' packaging/modes |
		sort >"$tmp/listed"
	echo "$pages" | diff "$tmp/listed" - >"$tmp/diff" || {
		echo "man.sh: packaging/modes (<) and docs (>) differ:"
		grep '^[<>]' "$tmp/diff"
		bad=1
	}
fi
exit $bad
