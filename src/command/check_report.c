/* SPDX-License-Identifier: ISC */
/* Tells what is known of a program; see check.h. */
#include <config.h>

#include "command/check.h"
#include "command/json.h"
#include "command/text.h"

#include <stdio.h>
#include <string.h>

/* How a value is told whose text is at most that long. */
#define SETTINGS_TEXT 1200

static const char *get_source(int from)
{
	if (from == PP_FROM_FILE)
		return "file";
	return from == PP_FROM_ENVIRONMENT ? "environment" : "default";
}

/* As it was given: whole, where it is of the environment. */
static const char *get_value(const struct pp_check *check, size_t row)
{
	const struct pp_setting *setting = &pp_server_settings[row];
	const struct pp_settings *settings = &check->settings;
	char variable[sizeof(PP_SETTINGS_PREFIX) + 40];
	const char *value = NULL;

	if (settings->from[row] == PP_FROM_DEFAULT)
		return setting->fallback;
	snprintf(variable, sizeof(variable), PP_SETTINGS_PREFIX "%s",
		 setting->name);
	if (settings->from[row] == PP_FROM_ENVIRONMENT)
		value = pp_check_variable(check, variable);
	return value != NULL ? value
			     : settings->said.text + settings->said.value[row];
}

static size_t find_row(const char *name)
{
	return (size_t)(pp_settings_find(pp_server_settings, name) -
			pp_server_settings);
}

/* What it is, what becomes of it. */
static void print_title(const struct pp_check *check, const char *start,
			const char *end)
{
	const char *how = "not served";

	if (check->is_served && check->process.pid != 0)
		how = "served";
	else if (check->is_served)
		how = "will be served";
	printf("%s", start);
	pp_text_print(check->name);
	if (check->process.pid != 0)
		printf(" (PID %d)", (int)check->process.pid);
	printf(": %s", how);
	if (check->is_served)
		printf(", by %s",
		       strcmp(check->by, "preload") == 0
			       ? "the preloaded library"
			       : "a supervisor");
	printf("%s\n", end);
}

static void print_line(const char *name, const char *text)
{
	printf("  %-10s ", name);
	pp_text_print(text);
	putchar('\n');
}

static void print_libraries(const struct pp_check *check)
{
	static const char *const uses[] = {
		[PP_LIBRARY_SERVER] = "",
		[PP_LIBRARY_CLIENT] = ", for clients",
		[PP_LIBRARY_UDP] = ", for datagrams",
	};
	char text[PATH_MAX + 40];

	for (int i = 0; i < check->library_count; i++) {
		const struct pp_mapped *library = &check->libraries[i];

		snprintf(text, sizeof(text), "%s%s%s", library->path,
			 library->is_deleted ? ", the file that was" : "",
			 uses[library->library]);
		print_line("library", text);
	}
	if (check->supervisor != 0) {
		snprintf(text, sizeof(text), "PID %d",
			 (int)check->supervisor);
		print_line("supervisor", text);
	}
	if (check->process.pid != 0 && check->library_count == 0 &&
	    check->supervisor == 0)
		print_line("library", "not loaded");
}

static void print_settings(const struct pp_check *check)
{
	const struct pp_settings *settings = &check->settings;
	char list[SETTINGS_TEXT], text[SETTINGS_TEXT];

	if (check->error.text[0] != '\0') {
		print_line("settings", "none are good while one is bad");
		return;
	}
	pp_settings_list(pp_server_settings, settings, list, sizeof(list));
	print_line("settings", list[0] != '\0' ? list : "all as they are "
							"without any");
	snprintf(text, sizeof(text), "%s%s", settings->config,
		 settings->has_file ? "" : ", which is not there");
	print_line("file", text);
	if (!check->is_served)
		return;
	print_line("trusted", settings->trusted.at == NULL
			  ? "everyone can claim to be anybody"
			  : get_value(check, find_row("TRUSTED")));
}

static void print_listeners(const struct pp_check *check)
{
	char address[PP_ADDRESS_TEXT], text[PP_ADDRESS_TEXT + 40];

	for (int i = 0; i < check->listener_count; i++) {
		const struct pp_listener *listener = &check->listeners[i];

		pp_address_text(&listener->address, address, sizeof(address));
		snprintf(text, sizeof(text), "%s%s%s", address,
			 listener->is_udp ? ", UDP" : "",
			 listener->is_covered ? "" : ", not one of PORTS");
		print_line("listens", text);
	}
	if (check->process.pid != 0 && check->listener_count == 0)
		print_line("listens", "to nothing");
}

void pp_check_print(const struct pp_check *check, bool colours)
{
	static const char *const title[] = { "\033[1;32m", "\033[1;31m",
					     "\033[1;33m" };
	const char *start = colours ? title[pp_check_status(check)] : "";
	const char *end = colours ? "\033[0m" : "";

	print_title(check, start, end);
	if (check->program.path[0] != '\0')
		print_line("program", check->program.path);
	for (int i = 0; i < check->reason_count; i++)
		print_line(i == 0 ? "because" : "", check->reasons[i].text);
	print_libraries(check);
	print_settings(check);
	print_listeners(check);
	print_line("notes", check->takes_notes
			  ? "the kernel takes them: getpeername(2) is told"
			  : "the kernel takes none");
	for (int i = 0; i < check->slip_count; i++) {
		const struct pp_slip *slip = &check->slips[i];

		start = colours ? title[slip->prevents ? 1 : 2] : "";
		printf("%s%s:%s ", start, slip->name, end);
		pp_text_print(slip->text);
		printf("\n    %s\n", slip->advice);
	}
}

static void print_json_settings(const struct pp_check *check)
{
	const struct pp_settings_said *said = &check->settings.said;
	bool first = true;

	putchar('[');
	for (size_t i = 0; pp_server_settings[i].name != NULL; i++) {
		int from = check->settings.from[i];
		bool first_member = true;

		pp_json_item(&first, NULL);
		putchar('{');
		pp_json_member(&first_member, "name",
			       pp_server_settings[i].name);
		pp_json_member(&first_member, "value", get_value(check, i));
		pp_json_member(&first_member, "from", get_source(from));
		pp_json_member(&first_member, "section",
			       said->section[i] == 0
				       ? NULL
				       : said->text + said->section[i]);
		putchar('}');
	}
	putchar(']');
}

static void print_json_listeners(const struct pp_check *check)
{
	char text[PP_ADDRESS_TEXT];
	bool first = true;

	putchar('[');
	for (int i = 0; i < check->listener_count; i++) {
		const struct pp_listener *listener = &check->listeners[i];
		bool first_member = true;

		pp_json_item(&first, NULL);
		putchar('{');
		pp_address_text(&listener->address, text, sizeof(text));
		pp_json_member(&first_member, "protocol",
			       listener->is_udp ? "udp" : "tcp");
		pp_json_member(&first_member, "address", text);
		pp_json_number(&first_member, "port",
			       ntohs(pp_address_port(&listener->address)));
		pp_json_boolean(&first_member, "in_ports",
				listener->is_covered);
		putchar('}');
	}
	putchar(']');
}

static void print_json_libraries(const struct pp_check *check)
{
	bool first = true;

	putchar('[');
	for (int i = 0; i < check->library_count; i++) {
		bool first_member = true;

		pp_json_item(&first, NULL);
		putchar('{');
		pp_json_member(&first_member, "path",
			       check->libraries[i].path);
		pp_json_boolean(&first_member, "for_clients",
				check->libraries[i].library ==
					PP_LIBRARY_CLIENT);
		pp_json_boolean(&first_member, "for_datagrams",
				check->libraries[i].library ==
					PP_LIBRARY_UDP);
		pp_json_boolean(&first_member, "replaced",
				check->libraries[i].is_deleted);
		putchar('}');
	}
	putchar(']');
}

static void print_json_reasons(const struct pp_check *check)
{
	bool first = true;

	putchar('[');
	for (int i = 0; i < check->reason_count; i++) {
		bool first_member = true;

		pp_json_item(&first, NULL);
		putchar('{');
		pp_json_member(&first_member, "name", check->reasons[i].name);
		pp_json_member(&first_member, "text", check->reasons[i].text);
		putchar('}');
	}
	putchar(']');
}

static void print_json_slips(const struct pp_check *check)
{
	bool first = true;

	putchar('[');
	for (int i = 0; i < check->slip_count; i++) {
		const struct pp_slip *slip = &check->slips[i];
		bool first_member = true;

		pp_json_item(&first, NULL);
		putchar('{');
		pp_json_member(&first_member, "name", slip->name);
		pp_json_member(&first_member, "text", slip->text);
		pp_json_member(&first_member, "advice", slip->advice);
		pp_json_boolean(&first_member, "prevents", slip->prevents);
		putchar('}');
	}
	putchar(']');
}

/* A number of a process; null where there is none. */
static void print_json_pid(bool *first, const char *name, pid_t pid)
{
	if (pid != 0)
		pp_json_number(first, name, pid);
	else
		pp_json_member(first, name, NULL);
}

void pp_check_print_json(const struct pp_check *check)
{
	const struct pp_settings *settings = &check->settings;
	bool good = check->error.text[0] == '\0', first = true;

	putchar('{');
	pp_json_number(&first, "status", pp_check_status(check));
	pp_json_member(&first, "name", check->name);
	print_json_pid(&first, "pid", check->process.pid);
	pp_json_member(&first, "program",
		       check->program.path[0] == '\0' ? NULL
						      : check->program.path);
	pp_json_boolean(&first, "served", check->is_served);
	pp_json_member(&first, "by", check->by);
	pp_json_item(&first, "reasons");
	print_json_reasons(check);
	pp_json_item(&first, "libraries");
	print_json_libraries(check);
	print_json_pid(&first, "supervisor", check->supervisor);
	pp_json_item(&first, "settings");
	if (good)
		print_json_settings(check);
	else
		pp_json_text(NULL);
	pp_json_member(&first, "settings_file", settings->config);
	pp_json_boolean(&first, "settings_file_there", settings->has_file);
	if (good)
		pp_json_boolean(&first, "trusts_everyone",
				settings->trusted.at == NULL);
	else
		pp_json_member(&first, "trusts_everyone", NULL);
	pp_json_item(&first, "listeners");
	print_json_listeners(check);
	pp_json_boolean(&first, "takes_notes", check->takes_notes);
	pp_json_item(&first, "slips");
	print_json_slips(check);
	putchar('}');
}
