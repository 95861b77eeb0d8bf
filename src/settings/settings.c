/* SPDX-License-Identifier: ISC */
/*
 * The server's table of settings, and what both tables share; see settings.h.
 * The client's is in client.c.
 */
#include <config.h>

#include "settings/settings.h"

#include "settings/names.h"
#include "settings/words.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SECONDS_MAX_MS (3600 * 1000)

/* So much of a value, or of a section's name, is kept for the log. */
#define SAID_MAX 40

static bool is_one_of(const char *value, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcasecmp(value, *words) == 0)
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

static bool parse_number(const char *value, unsigned max, unsigned *to)
{
	return pp_number(value, strlen(value), max, to);
}

const char *pp_settings_parse_debug(const char *value,
				    struct pp_settings *settings)
{
	return pp_settings_boolean(value, &settings->debug) ? NULL : value;
}

static const char *parse_must_use(const char *value,
				  struct pp_settings *settings)
{
	return pp_settings_boolean(value, &settings->must_use) ? NULL : value;
}

static const char *parse_versions(const char *value,
				  struct pp_settings *settings)
{
	unsigned number;

	if (!parse_number(value, PP_VERSION_BOTH, &number))
		return value;
	settings->versions = (enum pp_versions)number;
	return NULL;
}

bool pp_settings_seconds(const char *value, int least, int *to)
{
	size_t whole = strspn(value, "0123456789");
	const char *fraction = value + whole;
	int64_t ms = 0;
	size_t digits = 0;

	if (*fraction == '.')
		digits = strspn(++fraction, "0123456789");
	if (fraction[digits] != '\0' || whole + digits == 0 || whole > 6)
		return false;
	for (size_t i = 0; i < whole; i++)
		ms = ms * 10 + (value[i] - '0');
	for (size_t i = 0; i < 3; i++)
		ms = ms * 10 + (i < digits ? fraction[i] - '0' : 0);
	if (ms < least || ms > SECONDS_MAX_MS)
		return false;
	*to = (int)ms;
	return true;
}

static const char *parse_timeout(const char *value,
				 struct pp_settings *settings)
{
	return pp_settings_seconds(value, 1, &settings->timeout) ? NULL : value;
}

static const char *parse_trusted(const char *value,
				 struct pp_settings *settings)
{
	return pp_networks_parse(value, &settings->trusted);
}

static const char *parse_ports(const char *value, struct pp_settings *settings)
{
	return pp_ports_parse(value, &settings->ports);
}

static const char *parse_inetd(const char *value, struct pp_settings *settings)
{
	return pp_settings_boolean(value, &settings->inetd) ? NULL : value;
}

static const char *parse_config(const char *value,
				struct pp_settings *settings)
{
	size_t length = strlen(value);

	if (value[0] != '/' || length >= sizeof(settings->config))
		return value;
	memcpy(settings->config, value, length + 1);
	return NULL;
}

const struct pp_setting pp_server_settings[] = {
	{ "DEBUG", "0", PP_SETTINGS_BOOLEAN, "one line an event on stderr",
	  pp_settings_parse_debug, 0 },
	{ "MUST_USE_PROTOCOL_HEADER", "0", PP_SETTINGS_BOOLEAN,
	  "drop connections without a header", parse_must_use, 0 },
	{ "VERSION", "3", "0 (off), 1, 2 or 3 (both)",
	  "header versions that are taken off", parse_versions, 0 },
	{ "TRUSTED", "everyone",
	  "addresses and networks, no bit set beyond the prefix length, as "
	  "192.0.2.1, 10.0.0.0/8 or 2001:db8::/32, or everyone",
	  "proxies whose header is believed", parse_trusted, PP_SETTING_LIST },
	{ "PORTS", "all",
	  "ports from 1 to 65535 and ranges, as 22 or 8000-8099, or all",
	  "local ports that the library applies to", parse_ports,
	  PP_SETTING_LIST },
	{ "TIMEOUT", "3",
	  "seconds from 0.001 to 3600, with a fraction or without",
	  "seconds a header may take, counted from accept", parse_timeout, 0 },
	{ "INETD", "0", PP_SETTINGS_BOOLEAN,
	  "the program is started with a connection: take its header off",
	  parse_inetd, PP_SETTING_ENVIRONMENT },
	{ "CONFIG", PP_SETTINGS_FILE, "an absolute path of up to 255 bytes",
	  "the settings file", parse_config, PP_SETTING_ENVIRONMENT },
	{ NULL, NULL, NULL, NULL, NULL, 0 },
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

void pp_settings_defaults(const struct pp_setting *table,
			  struct pp_settings *settings)
{
	memset(settings, 0, sizeof(*settings));
	settings->said.length = 1;
	for (; table->name != NULL; table++)
		table->parse(table->fallback, settings);
}

const struct pp_setting *pp_settings_find(const struct pp_setting *table,
					  const char *name)
{
	for (; table->name != NULL; table++)
		if (strcasecmp(table->name, name) == 0)
			return table;
	return NULL;
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

const char *pp_settings_set(const struct pp_setting *table,
			    const struct pp_setting *row, const char *value,
			    struct pp_settings_origin origin,
			    struct pp_settings *settings)
{
	struct pp_settings_said *said = &settings->said;
	uint8_t *from = &settings->from[row - table];
	struct pp_settings changed = *settings;
	const char *bad = row->parse(value, &changed);

	if (bad != NULL)
		return bad;
	if (origin.source < *from) {
		pp_settings_drop(&changed, settings);
		return NULL;
	}
	pp_settings_drop(settings, &changed);
	*settings = changed;
	*from = (uint8_t)origin.source;
	said->value[row - table] = keep_text(said, value);
	said->section[row - table] = keep_text(said, origin.section);
	return NULL;
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

void pp_settings_describe(const struct pp_setting *row, const char *where,
			  const char *equals, const char *value,
			  const char *bad, struct pp_settings_error *error)
{
	size_t length = strlen(bad);

	if ((row->flags & PP_SETTING_LIST) && bad[strcspn(bad, PP_SEPARATORS)] != '\0')
		length = strcspn(bad, PP_SEPARATORS);
	if (length < strlen(value))
		equals = " with ";
	if (length > 80)
		length = 80;
	pp_settings_fail(error, "%s%s\"%.*s\" is not valid: it takes %s", where,
			 equals, (int)length, bad, row->allowed);
}

void pp_settings_drop(struct pp_settings *settings,
		      const struct pp_settings *others)
{
	if (settings->trusted.ranges != others->trusted.ranges)
		pp_networks_free(&settings->trusted);
	if (settings->ports.bits != others->ports.bits)
		pp_ports_free(&settings->ports);
	if (settings->vectors.at != others->vectors.at)
		pp_bytes_free(&settings->vectors);
	if (settings->raw.at != others->raw.at)
		pp_bytes_free(&settings->raw);
}

void pp_settings_take(const struct pp_setting *table, const char *name,
		      const char *value, struct pp_settings *settings,
		      struct pp_settings_error *error)
{
	static const struct pp_settings_origin origin = { PP_FROM_ENVIRONMENT,
							  "" };
	const struct pp_setting *row = pp_settings_find(table, name);
	const char *bad;
	char where[48];

	if (!pp_settings_names_have(name)) {
		pp_settings_fail(error,
				 "%s%.80s is not a setting: the nearest one is "
				 "%s%s",
				 PP_SETTINGS_PREFIX, name, PP_SETTINGS_PREFIX,
				 pp_settings_names_nearest(name));
		return;
	}
	if (row == NULL)
		return;
	bad = pp_settings_set(table, row, value, origin, settings);
	if (bad == NULL)
		return;
	snprintf(where, sizeof(where), "%s%s", PP_SETTINGS_PREFIX, row->name);
	pp_settings_describe(row, where, "=", value, bad, error);
}

/*
 * Splits "LIBPROXYPROTO_name=value"; false where the entry is not ours. A name
 * that is too long to be a setting's is cut.
 */
static bool split_entry(const char *entry, char *name, size_t size,
			const char **value)
{
	const size_t prefix = sizeof(PP_SETTINGS_PREFIX) - 1;
	const char *equals;
	size_t length;

	if (strncmp(entry, PP_SETTINGS_PREFIX, prefix) != 0)
		return false;
	equals = strchr(entry + prefix, '=');
	if (equals == NULL)
		return false;
	length = (size_t)(equals - (entry + prefix));
	if (length >= size)
		length = size - 1;
	memcpy(name, entry + prefix, length);
	name[length] = '\0';
	*value = equals + 1;
	return true;
}

bool pp_settings_environment(const struct pp_setting *table,
			     char *const *environment,
			     struct pp_settings *settings,
			     struct pp_settings_error *error)
{
	bool any = false;
	char name[128];
	const char *value;

	for (; environment != NULL && *environment != NULL; environment++) {
		if (!split_entry(*environment, name, sizeof(name), &value))
			continue;
		any = true;
		pp_settings_take(table, name, value, settings, error);
	}
	return any;
}
