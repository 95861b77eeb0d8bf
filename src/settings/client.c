/* SPDX-License-Identifier: ISC */
/* The client's table of settings; see settings.h. */
#include <config.h>

#include "settings/settings.h"

#include <string.h>

/* What stands for the address that the client connects to. */
#define ACTUAL "actual"

static bool parse_command(const char *value, struct pp_settings *settings)
{
	bool proxy = pp_text_is(value, strlen(value), "PROXY");

	settings->command = proxy ? PP_COMMAND_PROXY : PP_COMMAND_LOCAL;
	return proxy || pp_text_is(value, strlen(value), "LOCAL");
}

/* "spp" is of datagrams alone: connections get no header then. */
static bool parse_version(const char *value, struct pp_settings *settings)
{
	settings->spp = pp_text_is(value, strlen(value), "spp");
	settings->send_version = 0;
	return settings->spp ||
	       pp_number(value, strlen(value), 2, &settings->send_version);
}

/* "192.0.2.1", "192.0.2.0/24" */
static bool parse_source(const char *value, struct pp_settings *settings)
{
	const struct pp_word word = { value, strlen(value) };
	union pp_address first;
	unsigned prefix, host;

	if (!pp_network_parse(&word, &first, &prefix))
		return false;
	host = (first.sa.sa_family == AF_INET ? 32 : 128) - prefix;
	settings->source_count = host >= 64 ? 0 : UINT64_C(1) << host;
	/* an IPv4 network's own address and that of its broadcasts are none */
	if (first.sa.sa_family == AF_INET && host > 1) {
		first.in.sin_addr.s_addr |= htonl(1);
		settings->source_count -= 2;
	}
	pp_address_set_port(&first, pp_address_port(&settings->source));
	settings->source = first;
	return true;
}

static bool parse_source_port(const char *value, struct pp_settings *settings)
{
	unsigned port;

	if (!pp_number(value, strlen(value), 65535, &port))
		return false;
	pp_address_set_port(&settings->source, htons((in_port_t)port));
	return true;
}

static bool parse_destination(const char *value, struct pp_settings *settings)
{
	const struct pp_word word = { value, strlen(value) };
	unsigned prefix;

	if (!pp_text_is(value, word.length, ACTUAL))
		return strchr(value, '/') == NULL &&
		       pp_network_parse(&word, &settings->destination, &prefix);
	memset(&settings->destination, 0, sizeof(settings->destination));
	return true;
}

static bool parse_destination_port(const char *value,
				   struct pp_settings *settings)
{
	unsigned port = 0;
	bool actual = pp_text_is(value, strlen(value), ACTUAL);

	if (!actual && !pp_number(value, strlen(value), 65535, &port))
		return false;
	settings->destination_port = actual ? -1 : (int)port;
	return true;
}

/* The rows, for those that must know of two; in the order of the table. */
enum row {
	ROW_DEBUG, ROW_ADDR, ROW_PORT, ROW_DEST_ADDR, ROW_DEST_PORT,
	ROW_VERSION, ROW_COMMAND, ROW_TLV, ROW_CRC32C, ROW_RAW, ROW_SPLIT,
	ROW_DELAY, ROW_TO, ROW_UDP, ROWS,
	/* what else of VERSION some do not go with */
	ROW_VERSION_SPP = ROWS, STATED
};

const struct pp_setting pp_client_settings[] = {
	{ "DEBUG", "0", PP_SETTINGS_BOOLEAN, PP_BOOLEAN(debug) },
	{ "ADDR", "127.0.0.1",
	  "a numeric IPv4 or IPv6 address or network, no bit set beyond the "
	  "prefix length, as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32",
	  PP_OTHER(parse_source) },
	{ "PORT", "8080", "a port from 0 to 65535",
	  PP_OTHER(parse_source_port) },
	{ "DEST_ADDR", ACTUAL, "a numeric IPv4 or IPv6 address, or " ACTUAL,
	  PP_OTHER(parse_destination) },
	{ "DEST_PORT", ACTUAL, "a port from 0 to 65535, or " ACTUAL,
	  PP_OTHER(parse_destination_port) },
	{ "VERSION", "2", "0 (none), 1, 2 or spp", PP_OTHER(parse_version) },
	{ "COMMAND", "PROXY", "PROXY or LOCAL", PP_OTHER(parse_command) },
	{ "TLV", PP_BYTES_NONE,
	  "vectors, up to 65492 bytes of them: alpn=TEXT, authority=TEXT, "
	  "netns=TEXT, unique-id=TEXT (up to 128 bytes), noop=LENGTH, ssl=HEX, "
	  "0xEA=HEX; or " PP_BYTES_NONE,
	  PP_LIST(vectors, pp_vectors) },
	{ "CRC32C", "0", PP_SETTINGS_BOOLEAN, PP_BOOLEAN(crc32c) },
	{ "RAW", PP_BYTES_NONE,
	  "up to 65551 bytes as text, with the escapes \\r, \\n, \\\\ and "
	  "\\xHH; or " PP_BYTES_NONE,
	  PP_LIST(raw, pp_verbatim) },
	{ "SPLIT", "0", "bytes from 0 (all of them) to 65551",
	  PP_NUMBER(split, PP_V2_MAX) },
	{ "DELAY", "0", "seconds from 0 to 3600, with a fraction or without",
	  PP_SECONDS(delay, 0) },
	{ "TO", PP_ENDPOINTS_ALL,
	  "addresses and networks, with a port, a range or neither, as "
	  "192.0.2.1:80, 10.0.0.0/8, [2001:db8::]/32:443 or *:8000-8099; or "
	  PP_ENDPOINTS_ALL,
	  PP_LIST(to, pp_endpoints) },
	{ "UDP", "0", PP_SETTINGS_BOOLEAN, PP_BOOLEAN(udp) },
	{ .name = NULL },
};

_Static_assert(sizeof(pp_client_settings) / sizeof(*pp_client_settings) ==
		       ROWS + 1,
	       "the rows have other names");
_Static_assert((int)ROWS <= PP_SETTINGS_MAX, "too many settings");

/* Settings that do not go together: each of the rows, a bit each, with one. */
struct conflict {
	unsigned rows;
	enum row with;
	const char *why;
};

#define BIT(row) (1u << (row))
#define ADDRESSES                                                          \
	(BIT(ROW_ADDR) | BIT(ROW_PORT) | BIT(ROW_DEST_ADDR) | BIT(ROW_DEST_PORT))

static const struct conflict conflicts[] = {
	{ BIT(ROW_TLV), ROW_VERSION, "version 1 has no vectors" },
	{ BIT(ROW_CRC32C), ROW_VERSION, "version 1 has no checksum" },
	{ BIT(ROW_COMMAND), ROW_VERSION, "version 1 has no LOCAL" },
	{ BIT(ROW_UDP), ROW_VERSION, "version 1 is of TCP alone" },
	{ BIT(ROW_TLV), ROW_VERSION_SPP, "it has no vectors" },
	{ BIT(ROW_CRC32C), ROW_VERSION_SPP, "it has no checksum" },
	{ BIT(ROW_COMMAND), ROW_VERSION_SPP, "it has no LOCAL" },
	{ ADDRESSES, ROW_COMMAND, "LOCAL states no addresses" },
	{ ADDRESSES | BIT(ROW_COMMAND) | BIT(ROW_TLV) | BIT(ROW_CRC32C),
	  ROW_RAW, "a raw header states nothing else" },
	{ BIT(ROW_DELAY), ROW_SPLIT, "a header in one write has no delay in it" },
};

/* What was given for a row, or else its default. */
static const char *value_of(const struct pp_settings *settings, enum row row)
{
	return settings->from[row] == PP_FROM_DEFAULT
		       ? pp_client_settings[row].fallback
		       : settings->said.text + settings->said.value[row];
}

static void fail_pair(const struct pp_settings *settings, enum row row,
		      const struct conflict *conflict,
		      struct pp_settings_error *error)
{
	const enum row with = conflict->with == ROW_VERSION_SPP
				      ? ROW_VERSION
				      : conflict->with;

	pp_settings_fail(error,
			 PP_SETTINGS_PREFIX "%s=\"%s\" is not valid with "
			 PP_SETTINGS_PREFIX "%s=\"%s\": %s",
			 pp_client_settings[row].name, value_of(settings, row),
			 pp_client_settings[with].name, value_of(settings, with),
			 conflict->why);
}

void pp_settings_agree(const struct pp_settings *settings,
		       struct pp_settings_error *error)
{
	/* which have a value that can be at odds with another's */
	const bool stated[STATED] = {
		[ROW_ADDR] = settings->from[ROW_ADDR] != PP_FROM_DEFAULT,
		[ROW_PORT] = settings->from[ROW_PORT] != PP_FROM_DEFAULT,
		[ROW_DEST_ADDR] =
			settings->destination.sa.sa_family != AF_UNSPEC,
		[ROW_DEST_PORT] = settings->destination_port >= 0,
		[ROW_VERSION] = settings->send_version == 1,
		[ROW_COMMAND] = settings->command == PP_COMMAND_LOCAL,
		[ROW_TLV] = settings->vectors.at != NULL,
		[ROW_CRC32C] = settings->crc32c,
		[ROW_RAW] = settings->raw.at != NULL,
		[ROW_SPLIT] = settings->split == 0,
		[ROW_DELAY] = settings->delay > 0,
		[ROW_UDP] = settings->udp,
		[ROW_VERSION_SPP] = settings->spp,
	};
	const size_t count = sizeof(conflicts) / sizeof(*conflicts);

	if (settings->send_version == 0 && !settings->spp)
		return;
	for (size_t i = 0; i < count; i++)
		for (enum row row = 0; row < ROWS; row++)
			if (conflicts[i].rows & BIT(row) && stated[row] &&
			    stated[conflicts[i].with])
				fail_pair(settings, row, &conflicts[i], error);
}
