/* SPDX-License-Identifier: ISC */
/*
 * The settings by which a process is served: those of the supervisor's
 * environment, which those in the process's own go before unless it runs with
 * privileges of its file (AT_SECURE), and those of the settings file for its
 * program. Each combination is read once.
 */
#ifndef PP_SUPERVISOR_RULES_H
#define PP_SUPERVISOR_RULES_H

#include "settings/settings.h"

#include <sys/types.h>

struct pp_rules {
	struct pp_settings settings;
	struct pp_settings_error error;
	bool is_reported;	/* what is wrong */
	bool is_shown;		/* what is set, in debug mode */
	struct pp_rules *next;
	size_t key_size;
	char key[];		/* the program's name, the settings of its own */
};

/* Remembers the supervisor's environment, and whose settings these are. */
void pp_rules_begin(char *const *environment, const struct pp_setting *table);

/* Those of a process. NULL without memory. */
struct pp_rules *pp_rules_of(pid_t tgid);

/* Is nothing wrong with them? Otherwise that is written, once. */
bool pp_rules_are_valid(struct pp_rules *rules);

#endif
