/* SPDX-License-Identifier: ISC */
/* proxyproto check: is it served, and safe? */
#include <config.h>

#include "command/check.h"
#include "command/command.h"
#include "command/json.h"
#include "connection/note.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

/* What is asked. */
struct request {
	pid_t pid;
	unsigned port;
	char **command;
	bool json, colours;
	/* what became of it */
	int status;
	bool is_first;
};

/*
 * Tries it with a socket of our own. It need not be connected, and is not where
 * the loopback interface is off.
 */
static bool kernel_takes_notes(void)
{
	const union pp_address peer = {
		.in = { .sin_family = AF_INET, .sin_port = 1 }
	};
	struct pp_note note = { .kind = PP_NOTE_CLIENT }, got;
	struct pp_note_bytes bytes;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	bool takes;

	/* the longest one */
	note.source.in6.sin6_family = AF_INET6;
	note.source.in6.sin6_addr = in6addr_loopback;
	takes = pp_note_write(fd, &peer, &note) && pp_note_fetch(fd, &bytes) &&
		pp_note_parse(&bytes, &peer, &got) &&
		pp_address_equal(&got.source, &note.source);
	close(fd);
	return takes;
}

/* Whether a descriptor is that by which a supervisor is told of calls. */
static bool is_no_notifier(int fd, const char *link, void *context)
{
	(void)fd;
	*(bool *)context |= strcmp(link, "anon_inode:seccomp notify") == 0;
	return !*(bool *)context;
}

/* The ancestor of our name that has one; 0 where there is none. */
static pid_t find_supervisor(const struct pp_process *process)
{
	static struct pp_process ancestor;
	pid_t pid = process->parent;

	while (process->has_filter && pid > 0 &&
	       pp_process_read(pid, &ancestor)) {
		bool has_notifier = false;

		if (strcmp(ancestor.name, "proxyproto") == 0 &&
		    (!pp_process_descriptors(pid, is_no_notifier,
					     &has_notifier) ||
		     has_notifier))
			return pid;
		pid = ancestor.parent;
	}
	return 0;
}

/* What goes through the descriptors of a process. */
struct descriptors {
	struct pp_check *check;
	const struct pp_rows *rows;
};

static bool add_descriptor(int fd, const char *link, void *context)
{
	struct descriptors *descriptors = context;
	struct pp_check *check = descriptors->check;
	uint64_t number = pp_socket_number(link);
	const struct pp_row *row = NULL;

	(void)fd;
	check->has_ring |= strcmp(link, "anon_inode:[io_uring]") == 0;
	if (descriptors->rows != NULL)
		row = pp_rows_find(descriptors->rows, number);
	if (row == NULL || row->state != TCP_LISTEN)
		return true;
	for (int i = 0; i < check->listener_count; i++)
		if (check->listeners[i].number == number)
			return true;
	if (check->listener_count < PP_LISTENERS_MAX)
		check->listeners[check->listener_count++] =
			(struct pp_listener){ .number = number,
					      .address = row->local };
	return true;
}

static void gather_descriptors(struct pp_check *check)
{
	struct descriptors descriptors = { check,
					   pp_rows_of(check->process.pid) };

	if (!pp_process_descriptors(check->process.pid, add_descriptor,
				    &descriptors))
		check->listener_count = -1;
}

/*
 * Where its settings file is: it is read before a process changes its root
 * directory, so that one whose program is not in there began elsewhere.
 */
static void find_root(struct pp_check *check)
{
	const struct pp_process *process = &check->process;
	size_t length = strlen(process->root);

	if (length == 0 ||
	    (length > 1 && strncmp(process->program, process->root, length)))
		return;
	snprintf(check->root, sizeof(check->root), "/proc/%d/root",
		 (int)process->pid);
}

static void gather_environment(struct pp_check *check)
{
	size_t length;

	check->environment_text = pp_process_file(check->process.pid,
						  "environ", &length);
	if (check->environment_text != NULL)
		check->environment = pp_process_environment(
			check->environment_text, length);
}

/* False where there is no such process. */
static bool gather_process(struct pp_check *check, pid_t pid)
{
	if (!pp_process_read(pid, &check->process))
		return false;
	pp_process_base_name(&check->process, check->name,
			     sizeof(check->name));
	snprintf(check->program, sizeof(check->program), "%s",
		 check->process.program);
	check->is_secure = check->process.is_secure;
	check->library_count = pp_process_libraries(pid, check->libraries,
						    PP_LIBRARIES_MAX);
	check->supervisor = find_supervisor(&check->process);
	if (check->supervisor != 0)
		check->by = "supervise";
	for (int i = 0; i < check->library_count; i++)
		if (check->by == NULL && !check->libraries[i].is_client)
			check->by = "preload";
	find_root(check);
	gather_environment(check);
	gather_descriptors(check);
	return true;
}

/* Why it is as it is, beside what the file of the program tells. */
static void explain_process(struct pp_check *check)
{
	if (check->is_secure)
		pp_check_reason(check, "secure",
				"it runs with privileges of its file "
				"(AT_SECURE): the loader and the library leave "
				"its environment alone");
	if (check->process.has_filter && check->supervisor == 0)
		pp_check_reason(check, "seccomp",
				"it has a filter of seccomp(2), which must "
				"allow what libproxyproto(7) names");
	if (check->has_ring)
		pp_check_reason(check, "io-uring",
				"it has an io_uring(7) open");
}

static void free_check(struct pp_check *check)
{
	static const struct pp_settings none;

	pp_settings_drop(&check->settings, &none);
	if (check->environment_text != NULL)
		free(check->environment);
	free(check->environment_text);
	free(check);
}

/* Judges one, tells of it, and gives it back. */
static void finish_check(struct request *request, struct pp_check *check)
{
	int status;

	check->takes_notes = kernel_takes_notes();
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

	if (check == NULL || !gather_process(check, pid)) {
		free(check);
		return false;
	}
	explain_process(check);
	finish_check(request, check);
	return true;
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
	search->is_found = row != NULL && row->state == TCP_LISTEN &&
			   ntohs(pp_address_port(&row->local)) == search->port;
	return !search->is_found;
}

/* Checks all that listen on the port. Returns how many there are. */
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
		else if (search.is_found)
			count += check_process(request, pids[i]);
	}
	free(pids);
	return count;
}

static int check_requested(struct request *request)
{
	unsigned hidden;

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
	{ .name = NULL },
};

/* Takes the value of an option; false where it is bad. */
static bool take_option(struct request *request, const struct pp_given *given)
{
	unsigned number = 0;
	bool good = true;

	if (given->option->letter == 0) {
		request->json = true;
		return true;
	}
	good = pp_number(given->value, strlen(given->value),
			 given->option->letter == 'l' ? 65535 : 4194304,
			 &number) && number > 0;
	if (given->option->letter == 'l')
		request->port = number;
	else
		request->pid = (pid_t)number;
	if (!good)
		pp_complain(&pp_check_command,
			    "--%s=\"%s\" is not valid: it takes a number",
			    given->option->name, given->value);
	return good;
}

static bool wants_colours(void)
{
	const char *none = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && (none == NULL || none[0] == '\0') &&
	       (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

static int run_check(int argc, char *argv[])
{
	struct request request = { .is_first = true };
	struct pp_given given;
	int failed;

	while (pp_next_option(&pp_check_command, argc, argv, &given))
		if (!take_option(&request, &given))
			return PP_EXIT_OWN;
	if ((request.pid != 0) + (request.port != 0) != 1 ||
	    optind < argc)
		return pp_complain(&pp_check_command,
				   "it takes one of --pid and --port; "
				   "proxyproto check --help has examples");
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
	.usage = "[--json] -p PID | -l PORT",
	.help = "Tells of a process, or of those that listen on a port, by "
		"which means they are\nserved and why, which settings apply, "
		"who is trusted, what listens, and what is\nwrong with any of "
		"that. Exit status: 0 served and safe, 1 not served, 2 served,\n"
		"but look at this.\n",
	.examples = "  proxyproto check -p $(pidof -s nginx)\n"
		    "  proxyproto check -l 80\n"
		    "  proxyproto check --json -l 80 | jq '.checked[].slips[].name'\n",
	.options = check_options,
	.function = run_check,
};
