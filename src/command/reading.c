/* SPDX-License-Identifier: ISC */
/* Programs whose output is read; see reading.h. */
#include <config.h>

#include "command/reading.h"

#include "command/command.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

bool pp_reading_start(struct pp_reading *reading, char *const argv[])
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	reading->output = fdopen(ends[0], "r");
	reading->pid = reading->output == NULL ? -1 : fork();
	if (reading->pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execv(argv[0], argv);
		_exit(PP_EXIT_OWN);
	}
	close(ends[1]);
	if (reading->pid > 0)
		return true;
	if (reading->output != NULL)
		fclose(reading->output);
	else
		close(ends[0]);
	return false;
}

int pp_reading_end(struct pp_reading *reading)
{
	int status;

	fclose(reading->output);
	if (waitpid(reading->pid, &status, 0) < 0 || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}
