/* SPDX-License-Identifier: ISC */
/* Where the libraries are that the command preloads; see library.h. */
#include <config.h>

#include "command/library.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {
	[PP_LIBRARY_SERVER] = "libproxyproto.so",
	[PP_LIBRARY_CLIENT] = "libproxyproto_connect.so",
};

/* What the loader takes for the end of a path in LD_PRELOAD. */
#define ENDS ": "

/* The path that the library has where the command was not installed. */
static bool find_built(const char *name, char path[static PATH_MAX])
{
	char own[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
	int printed;

	if (length <= 0)
		return false;
	own[length] = '\0';
	*strrchr(own, '/') = '\0';
	printed = snprintf(path, PATH_MAX, "%s/.libs/%s", own, name);
	return printed < PATH_MAX && access(path, F_OK) == 0;
}

bool pp_library_path(enum pp_library library, char path[static PATH_MAX],
		     struct pp_settings_error *error)
{
	if (!find_built(names[library], path))
		snprintf(path, PATH_MAX, PP_LIBDIR "/%s", names[library]);
	if (access(path, R_OK) != 0)
		pp_settings_fail(error, "%s: %s: the library belongs there",
				 path, strerror(errno));
	else if (strpbrk(path, ENDS) != NULL)
		pp_settings_fail(error, "%s: LD_PRELOAD takes no path with a "
				 "blank or a colon", path);
	return error->text[0] == '\0';
}

/* Whether the list has the path. */
static bool list_has_path(const char *list, const char *path)
{
	while (list[0] != '\0') {
		size_t length = strcspn(list, ENDS);

		if (strlen(path) == length && memcmp(list, path, length) == 0)
			return true;
		list += length + strspn(list + length, ENDS);
	}
	return false;
}

bool pp_library_preload(enum pp_library library,
			struct pp_settings_error *error)
{
	const char *list = getenv("LD_PRELOAD");
	char path[PATH_MAX];
	char *longer;
	bool done;

	if (!pp_library_path(library, path, error))
		return false;
	if (list == NULL || list[0] == '\0')
		done = setenv("LD_PRELOAD", path, 1) == 0;
	else if (list_has_path(list, path))
		done = true;
	else if (asprintf(&longer, "%s:%s", path, list) < 0)
		done = false;
	else {
		done = setenv("LD_PRELOAD", longer, 1) == 0;
		free(longer);
	}
	if (!done)
		pp_settings_fail(error, "LD_PRELOAD: %s", strerror(errno));
	return done;
}
