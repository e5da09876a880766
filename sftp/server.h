/* SPDX-License-Identifier: MIT */
/*
 * server.h - one client's session: sftp version 3 over two descriptors.
 *
 * The protocol is draft-ietf-secsh-filexfer-02 with the extensions that
 * OpenSSH describes in its PROTOCOL file, and that file's order of the two
 * names of a symbolic link.
 *
 * Privilege: the user's own, inside the container; nothing here adds to it,
 *            and what is done could be done with any program.
 * Trust:     the client is the user, and yet no packet may make the server
 *            crash, grow without bound or wait for ever.
 */
#ifndef CTSH_SFTP_SERVER_H
#define CTSH_SFTP_SERVER_H

#include "attributes.h"
#include "handles.h"
#include "names.h"
#include "wire.h"

/* The longest packet that is taken or given, without its length. */
#define SFTP_PACKET_MAX (256u * 1024)
/* What fits in one with room for the rest. */
#define SFTP_DATA_MAX (SFTP_PACKET_MAX - 1024)

#define SFTP_IN_SIZE (2 * SFTP_PACKET_MAX)
#define SFTP_OUT_SIZE (4 * SFTP_PACKET_MAX)

/* SSH_FX_*: what a client is told. */
enum sftp_status {
	SFTP_OK,
	SFTP_EOF,
	SFTP_NO_SUCH_FILE,
	SFTP_PERMISSION_DENIED,
	SFTP_FAILURE,
	SFTP_BAD_MESSAGE,
	SFTP_NO_CONNECTION,
	SFTP_CONNECTION_LOST,
	SFTP_UNSUPPORTED,
};

/* SSH_FXP_*: the answers. */
enum sftp_answer {
	SFTP_VERSION = 2,
	SFTP_STATUS = 101,
	SFTP_HANDLE,
	SFTP_DATA,
	SFTP_NAME,
	SFTP_ATTRS,
	SFTP_EXTENDED_REPLY = 201,
};

struct sftp_server {
	bool greeted;      /* versions were exchanged            */
	bool read_only;    /* -R                                 */
	const char *deny;  /* -P: names of requests, or NULL     */
	const char *allow; /* -p: no other ones, or NULL         */
	struct sftp_handles handles;
	struct sftp_names users, groups;
	uint8_t *in; /* SFTP_IN_SIZE  */
	size_t in_used;
	struct sftp_writer out;
};

/* A request while it is answered. */
struct sftp_request {
	struct sftp_server *server;
	struct sftp_reader in; /* what follows the id */
	struct sftp_writer *out;
	uint32_t id;
	size_t gap; /* where the length of the answer belongs */
};

/* What an operation returns beside an errno (0: done), for which a status is
 * sent. */
#define SFTP_ANSWERED (-1) /* it has sent its answer itself */
#define SFTP_AT_END (-2)

typedef int sftp_operation(struct sftp_request *r);

/* An answer of that type, up to the id; to be ended by sftp_end(). */
void sftp_begin(struct sftp_request *r, enum sftp_answer type);
int sftp_end(struct sftp_request *r);

/* Takes back an answer that was begun. */
void sftp_drop(struct sftp_request *r);

enum sftp_status sftp_status_of(int error);

/* Answers one packet of that length.  0; or -1 if there is no going on with
 * such a client. */
int sftp_answer(struct sftp_server *s, const uint8_t *packet, size_t length);

/* 0; or -1 with errno, without memory. */
int sftp_server_open(struct sftp_server *s);
void sftp_server_close(struct sftp_server *s);

/* Serves until the client is done.  0; or -1 with errno: EBADMSG for one that
 * talks nonsense. */
int sftp_serve(struct sftp_server *s, int in, int out);

/* file.c */
sftp_operation sftp_open, sftp_close, sftp_read, sftp_write, sftp_fstat,
	sftp_fsetstat, sftp_fsync, sftp_copy_data;
/* directory.c */
sftp_operation sftp_opendir, sftp_readdir, sftp_mkdir, sftp_rmdir;
/* path.c */
sftp_operation sftp_stat, sftp_lstat, sftp_setstat, sftp_lsetstat, sftp_remove,
	sftp_rename, sftp_posix_rename, sftp_hardlink, sftp_symlink,
	sftp_readlink;
/* whole.c */
sftp_operation sftp_realpath, sftp_expand_path, sftp_statvfs, sftp_fstatvfs,
	sftp_limits, sftp_names_by_id;

#endif
