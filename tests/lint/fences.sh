#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fences.sh [TREE] - who may call what, and who may know whom.
#
# docs/ARCHITECTURE.md draws the lines; this keeps them.  Prints every breach
# as FILE:LINE: TEXT and ends with 1 if there was one.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../..}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0

# Looked for once, so that all fences see the same files.
find lib shell names sftp ctl pam_module -name '*.[ch]' 2>/dev/null |
	sort >"$tmp/sources"
if [ ! -s "$tmp/sources" ]; then
	echo "fences.sh: no source below $(pwd)"
	exit 1
fi

# Once without comments, once without literals too; grep does the rest.
while read -r file; do
	mkdir -p "$tmp/text/$(dirname "$file")" "$tmp/code/$(dirname "$file")"
	awk -v strings=1 -f "$here/strip.awk" "$file" >"$tmp/text/$file"
	awk -v strings=0 -f "$here/strip.awk" "$file" >"$tmp/code/$file"
done <"$tmp/sources"

# fence REASON VIEW WHERE EXCEPT PATTERN: files that fit the expression WHERE
# and not EXCEPT may not hold PATTERN.  VIEW is text or code, see above.
fence() {
	(cd "$tmp/$2" && find . -type f | sed 's|^\./||' | sort |
		grep -E "$3" | grep -Ev "$4" |
		xargs -r grep -nHE "$5") >"$tmp/found" || true
	if [ -s "$tmp/found" ]; then
		echo "fences.sh: $1:"
		sed 's/^/  /' "$tmp/found"
		bad=1
	fi
}

# A call, or the number of one.  `&name` and `= name` count: a pointer to a
# function is as good as a call.
call() {
	printf '(^|[^A-Za-z0-9_.>])(%s)[[:space:]]*[(),;]|' "$1"
	printf '(SYS_|__NR_)(%s)([^A-Za-z0-9_]|$)' "$1"
}
invoke() {
	printf '(^|[^A-Za-z0-9_.>])(%s)[[:space:]]*[(]' "$1"
}
none='^$'

# --- who may call what ------------------------------------------------------

fence "only lib/policy/config.c knows libconfuse" code \
	. '^lib/policy/config\.c$' \
	'^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]confuse\.h|(^|[^A-Za-z0-9_])cfg_[a-z]+[[:space:]]*[(]'

fence "only lib/policy/names.c asks NSS" code \
	. '^lib/policy/names\.c$' \
	"$(invoke '(get|set|end)(pw|gr|sp)(ent|nam|uid|gid)?(_r)?|getgrouplist|initgroups')"

fence "only lib/policy/person_files.c reads the account files" code \
	. '^lib/policy/person_files\.c$' \
	"$(invoke 'fget(pw|gr|sp)ent(_r)?')"

fence "only lib/enter/ changes namespaces, roots and power" code \
	. '^lib/enter/' \
	"$(call 'setns|unshare|chroot|pivot_root|ptrace|capset|cap_set_proc')"

fence "only lib/enter/ and the stub change ids" code \
	. '^lib/enter/|^shell/ctsh\.c$' \
	"$(call 'setresuid|setresgid|setgroups')"

# The short forms leave a saved id behind, or depend on who calls.
# (lib/enter/ tries them, to prove that they fail.)
fence "ids are changed by setres*id only" code . '^lib/enter/' \
	"$(call 'setuid|setgid|seteuid|setegid|setreuid|setregid|setfsuid|setfsgid')"

fence "lib/ never prints, logs, exits or reads the environment" code \
	'^lib/' "$none" \
	"$(invoke 'exit|abort|syslog|vsyslog|openlog|printf|fprintf|vprintf|vfprintf|dprintf|puts|fputs|putchar|perror|errx?|warnx?|getenv|secure_getenv|setenv|putenv|unsetenv|clearenv')|(=|[(]|,|return)[[:space:]]*environ[[:space:]]*[];,)[]"

fence "nobody starts a shell, sets a locale or resolves a path twice" code \
	'^(lib|shell|names|pam_module)/' '^pam_module/preload\.c$' \
	"$(invoke 'system|popen|wordexp|setlocale|realpath|dlopen')"

# It is linked statically: what asks for more than the kernel would look for
# files of the image's.
fence "sftp/ starts, loads, looks up and translates nothing" code \
	'^sftp/' "$none" \
	"$(invoke 'system|popen|wordexp|setlocale|dlopen|fork|vfork|clone|exec[a-z]*|posix_spawnp?|localtime(_r)?|mktime|strftime|getaddrinfo|iconv_open|syslog|openlog')"

fence "functions that cannot be used safely" code . "$none" \
	"$(invoke 'strcpy|strcat|strncat|stpcpy|sprintf|vsprintf|gets|alloca|strtok|atoi|atol|atoll|mktemp|tmpnam|tempnam|setjmp|longjmp')"

fence "no goto" code . "$none" '(^|[^A-Za-z0-9_])goto[[:space:]]+[A-Za-z_]'

fence "only lib/runtime/ knows where engines keep things" text \
	. '^lib/runtime/' \
	'"[^"]*(docker\.sock|/run/docker|/run/crun|/run/runc|/run/podman|/run/containerd|/run/crio|/run/systemd/machines|/var/lib/(containers|containerd|docker|lxc|lxd|incus))'

# --- who may know whom ------------------------------------------------------

# may LAYER NEIGHBOUR...: whom files of a layer may include, as directories.
may() {
	echo "$*" >>"$tmp/may"
}
may lib/base lib/base lib/model
may lib/model lib/model lib/base
may lib/policy lib/policy lib/base lib/model
may lib/runtime lib/runtime lib/base lib/model
may lib/enter lib/enter lib/base lib/model
may lib/registry lib/registry lib/enter lib/base lib/model
may lib/route lib/route lib/policy lib/runtime lib/enter lib/registry \
	lib/base lib/model
may shell shell lib/route lib/enter lib/registry lib/base lib/model
may names names lib/policy lib/base lib/model
may ctl ctl lib/route lib/policy lib/runtime lib/enter lib/registry \
	lib/base lib/model
# Alone: it runs inside, and of ours is nothing else there.
may sftp sftp
may pam_module pam_module lib/route lib/enter lib/registry lib/base lib/model

# LAYER FILE INCLUDED, with the path resolved against the file's own.
includes() {
	while read -r file; do
		sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' \
			"$tmp/code/$file" | while read -r name; do
			dir=$(dirname "$file")
			echo "$dir $file $(realpath -ms --relative-to=. \
				"$dir/$name")"
		done
	done <"$tmp/sources"
}
includes >"$tmp/includes"

awk -v may="$tmp/may" '
	function dir(path) { sub(/\/[^\/]*$/, "", path); return path }
	BEGIN {
		while ((getline line < may) > 0) {
			n = split(line, part, " ")
			for (i = 2; i <= n; i++)
				ok[part[1], part[i]] = 1
		}
	}
	!(($1, dir($3)) in ok) {
		print "fences.sh: " $2 " may not include " $3
		bad = 1
	}
	# Values come in below the barrier, never what they were decided by.
	$1 == "lib/enter" && $3 ~ /^lib\/model\/rule\.h$/ {
		print "fences.sh: " $2 " decides nothing: no " $3
		bad = 1
	}
	# libc only, and no more of ours than can be read in one sitting.
	$2 == "shell/ctsh.c" && $3 !~ /^shell\/(handover|caller|report)\.h$|^lib\/base\// {
		print "fences.sh: " $2 ": the stub may not include " $3
		bad = 1
	}
	END { exit bad }' "$tmp/includes" || bad=1

exit $bad
