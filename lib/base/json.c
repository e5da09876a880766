/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

/* The longest member name that a path may hold; ours are short. */
#define KEY_MAX 64

/* Below this a double stands for one integer only: 2^53. */
#define EXACT_MAX 9007199254740992.0

void ctsh_json_free(json_t *doc)
{
	int saved = errno;

	json_decref(doc);
	errno = saved;
}

/* The integer that a double holds exactly, or NULL. */
static json_t *exact_integer(const json_t *value)
{
	double real = json_real_value(value);

	if (!json_is_real(value) || real <= -EXACT_MAX || real >= EXACT_MAX ||
	    real != (double)(json_int_t)real)
		return NULL;
	return json_integer((json_int_t)real);
}

/* Makes integers again of what was read as doubles, below `at`. */
static int restore_integers(json_t *at)
{
	json_t *value, *exact;
	const char *key;
	size_t i;

	json_object_foreach(at, key, value)
	{
		exact = exact_integer(value);
		if (exact ? json_object_set_new(at, key, exact)
		          : restore_integers(value))
			return -1;
	}
	json_array_foreach(at, i, value)
	{
		exact = exact_integer(value);
		if (exact ? json_array_set_new(at, i, exact)
		          : restore_integers(value))
			return -1;
	}
	return 0;
}

/*
 * One number beyond int64 makes jansson refuse the whole document, and a
 * profile's masks may be as large as uint64.  Such a number is a double here,
 * which nobody takes for an integer.
 */
static json_t *parse_large(const char *text, size_t length, json_error_t *why)
{
	json_t *doc = json_loadb(
		text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL,
		why);

	if (!doc || restore_integers(doc) == 0)
		return doc;
	ctsh_json_free(doc);
	return NULL;
}

json_t *ctsh_json_parse(const char *text, size_t length, struct ctsh_error *err)
{
	json_error_t why;
	json_t *doc;

	/* Without further flags jansson also refuses a NUL in a string, bytes
	 * behind the end and a bare value. */
	doc = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);
	if (!doc && json_error_code(&why) == json_error_numeric_overflow)
		doc = parse_large(text, length, &why);
	if (!doc)
		(void)ctsh_fail(err, CTSH_E_ENGINE, 0,
		                "bad JSON at line %d column %d: %s", why.line,
		                why.column, why.text);
	return doc;
}

/* The member at the end of the path, or NULL. */
static const json_t *find(const json_t *doc, const char *path)
{
	const json_t *at = doc;
	char key[KEY_MAX];
	size_t length;

	for (;;) {
		length = strcspn(path, ".");
		if (length >= sizeof(key))
			return NULL;
		memcpy(key, path, length);
		key[length] = '\0';
		at = json_object_get(at, key);
		path += length;
		if (!at || !*path)
			return at;
		path++;
	}
}

static int complain(const json_t *found, const char *path, const char *wanted,
                    struct ctsh_error *err)
{
	if (!found)
		return ctsh_fail(err, CTSH_E_ENGINE, 0,
		                 "member \"%s\" is missing", path);
	return ctsh_fail(err, CTSH_E_ENGINE, 0, "member \"%s\" is not %s", path,
	                 wanted);
}

int ctsh_json_text(const json_t *doc, const char *path, const char **text,
                   struct ctsh_error *err)
{
	const json_t *found = find(doc, path);

	if (!json_is_string(found))
		return complain(found, path, "a string", err);
	*text = json_string_value(found);
	return 0;
}

int ctsh_json_bool(const json_t *doc, const char *path, bool *value,
                   struct ctsh_error *err)
{
	const json_t *found = find(doc, path);

	if (!json_is_boolean(found))
		return complain(found, path, "true or false", err);
	*value = json_is_true(found);
	return 0;
}

int ctsh_json_number(const json_t *doc, const char *path, uint64_t low,
                     uint64_t high, uint64_t *value, struct ctsh_error *err)
{
	const json_t *found = find(doc, path);
	json_int_t number;

	if (!json_is_integer(found))
		return complain(found, path, "an integer", err);
	number = json_integer_value(found);
	if (number < 0 || (uint64_t)number < low || (uint64_t)number > high)
		return complain(found, path, "in its range", err);
	*value = (uint64_t)number;
	return 0;
}

int ctsh_json_has_object(const json_t *doc, const char *path, bool *there,
                         struct ctsh_error *err)
{
	const json_t *found = find(doc, path);
	bool none = !found || json_is_null(found);

	if (!none && !json_is_object(found))
		return complain(found, path, "an object", err);
	*there = !none;
	return 0;
}

const char *ctsh_json_entry(const json_t *doc, const char *path,
                            const char *name)
{
	const json_t *object = *path ? find(doc, path) : doc;

	return json_string_value(json_object_get(object, name));
}

int ctsh_json_texts(const json_t *doc, const char *path, size_t *count,
                    struct ctsh_error *err)
{
	const json_t *found = find(doc, path);
	size_t i, n = json_array_size(found);

	if (found && !json_is_null(found) && !json_is_array(found))
		return complain(found, path, "an array", err);
	for (i = 0; i < n; i++)
		if (!json_is_string(json_array_get(found, i)))
			return complain(found, path, "an array of strings",
			                err);
	*count = n;
	return 0;
}

int ctsh_json_objects(const json_t *doc, size_t *count, struct ctsh_error *err)
{
	size_t i, n = json_array_size(doc);

	if (!json_is_array(doc))
		return ctsh_fail(err, CTSH_E_ENGINE, 0, "not an array");
	for (i = 0; i < n; i++)
		if (!json_is_object(json_array_get(doc, i)))
			return ctsh_fail(err, CTSH_E_ENGINE, 0,
			                 "not an array of objects");
	*count = n;
	return 0;
}

const json_t *ctsh_json_object_at(const json_t *doc, size_t index)
{
	return json_array_get(doc, index);
}

const char *ctsh_json_text_at(const json_t *doc, const char *path, size_t index)
{
	return json_string_value(json_array_get(find(doc, path), index));
}
