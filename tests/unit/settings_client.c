/* SPDX-License-Identifier: ISC */
/* The settings of the client alone, and which go together. */
#include <config.h>

#include "settings/settings.h"

#include "suites.h"
#include "support.h"

#include <stdio.h>
#include <string.h>

static struct pp_settings settings;
static struct pp_settings_error error;

/* Takes an environment, ended by NULL, and gives the memory back. */
static void take_environment(char *const *environment)
{
	struct pp_settings none;

	memset(&none, 0, sizeof(none));
	memset(&error, 0, sizeof(error));
	pp_settings_defaults(pp_client_settings, &settings);
	pp_settings_environment(pp_client_settings, environment, &settings,
				&error);
	ck_assert_str_eq(error.text, "");
	pp_settings_agree(&settings, &error);
	pp_settings_drop(&settings, &none);
}

static bool take(const char *name, const char *value)
{
	memset(&error, 0, sizeof(error));
	pp_settings_defaults(pp_client_settings, &settings);
	take_setting(pp_client_settings, name, value, &settings, &error);
	return error.text[0] == '\0';
}

SUITE("settings_client");

TEST(networks_to_come_from)
{
	static const struct {
		const char *value, *first;
		uint64_t count;
	} good[] = {
		{ "192.0.2.7", "192.0.2.7", 1 },
		{ "192.0.2.7/32", "192.0.2.7", 1 },
		{ "192.0.2.6/31", "192.0.2.6", 2 },
		{ "192.0.2.4/30", "192.0.2.5", 2 },
		{ "198.51.100.0/24", "198.51.100.1", 254 },
		{ "10.0.0.0/8", "10.0.0.1", 16777214 },
		{ "0.0.0.0/0", "0.0.0.1", UINT64_C(4294967294) },
		{ "2001:db8::7", "2001:db8::7", 1 },
		{ "2001:db8::6/127", "2001:db8::6", 2 },
		{ "2001:db8::/96", "2001:db8::", UINT64_C(1) << 32 },
		{ "2001:db8::/65", "2001:db8::", UINT64_C(1) << 63 },
		{ "2001:db8::/64", "2001:db8::", 0 },
		{ "::/0", "::", 0 },
	};
	static const char *const bad[] = {
		"192.0.2.7/24", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/024",
		"/24", "192.0.2.0/24/24", "192.0.2/24", "10.0.0.0/-1",
		"2001:db8::1/64", "2001:db8::/129", "::1/", "10.0.0.0/8,::1",
		"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/1281",
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		ck_assert_msg(take("ADDR", good[i].value), "%s", good[i].value);
		assert_address(&settings.source, good[i].first, 8080);
		ck_assert_uint_eq(settings.source_count, good[i].count);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(!take("ADDR", bad[i]), "%s", bad[i]);
}

TEST(another_destination)
{
	ck_assert(take("DEST_ADDR", "2001:db8::9"));
	assert_address(&settings.destination, "2001:db8::9", 0);
	ck_assert(take("DEST_ADDR", "Actual"));
	assert_address(&settings.destination, NULL, 0);
	ck_assert(!take("DEST_ADDR", "192.0.2.0/24"));
	ck_assert(take("DEST_PORT", "0"));
	ck_assert_int_eq(settings.destination_port, 0);
	ck_assert(take("DEST_PORT", "65535"));
	ck_assert_int_eq(settings.destination_port, 65535);
	ck_assert(take("DEST_PORT", "actual"));
	ck_assert_int_eq(settings.destination_port, -1);
	ck_assert(!take("DEST_PORT", "65536"));
}

TEST(command_and_checksum)
{
	ck_assert(take("COMMAND", "local"));
	ck_assert_int_eq(settings.command, PP_COMMAND_LOCAL);
	ck_assert(take("COMMAND", "PROXY"));
	ck_assert_int_eq(settings.command, PP_COMMAND_PROXY);
	ck_assert(!take("COMMAND", "locally"));
	ck_assert(take("CRC32C", "on"));
	ck_assert(settings.crc32c);
}

TEST(datagrams)
{
	ck_assert(take("UDP", "yes"));
	ck_assert(settings.udp);
	ck_assert(!settings.spp);
	ck_assert(take("VERSION", "Spp"));
	ck_assert(settings.spp);
	ck_assert_uint_eq(settings.send_version, 0);
	ck_assert(!take("VERSION", "sp"));
}

TEST(pieces)
{
	ck_assert(take("SPLIT", "65551"));
	ck_assert_uint_eq(settings.split, 65551);
	ck_assert(!take("SPLIT", "65552"));
	ck_assert(take("DELAY", "0"));
	ck_assert_int_eq(settings.delay, 0);
	ck_assert(take("DELAY", "0.25"));
	ck_assert_int_eq(settings.delay, 250);
	ck_assert(take("DELAY", "3600"));
	ck_assert_int_eq(settings.delay, 3600000);
	ck_assert(!take("DELAY", "3600.001"));
	ck_assert(!take("DELAY", ""));
}

#define NAME(name) "LIBPROXYPROTO_" name

TEST(what_does_not_go_together)
{
	static const char *const pairs[][2] = {
		{ NAME("TLV=alpn=h2"), NAME("VERSION=1") },
		{ NAME("CRC32C=yes"), NAME("VERSION=1") },
		{ NAME("COMMAND=LOCAL"), NAME("VERSION=1") },
		{ NAME("UDP=yes"), NAME("VERSION=1") },
		{ NAME("TLV=alpn=h2"), NAME("VERSION=spp") },
		{ NAME("CRC32C=yes"), NAME("VERSION=SPP") },
		{ NAME("COMMAND=LOCAL"), NAME("VERSION=spp") },
		{ NAME("ADDR=::1"), NAME("COMMAND=LOCAL") },
		{ NAME("PORT=1"), NAME("COMMAND=LOCAL") },
		{ NAME("DEST_ADDR=::1"), NAME("COMMAND=LOCAL") },
		{ NAME("DEST_PORT=1"), NAME("COMMAND=LOCAL") },
		{ NAME("ADDR=127.0.0.1"), NAME("RAW=x") },
		{ NAME("PORT=8080"), NAME("RAW=x") },
		{ NAME("DEST_ADDR=::1"), NAME("RAW=x") },
		{ NAME("DEST_PORT=1"), NAME("RAW=x") },
		{ NAME("COMMAND=LOCAL"), NAME("RAW=x") },
		{ NAME("TLV=noop=1"), NAME("RAW=x") },
		{ NAME("CRC32C=1"), NAME("RAW=x") },
	};

	for (size_t i = 0; i < COUNT(pairs); i++)
		for (size_t turned = 0; turned < 2; turned++) {
			char first[64], second[64], wanted[160];
			char *environment[] = { first, second, NULL };

			snprintf(first, sizeof(first), "%s", pairs[i][turned]);
			snprintf(second, sizeof(second), "%s",
				 pairs[i][!turned]);
			take_environment(environment);
			snprintf(wanted, sizeof(wanted),
				 "%.*s=\"%s\" is not valid with %.*s=\"%s\": ",
				 (int)strcspn(pairs[i][0], "="), pairs[i][0],
				 strchr(pairs[i][0], '=') + 1,
				 (int)strcspn(pairs[i][1], "="), pairs[i][1],
				 strchr(pairs[i][1], '=') + 1);
			ck_assert_int_eq(strncmp(error.text, wanted,
						 strlen(wanted)), 0);
		}
}

TEST(a_delay_without_pieces)
{
	char delay[] = NAME("DELAY=1"), split[] = NAME("SPLIT=1");
	char *alone[] = { delay, NULL };
	char *both[] = { delay, split, NULL };

	take_environment(alone);
	ck_assert_str_eq(error.text,
			 "LIBPROXYPROTO_DELAY=\"1\" is not valid with "
			 "LIBPROXYPROTO_SPLIT=\"0\": a header in one write has "
			 "no delay in it");
	take_environment(both);
	ck_assert_str_eq(error.text, "");
}

/* What is as it would be anyway is at odds with nothing; nor is VERSION=0. */
TEST(what_goes_together)
{
	char version1[] = NAME("VERSION=1"), none[] = NAME("VERSION=0"),
	     tlv[] = NAME("TLV=none"), crc[] = NAME("CRC32C=no"),
	     command[] = NAME("COMMAND=PROXY"), raw[] = NAME("RAW=x"),
	     address[] = NAME("DEST_ADDR=actual"),
	     port[] = NAME("DEST_PORT=actual"), source[] = NAME("ADDR=::1"),
	     local[] = NAME("COMMAND=LOCAL"), vector[] = NAME("TLV=noop=1"),
	     checksum[] = NAME("CRC32C=1"), udp[] = NAME("UDP=1"),
	     spp[] = NAME("VERSION=spp");
	char *const environments[][7] = {
		{ version1, tlv, crc, command, address, port, NULL },
		{ raw, tlv, crc, command, address, port, NULL },
		{ none, raw, source, NULL },
		{ local, address, port, vector, checksum, udp, NULL },
		{ raw, spp, udp, NULL },
		{ spp, source, udp, NULL },
		{ NULL },
	};

	for (size_t i = 0; i < COUNT(environments); i++) {
		take_environment(environments[i]);
		ck_assert_str_eq(error.text, "");
	}
}

TEST(lists_are_given_back)
{
	size_t before = mapped_bytes;
	char tlv[] = NAME("TLV=noop=1"), again[] = NAME("TLV=noop=2"),
	     bad[] = NAME("TLV=noop=2,x"), raw[] = NAME("RAW=x");
	char *environment[] = { tlv, again, raw, NULL };

	take_environment(environment);
	ck_assert_uint_eq(mapped_bytes, before);
	pp_settings_defaults(pp_client_settings, &settings);
	environment[0] = bad;
	environment[1] = NULL;
	pp_settings_environment(pp_client_settings, environment, &settings,
				&error);
	ck_assert_ptr_null(settings.vectors.at);
	ck_assert_uint_eq(mapped_bytes, before);
}
