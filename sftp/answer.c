/* SPDX-License-Identifier: MIT */
/* From a packet to its operation, and from its outcome to an answer. */
#include <errno.h>
#include <string.h>

#include "server.h"

enum { INIT = 1, EXTENDED = 200 };
enum { PROTOCOL = 3 };

struct operation {
	uint8_t type;     /* EXTENDED: by its name                     */
	bool changes;     /* refused to who may only read              */
	const char *name; /* of -P and -p, and of extensions           */
	const char *full; /* what extensions are called on the wire    */
	const char *version;
	sftp_operation *run;
};

#define OPENSSH(name) name, name "@openssh.com"

static const struct operation operations[] = {
	{3, false, "open", NULL, NULL, sftp_open},
	{4, false, "close", NULL, NULL, sftp_close},
	{5, false, "read", NULL, NULL, sftp_read},
	{6, true, "write", NULL, NULL, sftp_write},
	{7, false, "lstat", NULL, NULL, sftp_lstat},
	{8, false, "fstat", NULL, NULL, sftp_fstat},
	{9, true, "setstat", NULL, NULL, sftp_setstat},
	{10, true, "fsetstat", NULL, NULL, sftp_fsetstat},
	{11, false, "opendir", NULL, NULL, sftp_opendir},
	{12, false, "readdir", NULL, NULL, sftp_readdir},
	{13, true, "remove", NULL, NULL, sftp_remove},
	{14, true, "mkdir", NULL, NULL, sftp_mkdir},
	{15, true, "rmdir", NULL, NULL, sftp_rmdir},
	{16, false, "realpath", NULL, NULL, sftp_realpath},
	{17, false, "stat", NULL, NULL, sftp_stat},
	{18, true, "rename", NULL, NULL, sftp_rename},
	{19, false, "readlink", NULL, NULL, sftp_readlink},
	{20, true, "symlink", NULL, NULL, sftp_symlink},
	{EXTENDED, true, OPENSSH("posix-rename"), "1", sftp_posix_rename},
	{EXTENDED, false, OPENSSH("statvfs"), "2", sftp_statvfs},
	{EXTENDED, false, OPENSSH("fstatvfs"), "2", sftp_fstatvfs},
	{EXTENDED, true, OPENSSH("hardlink"), "1", sftp_hardlink},
	{EXTENDED, true, OPENSSH("fsync"), "1", sftp_fsync},
	{EXTENDED, true, OPENSSH("lsetstat"), "1", sftp_lsetstat},
	{EXTENDED, false, OPENSSH("limits"), "1", sftp_limits},
	{EXTENDED, false, OPENSSH("expand-path"), "1", sftp_expand_path},
	{EXTENDED, true, "copy-data", "copy-data", "1", sftp_copy_data},
	{EXTENDED, false, OPENSSH("users-groups-by-id"), "1", sftp_names_by_id},
};

#define OPERATIONS (sizeof(operations) / sizeof(*operations))

void sftp_begin(struct sftp_request *r, enum sftp_answer type)
{
	r->gap = sftp_put_gap(r->out);
	sftp_put_u8(r->out, (uint8_t)type);
	sftp_put_u32(r->out, r->id);
}

int sftp_end(struct sftp_request *r)
{
	if (r->out->full) {
		sftp_drop(r);
		return ENOMEM;
	}
	sftp_fill_u32(r->out, r->gap, (uint32_t)(r->out->used - r->gap - 4));
	return SFTP_ANSWERED;
}

void sftp_drop(struct sftp_request *r)
{
	r->out->used = r->gap;
	r->out->full = false;
}

enum sftp_status sftp_status_of(int error)
{
	switch (error) {
	case 0:
		return SFTP_OK;
	case SFTP_AT_END:
		return SFTP_EOF;
	case ENOENT:
	case ENOTDIR:
	case EBADF:
	case ELOOP:
		return SFTP_NO_SUCH_FILE;
	case EPERM:
	case EACCES:
	case EFAULT:
		return SFTP_PERMISSION_DENIED;
	case EBADMSG:
	case ENAMETOOLONG:
	case EINVAL:
		return SFTP_BAD_MESSAGE;
	case ENOSYS:
		return SFTP_UNSUPPORTED;
	default:
		return SFTP_FAILURE;
	}
}

static const char *explain(int error)
{
	if (error == 0)
		return "Success";
	return error == SFTP_AT_END ? "End of file" : strerror(error);
}

static void answer_status(struct sftp_request *r, int error)
{
	sftp_begin(r, SFTP_STATUS);
	sftp_put_u32(r->out, sftp_status_of(error));
	sftp_put_text(r->out, explain(error));
	sftp_put_text(r->out, "");
	(void)sftp_end(r);
}

static int greet(struct sftp_server *s)
{
	struct sftp_writer *out = &s->out;
	size_t gap = sftp_put_gap(out);

	s->greeted = true;
	sftp_put_u8(out, SFTP_VERSION);
	sftp_put_u32(out, PROTOCOL);
	for (size_t i = 0; i < OPERATIONS; i++) {
		if (operations[i].type != EXTENDED)
			continue;
		sftp_put_text(out, operations[i].full);
		sftp_put_text(out, operations[i].version);
	}
	sftp_fill_u32(out, gap, (uint32_t)(out->used - gap - 4));
	return 0;
}

static bool is_named(const struct operation *o, const uint8_t *name,
                     size_t length)
{
	return strlen(o->full) == length && !memcmp(o->full, name, length);
}

static const struct operation *find(uint8_t type, struct sftp_reader *in)
{
	size_t length = 0;
	const uint8_t *name =
		type == EXTENDED ? sftp_get_string(in, &length) : NULL;

	for (size_t i = 0; i < OPERATIONS; i++)
		if (operations[i].type == type &&
		    (type != EXTENDED ||
		     (name && is_named(&operations[i], name, length))))
			return &operations[i];
	return NULL;
}

/* Whether `name` is one of a list with commas. */
static bool is_listed(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (; *list; list += strcspn(list, ","), list += *list == ',')
		if (strcspn(list, ",") == length && !memcmp(list, name, length))
			return true;
	return false;
}

/* As OpenSSH's options say; who denies wins. */
static bool is_refused(const struct sftp_server *s, const struct operation *o)
{
	return (s->read_only && o->changes) ||
	       (s->deny && is_listed(s->deny, o->name)) ||
	       (s->allow && !is_listed(s->allow, o->name));
}

static int carry_out(struct sftp_request *r, uint8_t type)
{
	const struct operation *o = find(type, &r->in);

	if (!o)
		return ENOSYS;
	return is_refused(r->server, o) ? EACCES : o->run(r);
}

int sftp_answer(struct sftp_server *s, const uint8_t *packet, size_t length)
{
	struct sftp_request r = {
		.server = s,
		.in = {.at = packet, .left = length},
		.out = &s->out,
	};
	uint8_t type = sftp_get_u8(&r.in);
	int outcome;

	r.id = sftp_get_u32(&r.in); /* INIT: the version */
	if (r.in.bad || (type == INIT) == s->greeted)
		return -1;
	if (type == INIT)
		return greet(s);
	outcome = carry_out(&r, type);
	if (outcome != SFTP_ANSWERED)
		answer_status(&r, outcome);
	return 0;
}
