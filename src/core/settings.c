/* SPDX-License-Identifier: ISC */
/* The tables of settings and their parsers; see settings.h. */
#include <config.h>

#include "settings.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TIMEOUT_MAX_MS (3600 * 1000)

static bool is_one_of(const char *value, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcasecmp(value, *words) == 0)
			return true;
	return false;
}

static bool parse_boolean(const char *value, bool *to)
{
	static const char *const yes[] = { "1", "yes", "true", "on", NULL };
	static const char *const no[] = { "0", "no", "false", "off", "", NULL };

	*to = is_one_of(value, yes);
	return *to || is_one_of(value, no);
}

/* A decimal number of digits only, without heading zeroes, up to max. */
static bool parse_number(const char *value, unsigned max, unsigned *to)
{
	unsigned number = 0;
	size_t length = strspn(value, "0123456789");

	if (length == 0 || length > 9 || value[length] != '\0' ||
	    (length > 1 && value[0] == '0'))
		return false;
	for (size_t i = 0; i < length; i++)
		number = number * 10 + (unsigned)(value[i] - '0');
	*to = number;
	return number <= max;
}

static bool parse_debug(const char *value, struct pp_settings *settings)
{
	return parse_boolean(value, &settings->debug);
}

static bool parse_must_use(const char *value, struct pp_settings *settings)
{
	return parse_boolean(value, &settings->must_use);
}

static bool parse_versions(const char *value, struct pp_settings *settings)
{
	unsigned number;

	if (!parse_number(value, PP_VERSION_BOTH, &number))
		return false;
	settings->versions = (enum pp_versions)number;
	return true;
}

static bool parse_send_version(const char *value, struct pp_settings *settings)
{
	return parse_number(value, 2, &settings->send_version);
}

/* Seconds with at most a fraction, whatever the locale; to milliseconds. */
static bool parse_timeout(const char *value, struct pp_settings *settings)
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
	if (ms < 1 || ms > TIMEOUT_MAX_MS)
		return false;
	settings->timeout = (int)ms;
	return true;
}

static void set_port(union pp_address *address, in_port_t port)
{
	if (address->sa.sa_family == AF_INET6)
		address->in6.sin6_port = port;
	else
		address->in.sin_port = port;
}

static in_port_t get_port(const union pp_address *address)
{
	return address->sa.sa_family == AF_INET6 ? address->in6.sin6_port
						 : address->in.sin_port;
}

static bool parse_address(const char *value, struct pp_settings *settings)
{
	union pp_address address;
	in_port_t port = get_port(&settings->source);

	memset(&address, 0, sizeof(address));
	if (inet_pton(AF_INET, value, &address.in.sin_addr) == 1)
		address.sa.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, value, &address.in6.sin6_addr) == 1)
		address.sa.sa_family = AF_INET6;
	else
		return false;
	set_port(&address, port);
	settings->source = address;
	return true;
}

static bool parse_port(const char *value, struct pp_settings *settings)
{
	unsigned number;

	if (!parse_number(value, 65535, &number))
		return false;
	set_port(&settings->source, htons((in_port_t)number));
	return true;
}

#define BOOLEAN "1, yes, true, on, 0, no, false, off or nothing"

const struct pp_setting pp_server_settings[] = {
	{ "DEBUG", "0", BOOLEAN, "one line an event on stderr", parse_debug },
	{ "MUST_USE_PROTOCOL_HEADER", "0", BOOLEAN,
	  "drop connections without a header", parse_must_use },
	{ "VERSION", "3", "0 (off), 1, 2 or 3 (both)",
	  "header versions that are taken off", parse_versions },
	{ "TIMEOUT", "3",
	  "seconds from 0.001 to 3600, with a fraction or without",
	  "seconds a header may take, counted from accept", parse_timeout },
	{ NULL, NULL, NULL, NULL, NULL },
};

const struct pp_setting pp_client_settings[] = {
	{ "DEBUG", "0", BOOLEAN, "one line an event on stderr", parse_debug },
	{ "ADDR", "127.0.0.1", "a numeric IPv4 or IPv6 address",
	  "source address that the header states", parse_address },
	{ "PORT", "8080", "a port from 0 to 65535",
	  "source port that the header states", parse_port },
	{ "VERSION", "2", "0 (none), 1 or 2",
	  "header version that is sent", parse_send_version },
	{ NULL, NULL, NULL, NULL, NULL },
};

void pp_settings_defaults(const struct pp_setting *table,
			  struct pp_settings *settings)
{
	memset(settings, 0, sizeof(*settings));
	for (; table->name != NULL; table++)
		table->parse(table->fallback, settings);
}

/* Describes a bad value in one line, whatever bytes the value has. */
static void describe(const struct pp_setting *setting, const char *value,
		     struct pp_settings_error *error)
{
	snprintf(error->text, sizeof(error->text),
		 "%s%s=\"%.80s\" is not valid: it takes %s",
		 PP_SETTINGS_PREFIX, setting->name, value, setting->allowed);
	for (char *c = error->text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

void pp_settings_take(const struct pp_setting *table, const char *name,
		      const char *value, struct pp_settings *settings,
		      struct pp_settings_error *error)
{
	struct pp_settings changed = *settings;

	while (table->name != NULL && strcmp(table->name, name) != 0)
		table++;
	if (table->name == NULL)
		return;
	if (table->parse(value, &changed))
		*settings = changed;
	else if (error->text[0] == '\0')
		describe(table, value, error);
}

/* Splits "LIBPROXYPROTO_name=value"; false where the entry is not ours. */
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
		return false;
	memcpy(name, entry + prefix, length);
	name[length] = '\0';
	*value = equals + 1;
	return true;
}

void pp_settings_environment(const struct pp_setting *table,
			     char *const *environment,
			     struct pp_settings *settings,
			     struct pp_settings_error *error)
{
	char name[32];
	const char *value;

	if (environment == NULL)
		return;
	for (; *environment != NULL; environment++)
		if (split_entry(*environment, name, sizeof(name), &value))
			pp_settings_take(table, name, value, settings, error);
}
