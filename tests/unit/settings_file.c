/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "settings_text.h"
#include "suites.h"
#include "support.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool trusts(const char *text)
{
	union pp_address address = address_of(text, 1);

	return pp_networks_have(&settings.trusted, &address);
}

SUITE("settings_file");

TEST(nothing_in_it)
{
	static const char *const texts[] = {
		"",    "\n",	 "\n\n",      "# version = 0",
		" # ", "\t\r\n", "#[x\n\n   #y\n",
	};
	struct pp_settings defaults;

	start();
	defaults = settings;
	for (size_t i = 0; i < COUNT(texts); i++) {
		take_good("prog", texts[i]);
		ck_assert_mem_eq(&settings, &defaults, sizeof(defaults));
	}
}

static void take_every_name(void)
{
	take_good("prog", "debug = yes\n"
			  "must_use_protocol_header=on\n"
			  "  version = 2\n"
			  "\ttrusted\t=\t10.0.0.0/8, 2001:db8::/32\t\r\n"
			  "PORTS =22 80\n"
			  "destination = socket\n"
			  "IPV6_ON_IPV4 = PROXY\n"
			  "Timeout = 1.5 # seconds");
	ck_assert(settings.debug);
	ck_assert(settings.must_use);
	ck_assert_int_eq(settings.versions, PP_VERSION_2);
	ck_assert(trusts("10.1.1.1") && trusts("2001:db8::1"));
	ck_assert(!trusts("11.1.1.1") && !trusts("2001:db9::1"));
	ck_assert(pp_ports_have(&settings.ports, 80));
	ck_assert(!pp_ports_have(&settings.ports, 81));
	ck_assert_int_eq(settings.timeout, 1500);
	ck_assert(settings.own_destination && settings.ipv4_alone);
}

TEST(every_name)
{
	take_every_name();
}

/* In Turkish an I is no capital i; where the locale is not here it is C. */
TEST(every_name_in_turkish)
{
	setlocale(LC_ALL, "tr_TR.UTF-8");
	take_every_name();
}

/* The boolean parser takes nothing for no, and the file does as well. */
TEST(empty_value)
{
	take_good("prog", "debug = yes\n[prog]\ndebug =\n");
	ck_assert(!settings.debug);
}

/* The timeout that a program gets, in milliseconds. */
static void assert_timeout(const char *text, const char *program, int timeout)
{
	take_good(program, text);
	ck_assert_msg(settings.timeout == timeout, "%s: %s: %d", program, text,
		      settings.timeout);
}

TEST(sections_for_a_program)
{
	const char *text =
		"timeout = 1\n"
		"[sshd]\ntimeout = 2\n"
		" [ nginx* , post?ix\t[ab]pache ] # three\ntimeout = 4\n"
		"[[!a-y]*]\ntimeout = 5\n";
	assert_timeout(text, "cat", 1000);
	assert_timeout(text, "sshd", 2000);
	assert_timeout(text, "sshd-session", 1000);
	assert_timeout(text, "SSHD", 5000);
	assert_timeout(text, "nginx", 4000);
	assert_timeout(text, "nginx-debug", 4000);
	assert_timeout(text, "postfix", 4000);
	assert_timeout(text, "apache", 4000);
	assert_timeout(text, "bpache", 4000);
	assert_timeout(text, "cpache", 1000);
	assert_timeout(text, "zsh", 5000);
	assert_timeout(text, "", 1000);
}

TEST(section_beats_top_and_later_beats_earlier)
{
	const char *text = "timeout = 1\nversion = 0\n"
			   "[prog]\ntimeout = 2\nversion = 1\n"
			   "[other]\ntimeout = 3\nversion = 2\n"
			   "[*]\ntimeout = 4\n";

	assert_timeout(text, "prog", 4000);
	ck_assert_int_eq(settings.versions, PP_VERSION_1);
	assert_timeout(text, "third", 4000);
	ck_assert_int_eq(settings.versions, PP_VERSION_NONE);
	assert_timeout("[prog]\ntimeout = 1\n[prog]\ntimeout = 2", "prog",
		       2000);
}

TEST(back_to_the_defaults)
{
	take_good("prog", "trusted = 10.0.0.0/8\nports = 22\n"
			  "[prog]\ntrusted = everyone\nports = all\n");
	ck_assert_ptr_null(settings.trusted.at);
	ck_assert_ptr_null(settings.ports.at);
}

TEST(environment_beats_all)
{
	start();
	take_setting(pp_server_settings, "TIMEOUT", "7", &settings, &error);
	take_setting(pp_server_settings, "TRUSTED", "10.0.0.1", &settings,
		     &error);
	take("prog", "timeout = 1\ntrusted = everyone\n"
		     "[prog]\ntimeout = 2\ntrusted = 192.0.2.1\nversion = 1\n");
	ck_assert_str_eq(error.text, "");
	ck_assert_int_eq(settings.timeout, 7000);
	ck_assert(trusts("10.0.0.1") && !trusts("192.0.2.1"));
	ck_assert_int_eq(settings.versions, PP_VERSION_1);
}

/* Sets of characters are no slip, however they look. */
TEST(sections_with_sets)
{
	assert_timeout("[[]]x]\ntimeout = 1", "]x", 1000);
	assert_timeout("[[!]]x]\ntimeout = 1", "yx", 1000);
	assert_timeout("[[[:alpha:]]x]\ntimeout = 1", "yx", 1000);
	assert_timeout("[[a:]x]\ntimeout = 1", ":x", 1000);
	assert_timeout("[[a-cx-]y]\ntimeout = 1", "-y", 1000);
	assert_timeout("[\\[a\\]]\ntimeout = 1", "[a]", 1000);
	assert_timeout("[[\\]]x]\ntimeout = 1", "]x", 1000);
	assert_timeout("[...]\ntimeout = 1", "...", 1000);
}

TEST(byte_order_mark)
{
	struct pp_settings defaults;

	assert_timeout("\xef\xbb\xbftimeout = 1", "prog", 1000);
	assert_timeout("\xef\xbb\xbf[prog]\ntimeout = 1", "prog", 1000);
	start();
	defaults = settings;
	take_good("prog", "\xef\xbb\xbf");
	ck_assert_mem_eq(&settings, &defaults, sizeof(defaults));
}

/* What was given, and where. */
static void assert_list(const char *expected)
{
	char list[400];

	ck_assert_str_eq(error.text, "");
	pp_settings_list(pp_server_settings, &settings, list, sizeof(list));
	ck_assert_str_eq(list, expected);
}

TEST(a_list_of_what_was_given)
{
	start();
	assert_list("");
	take_setting(pp_server_settings, "DEBUG", "yes", &settings, &error);
	take_setting(pp_server_settings, "PORTS", "22\n80", &settings,
		     &error);
	assert_list("DEBUG=yes (environment), PORTS=22?80 (environment)");
	take("sshd", "version = 0\ntimeout = 5\ndebug = no\n"
		     "[nginx]\ntimeout = 1\ntrusted = ::1\n"
		     "[ ssh* nginx ]\nversion = 3\n");
	assert_list("DEBUG=yes (environment), VERSION=3 (file, [ ssh* nginx ]),"
		    " PORTS=22?80 (environment), TIMEOUT=5 (file)");
	pp_bytes_free(&settings.ports);
	start();
	take_setting(pp_server_settings, "TRUSTED",
		     "192.0.2.111,192.0.2.112,192.0.2.113,192.0.2.114",
		     &settings, &error);
	assert_list("TRUSTED=192.0.2.111,192.0.2.112,192.0.2.113,192.... "
		    "(environment)");
	pp_bytes_free(&settings.trusted);
}

/* Room for what is told of them is short: the setting counts all the same. */
TEST(more_than_can_be_listed)
{
	char text[2000] = "", list[30];

	for (int i = 0; i < 60; i++)
		sprintf(text + strlen(text), "[prog%d*,prog]\nversion = %d\n", i,
			i % 4);
	take_good("prog", text);
	ck_assert_int_eq(settings.versions, PP_VERSION_BOTH);
	assert_list("VERSION= (file)");
	take_good("prog", "version = 1\ntimeout = 2\nports = 3\n");
	pp_settings_list(pp_server_settings, &settings, list, sizeof(list));
	ck_assert_str_eq(list, "VERSION=1 (file), PORTS=3 (fi");
	pp_bytes_free(&settings.ports);
}

TEST(long_lines)
{
	enum { MANY = 1000 };
	size_t size = MANY * 20 + 100;
	char *text = malloc(size), *end = text;

	end += sprintf(end, "trusted =");
	for (int i = 0; i < MANY; i++)
		end += sprintf(end, " 10.%d.%d.1,", i / 256, i % 256);
	take_good("prog", text);
	for (int i = 0; i < MANY; i++) {
		char last[16];

		snprintf(last, sizeof(last), "10.%d.%d.1", i / 256, i % 256);
		ck_assert(trusts(last));
	}
	ck_assert(!trusts("10.3.232.1"));
	pp_bytes_free(&settings.trusted);
	sprintf(end, " 10.0.0.1/8");
	start();
	take("prog", text);
	ck_assert_str_eq(error.text, "/etc/x.conf:1: trusted with "
				     "\"10.0.0.1/8\"" BAD_TRUSTED);
	free(text);
}

/* Bytes of memory that the process has mapped. */
static unsigned long mapped(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	ck_assert_int_eq(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	return pages;
}

TEST(values_that_lose_are_given_back)
{
	static const char lines[] = "[prog]\ntrusted = 10.0.0.0/8\nports = 1\n"
				    "[other]\ntrusted = ::/0\nports = 2\n"
				    "[p*]\ntrusted = everyone\nports = all\n";
	char *text = malloc(400 * sizeof(lines)), *end = text;
	unsigned long before;

	for (int i = 0; i < 400; i++)
		end += sprintf(end, "%s", lines);
	take_good("prog", lines);
	before = mapped();
	take_good("prog", text);
	start();
	take_setting(pp_server_settings, "TRUSTED", "::1", &settings,
		     &error);
	take("prog", text);
	ck_assert_str_eq(error.text, "");
	ck_assert(trusts("::1") && !trusts("::2"));
	/* 2400 values would have needed a page or more each */
	ck_assert_uint_lt(mapped(), before + 400);
	free(text);
}
