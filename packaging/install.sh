#!/bin/sh
# SPDX-License-Identifier: MIT
#
# install.sh install|uninstall|table - carry out packaging/modes.
#
# Called by the Makefile, which gives the directories in the environment.
# `table` prints the table with them filled in; tests/install reads that.
#
# A file appears under its name whole and with its final mode or not at all:
# it is copied beside its place as 0600, given its owner, then its mode, and
# renamed.  The owner comes before the mode, since chown(2) takes a setuid bit
# away; and until then nobody but root can open it.
set -eu
umask 022
: "${build:?}" "${bindir:?}" "${sbindir:?}" "${libexecdir:?}"
: "${sysconfdir:?}" "${mandir:?}" "${docdir:?}" "${pamdir:?}"
: "${logdir:?}"

fail() {
	echo "install.sh: $*" >&2
	exit 1
}

table() {
	setuid_mode=4755
	setuid_group=root
	if [ -n "${SETUID_GROUP:-}" ]; then
		setuid_mode=4750
		setuid_group=$SETUID_GROUP
	fi
	sed -e '/^#/d' -e '/^[[:space:]]*$/d' \
		-e "s|@build@|$build|g" \
		-e "s|@bindir@|$bindir|g" \
		-e "s|@sbindir@|$sbindir|g" \
		-e "s|@libexecdir@|$libexecdir|g" \
		-e "s|@sysconfdir@|$sysconfdir|g" \
		-e "s|@mandir@|$mandir|g" \
		-e "s|@docdir@|$docdir|g" \
		-e "s|@pamdir@|$pamdir|g" \
		-e "s|@logdir@|$logdir|g" \
		-e "s|@setuid_mode@|$setuid_mode|g" \
		-e "s|@setuid_group@|$setuid_group|g" packaging/modes
}

# A typo in the table must not become a file called "@bindir@".
check_table() {
	if table | grep -n '@'; then
		fail "packaging/modes: a name that is not known"
	fi
	if table | awk 'NF != 5 || $1 !~ /^\// { print; bad = 1 }
		END { exit !bad }'; then
		fail "packaging/modes: not five columns, or a relative path" \
			"(a directory with a blank in it is not supported)"
	fi
}

# Without root (a package built by an ordinary user) owners are the package
# tool's business.
own() {
	[ "$(id -u)" -ne 0 ] || chown "$1" "$2"
}

make_parents() {
	[ -d "$1" ] && return
	make_parents "$(dirname "$1")"
	mkdir "$1"
	own root:root "$1"
	chmod 0755 "$1"
}

put_dir() { # path mode owner group
	make_parents "$(dirname "$1")"
	[ -d "$1" ] || mkdir "$1"
	own "$3:$4" "$1"
	chmod "$2" "$1"
}

put_file() { # path mode owner group source
	make_parents "$(dirname "$1")"
	if [ -d "$1" ] && [ ! -h "$1" ]; then
		fail "$1 is a directory"
	fi
	new=$(dirname "$1")/.$(basename "$1").new
	rm -f "$new"
	(umask 077 && cp "$5" "$new")
	chmod 0600 "$new"
	own "$3:$4" "$new"
	chmod "$2" "$new"
	mv -f "$new" "$1"
}

install_all() {
	check_table
	table | while read -r path mode owner group source; do
		case $source in
		dir)
			put_dir "$DESTDIR$path" "$mode" "$owner" "$group"
			;;
		keep:*)
			if [ -e "$DESTDIR$path" ] || [ -h "$DESTDIR$path" ]; then
				echo "kept       $DESTDIR$path"
				continue
			fi
			put_file "$DESTDIR$path" "$mode" "$owner" "$group" \
				"${source#keep:}"
			;;
		\?*)
			if [ ! -e "${source#\?}" ]; then
				echo "not built  $DESTDIR$path"
				continue
			fi
			put_file "$DESTDIR$path" "$mode" "$owner" "$group" \
				"${source#\?}"
			;;
		*)
			put_file "$DESTDIR$path" "$mode" "$owner" "$group" \
				"$source"
			;;
		esac
		echo "installed  $DESTDIR$path ($mode $owner:$group)"
	done
}

# The setuid program goes first, configuration stays, and of directories only
# the empty ones that are ours go.
uninstall_all() {
	check_table
	table | tac | while read -r path _ _ _ source; do
		case $source in
		dir)
			if rmdir "$DESTDIR$path" 2>/dev/null; then
				echo "removed    $DESTDIR$path"
			fi
			;;
		keep:*)
			[ ! -e "$DESTDIR$path" ] || echo "left       $DESTDIR$path"
			;;
		*)
			rm -f "$DESTDIR$path"
			echo "removed    $DESTDIR$path"
			;;
		esac
	done
}

DESTDIR=${DESTDIR:-}
case ${1:-} in
install) install_all ;;
uninstall) uninstall_all ;;
table) check_table && table ;;
*) fail "usage: install.sh install|uninstall|table" ;;
esac
