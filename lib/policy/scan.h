/* SPDX-License-Identifier: MIT */
/*
 * scan.h - makes the language of the configuration strict.
 *
 * Runs over the text of a file before libconfuse does, because libconfuse
 * alone expands ${VAR} from the environment, accepts a file that was cut off,
 * lets the last of two equal keys win, drops what it does not understand and
 * counts lines wrongly behind comments.  The scanner accepts a subset on which
 * both agree, blanks the comments and remembers where every key stands.
 *
 *   file    = { setting | section }
 *   section = type [ title ] "{" { setting } "}"
 *   setting = key "=" ( value | "{" [ value { "," value } ] "}" )
 *   value   = [A-Za-z0-9_./-]+ or "text" with no escapes but \" and \\
 *
 * Pure: no file is touched.  Time is linear in the length of the text.
 *
 * Privilege: none.
 * Trust:     the text may be anything at all.
 */
#ifndef CTSH_SCAN_H
#define CTSH_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/error.h"

#define CTSH_SCAN_KEY_MAX 32   /* length of a key or type, with the NUL */
#define CTSH_SCAN_TITLE_MAX 65 /* length of a title, with the NUL       */
#define CTSH_SCAN_KEYS_MAX 64  /* per section                            */

struct ctsh_scan_limits {
	size_t bytes;    /* of the whole file                            */
	size_t sections; /* libconfuse takes quadratic time in them      */
};

/* One section; number 0 is the file itself, outside of all sections. */
struct ctsh_scan_section {
	char type[CTSH_SCAN_KEY_MAX];
	char title[CTSH_SCAN_TITLE_MAX]; /* "" if it has none             */
	int line;                        /* where its type stands         */
	size_t key_count;
	size_t last_key; /* index of its last key; see `previous` */
	size_t chain;    /* the scanner's own                     */
};

/* One setting. */
struct ctsh_scan_key {
	char name[CTSH_SCAN_KEY_MAX];
	int line;
	bool list;
	size_t section;     /* index of the section it stands in      */
	size_t previous;    /* index of the key before it in there    */
	size_t first_value; /* index into `value_lines`               */
	size_t value_count; /* 1 unless `list`                        */
};

/* What stands where, in the order of the file. */
struct ctsh_scan {
	struct ctsh_scan_section *sections;
	size_t section_count;
	struct ctsh_scan_key *keys;
	size_t key_count;
	int *value_lines;
	size_t value_count;
};

/*
 * Checks `text`, of `length` bytes with a NUL behind them, and overwrites its
 * comments with blanks; line ends stay.  `file` is for messages only.
 *
 * 0, with `*scan` owned by the caller (ctsh_scan_free()); or -1 with
 * `*scan` empty, the text half blanked, and E_CONFIG, "FILE:LINE: REASON", or
 * E_SYSTEM when out of memory.
 */
CTSH_MUST_CHECK int ctsh_scan(const char *file, char *text, size_t length,
                              const struct ctsh_scan_limits *limits,
                              struct ctsh_scan *scan, struct ctsh_error *err);

/* Frees what a scan holds and empties it.  Harmless on an empty one. */
void ctsh_scan_free(struct ctsh_scan *scan);

#endif
