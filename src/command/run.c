/* SPDX-License-Identifier: ISC */
/* proxyproto run and proxyproto connect: start a program with a library. */
#include <config.h>

#include "command/chosen.h"
#include "command/library.h"
#include "command/program.h"
#include "command/supervising.h"
#include "supervisor/supervise.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum means {
	BY_AUTO,
	BY_PRELOAD,
	BY_SUPERVISOR,
};

static const char *const means_names[] = { "auto", "preload", "supervise" };

#define MEANS_COUNT (sizeof(means_names) / sizeof(*means_names))

#define OPTION_HOW                                                         \
	{ "how", 0, "MEANS", "by which means: preload, supervise or auto" }

static const struct pp_option connect_options[] = {
	OPTION_HOW,
	{ .name = NULL },
};

static const struct pp_option run_options[] = {
	OPTION_HOW,
	{ "udp", 0, NULL, "COMMAND's datagrams, too, each with a header" },
	{ .name = NULL },
};

/* What both do. */
struct task {
	const struct pp_subcommand *subcommand;
	enum pp_library library;
	enum means means;
	bool datagrams;		/* of UDP, too */
	struct pp_chosen chosen;
};

/* Takes an option that is no setting: --how or --udp. */
static bool take_own(struct task *task, const struct pp_option *option,
		     const char *value)
{
	if (option->argument == NULL) {
		task->datagrams = true;
		return true;
	}
	for (size_t i = 0; i < MEANS_COUNT; i++)
		if (strcmp(value, means_names[i]) == 0) {
			task->means = (enum means)i;
			return true;
		}
	pp_complain(task->subcommand, "--how=\"%s\" is not valid: it takes "
		    "preload, supervise or auto", value);
	return false;
}

/* Reads the options. False where one has a mistake, which was told. */
static bool take_options(struct task *task, int argc, char *argv[])
{
	struct pp_given given;
	bool good = true;

	while (good && pp_next_option(task->subcommand, argc, argv, &given))
		good = given.setting != NULL
			       ? pp_chosen_take(&task->chosen, &given)
			       : take_own(task, given.option, given.value);
	if (good && argv[optind] == NULL) {
		pp_complain(task->subcommand, "COMMAND is missing; proxyproto "
			    "%s --help has examples", task->subcommand->name);
		good = false;
	}
	return good;
}

/* Says why COMMAND cannot be executed. Returns the status of env(1). */
static int fail_execution(const struct task *task, const char *command,
			  int error)
{
	pp_complain(task->subcommand, "%s: %s", command, strerror(error));
	return error == ENOENT ? PP_EXIT_NOT_FOUND : PP_EXIT_CANNOT_RUN;
}

/* Becomes COMMAND. Returns where that fails. */
static int execute(const struct task *task, char *argv[])
{
	execvp(argv[0], argv);
	return fail_execution(task, argv[0], errno);
}

static int run_preloaded(const struct task *task, char *argv[])
{
	struct pp_settings_error error = { "" };

	if (!pp_library_preload(task->library, &error) ||
	    (task->datagrams &&
	     !pp_library_preload(PP_LIBRARY_UDP, &error)))
		return pp_complain(task->subcommand, "%s", error.text);
	return execute(task, argv);
}

/*
 * What is supervised must not have the library as well, which would look for a
 * header behind the one that is gone; nor must the supervisor. Begins anew
 * where the loader has loaded it into this process. False where it cannot be
 * left out, which was told.
 */
static bool leave_library_out(const struct task *task)
{
	if (pp_library_drop(task->library)) {
		execv("/proc/self/exe", pp_own_arguments);
		pp_complain(task->subcommand, "/proc/self/exe: %s",
			    strerror(errno));
		return false;
	}
	if (task->library != PP_LIBRARY_SERVER || !pp_library_is_loaded())
		return true;
	pp_complain(task->subcommand, "/etc/ld.so.preload has "
		    "libproxyproto.so: nothing can be supervised beside it; "
		    "--how=preload leaves COMMAND to that");
	return false;
}

/* Whether the settings can be had from a supervisor; told where not. */
static bool check_supervised(const struct task *task, const char *command)
{
	const char *name = pp_supervising_lacks(
		&task->chosen.settings, task->library == PP_LIBRARY_CLIENT,
		task->datagrams);
	struct pp_program program;

	if (name == NULL)
		return true;
	if (pp_program_find(command, &program) == 0 &&
	    !pp_program_is_preloadable(program.kind))
		pp_complain(task->subcommand, "--%s: it takes a preloaded "
			    "library, and %s %s", name, command,
			    program.reason);
	else
		pp_complain(task->subcommand, "--%s: %s would be supervised, "
			    "which cannot do that: it takes --how=preload",
			    name, command);
	return false;
}

static int run_supervised(const struct task *task, char *argv[])
{
	const struct pp_supervise how = {
		.connect = task->library == PP_LIBRARY_CLIENT,
	};

	if (!check_supervised(task, argv[0]) || !leave_library_out(task))
		return PP_EXIT_OWN;
	return pp_supervise(argv, &how);
}

/* Why a program is run by one means or the other, for debug mode. */
static void tell_means(const struct task *task,
		       const struct pp_program *program)
{
	const bool is_script = strcmp(program->path, program->judged) != 0;

	if (!task->chosen.settings.debug)
		return;
	fprintf(stderr, "proxyproto: %s: %s: %s%s%s %s\n",
		task->subcommand->name,
		program->kind == PP_PROGRAM_DYNAMIC ? "preloaded"
						    : "supervised",
		program->path, is_script ? ": its interpreter " : "",
		is_script ? program->judged : "", program->reason);
}

/* Runs COMMAND by the means that reach it. */
static int run_by_kind(const struct task *task, char *argv[])
{
	struct pp_program program;
	int error = pp_program_find(argv[0], &program);

	if (error != 0)
		return fail_execution(task, argv[0], error);
	if (program.kind == PP_PROGRAM_UNKNOWN)
		return pp_complain(task->subcommand, "%s %s: --how=preload or "
				   "--how=supervise says what to do",
				   program.path, program.reason);
	tell_means(task, &program);
	if (program.kind == PP_PROGRAM_DYNAMIC)
		return run_preloaded(task, argv);
	return run_supervised(task, argv);
}

static int run_task(struct task *task, int argc, char *argv[])
{
	pp_chosen_begin(&task->chosen, task->subcommand);
	if (!take_options(task, argc, argv) ||
	    !pp_chosen_complete(&task->chosen))
		return PP_EXIT_OWN;
	argv += optind;
	switch (task->means) {
	case BY_PRELOAD:
		return run_preloaded(task, argv);
	case BY_SUPERVISOR:
		return run_supervised(task, argv);
	case BY_AUTO:
		break;
	}
	return run_by_kind(task, argv);
}

static int run_server(int argc, char *argv[])
{
	struct task task = { .subcommand = &pp_run_command,
			     .library = PP_LIBRARY_SERVER };

	return run_task(&task, argc, argv);
}

static int run_client(int argc, char *argv[])
{
	struct task task = { .subcommand = &pp_connect_command,
			     .library = PP_LIBRARY_CLIENT };

	return run_task(&task, argc, argv);
}

const struct pp_subcommand pp_run_command = {
	.name = "run",
	.summary = "run a server that is shown the client instead of the proxy",
	.usage = "[OPTION...] [--] COMMAND [ARGUMENT...]",
	.help = "Runs COMMAND. The PROXY protocol header of each TCP "
		"connection that it accepts\nis taken off, and it is shown the "
		"client instead of the proxy.\n",
	.examples = "  proxyproto run nc -dklnv 127.0.0.1 9090\n"
		    "  proxyproto run --trusted=192.0.2.10 --must-use -- "
		    "nginx -g 'daemon off;'\n"
		    "  proxyproto run --udp --ports=53 -- dnsmasq -k\n",
	.options = run_options,
	.settings = pp_server_settings,
	.options_first = true,
	.function = run_server,
};

const struct pp_subcommand pp_connect_command = {
	.name = "connect",
	.summary = "run a client that sends a header, as a proxy would",
	.usage = "[OPTION...] [--] COMMAND [ARGUMENT...]",
	.help = "Runs COMMAND. Each TCP connection that it makes begins with a "
		"PROXY protocol\nheader. It is for testing.\n",
	.examples = "  proxyproto connect curl http://127.0.0.1:8080/\n"
		    "  proxyproto connect --addr=198.51.100.20 --version=1 -- "
		    "nc 127.0.0.1 9090\n",
	.options = connect_options,
	.settings = pp_client_settings,
	.options_first = true,
	.function = run_client,
};
