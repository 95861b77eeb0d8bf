/* SPDX-License-Identifier: ISC */
/* A settings file that is bad, in every way that is told of. */
#include <config.h>

#include "settings_text.h"
#include "suites.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES                                                              \
	"debug, must_use_protocol_header, version, trusted, ports, "        \
	"timeout, destination, ipv6_on_ipv4, udp_clients"
#define BAD_TIMEOUT                                                        \
	" is not valid: it takes seconds from 0.001 to 3600, with a "      \
	"fraction or without"
#define BAD_VERSION                                                        \
	" is not valid: it takes 0 (off), 1, 2, 3 (both) or spp"
#define BAD_BOOLEAN                                                        \
	" is not valid: it takes 1, yes, true, on, 0, no, false, off or "  \
	"nothing"
#define BAD_LINE                                                           \
	" is not valid: a line takes name = value, [program] or # comment"
#define BAD_PATTERN                                                        \
	" is not valid: a section takes names of programs, without a "     \
	"directory, or shell patterns"

SUITE("settings_file_errors");

TEST(what_is_wrong)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "timeout = abc", "1: timeout = \"abc\"" BAD_TIMEOUT },
		{ "\n\n# x\nTimeOut=1 2\n", "4: TimeOut = \"1 2\"" BAD_TIMEOUT },
		{ "timeout =", "1: timeout = \"\"" BAD_TIMEOUT },
		{ "timeout = 1 = 2", "1: timeout = \"1 = 2\"" BAD_TIMEOUT },
		{ "debug = \"yes\"", "1: debug = \"\"yes\"\"" BAD_BOOLEAN },
		{ "trusted = 10.0.0.1/8", "1: trusted = \"10.0.0.1/8\""
		  BAD_TRUSTED },
		{ "trusted = ::1, 10.0.0.1/8 bad",
		  "1: trusted with \"10.0.0.1/8\"" BAD_TRUSTED },
		{ "trusted = bad, ::1", "1: trusted with \"bad\"" BAD_TRUSTED },
		{ "trusted =", "1: trusted = \"\"" BAD_TRUSTED },
		{ "trusted", "1: \"trusted\"" BAD_LINE },
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
		{ "; comment", "1: \"; comment\"" BAD_LINE },
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
		  "2: version = \"4\"" BAD_VERSION },
		{ "[other]\ntrustd = x",
		  "2: \"trustd\" is not a setting: there are " NAMES },
		/* the first of two */
		{ "\nversion = 4\ntimeout = 0",
		  "2: version = \"4\"" BAD_VERSION },
		{ "debug = \x1b[31m\x7f",
		  "1: debug = \"?[31m?\"" BAD_BOOLEAN },
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

TEST(environment_does_not_excuse_the_file)
{
	start();
	take_setting(pp_server_settings, "VERSION", "1", &settings, &error);
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
