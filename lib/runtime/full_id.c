/* SPDX-License-Identifier: MIT */
#include "full_id.h"

#include <stddef.h>
#include <string.h>

#include "../base/text.h"

bool ctsh_full_id(const char *text)
{
	return strspn(text, "0123456789abcdef") == CTSH_FULL_ID &&
	       !text[CTSH_FULL_ID];
}

const char *ctsh_full_id_of(const char *name)
{
	return strncmp(name, "id=", 3) ? NULL : name + 3;
}

bool ctsh_full_id_or_name(const char *name)
{
	const char *id = ctsh_full_id_of(name);

	return id ? ctsh_full_id(id) : ctsh_text_is_container_name(name);
}
