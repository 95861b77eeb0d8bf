/* SPDX-License-Identifier: ISC */
/*
 * Hands a connection to another program, in each way that there is.
 *
 *	handover serve METHOD [COUNT]
 *		listens on 127.0.0.1, prints "port N", accepts COUNT
 *		connections (1) and hands the last one over by METHOD
 *	handover tell FD...
 *		prints who is behind descriptors: "peer ADDRESS PORT" and
 *		"name ADDRESS PORT"
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* not in every C library */
int execveat(int directory, const char *path, char *const argv[],
	     char *const envp[], int flags) __attribute__((weak));
int pidfd_spawn(int *pidfd, const char *path,
		const posix_spawn_file_actions_t *actions,
		const posix_spawnattr_t *attributes, char *const argv[],
		char *const envp[]) __attribute__((weak));
int pidfd_spawnp(int *pidfd, const char *file,
		 const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attributes, char *const argv[],
		 char *const envp[]) __attribute__((weak));

/* P_PIDFD, which is no macro, and not in every C library either */
#define BY_PIDFD ((idtype_t)3)

extern char **environ;

static const char *self;	/* this program's path */

static void fail(const char *what)
{
	fprintf(stderr, "handover: %s: %s\n", what, strerror(errno));
	fflush(stderr);
	_exit(1);
}

static void check(bool holds, const char *what)
{
	if (!holds)
		fail(what);
}

static void print_name(const char *which, const struct sockaddr_storage *name)
{
	const struct sockaddr_in *in = (const void *)name;
	const struct sockaddr_in6 *in6 = (const void *)name;
	char text[INET6_ADDRSTRLEN];

	if (name->ss_family == AF_INET)
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
	else
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
	printf("%s %s %u\n", which, text, ntohs(in->sin_port));
}

/* Who is behind a descriptor, and errno is left alone. */
static void tell(int fd)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);

	errno = 4711;
	check(getpeername(fd, (struct sockaddr *)&name, &length) == 0,
	      "getpeername");
	check(errno == 4711, "errno of getpeername");
	print_name("peer", &name);
	length = sizeof(name);
	check(getsockname(fd, (struct sockaddr *)&name, &length) == 0,
	      "getsockname");
	check(errno == 4711, "errno of getsockname");
	print_name("name", &name);
	fflush(stdout);
}

/* The ways to execute a program, which tells of descriptor 0. */

static char word_0[] = "handover", word_1[] = "tell", word_2[] = "0";
static char *const tell_0[] = { word_0, word_1, word_2, NULL };

static void by_execve(void)
{
	execve(self, tell_0, environ);
}

static void by_execv(void)
{
	execv(self, tell_0);
}

static void by_execvp(void)
{
	execvp(self, tell_0);
}

static void by_execvpe(void)
{
	execvpe(self, tell_0, environ);
}

static void by_execl(void)
{
	execl(self, "handover", "tell", "0", (char *)NULL);
}

static void by_execlp(void)
{
	execlp(self, "handover", "tell", "0", (char *)NULL);
}

static void by_execle(void)
{
	execle(self, "handover", "tell", "0", (char *)NULL, environ);
}

static void by_fexecve(void)
{
	fexecve(open(self, O_RDONLY | O_CLOEXEC), tell_0, environ);
}

static void by_execveat(void)
{
	if (execveat == NULL)
		by_execve();
	else
		execveat(AT_FDCWD, self, tell_0, environ, 0);
}

/* By calls that no library can see. */

static void by_raw_execve(void)
{
	syscall(SYS_execve, self, tell_0, environ);
}

static void by_raw_execveat(void)
{
	syscall(SYS_execveat, AT_FDCWD, self, tell_0, environ, 0);
}

static void by_system(void)
{
	char command[4096];

	snprintf(command, sizeof(command), "exec '%s' tell 0", self);
	_exit(system(command));
}

static void by_popen(void)
{
	char command[4096], line[256];
	FILE *told;

	snprintf(command, sizeof(command), "exec '%s' tell 0", self);
	told = popen(command, "r");
	check(told != NULL, "popen");
	while (fgets(line, sizeof(line), told) != NULL)
		fputs(line, stdout);
	fflush(stdout);
	_exit(pclose(told));
}

static const struct way {
	const char *name;
	void (*execute)(void);
} ways[] = {
	{ "execve", by_execve },
	{ "execv", by_execv },
	{ "execvp", by_execvp },
	{ "execvpe", by_execvpe },
	{ "execl", by_execl },
	{ "execlp", by_execlp },
	{ "execle", by_execle },
	{ "fexecve", by_fexecve },
	{ "execveat", by_execveat },
	{ "raw-execve", by_raw_execve },
	{ "raw-execveat", by_raw_execveat },
	{ "system", by_system },
	{ "popen", by_popen },
};

static void wait_for(pid_t child)
{
	int status;

	check(child > 0, "no child");
	check(waitpid(child, &status, 0) == child, "waitpid");
	check(status == 0, "status of the child");
}

/* As inetd does it. */
static void fork_and(void (*execute)(void), int fd)
{
	pid_t child = fork();

	if (child == 0) {
		check(dup2(fd, 0) == 0, "dup2");
		close(fd);
		execute();
		fail("exec");
	}
	wait_for(child);
}

/* All of it by calls that no library can see. */
static void clone_and_exec_raw(int fd)
{
	pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (child == 0) {
		check(syscall(SYS_dup3, fd, 0, 0) == 0, "dup3");
		check(syscall(SYS_close, fd) == 0, "close");
		by_raw_execve();
		fail("exec");
	}
	wait_for(child);
}

/* The child has this process's memory: what is known here must stay. */
static void vfork_and_exec(int fd)
{
	pid_t child;

	check(dup2(fd, 0) == 0, "dup2");
	child = vfork();
	if (child == 0) {
		if (dup2(fd, 0) != 0 || dup2(2, 9) != 9)
			_exit(2);
		execv(self, tell_0);
		_exit(3);
	}
	wait_for(child);
}

/*
 * The client behind 0 stays who he was when a child of vfork puts fd there,
 * and that does not go along itself.
 */
static void vfork_beside(int fd)
{
	pid_t child;

	check(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0, "FD_CLOEXEC");
	child = vfork();
	if (child == 0) {
		if (dup2(fd, 0) != 0)
			_exit(2);
		execv(self, tell_0);
		_exit(3);
	}
	wait_for(child);
	tell(0);
}

typedef int (*spawn_function)(int *child, const char *path,
			      const posix_spawn_file_actions_t *actions,
			      const posix_spawnattr_t *attributes,
			      char *const argv[], char *const envp[]);

static const struct {
	const char *name;
	spawn_function spawn;
	idtype_t type;	/* of what it says about the child */
} spawners[] = {
	{ "posix_spawn", posix_spawn, P_PID },
	{ "posix_spawnp", posix_spawnp, P_PID },
	{ "pidfd_spawn", pidfd_spawn, BY_PIDFD },
	{ "pidfd_spawnp", pidfd_spawnp, BY_PIDFD },
};

/* With an action, or by its number. */
static void spawn(size_t which, bool by_action, int fd)
{
	posix_spawn_file_actions_t actions;
	siginfo_t end;
	int child;

	check(spawners[which].spawn != NULL, "not in this C library");
	posix_spawn_file_actions_init(&actions);
	if (by_action) {
		check(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0, "FD_CLOEXEC");
		posix_spawn_file_actions_adddup2(&actions, fd, 0);
	} else {
		check(dup2(fd, 0) == 0, "dup2");
	}
	check(spawners[which].spawn(&child, self, &actions, NULL, tell_0,
				    environ) == 0, spawners[which].name);
	check(waitid(spawners[which].type, (id_t)child, &end, WEXITED) == 0 &&
	      end.si_status == 0, "the child's end");
}

/* NAME or NAME-plain; false for another method. */
static bool spawn_as(const char *method, int fd)
{
	for (size_t i = 0; i < sizeof(spawners) / sizeof(*spawners); i++) {
		size_t length = strlen(spawners[i].name);
		const char *rest = method + length;

		if (strncmp(method, spawners[i].name, length) != 0 ||
		    (strcmp(rest, "") != 0 && strcmp(rest, "-plain") != 0))
			continue;
		spawn(i, *rest == '\0', fd);
		return true;
	}
	return false;
}

/* In a process without the right to do anything. */
static void other_user(int fd)
{
	pid_t child = fork();

	if (child == 0) {
		check(dup2(fd, 0) == 0, "dup2");
		check(setgid(65534) == 0 && setuid(65534) == 0, "setuid");
		by_execv();
		fail("exec");
	}
	wait_for(child);
}

static volatile sig_atomic_t stop;

static void *burden(void *ignored)
{
	struct sockaddr_storage name;
	socklen_t length;

	(void)ignored;
	while (!stop) {
		length = sizeof(name);
		getpeername(0, (struct sockaddr *)&name, &length);
		close(dup(0));
	}
	return NULL;
}

/* Other threads ask and duplicate all the while. */
static void threads(int fd)
{
	pthread_t thread[2];

	check(dup2(fd, 0) == 0, "dup2");
	for (int i = 0; i < 2; i++)
		check(pthread_create(&thread[i], NULL, burden, NULL) == 0,
		      "pthread_create");
	for (int i = 0; i < 20; i++) {
		fork_and(by_execl, fd);
		vfork_beside(fd);
	}
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}

static void hand_over(const char *method, int fd)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (strcmp(method, ways[i].name) == 0)
			return fork_and(ways[i].execute, fd);
	if (strcmp(method, "raw") == 0)
		return clone_and_exec_raw(fd);
	if (strcmp(method, "vfork") == 0)
		return vfork_and_exec(fd);
	if (strcmp(method, "vfork-beside") == 0)
		return vfork_beside(fd);
	if (spawn_as(method, fd))
		return;
	if (strcmp(method, "other-user") == 0)
		return other_user(fd);
	if (strcmp(method, "threads") == 0)
		return threads(fd);
	errno = EINVAL;
	fail(method);
}

static void serve(const char *method, int count)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t length = sizeof(name);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = -1;

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(bind(listener, (struct sockaddr *)&name, length) == 0, "bind");
	check(listen(listener, 8) == 0, "listen");
	check(getsockname(listener, (struct sockaddr *)&name, &length) == 0,
	      "getsockname");
	printf("port %u\n", ntohs(name.sin_port));
	fflush(stdout);
	for (int i = 0; i < count; i++) {
		/* the first of several is descriptor 0 */
		if (i == 1)
			check(dup2(fd, 0) == 0, "dup2");
		fd = accept(listener, NULL, NULL);
		check(fd >= 0, "accept");
	}
	hand_over(method, fd);
}

int main(int argc, char **argv)
{
	static char path[4096];

	self = realpath("/proc/self/exe", path);
	if (argc >= 3 && strcmp(argv[1], "tell") == 0)
		for (int i = 2; i < argc; i++)
			tell(atoi(argv[i]));
	else if (argc >= 3 && strcmp(argv[1], "serve") == 0)
		serve(argv[2], argc > 3 ? atoi(argv[3]) : 1);
	else
		return 2;
	puts("done");
	return 0;
}
