/* SPDX-License-Identifier: ISC */
/* The slips in a program's settings, and in their file; see check.h. */
#include <config.h>

#include "command/check.h"
#include "settings/load.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PREFIX_LENGTH (sizeof(PP_SETTINGS_PREFIX) - 1)

static bool is_name(const struct pp_setting *table, const char *variable)
{
	size_t length = strcspn(variable, "=");

	for (; table->name != NULL; table++)
		if (strlen(table->name) == length &&
		    strncmp(table->name, variable, length) == 0)
			return true;
	return false;
}

/* One variable by itself: the library tells the first mistake only. */
static void check_variable(struct pp_check *check, char *variable)
{
	static struct pp_settings none, settings;
	struct pp_settings_error error = { "" };
	char *const alone[] = { variable, NULL };
	const char *name = variable + PREFIX_LENGTH;

	pp_settings_defaults(pp_server_settings, &settings);
	pp_settings_environment(pp_server_settings, alone, &settings, &error);
	pp_settings_drop(&settings, &none);
	if (error.text[0] == '\0')
		return;
	if (is_name(pp_server_settings, name) ||
	    is_name(pp_client_settings, name))
		pp_check_slip(check, true, "bad-value",
			      "Correct it: until then listen(2) and accept(2) "
			      "fail with EINVAL.", "%s", error.text);
	else
		pp_check_slip(check, true, "unknown-setting",
			      "Correct the name: until then listen(2) and "
			      "accept(2) fail with EINVAL.", "%s", error.text);
}

/*
 * With privileges of its file a program's environment does not count, but to a
 * supervisor.
 */
static bool has_environment(const struct pp_check *check)
{
	return check->environment != NULL &&
	       (!check->is_secure ||
		(check->by != NULL && strcmp(check->by, "supervise") == 0));
}

static void read_settings(struct pp_check *check)
{
	char **variables = check->environment;
	struct pp_settings_error error = { "" };

	pp_settings_defaults(pp_server_settings, &check->settings);
	if (has_environment(check)) {
		pp_settings_environment(pp_server_settings, variables,
					&check->settings, &check->error);
		for (; *variables != NULL; variables++)
			if (strncmp(*variables, PP_SETTINGS_PREFIX,
				    PREFIX_LENGTH) == 0 &&
			    strchr(*variables, '=') != NULL)
				check_variable(check, *variables);
	}
	pp_settings_read_file_at(check->root, check->name, &check->settings,
				 &error);
	if (error.text[0] == '\0')
		return;
	pp_check_slip(check, true, "bad-file",
		      "Correct the file: until then listen(2) and accept(2) "
		      "fail with EINVAL.", "%s", error.text);
	if (check->error.text[0] == '\0')
		check->error = error;
}

/* One that the search is for; found where a program is called so. */
struct pattern {
	char text[256];
	bool is_found;
};

#define PATTERNS_MAX 256

struct patterns {
	struct pattern all[PATTERNS_MAX];
	int count, found;
	bool matches_this;	/* some section is for the program */
};

static void find_patterns(struct patterns *patterns, const char *name)
{
	for (int i = 0; i < patterns->count; i++)
		if (!patterns->all[i].is_found &&
		    fnmatch(patterns->all[i].text, name, 0) == 0) {
			patterns->all[i].is_found = true;
			patterns->found++;
		}
}

/* Those between the brackets of a line. */
static void add_patterns(struct patterns *patterns, char *line,
			 const char *program)
{
	char *rest = NULL;

	line[strcspn(line, "#")] = '\0';
	line += strspn(line, PP_SEPARATORS);
	if (line[0] != '[' || strrchr(line, ']') == NULL)
		return;
	*strrchr(line, ']') = '\0';
	for (char *word = strtok_r(line + 1, PP_SEPARATORS, &rest);
	     word != NULL; word = strtok_r(NULL, PP_SEPARATORS, &rest)) {
		if (fnmatch(word, program, 0) == 0)
			patterns->matches_this = true;
		if (patterns->count < PATTERNS_MAX)
			snprintf(patterns->all[patterns->count++].text,
				 sizeof(patterns->all[0].text), "%s", word);
	}
}

static void read_patterns(const struct pp_check *check,
			  struct patterns *patterns)
{
	FILE *file = pp_check_open(check, check->settings.config);
	char *line = NULL;
	size_t size = 0;

	if (file == NULL)
		return;
	while (getline(&line, &size, file) >= 0)
		add_patterns(patterns, line, check->name);
	free(line);
	fclose(file);
}

/* Goes through a folder of programs, and, where it is asked to, those in it. */
static void search_folder(struct patterns *patterns, const char *path,
			  int depth)
{
	DIR *folder =
		patterns->found < patterns->count ? opendir(path) : NULL;
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		char inner[PATH_MAX];

		if (entry->d_name[0] == '.')
			continue;
		if (entry->d_type != DT_DIR) {
			find_patterns(patterns, entry->d_name);
		} else if (depth > 0) {
			snprintf(inner, sizeof(inner), "%s/%s", path,
				 entry->d_name);
			search_folder(patterns, inner, depth - 1);
		}
	}
	if (folder != NULL)
		closedir(folder);
}

/* Where programs are, and those that run. */
static void search_programs(const struct pp_check *check,
			    struct patterns *patterns)
{
	static const struct {
		const char *path;
		int depth;
	} folders[] = {
		{ "/usr/sbin", 0 },	   { "/usr/bin", 0 },
		{ "/sbin", 0 },		   { "/bin", 0 },
		{ "/usr/local/sbin", 0 },  { "/usr/local/bin", 0 },
		{ "/usr/lib", 2 },	   { "/usr/libexec", 2 },
		{ "/usr/games", 0 },	   { "/opt", 2 },
	};
	const char *list = getenv("PATH");
	char path[PATH_MAX];
	pid_t *pids = pp_processes();
	struct pp_process process;

	find_patterns(patterns, check->name);
	for (size_t i = 0; pids != NULL && pids[i] != 0; i++)
		if (pp_process_read(pids[i], &process))
			find_patterns(patterns, process.name);
	free(pids);
	for (; list != NULL && *list != '\0';
	     list += strcspn(list, ":"), list += *list == ':') {
		snprintf(path, sizeof(path), "%.*s", (int)strcspn(list, ":"),
			 list);
		search_folder(patterns, path, 0);
	}
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		snprintf(path, sizeof(path), "%s%s", check->root,
			 folders[i].path);
		search_folder(patterns, path, folders[i].depth);
	}
}

static void check_sections(struct pp_check *check)
{
	static struct patterns patterns;

	memset(&patterns, 0, sizeof(patterns));
	read_patterns(check, &patterns);
	if (patterns.count == 0)
		return;
	search_programs(check, &patterns);
	for (int i = 0; i < patterns.count; i++)
		if (!patterns.all[i].is_found)
			pp_check_slip(check, false, "section-without-program",
				      "Name the file of the program; for a "
				      "script that its interpreter is given, "
				      "the interpreter.",
				      "%s: [%s] matches no program that is "
				      "found here",
				      check->settings.config,
				      patterns.all[i].text);
	if (!patterns.matches_this && !check->settings.spp &&
	    check->settings.versions == PP_VERSION_NONE)
		pp_check_slip(check, false, "no-section",
			      "Add a section of that name with version = 3.",
			      "%s: no section is for [%s], and the file "
			      "switches it off elsewhere",
			      check->settings.config, check->name);
}

static void check_file(struct pp_check *check)
{
	char path[PATH_MAX + sizeof(check->settings.config)];
	struct stat status;

	snprintf(path, sizeof(path), "%s%s", check->root,
		 check->settings.config);
	if (!check->settings.has_file || stat(path, &status) != 0)
		return;
	if (status.st_mode & S_IWOTH)
		pp_check_slip(check, false, "file-writable",
			      "Let only root write it: who does decides whom "
			      "servers believe.",
			      "%s: everybody can write it",
			      check->settings.config);
	/* the start is known to some seconds only */
	if (check->process.started != 0 &&
	    status.st_mtime > check->process.started + 2)
		pp_check_slip(check, false, "file-changed",
			      "Start the program again: it reads the file "
			      "once.",
			      "%s has changed since the program was started: "
			      "what is told here is not what it has read",
			      check->settings.config);
	check_sections(check);
}

void pp_check_settings(struct pp_check *check)
{
	read_settings(check);
	if (check->process.pid != 0 && check->environment == NULL)
		pp_check_slip(check, false, "environment-hidden",
			      "Be root, or the user that it runs as.",
			      "its environment may not be read: settings in it "
			      "are not known");
	check_file(check);
	for (int i = 0; i < check->listener_count; i++)
		check->listeners[i].is_covered = pp_ports_have(
			&check->settings.ports,
			ntohs(pp_address_port(&check->listeners[i].address)));
}
