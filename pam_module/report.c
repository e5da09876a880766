/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <syslog.h>

#include <security/pam_ext.h>

#include "../lib/base/fdio.h"

const char *ctsh_pam_user(const pam_handle_t *pamh)
{
	const void *user = NULL;

	if (pam_get_item(pamh, PAM_USER, &user) != PAM_SUCCESS || !user)
		return "";
	return user;
}

void ctsh_pam_report_refused(pam_handle_t *pamh, const char *ref, int flags,
                             const struct ctsh_error *err)
{
	char line[CTSH_LINE_REFUSED], sentence[CTSH_LINE_SENTENCE];

	ctsh_line_refused(line, sizeof(line), ctsh_pam_user(pamh), err);
	pam_syslog(pamh, LOG_NOTICE, "%s ref=%s", line, ref);
	if ((unsigned)flags & PAM_SILENT)
		return;
	ctsh_line_sentence(sentence, sizeof(sentence), ref, err);
	(void)pam_error(pamh, "%s", sentence);
}

void ctsh_pam_report_joined(const struct opening *o)
{
	const struct ctsh_target *t = &o->route.target;

	pam_syslog(o->pamh, LOG_INFO,
	           "open user=%s uid=%u container=%s:%s id=%.*s pid=%d "
	           "join=%s ref=%s",
	           o->visit.user, o->person.uid, t->engine, t->name,
	           ctsh_target_id_shown(t), t->id, (int)t->pid,
	           o->arguments.all ? "all" : "net", o->visit.ref);
}

void ctsh_pam_report_closed(pam_handle_t *pamh, const struct visit *visit)
{
	int64_t tenths = (ctsh_now_ms() - visit->since_ms) / 100;

	pam_syslog(pamh, LOG_INFO, "close user=%s ref=%s seconds=%lld.%d",
	           visit->user, visit->ref, (long long)(tenths / 10),
	           (int)(tenths % 10));
}
