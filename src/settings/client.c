/* SPDX-License-Identifier: ISC */
/* The client's table of settings; see settings.h. */
#include <config.h>

#include "settings/settings.h"

#include "settings/words.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* What stands for the address that the client connects to. */
#define ACTUAL "actual"

/* The longest address with a prefix length, '\0' included. */
#define NETWORK_TEXT (INET6_ADDRSTRLEN + 4)

static const char *parse_version(const char *value,
				 struct pp_settings *settings)
{
	return pp_number(value, strlen(value), 2, &settings->send_version)
		       ? NULL
		       : value;
}

static const char *parse_command(const char *value,
				 struct pp_settings *settings)
{
	if (strcasecmp(value, "PROXY") == 0)
		settings->command = PP_COMMAND_PROXY;
	else if (strcasecmp(value, "LOCAL") == 0)
		settings->command = PP_COMMAND_LOCAL;
	else
		return value;
	return NULL;
}

static bool parse_ip(const char *text, union pp_address *address)
{
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &address->in.sin_addr) == 1)
		address->sa.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &address->in6.sin6_addr) == 1)
		address->sa.sa_family = AF_INET6;
	else
		return false;
	return true;
}

/* Are all bits behind the prefix zero? */
static bool is_network(const union pp_address *address, unsigned prefix)
{
	const uint8_t *ip = address->sa.sa_family == AF_INET
				    ? (const uint8_t *)&address->in.sin_addr
				    : address->in6.sin6_addr.s6_addr;
	unsigned bits = address->sa.sa_family == AF_INET ? 32 : 128;

	for (unsigned bit = prefix; bit < bits; bit++)
		if (ip[bit / 8] & 0x80 >> bit % 8)
			return false;
	return true;
}

/* The addresses of an IPv4 network but its own and that of its broadcasts. */
static void take_hosts(union pp_address *first, uint64_t *count)
{
	if (*count <= 2)
		return;
	first->in.sin_addr.s_addr =
		htonl(ntohl(first->in.sin_addr.s_addr) + 1);
	*count -= 2;
}

/* "192.0.2.1", "192.0.2.0/24" */
static const char *parse_source(const char *value,
				struct pp_settings *settings)
{
	size_t length = strlen(value);
	union pp_address first;
	unsigned bits, prefix;
	char text[NETWORK_TEXT];
	uint64_t count;
	char *slash;

	if (length >= sizeof(text))
		return value;
	memcpy(text, value, length + 1);
	slash = strchr(text, '/');
	if (slash != NULL)
		*slash++ = '\0';
	if (!parse_ip(text, &first))
		return value;
	prefix = bits = first.sa.sa_family == AF_INET ? 32 : 128;
	if (slash != NULL && !pp_number(slash, strlen(slash), bits, &prefix))
		return value;
	if (!is_network(&first, prefix))
		return value;
	count = bits - prefix >= 64 ? 0 : UINT64_C(1) << (bits - prefix);
	if (first.sa.sa_family == AF_INET)
		take_hosts(&first, &count);
	pp_address_set_port(&first, pp_address_port(&settings->source));
	settings->source = first;
	settings->source_count = count;
	return NULL;
}

static const char *parse_source_port(const char *value,
				     struct pp_settings *settings)
{
	unsigned port;

	if (!pp_number(value, strlen(value), 65535, &port))
		return value;
	pp_address_set_port(&settings->source, htons((in_port_t)port));
	return NULL;
}

static const char *parse_destination(const char *value,
				     struct pp_settings *settings)
{
	union pp_address address = { .sa.sa_family = AF_UNSPEC };

	if (strcasecmp(value, ACTUAL) != 0 && !parse_ip(value, &address))
		return value;
	settings->destination = address;
	return NULL;
}

static const char *parse_destination_port(const char *value,
					  struct pp_settings *settings)
{
	unsigned port = 0;
	bool actual = strcasecmp(value, ACTUAL) == 0;

	if (!actual && !pp_number(value, strlen(value), 65535, &port))
		return value;
	settings->destination_port = actual ? -1 : (int)port;
	return NULL;
}

static const char *parse_vectors(const char *value,
				 struct pp_settings *settings)
{
	return pp_vectors_parse(value, &settings->vectors);
}

static const char *parse_crc32c(const char *value,
				struct pp_settings *settings)
{
	return pp_settings_boolean(value, &settings->crc32c) ? NULL : value;
}

static const char *parse_raw(const char *value, struct pp_settings *settings)
{
	return pp_verbatim_parse(value, &settings->raw);
}

static const char *parse_split(const char *value, struct pp_settings *settings)
{
	return pp_number(value, strlen(value), PP_V2_MAX, &settings->split)
		       ? NULL
		       : value;
}

static const char *parse_delay(const char *value, struct pp_settings *settings)
{
	return pp_settings_seconds(value, 0, &settings->delay) ? NULL : value;
}

/* The rows, for those that must know of two; in the order of the table. */
enum row {
	ROW_DEBUG, ROW_ADDR, ROW_PORT, ROW_DEST_ADDR, ROW_DEST_PORT,
	ROW_VERSION, ROW_COMMAND, ROW_TLV, ROW_CRC32C, ROW_RAW, ROW_SPLIT,
	ROW_DELAY, ROWS
};

const struct pp_setting pp_client_settings[] = {
	{ "DEBUG", "0", PP_SETTINGS_BOOLEAN, "one line an event on stderr",
	  pp_settings_parse_debug, 0 },
	{ "ADDR", "127.0.0.1",
	  "a numeric IPv4 or IPv6 address or network, no bit set beyond the "
	  "prefix length, as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32",
	  "source address that the header states", parse_source, 0 },
	{ "PORT", "8080", "a port from 0 to 65535",
	  "source port that the header states", parse_source_port, 0 },
	{ "DEST_ADDR", ACTUAL, "a numeric IPv4 or IPv6 address, or " ACTUAL,
	  "destination address that the header states", parse_destination, 0 },
	{ "DEST_PORT", ACTUAL, "a port from 0 to 65535, or " ACTUAL,
	  "destination port that the header states", parse_destination_port,
	  0 },
	{ "VERSION", "2", "0 (none), 1 or 2",
	  "header version that is sent", parse_version, 0 },
	{ "COMMAND", "PROXY", "PROXY or LOCAL",
	  "whether the connection is another's or the proxy's own",
	  parse_command, 0 },
	{ "TLV", PP_BYTES_NONE,
	  "vectors, up to 65492 bytes of them: alpn=TEXT, authority=TEXT, "
	  "netns=TEXT, unique-id=TEXT (up to 128 bytes), noop=LENGTH, ssl=HEX, "
	  "0xEA=HEX; or " PP_BYTES_NONE,
	  "type-length-value vectors of the header", parse_vectors,
	  PP_SETTING_LIST },
	{ "CRC32C", "0", PP_SETTINGS_BOOLEAN,
	  "whether the header has a checksum", parse_crc32c, 0 },
	{ "RAW", PP_BYTES_NONE,
	  "up to 65551 bytes as text, with the escapes \\r, \\n, \\\\ and "
	  "\\xHH; or " PP_BYTES_NONE,
	  "bytes that are sent for a header", parse_raw, 0 },
	{ "SPLIT", "0", "bytes from 0 (all of them) to 65551",
	  "bytes of the header a write has", parse_split, 0 },
	{ "DELAY", "0", "seconds from 0 to 3600, with a fraction or without",
	  "seconds between two writes of the header", parse_delay, 0 },
	{ NULL, NULL, NULL, NULL, NULL, 0 },
};

_Static_assert(sizeof(pp_client_settings) / sizeof(*pp_client_settings) ==
		       ROWS + 1,
	       "the rows have other names");
_Static_assert((int)ROWS <= PP_SETTINGS_MAX, "too many settings");

/* Settings that do not go together. */
struct conflict {
	enum row row, with;
	const char *why;
};

static const struct conflict conflicts[] = {
	{ ROW_TLV, ROW_VERSION, "version 1 has no vectors" },
	{ ROW_CRC32C, ROW_VERSION, "version 1 has no checksum" },
	{ ROW_COMMAND, ROW_VERSION, "version 1 has no LOCAL" },
	{ ROW_ADDR, ROW_COMMAND, "LOCAL states no addresses" },
	{ ROW_PORT, ROW_COMMAND, "LOCAL states no addresses" },
	{ ROW_DEST_ADDR, ROW_COMMAND, "LOCAL states no addresses" },
	{ ROW_DEST_PORT, ROW_COMMAND, "LOCAL states no addresses" },
	{ ROW_ADDR, ROW_RAW, "a raw header states nothing else" },
	{ ROW_PORT, ROW_RAW, "a raw header states nothing else" },
	{ ROW_DEST_ADDR, ROW_RAW, "a raw header states nothing else" },
	{ ROW_DEST_PORT, ROW_RAW, "a raw header states nothing else" },
	{ ROW_COMMAND, ROW_RAW, "a raw header states nothing else" },
	{ ROW_TLV, ROW_RAW, "a raw header states nothing else" },
	{ ROW_CRC32C, ROW_RAW, "a raw header states nothing else" },
	{ ROW_DELAY, ROW_SPLIT, "a header in one write has no delay in it" },
};

/* Has the setting a value that can be at odds with another's? */
static bool is_stated(const struct pp_settings *settings, enum row row)
{
	switch (row) {
	case ROW_ADDR:
	case ROW_PORT:
		return settings->from[row] != PP_FROM_DEFAULT;
	case ROW_DEST_ADDR:
		return settings->destination.sa.sa_family != AF_UNSPEC;
	case ROW_DEST_PORT:
		return settings->destination_port >= 0;
	case ROW_VERSION:
		return settings->send_version == 1;
	case ROW_COMMAND:
		return settings->command == PP_COMMAND_LOCAL;
	case ROW_TLV:
		return settings->vectors.at != NULL;
	case ROW_CRC32C:
		return settings->crc32c;
	case ROW_RAW:
		return settings->raw.at != NULL;
	case ROW_SPLIT:
		return settings->split == 0;
	case ROW_DELAY:
		return settings->delay > 0;
	default:
		return false;
	}
}

/* What the environment has for a row, or else its default. */
static const char *value_of(char *const *environment, enum row row)
{
	const struct pp_setting *setting = &pp_client_settings[row];
	const size_t prefix = sizeof(PP_SETTINGS_PREFIX) - 1;
	size_t length = strlen(setting->name);

	for (; environment != NULL && *environment != NULL; environment++) {
		const char *entry = *environment;

		if (strncmp(entry, PP_SETTINGS_PREFIX, prefix) == 0 &&
		    strncmp(entry + prefix, setting->name, length) == 0 &&
		    entry[prefix + length] == '=')
			return entry + prefix + length + 1;
	}
	return setting->fallback;
}

void pp_settings_agree(char *const *environment,
		       const struct pp_settings *settings,
		       struct pp_settings_error *error)
{
	const size_t count = sizeof(conflicts) / sizeof(*conflicts);

	if (settings->send_version == 0)
		return;
	for (const struct conflict *at = conflicts; at < conflicts + count; at++)
		if (is_stated(settings, at->row) &&
		    is_stated(settings, at->with))
			pp_settings_fail(
				error,
				"%s%s=\"%.80s\" is not valid with "
				"%s%s=\"%.80s\": %s",
				PP_SETTINGS_PREFIX,
				pp_client_settings[at->row].name,
				value_of(environment, at->row),
				PP_SETTINGS_PREFIX,
				pp_client_settings[at->with].name,
				value_of(environment, at->with), at->why);
}
