/* SPDX-License-Identifier: MIT */
#include "agent.h"

#define HEADER 5

/* More than this at once nobody has outstanding. */
#define UNANSWERED_MAX 64

/* The constraint of a key that names the library to be used with it.  Both ways
 * of adding one know constraints. */
static const char provider[] = "sk-provider@openssh.com";

static bool is_adding(uint8_t type)
{
	return type == 17 || type == 25;
}

static bool is_request(uint8_t type)
{
	switch (type) {
	case 11: /* request identities          */
	case 13: /* sign                        */
	case 17: /* add identity                */
	case 18: /* remove identity             */
	case 19: /* remove all                  */
	case 22: /* lock                        */
	case 23: /* unlock                      */
	case 25: /* add identity, constrained   */
	case 27: /* extension                   */
		return true;
	default:
		return false;
	}
}

static bool is_reply(uint8_t type)
{
	switch (type) {
	case 5:  /* failure                     */
	case 6:  /* success                     */
	case 12: /* identities                  */
	case 14: /* signature                   */
	case 28: /* extension failed            */
	case 29: /* answer of an extension      */
		return true;
	default:
		return false;
	}
}

/* The length behind the type in `*left`; false if there is no such message. */
static bool read_header(const char *data, bool (*known)(uint8_t),
                        uint32_t *left)
{
	const uint8_t *byte = (const uint8_t *)data;
	uint32_t length = (uint32_t)byte[0] << 24 | (uint32_t)byte[1] << 16 |
	                  (uint32_t)byte[2] << 8 | byte[3];

	if (length == 0 || length > CTSH_AGENT_MESSAGE_MAX || !known(byte[4]))
		return false;
	*left = length - 1;
	return true;
}

/* What of `length` bytes belongs to the body that has begun. */
static size_t take_body(uint32_t *left, size_t length)
{
	size_t taken = length < *left ? length : *left;

	*left -= (uint32_t)taken;
	return taken;
}

/* Whether these bytes of a body are the last ones of `provider`.  What of it
 * can be its beginning once more is the letter it begins with. */
static bool names_provider(struct ctsh_agent *a, const char *data,
                           size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (a->matched > 1 && data[i] != provider[a->matched])
			a->matched = provider[a->matched - 1] == *provider;
		if (data[i] == provider[a->matched])
			a->matched++;
		else
			a->matched = data[i] == *provider;
		if (a->matched == sizeof(provider) - 1)
			return true;
	}
	return false;
}

/* How many bytes belong to the body of the request; -1: one must not pass. */
static ssize_t take_request(struct ctsh_agent *a, const char *data,
                            size_t length)
{
	size_t taken = take_body(&a->request_left, length);

	return a->adds && names_provider(a, data, taken) ? -1 : (ssize_t)taken;
}

ssize_t ctsh_agent_request(void *context, const char *data, size_t length)
{
	struct ctsh_agent *a = context;
	ssize_t taken = take_request(a, data, length);
	size_t at = taken > 0 ? (size_t)taken : 0;

	while (taken >= 0 && length - at >= HEADER) {
		if (a->unanswered == UNANSWERED_MAX ||
		    !read_header(data + at, is_request, &a->request_left))
			return -1;
		a->unanswered++;
		a->adds = is_adding((uint8_t)data[at + HEADER - 1]);
		a->matched = 0;
		at += HEADER;
		taken = take_request(a, data + at, length - at);
		at += taken > 0 ? (size_t)taken : 0;
	}
	return taken < 0 ? -1 : (ssize_t)at;
}

ssize_t ctsh_agent_reply(void *context, const char *data, size_t length)
{
	struct ctsh_agent *a = context;
	size_t at = take_body(&a->reply_left, length);

	while (length - at >= HEADER) {
		if (a->unanswered == 0 ||
		    !read_header(data + at, is_reply, &a->reply_left))
			return -1;
		a->unanswered--;
		at += HEADER;
		at += take_body(&a->reply_left, length - at);
	}
	return (ssize_t)at;
}
