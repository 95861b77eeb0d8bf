/* SPDX-License-Identifier: ISC */
/* proxyproto check: is it served, and safe? */
#include <config.h>

#include "command/check.h"
#include "command/command.h"
#include "command/json.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is asked. */
struct request {
	pid_t pid;
	unsigned port;
	char **command;
	const char *how;	/* as COMMAND would be run, or NULL */
	bool datagrams;		/* of COMMAND, too */
	bool has_settings;	/* which are COMMAND's */
	bool json, colours;
	/* what became of it */
	int status;
	bool is_first;
};

static void free_check(struct pp_check *check)
{
	static const struct pp_settings none;

	pp_settings_drop(&check->settings, &none);
	for (char **variable = check->environment;
	     variable != NULL && *variable != NULL; variable++)
		free(*variable);
	free(check->environment);
	free(check);
}

/* Judges one, tells of it, and gives it back. */
static void finish_check(struct request *request, struct pp_check *check)
{
	int status;

	pp_check_judge(check);
	status = pp_check_status(check);
	/* not served is the worst, and 1 */
	if (status == 1 || request->status == 0)
		request->status = status;
	if (request->json) {
		pp_json_item(&request->is_first, NULL);
		pp_check_print_json(check);
	} else {
		if (!request->is_first)
			putchar('\n');
		request->is_first = false;
		pp_check_print(check, request->colours);
	}
	free_check(check);
}

/* False where there is no such process any more. */
static bool check_process(struct request *request, pid_t pid)
{
	struct pp_check *check = calloc(1, sizeof(*check));

	if (check == NULL || !pp_check_process(check, pid)) {
		free(check);
		return false;
	}
	finish_check(request, check);
	return true;
}

/* A COMMAND as it would be run. */
static int check_command(struct request *request)
{
	struct pp_check *check = calloc(1, sizeof(*check));
	const char *command = request->command[0];
	int error = check == NULL
			    ? ENOMEM
			    : pp_check_command_line(check, command,
						    request->how);

	if (error == 0) {
		check->datagrams = request->datagrams;
		finish_check(request, check);
		return 0;
	}
	free(check);
	return pp_complain(&pp_check_command, "%s: %s", command,
			   strerror(error));
}

/* Whether a process has a listener on a port, and how many hide what they have. */
struct search {
	const struct pp_rows *rows;
	unsigned port;
	bool is_found;
};

static bool is_other_descriptor(int fd, const char *link, void *context)
{
	struct search *search = context;
	const struct pp_row *row =
		pp_rows_find(search->rows, pp_socket_number(link));

	(void)fd;
	search->is_found = row != NULL && pp_row_is_open(row) &&
			   ntohs(pp_address_port(&row->local)) == search->port;
	return !search->is_found;
}

/*
 * Checks all that listen on the port, but for supervisors, which hold what they
 * serve. Returns how many there are. */
static unsigned check_port(struct request *request, unsigned *hidden)
{
	pid_t *pids = pp_processes();
	static struct pp_process process;
	unsigned count = 0;

	*hidden = 0;
	for (size_t i = 0; pids != NULL && pids[i] != 0; i++) {
		struct search search = { pp_rows_of(pids[i]), request->port,
					 false };

		if (search.rows == NULL ||
		    !pp_process_descriptors(pids[i], is_other_descriptor,
					    &search))
			*hidden += pp_process_read(pids[i], &process) &&
				   !process.is_kernel;
		else if (search.is_found &&
			 pp_process_read(pids[i], &process) &&
			 !pp_check_is_supervisor(&process))
			count += check_process(request, pids[i]);
	}
	free(pids);
	return count;
}

static int check_requested(struct request *request)
{
	unsigned hidden;

	if (request->command[0] != NULL)
		return check_command(request);
	if (request->pid != 0)
		return check_process(request, request->pid)
			       ? 0
			       : pp_complain(&pp_check_command,
					     "%d: no such process",
					     (int)request->pid);
	if (check_port(request, &hidden) > 0)
		return 0;
	if (hidden == 0)
		return pp_complain(&pp_check_command,
				   "nothing listens on port %u",
				   request->port);
	return pp_complain(&pp_check_command,
			   "none of the processes that may be looked at "
			   "listens on port %u; %u may not: be root",
			   request->port, hidden);
}

static const struct pp_option check_options[] = {
	{ "pid", 'p', "PID", "the process of that number" },
	{ "port", 'l', "PORT", "those that listen on that port" },
	{ "json", 0, NULL, "for programs; proxyproto(1) says what it is" },
	{ "how", 0, "MEANS",
	  "as run would be told it: preload, supervise or auto" },
	{ "udp", 0, NULL, "as run would be told it" },
	{ .name = NULL },
};

/* Gives COMMAND a setting; what is wrong with it is told as a slip. */
static bool take_setting(struct request *request, const struct pp_given *given)
{
	char variable[sizeof(PP_SETTINGS_PREFIX) + PP_OPTION_NAME];

	snprintf(variable, sizeof(variable), PP_SETTINGS_PREFIX "%s",
		 given->setting->name);
	request->has_settings = true;
	return setenv(variable, given->value != NULL ? given->value : "1",
		      1) == 0;
}

static bool take_number(const char *value, unsigned most, unsigned *number)
{
	return pp_number(value, strlen(value), most, number) && *number > 0;
}

/* Takes the value of an option; false where it is bad. */
static bool take_option(struct request *request, const struct pp_given *given)
{
	static const char *const means[] = { "auto", "preload", "supervise" };
	const struct pp_option *option = given->option;
	unsigned number = 0;
	bool good = false;

	if (option == &check_options[0]) {
		good = take_number(given->value, 4194304, &number);
		request->pid = (pid_t)number;
	} else if (option == &check_options[1]) {
		good = take_number(given->value, 65535, &request->port);
	} else if (option == &check_options[2]) {
		good = request->json = true;
	} else if (option == &check_options[4]) {
		good = request->datagrams = request->has_settings = true;
	} else {
		request->has_settings = true;
		for (size_t i = 0; i < 3; i++)
			if (strcmp(given->value, means[i]) == 0) {
				request->how = i == 0 ? NULL : means[i];
				good = true;
			}
	}
	if (!good)
		pp_complain(&pp_check_command,
			    "--%s=\"%s\" is not valid: it takes %s",
			    option->name, given->value,
			    option == &check_options[3]
				    ? "preload, supervise or auto"
				    : "a number");
	return good;
}

static bool wants_colours(void)
{
	const char *none = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && (none == NULL || none[0] == '\0') &&
	       (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

/* Exactly one of them, and what is of COMMAND only with that. */
static bool is_sensible(const struct request *request)
{
	const bool has_command = request->command[0] != NULL;

	return has_command + (request->pid != 0) + (request->port != 0) == 1 &&
	       (has_command || !request->has_settings);
}

static int run_check(int argc, char *argv[])
{
	struct request request = { .is_first = true };
	struct pp_given given;
	int failed;

	while (pp_next_option(&pp_check_command, argc, argv, &given))
		if (given.setting != NULL ? !take_setting(&request, &given)
					  : !take_option(&request, &given))
			return PP_EXIT_OWN;
	request.command = argv + optind;
	if (!is_sensible(&request))
		return pp_complain(&pp_check_command,
				   "it takes COMMAND, with settings, or one of "
				   "--pid and --port; proxyproto check --help "
				   "has examples");
	request.colours = wants_colours();
	if (request.json)
		fputs("{\"schema\": 1, \"checked\": [", stdout);
	failed = check_requested(&request);
	if (request.json)
		printf("], \"status\": %d}\n",
		       failed != 0 ? failed : request.status);
	return failed != 0 ? failed : request.status;
}

const struct pp_subcommand pp_check_command = {
	.name = "check",
	.summary = "tell whether a server is served, and what is wrong with it",
	.usage = "[OPTION...] [--] COMMAND | -p PID | -l PORT",
	.help = "Tells of COMMAND, which is not started, of a process, or of "
		"those that listen on\na port, by which means they are served "
		"and why, which settings apply, who is\ntrusted, what listens, "
		"and what is wrong with any of that. Exit status: 0 served\n"
		"and safe, 1 not served, 2 served, but look at this.\n",
	.examples = "  proxyproto check --trusted=192.0.2.10 -- nginx\n"
		    "  proxyproto check -p $(pidof -s nginx)\n"
		    "  proxyproto check -l 80\n"
		    "  proxyproto check --json -l 80 | jq "
		    "'.checked[].slips[].name'\n",
	.options = check_options,
	.settings = pp_server_settings,
	.options_first = true,
	.function = run_check,
};
