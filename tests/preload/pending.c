/* SPDX-License-Identifier: ISC */
/*
 * A client whose connection is being made in the background, and what its
 * blocking calls do meanwhile. What it does to look on, and its data, go by
 * system calls of its own, which no library sees.
 *
 *	pending PORT write|timeout|interrupted|restarted|cancelled FUNCTION
 *	pending PORT read|nonblocking FUNCTION
 *	pending PORT shutdown|vfork|jump|ahead|many|gap|short
 *
 * Writes what came of its first call, and at last "done".
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
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
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

/* A socket has no offset, but takes -1 for it. */
#define VECTOR(name)                                                       \
	static ssize_t call_##name(int fd)                                 \
	{                                                                  \
		char data[] = "datadata";                                  \
		struct iovec part = { data, sizeof(data) - 1 };            \
                                                                           \
		return name(fd, &part, 1, -1, 0);                          \
	}

#ifdef HAVE_PWRITEV2
VECTOR(pwritev2)
#endif
#ifdef HAVE_PWRITEV64V2
VECTOR(pwritev64v2)
#endif

static ssize_t call_read(int fd)
{
	char bytes[8];

	return read(fd, bytes, sizeof(bytes));
}

static ssize_t call_readv(int fd)
{
	char bytes[8];
	struct iovec parts[] = { { bytes, 1 }, { bytes + 1, 7 } };

	return readv(fd, parts, 2);
}

static ssize_t call_recv(int fd)
{
	char bytes[8];

	return recv(fd, bytes, sizeof(bytes), 0);
}

static ssize_t call_recvfrom(int fd)
{
	char bytes[8];

	return recvfrom(fd, bytes, sizeof(bytes), 0, NULL, NULL);
}

static ssize_t call_recvmsg(int fd)
{
	char bytes[8];
	struct iovec part = { bytes, sizeof(bytes) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	return recvmsg(fd, &message, 0);
}

static ssize_t call_recvmmsg(int fd)
{
	char bytes[8];
	struct iovec part = { bytes, sizeof(bytes) };
	struct mmsghdr message = { .msg_hdr = { .msg_iov = &part,
						.msg_iovlen = 1 } };
	int got = recvmmsg(fd, &message, 1, 0, NULL);

	return got < 0 ? got : (ssize_t)message.msg_len;
}

static ssize_t call_splice_from(int fd)
{
	int ends[2];

	if (pipe(ends) != 0)
		fail("pipe");
	return splice(fd, NULL, ends[1], NULL, 8, 0);
}

#ifdef HAVE___READ_CHK
ssize_t __read_chk(int fd, void *bytes, size_t size, size_t room);

static ssize_t call_read_chk(int fd)
{
	char bytes[8];

	return __read_chk(fd, bytes, sizeof(bytes), sizeof(bytes));
}
#endif

#ifdef HAVE___RECV_CHK
ssize_t __recv_chk(int fd, void *bytes, size_t size, size_t room, int flags);

static ssize_t call_recv_chk(int fd)
{
	char bytes[8];

	return __recv_chk(fd, bytes, sizeof(bytes), sizeof(bytes), 0);
}
#endif

#ifdef HAVE___RECVFROM_CHK
ssize_t __recvfrom_chk(int fd, void *bytes, size_t size, size_t room,
		       int flags, struct sockaddr *from, socklen_t *length);

static ssize_t call_recvfrom_chk(int fd)
{
	char bytes[8];

	return __recvfrom_chk(fd, bytes, sizeof(bytes), sizeof(bytes), 0, NULL,
			      NULL);
}
#endif
#ifdef HAVE_PREADV2
VECTOR(preadv2)
#endif
#ifdef HAVE_PREADV64V2
VECTOR(preadv64v2)
#endif

static const struct function {
	const char *name;
	ssize_t (*call)(int fd);
	int timeout;	/* the option that limits it */
} functions[] = {
	{ "write", call_write, SO_SNDTIMEO },
#ifdef HAVE_PWRITEV2
	{ "pwritev2", call_pwritev2, SO_SNDTIMEO },
#endif
#ifdef HAVE_PWRITEV64V2
	{ "pwritev64v2", call_pwritev64v2, SO_SNDTIMEO },
#endif
	{ "read", call_read, SO_RCVTIMEO },
	{ "readv", call_readv, SO_RCVTIMEO },
	{ "recv", call_recv, SO_RCVTIMEO },
	{ "recvfrom", call_recvfrom, SO_RCVTIMEO },
	{ "recvmsg", call_recvmsg, SO_RCVTIMEO },
	{ "recvmmsg", call_recvmmsg, SO_RCVTIMEO },
	{ "splice_from", call_splice_from, SO_RCVTIMEO },
#ifdef HAVE___READ_CHK
	{ "__read_chk", call_read_chk, SO_RCVTIMEO },
#endif
#ifdef HAVE___RECV_CHK
	{ "__recv_chk", call_recv_chk, SO_RCVTIMEO },
#endif
#ifdef HAVE___RECVFROM_CHK
	{ "__recvfrom_chk", call_recvfrom_chk, SO_RCVTIMEO },
#endif
#ifdef HAVE_PREADV2
	{ "preadv2", call_preadv2, SO_RCVTIMEO },
#endif
#ifdef HAVE_PREADV64V2
	{ "preadv64v2", call_preadv64v2, SO_RCVTIMEO },
#endif
};

static const struct function *find(const char *name)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
		if (is(functions[i].name, name))
			return &functions[i];
	puts("missing");
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

/* What the server says behind the header. */
static void check_read(const struct function *function, bool blocking)
{
	int fd = blocking ? start_blocking() : start();
	ssize_t got;

	while ((got = function->call(fd)) < 0 && errno == EAGAIN)
		usleep(10000);
	tell("first", got == 5 ? 0 : got < 0 ? errno : EPROTO);
	if (syscall(SYS_write, fd, "data", 4) != 4)
		fail("raw write");
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

/* Says nothing, and that this is all. */
static void check_shutdown(void)
{
	struct pollfd poll_fd = { .events = POLLOUT };

	poll_fd.fd = start();
	if (syscall(SYS_ppoll, &poll_fd, 1, NULL, NULL, 0) != 1)
		fail("poll");
	tell("first", shutdown(poll_fd.fd, SHUT_WR) < 0 ? errno : 0);
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

/*
 * So many connections are being made, a far descriptor among them: what a poll
 * of something else costs counts, in system calls (strace).
 */
static void check_many(int pending)
{
	int fd = dup(STDOUT_FILENO);

	for (int i = 0; i < pending; i++)
		start();
	dup2(start(), 900);
	getppid();
	for (int i = 0; i < 10; i++) {
		struct pollfd ready = { .fd = fd, .events = POLLOUT };

		if (poll(&ready, 1, -1) != 1)
			fail("poll");
	}
	getppid();
	tell("first", 0);
}

/* Do handlers end a wait whatever the library does in between? */
static void check_gap(void)
{
	struct sigaction action = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < 30; i++)
		start();
	for (int i = 0; i < 20; i++) {
		struct itimerval timer = { { 0, 0 }, { 0, 30000 + i * 1000 } };

		setitimer(ITIMER_REAL, &timer, NULL);
		if (poll(NULL, 0, 2000) != -1 || errno != EINTR)
			fail("gap");
	}
	tell("first", 0);
}

/* Many waits of next to nothing. */
static void check_short(void)
{
#ifdef HAVE_EPOLL_PWAIT2
	const struct timespec step = { .tv_nsec = 100 };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct timespec begin, end;
	struct epoll_event event;

	start();
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < 6000; i++)
		if (epoll_pwait2(epoll, &event, 1, &step, NULL) != 0)
			fail("epoll_pwait2");
	clock_gettime(CLOCK_MONOTONIC, &end);
	/* in milliseconds, which it had been rounded up to, they are 6000 */
	tell("first", end.tv_sec - begin.tv_sec < 5 ? 0 : ETIME);
#else
	tell("first", 0);
#endif
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
	else if (is(how, "write"))
		call(start_blocking(), function);
	else if (is(how, "cancelled"))
		check_cancelled(function);
	else if (is(how, "read") || is(how, "nonblocking"))
		check_read(function, is(how, "read"));
	else if (is(how, "shutdown"))
		check_shutdown();
	else if (is(how, "vfork"))
		check_vfork();
	else if (is(how, "jump"))
		check_jump();
	else if (is(how, "many"))
		check_many(50);
	else if (is(how, "gap"))
		check_gap();
	else if (is(how, "short"))
		check_short();
	else if (is(how, "ahead"))
		check_ahead();
	tell("done", 0);
	return 0;
}
