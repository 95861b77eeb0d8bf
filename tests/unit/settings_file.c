/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "settings/load.h"

#include "suites.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pp_settings settings;
static struct pp_settings_error error;

static void start(void)
{
	memset(&error, 0, sizeof(error));
	pp_settings_defaults(pp_server_settings, &settings);
}

/* Takes a text on top of what is there, from memory of just its size. */
static void take_bytes(const char *program, const char *path,
		       const void *bytes, size_t length)
{
	struct pp_settings_text text = { .path = path,
					 .bytes = malloc(length + 1),
					 .length = length,
					 .program = program };

	memcpy(text.bytes, bytes, length);
	text.bytes[length] = 'X';
	pp_settings_file(&text, &settings, &error);
	free(text.bytes);
}

static void take(const char *program, const char *text)
{
	take_bytes(program, "/etc/x.conf", text, strlen(text));
}

/* A valid text from the defaults on. */
static void take_good(const char *program, const char *text)
{
	start();
	take(program, text);
	ck_assert_msg(error.text[0] == '\0', "%s: %s", text, error.text);
}

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

TEST(every_name)
{
	take_good("prog", "debug = yes\n"
			  "must_use_protocol_header=on\n"
			  "  version = 2\n"
			  "\ttrusted\t=\t10.0.0.0/8, 2001:db8::/32\t\r\n"
			  "PORTS =22 80\n"
			  "Timeout = 1.5 # seconds");
	ck_assert(settings.debug);
	ck_assert(settings.must_use);
	ck_assert_int_eq(settings.versions, PP_VERSION_2);
	ck_assert(trusts("10.1.1.1") && trusts("2001:db8::1"));
	ck_assert(!trusts("11.1.1.1") && !trusts("2001:db9::1"));
	ck_assert(pp_ports_have(&settings.ports, 80));
	ck_assert(!pp_ports_have(&settings.ports, 81));
	ck_assert_int_eq(settings.timeout, 1500);
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
	pp_settings_take(pp_server_settings, "TIMEOUT", "7", &settings, &error);
	pp_settings_take(pp_server_settings, "TRUSTED", "10.0.0.1", &settings,
			 &error);
	take("prog", "timeout = 1\ntrusted = everyone\n"
		     "[prog]\ntimeout = 2\ntrusted = 192.0.2.1\nversion = 1\n");
	ck_assert_str_eq(error.text, "");
	ck_assert_int_eq(settings.timeout, 7000);
	ck_assert(trusts("10.0.0.1") && !trusts("192.0.2.1"));
	ck_assert_int_eq(settings.versions, PP_VERSION_1);
}

#define NAMES                                                              \
	"debug, must_use_protocol_header, version, trusted, ports, timeout"
#define BAD_PATTERN                                                        \
	" is not valid: a section takes names of programs, without a "     \
	"directory, or shell patterns"
#define BAD_TRUSTED                                                        \
	" is not valid: it takes addresses and networks, no bit set "      \
	"beyond the prefix length, as 192.0.2.1, 10.0.0.0/8 or "           \
	"2001:db8::/32, or everyone"

TEST(what_is_wrong)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "timeout = abc", "1: timeout = \"abc\" is not valid: it takes "
				   "seconds from 0.001 to 3600, with a "
				   "fraction or without" },
		{ "\n\n# x\nTimeOut=1 2\n",
		  "4: TimeOut = \"1 2\" is not valid: it takes seconds from "
		  "0.001 to 3600, with a fraction or without" },
		{ "timeout =", "1: timeout = \"\" is not valid: it takes seconds "
			       "from 0.001 to 3600, with a fraction or "
			       "without" },
		{ "timeout = 1 = 2", "1: timeout = \"1 = 2\" is not valid: it "
				     "takes seconds from 0.001 to 3600, with a "
				     "fraction or without" },
		{ "debug = \"yes\"",
		  "1: debug = \"\"yes\"\" is not valid: it takes 1, yes, true, "
		  "on, 0, no, false, off or nothing" },
		{ "trusted = 10.0.0.1/8", "1: trusted = \"10.0.0.1/8\""
		  BAD_TRUSTED },
		{ "trusted = ::1, 10.0.0.1/8 bad",
		  "1: trusted with \"10.0.0.1/8\"" BAD_TRUSTED },
		{ "trusted = bad, ::1", "1: trusted with \"bad\"" BAD_TRUSTED },
		{ "trusted =", "1: trusted = \"\"" BAD_TRUSTED },
		{ "trusted", "1: \"trusted\" is not valid: a line takes name = "
			     "value, [program] or # comment" },
		{ "trustd = 10.0.0.1",
		  "1: \"trustd\" is not a setting: there are " NAMES },
		{ "trusted proxies = 10.0.0.1",
		  "1: \"trusted proxies\" is not a setting: there are " NAMES },
		{ "LIBPROXYPROTO_TRUSTED = 10.0.0.1",
		  "1: \"LIBPROXYPROTO_TRUSTED\" is not a setting: there are "
		  NAMES },
		{ "config = /etc/y.conf",
		  "1: \"config\" is not a setting: there are " NAMES },
		{ "= 1", "1: \"\" is not a setting: there are " NAMES },
		{ "; comment", "1: \"; comment\" is not valid: a line takes "
			       "name = value, [program] or # comment" },
		{ "version = 1\nVERSION = 2",
		  "2: \"VERSION\" is given twice: a section takes it once" },
		{ "[a]\nversion = 1\n\nversion = 1",
		  "4: \"version\" is given twice: a section takes it once" },
		{ "[", "1: \"[\" is not valid: it takes [program]" },
		{ "[]", "1: \"[]\" is not valid: it takes [program]" },
		{ "[ , ]", "1: \"[ , ]\" is not valid: it takes [program]" },
		{ "[a", "1: \"[a\" is not valid: it takes [program]" },
		{ "[a] x", "1: \"[a] x\" is not valid: it takes [program]" },
		{ "[a # ]", "1: \"[a\" is not valid: it takes [program]" },
		{ "[a] [b]", "1: \"a]\"" BAD_PATTERN },
		{ "[[b]", "1: \"[b\"" BAD_PATTERN },
		{ "[x /usr/bin/a]", "1: \"/usr/bin/a\"" BAD_PATTERN },
		/* names that no program can have */
		{ "[./a]", "1: \"./a\"" BAD_PATTERN },
		{ "[.]", "1: \".\"" BAD_PATTERN },
		{ "[a ..]", "1: \"..\"" BAD_PATTERN },
		{ "[a\x01" "b]", "1: \"a?b\"" BAD_PATTERN },
		{ "[a\x7f]", "1: \"a?\"" BAD_PATTERN },
		{ "[a]b[c]", "1: \"a]b[c\"" BAD_PATTERN },
		{ "[a[b]c]]", "1: \"a[b]c]\"" BAD_PATTERN },
		{ "[a[b]", "1: \"a[b\"" BAD_PATTERN },
		{ "[[]]", "1: \"[]\"" BAD_PATTERN },
		{ "[[!]]", "1: \"[!]\"" BAD_PATTERN },
		{ "[[[:alpha]]", "1: \"[[:alpha]\"" BAD_PATTERN },
		{ "[[z-a]]", "1: \"[z-a]\"" BAD_PATTERN },
		{ "[a\\]", "1: \"a\\\"" BAD_PATTERN },
		/* the sections of others count as well */
		{ "[other]\nversion = 4\n[prog]\n",
		  "2: version = \"4\" is not valid: it takes 0 (off), 1, 2 or "
		  "3 (both)" },
		{ "[other]\ntrustd = x",
		  "2: \"trustd\" is not a setting: there are " NAMES },
		/* the first of two */
		{ "\nversion = 4\ntimeout = 0",
		  "2: version = \"4\" is not valid: it takes 0 (off), 1, 2 or "
		  "3 (both)" },
		{ "debug = \x1b[31m\x7f",
		  "1: debug = \"?[31m?\" is not valid: it takes 1, yes, true, "
		  "on, 0, no, false, off or nothing" },
		/* a byte order mark counts at the beginning only */
		{ "version = 3\n\xef\xbb\xbfversion = 3",
		  "2: \"\xef\xbb\xbfversion\" is not a setting: there are "
		  NAMES },
		{ "\xef\xbb\xbf\xef\xbb\xbfversion = 3",
		  "1: \"\xef\xbb\xbfversion\" is not a setting: there are "
		  NAMES },
		{ "\xef\xbbversion = 3",
		  "1: \"\xef\xbbversion\" is not a setting: there are " NAMES },
	};
	char expected[512];

	for (size_t i = 0; i < COUNT(cases); i++) {
		start();
		take("prog", cases[i].text);
		snprintf(expected, sizeof(expected), "/etc/x.conf:%s",
			 cases[i].message);
		ck_assert_str_eq(error.text, expected);
	}
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
	pp_settings_take(pp_server_settings, "DEBUG", "yes", &settings, &error);
	pp_settings_take(pp_server_settings, "PORTS", "22\n80", &settings,
			 &error);
	assert_list("DEBUG=yes (environment), PORTS=22?80 (environment)");
	take("sshd", "version = 0\ntimeout = 5\ndebug = no\n"
		     "[nginx]\ntimeout = 1\ntrusted = ::1\n"
		     "[ ssh* nginx ]\nversion = 3\n");
	assert_list("DEBUG=yes (environment), VERSION=3 (file, [ ssh* nginx ]),"
		    " PORTS=22?80 (environment), TIMEOUT=5 (file)");
	pp_bytes_free(&settings.ports);
	start();
	pp_settings_take(pp_server_settings, "TRUSTED",
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

TEST(environment_does_not_excuse_the_file)
{
	start();
	pp_settings_take(pp_server_settings, "VERSION", "1", &settings, &error);
	take("prog", "version = 4");
	ck_assert_ptr_nonnull(strstr(error.text, "/etc/x.conf:1: version"));
}

TEST(nul_bytes)
{
	static const struct {
		const char *bytes;
		size_t length;
		const char *message;
	} cases[] = {
		{ "\0", 1, "/a:1: has a NUL byte: it takes text" },
		{ "version = 1\0\n", 13, "/a:1: has a NUL byte: it takes text" },
		{ "\n# \0\n", 5, "/a:2: has a NUL byte: it takes text" },
		{ "\n[\0]", 4, "/a:2: has a NUL byte: it takes text" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		start();
		take_bytes("prog", "/a", cases[i].bytes, cases[i].length);
		ck_assert_str_eq(error.text, cases[i].message);
	}
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

/* Whatever is long in a message, it is one line that ends. */
TEST(long_messages)
{
	static const char *const formats[] = { "%s", "%s=1", "[%s/]", "[%s",
					       "debug=%s", "trusted=%s" };
	static char word[5001], path[300], text[5100];

	memset(word, 'w', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	snprintf(path, sizeof(path), "/%.254s", word);
	for (size_t i = 0; i < COUNT(formats); i++) {
		snprintf(text, sizeof(text), formats[i], word);
		start();
		take_bytes("prog", path, text, strlen(text));
		ck_assert_ptr_nonnull(memchr(error.text, '\0',
					     sizeof(error.text)));
		ck_assert_int_eq(strncmp(error.text, path, 255), 0);
		ck_assert_ptr_nonnull(strstr(error.text, ":1: "));
		ck_assert_ptr_nonnull(strstr(error.text, "is not "));
	}
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
	pp_settings_take(pp_server_settings, "TRUSTED", "::1", &settings,
			 &error);
	take("prog", text);
	ck_assert_str_eq(error.text, "");
	ck_assert(trusts("::1") && !trusts("::2"));
	/* 2400 values would have needed a page or more each */
	ck_assert_uint_lt(mapped(), before + 400);
	free(text);
}

static const char sample[] = "# all\nversion = 0\r\ntrusted = ::1, 10.0.0.0/8\n"
			     "[ssh* [ab]c]\n version = 3 # on\nports=1-9,22\n"
			     "must_use_protocol_header = yes\n\n[x]\n"
			     "timeout = 0.5\ndebug=\n";

TEST(every_beginning_of_a_file)
{
	for (size_t length = 0; length < sizeof(sample); length++) {
		start();
		take_bytes("sshd", "/a", sample, length);
		if (error.text[0] != '\0')
			ck_assert_int_eq(strncmp(error.text, "/a:", 3), 0);
		pp_bytes_free(&settings.trusted);
		pp_bytes_free(&settings.ports);
	}
}

/* For the sanitizers: no input does harm, and a message is one line. */
TEST(random_changes)
{
	static const char alphabet[] = "\0\n\r\t []#=,/:.-*?0123456789abtv\xff";

	srandom(3);
	for (int round = 0; round < 20000; round++) {
		char text[sizeof(sample)];
		size_t length = sizeof(text) - (size_t)random() % 40;

		memcpy(text, sample, sizeof(text));
		for (long i = random() % 4; i >= 0; i--)
			text[random() % (long)sizeof(text)] =
				alphabet[random() % (long)sizeof(alphabet)];
		start();
		take_bytes("sshd", "/a", text, length);
		ck_assert_ptr_null(strchr(error.text, '\n'));
		pp_bytes_free(&settings.trusted);
		pp_bytes_free(&settings.ports);
	}
}
