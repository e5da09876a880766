# SPDX-License-Identifier: MIT
#
# What an editor's remote part sends to `ssh HOST sh` as standard input: look
# at the machine, find or start a server that outlives this session, and say
# on marked lines where it listens.  The words between @ are filled in.

mark=@MARK@
commit=@COMMIT@
base=$HOME/.far-server/bin/$commit

say() {
	printf '%s==%s==\n' "$1" "$2"
}

finish() {
	say exitCode "$1"
	echo "$mark: end"
	exit "$1"
}

is_running() {
	pid=$(cat "$base/pid" 2>/dev/null) && kill -0 "$pid" 2>/dev/null
}

start() {
	: >"$base/log"
	nohup "$base/server" "$base/pid" </dev/null >>"$base/log" 2>&1 9>&- &
	say started "$commit"
}

port_in_log() {
	sed -n 's/^listening on \([0-9]*\)$/\1/p' "$base/log"
}

echo "$mark: begin"
say system "$(uname -s)"
say machine "$(uname -m)"
say host "$(hostname)"
say user "$(id -un)"
say home "$HOME"
say distribution "$(sed -n 's/^ID=//p' /etc/os-release)"
[ -t 0 ] || [ -t 1 ] || say terminal none
[ -z "$SSH_CONNECTION" ] || say ssh yes

umask 077
mkdir -p "$base" || finish 31
exec 9>"$base/lock"
flock -w 20 9 || finish 32

if [ ! -x "$base/server" ]; then
	say archive wanted
	finish 33
fi
if is_running; then
	say found "$commit"
else
	start
fi

tries=0
while port=$(port_in_log) && [ -z "$port" ]; do
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || finish 34
	sleep 0.1
done
say listeningOn "127.0.0.1:$port"
say pid "$(cat "$base/pid")"
finish 0
