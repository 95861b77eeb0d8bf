/* SPDX-License-Identifier: ISC */
/*
 * The server's settings file:
 *
 *	# for every program
 *	version = 0
 *
 *	[sshd nginx*]
 *	version = 3
 *	trusted = 10.0.0.0/8, 2001:db8::/32
 */
#ifndef PP_SETTINGS_LOAD_H
#define PP_SETTINGS_LOAD_H

#include "settings/settings.h"

/*
 * Takes the settings of a file's text, which is used up (one byte more than
 * length is there), for a program of that base name; settings->config is the
 * file's path. Those that the environment has given stay. A section
 * beats what stands above all sections, and a later section an earlier one.
 * Every line is checked, those of other programs' sections too; the first bad
 * one is described in *error: file, line, what is bad, what is allowed. Then
 * *settings is not to be used.
 */
void pp_settings_parse_file(char *text, size_t length, const char *program,
			    struct pp_settings *settings,
			    struct pp_settings_error *error);

/* What stands behind the last slash of a path. */
const char *pp_base_name(const char *path);

/*
 * Adds the settings file, from where it is and for the program that this is, to
 * *settings, which have those of the environment. A file that is not there is
 * an error only where the environment names it; one that cannot be read, is no
 * regular file or too large always is. Leaves no descriptor open. Changes
 * errno.
 *
 * Where that failed as descriptors or memory are short, *error says so and the
 * error number is returned: the next time may be better. 0 for all else.
 */
int pp_settings_read_file(struct pp_settings *settings,
			  struct pp_settings_error *error);

/*
 * The same for a program of that base name whose root directory this is: "", or
 * up to 31 bytes as "/proc/1/root".
 */
int pp_settings_read_file_at(const char *root, const char *program,
			     struct pp_settings *settings,
			     struct pp_settings_error *error);

/*
 * Has the kernel SYN cookies? Without them silent clients that it keeps to
 * itself would fill its queue of a small backlog, and keep all others out. What
 * cannot be read is taken to be as the kernel has it at first. Changes errno.
 */
bool pp_settings_syn_cookies(void);

#endif
