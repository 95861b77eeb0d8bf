/* SPDX-License-Identifier: ISC */
/* Writes JSON; see json.h. */
#include <config.h>

#include "command/json.h"

#include "command/text.h"

#include <stddef.h>
#include <stdio.h>

void pp_json_text(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	if (text == NULL) {
		fputs("null", stdout);
		return;
	}
	putchar('"');
	while (*at != '\0') {
		size_t length = pp_text_length(at);

		if (length == 0)
			fputs("\\ufffd", stdout);
		else if (pp_text_is_control(at, length))
			printf("\\u%04x", at[length - 1]);
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
