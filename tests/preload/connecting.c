/* SPDX-License-Identifier: ISC */
/*
 * Connects in one of many ways, and prints what each call came to:
 *
 *	connecting HOST PORT WAY
 *
 * The test runs it with and without the library and compares. What it sends is
 * "data", a connection.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static union {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
} server;
static socklen_t length;
static bool nonblocking;

static long tell(const char *what, long result)
{
	if (result < 0)
		printf("%s %s\n", what, strerrorname_np(errno));
	else
		printf("%s %ld\n", what, result);
	fflush(stdout);
	return result;
}

static int make_socket(void)
{
	int fd = socket(server.any.sa_family,
			SOCK_STREAM | (nonblocking ? SOCK_NONBLOCK : 0), 0);

	if (fd < 0)
		exit(2);
	return fd;
}

static void set(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) != 0) {
		perror("setsockopt");
		exit(2);
	}
}

static int do_connect(const char *what, int fd)
{
	return (int)tell(what, connect(fd, &server.any, length));
}

static void tell_error(int fd)
{
	int error = -1;
	socklen_t size = sizeof(error);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	tell("error", error);
}

static void wait_for(int fd, short events)
{
	struct pollfd wait = { .fd = fd, .events = events };

	tell("poll", poll(&wait, 1, -1));
	tell("events", wait.revents);
}

static void send_data(int fd)
{
	fcntl(fd, F_SETFL, 0);
	tell("send", send(fd, "data", 4, MSG_NOSIGNAL));
	shutdown(fd, SHUT_WR);
}

/* Sends, ends, and waits until the other side has ended, too. */
static void finish(int fd)
{
	char byte;

	send_data(fd);
	tell("recv", recv(fd, &byte, 1, 0));
	close(fd);
}

/* Once, again before the connection stands, and again after. */
static void connect_again(void)
{
	int fd = make_socket();

	do_connect("connect", fd);
	do_connect("again", fd);
	wait_for(fd, POLLOUT);
	tell_error(fd);
	do_connect("stands", fd);
	do_connect("stands", fd);
	finish(fd);
}

static void connect_once(void)
{
	int fd = make_socket();

	if (do_connect("connect", fd) < 0 && errno == EINPROGRESS) {
		wait_for(fd, POLLOUT);
		tell_error(fd);
	}
	finish(fd);
}

static void ignore_signal(int number)
{
	(void)number;
	if (write(STDOUT_FILENO, "signal\n", 7) < 0)
		_exit(2);
}

static void start_timer(void (*handler)(int), int flags)
{
	const struct sigaction action = { .sa_handler = handler,
					  .sa_flags = flags };
	const struct itimerval timer = { .it_value.tv_usec = 200000 };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void interrupted(void)
{
	int fd = make_socket();

	start_timer(ignore_signal, 0);
	do_connect("connect", fd);
	do_connect("again", fd);
	do_connect("stands", fd);
	finish(fd);
}

static void restarted(void)
{
	int fd = make_socket();

	start_timer(ignore_signal, SA_RESTART);
	do_connect("connect", fd);
	finish(fd);
}

static void set_timeout(int fd)
{
	const struct timeval time = { .tv_usec = 200000 };

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

static void timed_out(void)
{
	int fd = make_socket();

	set_timeout(fd);
	do_connect("connect", fd);
	do_connect("again", fd);
	wait_for(fd, POLLOUT);
	do_connect("stands", fd);
	finish(fd);
}

/* With a timeout it is not started again. */
static void timed_and_interrupted(void)
{
	int fd = make_socket();
	const struct timeval time = { .tv_sec = 100 };

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
	start_timer(ignore_signal, SA_RESTART);
	do_connect("connect", fd);
	do_connect("again", fd);
	finish(fd);
}

/* To a port where nobody is, then, with the same socket, to one where. */
static void refused(void)
{
	int fd = make_socket();
	in_port_t port = server.in.sin_port;

	server.in.sin_port = htons(1);
	for (int i = 0; i < 2; i++) {
		if (do_connect("connect", fd) < 0 && errno == EINPROGRESS)
			wait_for(fd, POLLOUT);
		do_connect("again", fd);
	}
	tell_error(fd);
	server.in.sin_port = port;
	do_connect("other", fd);
	do_connect("other", fd);
	wait_for(fd, POLLOUT);
	do_connect("other", fd);
	finish(fd);
}

/* The error is asked for: connect says ECONNABORTED then. */
static void refused_and_asked(void)
{
	int fd = make_socket();
	in_port_t port = server.in.sin_port;

	server.in.sin_port = htons(1);
	do_connect("connect", fd);
	wait_for(fd, POLLOUT);
	tell_error(fd);
	server.in.sin_port = port;
	do_connect("other", fd);
	do_connect("other", fd);
	wait_for(fd, POLLOUT);
	tell_error(fd);
	finish(fd);
}

static void unreachable(void)
{
	int fd = make_socket();
	in_addr_t host = server.in.sin_addr.s_addr;

	server.in.sin_addr.s_addr = htonl(INADDR_BROADCAST);
	do_connect("connect", fd);
	do_connect("connect", fd);
	tell_error(fd);
	server.in.sin_addr.s_addr = host;
	if (do_connect("connect", fd) < 0)
		wait_for(fd, POLLOUT);
	finish(fd);
}

/* From an address of one's own, and again from there: it is in use. */
static void bound(void)
{
	struct sockaddr_in own = { .sin_family = AF_INET };
	socklen_t size = sizeof(own);
	int fd = make_socket(), other = make_socket();

	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	tell("bind", bind(fd, (struct sockaddr *)&own, size));
	do_connect("connect", fd);
	wait_for(fd, POLLOUT);
	getsockname(fd, (struct sockaddr *)&own, &size);
	puts(inet_ntoa(own.sin_addr));
	set(other, SOL_SOCKET, SO_REUSEADDR, 1);
	tell("bind", bind(other, (struct sockaddr *)&own, size));
	do_connect("connect", other);
	tell_error(other);
	finish(fd);
}

static void dissolved(void)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	int fd = make_socket();

	for (int i = 0; i < 3; i++) {
		if (do_connect("connect", fd) < 0)
			wait_for(fd, POLLOUT);
		tell("dissolve", connect(fd, &nobody, sizeof(nobody)));
		tell_error(fd);
	}
	if (do_connect("connect", fd) < 0)
		wait_for(fd, POLLOUT);
	finish(fd);
}

/* Registered before it connects. */
static void edges(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP |
					       EPOLLET };
	int fd = make_socket(), epoll = epoll_create1(0);
	char byte;

	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	tell("wait", epoll_wait(epoll, &event, 1, 0));
	tell("events", event.events);
	do_connect("connect", fd);
	tell("wait", epoll_wait(epoll, &event, 1, -1));
	tell("events", event.events);
	tell("wait", epoll_wait(epoll, &event, 1, 100));
	tell_error(fd);
	tell("send", send(fd, "data", 4, MSG_NOSIGNAL));
	shutdown(fd, SHUT_WR);
	while (recv(fd, &byte, 1, 0) != 0)
		epoll_wait(epoll, &event, 1, -1);
}

static void listens(void)
{
	struct sockaddr_in own = { .sin_family = AF_INET };
	int fd = make_socket();

	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	tell("bind", bind(fd, (struct sockaddr *)&own, sizeof(own)));
	tell("listen", listen(fd, 1));
	do_connect("connect", fd);
	tell("fast", sendto(fd, "data", 4, MSG_FASTOPEN, &server.any, length));
}

/* The header alone gets through. */
static void shut_before(void)
{
	int fd = make_socket();

	tell("shutdown", shutdown(fd, SHUT_WR));
	do_connect("connect", fd);
	tell("send", send(fd, "data", 4, MSG_NOSIGNAL));
	close(fd);
}

/* To itself. */
static void itself(void)
{
	char bytes[100];
	int fd = make_socket();

	server.in.sin_port = 0;
	tell("bind", bind(fd, &server.any, length));
	getsockname(fd, &server.any, &length);
	do_connect("connect", fd);
	wait_for(fd, POLLOUT);
	tell("send", send(fd, "data", 4, MSG_NOSIGNAL));
	shutdown(fd, SHUT_WR);
	for (ssize_t got; (got = recv(fd, bytes, sizeof(bytes),
				      MSG_WAITALL)) > 0; )
		printf("%.4s\n", bytes + got - 4);
}

/* The program's own Fast Open. */
static void deferred(void)
{
	int fd = make_socket();

	set(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
	set(fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1);
	do_connect("connect", fd);
	finish(fd);
}

enum { SENDTO, SENDMSG, SENDMMSG };

/* sendmmsg's other message finds a connection that stands, or maybe not yet. */
static long open_fast(int how, int fd)
{
	char bytes[] = "da";
	struct iovec vector = { .iov_base = bytes, .iov_len = 2 };
	struct mmsghdr messages[2] = { {
		.msg_hdr = { .msg_name = &server, .msg_namelen = length,
			     .msg_iov = &vector, .msg_iovlen = 1 },
	} };

	messages[1] = messages[0];
	switch (how) {
	case SENDTO:
		return sendto(fd, "da", 2, MSG_FASTOPEN, &server.any, length);
	case SENDMSG:
		return sendmsg(fd, &messages[0].msg_hdr, MSG_FASTOPEN);
	default:
		return sendmmsg(fd, messages, nonblocking ? 1 : 2,
				MSG_FASTOPEN);
	}
}

static void fast(void)
{
	for (int how = SENDTO; how <= SENDMMSG; how++) {
		int fd = make_socket();

		set(fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1);
		if (tell("fast", open_fast(how, fd)) < 0)
			wait_for(fd, POLLOUT);
		finish(fd);
	}
}

/* With a cookie, which there is none of: it is asked for. */
static void fast_and_late(void)
{
	int fd = make_socket();

	tell("fast", open_fast(SENDTO, fd));
	tell("again", open_fast(SENDTO, fd));
	wait_for(fd, POLLOUT);
	tell_error(fd);
	tell("stands", open_fast(SENDTO, fd));
	tell("stands", open_fast(SENDTO, fd));
	finish(fd);
}

static void fast_errors(void)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	struct msghdr *nowhere = (struct msghdr *)8;
	int fd = make_socket();

	tell("none", sendto(fd, "da", 2, MSG_FASTOPEN, NULL, 0));
	tell("none", send(fd, "da", 2, MSG_FASTOPEN));
	tell("nobody", sendto(fd, "da", 2, MSG_FASTOPEN, &nobody,
			      sizeof(nobody)));
	tell("nowhere", sendmsg(fd, nowhere, MSG_FASTOPEN));
	tell("nowhere", sendmmsg(fd, (struct mmsghdr *)nowhere, 1,
				 MSG_FASTOPEN));
	tell("no messages", sendmmsg(fd, (struct mmsghdr *)nowhere, 0,
				     MSG_FASTOPEN));
	tell("closed", sendto(99, "da", 2, MSG_FASTOPEN, &server.any, length));
	server.in.sin_port = htons(1);
	for (int how = SENDTO; how <= SENDMMSG; how++)
		tell("refused", open_fast(how, fd));
}

/* What is begun by one process is used by another. */
static void forked(void)
{
	int fd = make_socket();

	do_connect("connect", fd);
	if (fork() == 0) {
		wait_for(fd, POLLOUT);
		finish(fd);
		_exit(0);
	}
	wait(NULL);
}

static void vforked(void)
{
	int fd = make_socket();
	pid_t child = vfork();

	if (child == 0) {
		connect(fd, &server.any, length);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	wait_for(fd, POLLOUT);
	finish(fd);
}

static void executed(void)
{
	int fd = make_socket();

	do_connect("connect", fd);
	dup2(fd, STDIN_FILENO);
	execl("/bin/sh", "sh", "-c", "sleep 0.2; printf data >&0", NULL);
}

static int of_handler = -1;

static void connect_in_handler(int number)
{
	ignore_signal(number);
	of_handler = make_socket();
	connect(of_handler, &server.any, length);
}

/* While the thread is in a connect of its own. */
static void by_handler(void)
{
	int fd = make_socket();

	start_timer(connect_in_handler, 0);
	do_connect("connect", fd);
	do_connect("again", fd);
	send_data(of_handler);
	finish(fd);
}

static sigjmp_buf behind;

static void leave(int number)
{
	(void)number;
	siglongjmp(behind, 1);
}

static void left(void)
{
	int fd = make_socket();

	start_timer(leave, 0);
	if (sigsetjmp(behind, 1) == 0)
		do_connect("connect", fd);
	ignore_signal(0);
	wait_for(fd, POLLOUT);
	finish(fd);
}

#define THREADS 8
#define ROUNDS 50

static void *connect_many(void *argument)
{
	for (int i = 0; i < ROUNDS; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (connect(fd, &server.any, length) != 0 ||
		    send(fd, "data", 4, MSG_NOSIGNAL) != 4)
			return NULL;
		close(fd);
	}
	return argument;
}

static void threads(void)
{
	pthread_t ids[THREADS];
	void *result;

	for (int i = 0; i < THREADS; i++)
		pthread_create(&ids[i], NULL, connect_many, ids);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(ids[i], &result);
		tell("thread", result == ids);
	}
}

static const struct {
	const char *name;
	void (*run)(void);
	bool nonblocking;
} ways[] = {
	{ "once", connect_once, false },
	{ "once_nonblocking", connect_once, true },
	{ "again", connect_again, true },
	{ "interrupted", interrupted, false },
	{ "restarted", restarted, false },
	{ "timed_out", timed_out, false },
	{ "timed_and_interrupted", timed_and_interrupted, false },
	{ "refused", refused, false },
	{ "refused_nonblocking", refused, true },
	{ "refused_and_asked", refused_and_asked, true },
	{ "unreachable", unreachable, false },
	{ "unreachable_nonblocking", unreachable, true },
	{ "bound", bound, false },
	{ "bound_nonblocking", bound, true },
	{ "dissolved", dissolved, false },
	{ "dissolved_nonblocking", dissolved, true },
	{ "edges", edges, true },
	{ "listens", listens, false },
	{ "listens_nonblocking", listens, true },
	{ "shut_before", shut_before, false },
	{ "itself", itself, false },
	{ "deferred", deferred, false },
	{ "deferred_nonblocking", deferred, true },
	{ "fast", fast, false },
	{ "fast_nonblocking", fast, true },
	{ "fast_and_late", fast_and_late, true },
	{ "fast_errors", fast_errors, false },
	{ "forked", forked, false },
	{ "forked_nonblocking", forked, true },
	{ "vforked", vforked, true },
	{ "executed", executed, true },
	{ "by_handler", by_handler, false },
	{ "left", left, false },
	{ "threads", threads, false },
};

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	server.in = (struct sockaddr_in){ .sin_family = AF_INET };
	length = sizeof(server.in);
	if (inet_pton(AF_INET, argv[1], &server.in.sin_addr) != 1) {
		server.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
		length = sizeof(server.in6);
		inet_pton(AF_INET6, argv[1], &server.in6.sin6_addr);
	}
	server.in.sin_port = htons((uint16_t)atoi(argv[2]));
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (strcmp(argv[3], ways[i].name) != 0)
			continue;
		nonblocking = ways[i].nonblocking;
		puts("begin");
		fflush(stdout);
		ways[i].run();
		puts("end");
		return 0;
	}
	return 2;
}
