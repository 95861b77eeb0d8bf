/* SPDX-License-Identifier: ISC */
/* The settings of both libraries: what each takes and what it does not. */
#include <config.h>

#include "settings/settings.h"

#include "suites.h"
#include "support.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

static struct pp_settings settings;
static struct pp_settings_error error;

/* Starts from the defaults and takes one value. True where it is good. */
static bool take(const struct pp_setting *table, const char *name,
		 const char *value)
{
	memset(&error, 0, sizeof(error));
	pp_settings_defaults(table, &settings);
	take_setting(table, name, value, &settings, &error);
	return error.text[0] == '\0';
}

/* A bad value leaves everything at its default and is told of. */
static void assert_bad(const struct pp_setting *table, const char *name,
		       const char *value)
{
	struct pp_settings defaults;
	char wanted[64];

	pp_settings_defaults(table, &defaults);
	ck_assert_msg(!take(table, name, value), "%s=%s", name, value);
	ck_assert_mem_eq(&settings, &defaults, sizeof(settings));
	snprintf(wanted, sizeof(wanted), "LIBPROXYPROTO_%s=\"", name);
	ck_assert_int_eq(strncmp(error.text, wanted, strlen(wanted)), 0);
	while (table->name == NULL || strcmp(table->name, name) != 0)
		table++;
	ck_assert_ptr_nonnull(strstr(error.text, table->allowed));
}

SUITE("settings");

TEST(server_defaults)
{
	memset(&settings, 0xff, sizeof(settings));
	pp_settings_defaults(pp_server_settings, &settings);
	ck_assert(!settings.debug);
	ck_assert(!settings.must_use);
	ck_assert_int_eq(settings.versions, PP_VERSION_BOTH);
	ck_assert_int_eq(settings.timeout, 3000);
}

TEST(client_defaults)
{
	memset(&settings, 0xff, sizeof(settings));
	pp_settings_defaults(pp_client_settings, &settings);
	ck_assert(!settings.debug);
	ck_assert_uint_eq(settings.send_version, 2);
	assert_address(&settings.source, "127.0.0.1", 8080);
}

/* The defaults are those of the table, also where its text is not read. */
TEST(defaults_are_what_the_tables_say)
{
	static const struct pp_setting *const tables[] = { pp_server_settings,
							   pp_client_settings };
	struct pp_settings defaults;

	for (size_t i = 0; i < COUNT(tables); i++)
		for (const struct pp_setting *setting = tables[i];
		     setting->name != NULL; setting++) {
			pp_settings_defaults(tables[i], &defaults);
			ck_assert(take(tables[i], setting->name,
				       setting->fallback));
			ck_assert_mem_eq(&settings, &defaults,
					 offsetof(struct pp_settings, from));
		}
}

/* Each table is whole: what is not said cannot be shown or parsed. */
TEST(whole_tables)
{
	static const struct pp_setting *const tables[] = { pp_server_settings,
							   pp_client_settings };
	static const size_t sizes[] = { 12, 14 };

	for (size_t i = 0; i < COUNT(tables); i++) {
		const struct pp_setting *setting = tables[i];

		for (; setting->name != NULL; setting++) {
			ck_assert_ptr_nonnull(setting->allowed);
			ck_assert(take(tables[i], setting->name,
				       setting->fallback));
		}
		ck_assert_uint_eq((size_t)(setting - tables[i]), sizes[i]);
	}
}

static const char *const yes[] = { "1", "yes", "true", "on", "YES", "True",
				   "oN" };
static const char *const no[] = { "0", "no", "false", "off", "", "NO", "False",
				  "oFF" };
static const char *const neither[] = { "2", "y", "n", "t", "yess", "ye", " 1",
				       "1 ", "-1", "01", "enabled", "\t" };

/* Each switches its own setting and no other. */
TEST(booleans)
{
	static const struct {
		const struct pp_setting *table;
		const char *name;
		bool debug, must_use, unix_listeners, inetd, crc32c;
	} rows[] = {
		{ pp_server_settings, "DEBUG", .debug = true },
		{ pp_client_settings, "DEBUG", .debug = true },
		{ pp_server_settings, "MUST_USE_PROTOCOL_HEADER",
		  .must_use = true },
		{ pp_server_settings, "UNIX", .unix_listeners = true },
		{ pp_server_settings, "INETD", .inetd = true },
		{ pp_client_settings, "CRC32C", .crc32c = true },
	};

	for (size_t r = 0; r < COUNT(rows); r++) {
		for (size_t i = 0; i < COUNT(yes); i++)
			ck_assert(take(rows[r].table, rows[r].name, yes[i]) &&
				  settings.debug == rows[r].debug &&
				  settings.must_use == rows[r].must_use &&
				  settings.unix_listeners ==
					  rows[r].unix_listeners &&
				  settings.inetd == rows[r].inetd &&
				  settings.crc32c == rows[r].crc32c);
		for (size_t i = 0; i < COUNT(no); i++)
			ck_assert(take(rows[r].table, rows[r].name, no[i]) &&
				  !settings.debug && !settings.must_use &&
				  !settings.unix_listeners && !settings.inetd &&
				  !settings.crc32c);
		for (size_t i = 0; i < COUNT(neither); i++)
			assert_bad(rows[r].table, rows[r].name, neither[i]);
	}
}

/* A later word wins over an earlier one. */
TEST(switched_on_and_off_again)
{
	ck_assert(take(pp_server_settings, "DEBUG", "1"));
	take_setting(pp_server_settings, "DEBUG", "off", &settings, &error);
	ck_assert(!settings.debug);
}

static const char *const no_version[] = {
	"4", "10", "33", "", "-1", "+1", " 1", "1 ", "01", "00", "0x1", "1.0",
	"v1", "both", "4294967296", "4294967298", "9999999999999999999999",
};

TEST(versions)
{
	static const char *const words[] = { "0", "1", "2", "3" };

	for (size_t i = 0; i < COUNT(words); i++) {
		ck_assert(take(pp_server_settings, "VERSION", words[i]));
		ck_assert_uint_eq(settings.versions, i);
		if (i == 3)
			break;
		ck_assert(take(pp_client_settings, "VERSION", words[i]));
		ck_assert_uint_eq(settings.send_version, i);
	}
	assert_bad(pp_client_settings, "VERSION", "3");
	for (size_t i = 0; i < COUNT(no_version); i++) {
		assert_bad(pp_server_settings, "VERSION", no_version[i]);
		assert_bad(pp_client_settings, "VERSION", no_version[i]);
	}
}

static const struct {
	const char *value;
	int milliseconds;
} timeouts[] = {
	{ "3", 3000 },	    { "0.001", 1 },    { "0.0010", 1 },
	{ ".5", 500 },	    { "5.", 5000 },    { "0.25", 250 },
	{ "1.5", 1500 },    { "0.1239", 123 }, { "12.345678901234567", 12345 },
	{ "3600", 3600000 }, { "3600.000", 3600000 }, { "003", 3000 },
	{ "3599.999", 3599999 },
};

static void take_timeouts(void)
{
	static const char *const bad[] = {
		"0", "0.0", "0.0009", ".", "", "-1", "+1", " 1", "1 ", "1s",
		"3600.001", "3601", "9999999", "18446744073709552",
		"99999999999999999999", "1e3", "1,5", "0,5", "1.5.", "1.2.3",
		"0x1", "inf", "nan", "forever",
	};

	for (size_t i = 0; i < COUNT(timeouts); i++) {
		ck_assert_msg(take(pp_server_settings, "TIMEOUT",
				   timeouts[i].value), "%s", timeouts[i].value);
		ck_assert_int_eq(settings.timeout, timeouts[i].milliseconds);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_bad(pp_server_settings, "TIMEOUT", bad[i]);
}

/* Where the locale writes 0,5 the settings do not; those not here are C. */
TEST(timeout_in_any_locale)
{
	static const char *const locales[] = { "de_DE.UTF-8", "fr_FR.UTF-8",
					       "tr_TR.UTF-8", "C" };

	for (size_t i = 0; i < COUNT(locales); i++) {
		setlocale(LC_ALL, locales[i]);
		take_timeouts();
	}
}

TEST(addr)
{
	static const char *const good[] = {
		"192.0.2.1", "0.0.0.0", "255.255.255.255", "::1", "2001:db8::1",
		"::ffff:192.0.2.1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	};
	static const char *const bad[] = {
		"", "localhost", "192.0.2", "192.0.2.256", "192.0.2.01",
		"192.0.2.1:80", "[::1]", "::1%lo", ":::", " 192.0.2.1",
		"192.0.2.1 ", "192.0.2.1/24", "0x7f000001",
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		ck_assert(take(pp_client_settings, "ADDR", good[i]));
		assert_address(&settings.source, good[i], 8080);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_bad(pp_client_settings, "ADDR", bad[i]);
}

TEST(port)
{
	static const char *const bad[] = {
		"", "65536", "100000", "-1", "+1", "01", "00", " 1", "1 ",
		"http", "0x50", "80,81", "80-90", "4294967376", "1.0",
	};
	static const unsigned good[] = { 0, 1, 80, 65535 };

	for (size_t i = 0; i < COUNT(good); i++) {
		char value[16];

		snprintf(value, sizeof(value), "%u", good[i]);
		ck_assert(take(pp_client_settings, "PORT", value));
		assert_address(&settings.source, "127.0.0.1", good[i]);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_bad(pp_client_settings, "PORT", bad[i]);
}

/* Neither undoes the other, whichever comes first. */
TEST(addr_and_port_in_any_order)
{
	static const char *const addresses[] = { "192.0.2.1", "2001:db8::1" };

	for (size_t i = 0; i < COUNT(addresses); i++) {
		ck_assert(take(pp_client_settings, "PORT", "81"));
		take_setting(pp_client_settings, "ADDR", addresses[i],
				 &settings, &error);
		assert_address(&settings.source, addresses[i], 81);
		take_setting(pp_client_settings, "PORT", "82", &settings,
				 &error);
		assert_address(&settings.source, addresses[i], 82);
	}
}

TEST(a_name_that_is_not_in_the_table)
{
	static const char *const names[] = { "", "DEBU", "DEBUGS", "debug",
					     "trusted" };
	struct pp_settings defaults;

	pp_settings_defaults(pp_server_settings, &defaults);
	for (size_t i = 0; i < COUNT(names); i++) {
		ck_assert(!take(pp_server_settings, names[i], "nonsense"));
		ck_assert_mem_eq(&settings, &defaults, sizeof(settings));
	}
}

TEST(trusted)
{
	static const char *const bad[] = { "", "localhost", "10.0.0.1/8" };
	union pp_address address = address_of("10.9.9.9", 1);

	ck_assert(take(pp_server_settings, "TRUSTED", "::1, 10.0.0.0/8"));
	ck_assert(pp_networks_have(&settings.trusted, &address));
	address = address_of("11.9.9.9", 1);
	ck_assert(!pp_networks_have(&settings.trusted, &address));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_bad(pp_server_settings, "TRUSTED", bad[i]);
}

TEST(ports)
{
	static const char *const bad[] = { "", "0", "65536", "9-8", "http" };

	ck_assert(take(pp_server_settings, "PORTS", "22, 80-90"));
	ck_assert(pp_ports_have(&settings.ports, 85));
	ck_assert(!pp_ports_have(&settings.ports, 91));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_bad(pp_server_settings, "PORTS", bad[i]);
}

/* One of two words, in whatever case. */
TEST(choices)
{
	static const char *const bad[] = {
		"", "0", "1", "yes", "head", "headers", "sock", "sockets",
		"socket ", " header", "header or socket", "or", "client",
	};

	ck_assert(take(pp_server_settings, "DESTINATION", "sOcKeT"));
	ck_assert(settings.own_destination && !settings.ipv4_alone);
	ck_assert(take(pp_server_settings, "DESTINATION", "HEADER"));
	ck_assert(!settings.own_destination);
	ck_assert(take(pp_server_settings, "IPV6_ON_IPV4", "proxy"));
	ck_assert(settings.ipv4_alone && !settings.own_destination);
	ck_assert(take(pp_server_settings, "IPV6_ON_IPV4", "Client"));
	ck_assert(!settings.ipv4_alone);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_bad(pp_server_settings, "DESTINATION", bad[i]);
}

TEST(config)
{
	char path[257];

	ck_assert(take(pp_server_settings, "CONFIG", "/x/y z.conf"));
	ck_assert_str_eq(settings.config, "/x/y z.conf");
	memset(path, '/', sizeof(path));
	path[255] = '\0';
	ck_assert(take(pp_server_settings, "CONFIG", path));
	ck_assert_str_eq(settings.config, path);
	path[255] = '/';
	path[256] = '\0';
	assert_bad(pp_server_settings, "CONFIG", path);
	assert_bad(pp_server_settings, "CONFIG", "");
	assert_bad(pp_server_settings, "CONFIG", "x.conf");
}

/* Of a list only the bad word. */
TEST(the_message_of_a_list)
{
	ck_assert(!take(pp_server_settings, "PORTS", "22,http 80"));
	ck_assert_str_eq(error.text,
			 "LIBPROXYPROTO_PORTS with \"http\" is not valid: it "
			 "takes ports from 1 to 65535 and ranges, as 22 or "
			 "8000-8099, or all");
}

TEST(the_message)
{
	ck_assert(!take(pp_server_settings, "VERSION", "4"));
	ck_assert_str_eq(error.text, "LIBPROXYPROTO_VERSION=\"4\" is not "
				     "valid: it takes 0 (off), 1, 2, 3 "
				     "(both) or spp");
}

TEST(the_first_message_stays)
{
	ck_assert(!take(pp_server_settings, "VERSION", "4"));
	take_setting(pp_server_settings, "TIMEOUT", "never", &settings,
		     &error);
	ck_assert_ptr_nonnull(strstr(error.text, "VERSION"));
	ck_assert_ptr_null(strstr(error.text, "TIMEOUT"));
	/* and a good one is taken nevertheless */
	take_setting(pp_server_settings, "TIMEOUT", "5", &settings, &error);
	ck_assert_int_eq(settings.timeout, 5000);
	ck_assert_ptr_nonnull(strstr(error.text, "VERSION"));
}

/* One line, whatever the value: a log is not to be forged by it. */
TEST(control_characters_in_the_value)
{
	char value[4] = "a b";

	for (int byte = 1; byte < 256; byte++) {
		const bool control = byte < ' ' || byte == 0x7f;

		value[1] = (char)byte;
		ck_assert(!take(pp_server_settings, "DEBUG", value));
		ck_assert_ptr_nonnull(
			strstr(error.text, control ? "\"a?b\"" : value));
		for (const char *c = error.text; *c != '\0'; c++)
			ck_assert((unsigned char)*c >= ' ' && *c != 0x7f);
	}
}

/* What is allowed is still told. */
TEST(values_that_are_very_long)
{
	static char value[100001];

	memset(value, '7', sizeof(value) - 1);
	for (const struct pp_setting *setting = pp_server_settings;
	     setting->name != NULL; setting++)
		assert_bad(pp_server_settings, setting->name, value);
	for (const struct pp_setting *setting = pp_client_settings;
	     setting->name != NULL; setting++)
		assert_bad(pp_client_settings, setting->name, value);
}

/* Each library knows the settings of the other, and takes none of them. */
TEST(settings_of_the_other_library)
{
	static const struct pp_setting *const tables[] = { pp_server_settings,
							   pp_client_settings };
	struct pp_settings defaults;

	for (size_t i = 0; i < COUNT(tables); i++) {
		const struct pp_setting *other = tables[1 - i];

		pp_settings_defaults(tables[i], &defaults);
		for (; other->name != NULL; other++) {
			if (pp_settings_find(tables[i], other->name) != NULL)
				continue;
			ck_assert(take(tables[i], other->name, "\n"));
			ck_assert_mem_eq(&settings, &defaults,
					 sizeof(settings));
		}
	}
}
