#!/bin/sh
# SPDX-License-Identifier: MIT
#
# probe.sh CACHE CC FLAG... - print those flags that CC and its linker take.
#
# Each is tried alone, with warnings as errors: clang only warns about a flag
# that it ignores, and a second _FORTIFY_SOURCE beside the one a distribution's
# compiler brings is a warning too.  Answers are kept in the directory CACHE.
set -eu

cache=$1
cc=$2
shift 2

# Unquoted on purpose: CC may be "ccache gcc".
key=$({ echo "$cc $*"; $cc --version 2>&1 || true; } | cksum | tr ' ' -)
if [ -f "$cache/$key" ]; then
	cat "$cache/$key"
	exit 0
fi

mkdir -p "$cache"
dir=$(mktemp -d "$cache/try.XXXXXX")
trap 'rm -rf "$dir"' EXIT
# A header of libc's, so that _FORTIFY_SOURCE has something to complain in.
printf '#include <string.h>\nint main(void) { return (int)strlen(""); }\n' \
	>"$dir/try.c"

takes() {
	$cc -Werror -O2 "$@" -o "$dir/try" "$dir/try.c" >/dev/null 2>&1
}

if ! takes; then
	echo "probe.sh: $cc does not compile an empty program" >&2
	exit 1
fi
taken=
for flag; do
	# Position-independent code and its linking are two flags, each of
	# which is only right with the other.
	case $flag in
	-fPIE | -pie) takes -fPIE -pie || continue ;;
	-static*)
		# Perhaps with libraries behind.
		# shellcheck disable=SC2086
		takes -fPIE $flag || continue
		;;
	*) takes "$flag" || continue ;;
	esac
	taken="$taken $flag"
done
echo "$taken" >"$dir/answer"
mv "$dir/answer" "$cache/$key"
cat "$cache/$key"
