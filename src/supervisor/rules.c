/* SPDX-License-Identifier: ISC */
/* Settings of processes; see rules.h. */
#include <config.h>

#include "supervisor/rules.h"

#include "connection/report.h"
#include "settings/load.h"
#include "supervisor/memory.h"
#include "supervisor/process_file.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* Adds those of the file. False with errno set: the next time may be better. */
static bool read_file(struct pp_rules *rules)
{
	int error = pp_settings_read_file_at("", rules->key, &rules->settings,
					     &rules->error);

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

static struct pp_rules *find_rules(const struct text *key)
{
	struct pp_rules *rules = known;

	while (rules != NULL &&
	       (rules->key_size != key->length ||
		memcmp(rules->key, key->at, key->length) != 0))
		rules = rules->next;
	return rules;
}

static struct pp_rules *make_rules(const struct text *key)
{
	struct pp_rules *rules = calloc(1, sizeof(*rules) + key->length);

	if (rules == NULL)
		return NULL;
	memcpy(rules->key, key->at, key->length);
	rules->key_size = key->length;
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
		rules = find_rules(&key);
		if (rules == NULL)
			rules = make_rules(&key);
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
