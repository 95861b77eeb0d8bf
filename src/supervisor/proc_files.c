/* SPDX-License-Identifier: ISC */
/* What /proc/PID has in files; see proc_files.h. */
#include <config.h>

#include "supervisor/proc_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The most that is read of a file. */
#define READ_MAX ((size_t)64 << 20)

static char *read_to_end(int fd, size_t *length)
{
	size_t size = 16384;
	char *text = malloc(size);
	ssize_t got = 1;

	while (text != NULL && got != 0) {
		got = read(fd, text + *length, size - 1 - *length);
		if (got < 0 && errno != EINTR) {
			*length = 0;
			free(text);
			return NULL;
		}
		if (got > 0)
			*length += (size_t)got;
		if (*length == size - 1 && size < READ_MAX) {
			char *larger = realloc(text, size *= 2);

			if (larger == NULL) {
				*length = 0;
				free(text);
			}
			text = larger;
		}
	}
	if (text != NULL)
		text[*length] = '\0';
	return text;
}

char *pp_process_file(pid_t pid, const char *name, size_t *length)
{
	char path[64], *text;
	int fd, error;

	*length = 0;
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	text = read_to_end(fd, length);
	error = errno;
	close(fd);
	errno = error;
	return text;
}

/* A number of that many bytes. */
static uint64_t get_word(const char *at, size_t width)
{
	uint32_t half;
	uint64_t whole;

	memcpy(&half, at, sizeof(half));
	if (width == sizeof(half))
		return half;
	memcpy(&whole, at, sizeof(whole));
	return whole;
}

uint64_t pp_process_auxiliary(const char *auxv, size_t length, uint64_t type)
{
	size_t width = sizeof(uint64_t);

	/* types are small numbers, and the first value is not 0 */
	if (length >= width && get_word(auxv, width) > UINT32_MAX)
		width = sizeof(uint32_t);
	for (size_t i = 0; i + 2 * width <= length; i += 2 * width)
		if (get_word(auxv + i, width) == type)
			return get_word(auxv + i + width, width);
	return 0;
}
