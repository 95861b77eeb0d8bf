/* SPDX-License-Identifier: ISC */
/*
 * The settings file, read over a buffer:
 *
 *	# for every program
 *	version = 0
 *
 *	[sshd nginx*]
 *	version = 3
 *	trusted = 10.0.0.0/8, 2001:db8::/32
 */
#ifndef PP_SETTINGS_FILE_H
#define PP_SETTINGS_FILE_H

#include "settings/settings.h"

/* The largest file that is read. */
#define PP_SETTINGS_FILE_MAX ((size_t)1 << 20)

struct pp_settings_text {
	const char *path;	/* for messages */
	char *bytes;		/* used up; one more than length is there */
	size_t length;
	const char *program;	/* whose sections count: its base name */
};

/*
 * Takes a file's settings, but those that the environment has given. A section
 * beats what stands above all sections, and a later section an earlier one.
 * Every line is checked, those of other programs' sections too; the first bad
 * one is described in *error: file, line, what is bad, what is allowed. Then
 * *settings is not to be used.
 */
void pp_settings_file(const struct pp_setting *table,
		      const struct pp_settings_text *text,
		      struct pp_settings *settings,
		      struct pp_settings_error *error);

#endif
