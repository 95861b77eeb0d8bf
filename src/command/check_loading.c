/* SPDX-License-Identifier: ISC */
/* The slips in what is to be loaded into a program, or is; see check.h. */
#include <config.h>

#include "command/check.h"
#include "command/reading.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What the loader takes between two names. */
#define ENDS ": \t\n"

/* Is a name in LD_PRELOAD that of one of our libraries? Then which. */
static bool is_ours(const char *name, enum pp_library *library)
{
	const char *slash = strrchr(name, '/');

	return pp_library_of(slash != NULL ? slash + 1 : name, library);
}

/* Asks for a path in the program's root directory; what fails, or 0. */
static int get_path_error(const struct pp_check *check, const char *path)
{
	char whole[2 * PATH_MAX];
	struct stat status;

	snprintf(whole, sizeof(whole), "%s%s", check->root, path);
	return stat(whole, &status) == 0 ? 0 : errno;
}

#define PRELOAD_ADVICE                                                       \
	"Name the file by its path, or let proxyproto run do it."

static bool is_supervised(const struct pp_check *check)
{
	return check->by != NULL && strcmp(check->by, "supervise") == 0;
}

static void check_secure(struct pp_check *check, const char *name)
{
	if (is_supervised(check))
		return;
	pp_check_slip(check, true, "secure-execution",
		      "Write /usr/$LIB/libproxyproto.so into "
		      "/etc/ld.so.preload, or use proxyproto run as root.",
		      "it runs with privileges of its file (AT_SECURE): the "
		      "loader does not load %s for it", name);
}

/* Whether the loader would say that it does not find one in LD_PRELOAD. */
static bool loader_misses(const struct pp_program *program, const char *name)
{
	char *const argv[] = { (char[PATH_MAX]){ "" }, (char[]){ "--list" },
			       (char[PATH_MAX]){ "" }, NULL };
	char line[PATH_MAX + 128];
	struct pp_reading reading;
	bool misses = false;

	snprintf(argv[0], PATH_MAX, "%s", program->loader);
	snprintf(argv[2], PATH_MAX, "%s", program->judged);
	if (!pp_reading_start(&reading, argv))
		return false;
	while (fgets(line, sizeof(line), reading.output) != NULL)
		misses |= strstr(line, name) != NULL &&
			  (strstr(line, "cannot be preloaded") != NULL ||
			   strstr(line, "Error loading") != NULL);
	pp_reading_end(&reading);
	return misses;
}

/* Is it the very file that has loaded this program? */
static bool is_own_loader(const char *loader)
{
	const char *own = pp_program_own_loader();
	struct stat its, ours;

	return own[0] != '\0' && stat(loader, &its) == 0 &&
	       stat(own, &ours) == 0 && its.st_dev == ours.st_dev &&
	       its.st_ino == ours.st_ino;
}

/*
 * Of a process that is not loaded; of a COMMAND its loader is asked, if that is
 * the machine's: what is to be checked only is not to be executed.
 */
static bool is_listed_in_vain(const struct pp_check *check, const char *name,
			      enum pp_library library)
{
	if (check->process.pid != 0)
		return check->library_count >= 0 &&
		       !pp_check_has_library(check, library);
	return check->program.kind == PP_PROGRAM_DYNAMIC &&
	       is_own_loader(check->program.loader) &&
	       loader_misses(&check->program, name);
}

/* One name of ours in a list of the loader's. */
static void check_listed(struct pp_check *check, const char *list,
			 const char *name, enum pp_library library)
{
	int error = strchr(name, '/') != NULL && strchr(name, '$') == NULL
			    ? get_path_error(check, name) : 0;

	if (library == PP_LIBRARY_CLIENT)
		pp_check_slip(check, false, "client-library",
			      "Preload libproxyproto.so into servers.",
			      "%s has %s, the library for clients", list, name);
	else if (error != 0)
		pp_check_slip(check, false, "preload-not-found",
			      PRELOAD_ADVICE, "%s has %s: %s", list, name,
			      strerror(error));
	else if (check->is_secure && strcmp(list, "LD_PRELOAD") == 0)
		check_secure(check, name);
	else if (strchr(name, '/') == NULL && strcmp(list, "LD_PRELOAD") != 0)
		pp_check_slip(check, false, "preload-bare-name",
			      "Write /usr/$LIB/libproxyproto.so there.",
			      "%s has %s without a directory: set-user-ID "
			      "programs do not load it", list, name);
	else if (is_listed_in_vain(check, name, library))
		pp_check_slip(check, false, "preload-not-found",
			      PRELOAD_ADVICE,
			      "%s has %s, and the loader does not find it, or "
			      "not for this program", list, name);
}

/* A list of the loader's; true where it names a library for servers. */
static bool check_list(struct pp_check *check, const char *title,
		       const char *list)
{
	char *copy = list != NULL ? strdup(list) : NULL, *rest = NULL;
	enum pp_library library;
	bool has_server = false;

	if (copy == NULL)
		return false;
	for (char *name = strtok_r(copy, ENDS, &rest); name != NULL;
	     name = strtok_r(NULL, ENDS, &rest)) {
		if (!is_ours(name, &library))
			continue;
		check_listed(check, title, name, library);
		has_server |= library != PP_LIBRARY_CLIENT;
	}
	free(copy);
	return has_server;
}

/* The file that preloads into every program of its root directory. */
static bool check_file_list(struct pp_check *check)
{
	static const char path[] = "/etc/ld.so.preload";
	FILE *file = pp_check_open(check, path);
	bool has_server = false;
	char text[4096];

	if (file == NULL)
		return false;
	while (fgets(text, sizeof(text), file) != NULL) {
		text[strcspn(text, "#")] = '\0';
		has_server |= check_list(check, path, text);
	}
	fclose(file);
	return has_server;
}

static void check_copies(struct pp_check *check)
{
	const struct pp_mapped *first[3] = { NULL, NULL, NULL };

	for (int i = 0; i < check->library_count; i++) {
		const struct pp_mapped *library = &check->libraries[i];

		if (library->is_deleted)
			pp_check_slip(check, false, "library-replaced",
				      "Start the program again.",
				      "%s was replaced or removed since it was "
				      "loaded: the old one is at work",
				      library->path);
		if (library->library == PP_LIBRARY_CLIENT)
			continue;
		if (first[library->library] != NULL)
			pp_check_slip(check, false, "two-copies",
				      "Preload one of them: the other one does "
				      "nothing.",
				      "%s and %s are both loaded",
				      first[library->library]->path,
				      library->path);
		first[library->library] = library;
	}
}

/* A process that preloads nothing by what is seen, and still has it. */
static void check_environment(struct pp_check *check, bool is_listed)
{
	if (check->process.pid == 0 || check->environment == NULL ||
	    is_listed || check->is_secure || check->by == NULL ||
	    check->supervisor != 0 ||
	    check->environment[0] != NULL)
		return;
	pp_check_slip(check, false, "environment-overwritten",
		      "See in the log, with LIBPROXYPROTO_DEBUG=1, what it has "
		      "read.",
		      "it has the library loaded, and its environment is empty "
		      "now: what it has begun with is not known");
}

static void check_client(struct pp_check *check)
{
	/* where a list names it that has been told */
	for (int i = 0; i < check->slip_count; i++)
		if (strcmp(check->slips[i].name, "client-library") == 0)
			return;
	if (check->process.pid != 0 && check->listener_count > 0 &&
	    pp_check_has_library(check, PP_LIBRARY_CLIENT))
		pp_check_slip(check, false, "client-library",
			      "Preload libproxyproto.so into servers.",
			      "it listens, and has the library for clients "
			      "loaded");
}

/* Means that were asked for and do not reach such a program. */
static void check_means(struct pp_check *check)
{
	if (check->process.pid != 0)
		return;
	if (check->by == NULL)
		pp_check_slip(check, true, "unknown-program",
			      "Say by --how=preload or --how=supervise what to "
			      "do.",
			      "it %s", check->program.reason);
	else if (strcmp(check->by, "preload") == 0 &&
		 !pp_program_is_preloadable(check->program.kind))
		pp_check_slip(check, true, "not-preloadable",
			      "Leave --how out, or use --how=supervise.",
			      "no library can be preloaded: it %s",
			      check->program.reason);
}

void pp_check_loading(struct pp_check *check)
{
	const char *list = pp_check_variable(check, "LD_PRELOAD");
	bool is_listed = check_file_list(check);

	is_listed |= check_list(check, "LD_PRELOAD", list);
	if (check->process.pid != 0 && check->library_count >= 0 &&
	    check->by == NULL)
		pp_check_slip(check, true, "not-loaded",
			      "Start it by proxyproto run.",
			      "neither is the library loaded, nor is a "
			      "supervisor there");
	check_means(check);
	check_copies(check);
	check_client(check);
	check_environment(check, is_listed);
	if (check->process.pid != 0 && check->library_count < 0 &&
	    check->supervisor == 0)
		pp_check_slip(check, true, "process-hidden",
			      "Be root, or the user that it runs as.",
			      "what it has loaded may not be read");
}
