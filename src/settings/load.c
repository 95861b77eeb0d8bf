/* SPDX-License-Identifier: ISC */
/* Reading the settings file from where it is; see load.h. */
#include <config.h>

#include "settings/load.h"

#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The largest file that is read. */
#define FILE_MAX ((size_t)1 << 20)

/* Room for a file that is too large to be seen as such, and a '\0'. */
#define TEXT_SIZE (FILE_MAX + 2)

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/*
 * The base name that the program was started by; for a script, the script's.
 * What a setuid program is called is its caller's to choose, by a link: there
 * it is the name of the file. "" where it cannot be known.
 */
static const char *program_name(char *path, size_t size)
{
	const char *name = (const char *)getauxval(AT_EXECFN);

	if (getauxval(AT_SECURE) != 0) {
		ssize_t length = readlink("/proc/self/exe", path, size - 1);

		if (length < 0 || (size_t)length == size - 1)
			length = 0; /* not known, or cut */
		path[length] = '\0';
		return base_name(path);
	}
	/* fexecve(3) leaves a descriptor's number there */
	if (name == NULL || strncmp(name, "/dev/fd/", 8) == 0)
		return program_invocation_short_name;
	return base_name(name);
}

/* Reads all of it; -1 with errno set where that fails. */
static ssize_t read_whole(int fd, char *bytes, size_t size)
{
	size_t length = 0;
	struct stat status;

	if (fstat(fd, &status) != 0)
		return -1;
	if (!S_ISREG(status.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	while (length < size) {
		ssize_t got = read(fd, bytes + length, size - length);

		if (got == 0)
			break;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		length += (size_t)got;
	}
	if (length > FILE_MAX) {
		errno = EFBIG;
		return -1;
	}
	return (ssize_t)length;
}

/* Whether a file that is not there will do. */
static bool is_optional(const struct pp_settings *settings)
{
	const struct pp_setting *row =
		pp_settings_find(pp_server_settings, "CONFIG");

	return settings->from[row - pp_server_settings] == PP_FROM_DEFAULT;
}

/* The error number, where that is a failure that may pass. */
static int is_passing(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM ? error
								     : 0;
}

static int read_open(int fd, char *bytes, struct pp_settings *settings,
		     struct pp_settings_error *error)
{
	ssize_t length = read_whole(fd, bytes, TEXT_SIZE - 1);
	char program[1024];
	struct pp_settings_text text = { .path = settings->config,
					 .bytes = bytes };

	if (length < 0) {
		int number = errno;

		pp_settings_fail(error,
				 "%s: cannot be read: %s: it takes a regular "
				 "file of up to %zu bytes",
				 settings->config, strerror(number),
				 FILE_MAX);
		return is_passing(number);
	}
	text.length = (size_t)length;
	text.program = program_name(program, sizeof(program));
	pp_settings_file(&text, settings, error);
	return 0;
}

int pp_settings_read(struct pp_settings *settings,
		     struct pp_settings_error *error)
{
	int fd = open(settings->config,
		      O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int number = errno, passing = ENOMEM;
	void *bytes;

	if (fd < 0 && (number == ENOENT || number == ENOTDIR) &&
	    is_optional(settings))
		return 0;
	if (fd < 0) {
		pp_settings_fail(error, "%s: cannot be opened: %s",
				 settings->config, strerror(number));
		return is_passing(number);
	}
	settings->has_file = true;
	bytes = pp_memory_map(TEXT_SIZE);
	if (bytes == NULL) {
		pp_settings_fail(error, "%s: no memory for it",
				 settings->config);
	} else {
		passing = read_open(fd, bytes, settings, error);
		munmap(bytes, TEXT_SIZE);
	}
	/* by name it may be somebody's hook */
	syscall(SYS_close, fd);
	return passing;
}
