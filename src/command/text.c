/* SPDX-License-Identifier: ISC */
/* Texts of others on a terminal; see text.h. */
#include <config.h>

#include "command/text.h"

#include <stdio.h>

size_t pp_text_length(const unsigned char *at)
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

bool pp_text_is_control(const unsigned char *at, size_t length)
{
	return (length == 1 && (*at < ' ' || *at == 0x7f)) ||
	       (length == 2 && at[0] == 0xc2 && at[1] < 0xa0);
}

void pp_text_print(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at != '\0') {
		size_t length = pp_text_length(at);

		if (length == 0 || pp_text_is_control(at, length))
			putchar('?');
		else
			printf("%.*s", (int)length, (const char *)at);
		at += length == 0 ? 1 : length;
	}
}
