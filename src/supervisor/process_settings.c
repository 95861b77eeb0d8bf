/* SPDX-License-Identifier: ISC */
/* Settings of processes; see process_settings.h. */
#include <config.h>

#include "supervisor/process_settings.h"

#include "connection/report.h"
#include "settings/load.h"
#include "supervisor/memory.h"
#include "supervisor/proc_files.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

static const char prefix[] = PP_SETTINGS_PREFIX;

/* More settings than there are names have the same name more than once. */
#define ENTRIES (4 * PP_SETTINGS_MAX)

static char *const *own_environment;
static const struct pp_setting *table;
static struct pp_rules *known;

void pp_rules_begin(char *const *environment,
		    const struct pp_setting *own_table)
{
	own_environment = environment;
	table = own_table;
}

/* A text that grows. */
struct text {
	char *at;
	size_t length, room;
};

static bool add_bytes(struct text *text, const char *bytes, size_t size)
{
	if (text->length + size > text->room) {
		size_t room = 2 * (text->length + size) + 4096;
		char *larger = realloc(text->at, room);

		if (larger == NULL)
			return false;
		text->at = larger;
		text->room = room;
	}
	memcpy(text->at + text->length, bytes, size);
	text->length += size;
	return true;
}

bool pp_is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM;
}

/* The file that a process executes; "" where that is not known. */
static void read_file_path(pid_t tgid, char *path, size_t size)
{
	char link[32];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)tgid);
	length = readlink(link, path, size - 1);
	path[length < 0 ? 0 : length] = '\0';
}

/* A text of its memory; "" where that cannot be read. */
static void read_memory_text(pid_t tgid, uint64_t address, char *text,
			     size_t size)
{
	size_t length = 0;

	/* byte by byte: a text may end where memory does */
	while (address != 0 && length < size - 1 &&
	       pp_memory_read(tgid, address + length, text + length, 1) &&
	       text[length] != '\0')
		length++;
	text[length] = '\0';
}

/*
 * The base name that the program was started by; for a script, the script's.
 * With AT_SECURE it is that of the file, as a link's is its caller's to choose.
 * "" where it is not known. False with errno set where that is for want of
 * something.
 */
static bool read_program_name(pid_t tgid, char *name, size_t size,
			      bool *is_secure)
{
	size_t auxv_length;
	char *auxv = pp_process_file(tgid, "auxv", &auxv_length);
	char path[1024];
	const char *base = path;
	size_t length;

	if (auxv == NULL && pp_is_shortage(errno))
		return false;
	*is_secure = pp_process_auxiliary(auxv, auxv_length, AT_SECURE) != 0;
	if (*is_secure)
		read_file_path(tgid, path, sizeof(path));
	else
		read_memory_text(tgid, pp_process_auxiliary(auxv, auxv_length,
							    AT_EXECFN),
				 path, sizeof(path));
	free(auxv);
	if (strrchr(path, '/') != NULL)
		base = strrchr(path, '/') + 1;
	length = strnlen(base, size - 1);
	memcpy(name, base, length);
	name[length] = '\0';
	return true;
}

static bool is_setting(const char *entry)
{
	return strncmp(entry, prefix, sizeof(prefix) - 1) == 0 &&
	       strchr(entry, '=') != NULL;
}

/* Adds the settings that a process has in its environment, each ended by 0. */
static bool add_own_settings(struct text *text, pid_t tgid)
{
	size_t length;
	char *environment = pp_process_file(tgid, "environ", &length);
	const char *entry = environment;
	bool added = environment != NULL || !pp_is_shortage(errno);

	for (; added && entry < environment + length;
	     entry += strlen(entry) + 1)
		if (is_setting(entry))
			added = add_bytes(text, entry, strlen(entry) + 1);
	free(environment);
	return added;
}

static bool has_name_of(char *const *entries, size_t count, const char *other)
{
	size_t length = (size_t)(strchr(other, '=') - other) + 1;

	for (size_t i = 0; i < count; i++)
		if (strncmp(entries[i], other, length) == 0)
			return true;
	return false;
}

/*
 * The environment for a process, its own entries first. What a daemon has
 * overwritten there is taken from ours: a setting is never lost by that.
 */
static void make_environment(struct pp_rules *rules, char **entries)
{
	char *entry = rules->key + strlen(rules->key) + 1;
	size_t count = 0, own;

	for (; entry < rules->key + rules->key_size && count < ENTRIES;
	     entry += strlen(entry) + 1)
		entries[count++] = entry;
	own = count;
	for (size_t i = 0; own_environment[i] != NULL && count < ENTRIES; i++)
		if (is_setting(own_environment[i]) &&
		    !has_name_of(entries, own, own_environment[i]))
			entries[count++] = own_environment[i];
	entries[count] = NULL;
}

static void report_error(struct pp_rules *rules)
{
	if (!rules->is_reported)
		pp_report(table == pp_client_settings ? "libproxyproto_connect"
						      : "libproxyproto",
			  "%s", rules->error.text);
	rules->is_reported = true;
}

/*
 * Opens files with the rights of this user from now on, of this thread alone.
 * False where that is not allowed.
 */
static bool become(uid_t user, gid_t group)
{
	setfsgid(group);
	setfsuid(user);
	return (uid_t)setfsuid((uid_t)-1) == user &&
	       (gid_t)setfsgid((gid_t)-1) == group;
}

/* Reads the file by the right of who chose it. Returns 0 or an error number. */
static int read_file_as_user(struct pp_rules *rules)
{
	int error = 0;

	if (become(rules->user, rules->group))
		error = pp_settings_read_file_at("", rules->key,
						 &rules->settings,
						 &rules->error);
	else
		pp_settings_fail(&rules->error, "%s: cannot be opened as user "
				 "%u, who has chosen it",
				 rules->settings.config,
				 (unsigned)rules->user);
	become(geteuid(), getegid());
	return error;
}

/* Adds those of the file. False with errno set: the next time may be better. */
static bool read_file(struct pp_rules *rules)
{
	int error = read_file_as_user(rules);

	rules->lacks_file = error != 0;
	if (error != 0) {
		report_error(rules);
		rules->error.text[0] = '\0';
		errno = error;
		return false;
	}
	rules->is_reported = false;
	return true;
}

static void read_rules(struct pp_rules *rules)
{
	char *entries[ENTRIES + 1];

	pp_settings_defaults(table, &rules->settings);
	make_environment(rules, entries);
	pp_settings_environment(table, entries, &rules->settings,
				&rules->error);
	if (table == pp_client_settings) {
		/* they have no file */
		pp_settings_agree(&rules->settings, &rules->error);
		return;
	}
	rules->settings.syn_cookies = pp_settings_syn_cookies();
	rules->lacks_file = rules->error.text[0] == '\0';
}

/* Whose settings they are. */
struct user {
	uid_t user;
	gid_t group;
};

/*
 * Does a process choose a settings file that we were not told? Who started us
 * may read more than that process.
 */
static bool chooses_file(const struct text *key)
{
	static const char name[] = PP_SETTINGS_PREFIX "CONFIG=";
	const char *entry = key->at + strlen(key->at) + 1;

	for (; entry < key->at + key->length; entry += strlen(entry) + 1) {
		char *const *own = own_environment;

		if (strncmp(entry, name, sizeof(name) - 1) != 0)
			continue;
		while (*own != NULL && strcmp(*own, entry) != 0)
			own++;
		if (*own == NULL)
			return true;
	}
	return false;
}

/* The fourth number of a line of /proc/PID/status. False where it is not known. */
static bool read_fourth(const char *status, const char *line, unsigned *number)
{
	const char *at = status == NULL ? NULL : strstr(status, line);

	return at != NULL && sscanf(at + strlen(line), "%*u %*u %*u %u",
				    number) == 1;
}

/* Who opens the file that a process has chosen: its user, nobody in doubt. */
static struct user read_user(pid_t tgid)
{
	size_t length;
	char *status = pp_process_file(tgid, "status", &length);
	unsigned user, group;

	if (!read_fourth(status, "\nUid:", &user) ||
	    !read_fourth(status, "\nGid:", &group))
		user = group = 65534;
	free(status);
	return (struct user){ user, group };
}

/* What we, or who started us, have read already anybody is served by. */
static struct pp_rules *find_rules(const struct text *key,
				   const struct user *user)
{
	struct pp_rules *rules = known;

	while (rules != NULL &&
	       (rules->key_size != key->length ||
		memcmp(rules->key, key->at, key->length) != 0 ||
		(rules->user != geteuid() &&
		 (rules->user != user->user || rules->group != user->group))))
		rules = rules->next;
	return rules;
}

static struct pp_rules *make_rules(const struct text *key,
				   const struct user *user)
{
	struct pp_rules *rules = calloc(1, sizeof(*rules) + key->length);

	if (rules == NULL)
		return NULL;
	memcpy(rules->key, key->at, key->length);
	rules->key_size = key->length;
	rules->user = user->user;
	rules->group = user->group;
	read_rules(rules);
	rules->next = known;
	known = rules;
	return rules;
}

struct pp_rules *pp_rules_of(pid_t tgid)
{
	struct text key = { NULL, 0, 0 };
	struct pp_rules *rules = NULL;
	char program[256];
	bool is_secure;

	/* whoever executes what has privileges chose its environment */
	if (read_program_name(tgid, program, sizeof(program), &is_secure) &&
	    add_bytes(&key, program, strlen(program) + 1) &&
	    (is_secure || add_own_settings(&key, tgid))) {
		struct user user = { geteuid(), getegid() };

		if (chooses_file(&key))
			user = read_user(tgid);
		rules = find_rules(&key, &user);
		if (rules == NULL)
			rules = make_rules(&key, &user);
		if (rules != NULL && rules->lacks_file && !read_file(rules))
			rules = NULL;
	}
	free(key.at);
	return rules;
}

int pp_rules_refuse(struct pp_rules *rules)
{
	if (rules == NULL)
		return -errno;
	if (rules->error.text[0] == '\0')
		return 0;
	report_error(rules);
	return -EINVAL;
}
