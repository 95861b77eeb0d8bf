/* SPDX-License-Identifier: ISC */
/* The settings that options give; see chosen.h. */
#include <config.h>

#include "command/chosen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

/* "LIBPROXYPROTO_TRUSTED" */
#define VARIABLE_SIZE (sizeof(PP_SETTINGS_PREFIX) + PP_OPTION_NAME)

void pp_chosen_begin(struct pp_chosen *chosen,
		     const struct pp_subcommand *subcommand)
{
	chosen->subcommand = subcommand;
	chosen->given = 0;
	pp_settings_defaults(subcommand->settings, &chosen->settings);
}

bool pp_chosen_take(struct pp_chosen *chosen, const struct pp_given *given)
{
	const struct pp_setting *table = chosen->subcommand->settings;
	const char *value = given->value != NULL ? given->value : "1";
	char name[PP_OPTION_NAME], place[PP_OPTION_NAME + 2];
	char variable[VARIABLE_SIZE];
	struct pp_settings_error error = { "" };
	const struct pp_settings_origin origin = {
		.source = PP_FROM_ENVIRONMENT, .section = "", .place = place };

	pp_option_name(given->setting, name);
	snprintf(place, sizeof(place), "--%s", name);
	pp_settings_set(table, given->setting, value, &origin,
			&chosen->settings, &error);
	if (error.text[0] != '\0') {
		pp_complain(chosen->subcommand, "%s", error.text);
		return false;
	}
	chosen->given |= 1u << (given->setting - table);
	snprintf(variable, sizeof(variable), PP_SETTINGS_PREFIX "%s",
		 given->setting->name);
	if (setenv(variable, value, 1) == 0)
		return true;
	pp_complain(chosen->subcommand, "%s: %s", variable, strerror(errno));
	return false;
}

/* Names the option, where a text names the variable and that was given by it. */
static void name_option(const struct pp_setting *setting,
			struct pp_settings_error *error)
{
	char name[PP_OPTION_NAME], variable[VARIABLE_SIZE + 1];
	struct pp_settings_error before = *error;
	char *found;

	pp_option_name(setting, name);
	snprintf(variable, sizeof(variable), PP_SETTINGS_PREFIX "%s=",
		 setting->name);
	found = strstr(before.text, variable);
	if (found != NULL)
		snprintf(error->text, sizeof(error->text), "%.*s--%s=%s",
			 (int)(found - before.text), before.text, name,
			 found + strlen(variable));
}

bool pp_chosen_complete(struct pp_chosen *chosen)
{
	const struct pp_setting *table = chosen->subcommand->settings;
	struct pp_settings_error error = { "" };

	pp_settings_environment(table, environ, &chosen->settings, &error);
	if (table == pp_client_settings)
		pp_settings_agree(&chosen->settings, &error);
	if (error.text[0] == '\0')
		return true;
	for (size_t i = 0; table[i].name != NULL; i++)
		if (chosen->given & 1u << i)
			name_option(&table[i], &error);
	pp_complain(chosen->subcommand, "%s", error.text);
	return false;
}
