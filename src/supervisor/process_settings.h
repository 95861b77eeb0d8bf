/* SPDX-License-Identifier: ISC */
/*
 * The settings by which a process is served: those of the supervisor's
 * environment, which those in the process's own go before unless it runs with
 * privileges of its file (AT_SECURE), and those of the settings file for its
 * program. Each combination is read once.
 */
#ifndef PP_SUPERVISOR_PROCESS_SETTINGS_H
#define PP_SUPERVISOR_PROCESS_SETTINGS_H

#include "settings/settings.h"

#include <sys/types.h>

struct pp_rules {
	/* who reads the file: us, or who chose which one it is */
	uid_t user;
	gid_t group;
	struct pp_settings settings;
	struct pp_settings_error error;
	bool lacks_file;	/* that could not be read yet */
	bool is_reported;	/* what is wrong */
	bool is_shown;		/* what is set, in debug mode */
	struct pp_rules *next;
	size_t key_size;
	char key[];		/* the program's name, the settings of its own */
};

/* Remembers the supervisor's environment, and whose settings these are. */
void pp_rules_begin(char *const *environment, const struct pp_setting *table);

/*
 * Those of a process. NULL with errno set for want of descriptors or memory:
 * the next time may be better.
 */
struct pp_rules *pp_rules_of(pid_t tgid);

/*
 * What a call fails with by them, that pp_rules_of has just returned, or
 * pp_tracee_rules: -EINVAL where something is wrong with them, which is written
 * once; -errno where there are none; else 0.
 */
int pp_rules_refuse(struct pp_rules *rules);

/* Is this for want of descriptors or memory? */
bool pp_is_shortage(int error);

#endif
