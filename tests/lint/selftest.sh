#!/bin/sh
# SPDX-License-Identifier: MIT
#
# selftest.sh - a lint that cannot fail is a defect.
#
# Builds a small tree that every lint accepts, breaks one thing at a time, and
# expects the lint to fail and to name the culprit.  One line per case.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

fresh_tree() {
	rm -rf "$tmp/tree"
	mkdir -p "$tmp/tree"
	cd "$tmp/tree"
	mkdir -p lib/base lib/model lib/policy lib/runtime lib/enter lib/route \
		shell ctl docs packaging build
	cp "$root/.clang-format" .
	for layer in base model policy runtime enter route; do
		header "lib/$layer/thing.h" "CTSH_${layer}_THING_H"
		unit "lib/$layer/thing.c" '#include "thing.h"'
	done
	unit shell/ctsh.c 'static const int nothing;'
	echo '#!/bin/sh' >packaging/good.sh
	echo '# SPDX-License-Identifier: MIT' >>packaging/good.sh
	printf '.Dd January 1, 2026\n.Dt CTSH 8\n.Os\n.Sh NAME\n' >docs/ctsh.8
	printf '.Nm ctsh\n.Nd login shell\n' >>docs/ctsh.8
	echo '@mandir@/man8/ctsh.8 0644 root root docs/ctsh.8' \
		>packaging/modes
	printf 'LIB_SRC = \\\n' >Makefile
	find lib shell -name '*.c' | sed 's/.*/\t& \\/' >>Makefile
	printf '\tlib/base/thing.c\nOTHER = lib/x.c\n' >>Makefile
}

header() { # FILE GUARD
	guard=$(echo "$2" | tr '[:lower:]' '[:upper:]')
	{
		echo '/* SPDX-License-Identifier: MIT */'
		printf '/*\n * thing.h - a thing.\n *\n'
		printf ' * Privilege: none.\n * Trust:     none.\n */\n'
		printf '#ifndef %s\n#define %s\n\n#endif\n' "$guard" "$guard"
	} >"$1"
}

unit() { # FILE LINE...
	file=$1
	shift
	{
		echo '/* SPDX-License-Identifier: MIT */'
		printf '%s\n' "$@" ''
		printf 'int thing(int a);\n\nint thing(int a)\n{\n'
		printf '\treturn a;\n}\n'
	} >"$file"
}

report() { # 0|1 TEXT
	if [ "$1" -eq 0 ]; then
		echo "ok lint-selftest $2"
	else
		echo "not ok lint-selftest $2"
		failed=1
	fi
}

# accepts LINT TEXT: the tree as it stands passes.
accepts() {
	status=0
	out=$(sh "$here/$1.sh" "$tmp/tree" 2>&1) || status=$?
	[ $status -eq 77 ] && status=0
	[ $status -eq 0 ] || echo "$out" | sed 's/^/    /'
	report $status "$1 accepts $2"
}

# refuses LINT CULPRIT TEXT: it fails with 1 and names the culprit.
refuses() {
	status=0
	out=$(sh "$here/$1.sh" "$tmp/tree" 2>&1) || status=$?
	if [ $status -eq 77 ]; then
		echo "skip lint-selftest $1 refuses $3"
		return
	fi
	if [ $status -ne 0 ] && echo "$out" | grep -Fq "$2"; then
		report 0 "$1 refuses $3"
	else
		echo "$out" | sed 's/^/    /'
		report 1 "$1 refuses $3"
	fi
}

# A line of code in a file where it does not belong.
fence() { # FILE LINE TEXT
	fresh_tree
	unit "$1" "$2"
	refuses fences "$1" "$3"
}
no_fence() { # FILE LINE TEXT
	fresh_tree
	unit "$1" "$2"
	accepts fences "$3"
}

for lint in fences sizes headers format man scripts lists; do
	fresh_tree
	accepts $lint "a clean tree"
	rm -rf "$tmp/tree" && mkdir "$tmp/tree" && touch "$tmp/tree/Makefile"
	refuses $lint "" "a tree where it finds nothing to check"
done

fence lib/policy/rule.c '#include <confuse.h>' 'libconfuse elsewhere'
fence lib/route/x.c 'static int x(void) { return cfg_init(0, 0); }' \
	'calls of libconfuse elsewhere'
no_fence lib/policy/config.c '#include <confuse.h>' 'libconfuse in config.c'
fence lib/route/x.c 'static void *x(void) { return getpwnam("a"); }' \
	'NSS elsewhere'
fence ctl/x.c 'static void *x(void) { return getgrgid_r(0, 0, 0, 0, 0); }' \
	'NSS in ctl'
no_fence lib/policy/names.c 'static void *x(void) { return getpwuid(0); }' \
	'NSS in names.c'
fence lib/policy/person.c 'static void *x(void) { return getpwuid(0); }' \
	'NSS in person.c'
fence lib/policy/person_files.c \
	'static void *x(void) { return getpwuid(0); }' 'NSS in person_files.c'
fence lib/policy/person.c 'static void *x(void) { return fgetpwent(0); }' \
	'account files in person.c'
no_fence lib/policy/person_files.c \
	'static void *x(void) { return fgetpwent(0); }' \
	'account files in person_files.c'
no_fence lib/base/x.c '/* getpwnam("a") is not called. */' \
	'a word in a comment'
no_fence lib/base/x.c 'static const char *x = "setns(2) failed";' \
	'a word in a message'
for call in setns unshare chroot ptrace capset; do
	fence shell/x.c "static int x(void) { return $call(0); }" \
		"$call in shell"
	fence shell/ctsh.c "static int x(void) { return $call(0); }" \
		"$call in the stub"
	no_fence lib/enter/x.c "static int x(void) { return $call(0); }" \
		"$call in enter"
done
for call in setresuid setresgid setgroups; do
	fence lib/registry.c "static int x(void) { return $call(0); }" \
		"$call in lib"
	fence ctl/x.c "static int x(void) { return syscall(SYS_$call, 0); }" \
		"$call by number"
	no_fence shell/ctsh.c "static int x(void) { return $call(0); }" \
		"$call in the stub"
done
fence shell/ctsh.c 'static int x(void) { return setuid(0); }' 'setuid'
for call in exit syslog printf getenv setenv; do
	fence lib/base/x.c "static void x(void) { $call(0); }" "$call in lib"
	no_fence shell/x.c "static void x(void) { $call(0); }" \
		"$call in shell"
done
no_fence lib/base/x.c 'static int x(void) { return snprintf(0, 0, ""); }' \
	'snprintf in lib'
no_fence lib/base/x.c 'static void x(void) { _exit(0); }' '_exit in lib'
fence lib/base/x.c 'static char **x(void) { return environ; }' \
	'the environment in lib'
for call in system popen setlocale realpath; do
	fence shell/x.c "static void x(void) { $call(0); }" "$call"
done
for call in strcpy strcat sprintf gets alloca atoi; do
	fence ctl/x.c "static void x(void) { $call(0); }" "$call"
done
fence lib/base/x.c 'static void x(void) { goto out; out: return; }' 'goto'
fence lib/route/x.c 'static const char *x = "/run/docker.sock";' \
	"an engine's path elsewhere"
no_fence lib/runtime/x.c 'static const char *x = "/run/crun/%s/status";' \
	"an engine's path in runtime"
fence lib/base/x.c '#include "../enter/thing.h"' 'base knowing enter'
fence lib/model/x.c '#include "../route/thing.h"' 'model knowing route'
fence lib/policy/x.c '#include "../runtime/thing.h"' 'policy knowing runtime'
fence lib/runtime/x.c '#include "../enter/thing.h"' 'runtime knowing enter'
fence lib/enter/x.c '#include "../policy/thing.h"' 'enter knowing policy'
fence lib/enter/x.c '#include "../model/rule.h"' 'enter knowing rules'
fence shell/x.c '#include "../lib/policy/config.h"' 'shell passing by route'
fence shell/ctsh.c '#include "../lib/enter/thing.h"' 'a stub that grows'
no_fence lib/route/x.c '#include "../enter/thing.h"' 'route knowing enter'

fresh_tree
yes 'extern int n;' | head -n 401 >>lib/base/thing.h
refuses sizes lib/base/thing.h 'a long file'
fresh_tree
{
	printf 'int longer(int a)\n{\n'
	yes '	a++;' | head -n 120
	printf '\treturn a;\n}\n'
} >>shell/ctsh.c
refuses sizes 'longer()' 'a long function'
fresh_tree
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
	printf 'int middling%s(int a)\n{\n' $n
	yes '	a++;' | head -n 25
	printf '\treturn a;\n}\n'
done >>shell/ctsh.c
refuses sizes median 'a high median'

fresh_tree
sed -i 1d shell/ctsh.c
refuses headers shell/ctsh.c 'a file without a licence'
fresh_tree
sed -i 's/Privilege:/Privileges:/' lib/enter/thing.h
refuses headers lib/enter/thing.h 'a header without its privilege'
fresh_tree
sed -i 's/ \* Trust:.*/ */' lib/enter/thing.h
refuses headers lib/enter/thing.h 'a header without its trust'
fresh_tree
header lib/enter/thing.h CTSH_BASE_THING_H
refuses headers CTSH_BASE_THING_H 'a guard used twice'
fresh_tree
echo '#!/bin/sh' >packaging/good.sh
refuses headers packaging/good.sh 'a script without a licence'

fresh_tree
printf 'int  odd( void );\n' >>shell/ctsh.c
refuses format shell/ctsh.c 'odd spacing'
fresh_tree
echo '.Nonsense' >>docs/ctsh.8
refuses man docs/ctsh.8 'an unknown macro'
fresh_tree
cp docs/ctsh.8 docs/other.8
refuses man docs/other.8 'a man page that is not installed'
fresh_tree
echo 'if true; then' >>packaging/good.sh
refuses scripts packaging/good.sh 'a script that does not parse'
fresh_tree
unit lib/base/forgotten.c 'static const int nothing;'
refuses lists lib/base/forgotten.c 'a file that no list names'
fresh_tree
rm lib/base/thing.c
refuses lists lib/base/thing.c 'a listed file that is gone'

# binaries.sh looks at programs: one that is right, then one wrong switch.
link() { # NAME FLAG...
	name=$1
	shift
	printf '#include <math.h>\nint main(int c, char **v)\n' >"$tmp/m.c"
	printf '{ (void)v; return (int)WORK(c); }\n' >>"$tmp/m.c"
	${CC:-gcc} -O0 -fPIE -DWORK= -o "$tmp/tree/build/$name" \
		-pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack \
		-Wl,--no-as-needed "$@" "$tmp/m.c" 2>/dev/null
}
binary() { # CULPRIT TEXT FLAG...
	culprit=$1
	text=$2
	shift 2
	fresh_tree
	for name in ctsh ctsh-session ctsh-names ctsh-porter ctshctl \
		pam_ctsh.so; do
		link $name
	done
	printf 'int main(void) { return 0; }\n' >"$tmp/s.c"
	${CC:-gcc} -O0 -fPIE -o "$tmp/tree/build/ctsh-sftp-server" \
		-static-pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack \
		"$tmp/s.c"
	[ $# -eq 0 ] || link $spoilt "$@"
	status=0
	out=$(sh "$here/binaries.sh" "$tmp/tree/build" 2>&1) || status=$?
	if [ -z "$culprit" ]; then
		[ $status -eq 0 ] || echo "$out" | sed 's/^/    /'
		report $status "binaries $text"
	elif [ $status -ne 0 ] && echo "$out" | grep -Fq "$culprit"; then
		report 0 "binaries $text"
	else
		echo "$out" | sed 's/^/    /'
		report 1 "binaries $text"
	fi
}
spoilt=ctsh
binary '' 'accepts hardened programs'
binary 'asks for a loader' 'refuses an sftp-server with libraries' \
	-o "$tmp/tree/build/ctsh-sftp-server"
binary 'linked with libm' 'refuses a library in the stub' -lm
binary 'position-independent' 'refuses a fixed address' -no-pie
binary 'relro' 'refuses a writable table' -Wl,-z,norelro
binary 'bound' 'refuses lazy binding' -Wl,-z,lazy
binary 'stack' 'refuses an executable stack' -Wl,-z,execstack
binary 'search path' 'refuses a search path' -Wl,-rpath,/tmp
spoilt=ctsh-session
binary 'getgrouplist' 'refuses a session that asks for names' \
	-Wl,--defsym=getgrouplist=main
spoilt=pam_ctsh.so
binary 'shows' 'refuses a name that PAM does not call' -rdynamic
echo 'int counter;' >"$tmp/counter.h"
binary 'keeps counter' 'refuses a variable in the module' \
	-include "$tmp/counter.h"

# The counters of tests/run: nothing that went wrong may be lost.
counts() { # KIND EXPECTED TEXT: a log on stdin
	cat >"$tmp/log"
	got=$(bash "$root/tests/run" --count "$1" "$tmp/log")
	if [ "$got" = "$2" ]; then
		report 0 "run counts $3"
	else
		echo "    $got instead of $2"
		report 1 "run counts $3"
	fi
}
counts cmocka '5 0 0' 'two programs that pass' <<END
--- build/tests/test_a
[==========] Running 3 test(s).
[  PASSED  ] 3 test(s).
--- exit 0
--- build/tests/test_b
[==========] Running 2 test(s).
[  PASSED  ] 2 test(s).
--- exit 0
END
counts cmocka '1 1 1' 'a failure and a skip' <<END
--- build/tests/test_a
[==========] Running 3 test(s).
[  FAILED  ] one
[  PASSED  ] 1 test(s).
[  SKIPPED ] 1 test(s), listed below:
[  FAILED  ] 1 test(s), listed below:
--- exit 1
END
counts cmocka '0 3 0' 'a crash in the middle' <<END
--- build/tests/test_a
[==========] Running 3 test(s).
[       OK ] one
--- exit 139
END
counts cmocka '2 1 0' 'a leak found at the end' <<END
--- build/tests/test_a
[==========] Running 2 test(s).
[  PASSED  ] 2 test(s).
--- exit 23
END
counts cmocka '0 1 0' 'a program without a test' <<END
--- build/tests/test_a
--- exit 0
END
counts cmocka '0 1 0' 'a run that broke off' <<END
--- build/tests/test_a
END
counts lines '1 1 1' 'one line each' <<END
ok one
not ok two
skip three
    ok is indented here
END
counts junit '2 2 1' 'failures, errors and skips of pytest' <<END
<testsuites><testsuite errors="1" failures="1" skipped="1" tests="5"/></testsuites>
END

exit $failed
