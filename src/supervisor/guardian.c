/* SPDX-License-Identifier: ISC */
/* Nothing lives on without the supervisor; see guardian.h. */
#include <config.h>

#include "supervisor/guardian.h"

#include "connection/report.h"
#include "supervisor/supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Between two looks at the children, in nanoseconds. */
#define SOON 1000000
#define LATER 100000000

pid_t pp_guardian_parent_of(pid_t pid)
{
	char path[32], text[512];
	const char *end;
	FILE *file;
	size_t length;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	length = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[length] = '\0';
	end = strrchr(text, ')');
	return end == NULL || strlen(end) < 5 ? 0 : (pid_t)atoi(end + 4);
}

/* The number of a child stays its own, as nobody else waits for it. */
static void kill_children(void)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	pid_t pid;

	if (folder == NULL)
		return;
	while ((entry = readdir(folder)) != NULL) {
		pid = (pid_t)atoi(entry->d_name);
		if (pid > 0 && pp_guardian_parent_of(pid) == getpid())
			kill(pid, SIGKILL);
	}
	closedir(folder);
}

void pp_guardian_end_children(void)
{
	struct timespec pause = { .tv_nsec = SOON };
	pid_t ended;

	while ((ended = waitpid(-1, NULL, WNOHANG)) >= 0) {
		if (ended > 0)
			continue;
		kill_children();
		nanosleep(&pause, NULL);
		/* of one that cannot be killed yet, or at all */
		if (pause.tv_nsec < LATER)
			pause.tv_nsec *= 2;
	}
}

/*
 * Holds nothing that the caller has, and is not met by who kills proxyproto by
 * its name: of the processes one is to be left that ends the others.
 */
static void leave_caller(int channel)
{
	int nothing;

	close(channel);
	pp_command_leave_descriptors();
	nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; nothing >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(nothing, fd);
	setsid();
	if (chdir("/") == 0)
		prctl(PR_SET_NAME, "pp-guardian");
}

_Noreturn void pp_guardian_run(const struct pp_run *command, int channel)
{
	const pid_t guardian = getpid();
	int status = 0;
	pid_t supervisor, ended;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	supervisor = fork();
	if (supervisor == 0)
		pp_supervisor_run(command, guardian, channel);
	if (supervisor < 0)
		pp_report("proxyproto", "cannot supervise: %s",
			  strerror(errno));
	leave_caller(channel);
	do
		ended = waitpid(-1, &status, 0);
	while (ended >= 0 && ended != supervisor);
	/* it has said that nothing is left */
	if (ended < 0 || status != 0)
		pp_guardian_end_children();
	_exit(0);
}
