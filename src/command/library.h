/* SPDX-License-Identifier: ISC */
/* Where the libraries are that the command preloads. */
#ifndef PP_COMMAND_LIBRARY_H
#define PP_COMMAND_LIBRARY_H

#include "settings/settings.h"

#include <limits.h>
#include <stdbool.h>

enum pp_library {
	PP_LIBRARY_SERVER,
	PP_LIBRARY_CLIENT,
	PP_LIBRARY_UDP,		/* a server's datagrams */
};

/*
 * Which one a file's name is of, whatever version stands behind; false where it
 * is none of them.
 */
bool pp_library_of(const char *name, enum pp_library *library);

/*
 * The path of a library: beside the command, in .libs, where make(1) has left
 * it, or where it is installed. False, and a line in *error, where it cannot be
 * read, or be named in LD_PRELOAD.
 */
bool pp_library_path(enum pp_library library, char path[static PATH_MAX],
		     struct pp_settings_error *error);

/*
 * Puts a library into LD_PRELOAD, ahead of what is there. Another copy of it
 * there gives way: two would look for a header one behind the other. False
 * where that fails, and a line in *error.
 */
bool pp_library_preload(enum pp_library library,
			struct pp_settings_error *error);

/*
 * Takes a library out of LD_PRELOAD. Returns whether that has changed, be it
 * only in the way that entries are parted.
 */
bool pp_library_drop(enum pp_library library);

/* Is the server library loaded into this process itself? */
bool pp_library_is_loaded(void);

#endif
