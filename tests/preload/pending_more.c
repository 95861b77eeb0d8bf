/* SPDX-License-Identifier: ISC */
/*
 * A client whose connection is being made in the background, and what else
 * may happen to it than in pending.c.
 *
 *	pending_more PORT jump_out|signalled|reused|stale
 *	pending_more PORT vfork_first|bare_fork|left_header|empty_reads
 *
 * Writes what came of it, and at last "done".
 */
#include <config.h>

#include "tell.h"

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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_in address = { .sin_family = AF_INET };

/* Connects in the background. */
static int start(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		errno = 0;
	tell("connect", errno);
	return fd;
}

static void handle_alarm(void (*handler)(int), int milliseconds)
{
	struct sigaction action = { .sa_handler = handler };
	struct itimerval timer = { .it_value = { milliseconds / 1000,
				milliseconds % 1000 * 1000 } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static sigjmp_buf behind;

static void leave(int number)
{
	(void)number;
	siglongjmp(behind, 1);
}

__attribute__((noinline)) static void leave_poll(void)
{
	if (sigsetjmp(behind, 1) == 0) {
		handle_alarm(leave, 100);
		poll(NULL, 0, -1);
		fail("no signal");
	}
}

/* What was left on the stack is overwritten. */
__attribute__((noinline)) static void overwrite(void)
{
	volatile char bytes[60000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = 0x55;
}

static void *leave_and_end(void *unused)
{
	leave_poll();
	overwrite();
	pthread_exit(unused);
}

/* A handler leaves a wait, and the thread ends later. */
static void check_jump_out(void)
{
	pthread_t thread;
	sigset_t alarm;

	start();
	pthread_create(&thread, NULL, leave_and_end, NULL);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm, NULL);
	pthread_join(thread, NULL);
	tell("first", 0);
}

static void do_nothing(int number)
{
	(void)number;
}

/* Waits for nothing but a signal. */
static void check_signalled(void)
{
	handle_alarm(do_nothing, 0);
	start();
	tell("first", poll(NULL, 0, -1) < 0 && errno == EINTR ? 0 : EPROTO);
}

static _Atomic bool closed;

static void *look(void *unused)
{
	while (!closed)
		poll(NULL, 0, 100);
	return unused;
}

/*
 * A thread is at the header when another, told by SIGUSR1, gives the number to
 * another connection, which the library knows nothing of.
 */
static void check_reused(void)
{
	pthread_t thread;
	sigset_t told;
	int fd, number;

	sigemptyset(&told);
	sigaddset(&told, SIGUSR1);
	sigprocmask(SIG_BLOCK, &told, NULL);
	fd = start();
	pthread_create(&thread, NULL, look, NULL);
	sigwait(&told, &number);
	close(fd);
	closed = true;
	if (socket(AF_INET, SOCK_STREAM, 0) != fd ||
	    syscall(SYS_connect, fd, &address, sizeof(address)) != 0)
		fail("socket");
	pthread_join(thread, NULL);
	tell("first", syscall(SYS_write, fd, "data", 4) == 4 ? 0 : errno);
}

static long wakes_of(int milliseconds)
{
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	poll(NULL, 0, milliseconds);
	getrusage(RUSAGE_SELF, &after);
	return after.ru_nvcsw - before.ru_nvcsw;
}

/* What comes under a number of a connection that is over is never ready. */
static void check_stale(void)
{
	int ends[2], fds[] = { start(), start(), start() };

	if (pipe(ends) != 0)
		fail("pipe");
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		dup2(ends[0], fds[i]);
	poll(NULL, 0, 200);
	/* in steps they are 50 */
	tell("first", wakes_of(1000) < 10 ? 0 : EBUSY);
}

/* Is nothing left to look at once this connection is closed? */
static void check_closed(void)
{
	close(start());
	poll(NULL, 0, 200);
	tell("first", wakes_of(1000) < 10 ? 0 : EBUSY);
}

/* A child that connects first does not own its parent's memory. */
static void check_vfork_first(void)
{
	if (vfork() == 0) {
		close(start());
		_exit(0);
	}
	check_closed();
}

/* A child that nobody told the library of owns its own. */
static void check_bare_fork(void)
{
	int pending = start();
	pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (child == 0) {
		close(pending);
		check_closed();
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void *connect_and_write(void *argument)
{
	int fd = *(int *)argument;

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		fail("connect");
	if (write(fd, "data", 4) != 4)
		fail("write");
	return NULL;
}

/* A handler leaves a header; another thread has the next of that number. */
static void check_left_header(void)
{
	pthread_t thread;
	int next, fd;

	handle_alarm(leave, 0);
	fd = start();
	if (sigsetjmp(behind, 1) == 0) {
		poll(NULL, 0, -1);
		fail("no signal");
	}
	close(fd);
	next = socket(AF_INET, SOCK_STREAM, 0);
	if (next != fd)
		fail("socket");
	pthread_create(&thread, NULL, connect_and_write, &next);
	pthread_join(thread, NULL);
	tell("first", 0);
}

#ifdef HAVE___READ_CHK
ssize_t __read_chk(int fd, void *bytes, size_t size, size_t room);
#endif

/* To read nothing waits for nothing. */
static void check_empty_reads(void)
{
	int fd = start();
	char byte = 0;
	const struct iovec parts[] = { { &byte, 0 }, { &byte, 0 } };

	syscall(SYS_fcntl, fd, F_SETFL, 0);
	if (read(fd, &byte, 0) != 0 || readv(fd, parts, 2) != 0 ||
	    readv(fd, parts, 0) != 0)
		fail("read");
#ifdef HAVE___READ_CHK
	if (__read_chk(fd, &byte, 0, 1) != 0)
		fail("__read_chk");
#endif
	tell("first", 0);
}

static const struct {
	const char *name;
	void (*check)(void);
} checks[] = {
	{ "jump_out", check_jump_out },
	{ "signalled", check_signalled },
	{ "reused", check_reused },
	{ "stale", check_stale },
	{ "vfork_first", check_vfork_first },
	{ "bare_fork", check_bare_fork },
	{ "left_header", check_left_header },
	{ "empty_reads", check_empty_reads },
};

int main(int count, char **words)
{
	if (count < 3)
		return 2;
	address.sin_port = htons((uint16_t)atoi(words[1]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++)
		if (strcmp(checks[i].name, words[2]) == 0)
			checks[i].check();
	tell("done", 0);
	return 0;
}
