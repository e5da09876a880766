/* SPDX-License-Identifier: MIT */
#include "forward.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/text.h"
#include "../policy/rule.h"

#define COOKIE_NAME "MIT-MAGIC-COOKIE-1"

static void want(struct ctsh_forward *f, unsigned target)
{
	f->order.wanted |= 1U << target;
}

/* The first one of that name, as getenv(3) would find it; or NULL. */
static const char *value_of(const char *const *caller, const char *name)
{
	size_t length = strlen(name);

	for (; *caller; caller++)
		if (!strncmp(*caller, name, length) && (*caller)[length] == '=')
			return *caller + length + 1;
	return NULL;
}

/* /tmp is where sshd makes its own; the others are for a root that is read
 * only. */
void ctsh_forward_places(struct ctsh_porter_order *order, uid_t uid,
                         uint64_t random)
{
	(void)snprintf(order->directory[0], sizeof(order->directory[0]),
	               "/tmp/ssh-%016" PRIx64, random);
	(void)snprintf(order->directory[1], sizeof(order->directory[1]),
	               "/run/user/%u/ssh-%016" PRIx64, uid, random);
	(void)snprintf(order->directory[2], sizeof(order->directory[2]),
	               "/dev/shm/ssh-%016" PRIx64, random);
}

void ctsh_forward_believe(const struct ctsh_porter_order *order,
                          struct ctsh_porter_answer *answer)
{
	answer->listening &= order->wanted;
	if (answer->display < CTSH_DISPLAY_FIRST ||
	    answer->display > CTSH_DISPLAY_LAST)
		answer->listening &= ~(1U << CTSH_TARGET_X11);
	if (answer->place >= CTSH_PORTER_PLACES) {
		answer->listening &=
			~(1U << CTSH_TARGET_AGENT | 1U << CTSH_TARGET_X11);
		answer->place = 0;
	}
}

static void plan_agent(const char *const *caller, struct ctsh_forward *f)
{
	const char *path = value_of(caller, "SSH_AUTH_SOCK");

	if (path && ctsh_text_is_absolute(path, sizeof(f->agent)) &&
	    ctsh_text_copy(f->agent, sizeof(f->agent), path))
		want(f, CTSH_TARGET_AGENT);
}

/* "N" or "N.S"; the screen means nothing to a socket. */
bool ctsh_forward_display(const char *text, uint32_t *number)
{
	static const char host[] = "localhost:";
	char digits[8];
	size_t length;
	uint64_t value, screen;

	if (strncmp(text, host, sizeof(host) - 1) != 0)
		return false;
	text += sizeof(host) - 1;
	length = strcspn(text, ".");
	if (length >= sizeof(digits))
		return false;
	memcpy(digits, text, length);
	digits[length] = '\0';
	if (!ctsh_text_number(digits, CTSH_DISPLAY_LAST, &value) ||
	    value < CTSH_DISPLAY_FIRST ||
	    (text[length] && !ctsh_text_number(text + length + 1, 99, &screen)))
		return false;
	*number = (uint32_t)value;
	return true;
}

/* Only its name: it is read as the caller. */
static void plan_x11(const char *const *caller, struct ctsh_forward *f)
{
	const char *display = value_of(caller, "DISPLAY");
	const char *file = value_of(caller, "XAUTHORITY");
	const char *home = value_of(caller, "HOME");
	int length;

	if (!display || (!file && !home) ||
	    !ctsh_forward_display(display, &f->display))
		return;
	length = file ? snprintf(f->xauthority, sizeof(f->xauthority), "%s",
	                         file)
	              : snprintf(f->xauthority, sizeof(f->xauthority),
	                         "%s/.Xauthority", home);
	if (length > 0 && (size_t)length < sizeof(f->xauthority) &&
	    ctsh_text_is_absolute(f->xauthority, sizeof(f->xauthority)))
		want(f, CTSH_TARGET_X11);
}

static int plan_path(const struct ctsh_rule *rule,
                     const struct ctsh_person *person, const char *text,
                     unsigned index, struct ctsh_forward *f,
                     struct ctsh_error *err)
{
	size_t length = strcspn(text, ":");
	char host[CTSH_PORTER_PATH];

	if (length >= sizeof(host) || !text[length])
		return ctsh_fail(err, CTSH_E_CONFIG, 0, "forward_socket: '%s'",
		                 text);
	memcpy(host, text, length);
	host[length] = '\0';
	if (ctsh_rule_expand_path(rule, "forward_socket", host, person,
	                          f->path[index], sizeof(f->path[index]),
	                          err) ||
	    ctsh_rule_expand_path(rule, "forward_socket", text + length + 1,
	                          person, f->order.path[index],
	                          sizeof(f->order.path[index]), err))
		return -1;
	want(f, CTSH_TARGET_PATHS + index);
	return 0;
}

int ctsh_forward_plan(const struct ctsh_rule *rule,
                      const struct ctsh_person *person,
                      const char *const *caller, struct ctsh_forward *forward,
                      struct ctsh_error *err)
{
	char *const *sockets = rule->forward_socket;

	if (rule->agent_forwarding)
		plan_agent(caller, forward);
	if (rule->x11_forwarding)
		plan_x11(caller, forward);
	for (unsigned i = 0; sockets && sockets[i] && i < CTSH_PORTER_PATHS;
	     i++)
		if (plan_path(rule, person, sockets[i], i, forward, err))
			return -1;
	return 0;
}

bool ctsh_forward_decides(const char *name)
{
	return !strcmp(name, "SSH_AUTH_SOCK") ||
	       !strcmp(name, "SSH_AGENT_PID") || !strcmp(name, "DISPLAY") ||
	       !strcmp(name, "XAUTHORITY");
}

int ctsh_forward_set(char ***env, const char *name, const char *value,
                     struct ctsh_error *err)
{
	size_t length = strlen(name), at = 0, count = 1;
	char *made = NULL;
	char **list;

	for (; (*env)[count]; count++)
		if (!strncmp((*env)[count], name, length) &&
		    (*env)[count][length] == '=')
			at = count;
	list = reallocarray(*env, count + 2, sizeof(*list));
	if (list)
		*env = list;
	if (!list || asprintf(&made, "%s=%s", name, value) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "environment");
	if (at) {
		free(list[at]);
		list[at] = made;
	} else {
		list[count] = made;
		list[count + 1] = NULL;
	}
	return 0;
}

/* -- Xauthority ----------------------------------------------------------- */

struct bytes {
	const char *at;
	size_t left;
};

/* Two bytes, most significant first. */
static bool take_number(struct bytes *b, size_t *value)
{
	if (b->left < 2)
		return false;
	*value = (size_t)(uint8_t)b->at[0] << 8 | (uint8_t)b->at[1];
	b->at += 2;
	b->left -= 2;
	return true;
}

static bool take_part(struct bytes *b, struct bytes *part)
{
	if (!take_number(b, &part->left) || part->left > b->left)
		return false;
	part->at = b->at;
	b->at += part->left;
	b->left -= part->left;
	return true;
}

static bool is_text(const struct bytes *part, const char *text)
{
	return part->left == strlen(text) &&
	       memcmp(part->at, text, part->left) == 0;
}

/* By the number alone: sshd names the host in several ways, and each of its
 * sessions has another number. */
bool ctsh_forward_cookie(const char *text, size_t length, uint32_t display,
                         struct ctsh_porter_order *order)
{
	struct bytes all = {text, length}, address, number, name, data;
	char wanted[12];
	size_t family;

	(void)snprintf(wanted, sizeof(wanted), "%u", display);
	while (take_number(&all, &family) && take_part(&all, &address) &&
	       take_part(&all, &number) && take_part(&all, &name) &&
	       take_part(&all, &data)) {
		if (!is_text(&number, wanted) || !is_text(&name, COOKIE_NAME) ||
		    data.left == 0 || data.left > sizeof(order->cookie))
			continue;
		memcpy(order->cookie_name, COOKIE_NAME, sizeof(COOKIE_NAME));
		memcpy(order->cookie, data.at, data.left);
		order->cookie_length = (uint32_t)data.left;
		return true;
	}
	return false;
}
