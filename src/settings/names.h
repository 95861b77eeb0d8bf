/* SPDX-License-Identifier: ISC */
/* The names of all settings, whichever library they are of. */
#ifndef PP_SETTINGS_NAMES_H
#define PP_SETTINGS_NAMES_H

#include <stdbool.h>

/* Has one of the libraries a setting of that name? Its case counts. */
bool pp_settings_names_have(const char *name);

/*
 * The name that takes the fewest changes of a letter to come to from this one,
 * whatever its case; the first of several. Never NULL.
 */
const char *pp_settings_names_nearest(const char *name);

#endif
