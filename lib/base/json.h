/* SPDX-License-Identifier: MIT */
/*
 * json.h - JSON text into a document, and strict questions to it.
 *
 * A thin layer over jansson, and the only place that knows it.  What two
 * parsers could read differently is refused: a key twice in one object, a NUL
 * in a string, bytes behind the end.
 *
 * Privilege: none.  The first document of a process makes jansson read
 *            /dev/urandom for its hash seed: parse above the barrier only.
 * Trust:     the text is hostile; depth is bounded by jansson (2,048), memory
 *            by the length that the caller lets in, times up to eighty.
 *
 * Every failure is E_ENGINE, "talks nonsense"; its reason names the member.
 */
#ifndef CTSH_JSON_H
#define CTSH_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

typedef struct json_t json_t;

/* Gives a document back.  Harmless on NULL.  Preserves errno. */
void ctsh_json_free(json_t *doc);

static inline void ctsh_json_free_at(json_t **doc)
{
	ctsh_json_free(*doc);
	*doc = NULL;
}

#define ctsh_autojson __attribute__((cleanup(ctsh_json_free_at)))

/* Parses exactly `length` bytes: one object or array.  The document, owned by
 * the caller; or NULL and `*err`.  A number beyond int64 is read, but is no
 * integer; nor is then any other beyond 2^53. */
CTSH_MUST_CHECK json_t *ctsh_json_parse(const char *text, size_t length,
                                        struct ctsh_error *err);

/*
 * Takes out of the text what stands in its arrays, for a document of which no
 * array is read; the length that is left.  Of what is taken out, strings and
 * brackets are looked at and nothing else.  A text whose brackets are wrong is
 * left as it is from there on, for the parser to refuse.
 */
CTSH_MUST_CHECK size_t ctsh_json_empty_arrays(char *text, size_t length);

/*
 * A `path` is member names with dots between: "State.Pid".  All of it must be
 * there and have the type asked for, else -1 with `*err` and the result
 * untouched.
 */

/* A string, borrowed from the document. */
CTSH_MUST_CHECK int ctsh_json_text(const json_t *doc, const char *path,
                                   const char **text, struct ctsh_error *err);

CTSH_MUST_CHECK int ctsh_json_bool(const json_t *doc, const char *path,
                                   bool *value, struct ctsh_error *err);

/* An integer (7.0 is none) from `low` to `high`, which is at most
 * INT64_MAX. */
CTSH_MUST_CHECK int ctsh_json_number(const json_t *doc, const char *path,
                                     uint64_t low, uint64_t high,
                                     uint64_t *value, struct ctsh_error *err);

/* Whether there is an object; a member that is missing or null is none, any
 * other type is a failure. */
CTSH_MUST_CHECK int ctsh_json_has_object(const json_t *doc, const char *path,
                                         bool *there, struct ctsh_error *err);

/* A string whose name may have dots, in the object at `path` ("": the document
 * itself); borrowed.  NULL if there is no such object or member, or it is no
 * string. */
const char *ctsh_json_entry(const json_t *doc, const char *path,
                            const char *name);

/* The number of strings in an array; a member that is missing or null counts
 * as an empty one, anything else in it or in its place is a failure. */
CTSH_MUST_CHECK int ctsh_json_texts(const json_t *doc, const char *path,
                                    size_t *count, struct ctsh_error *err);

/* The number of members of a document that is an array of objects; anything
 * else is a failure. */
CTSH_MUST_CHECK int ctsh_json_objects(const json_t *doc, size_t *count,
                                      struct ctsh_error *err);

/* One of them; borrowed. */
const json_t *ctsh_json_object_at(const json_t *doc, size_t index);

/* One string of an array that ctsh_json_texts() has counted; borrowed. */
const char *ctsh_json_text_at(const json_t *doc, const char *path,
                              size_t index);

#endif
