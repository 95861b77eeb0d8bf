/* SPDX-License-Identifier: ISC */
/* The options of a subcommand: read, and shown by --help; see command.h. */
#include <config.h>

#include "command/command.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More options than any subcommand has, its settings included. */
#define OPTIONS_MAX 64

/* What getopt_long returns of long options: this and the place in the table. */
#define LONG_FIRST 256
#define LONG_HELP (LONG_FIRST + OPTIONS_MAX)

/* The words of --help for each row of the tables; NULL ends it. */
static const struct pp_setting_help settings_help[] = {
	{ "DEBUG", NULL, "a line on standard error for each connection" },
	{ "MUST_USE_PROTOCOL_HEADER", NULL,
	  "drop connections without a header" },
	{ "VERSION", "NUMBER", "version of the header" },
	{ "TRUSTED", "NETWORKS", "proxies whose header is believed" },
	{ "PORTS", "PORTS", "local ports that this applies to" },
	{ "TIMEOUT", "SECONDS", "how long a header may take" },
	{ "DESTINATION", "WORD", "which local address getsockname tells" },
	{ "IPV6_ON_IPV4", "WORD", "whom an IPv6 client on IPv4 is shown as" },
	{ "UNIX", NULL, "Unix sockets that COMMAND listens on, too" },
	{ "UDP_CLIENTS", "NUMBER", "how many libproxyproto_udp.so knows" },
	{ "INETD", NULL,
	  "COMMAND is started by inetd once a connection" },
	{ "CONFIG", "FILE", "another settings file" },
	{ "ADDR", "ADDRESS", "source address to state, or a network of them" },
	{ "PORT", "PORT", "source port to state" },
	{ "DEST_ADDR", "ADDRESS", "destination address to state" },
	{ "DEST_PORT", "PORT", "destination port to state" },
	{ "COMMAND", "WORD", "a client's connection or the proxy's own" },
	{ "TLV", "VECTORS", "vectors to add, NAME=VALUE each" },
	{ "CRC32C", NULL, "add a checksum" },
	{ "RAW", "TEXT", "bytes to send instead of a header" },
	{ "UDP", NULL, "before each datagram, too" },
	{ "TO", "ENDPOINTS", "which of those it connects to get a header" },
	{ "SPLIT", "NUMBER", "bytes a write" },
	{ "DELAY", "SECONDS", "time between two writes" },
	{ NULL, NULL, NULL },
};

const struct pp_setting_help *pp_setting_help(const struct pp_setting *setting)
{
	static struct pp_setting_help none;
	const struct pp_setting_help *help = settings_help;

	for (; help->name != NULL; help++)
		if (strcmp(help->name, setting->name) == 0)
			return help;
	none = (struct pp_setting_help){
		.argument = setting->type == PP_SETTING_BOOLEAN ? NULL
								: "VALUE",
		.help = setting->allowed,
	};
	return &none;
}

void pp_option_name(const struct pp_setting *setting,
		    char name[static PP_OPTION_NAME])
{
	static const char tail[] = "_PROTOCOL_HEADER";
	const char *end = strstr(setting->name, tail);
	size_t length = end != NULL ? (size_t)(end - setting->name)
				    : strlen(setting->name);
	size_t i;

	for (i = 0; i < length && i < PP_OPTION_NAME - 1; i++)
		name[i] = setting->name[i] == '_'
				  ? '-'
				  : (char)tolower((unsigned char)
							  setting->name[i]);
	name[i] = '\0';
}

/* The options of a subcommand as getopt_long wants them. */
struct long_options {
	struct option all[OPTIONS_MAX + 2];
	char names[OPTIONS_MAX][PP_OPTION_NAME]; /* of settings */
	const struct pp_setting *settings[OPTIONS_MAX];
	char letters[3 * OPTIONS_MAX + 8];
	int count;	/* without --help */
	int own;	/* of these that are no settings */
};

static void add_letter(struct long_options *options, int letter, int value)
{
	size_t length = strlen(options->letters);

	snprintf(options->letters + length, sizeof(options->letters) - length,
		 "%c%s", letter, value == required_argument ? ":" : "");
}

static bool setting_is_option(const struct pp_subcommand *subcommand,
			      const struct pp_setting *setting)
{
	const char *const *without = subcommand->settings_without;

	for (; without != NULL && *without != NULL; without++)
		if (strcmp(*without, setting->name) == 0)
			return false;
	return true;
}

/* Whether an option takes a value, for getopt_long. */
static int value_of_option(const struct pp_option *option)
{
	if (option->argument == NULL)
		return no_argument;
	return option->argument[0] == '[' ? optional_argument
					  : required_argument;
}

static void gather_options(const struct pp_subcommand *subcommand,
			   struct long_options *options)
{
	const struct pp_option *option = subcommand->options;
	const struct pp_setting *setting = subcommand->settings;
	int count = 0;

	strcpy(options->letters, subcommand->options_first ? "+:h" : ":h");
	for (; option != NULL && option->name != NULL; option++, count++) {
		options->all[count] = (struct option){
			option->name, value_of_option(option), NULL,
			LONG_FIRST + count };
		if (option->letter != 0)
			add_letter(options, option->letter,
				   value_of_option(option));
	}
	options->own = count;
	for (; setting != NULL && setting->name != NULL; setting++) {
		if (!setting_is_option(subcommand, setting))
			continue;
		pp_option_name(setting, options->names[count]);
		options->all[count] = (struct option){
			options->names[count],
			setting->type == PP_SETTING_BOOLEAN ? optional_argument
							    : required_argument,
			NULL, LONG_FIRST + count };
		options->settings[count++] = setting;
	}
	options->all[count] = (struct option){ "help", no_argument, NULL,
					       LONG_HELP };
	options->count = count;
}

/* The place in the table of what getopt_long has returned, or -1. */
static int find_place(const struct pp_subcommand *subcommand,
		      const struct long_options *options, int found)
{
	if (found >= LONG_FIRST)
		return found - LONG_FIRST;
	for (int i = 0; i < options->own; i++)
		if (subcommand->options[i].letter == found)
			return i;
	return -1;
}

/* Ends the program: the last argument that was looked at is no option. */
static void fail_option(const struct pp_subcommand *subcommand, char *argv[],
			bool lacks_value)
{
	/* a letter among others has not moved optind yet */
	const char *word = argv[optind - 1];
	char letter[3] = { '-', (char)optopt, '\0' };

	if (optopt > 0 && optopt < LONG_FIRST)
		word = letter;
	if (lacks_value)
		pp_complain(subcommand, "%s: it takes a value; proxyproto %s "
			    "--help tells which", word, subcommand->name);
	else
		pp_complain(subcommand, "%s: no such option, or one that takes "
			    "no value, or more than one begins so; proxyproto "
			    "%s --help has all of them", word,
			    subcommand->name);
	exit(PP_EXIT_OWN);
}

bool pp_next_option(const struct pp_subcommand *subcommand, int argc,
		    char *argv[], struct pp_given *given)
{
	static struct long_options options;
	int found, place;

	if (options.all[0].name == NULL)
		gather_options(subcommand, &options);
	opterr = 0;
	found = getopt_long(argc, argv, options.letters, options.all, NULL);
	if (found == -1)
		return false;
	if (found == '?' || found == ':')
		fail_option(subcommand, argv, found == ':');
	if (found == 'h' || found == LONG_HELP) {
		pp_print_help(subcommand);
		exit(fflush(stdout) == 0 ? 0 : PP_EXIT_OWN);
	}
	place = find_place(subcommand, &options, found);
	*given = (struct pp_given){ .value = optarg };
	if (place < options.own)
		given->option = &subcommand->options[place];
	else
		given->setting = options.settings[place];
	return true;
}

bool pp_no_arguments(const struct pp_subcommand *subcommand, int argc,
		     char *argv[])
{
	if (optind >= argc)
		return true;
	pp_complain(subcommand, "\"%s\": one argument too many: it takes %s",
		    argv[optind], subcommand->usage);
	return false;
}

/* An option and its text, whose further lines are indented like the first. */
static void print_option(int letter, const char *name, const char *argument,
			 const char *help)
{
	char start[PP_OPTION_NAME + 40];
	const char *end;

	snprintf(start, sizeof(start), "  %c%c%c --%s%s", letter ? '-' : ' ',
		 letter ? letter : ' ', letter ? ',' : ' ', name,
		 argument ? argument : "");
	printf("%-27s", start);
	if (strlen(start) > 26)
		printf("\n%-27s", "");
	for (; (end = strchr(help, '\n')) != NULL; help = end + 1)
		printf("%.*s\n%-27s", (int)(end - help), help, "");
	puts(help);
}

static void print_setting(const struct pp_setting *setting)
{
	const struct pp_setting_help *help = pp_setting_help(setting);
	char name[PP_OPTION_NAME], argument[40], text[600];

	pp_option_name(setting, name);
	snprintf(argument, sizeof(argument), "=%s", help->argument);
	if (help->argument == NULL)
		snprintf(text, sizeof(text), "%s", help->help);
	else
		snprintf(text, sizeof(text), "%s%c(%s)", help->help,
			 strlen(help->help) + strlen(setting->fallback) > 50
				 ? '\n'
				 : ' ',
			 setting->fallback);
	print_option(0, name, help->argument ? argument : "[=BOOLEAN]", text);
}

void pp_print_help(const struct pp_subcommand *subcommand)
{
	const struct pp_option *option = subcommand->options;
	const struct pp_setting *setting = subcommand->settings;
	char argument[40];

	printf("Usage: proxyproto %s %s\n\n%s\n", subcommand->name,
	       subcommand->usage, subcommand->help);
	for (; option != NULL && option->name != NULL; option++) {
		snprintf(argument, sizeof(argument), "%s%s",
			 value_of_option(option) == required_argument ? "="
								      : "",
			 option->argument ? option->argument : "");
		print_option(option->letter, option->name,
			     option->argument ? argument : NULL, option->help);
	}
	print_option('h', "help", NULL, "this text");
	if (setting != NULL)
		puts("\nSettings, each with its default; those of the "
		     "environment count where\nno option is given:\n");
	for (; setting != NULL && setting->name != NULL; setting++)
		if (setting_is_option(subcommand, setting))
			print_setting(setting);
	printf("\nExamples:\n%s", subcommand->examples);
}
