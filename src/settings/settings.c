/* SPDX-License-Identifier: ISC */
/*
 * The server's table of settings, and what both tables share; see settings.h.
 * The client's is in client.c.
 */
#include <config.h>

#include "settings/settings.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SECONDS_MAX_MS (3600 * 1000)

#define PREFIX_LENGTH (sizeof(PP_SETTINGS_PREFIX) - 1)

/* So much of a value, or of a section's name, is kept for the log. */
#define SAID_MAX 40

static bool is_one_of(const char *value, const char *const *words)
{
	for (; *words != NULL; words++)
		if (pp_text_is(value, strlen(value), *words))
			return true;
	return false;
}

bool pp_settings_boolean(const char *value, bool *to)
{
	static const char *const yes[] = { "1", "yes", "true", "on", NULL };
	static const char *const no[] = { "0", "no", "false", "off", "", NULL };

	*to = is_one_of(value, yes);
	return *to || is_one_of(value, no);
}

static size_t count_digits(const char *text)
{
	size_t count = 0;

	while (text[count] >= '0' && text[count] <= '9')
		count++;
	return count;
}

/* Seconds with at most a fraction, whatever the locale, as milliseconds. */
static bool parse_seconds(const char *value, unsigned least, int *to)
{
	size_t whole = count_digits(value);
	const char *fraction = value + whole;
	int64_t ms = 0;
	size_t digits = 0;

	if (*fraction == '.')
		digits = count_digits(++fraction);
	if (fraction[digits] != '\0' || whole + digits == 0 || whole > 6)
		return false;
	for (size_t i = 0; i < whole; i++)
		ms = ms * 10 + (value[i] - '0');
	for (size_t i = 0; i < 3; i++)
		ms = ms * 10 + (i < digits ? fraction[i] - '0' : 0);
	if (ms < (int64_t)least || ms > SECONDS_MAX_MS)
		return false;
	*to = (int)ms;
	return true;
}

/* One of the two words that "this or that" allows; *to: is it the second? */
static bool parse_choice(const char *value, const char *allowed, bool *to)
{
	const char *middle = strstr(allowed, " or ");
	const char *second = middle + strlen(" or ");

	*to = pp_text_is(second, strlen(second), value);
	return *to || pp_text_is(allowed, (size_t)(middle - allowed), value);
}

/* "spp" is of datagrams, and none of the versions. */
static bool parse_versions(const char *value, struct pp_settings *settings)
{
	settings->spp = pp_text_is(value, strlen(value), "spp");
	settings->versions = PP_VERSION_NONE;
	return settings->spp || pp_number(value, strlen(value), PP_VERSION_BOTH,
					  &settings->versions);
}

static bool parse_config(const char *value, struct pp_settings *settings)
{
	size_t length = strlen(value);

	if (value[0] != '/' || length >= sizeof(settings->config))
		return false;
	memcpy(settings->config, value, length + 1);
	return true;
}

const struct pp_setting pp_server_settings[] = {
	{ "DEBUG", "0", PP_SETTINGS_BOOLEAN, PP_BOOLEAN(debug) },
	{ "MUST_USE_PROTOCOL_HEADER", "0", PP_SETTINGS_BOOLEAN,
	  PP_BOOLEAN(must_use) },
	{ "VERSION", "3", "0 (off), 1, 2, 3 (both) or spp",
	  PP_OTHER(parse_versions) },
	{ "TRUSTED", PP_NETWORKS_EVERYONE,
	  "addresses and networks, no bit set beyond the prefix length, as "
	  "192.0.2.1, 10.0.0.0/8 or 2001:db8::/32, or " PP_NETWORKS_EVERYONE,
	  PP_LIST(trusted, pp_networks) },
	{ "PORTS", PP_PORTS_ALL,
	  "ports from 1 to 65535 and ranges, as 22 or 8000-8099, or "
	  PP_PORTS_ALL, PP_LIST(ports, pp_ports) },
	{ "TIMEOUT", "3",
	  "seconds from 0.001 to 3600, with a fraction or without",
	  PP_SECONDS(timeout, 1) },
	{ "DESTINATION", "header", "header or socket",
	  PP_CHOICE(own_destination) },
	{ "IPV6_ON_IPV4", "client", "client or proxy", PP_CHOICE(ipv4_alone) },
	{ "UNIX", "0", PP_SETTINGS_BOOLEAN, PP_BOOLEAN(unix_listeners),
	  .environment_only = true },
	{ "INETD", "0", PP_SETTINGS_BOOLEAN, PP_BOOLEAN(inetd),
	  .environment_only = true },
	{ "CONFIG", PP_SETTINGS_FILE, "an absolute path of up to 255 bytes",
	  PP_OTHER(parse_config), .environment_only = true },
	{ "UDP_CLIENTS", "65536", "a number from 0 to 16777216",
	  PP_NUMBER(udp_clients, PP_UDP_CLIENTS_MAX) },
	{ .name = NULL },
};

_Static_assert(sizeof(pp_server_settings) / sizeof(*pp_server_settings) <=
		       PP_SETTINGS_MAX + 1,
	       "too many settings");
_Static_assert(sizeof(PP_SETTINGS_FILE) <=
		       sizeof(((struct pp_settings *)0)->config),
	       "sysconfdir is too long");

/* Whatever bytes are in it. */
static void make_one_line(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

/* NULL, or where the bad part of the value begins. */
static const char *parse_value(const struct pp_setting *row, const char *value,
			       struct pp_settings *settings)
{
	void *field = (char *)settings + row->field;
	bool good = false;

	switch (row->type) {
	case PP_SETTING_BOOLEAN:
		good = pp_settings_boolean(value, field);
		break;
	case PP_SETTING_NUMBER:
		good = pp_number(value, strlen(value), row->limit, field);
		break;
	case PP_SETTING_SECONDS:
		good = parse_seconds(value, row->limit, field);
		break;
	case PP_SETTING_CHOICE:
		good = parse_choice(value, row->allowed, field);
		break;
	case PP_SETTING_LIST:
		return pp_list_parse(row->list, value, field);
	case PP_SETTING_OTHER:
		good = row->parse(value, settings);
	}
	return good ? NULL : value;
}

void pp_settings_defaults(const struct pp_setting *table,
			  struct pp_settings *settings)
{
	memset(settings, 0, sizeof(*settings));
	settings->said.length = 1;
	/* no boolean is on by itself, no second word chosen, no list there */
	for (; table->name != NULL; table++)
		if (table->type != PP_SETTING_BOOLEAN &&
		    table->type != PP_SETTING_CHOICE &&
		    table->type != PP_SETTING_LIST)
			parse_value(table, table->fallback, settings);
}

/* Keeps a text, cut where it is long, and says where; 0 without room. */
static uint16_t keep_text(struct pp_settings_said *said, const char *text)
{
	size_t room = sizeof(said->text) - said->length;
	uint16_t at = said->length;
	int length;

	if (text[0] == '\0' || room < SAID_MAX + sizeof("..."))
		return 0;
	length = snprintf(said->text + at, room, "%.*s%s", SAID_MAX, text,
			  strlen(text) > SAID_MAX ? "..." : "");
	said->length = (uint16_t)(at + length + 1);
	return at;
}

/* Of a list of words only the bad one is told, of no value more than a line. */
static void fail_value(const struct pp_setting *row, const char *value,
		       const char *bad, const struct pp_settings_origin *origin,
		       struct pp_settings_error *error)
{
	const char *equals =
		origin->source == PP_FROM_ENVIRONMENT ? "=" : " = ";
	size_t length = row->list != NULL ? strcspn(bad, row->list->separators)
					  : strlen(bad);

	if (length < strlen(value))
		equals = " with ";
	if (length > 80)
		length = 80;
	pp_settings_fail(error, "%s%s\"%.*s\" is not valid: it takes %s",
			 origin->place, equals, (int)length, bad, row->allowed);
}

void pp_settings_set(const struct pp_setting *table,
		     const struct pp_setting *row, const char *value,
		     const struct pp_settings_origin *origin,
		     struct pp_settings *settings,
		     struct pp_settings_error *error)
{
	const ptrdiff_t at = row - table;
	struct pp_settings changed = *settings;
	const char *bad = parse_value(row, value, &changed);

	if (bad != NULL) {
		fail_value(row, value, bad, origin, error);
		return;
	}
	if (origin->source < settings->from[at]) {
		pp_settings_drop(&changed, settings);
		return;
	}
	pp_settings_drop(settings, &changed);
	*settings = changed;
	settings->from[at] = (uint8_t)origin->source;
	settings->said.value[at] = keep_text(&settings->said, value);
	settings->said.section[at] = keep_text(&settings->said, origin->section);
}

void pp_settings_list(const struct pp_setting *table,
		      const struct pp_settings *settings, char *text,
		      size_t size)
{
	const struct pp_settings_said *said = &settings->said;
	size_t length = 0;

	text[0] = '\0';
	for (size_t i = 0; table[i].name != NULL && length < size; i++) {
		const char *section = said->text + said->section[i];

		if (settings->from[i] == PP_FROM_DEFAULT)
			continue;
		snprintf(text + length, size - length, "%s%s=%s (%s%s%s%s)",
			 length == 0 ? "" : ", ", table[i].name,
			 said->text + said->value[i],
			 settings->from[i] == PP_FROM_FILE ? "file"
							   : "environment",
			 section[0] == '\0' ? "" : ", [", section,
			 section[0] == '\0' ? "" : "]");
		length = strlen(text);
	}
	make_one_line(text);
}

void pp_settings_fail(struct pp_settings_error *error, const char *format, ...)
{
	va_list arguments;

	if (error->text[0] != '\0')
		return;
	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	make_one_line(error->text);
}

static void drop_list(struct pp_bytes *list, const struct pp_bytes *other)
{
	if (list->at != other->at)
		pp_bytes_free(list);
}

void pp_settings_drop(struct pp_settings *settings,
		      const struct pp_settings *others)
{
	drop_list(&settings->trusted, &others->trusted);
	drop_list(&settings->ports, &others->ports);
	drop_list(&settings->vectors, &others->vectors);
	drop_list(&settings->raw, &others->raw);
	drop_list(&settings->to, &others->to);
}

/* Beyond so many letters of what was given nothing is compared. */
#define GIVEN_MAX 64

/*
 * Those of both tables, the server's first. The tables themselves would bring
 * the parsers of the one library into the other. Characters, not pointers,
 * which the loader would have to write for each process that starts.
 */
static const char names[][sizeof("MUST_USE_PROTOCOL_HEADER")] = {
	"DEBUG", "MUST_USE_PROTOCOL_HEADER", "VERSION", "TRUSTED", "PORTS",
	"TIMEOUT", "DESTINATION", "IPV6_ON_IPV4", "UNIX", "INETD", "CONFIG",
	"UDP_CLIENTS",
	"ADDR", "PORT", "DEST_ADDR", "DEST_PORT", "COMMAND", "TLV", "CRC32C",
	"RAW", "SPLIT", "DELAY", "TO", "UDP",
};

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/*
 * How many letters are to be put in, taken out or replaced to make one of the
 * other: Levenshtein's distance, with one row of his table.
 */
static unsigned distance(const char *given, const char *name)
{
	unsigned row[sizeof(*names)];
	const size_t length = strlen(name);

	for (size_t i = 0; i <= length; i++)
		row[i] = (unsigned)i;
	for (unsigned line = 1; *given != '\0' && line <= GIVEN_MAX; line++) {
		const char letter = pp_upper(*given++);
		unsigned diagonal = row[0];

		row[0] = line;
		for (size_t i = 1; i <= length; i++) {
			unsigned replaced = diagonal + (letter != name[i - 1]);

			diagonal = row[i];
			row[i] = smaller(smaller(row[i], row[i - 1]) + 1,
					 replaced);
		}
	}
	return row[length];
}

const struct pp_setting *pp_settings_find(const struct pp_setting *table,
					  const char *name)
{
	for (; table->name != NULL; table++)
		if (pp_text_is(name, strlen(name), table->name))
			return table;
	return NULL;
}

/*
 * The name, of all settings of both libraries, that takes the fewest changes of
 * a letter to come to from this one, whatever its case; the first of several.
 */
static const char *find_nearest(const char *name)
{
	const char *nearest = NULL;
	unsigned least = UINT_MAX;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		unsigned changes = distance(name, names[i]);

		if (changes < least) {
			least = changes;
			nearest = names[i];
		}
	}
	return nearest;
}

/* Takes a variable; its name is cut where it is too long to be a setting's. */
static void take_variable(const struct pp_setting *table, const char *variable,
			  const char *value, struct pp_settings *settings,
			  struct pp_settings_error *error)
{
	const char *name = variable + PREFIX_LENGTH;
	const struct pp_setting *row = pp_settings_find(table, name);
	const struct pp_settings_origin origin = { PP_FROM_ENVIRONMENT, "",
						   variable };
	const char *nearest;

	if (row != NULL && strcmp(row->name, name) == 0) {
		pp_settings_set(table, row, value, &origin, settings, error);
		return;
	}
	nearest = find_nearest(name);
	if (strcmp(nearest, name) != 0)
		pp_settings_fail(error,
				 "%s is not a setting: the nearest one is "
				 PP_SETTINGS_PREFIX "%s",
				 variable, nearest);
}

bool pp_settings_environment(const struct pp_setting *table,
			     char *const *environment,
			     struct pp_settings *settings,
			     struct pp_settings_error *error)
{
	bool any = false;
	char variable[PREFIX_LENGTH + 80 + 1];

	for (; environment != NULL && *environment != NULL; environment++) {
		const char *start = *environment;
		const char *equals = NULL;

		if (strncmp(start, PP_SETTINGS_PREFIX, PREFIX_LENGTH) == 0)
			equals = strchr(start, '=');
		if (equals == NULL)
			continue;
		any = true;
		snprintf(variable, sizeof(variable), "%.*s",
			 (int)(equals - start), start);
		take_variable(table, variable, equals + 1, settings, error);
	}
	return any;
}
