/* SPDX-License-Identifier: ISC */
/* What closing.c and its like have in common: a listener, and a client. */
#ifndef PP_TESTS_CLOSING_H
#define PP_TESTS_CLOSING_H

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* not in every C library */
int close_range(unsigned first, unsigned last, int flags)
	__attribute__((weak));
void closefrom(int first) __attribute__((weak));

/* Where descriptors are in nobody's way. */
#define FAR 600
/* With the limit of limit_descriptors the library's are from here on. */
#define HIDDEN 768
#define LIMIT 1024
/* What no library has as the data of an event. */
#define UNUSED 0xabcabcabcabcu

static const char header[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n";
static struct sockaddr_in address;
static int listener;
static int client = -1;
static const char *how;	/* it closes */

static inline void expect(bool so, const char *what)
{
	if (so)
		return;
	dprintf(STDERR_FILENO, "not so: %s, errno %d\n", what, errno);
	_exit(1);
}
#define EXPECT(condition) expect(condition, #condition)

static inline bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static inline void limit_descriptors(void)
{
	const struct rlimit limit = { .rlim_cur = LIMIT, .rlim_max = LIMIT };

	EXPECT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static inline int start_listener(int flags)
{
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0);

	address = (struct sockaddr_in){ .sin_family = AF_INET };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT(bind(fd, (struct sockaddr *)&address, length) == 0);
	EXPECT(listen(fd, 16) == 0);
	EXPECT(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
	return fd;
}

/* A client that has sent so much, its number where it is in nobody's way. */
static inline int start_client(size_t size)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int far = fcntl(fd, F_DUPFD_CLOEXEC, FAR);

	EXPECT(connect(fd, (struct sockaddr *)&address,
		       sizeof(address)) == 0);
	EXPECT(close(fd) == 0);
	EXPECT(send(far, header, size, 0) == (ssize_t)size);
	return far;
}

/*
 * accept has nobody: EAGAIN, or, to a program that never met that, a connection
 * that was reset (accept_ways.c).
 */
static inline void accept_nobody(void)
{
	int fd = accept(listener, NULL, NULL), error = 0;
	socklen_t length = sizeof(error);

	if (fd < 0) {
		EXPECT(errno == EAGAIN);
		return;
	}
	EXPECT(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0);
	EXPECT(error == ECONNRESET);
	EXPECT(close(fd) == 0);
}

/* Lets a client wait. */
static inline void start_waiting(void)
{
	struct pollfd fds = { .fd = listener, .events = POLLIN };

	client = start_client(10);
	EXPECT(syscall(SYS_ppoll, &fds, 1, NULL, NULL, 0) == 1);
	accept_nobody();
}

/* The client that waits ends its header. */
static inline void end_waiting(void)
{
	EXPECT(send(client, header + 10, strlen(header) - 10, 0) > 0);
}

/* There is a connection to accept now. */
static inline void accept_and_close(void)
{
	int fd = accept(listener, NULL, NULL);

	EXPECT(fd >= 0);
	EXPECT(close(fd) == 0);
}

static inline void start_thread(void *(*run)(void *))
{
	pthread_t thread;

	EXPECT(pthread_create(&thread, NULL, run, NULL) == 0);
}

static inline void wait_for_child(pid_t child)
{
	int status;

	EXPECT(waitpid(child, &status, 0) == child && status == 0);
}

/* Runs the case of this name and says "ok"; what main is to return. */
struct test_case {
	const char *name;
	void (*run)(void);
};

static inline int run_case(const struct test_case *cases, size_t count,
			   const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (is(name, cases[i].name)) {
			cases[i].run();
			/* threads may be in the middle of something */
			_exit(write(STDERR_FILENO, "ok\n", 3) == 3 ? 0 : 1);
		}
	return 1;
}

/* The client that waited has been let go. */
static inline void check_gone(void)
{
	char byte;

	EXPECT(recv(client, &byte, 1, 0) <= 0);
}

#endif
