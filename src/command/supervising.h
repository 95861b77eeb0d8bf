/* SPDX-License-Identifier: ISC */
/* Whether something can be supervised, and what it cannot have then. */
#ifndef PP_COMMAND_SUPERVISING_H
#define PP_COMMAND_SUPERVISING_H

#include "settings/settings.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The option of what is asked for and a supervisor does not do, as "unix", or
 * NULL. Of the client's settings or the server's.
 */
const char *pp_supervising_lacks(const struct pp_settings *settings,
				 bool is_client, bool datagrams);

/*
 * Tries by proxyproto run whether a program can be supervised here. Returns
 * false, and what that says in *text, where not.
 */
bool pp_supervising_works(char *text, size_t size);

#endif
