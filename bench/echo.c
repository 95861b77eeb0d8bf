/* SPDX-License-Identifier: ISC */
/*
 * An echo server for the benchmarks, which knows nothing of the library.
 *
 *	echo epoll|poll|select|blocking|threads|processes WORKERS [own]
 *
 * It listens on 127.0.0.1, prints "port N" and sends back what it gets: with
 * epoll all connections at once, otherwise one at a time for each worker, which
 * are threads or processes that block in accept on the one listener; with poll
 * and select, that wait for it so before they accept. With own it takes a PROXY
 * protocol header off itself, in as few calls as can be.
 *
 * When it is terminated it prints "empty N": connections that had no data.
 */
#include <config.h>

#include "bench/measure.h"
#include "protocol/header.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 16384
#define EVENTS 256

static int listener;
static bool takes_header;
static _Thread_local char buffer[1 << 17];
static volatile sig_atomic_t empty;

static void fail(const char *what)
{
	fprintf(stderr, "echo: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Sends all of it; what does not fit into the socket is waited for. */
static void send_all(int fd, const char *bytes, ssize_t size)
{
	while (size > 0) {
		ssize_t sent = send(fd, bytes, (size_t)size, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN)
			continue;
		if (sent < 0)
			return;
		bytes += sent;
		size -= sent;
	}
}

/*
 * It is whole when the first of it is there: the load sends it at once. How
 * long it is cannot be known without looking, and what is behind it is not to
 * be kept beside the socket: two calls.
 */
static void take_header(int fd)
{
	struct pp_header header;
	ssize_t size = recv(fd, buffer, sizeof(buffer), MSG_PEEK);

	if (size > 0 &&
	    pp_header_parse(buffer, (size_t)size, PP_VERSION_BOTH, &header) ==
		    PP_HEADER_COMPLETE)
		recv(fd, buffer, header.length, 0);
}

static void serve_one(int fd)
{
	bool has_data = false;
	ssize_t size;

	if (takes_header)
		take_header(fd);
	while ((size = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
		send_all(fd, buffer, size);
		has_data = true;
	}
	empty += !has_data;
	close(fd);
}

static int accept_one(int flags)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);
	int on = 1, fd;

	fd = accept4(listener, (struct sockaddr *)&name, &length, flags);
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void wait_not(void)
{
}

static void wait_poll(void)
{
	struct pollfd fd = { .fd = listener, .events = POLLIN };

	poll(&fd, 1, -1);
}

static void wait_select(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(listener, &set);
	select(listener + 1, &set, NULL, NULL, NULL);
}

static void serve_each(void (*wait)(void))
{
	for (;;) {
		int fd;

		wait();
		fd = accept_one(SOCK_CLOEXEC);
		if (fd >= 0)
			serve_one(fd);
	}
}

static void *block(void *ignored)
{
	serve_each(wait_not);
	return ignored;
}

static void add(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		fail("epoll_ctl");
}

static void serve_event(int epoll, int fd)
{
	static bool is_new[DESCRIPTORS];
	ssize_t size;

	if (fd == listener) {
		while ((fd = accept_one(SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
			add(epoll, fd);
			is_new[fd] = true;
		}
		return;
	}
	if (is_new[fd] && takes_header)
		take_header(fd);
	size = recv(fd, buffer, sizeof(buffer), 0);
	if (size > 0) {
		send_all(fd, buffer, size);
	} else if (size == 0 || errno != EAGAIN) {
		empty += is_new[fd];
		close(fd);
	}
	is_new[fd] = false;
}

static void serve_epoll(void)
{
	struct epoll_event events[EVENTS];
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	add(epoll, listener);
	for (;;) {
		int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++)
			serve_event(epoll, events[i].data.fd);
	}
}

static void start_threads(int workers)
{
	pthread_t thread;

	for (int i = 1; i < workers; i++)
		if (pthread_create(&thread, NULL, block, NULL) != 0)
			fail("pthread_create");
	block(NULL);
}

static void start_processes(int workers)
{
	for (int i = 1; i < workers; i++) {
		pid_t child = fork();

		if (child < 0)
			fail("fork");
		if (child == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			block(NULL);
		}
	}
	block(NULL);
}

static void start_listening(int type)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t length = sizeof(name);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | type, 0);
	if (bind(listener, (struct sockaddr *)&name, length) != 0)
		fail("bind");
	if (listen(listener, BACKLOG) != 0)
		fail("listen");
	getsockname(listener, (struct sockaddr *)&name, &length);
	printf("port %u\n", ntohs(name.sin_port));
	fflush(stdout);
}

static void on_terminate(int signal)
{
	(void)signal;
	printf("empty %d\n", (int)empty);
	fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	int workers = argc > 2 ? atoi(argv[2]) : 1;

	signal(SIGTERM, on_terminate);
	takes_header = argc > 3 && strcmp(argv[3], "own") == 0;
	open_many();
	if (strcmp(mode, "epoll") == 0) {
		start_listening(SOCK_NONBLOCK);
		serve_epoll();
	}
	start_listening(0);
	if (strcmp(mode, "poll") == 0)
		serve_each(wait_poll);
	if (strcmp(mode, "select") == 0)
		serve_each(wait_select);
	if (strcmp(mode, "blocking") == 0)
		block(NULL);
	if (strcmp(mode, "threads") == 0)
		start_threads(workers);
	if (strcmp(mode, "processes") == 0)
		start_processes(workers);
	fprintf(stderr, "usage: echo epoll|poll|select|blocking|threads|"
			"processes WORKERS [own]\n");
	return 2;
}
