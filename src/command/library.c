/* SPDX-License-Identifier: ISC */
/* Where the libraries are that the command preloads; see library.h. */
#include <config.h>

#include "command/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {
	[PP_LIBRARY_SERVER] = "libproxyproto.so",
	[PP_LIBRARY_CLIENT] = "libproxyproto_connect.so",
	[PP_LIBRARY_UDP] = "libproxyproto_udp.so",
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

bool pp_library_of(const char *name, enum pp_library *library)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strncmp(name, names[i], strlen(names[i])) == 0) {
			*library = (enum pp_library)i;
			return true;
		}
	return false;
}

/* Is it the library, of whatever folder and version? */
static bool entry_is_library(const char *entry, size_t length,
			     enum pp_library library)
{
	const size_t name_length = strlen(names[library]);
	const char *base = memrchr(entry, '/', length);

	if (base != NULL)
		length -= (size_t)(++base - entry);
	else
		base = entry;
	return length >= name_length &&
	       memcmp(base, names[library], name_length) == 0 &&
	       (length == name_length || base[name_length] == '.');
}

/*
 * The entries of LD_PRELOAD that are not the library, behind a first one where
 * there is one; to be freed. NULL without memory.
 */
static char *make_list(const char *first, enum pp_library library)
{
	const char *list = getenv("LD_PRELOAD");
	char *made;

	if (list == NULL)
		list = "";
	made = malloc(strlen(first) + strlen(list) + 2);
	if (made == NULL)
		return NULL;
	strcpy(made, first);
	while (list[0] != '\0') {
		const size_t length = strcspn(list, ENDS);

		if (length > 0 && !entry_is_library(list, length, library)) {
			if (made[0] != '\0')
				strcat(made, ":");
			strncat(made, list, length);
		}
		list += length + strspn(list + length, ENDS);
	}
	return made;
}

bool pp_library_preload(enum pp_library library,
			struct pp_settings_error *error)
{
	char path[PATH_MAX];
	char *list;

	if (!pp_library_path(library, path, error))
		return false;
	list = make_list(path, library);
	if (list == NULL || setenv("LD_PRELOAD", list, 1) != 0)
		pp_settings_fail(error, "LD_PRELOAD: %s", strerror(errno));
	free(list);
	return error->text[0] == '\0';
}

bool pp_library_drop(enum pp_library library)
{
	const char *before = getenv("LD_PRELOAD");
	char *list = make_list("", library);
	bool dropped = before != NULL && list != NULL &&
		       strlen(list) < strlen(before) &&
		       setenv("LD_PRELOAD", list, 1) == 0;

	free(list);
	return dropped;
}

bool pp_library_is_loaded(void)
{
	return dlsym(RTLD_DEFAULT, "proxyproto_version") != NULL;
}
