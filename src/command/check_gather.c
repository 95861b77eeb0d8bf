/* SPDX-License-Identifier: ISC */
/* What is known of a process or a COMMAND; see check.h. */
#include <config.h>

#include "command/check.h"
#include "connection/note.h"
#include "supervisor/proc_files.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

/* What each kind of program is called as a reason. */
static const char *const kinds[] = {
	[PP_PROGRAM_DYNAMIC] = "dynamic",
	[PP_PROGRAM_STATIC] = "static",
	[PP_PROGRAM_GO] = "go",
	[PP_PROGRAM_RAW] = "raw-calls",
	[PP_PROGRAM_URING] = "io-uring",
	[PP_PROGRAM_OTHER_LIBC] = "other-libc",
	[PP_PROGRAM_OTHER_MACHINE] = "other-machine",
	[PP_PROGRAM_SECURE] = "secure",
	[PP_PROGRAM_PRIVILEGED] = "privileged",
	[PP_PROGRAM_STARTER] = "starter",
	[PP_PROGRAM_UNKNOWN] = "unknown",
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

bool pp_check_is_supervisor(const struct pp_process *process)
{
	bool has_notifier = false;

	return strcmp(process->name, "proxyproto") == 0 &&
	       (!pp_process_descriptors(process->pid, is_no_notifier,
					&has_notifier) ||
		has_notifier);
}

/* The nearest one above it; 0 where there is none. */
static pid_t find_supervisor(const struct pp_process *process)
{
	static struct pp_process ancestor;
	pid_t pid = process->parent;

	while (process->has_filter && pid > 0 &&
	       pp_process_read(pid, &ancestor)) {
		if (pp_check_is_supervisor(&ancestor))
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
	if (row == NULL || !pp_row_is_open(row))
		return true;
	for (int i = 0; i < check->listener_count; i++)
		if (check->listeners[i].number == number)
			return true;
	if (check->listener_count < PP_LISTENERS_MAX)
		check->listeners[check->listener_count++] =
			(struct pp_listener){ .number = number,
					      .is_udp = row->is_udp,
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

	if (length == 0 || check->supervisor != 0 ||
	    (length > 1 && strncmp(process->program, process->root, length)))
		return;
	snprintf(check->root, sizeof(check->root), "/proc/%d/root",
		 (int)process->pid);
}

FILE *pp_check_open(const struct pp_check *check, const char *path)
{
	char whole[2 * PATH_MAX];
	struct stat status;
	FILE *file = NULL;
	int fd;

	snprintf(whole, sizeof(whole), "%s%s", check->root, path);
	fd = open(whole, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
	    status.st_size <= PP_CHECKED_FILE_MAX)
		file = fdopen(fd, "r");
	if (fd >= 0 && file == NULL)
		close(fd);
	return file;
}

/* Adds the variables of a text to those that are there, where it has others. */
static void add_environment(struct pp_check *check, const char *text,
			    size_t length)
{
	/* a process may have overwritten the end of the last one */
	size_t count = 0, added = 1;
	char **all;

	while (check->environment[count] != NULL)
		count++;
	for (size_t i = 0; i < length; i++)
		added += text[i] == '\0';
	all = realloc(check->environment,
		      (count + added + 1) * sizeof(*all));
	if (all == NULL)
		return;
	check->environment = all;
	for (size_t i = 0; i < length; i += strlen(text + i) + 1) {
		char *variable = strdup(text + i);
		char *equals = variable ? strchr(variable, '=') : NULL;

		if (equals == NULL) {
			free(variable);
			continue;
		}
		*equals = '\0';
		if (pp_check_variable(check, variable) == NULL) {
			*equals = '=';
			all[count++] = variable;
			all[count] = NULL;
		} else {
			free(variable);
		}
	}
}

/*
 * A supervisor has its own settings where a process has none, and does not
 * believe one that has privileges of its file.
 */
static void gather_environment(struct pp_check *check)
{
	const bool is_believed = check->supervisor == 0 || !check->is_secure;
	const pid_t from[] = { is_believed ? check->process.pid : 0,
			       check->supervisor };

	for (size_t i = 0; i < 2; i++) {
		size_t length;
		char *text = from[i] == 0 ? NULL
					  : pp_process_file(from[i], "environ",
							    &length);

		if (text == NULL)
			continue;
		if (check->environment == NULL)
			check->environment =
				calloc(1, sizeof(*check->environment));
		if (check->environment != NULL)
			add_environment(check, text, length);
		free(text);
	}
}

/* Where its file may be read; its path in the process's own mounts may not. */
static void judge_program(struct pp_check *check)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe",
		 (int)check->process.pid);
	pp_program_judge(path, &check->program);
	snprintf(check->program.path, sizeof(check->program.path), "%s",
		 check->process.program);
}

/* Why it is as it is. */
static void explain_process(struct pp_check *check)
{
	/* what the file would be to us says nothing of a process */
	if (check->program.kind != PP_PROGRAM_SECURE &&
	    check->process.program[0] != '\0')
		pp_check_reason(check, kinds[check->program.kind], "it %s",
				check->program.reason);
	if (check->is_secure)
		pp_check_reason(check, kinds[PP_PROGRAM_SECURE],
				"it runs with privileges of its file "
				"(AT_SECURE): the loader and the library leave "
				"its environment alone");
	if (check->process.has_filter && check->supervisor == 0)
		pp_check_reason(check, "seccomp",
				"it has a filter of seccomp(2), which must "
				"allow what libproxyproto(7) names");
	if (check->has_ring && check->program.kind != PP_PROGRAM_URING)
		pp_check_reason(check, "io-uring",
				"it has an io_uring(7) open");
}

bool pp_check_has_library(const struct pp_check *check,
			  enum pp_library library)
{
	for (int i = 0; i < check->library_count; i++)
		if (check->libraries[i].library == library)
			return true;
	return false;
}

bool pp_check_process(struct pp_check *check, pid_t pid)
{
	if (!pp_process_read(pid, &check->process))
		return false;
	pp_process_base_name(&check->process, check->name,
			     sizeof(check->name));
	judge_program(check);
	check->is_secure = check->process.is_secure;
	check->library_count = pp_process_libraries(pid, check->libraries,
						    PP_LIBRARIES_MAX);
	check->supervisor = find_supervisor(&check->process);
	if (check->supervisor != 0)
		check->by = "supervise";
	else if (pp_check_has_library(check, PP_LIBRARY_SERVER) ||
		 pp_check_has_library(check, PP_LIBRARY_UDP))
		check->by = "preload";
	find_root(check);
	gather_environment(check);
	gather_descriptors(check);
	check->takes_notes = kernel_takes_notes();
	explain_process(check);
	return true;
}

/* By which means it will be run, where none is asked for. */
static const char *choose_means(enum pp_program_kind kind)
{
	if (kind == PP_PROGRAM_UNKNOWN)
		return NULL;
	return kind == PP_PROGRAM_DYNAMIC ? "preload" : "supervise";
}

int pp_check_command_line(struct pp_check *check, const char *command,
			  const char *how)
{
	const char *slash = strrchr(command, '/');
	int error = pp_program_find(command, &check->program);
	bool is_script;

	if (error != 0)
		return error;
	snprintf(check->name, sizeof(check->name), "%s",
		 slash != NULL ? slash + 1 : command);
	is_script = strcmp(check->program.path, check->program.judged) != 0;
	pp_check_reason(check, kinds[check->program.kind], "%s%s %s",
			is_script ? "its interpreter " : "it",
			is_script ? check->program.judged : "",
			check->program.reason);
	check->by = how != NULL ? how : choose_means(check->program.kind);
	check->is_secure = check->program.kind == PP_PROGRAM_SECURE;
	check->environment = calloc(1, sizeof(*check->environment));
	for (char **variable = environ;
	     check->environment != NULL && *variable != NULL; variable++)
		add_environment(check, *variable, strlen(*variable) + 1);
	check->takes_notes = kernel_takes_notes();
	return 0;
}
