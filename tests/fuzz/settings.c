/* SPDX-License-Identifier: ISC */
/*
 * libFuzzer: settings. The first byte says whose and from where: a file, or
 * else an environment, a variable a line.
 */
#include <config.h>

#include "settings/load.h"

#include <stdlib.h>
#include <string.h>

#define VARIABLES 16

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_environment(const struct pp_setting *table, char *text,
			     struct pp_settings *settings,
			     struct pp_settings_error *error)
{
	char *environment[VARIABLES + 1], *rest = text;
	size_t count = 0;

	while (rest != NULL && count < VARIABLES)
		environment[count++] = strsep(&rest, "\n");
	environment[count] = NULL;
	pp_settings_environment(table, environment, settings, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const struct pp_settings none;
	static struct pp_settings settings;
	struct pp_settings_error error = { .text = "" };
	const struct pp_setting *table;
	char *text;

	if (size == 0)
		return 0;
	table = bytes[0] == 'c' ? pp_client_settings : pp_server_settings;
	/* as long as it is and no longer, for the sanitizer to see */
	text = malloc(size);
	if (text == NULL)
		return 0;
	memcpy(text, bytes + 1, size - 1);
	text[size - 1] = '\0';
	settings = none;
	pp_settings_defaults(table, &settings);
	if (bytes[0] == 'f')
		pp_settings_parse_file(text, size - 1, "fuzz", &settings,
				       &error);
	else
		read_environment(table, text, &settings, &error);
	if (strlen(error.text) >= sizeof(error.text))
		abort();
	pp_settings_drop(&settings, &none);
	free(text);
	return 0;
}
