/* SPDX-License-Identifier: ISC */
/* Writes JSON; see json.h. */
#include <config.h>

#include "command/json.h"

#include <stddef.h>
#include <stdio.h>

/* How many bytes a character of UTF-8 has that begins here; 0: it is none. */
static size_t utf8_length(const unsigned char *at)
{
	static const struct {
		unsigned char first, last, low, high;
		size_t length;
	} forms[] = {
		{ 0x01, 0x7f, 0, 0, 1 },	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },	{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		size_t n = 1;

		if (at[0] < forms[i].first || at[0] > forms[i].last)
			continue;
		if (forms[i].length > 1 &&
		    (at[1] < forms[i].low || at[1] > forms[i].high))
			return 0;
		while (++n < forms[i].length)
			if (at[n] < 0x80 || at[n] > 0xbf)
				return 0;
		return forms[i].length;
	}
	return 0;
}

void pp_json_text(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	if (text == NULL) {
		fputs("null", stdout);
		return;
	}
	putchar('"');
	while (*at != '\0') {
		size_t length = utf8_length(at);

		if (length == 0)
			fputs("\\ufffd", stdout);
		else if (*at < ' ' || *at == 0x7f)
			printf("\\u%04x", *at);
		else
			printf("%s%.*s", *at == '"' || *at == '\\' ? "\\" : "",
			       (int)length, (const char *)at);
		at += length == 0 ? 1 : length;
	}
	putchar('"');
}

void pp_json_item(bool *is_first, const char *name)
{
	if (!*is_first)
		fputs(", ", stdout);
	*is_first = false;
	if (name != NULL)
		printf("\"%s\": ", name);
}

void pp_json_member(bool *is_first, const char *name, const char *text)
{
	pp_json_item(is_first, name);
	pp_json_text(text);
}

void pp_json_number(bool *is_first, const char *name, long long number)
{
	pp_json_item(is_first, name);
	printf("%lld", number);
}

void pp_json_boolean(bool *is_first, const char *name, bool value)
{
	pp_json_item(is_first, name);
	fputs(value ? "true" : "false", stdout);
}
