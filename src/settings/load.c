/* SPDX-License-Identifier: ISC */
/* Reading the settings file from where it is; see load.h. */
#include <config.h>

#include "settings/load.h"

#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

const char *pp_base_name(const char *path)
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
		return pp_base_name(path);
	}
	/* fexecve(3) leaves a descriptor's number there */
	if (name == NULL || strncmp(name, "/dev/fd/", 8) == 0)
		return program_invocation_short_name;
	return pp_base_name(name);
}

/* Reads all of it. Returns its length, or -errno where that fails. */
static ssize_t read_whole(int fd, char *bytes)
{
	size_t length = 0;
	struct stat status;
	ssize_t got = 1;

	if (fstat(fd, &status) != 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	while (got != 0 && length <= FILE_MAX) {
		got = read(fd, bytes + length, FILE_MAX + 1 - length);
		if (got >= 0)
			length += (size_t)got;
		else if (errno != EINTR)
			return -errno;
	}
	return length > FILE_MAX ? -EFBIG : (ssize_t)length;
}

/* Whether a file that is not there will do. */
static bool is_optional(const struct pp_settings *settings)
{
	const struct pp_setting *row =
		pp_settings_find(pp_server_settings, "CONFIG");

	return settings->from[row - pp_server_settings] == PP_FROM_DEFAULT;
}

/* Takes the settings of a file that is open. Returns 0 or more, or -errno. */
static ssize_t read_open(int fd, const char *program,
			 struct pp_settings *settings,
			 struct pp_settings_error *error)
{
	char *bytes = pp_memory_map(TEXT_SIZE);
	ssize_t length;

	if (bytes == NULL) {
		pp_settings_fail(error, "%s: no memory for it",
				 settings->config);
		return -ENOMEM;
	}
	length = read_whole(fd, bytes);
	if (length < 0)
		pp_settings_fail(error,
				 "%s: cannot be read: %s: it takes a regular "
				 "file of up to %zu bytes",
				 settings->config, strerror((int)-length),
				 FILE_MAX);
	else
		pp_settings_parse_file(bytes, (size_t)length,
				       program, settings, error);
	munmap(bytes, TEXT_SIZE);
	return length;
}

int pp_settings_read_file_at(const char *root, const char *program,
			     struct pp_settings *settings,
			     struct pp_settings_error *error)
{
	char path[sizeof(settings->config) + 32];
	ssize_t result;
	int fd;

	snprintf(path, sizeof(path), "%s%s", root, settings->config);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	result = -errno;
	if (fd >= 0) {
		settings->has_file = true;
		result = read_open(fd, program, settings, error);
		/* by name it may be somebody's hook */
		syscall(SYS_close, fd);
	} else if ((result != -ENOENT && result != -ENOTDIR) ||
		   !is_optional(settings)) {
		pp_settings_fail(error, "%s: cannot be opened: %s",
				 settings->config, strerror((int)-result));
	}
	if (result == -EMFILE || result == -ENFILE || result == -ENOMEM)
		return (int)-result;
	return 0;
}

int pp_settings_read_file(struct pp_settings *settings,
			  struct pp_settings_error *error)
{
	char program[1024];

	return pp_settings_read_file_at(
		"", program_name(program, sizeof(program)), settings, error);
}

bool pp_settings_syn_cookies(void)
{
	int fd = open("/proc/sys/net/ipv4/tcp_syncookies",
		      O_RDONLY | O_CLOEXEC);
	char digit = '1';

	if (fd < 0)
		return true;
	if (read(fd, &digit, 1) != 1)
		digit = '1';
	syscall(SYS_close, fd);
	return digit != '0';
}
