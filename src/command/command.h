/* SPDX-License-Identifier: ISC */
/*
 * The subcommands of proxyproto(1), how each describes itself, and what they
 * share. One has a file of its own, a struct pp_subcommand, and a line in
 * main.c.
 */
#ifndef PP_COMMAND_COMMAND_H
#define PP_COMMAND_COMMAND_H

#include "settings/settings.h"

#include <stdbool.h>

/* Exit statuses as those of env(1): of its own failures and COMMAND's start. */
#define PP_EXIT_OWN 125
#define PP_EXIT_CANNOT_RUN 126
#define PP_EXIT_NOT_FOUND 127

/* An option, as --help shows it and completion offers it. */
struct pp_option {
	const char *name;	/* without the dashes; NULL ends a table */
	int letter;		/* its short form, or 0 */
	/* What it takes, as "ADDRESS"; "[=HEX]" where that may be left out;
	   or NULL. */
	const char *argument;
	const char *help;	/* what it is for; lines are parted by \n */
};

/* A subcommand. --help is added to its options. */
struct pp_subcommand {
	const char *name;
	const char *summary;	/* a line, for the help of all */
	const char *usage;	/* behind the name: "[OPTION...] [FILE]" */
	const char *help;	/* what it does, in whole lines, each ended */
	const char *examples;	/* so, too */
	const struct pp_option *options;
	/* Each of these is an option, too, or NULL. */
	const struct pp_setting *settings;
	/* But for those of these names, ended by NULL, or NULL. */
	const char *const *settings_without;
	/* The options end where the first other argument stands. */
	bool options_first;
	/* Is given its name and what is behind it; returns the exit status. */
	int (*function)(int argc, char *argv[]);
};

extern const struct pp_subcommand pp_run_command;
extern const struct pp_subcommand pp_connect_command;
extern const struct pp_subcommand pp_check_command;
extern const struct pp_subcommand pp_header_command;
extern const struct pp_subcommand pp_decode_command;
extern const struct pp_subcommand pp_show_command;

/* What main was given. */
extern char **pp_own_arguments;

/* All of them, ended by NULL. */
extern const struct pp_subcommand *const pp_subcommands[];

/* An option that was given. */
struct pp_given {
	const struct pp_option *option;	  /* one of the table, or NULL */
	const struct pp_setting *setting; /* then it is of that setting */
	const char *value;		  /* NULL where it has none */
};

/*
 * Reads the next option of a subcommand's arguments with getopt_long(3). False
 * where there is none left: optind says where the others begin. A mistake in
 * it ends the program, and so does --help.
 */
bool pp_next_option(const struct pp_subcommand *subcommand, int argc,
		    char *argv[], struct pp_given *given);

/* Whether nothing is left behind the options; what is has been told. */
bool pp_no_arguments(const struct pp_subcommand *subcommand, int argc,
		     char *argv[]);

/* The name of a setting's option, as "must-use" or "dest-addr". */
#define PP_OPTION_NAME 40
void pp_option_name(const struct pp_setting *setting,
		    char name[static PP_OPTION_NAME]);

/* What a setting is for, one line of --help, and the name of its value. */
struct pp_setting_help {
	const char *name;
	const char *argument;	/* NULL of a boolean */
	const char *help;
};
const struct pp_setting_help *pp_setting_help(const struct pp_setting *setting);

/* Prints how a subcommand is used. */
void pp_print_help(const struct pp_subcommand *subcommand);

/*
 * Says on standard error what is wrong: "proxyproto: SUBCOMMAND: ...". The text
 * names the thing, its value, and what is allowed. Returns PP_EXIT_OWN.
 */
int pp_complain(const struct pp_subcommand *subcommand, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
