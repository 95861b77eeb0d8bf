/* SPDX-License-Identifier: ISC */
/*
 * Headers with TLVs, asked for while others come and go: by threads, in signal
 * handlers, in forked children. Says "done" if each was the right one. Runs
 * under the library.
 */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern int proxyproto_keep_headers(void) __attribute__((weak));
extern ssize_t proxyproto_get_header(int fd, void *bytes, size_t size)
	__attribute__((weak));

/* Counted, not timed. */
#define SERVERS 3
#define CONNECTIONS 400		/* of each server */
#define LOST 3	/* what a child ends with that has no header */
#define FORKS 40
#define MOST 61000
#define LASTING 1		/* the number of the one that is there all along */

static struct sockaddr_in name = { .sin_family = AF_INET };
static int listener, lasting;
static _Atomic int next_number, signals;
static _Atomic bool over;
static pthread_t servers[SERVERS];

static void fail(const char *what)
{
	/* from a signal handler, too */
	if (write(STDOUT_FILENO, what, strlen(what)) < 0 ||
	    write(STDOUT_FILENO, "\n", 1) < 0)
		_exit(2);
	_exit(1);
}

/* A version 2 header; its length and its bytes follow from the number. */
static size_t make(uint32_t number, uint8_t *bytes)
{
	static const uint8_t fixed[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11";
	size_t value = number == LASTING ? 60000
		       : number % 5 == 0 ? 0
					 : 1 + number * 37 % 2900;
	size_t block = 12 + (value > 0 ? 3 + value : 0);

	memcpy(bytes, fixed, 14);
	bytes[14] = (uint8_t)(block >> 8);
	bytes[15] = (uint8_t)block;
	memset(bytes + 16, 10, 12);
	memcpy(bytes + 16, &number, 4);
	if (value > 0) {
		bytes[28] = 0xea;
		bytes[29] = (uint8_t)(value >> 8);
		bytes[30] = (uint8_t)value;
		for (size_t i = 0; i < value; i++)
			bytes[31 + i] = (uint8_t)(number + i);
	}
	return 16 + block;
}

/* Is it a header as it was made, and of that number if not 0? */
static void check(int fd, uint32_t number)
{
	uint8_t bytes[MOST], expected[MOST];
	ssize_t length = proxyproto_get_header(fd, bytes, sizeof(bytes));
	uint32_t said;

	if (length < 28)
		fail("no header");
	memcpy(&said, bytes + 16, 4);
	if (number != 0 && said != number)
		fail("the header of another connection");
	if ((size_t)length != make(said, expected) ||
	    memcmp(bytes, expected, (size_t)length) != 0)
		fail("half a header");
}

static void on_signal(int signal)
{
	int error = errno;

	(void)signal;
	check(lasting, LASTING);
	errno = error;
	atomic_fetch_add(&signals, 1);
}

/* A client that has sent its header. */
static int connect_as(uint32_t number)
{
	uint8_t bytes[MOST];
	size_t length = make(number, bytes);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(client, (struct sockaddr *)&name, sizeof(name)) != 0 ||
	    send(client, bytes, length, 0) != (ssize_t)length)
		fail("connect");
	return client;
}

static int accept_one(void)
{
	int fd;

	do
		fd = accept(listener, NULL, NULL);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		fail("accept");
	return fd;
}

/* Closes it where the library does not see that, or does. */
static void close_either_way(int fd, int i)
{
#ifndef __SANITIZE_THREAD__	/* which would not see it either */
	if (i % 2 == 0) {
		syscall(SYS_close, fd);
		return;
	}
#endif
	(void)i;
	close(fd);
}

static void *serve(void *argument)
{
	(void)argument;
	for (int i = 0; i < CONNECTIONS; i++) {
		int client = connect_as(
			(uint32_t)atomic_fetch_add(&next_number, 1));
		int fd = accept_one(), copy = dup(fd);

		check(fd, 0);
		check(copy, 0);
		close_either_way(fd, i);
		check(copy, 0);
		close(copy);
		close(client);
	}
	return NULL;
}

static void *disturb(void *argument)
{
	static uint8_t bytes[MOST];

	(void)argument;
	while (!atomic_load(&over)) {
		for (int i = 0; i < SERVERS; i++)
			pthread_kill(servers[i], SIGUSR1);
		/* so that a fork finds somebody in the midst of it */
		for (int i = 0; i < 100; i++)
			proxyproto_get_header(lasting, bytes, sizeof(bytes));
	}
	return NULL;
}

/*
 * A child finds what its parent had, unless a thread was about to change that,
 * and may have its own. Has it found it?
 */
static bool fork_one(void)
{
	int status, client, fd;
	pid_t child = fork();

	if (child == 0) {
		bool lost = proxyproto_get_header(lasting, NULL, 0) < 0;

		if (lost && errno != ENOBUFS)
			fail("get_header of a child");
		if (!lost)
			check(lasting, LASTING);
		client = connect_as(2);
		fd = accept_one();
		check(fd, 0);
		close(fd);
		close(client);
		_exit(lost ? LOST : 0);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (status != 0 && status != LOST << 8)
		fail("a forked child");
	return status == 0;
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = SA_RESTART };
	socklen_t length = sizeof(name);
	pthread_t disturber;
	int found = 0;

	if (proxyproto_keep_headers() != 0)
		fail("proxyproto_keep_headers");
	listener = socket(AF_INET, SOCK_STREAM, 0);
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&name, length) != 0 ||
	    listen(listener, 64) != 0 ||
	    getsockname(listener, (struct sockaddr *)&name, &length) != 0)
		fail("listen");
	connect_as(LASTING);
	lasting = accept_one();
	atomic_store(&next_number, 3);
	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < SERVERS; i++)
		pthread_create(&servers[i], NULL, serve, NULL);
	pthread_create(&disturber, NULL, disturb, NULL);
	for (int i = 0; i < FORKS; i++)
		found += fork_one();
	/* threads change something for a small part of their time */
	if (found < FORKS / 10)
		fail("the headers of most children");
	/* a thread that was joined must not be sent a signal */
	atomic_store(&over, true);
	pthread_join(disturber, NULL);
	for (int i = 0; i < SERVERS; i++)
		pthread_join(servers[i], NULL);
	check(lasting, LASTING);
	printf("done: %d signals\n", atomic_load(&signals));
	return 0;
}
