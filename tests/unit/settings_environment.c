/* SPDX-License-Identifier: ISC */
/* Settings out of an environment, and names in it that are none. */
#include <config.h>

#include "settings/settings.h"

#include "suites.h"
#include "support.h"

#include <stdio.h>
#include <string.h>

static struct pp_settings settings;
static struct pp_settings_error error;

/* What pp_settings_environment says. */
static bool take_environment(const struct pp_setting *table,
			     const char *const *entries)
{
	char text[8][128];
	char *environment[9] = { NULL };

	memset(&error, 0, sizeof(error));
	pp_settings_defaults(table, &settings);
	for (size_t i = 0; entries[i] != NULL; i++) {
		ck_assert_uint_lt(i, COUNT(text));
		snprintf(text[i], sizeof(text[i]), "%s", entries[i]);
		environment[i] = text[i];
	}
	return pp_settings_environment(table, environment, &settings, &error);
}

SUITE("settings_environment");

TEST(an_environment)
{
	take_environment(pp_server_settings, (const char *[]){
		"PATH=/bin", "LIBPROXYPROTO_DEBUG=yes",
		"LIBPROXYPROTO_MUST_USE_PROTOCOL_HEADER=1",
		"LIBPROXYPROTO_VERSION=2", "LIBPROXYPROTO_TIMEOUT=0.5",
		"HOME=/", NULL });
	ck_assert_str_eq(error.text, "");
	ck_assert(settings.debug);
	ck_assert(settings.must_use);
	ck_assert_int_eq(settings.versions, PP_VERSION_2);
	ck_assert_int_eq(settings.timeout, 500);
	take_environment(pp_client_settings, (const char *[]){
		"LIBPROXYPROTO_PORT=1", "LIBPROXYPROTO_ADDR=::1",
		"LIBPROXYPROTO_VERSION=1", "LIBPROXYPROTO_DEBUG=", NULL });
	ck_assert_str_eq(error.text, "");
	assert_address(&settings.source, "::1", 1);
	ck_assert_uint_eq(settings.send_version, 1);
	ck_assert(!settings.debug);
}

TEST(an_empty_environment)
{
	struct pp_settings defaults;

	pp_settings_defaults(pp_server_settings, &defaults);
	take_environment(pp_server_settings, (const char *[]){ NULL });
	ck_assert_mem_eq(&settings, &defaults, sizeof(settings));
	pp_settings_environment(pp_server_settings, NULL, &settings, &error);
	ck_assert_mem_eq(&settings, &defaults, sizeof(settings));
	ck_assert_str_eq(error.text, "");
}

/* Names that look like ours, entries that are none, the other library's. */
TEST(entries_that_are_not_ours)
{
	struct pp_settings defaults;

	pp_settings_defaults(pp_server_settings, &defaults);
	ck_assert(!take_environment(pp_server_settings, (const char *[]){
		"", "=", "LIBPROXYPROTO_", "LIBPROXYPROTO_DEBUG",
		"XLIBPROXYPROTO_DEBUG=x", "libproxyproto_debug=x",
		"LIBPROXYPROTODEBUG=x", NULL }));
	ck_assert_mem_eq(&settings, &defaults, sizeof(settings));
	ck_assert_str_eq(error.text, "");
	ck_assert(take_environment(pp_server_settings, (const char *[]){
		"LIBPROXYPROTO_ADDR=x", NULL }));
	ck_assert_mem_eq(&settings, &defaults, sizeof(settings));
	ck_assert_str_eq(error.text, "");
}

TEST(names_that_are_no_setting)
{
	static const struct {
		const char *name, *nearest;
	} cases[] = {
		{ "TRUST", "TRUSTED" },
		{ "TRUSETD", "TRUSTED" },
		{ "trusted", "TRUSTED" },
		{ "TRUSTED ", "TRUSTED" },
		{ "TRUSTED_PROXIES", "TRUSTED" },
		{ "VERSIONS", "VERSION" },
		{ "TIMEOUT_", "TIMEOUT" },
		{ "DEBUGGER", "DEBUG" },
		{ "DEB", "DEBUG" },
		{ "PROT", "PORT" },
		{ "PORTES", "PORTS" },
		{ "DST_ADDR", "DEST_ADDR" },
		{ "CRC32", "CRC32C" },
		{ "MUST_USE_HEADER", "MUST_USE_PROTOCOL_HEADER" },
		{ "MUST_USE_PROTOCOL_HEADER1", "MUST_USE_PROTOCOL_HEADER" },
		{ "MUST_USE_PROTOCOL_HEADER_AND_MORE",
		  "MUST_USE_PROTOCOL_HEADER" },
		{ "LIBPROXYPROTO_DEBUG", "DEBUG" },
		{ "", "TO" },
	};
	char expected[200], entry[128];

	for (size_t i = 0; i < 2 * COUNT(cases); i++) {
		snprintf(entry, sizeof(entry), "LIBPROXYPROTO_%s=1",
			 cases[i / 2].name);
		take_environment(i % 2 ? pp_server_settings : pp_client_settings,
				 (const char *[]){ entry, NULL });
		snprintf(expected, sizeof(expected),
			 "LIBPROXYPROTO_%s is not a setting: the nearest one "
			 "is LIBPROXYPROTO_%s",
			 cases[i / 2].name, cases[i / 2].nearest);
		ck_assert_str_eq(error.text, expected);
	}
}

/* However long, it is told, and which one is nearest. */
TEST(a_very_long_name)
{
	static char entry[100001];

	for (size_t length = 1; length < sizeof(entry); length += 997) {
		memset(entry, 'x', sizeof(entry));
		memcpy(entry, "LIBPROXYPROTO_DEBUG", 19);
		memcpy(entry + 18 + length, "=1", 3);
		memset(&error, 0, sizeof(error));
		pp_settings_defaults(pp_server_settings, &settings);
		pp_settings_environment(pp_server_settings,
					(char *[]){ entry, NULL }, &settings,
					&error);
		if (length == 1)
			ck_assert_str_eq(error.text, "");
		else
			ck_assert_ptr_nonnull(strstr(
				error.text, "xx is not a setting: the nearest "
					    "one is LIBPROXYPROTO_"));
	}
}

TEST(a_value_with_an_equals_sign)
{
	take_environment(pp_server_settings, (const char *[]){
		"LIBPROXYPROTO_DEBUG=1=1", NULL });
	ck_assert_ptr_nonnull(strstr(error.text, "DEBUG=\"1=1\""));
}
