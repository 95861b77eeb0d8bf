/* SPDX-License-Identifier: ISC */
/*
 * A client whose connection is being made in the background, and what its
 * blocking calls do meanwhile. What it does to look on, and its data, go by
 * system calls of its own, which no library sees.
 *
 *	pending PORT timeout|interrupted|restarted|cancelled FUNCTION
 *	pending PORT vfork|jump|ahead
 *
 * Writes what came of its first call, and at last "done".
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static struct sockaddr_in address = { .sin_family = AF_INET };

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static void tell(const char *what, int error)
{
	printf("%s %s\n", what, error == 0 ? "0" : strerrorname_np(error));
	fflush(stdout);
}

static void fail(const char *what)
{
	tell(what, errno);
	exit(1);
}

/* Connects in the background. */
static int start(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		errno = 0;
	tell("connect", errno);
	return fd;
}

/* The same, and blocks from now on. */
static int start_blocking(void)
{
	int fd = start();

	syscall(SYS_fcntl, fd, F_SETFL, 0);
	return fd;
}

/* ---- calls that wait for the connection ---- */

static ssize_t call_write(int fd)
{
	return write(fd, "data", 4);
}

static const struct function {
	const char *name;
	ssize_t (*call)(int fd);
	int timeout;	/* the option that limits it */
} functions[] = {
	{ "write", call_write, SO_SNDTIMEO },
};

static const struct function *find(const char *name)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
		if (is(functions[i].name, name))
			return &functions[i];
	exit(77);
}

static void call(int fd, const struct function *function)
{
	tell("first", function->call(fd) < 0 ? errno : 0);
}

static void check_timeout(const struct function *function)
{
	struct timeval time = { .tv_usec = 100000 };
	int fd = start_blocking();

	if (setsockopt(fd, SOL_SOCKET, function->timeout, &time,
		       sizeof(time)) != 0)
		fail("setsockopt");
	call(fd, function);
}

static void on_alarm(int number)
{
	(void)number;
}

/* Signals again and again, so that one comes in the middle of the call. */
static void check_signal(const struct function *function, int flags)
{
	struct sigaction action = { .sa_handler = on_alarm,
				    .sa_flags = flags };
	struct itimerval timer = { { 0, 50000 }, { 0, 50000 } };
	int fd = start_blocking();

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	call(fd, function);
}

struct waiting {
	const struct function *function;
	int fd;
};

static void *run_call(void *argument)
{
	struct waiting *waiting = argument;

	waiting->function->call(waiting->fd);
	return NULL;
}

static void check_cancelled(const struct function *function)
{
	struct waiting waiting = { function, start_blocking() };
	void *result = NULL;
	pthread_t thread;

	pthread_create(&thread, NULL, run_call, &waiting);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	tell("first", result == PTHREAD_CANCELED ? 0 : EPROTO);
}

/* ---- other ways ---- */

/* Once the connection stands, which the library is told by one poll. */
static void finish(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

	if (syscall(SYS_ppoll, &poll_fd, 1, NULL, NULL, 0) != 1 ||
	    poll(&poll_fd, 1, 0) != 1)
		fail("poll");
	if (syscall(SYS_write, fd, "data", 4) != 4)
		fail("raw write");
}

/* A child that has our memory for a while, and descriptors of its own. */
static void check_vfork(void)
{
	int one = start(), other = start();
	pid_t child = vfork();

	if (child == 0) {
		dup2(one, other);
		close(one);
		poll(NULL, 0, 0);
		_exit(0);
	}
	tell("first", child > 0 ? 0 : errno);
	finish(one);
	finish(other);
}

static sigjmp_buf behind_connect;

static void leave_connect(int number)
{
	(void)number;
	siglongjmp(behind_connect, 1);
}

static void write_blocking(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

	syscall(SYS_ppoll, &poll_fd, 1, NULL, NULL, 0);
	tell("first", write(fd, "data", 4) < 0 ? errno : 0);
}

/* A signal ends a connect that blocks, and the program's patience. */
static void check_jump(void)
{
	struct sigaction action = { .sa_handler = leave_connect };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	/* with this one the other is not alone */
	int other = start();

	sigaction(SIGALRM, &action, NULL);
	if (sigsetjmp(behind_connect, 1) == 0) {
		alarm(1);
		connect(fd, (struct sockaddr *)&address, sizeof(address));
		fail("no signal");
	}
	tell("jump", 0);
	write_blocking(fd);
	finish(other);
}

/* Writes as soon as the other thread's connection stands. */
static void *write_ahead(void *argument)
{
	struct pollfd poll_fd = { .fd = *(int *)argument, .events = POLLOUT };

	/* EPOLLHUP: it is not connected */
	do
		poll(&poll_fd, 1, -1);
	while (poll_fd.revents & POLLHUP);
	if (write(poll_fd.fd, "data", 4) != 4)
		fail("write");
	return NULL;
}

static void check_ahead(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t thread;

	pthread_create(&thread, NULL, write_ahead, &fd);
	tell("first", 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		fail("connect");
	pthread_join(thread, NULL);
}

int main(int count, char **words)
{
	const char *how = words[2];
	const struct function *function = count > 3 ? find(words[3]) : NULL;

	address.sin_port = htons((uint16_t)atoi(words[1]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (is(how, "timeout"))
		check_timeout(function);
	else if (is(how, "interrupted"))
		check_signal(function, 0);
	else if (is(how, "restarted"))
		check_signal(function, SA_RESTART);
	else if (is(how, "cancelled"))
		check_cancelled(function);
	else if (is(how, "vfork"))
		check_vfork();
	else if (is(how, "jump"))
		check_jump();
	else if (is(how, "ahead"))
		check_ahead();
	tell("done", 0);
	return 0;
}
