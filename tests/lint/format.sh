#!/bin/sh
# SPDX-License-Identifier: MIT
#
# format.sh [TREE] - .clang-format decides.
#
# Releases of clang-format disagree with each other, so only the one that the
# tree is formatted with is asked.  Ends with 77, skipped, without it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../..}"
version=14

for tool in clang-format-$version clang-format; do
	if command -v $tool >/dev/null &&
		$tool --version | grep -q "version $version\."; then
		break
	fi
	tool=
done
if [ -z "$tool" ]; then
	echo "format.sh: no clang-format $version here"
	exit 77
fi

files=$(find lib shell names sftp ctl pam_module tests bench demo -name '*.[ch]' \
	2>/dev/null | sort)
if [ -z "$files" ]; then
	echo "format.sh: no source below $(pwd)"
	exit 1
fi
bad=0
for file in $files; do
	if ! $tool --style=file --dry-run -Werror "$file" 2>/dev/null; then
		echo "format.sh: $file: to be formatted ($tool -i $file)"
		bad=1
	fi
done
exit $bad
