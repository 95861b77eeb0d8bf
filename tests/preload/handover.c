/* SPDX-License-Identifier: ISC */
/*
 * Hands a connection to another program.
 *
 *	handover serve METHOD [COUNT]
 *		listens on 127.0.0.1, prints "port N", accepts COUNT
 *		connections (1) and hands the last one over by METHOD
 *	handover tell FD...
 *		prints who is behind descriptors: "peer ADDRESS PORT" and
 *		"name ADDRESS PORT"
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
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

/* What it is executed as, to tell of descriptor 0. */
static char word_0[] = "handover", word_1[] = "tell", word_2[] = "0";
static char *const tell_0[] = { word_0, word_1, word_2, NULL };

static void wait_for(pid_t child)
{
	int status;

	check(child > 0, "no child");
	check(waitpid(child, &status, 0) == child, "waitpid");
	check(status == 0, "status of the child");
}

/* As inetd does it. */
static void fork_and_exec(int fd)
{
	pid_t child = fork();

	if (child == 0) {
		check(dup2(fd, 0) == 0, "dup2");
		close(fd);
		execv(self, tell_0);
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
		syscall(SYS_execve, self, tell_0, environ);
		fail("exec");
	}
	wait_for(child);
}

static void spawn(int fd)
{
	posix_spawn_file_actions_t actions;
	pid_t child;

	check(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0, "FD_CLOEXEC");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, 0);
	check(posix_spawn(&child, self, &actions, NULL, tell_0, environ) == 0,
	      "posix_spawn");
	wait_for(child);
}

/* In a process without the right to do anything. */
static void other_user(int fd)
{
	pid_t child = fork();

	if (child == 0) {
		check(dup2(fd, 0) == 0, "dup2");
		check(setgid(65534) == 0 && setuid(65534) == 0, "setuid");
		execv(self, tell_0);
		fail("exec");
	}
	wait_for(child);
}

static void hand_over(const char *method, int fd)
{
	static const struct {
		const char *name;
		void (*run)(int fd);
	} methods[] = {
		{ "exec", fork_and_exec },
		{ "raw", clone_and_exec_raw },
		{ "spawn", spawn },
		{ "other-user", other_user },
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (strcmp(method, methods[i].name) == 0)
			return methods[i].run(fd);
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
