/* SPDX-License-Identifier: ISC */
/*
 * A server that waits for its listener in a way that programs have, accepts,
 * and tells all that it can see of what it was given.
 *
 *	accept_ways WAY blocking|once|all [PATH]
 *
 * WAY is none (accept itself waits), poll, ppoll, select, pselect, epoll,
 * epoll-edge, epoll-oneshot or epoll-exclusive. The listener is blocking, or
 * not, and then one connection is accepted each time that it is readable, or
 * as many as there are. With PATH it is a Unix one there, otherwise on a port of
 * 127.0.0.1.
 *
 * Prints "port N", or "path", then a line for each accept:
 *	fail ERRNO
 *	again			it said EAGAIN
 *	reset EVENTS FIRST SECOND ACCEPT PEER
 *				what poll says is in error; the errors of two
 *				reads (0: end of file), the address by accept
 *				and by getpeername
 *	client ADDRESS TEXT	a line came from there, and was answered
 *	gone			it has ended before its line
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listener;
static int epoll = -1;
static uint32_t epoll_events = EPOLLIN;
static bool nonblocking, takes_all;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void set_oneshot(int operation)
{
	struct epoll_event event = { .events = epoll_events,
				     .data.fd = listener };

	if (epoll_ctl(epoll, operation, listener, &event) != 0)
		die("epoll_ctl");
}

static void start_epoll(const char *way)
{
	if (strstr(way, "edge") != NULL)
		epoll_events |= EPOLLET;
	if (strstr(way, "oneshot") != NULL)
		epoll_events |= EPOLLONESHOT;
	if (strstr(way, "exclusive") != NULL)
		epoll_events |= EPOLLEXCLUSIVE;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		die("epoll_create1");
	set_oneshot(EPOLL_CTL_ADD);
}

static void wait_none(void)
{
}

static void wait_poll(void)
{
	struct pollfd fd = { .fd = listener, .events = POLLIN };

	if (poll(&fd, 1, -1) != 1)
		die("poll");
}

static void wait_ppoll(void)
{
	struct pollfd fd = { .fd = listener, .events = POLLIN };

	if (ppoll(&fd, 1, NULL, NULL) != 1)
		die("ppoll");
}

static void wait_select(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(listener, &set);
	if (select(listener + 1, &set, NULL, NULL, NULL) != 1)
		die("select");
}

static void wait_pselect(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(listener, &set);
	if (pselect(listener + 1, &set, NULL, NULL, NULL, NULL) != 1)
		die("pselect");
}

static void wait_epoll(void)
{
	struct epoll_event event;

	/* unlike the others it ends when the process is stopped and goes on */
	while (epoll_wait(epoll, &event, 1, -1) != 1)
		if (errno != EINTR)
			die("epoll_wait");
}

/* The error that a call has ended with; 0 for none. */
static int error_of(ssize_t result)
{
	return result < 0 ? errno : 0;
}

/* What a listener of either family has. */
union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_un un;
};

static const char *text_of(int failed, const union address *address, char *text)
{
	if (failed != 0)
		snprintf(text, INET_ADDRSTRLEN, "errno=%d", errno);
	else if (address->sa.sa_family == AF_UNIX)
		strcpy(text, "unix");
	else
		inet_ntop(AF_INET, &address->in.sin_addr, text,
			  INET_ADDRSTRLEN);
	return text;
}

static void tell_reset(int fd, short events, const union address *accepted)
{
	char from[INET_ADDRSTRLEN], peer[INET_ADDRSTRLEN], byte;
	union address address;
	socklen_t length = sizeof(address);

	text_of(getpeername(fd, &address.sa, &length), &address, peer);
	text_of(0, accepted, from);
	printf("reset %#x ", (unsigned)events);
	printf("%d ", error_of(read(fd, &byte, 1)));
	printf("%d %s %s\n", error_of(read(fd, &byte, 1)), from, peer);
}

static void serve_client(int fd, const union address *client)
{
	char address[INET_ADDRSTRLEN], line[80], reply[120];
	size_t length = 0;

	fcntl(fd, F_SETFL, 0);
	while (length < sizeof(line) - 1 &&
	       read(fd, line + length, 1) == 1 && line[length] != '\n')
		length++;
	if (line[length] != '\n') {
		puts("gone");
		return;
	}
	line[length] = '\0';
	text_of(0, client, address);
	printf("client %s %s\n", address, line);
	snprintf(reply, sizeof(reply), "%s %s\n", address, line);
	send(fd, reply, strlen(reply), MSG_NOSIGNAL);
}

/* Accepts one; false where it fails. */
static bool accept_one(void)
{
	union address client;
	socklen_t length = sizeof(client);
	int fd = accept4(listener, &client.sa, &length,
			 nonblocking ? SOCK_NONBLOCK : 0);
	struct pollfd state = { .fd = fd,
				.events = POLLIN | POLLPRI | POLLOUT |
					  POLLRDHUP };

	if (fd < 0) {
		if (errno == EAGAIN)
			puts("again");
		else
			printf("fail %d\n", errno);
		return false;
	}
	poll(&state, 1, 0);
	if (state.revents & POLLERR)
		tell_reset(fd, state.revents, &client);
	else
		serve_client(fd, &client);
	close(fd);
	return true;
}

static const struct {
	const char *name;
	void (*wait)(void);
} ways[] = {
	{ "none", wait_none },	     { "poll", wait_poll },
	{ "ppoll", wait_ppoll },     { "select", wait_select },
	{ "pselect", wait_pselect }, { "epoll", wait_epoll },
};

static void (*choose_wait(const char *way))(void)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strncmp(way, ways[i].name, strcspn(way, "-")) == 0 &&
		    strlen(ways[i].name) == strcspn(way, "-"))
			return ways[i].wait;
	fprintf(stderr, "no such way: %s\n", way);
	exit(2);
}

static void listen_anywhere(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET,
			  SOCK_STREAM | (nonblocking ? SOCK_NONBLOCK : 0), 0);
	if (listener < 0 ||
	    bind(listener, (struct sockaddr *)&address, length) != 0 ||
	    listen(listener, 512) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &length) != 0)
		die("listen");
	printf("port %u\n", ntohs(address.sin_port));
}

static void listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	listener = socket(AF_UNIX,
			  SOCK_STREAM | (nonblocking ? SOCK_NONBLOCK : 0), 0);
	if (listener < 0 ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listener, 512) != 0)
		die("listen");
	puts("path");
}

int main(int argc, char **argv)
{
	void (*wait)(void);

	if (argc < 3) {
		fprintf(stderr, "usage: accept_ways WAY blocking|once|all "
				"[PATH]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	wait = choose_wait(argv[1]);
	nonblocking = strcmp(argv[2], "blocking") != 0;
	takes_all = strcmp(argv[2], "all") == 0;
	if (argc > 3)
		listen_at(argv[3]);
	else
		listen_anywhere();
	if (wait == wait_epoll)
		start_epoll(argv[1]);
	for (;;) {
		wait();
		while (accept_one() && takes_all)
			;
		if (epoll_events & EPOLLONESHOT)
			set_oneshot(EPOLL_CTL_MOD);
	}
}
