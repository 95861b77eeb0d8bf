/* SPDX-License-Identifier: ISC */
/* proxyproto(1): finds the subcommand and runs it. */
#include <config.h>

#include "command/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

char **pp_own_arguments;

const struct pp_subcommand *const pp_subcommands[] = {
	&pp_run_command,
	&pp_connect_command,
	&pp_check_command,
	&pp_header_command,
	&pp_decode_command,
	&pp_show_command,
	NULL,
};

int pp_complain(const struct pp_subcommand *subcommand, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "proxyproto: %s%s", subcommand ? subcommand->name : "",
		subcommand ? ": " : "");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return PP_EXIT_OWN;
}

static void print_usage(void)
{
	fputs("Usage:\n", stdout);
	for (size_t i = 0; pp_subcommands[i] != NULL; i++)
		printf("  proxyproto %s %s\n", pp_subcommands[i]->name,
		       pp_subcommands[i]->usage);
	fputs("\nThe PROXY protocol for programs that do not speak it.\n\n",
	      stdout);
	for (size_t i = 0; pp_subcommands[i] != NULL; i++)
		printf("  %-9s %s\n", pp_subcommands[i]->name,
		       pp_subcommands[i]->summary);
	fputs("\n"
	      "  -h, --help     this text; proxyproto SUBCOMMAND --help has "
	      "more\n"
	      "  -V, --version  print the version\n"
	      "\n"
	      "The manual is proxyproto(1).\n",
	      stdout);
}

static const struct pp_subcommand *find_subcommand(const char *name)
{
	for (size_t i = 0; pp_subcommands[i] != NULL; i++)
		if (strcmp(name, pp_subcommands[i]->name) == 0)
			return pp_subcommands[i];
	return NULL;
}

/* What there is, for somebody who asked for something else. */
static int fail_subcommand(const char *given)
{
	char names[128] = "";

	for (size_t i = 0; pp_subcommands[i] != NULL; i++) {
		size_t length = strlen(names);

		snprintf(names + length, sizeof(names) - length, "%s%s",
			 i == 0 ? "" : ", ", pp_subcommands[i]->name);
	}
	if (given == NULL)
		return pp_complain(NULL, "a subcommand is needed: %s; "
				   "proxyproto --help tells of them", names);
	return pp_complain(NULL, "\"%s\" is no subcommand: it takes %s; "
			   "proxyproto --help tells of them", given, names);
}

static int run_subcommand(int argc, char *argv[])
{
	const char *first = argc < 2 ? NULL : argv[1];
	const struct pp_subcommand *subcommand;

	if (first == NULL)
		return fail_subcommand(NULL);
	if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0) {
		print_usage();
		return 0;
	}
	if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0) {
		puts("proxyproto " PACKAGE_VERSION);
		return 0;
	}
	subcommand = find_subcommand(first);
	if (subcommand == NULL)
		return fail_subcommand(first);
	return subcommand->function(argc - 1, argv + 1);
}

int main(int argc, char *argv[])
{
	int status;

	pp_own_arguments = argv;
	status = run_subcommand(argc, argv);

	if (fflush(stdout) != 0 || ferror(stdout))
		return pp_complain(NULL, "standard output: %s",
				   strerror(errno));
	return status;
}
