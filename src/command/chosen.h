/* SPDX-License-Identifier: ISC */
/* The settings that options of a subcommand give, beside the environment's. */
#ifndef PP_COMMAND_CHOSEN_H
#define PP_COMMAND_CHOSEN_H

#include "command/command.h"

struct pp_chosen {
	const struct pp_subcommand *subcommand;
	struct pp_settings settings;
	unsigned given;	/* by an option: a bit each row of the table */
};

/* Begins with the defaults. */
void pp_chosen_begin(struct pp_chosen *chosen,
		     const struct pp_subcommand *subcommand);

/*
 * Takes a setting, and puts it into the environment, for COMMAND. False where
 * its value is bad, which has been told.
 */
bool pp_chosen_take(struct pp_chosen *chosen, const struct pp_given *given);

/*
 * Adds those of the environment. False where one is bad, or two do not go
 * together, which has been told.
 */
bool pp_chosen_complete(struct pp_chosen *chosen);

#endif
