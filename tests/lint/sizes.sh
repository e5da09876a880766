#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sizes.sh [TREE] - short files and short functions.
#
# A file has at most 400 lines, a function at most 100; nine of ten functions
# have at most 45 and half of them at most 20 (15 is what we aim at).  Tests
# may be longer: they are lists by nature.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../..}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0

find lib shell names sftp ctl pam_module -name '*.[ch]' 2>/dev/null | sort >"$tmp/files"
find tests bench demo -name '*.[ch]' 2>/dev/null | sort >"$tmp/tests"
if [ ! -s "$tmp/files" ]; then
	echo "sizes.sh: no source below $(pwd)"
	exit 1
fi

# LINES FILE NAME for every function.
functions() {
	ctags -L "$1" --languages=C --langmap=C:.c.h --kinds-C=f --fields=+ne \
		-x --_xformat='%n %e %F %N' >"$tmp/tags"
	awk '{ print $2 - $1 + 1, $3 ":" $1, $4 }' "$tmp/tags" | sort -n
}

too_long() { # LIST-OF-FILES LINES-PER-FILE LINES-PER-FUNCTION
	while read -r file; do
		lines=$(wc -l <"$file")
		[ "$lines" -le "$2" ] || echo "$file: $lines lines, over $2"
	done <"$1"
	functions "$1" | awk -v max="$3" '$1 > max {
		print $2 ": " $3 "() has " $1 " lines, over " max }'
}

{
	too_long "$tmp/files" 400 100
	[ ! -s "$tmp/tests" ] || too_long "$tmp/tests" 1000 150
} >"$tmp/long"
if [ -s "$tmp/long" ]; then
	sed 's/^/sizes.sh: /' "$tmp/long"
	bad=1
fi

functions "$tmp/files" | awk '
	{ lines[NR] = $1 }
	END {
		if (!NR) { print "sizes.sh: ctags saw no function"; exit 1 }
		median = lines[int((NR + 1) / 2)]
		p90 = lines[int((NR * 9 + 9) / 10)]
		printf "sizes.sh: %d functions, median %d, nine of ten ", NR, median
		printf "up to %d, longest %d lines\n", p90, lines[NR]
		if (median > 20) print "sizes.sh: the median is over 20"
		if (p90 > 45) print "sizes.sh: nine of ten are over 45"
		exit median > 20 || p90 > 45
	}' || bad=1

exit $bad
