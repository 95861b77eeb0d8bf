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
#include "connecting.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

union address server;
socklen_t length;
static union address home;
static const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
static bool nonblocking;

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

long tell(const char *what, long result)
{
	if (result < 0)
		printf("%s %s\n", what, strerrorname_np(errno));
	else
		printf("%s %ld\n", what, result);
	fflush(stdout);
	return result;
}

int make_socket(void)
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

int do_connect(const char *what, int fd)
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

void wait_for(int fd, short events)
{
	struct pollfd wait = { .fd = fd, .events = events };

	tell("poll", poll(&wait, 1, -1));
	tell("events", wait.revents);
}

void send_data(int fd)
{
	fcntl(fd, F_SETFL, 0);
	tell("send", send(fd, "data", 4, MSG_NOSIGNAL));
	shutdown(fd, SHUT_WR);
}

/* Sends, ends, and waits until the other side has ended, too. */
void finish(int fd)
{
	char byte;

	send_data(fd);
	tell("recv", recv(fd, &byte, 1, 0));
	close(fd);
}

void ignore_signal(int number)
{
	(void)number;
	if (write(STDOUT_FILENO, "signal\n", 7) < 0)
		_exit(2);
}

void start_timer(void (*handler)(int), int flags)
{
	const struct sigaction action = { .sa_handler = handler,
					  .sa_flags = flags };
	const struct itimerval timer = { .it_value.tv_usec = 200000 };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void set_timeout(int fd, time_t seconds, suseconds_t microseconds)
{
	const struct timeval time = { .tv_sec = seconds,
				      .tv_usec = microseconds };

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
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

/* A step of those ways that are words; failed is whether the last one did. */
static bool run_step(const char *word, int fd, bool failed)
{
	if (is(word, "error"))
		tell_error(fd);
	else if (is(word, "poll") || (is(word, "settle") && failed))
		wait_for(fd, POLLOUT);
	else if (is(word, "finish"))
		finish(fd);
	else if (is(word, "send"))
		tell("send", send(fd, "data", 4, MSG_NOSIGNAL));
	else if (is(word, "shutdown"))
		tell("shutdown", shutdown(fd, SHUT_WR));
	else if (is(word, "dissolve"))
		tell("dissolve", connect(fd, &nobody, sizeof(nobody)));
	else if (is(word, "defer"))
		set(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
	else if (is(word, "no-cookie"))
		set(fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1);
	else if (is(word, "signal"))
		start_timer(ignore_signal, 0);
	else if (is(word, "signal-restarts"))
		start_timer(ignore_signal, SA_RESTART);
	else if (is(word, "short-timeout"))
		set_timeout(fd, 0, 200000);
	else if (is(word, "long-timeout"))
		set_timeout(fd, 100, 0);
	else if (is(word, "to-nobody"))
		server.in.sin_port = htons(1);
	else if (is(word, "to-all"))
		server.in.sin_addr.s_addr = htonl(INADDR_BROADCAST);
	else if (is(word, "to-server"))
		server = home;
	else if (is(word, "fast"))
		return tell("fast", open_fast(SENDTO, fd)) < 0;
	else if (!is(word, "settle"))
		return do_connect(word, fd) < 0;
	return false;
}

#define ONCE "connect settle error finish"
/* To a port where nobody is, then, with the same socket, to one where. */
#define REFUSED                                                            \
	"to-nobody connect settle again connect settle again error "       \
	"to-server other other poll other finish"
#define UNREACHABLE                                                        \
	"to-all connect connect error to-server connect settle finish"
#define DISSOLVED                                                          \
	"connect settle dissolve error connect settle dissolve error "     \
	"connect settle dissolve error connect settle finish"

static void run_steps(const char *steps)
{
	int fd = make_socket();
	bool failed = false;
	char text[256];

	snprintf(text, sizeof(text), "%s", steps);
	for (char *rest = text, *word; (word = strsep(&rest, " ")) != NULL; )
		failed = run_step(word, fd, failed);
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

/* Registered before it connects. */
static void edges(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP |
					       EPOLLET };
	int fd = make_socket(), epoll = epoll_create1(0);
	char byte;

	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	tell("wait", epoll_wait(epoll, &event, 1, 0));
	tell("events", (long)event.events);
	do_connect("connect", fd);
	tell("wait", epoll_wait(epoll, &event, 1, -1));
	tell("events", (long)event.events);
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

static void fast_errors(void)
{
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

/* By a function, or a word a step: one that is none of run_step's connects. */
static const struct {
	const char *name;
	bool nonblocking;
	void (*run)(void);
	const char *steps;
} ways[] = {
	{ "once", false, NULL, ONCE },
	{ "once_nonblocking", true, NULL, ONCE },
	{ "again", true, NULL,
	  "connect again poll error stands stands finish" },
	{ "interrupted", false, NULL, "signal connect again stands finish" },
	{ "restarted", false, NULL, "signal-restarts connect finish" },
	{ "timed_out", false, NULL,
	  "short-timeout connect again poll stands finish" },
	/* with a timeout it is not started again */
	{ "timed_and_interrupted", false, NULL,
	  "long-timeout signal-restarts connect again finish" },
	{ "refused", false, NULL, REFUSED },
	{ "refused_nonblocking", true, NULL, REFUSED },
	/* the error is asked for: connect says ECONNABORTED then */
	{ "refused_and_asked", true, NULL,
	  "to-nobody connect poll error to-server other other poll error "
	  "finish" },
	{ "unreachable", false, NULL, UNREACHABLE },
	{ "unreachable_nonblocking", true, NULL, UNREACHABLE },
	{ "bound", false, bound, NULL },
	{ "bound_nonblocking", true, bound, NULL },
	{ "dissolved", false, NULL, DISSOLVED },
	{ "dissolved_nonblocking", true, NULL, DISSOLVED },
	{ "edges", true, edges, NULL },
	{ "listens", false, listens, NULL },
	{ "listens_nonblocking", true, listens, NULL },
	/* the header alone gets through */
	{ "shut_before", false, NULL, "shutdown connect send" },
	{ "itself", false, itself, NULL },
	/* the program's own Fast Open */
	{ "deferred", false, NULL, "defer no-cookie connect finish" },
	{ "deferred_nonblocking", true, NULL,
	  "defer no-cookie connect finish" },
	{ "fast", false, fast, NULL },
	{ "fast_nonblocking", true, fast, NULL },
	/* with a cookie, which there is none of: it is asked for */
	{ "fast_and_late", true, NULL,
	  "fast fast poll error fast fast finish" },
	{ "fast_errors", false, fast_errors, NULL },
	{ "forked", false, connect_forked, NULL },
	{ "forked_nonblocking", true, connect_forked, NULL },
	{ "vforked", true, connect_vforked, NULL },
	{ "executed", true, connect_executed, NULL },
	{ "by_handler", false, connect_by_handler, NULL },
	{ "left", false, connect_left, NULL },
	{ "threads", false, connect_threads, NULL },
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
	home = server;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (!is(argv[3], ways[i].name))
			continue;
		nonblocking = ways[i].nonblocking;
		puts("begin");
		fflush(stdout);
		if (ways[i].steps != NULL)
			run_steps(ways[i].steps);
		else
			ways[i].run();
		puts("end");
		return 0;
	}
	return 2;
}
