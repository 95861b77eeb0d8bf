/* SPDX-License-Identifier: ISC */
/* Reading the settings file from where it is, for the program that this is. */
#ifndef PP_SETTINGS_LOAD_H
#define PP_SETTINGS_LOAD_H

#include "settings/settings.h"

/*
 * Adds the server's settings file to *settings, which have those of the
 * environment. A file that is not there is an error only where the environment
 * names it; one that cannot be read, is no regular file or too large always
 * is. Leaves no descriptor open. Changes errno.
 *
 * Where that failed as descriptors or memory are short, *error says so and the
 * error number is returned: the next time may be better. 0 for all else.
 */
int pp_settings_read(struct pp_settings *settings,
		     struct pp_settings_error *error);

#endif
