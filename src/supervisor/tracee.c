/* SPDX-License-Identifier: ISC */
/* Processes; see tracee.h. */
#include <config.h>

#include "supervisor/tracee.h"

#include "supervisor/proc_files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* since Linux 6.9 */
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

#define BUCKETS 1024	/* of processes, by number */
#define THREADS 4096	/* the thread that was seen last of each number */

static struct pp_tracee *processes[BUCKETS];
static struct {
	pid_t tid;
	struct pp_tracee *process;
} threads[THREADS];

void (*pp_tracee_ends)(struct pp_tracee *process);

static struct pp_tracee **bucket_of(pid_t tgid)
{
	return &processes[(unsigned)tgid % BUCKETS];
}

static struct pp_tracee *find_process(pid_t tgid)
{
	struct pp_tracee *process = *bucket_of(tgid);

	while (process != NULL && process->tgid != tgid)
		process = process->next;
	return process;
}

static void forget_process(struct pp_tracee *process)
{
	struct pp_tracee **at = bucket_of(process->tgid);

	pp_tracee_ends(process);
	while (*at != process)
		at = &(*at)->next;
	*at = process->next;
	for (int i = 0; process->has_threads && i < THREADS; i++)
		if (threads[i].process == process) {
			threads[i].tid = 0;
			threads[i].process = NULL;
		}
	pp_loop_remove(process->pidfd);
	close(process->pidfd);
	if (process->memory >= 0)
		close(process->memory);
	free(process);
}

static void process_ended(struct pp_event *event, uint32_t events)
{
	(void)events;
	forget_process(PP_WHOLE(event, struct pp_tracee, ended));
}

static struct pp_tracee *make_process(pid_t tgid)
{
	struct pp_tracee *process = calloc(1, sizeof(*process));

	if (process == NULL)
		return NULL;
	process->tgid = tgid;
	process->tid = tgid;
	process->memory = -1;
	process->ended.ready = process_ended;
	process->pidfd = (int)syscall(SYS_pidfd_open, tgid, 0);
	if (process->pidfd < 0 ||
	    !pp_loop_add(process->pidfd, EPOLLIN, &process->ended)) {
		if (process->pidfd >= 0)
			close(process->pidfd);
		free(process);
		return NULL;
	}
	process->next = *bucket_of(tgid);
	*bucket_of(tgid) = process;
	return process;
}

/* The number of the process that a thread is of; 0 where it has gone. */
static pid_t read_tgid(pid_t tid)
{
	static const char name[] = "\nTgid:\t";
	char path[32], text[1024];
	const char *line;
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return 0;
	text[length] = '\0';
	line = strstr(text, name);
	return line == NULL ? 0 : (pid_t)atoi(line + sizeof(name) - 1);
}

/*
 * A thread waits for us, so its number is not given to another one meanwhile.
 * That it still is of a process that it was of is asked; that this is still
 * the process of that number its descriptor tells when it is used.
 */
struct pp_tracee *pp_tracee_of(pid_t tid)
{
	size_t place = (unsigned)tid % THREADS;
	struct pp_tracee *process = find_process(tid);
	pid_t tgid;

	if (process != NULL)
		return process;
	process = threads[place].process;
	if (process != NULL && threads[place].tid == tid &&
	    (syscall(SYS_tgkill, process->tgid, tid, 0) == 0 || errno != ESRCH))
		return process;
	errno = ESRCH;
	tgid = read_tgid(tid);
	if (tgid <= 0)
		return NULL;
	process = find_process(tgid);
	if (process == NULL)
		process = make_process(tgid);
	if (process != NULL && tgid != tid) {
		process->has_threads = true;
		threads[place].tid = tid;
		threads[place].process = process;
	}
	return process;
}

static int fetch_fd(const struct pp_tracee *process, int fd)
{
	int fetched = (int)syscall(SYS_pidfd_getfd, process->pidfd, fd, 0);

	return fetched < 0 ? -errno : fetched;
}

/* The number of the socket that a thread has as fd; 0 where it has none. */
static unsigned long read_socket_number(pid_t tid, int fd)
{
	static const char kind[] = "socket:[";
	char path[48], link[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)tid, fd);
	length = readlink(path, link, sizeof(link) - 1);
	link[length < 0 ? 0 : length] = '\0';
	return strncmp(link, kind, sizeof(kind) - 1) == 0
		       ? strtoul(link + sizeof(kind) - 1, NULL, 10)
		       : 0;
}

static bool is_unix_socket(pid_t tid, unsigned long number)
{
	size_t length;
	char *table = pp_process_file(tid, "net/unix", &length), *line = table;
	unsigned long other;
	bool found = false;

	while (!found && line != NULL) {
		found = sscanf(line, "%*s %*s %*s %*s %*s %*s %lu", &other) ==
				1 && other == number;
		line = strchr(line, '\n');
		if (line != NULL)
			line++;
	}
	free(table);
	return found;
}

/*
 * Is it a socket that cannot be fetched, as the first thread of the process has
 * ended and its own it has none any more? One that may be of the internet.
 */
static bool is_out_of_reach(const struct pp_tracee *process, pid_t tid, int fd)
{
	unsigned long number = read_socket_number(tid, fd);

	return number != 0 && read_socket_number(process->tgid, fd) == 0 &&
	       !is_unix_socket(tid, number);
}

/*
 * The same by the thread itself: the first one of a process may end before the
 * others, and has no descriptors then. Before Linux 6.9: what it had for that,
 * or -ENOSYS.
 */
static int fetch_from_thread(const struct pp_tracee *process, pid_t tid, int fd,
			     int otherwise)
{
	int pidfd = (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD);
	int fetched;

	if (pidfd < 0 && errno == EINVAL)
		return is_out_of_reach(process, tid, fd) ? -ENOSYS : otherwise;
	if (pidfd < 0)
		return -errno;
	fetched = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (fetched < 0)
		fetched = -errno;
	close(pidfd);
	return fetched;
}

/* Is the number still that process's? It is until its parent has waited. */
static bool has_number(const struct pp_tracee *process)
{
	return syscall(SYS_pidfd_send_signal, process->pidfd, 0, NULL, 0) == 0 ||
	       errno != ESRCH;
}

int pp_tracee_fetch(pid_t tid, struct pp_tracee **process, int fd)
{
	int fetched;

	*process = pp_tracee_of(tid);
	if (*process == NULL)
		return -errno;
	fetched = fetch_fd(*process, fd);
	if (fetched == -ESRCH && !has_number(*process)) {
		/* it has ended, and another one has its number */
		forget_process(*process);
		*process = pp_tracee_of(tid);
		if (*process == NULL)
			return -errno;
		fetched = fetch_fd(*process, fd);
	}
	(*process)->tid = tid;
	if (tid != (*process)->tgid &&
	    (fetched == -ESRCH || fetched == -EBADF))
		fetched = fetch_from_thread(*process, tid, fd, fetched);
	return fetched;
}

/*
 * The memory of a program that was executed before is gone. Where it may not be
 * opened, nothing is known of the program, and it is read as it can be.
 */
struct pp_rules *pp_tracee_rules(struct pp_tracee *process,
				 struct pp_memory_name *to)
{
	struct pp_memory_name nowhere = { 0 };
	char path[32];

	if (to == NULL)
		to = &nowhere;
	if (process->rules != NULL && process->memory >= 0 &&
	    pp_memory_read_room(process->memory, to))
		return process->rules;
	if (process->memory >= 0)
		close(process->memory);
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)process->tid);
	process->memory = open(path, O_RDONLY | O_CLOEXEC);
	if (!pp_memory_read(process->tid, to->length, &to->room,
			    sizeof(to->room)))
		to->room = -1;
	process->rules = pp_rules_of(process->tid);
	return process->rules;
}
