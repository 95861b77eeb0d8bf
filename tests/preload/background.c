/* SPDX-License-Identifier: ISC */
/*
 * A client that connects in the background, and then makes one kind of call:
 * everything else it does by system calls of its own, which no library sees.
 *
 *	background PORT out|in|timeout|signal FUNCTION
 *	background PORT write|blocking FUNCTION
 *	background PORT dup FUNCTION
 *	background PORT fork|reuse|error
 *
 * Writes what came of its first call, and at last "done".
 */
#include <config.h>

#include "tell.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- waiting: 1 ready, 0 timed out, -1 with errno ---- */

static struct timespec time_of(int ms)
{
	return (struct timespec){ ms / 1000, ms % 1000 * 1000000L };
}

static short poll_events(bool input)
{
	return input ? POLLIN : POLLOUT;
}

static int wait_poll(int fd, bool input, int ms)
{
	struct pollfd fds = { .fd = fd, .events = poll_events(input) };

	return poll(&fds, 1, ms);
}

static int wait_ppoll(int fd, bool input, int ms)
{
	struct pollfd fds = { .fd = fd, .events = poll_events(input) };
	struct timespec time = time_of(ms);

	return ppoll(&fds, 1, ms < 0 ? NULL : &time, NULL);
}

#ifdef HAVE___POLL_CHK
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size);

static int wait_poll_chk(int fd, bool input, int ms)
{
	struct pollfd fds = { .fd = fd, .events = poll_events(input) };

	return __poll_chk(&fds, 1, ms, sizeof(fds));
}
#endif

#ifdef HAVE___PPOLL_CHK
int __ppoll_chk(struct pollfd *fds, nfds_t count,
		const struct timespec *timeout, const sigset_t *mask,
		size_t size);

static int wait_ppoll_chk(int fd, bool input, int ms)
{
	struct pollfd fds = { .fd = fd, .events = poll_events(input) };
	struct timespec time = time_of(ms);

	return __ppoll_chk(&fds, 1, ms < 0 ? NULL : &time, NULL, sizeof(fds));
}
#endif

/* A set that a call which times out clears, and no other. */
static int check_set(int result, int fd, const fd_set *set)
{
	if (result >= 0 && (result > 0) != (FD_ISSET(fd, set) != 0))
		fail("set");
	return result;
}

static int wait_select(int fd, bool input, int ms)
{
	struct timeval time = { ms / 1000, ms % 1000 * 1000 };
	fd_set set;
	int result;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	result = select(fd + 1, input ? &set : NULL, input ? NULL : &set, NULL,
			ms < 0 ? NULL : &time);
	if (result == 0 && (time.tv_sec != 0 || time.tv_usec != 0))
		fail("left");
	return check_set(result, fd, &set);
}

static int wait_pselect(int fd, bool input, int ms)
{
	struct timespec time = time_of(ms);
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return check_set(pselect(fd + 1, input ? &set : NULL,
				 input ? NULL : &set, NULL,
				 ms < 0 ? NULL : &time, NULL),
			 fd, &set);
}

/* Sets that are larger than an fd_set, in one of which nothing is. */
static int wait_far_select(int fd, bool input, int ms)
{
	struct timeval time = { ms / 1000, ms % 1000 * 1000 };
	static fd_set sets[4];

	memset(sets, 0, sizeof(sets));
	FD_SET(fd, &sets[0]);
	return select(2 * FD_SETSIZE, input ? &sets[0] : NULL,
		      input ? NULL : &sets[0], &sets[2],
		      ms < 0 ? NULL : &time);
}

static int epoll_of(int fd, bool input)
{
	struct epoll_event event = {
		.events = (input ? EPOLLIN : EPOLLOUT) | (uint32_t)EPOLLET,
		.data.u64 = UINT64_MAX,
	};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		fail("epoll");
	return epoll;
}

static int wait_epoll_wait(int fd, bool input, int ms)
{
	struct epoll_event event;

	return epoll_wait(epoll_of(fd, input), &event, 1, ms);
}

static int wait_epoll_pwait(int fd, bool input, int ms)
{
	struct epoll_event event;

	return epoll_pwait(epoll_of(fd, input), &event, 1, ms, NULL);
}

#ifdef HAVE_EPOLL_PWAIT2
static int wait_epoll_pwait2(int fd, bool input, int ms)
{
	struct timespec time = time_of(ms);
	struct epoll_event event;

	return epoll_pwait2(epoll_of(fd, input), &event, 1,
			    ms < 0 ? NULL : &time, NULL);
}
#endif

/* ---- what the program does by itself ---- */

static int raw_poll(int fd, short events, int ms)
{
	struct pollfd fds = { .fd = fd, .events = events };
	struct timespec time = time_of(ms);

	return (int)syscall(SYS_ppoll, &fds, 1, ms < 0 ? NULL : &time, NULL, 0);
}

static void raw_write(int fd, const char *text)
{
	if (syscall(SYS_write, fd, text, strlen(text)) != (long)strlen(text))
		fail("raw write");
}

/* getsockopt tells by itself; that the socket is connected is found out so. */
static int wait_getsockopt(int fd, bool input, int ms)
{
	int error = -1;
	socklen_t length = sizeof(error);
	int ready = input ? 0 : raw_poll(fd, POLLOUT, ms);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0 ||
	    error != 0)
		fail("getsockopt");
	return ready;
}

/* ---- writing "data" ---- */

static ssize_t write_write(int fd)
{
	return write(fd, "data", 4);
}

static ssize_t write_writev(int fd)
{
	char data[] = "data";
	struct iovec parts[] = { { data, 1 }, { data + 1, 3 } };

	return writev(fd, parts, 2);
}

static ssize_t write_send(int fd)
{
	return send(fd, "data", 4, MSG_NOSIGNAL);
}

static ssize_t write_sendto(int fd)
{
	return sendto(fd, "data", 4, 0, NULL, 0);
}

static ssize_t write_sendmsg(int fd)
{
	char data[] = "data";
	struct iovec part = { data, 4 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	return sendmsg(fd, &message, 0);
}

static ssize_t write_sendmmsg(int fd)
{
	char data[] = "data";
	struct iovec part = { data, 4 };
	struct mmsghdr message = { .msg_hdr = { .msg_iov = &part,
						.msg_iovlen = 1 } };

	return sendmmsg(fd, &message, 1, 0);
}

static int file_of_data(void)
{
	char path[] = "/tmp/background.XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || unlink(path) != 0)
		fail("file");
	raw_write(fd, "data");
	return fd;
}

static ssize_t write_sendfile(int fd)
{
	off_t offset = 0;

	return sendfile(fd, file_of_data(), &offset, 4);
}

static ssize_t write_splice(int fd)
{
	int ends[2];

	if (pipe(ends) != 0)
		fail("pipe");
	raw_write(ends[1], "data");
	return splice(ends[0], NULL, fd, NULL, 4, 0);
}

/* ---- another number for a socket ---- */

#define OTHER 700

static int duplicate(int fd, const char *how)
{
	if (is(how, "dup"))
		return dup(fd);
	if (is(how, "dup2"))
		return dup2(fd, OTHER);
	if (is(how, "dup3"))
		return dup3(fd, OTHER, O_CLOEXEC);
	return fcntl(fd, is(how, "fcntl") ? F_DUPFD : F_DUPFD_CLOEXEC, OTHER);
}

static const struct {
	const char *name;
	int (*wait)(int fd, bool input, int ms);
	ssize_t (*write)(int fd);
} functions[] = {
	{ "poll", wait_poll, NULL },
	{ "ppoll", wait_ppoll, NULL },
#ifdef HAVE___POLL_CHK
	{ "__poll_chk", wait_poll_chk, NULL },
#endif
#ifdef HAVE___PPOLL_CHK
	{ "__ppoll_chk", wait_ppoll_chk, NULL },
#endif
	{ "select", wait_select, NULL },
	{ "pselect", wait_pselect, NULL },
	{ "far_select", wait_far_select, NULL },
	{ "epoll_wait", wait_epoll_wait, NULL },
	{ "epoll_pwait", wait_epoll_pwait, NULL },
#ifdef HAVE_EPOLL_PWAIT2
	{ "epoll_pwait2", wait_epoll_pwait2, NULL },
#endif
	{ "getsockopt", wait_getsockopt, NULL },
	{ "write", NULL, write_write },
	{ "writev", NULL, write_writev },
	{ "send", NULL, write_send },
	{ "sendto", NULL, write_sendto },
	{ "sendmsg", NULL, write_sendmsg },
	{ "sendmmsg", NULL, write_sendmmsg },
	{ "sendfile", NULL, write_sendfile },
	{ "splice", NULL, write_splice },
};

static size_t find(const char *name)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
		if (is(functions[i].name, name))
			return i;
	exit(77);
}

static int start(int port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		errno = 0;
	tell("connect", errno);
	return fd;
}

/* Tries until it is done; in between it waits without anybody's help. */
static void write_at_last(int fd, ssize_t (*call)(int fd))
{
	ssize_t sent = call(fd);

	tell("first", sent < 0 ? errno : 0);
	while (sent < 0 && errno == EAGAIN) {
		raw_poll(fd, POLLOUT, -1);
		sent = call(fd);
	}
	if (call == write_sendmmsg ? sent != 1 : sent != 4)
		fail("last");
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* A signal, once, and again where it came before the call. */
static void arm(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = { { 0, 100000 }, { 0, 100000 } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void check_wait(int fd, const char *how,
		       int (*call)(int fd, bool input, int ms))
{
	char reply[8] = "";
	int result;

	if (is(how, "timeout")) {
		tell("first", call(fd, false, 70) == 0 ? 0 : EPROTO);
		return;
	}
	if (is(how, "signal")) {
		arm();
		tell("first", call(fd, false, -1) < 0 ? errno : 0);
		return;
	}
	result = call(fd, is(how, "in"), -1);
	tell("first", result == 1 ? 0 : EPROTO);
	if (is(how, "in") &&
	    syscall(SYS_read, fd, reply, sizeof(reply)) != 5)
		fail("read");
	raw_write(fd, "data");
}

/* A TCP connection that is made without the library's knowledge. */
static void connect_raw(int ends[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, length) != 0 ||
	    listen(listener, 1) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &length) != 0 ||
	    syscall(SYS_connect, ends[0], &address, length) != 0)
		fail("listener");
	ends[1] = accept(listener, NULL, NULL);
}

/* The number goes to another socket while the connection is being made. */
static void check_reuse(int fd)
{
	char got[8] = "";
	int ends[2];

	connect_raw(ends);
	if (syscall(SYS_dup3, ends[0], fd, 0) != fd)
		fail("reuse");
	if (write(fd, "data", 4) != 4 || poll(NULL, 0, 0) != 0 ||
	    write(fd, "more", 4) != 4 ||
	    recv(ends[1], got, 8, MSG_WAITALL) != 8 ||
	    memcmp(got, "datamore", 8) != 0)
		fail("reuse");
	tell("first", 0);
}

/* Both processes have the socket, and both come to know. */
static void check_fork(int fd)
{
	pid_t child = fork();
	int status;

	if (wait_poll(fd, false, -1) != 1)
		fail("poll");
	if (child == 0)
		_exit(0);
	if (waitpid(child, &status, 0) != child || status != 0)
		fail("child");
	tell("first", 0);
	raw_write(fd, "data");
}

/* The connection fails; why is left for the program to fetch. */
static void check_error(int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (wait_epoll_wait(fd, false, -1) != 1 ||
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
		fail("error");
	tell("first", error);
}

int main(int count, char **words)
{
	const char *how = words[2];
	int fd = start(atoi(words[1]));
	size_t i = count > 3 && !is(how, "dup") ? find(words[3]) : 0;

	if (is(how, "write")) {
		write_at_last(fd, functions[i].write);
	} else if (is(how, "blocking")) {
		syscall(SYS_fcntl, fd, F_SETFL, 0);
		write_at_last(fd, functions[i].write);
	} else if (is(how, "dup")) {
		int other = duplicate(fd, words[3]);

		close(fd);
		write_at_last(other, write_write);
	} else if (is(how, "reuse")) {
		check_reuse(fd);
	} else if (is(how, "fork")) {
		check_fork(fd);
	} else if (is(how, "error")) {
		check_error(fd);
	} else {
		check_wait(fd, how, functions[i].wait);
	}
	tell("done", 0);
	return 0;
}
