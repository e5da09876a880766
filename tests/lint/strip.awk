# SPDX-License-Identifier: MIT
#
# strip.awk - C source without its comments, line numbers unchanged.
# With -v strings=0, string and character literals are emptied as well, so
# that a word in a message is not taken for a call.

function step(line,    i, c, two, out) {
	out = ""
	for (i = 1; i <= length(line); i++) {
		c = substr(line, i, 1)
		two = substr(line, i, 2)
		if (state == "comment") {
			if (two == "*/") {
				state = ""
				i++
			}
		} else if (state != "") {
			# Inside a literal; its closing quote is the state.
			if (c == "\\") {
				if (strings)
					out = out two
				i++
				continue
			}
			if (c == state)
				state = ""
			if (strings || state == "")
				out = out c
		} else if (two == "/*") {
			state = "comment"
			out = out " "
			i++
		} else if (two == "//") {
			break
		} else {
			if (c == "\"" || c == "'")
				state = c
			out = out c
		}
	}
	# A literal ends with its line unless a backslash carries it on.
	if (state != "comment" && line !~ /\\$/)
		state = ""
	return out
}

BEGIN { if (strings == "") strings = 1 }
# An include's path looks like a string and is not one.
/^[ \t]*#[ \t]*include/ && state == "" { print; next }
{ print step($0) }
