/* SPDX-License-Identifier: ISC */
/* A text taken as the settings file; one error and settings a suite. */
#ifndef PP_UNIT_SETTINGS_TEXT_H
#define PP_UNIT_SETTINGS_TEXT_H

#include "settings/load.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define BAD_TRUSTED                                                        \
	" is not valid: it takes addresses and networks, no bit set "      \
	"beyond the prefix length, as 192.0.2.1, 10.0.0.0/8 or "           \
	"2001:db8::/32, or everyone"

static struct pp_settings settings;
static struct pp_settings_error error;

static inline void start(void)
{
	memset(&error, 0, sizeof(error));
	pp_settings_defaults(pp_server_settings, &settings);
}

/* Takes a text on top of what is there, from memory of just its size. */
static inline void take_bytes(const char *program, const char *path,
		       const void *bytes, size_t length)
{
	char *text = malloc(length + 1), config[sizeof(settings.config)];
	size_t path_length = strlen(path);

	memcpy(text, bytes, length);
	text[length] = 'X';
	memcpy(config, settings.config, sizeof(config));
	memset(settings.config, 0, sizeof(config));
	if (path_length >= sizeof(config))
		path_length = sizeof(config) - 1;
	memcpy(settings.config, path, path_length);
	pp_settings_parse_file(text, length, program, &settings, &error);
	memcpy(settings.config, config, sizeof(config));
	free(text);
}

static inline void take(const char *program, const char *text)
{
	take_bytes(program, "/etc/x.conf", text, strlen(text));
}

/* A valid text from the defaults on. */
static inline void take_good(const char *program, const char *text)
{
	start();
	take(program, text);
	ck_assert_msg(error.text[0] == '\0', "%s: %s", text, error.text);
}

#endif
