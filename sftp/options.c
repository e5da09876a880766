/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int parse_umask(const char *text, struct sftp_options *options)
{
	size_t length = strspn(text, "01234567");
	mode_t value = 0;

	if (length < 1 || length > 5 || text[length])
		return -1;
	for (; *text; text++)
		value = value * 8 + (mode_t)(*text - '0');
	if (value > 0777)
		return -1;
	options->has_umask = true;
	options->umask = value;
	return 0;
}

static int take(int option, const char *value, struct sftp_options *options,
                struct sftp_server *s)
{
	switch (option) {
	case 'R':
		s->read_only = true;
		return 0;
	case 'P':
		s->deny = value;
		return 0;
	case 'p':
		s->allow = value;
		return 0;
	case 'd':
		options->directory = value;
		return 0;
	case 'u':
		return parse_umask(value, options);
	case 'e':
	case 'f':
	case 'l':
		return 0;
	}
	return -1;
}

int sftp_options_parse(int argc, char *const *argv,
                       struct sftp_options *options, struct sftp_server *s)
{
	int option;

	*options = (struct sftp_options){.has_umask = false};
	opterr = 0;
	optind = 1;
	while ((option = getopt(argc, argv, "+Red:f:l:P:p:u:")) != -1)
		if (take(option, optarg, options, s))
			return -1;
	return optind == argc ? 0 : -1;
}

/* %d is the home directory, %u the user; by what the login set. */
static const char *token(char letter)
{
	if (letter == 'd')
		return getenv("HOME");
	if (letter == 'u')
		return getenv("USER");
	return letter == '%' ? "%" : NULL;
}

static int expand(const char *text, struct sftp_path *out)
{
	size_t used = 0;

	while (*text) {
		char plain[2] = {*text, '\0'};
		const char *piece = *text == '%' ? token(text[1]) : plain;

		if (!piece || used + strlen(piece) >= sizeof(out->text)) {
			errno = EINVAL;
			return -1;
		}
		memcpy(out->text + used, piece, strlen(piece));
		used += strlen(piece);
		text += *text == '%' ? 2 : 1;
	}
	out->text[used] = '\0';
	return 0;
}

int sftp_options_apply(const struct sftp_options *options)
{
	struct sftp_path path;

	if (options->has_umask)
		(void)umask(options->umask);
	if (!options->directory)
		return 0;
	return expand(options->directory, &path) || chdir(path.text) ? -1 : 0;
}
