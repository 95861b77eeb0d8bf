/* SPDX-License-Identifier: ISC */
/* What /proc tells of processes; see processes.h. Sockets are in sockets.c. */
#include <config.h>

#include "command/processes.h"

#include "settings/load.h"
#include "supervisor/proc_files.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* include/linux/sched.h */
#define PF_KTHREAD 0x00200000u

/* Where a link of /proc/PID leads to; "" where that is hidden. */
static void read_link(pid_t pid, const char *name, char *to, size_t size)
{
	char path[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	length = readlink(path, to, size - 1);
	to[length < 0 ? 0 : length] = '\0';
}

/* A number of /proc/PID/status, or 0. */
static unsigned long find_number(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	return line == NULL ? 0 : strtoul(line + strlen(name), NULL, 10);
}

static bool read_status(struct pp_process *process)
{
	size_t length;
	char *status = pp_process_file(process->pid, "status", &length);

	if (status == NULL)
		return false;
	process->parent = (pid_t)find_number(status, "\nPPid:");
	process->has_filter = find_number(status, "\nSeccomp:") == 2;
	free(status);
	return true;
}

/* When the machine started. */
static time_t read_boot_time(void)
{
	static time_t known;
	FILE *file = known == 0 ? fopen("/proc/stat", "re") : NULL;
	char line[256];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "btime ", 6) == 0)
			known = (time_t)strtoll(line + 6, NULL, 10);
	if (file != NULL)
		fclose(file);
	return known;
}

/* What stands behind the name in /proc/PID/stat, which may be any text. */
static void read_stat(struct pp_process *process)
{
	size_t length;
	char *stat = pp_process_file(process->pid, "stat", &length);
	const char *start = stat == NULL ? NULL : strchr(stat, '(');
	const char *end = stat == NULL ? NULL : strrchr(stat, ')');
	unsigned long long ticks = 0;
	unsigned flags = 0;
	time_t boot = read_boot_time();

	if (start != NULL && end > start) {
		snprintf(process->name, sizeof(process->name), "%.*s",
			 (int)(end - start - 1), start + 1);
		if (sscanf(end + 1,
			   " %*c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u "
			   "%*u %*d %*d %*d %*d %*d %*d %llu", &flags,
			   &ticks) == 2 && boot != 0)
			process->started = boot +
				(time_t)(ticks / (unsigned long long)sysconf(
							 _SC_CLK_TCK));
	}
	process->is_kernel = (flags & PF_KTHREAD) != 0;
	free(stat);
}

static void read_auxv(struct pp_process *process)
{
	size_t length;
	char *auxv = pp_process_file(process->pid, "auxv", &length);

	if (auxv == NULL)
		return;
	process->has_auxv = length >= 16;
	process->is_secure = pp_process_auxiliary(auxv, length, AT_SECURE) != 0;
	process->random = pp_process_auxiliary(auxv, length, AT_RANDOM);
	process->path = pp_process_auxiliary(auxv, length, AT_EXECFN);
	free(auxv);
}

bool pp_process_read(pid_t pid, struct pp_process *process)
{
	*process = (struct pp_process){ .pid = pid };
	if (!read_status(process))
		return false;
	read_stat(process);
	read_auxv(process);
	read_link(pid, "exe", process->program, sizeof(process->program));
	read_link(pid, "root", process->root, sizeof(process->root));
	return true;
}

/* Cuts what /proc puts behind the path of a file that is gone. */
static bool cut_deleted(char *path)
{
	static const char mark[] = " (deleted)";
	size_t length = strlen(path);
	size_t size = sizeof(mark) - 1;

	if (length < size || strcmp(path + length - size, mark) != 0)
		return false;
	path[length - size] = '\0';
	return true;
}

/* Reads up to size bytes of its memory. Returns how many there were. */
static size_t read_memory(const struct pp_process *process, uint64_t at,
			  void *to, size_t size)
{
	struct iovec here = { to, size };
	struct iovec there = { .iov_len = size };
	ssize_t got;

	if (at == 0)
		return 0;
	/* an address of another process, which no pointer of ours is */
	memcpy(&there.iov_base, &at, sizeof(there.iov_base));
	got = process_vm_readv(process->pid, &here, 1, &there, 1, 0);
	return got < 0 ? 0 : (size_t)got;
}

bool pp_process_secret(const struct pp_process *process, uint64_t secret[2])
{
	return read_memory(process, process->random, secret, 16) == 16;
}

void pp_process_base_name(const struct pp_process *process, char *name,
			  size_t size)
{
	char path[PATH_MAX];
	/* it ends where the stack does, at the latest */
	size_t length = 0, step = 64;

	while (!process->is_secure && length + step < sizeof(path) &&
	       memchr(path, '\0', length) == NULL) {
		size_t got = read_memory(process, process->path + length,
					 path + length, step);

		length += got;
		if (got < step && (step /= 2) == 0)
			break;
	}
	path[length] = '\0';
	if (path[0] == '\0' || strncmp(path, "/dev/fd/", 8) == 0) {
		snprintf(path, sizeof(path), "%s", process->program);
		cut_deleted(path);
		/* a link's name, or a script's, if the program kept it */
		if (!process->is_secure &&
		    (path[0] == '\0' ||
		     strncmp(pp_base_name(path), process->name,
			     strlen(process->name)) != 0))
			snprintf(path, sizeof(path), "%s", process->name);
	}
	snprintf(name, size, "%s", pp_base_name(path));
}

static int compare_pids(const void *a, const void *b)
{
	const pid_t first = *(const pid_t *)a, second = *(const pid_t *)b;

	return (first > second) - (first < second);
}

pid_t *pp_processes(void)
{
	DIR *folder = opendir("/proc");
	size_t count = 0, size = 256;
	pid_t *pids = calloc(size, sizeof(*pids));
	struct dirent *entry;

	while (folder != NULL && pids != NULL &&
	       (entry = readdir(folder)) != NULL) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		if (count + 1 == size) {
			pid_t *larger = realloc(pids,
						(size *= 2) * sizeof(*pids));

			if (larger == NULL)
				break;
			pids = larger;
		}
		pids[count++] = (pid_t)strtol(entry->d_name, NULL, 10);
	}
	if (folder != NULL)
		closedir(folder);
	if (pids == NULL)
		return NULL;
	pids[count] = 0;
	qsort(pids, count, sizeof(*pids), compare_pids);
	return pids;
}

/* Which one of ours has that path? Its version stands behind. */
static bool is_library(const char *path, enum pp_library *library)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL && pp_library_of(slash + 1, library);
}

int pp_process_libraries(pid_t pid, struct pp_mapped *libraries, int size)
{
	size_t length;
	char *maps = pp_process_file(pid, "maps", &length), *rest = NULL;
	int count = 0;

	if (maps == NULL)
		return -1;
	for (char *line = strtok_r(maps, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		struct pp_mapped mapped = { .path = "" };
		char *path = strchr(line, '/');
		int i;

		if (path == NULL || !is_library(path, &mapped.library))
			continue;
		mapped.is_deleted = cut_deleted(path);
		snprintf(mapped.path, sizeof(mapped.path), "%s", path);
		for (i = 0; i < count && i < size; i++)
			if (strcmp(libraries[i].path, mapped.path) == 0 &&
			    libraries[i].is_deleted == mapped.is_deleted)
				break;
		if (i == count && count < size)
			libraries[count++] = mapped;
	}
	free(maps);
	return count;
}
