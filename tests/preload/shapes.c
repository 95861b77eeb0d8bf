/* SPDX-License-Identifier: ISC */
/*
 * A server in each shape that programs have: how it waits for its listener.
 * It tells each client the address it was given for it and hangs up.
 *
 *	shapes SHAPE [WORKERS [SECONDS]]
 *
 * Prints "port N", then a line "wake" whenever the wait for the listener ends
 * and "accepted ADDRESS PORT" for each connection, or "reset" for one that was
 * when it was accepted. With SECONDS the listener has that SO_RCVTIMEO, and
 * "timeout" is printed when accept ends by it. "no io_uring" is printed where a
 * shape needs that and the kernel refuses it.
 */
#define _GNU_SOURCE
#include <config.h>

#include "uring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int listener;
static int workers = 4;
static bool nonblocking;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* One write a line: several threads and processes print. */
static void say(const char *text)
{
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		exit(1);
}

static void serve(int fd, const struct sockaddr_in *client)
{
	char address[INET_ADDRSTRLEN], line[80];
	socklen_t length = sizeof(int);
	int error = 0;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error == ECONNRESET) {
		say("reset\n");
		close(fd);
		return;
	}
	inet_ntop(AF_INET, &client->sin_addr, address, sizeof(address));
	snprintf(line, sizeof(line), "accepted %s %u\n", address,
		 ntohs(client->sin_port));
	say(line);
	if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
		say("lost\n");
	close(fd);
}

/* Accepts one; false where there was none. */
static bool accept_one(void)
{
	struct sockaddr_in client;
	socklen_t length = sizeof(client);
	int fd = accept(listener, (struct sockaddr *)&client, &length);

	if (fd >= 0)
		serve(fd, &client);
	else if (errno != EAGAIN && errno != EINTR)
		die("accept");
	return fd >= 0;
}

static void *block(void *unused)
{
	(void)unused;
	for (;;)
		if (!accept_one())
			say(errno == EAGAIN ? "timeout\n" : "interrupted\n");
	return NULL;
}

/* As many as there are; one, where the next accept would block. */
static void accept_all(void)
{
	say("wake\n");
	while (accept_one() && nonblocking)
		;
}

static void set_nonblocking(void)
{
	if (fcntl(listener, F_SETFL, O_NONBLOCK) != 0)
		die("fcntl");
	nonblocking = true;
}

/* As epoll_ctl(2), but the C library is not called. */
static int control_raw(int epoll, int operation, int fd,
		       struct epoll_event *event)
{
	return (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

static int (*control)(int epoll, int operation, int fd,
		      struct epoll_event *event) = epoll_ctl;

/* How the shape registers its listener. */
static void choose_control(const char *shape)
{
	if (strstr(shape, "-raw") != NULL)
		control = control_raw;
	if (strstr(shape, "-uring") == NULL)
		return;
	control = uring_epoll_ctl;
	if (!uring_open()) {
		say("no io_uring\n");
		exit(0);
	}
}

/* Others are registered, too: what the kernel tells of the epoll is long. */
static void register_others(int epoll)
{
	struct epoll_event event = { .events = EPOLLIN };

	for (int i = 0; i < 50; i++)
		if (control(epoll, EPOLL_CTL_ADD, eventfd(0, EFD_CLOEXEC),
			    &event) != 0)
			die("eventfd");
}

static int make_epoll(uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || control(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
		die("epoll");
	if (control != epoll_ctl)
		register_others(epoll);
	return epoll;
}

/* Data of every form must come back as it was given. */
#define DATA UINT64_C(0xfedcba9876543210)

static void *wait_epoll(void *argument)
{
	uint32_t events = *(uint32_t *)argument;
	struct epoll_event event = { .events = events, .data.u64 = DATA };
	int epoll = make_epoll(events, DATA);

	for (;;) {
		struct epoll_event got = { .events = 0 };
		int count = epoll_wait(epoll, &got, 1, -1);

		if (count < 0 && errno != EINTR)
			die("epoll_wait");
		if (count != 1)
			continue;
		if (got.data.u64 != DATA || got.events != EPOLLIN) {
			say("wrong event\n");
			exit(1);
		}
		accept_all();
		if ((events & EPOLLONESHOT) &&
		    control(epoll, EPOLL_CTL_MOD, listener, &event) != 0)
			die("epoll_ctl");
	}
	return NULL;
}

/* Between two waits the listener is taken out of the epoll and put back. */
static void wait_epoll_anew(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = make_epoll(EPOLLIN, 0);

	for (;;) {
		if (epoll_wait(epoll, &event, 1, -1) != 1)
			continue;
		accept_all();
		if (epoll_ctl(epoll, EPOLL_CTL_DEL, listener, NULL) != 0)
			die("epoll_ctl");
		event.events = EPOLLIN;
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
			die("epoll_ctl");
	}
}

/* So many that none may be added; a quarter is for those that wait. */
#define ALL 4000
static void wait_poll_all(void)
{
	struct rlimit limit = { .rlim_cur = ALL, .rlim_max = ALL };
	static struct pollfd fds[ALL];

	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		die("setrlimit");
	for (int i = 0; i < ALL; i++)
		fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	for (;;) {
		fds[600].fd = listener;
		if (poll(fds, ALL, -1) != 1 || fds[600].revents != POLLIN)
			die("poll");
		accept_all();
	}
}

#ifdef HAVE___POLL_CHK
/* What a program that is built with _FORTIFY_SOURCE calls. */
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size);

static void wait_poll_fortified(void)
{
	struct pollfd fd = { .fd = listener, .events = POLLIN };

	for (;;) {
		if (__poll_chk(&fd, 1, -1, sizeof(fd)) != 1 ||
		    fd.revents != POLLIN)
			die("poll");
		accept_all();
	}
}
#else
static void wait_poll_fortified(void)
{
	die("__poll_chk");
}
#endif

static void wait_poll(bool ppolls)
{
	struct pollfd fds[] = { { .fd = -1, .events = POLLIN },
				{ .fd = listener, .events = POLLIN } };

	for (;;) {
		int count = ppolls ? ppoll(fds, 2, NULL, NULL)
				   : poll(fds, 2, -1);

		if (count != 1 || fds[1].revents != POLLIN)
			die("poll");
		accept_all();
	}
}

/* What is waited for is another descriptor of the listener. */
static void wait_poll_duplicate(bool accepts)
{
	struct pollfd fd = { .fd = dup(listener), .events = POLLIN };

	if (accepts)
		listener = dup(listener);
	for (;;) {
		if (poll(&fd, 1, -1) != 1 || fd.revents != POLLIN)
			die("poll");
		accept_all();
	}
}

/* fd is the listener, or another descriptor of it. */
static void wait_select(int fd, bool pselects)
{
	for (;;) {
		fd_set set;
		int count;

		FD_ZERO(&set);
		FD_SET(fd, &set);
		count = pselects ? pselect(fd + 1, &set, NULL, NULL, NULL, NULL)
				 : select(fd + 1, &set, NULL, NULL, NULL);
		if (count != 1 || !FD_ISSET(fd, &set))
			die("select");
		accept_all();
	}
}

/* As many as the process may open, with a set of the usual size. */
static void wait_select_all(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, (size_t)(2 * page), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fd_set *set = (fd_set *)(void *)(pages + page) - 1;

	if (pages == MAP_FAILED ||
	    mprotect(pages + page, (size_t)page, PROT_NONE) != 0)
		die("mmap");
	for (;;) {
		FD_ZERO(set);
		FD_SET(listener, set);
		if (select(getdtablesize(), set, NULL, NULL, NULL) != 1 ||
		    !FD_ISSET(listener, set))
			die("select");
		accept_all();
	}
}

static void *sleep_on(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void start_threads(void *(*function)(void *), void *argument)
{
	pthread_t thread;

	for (int i = 1; i < workers; i++)
		if (pthread_create(&thread, NULL, function, argument) != 0)
			die("pthread_create");
	function(argument);
}

static void start_processes(void *(*function)(void *), void *argument)
{
	for (int i = 1; i < workers; i++)
		if (fork() == 0)
			break;
	function(argument);
}

static void listen_somewhere(int seconds)
{
	struct timeval timeout = { .tv_sec = seconds };
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t length = sizeof(name);
	char line[40];

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 ||
	    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &timeout,
		       sizeof(timeout)) != 0 ||
	    bind(listener, (struct sockaddr *)&name, length) != 0 ||
	    listen(listener, 4096) != 0 ||
	    getsockname(listener, (struct sockaddr *)&name, &length) != 0)
		die("listen");
	snprintf(line, sizeof(line), "port %u\n", ntohs(name.sin_port));
	say(line);
}

static bool is_shape(const char *shape, const char *name)
{
	return strcmp(shape, name) == 0;
}

static void run(const char *shape)
{
	static uint32_t level = EPOLLIN;
	static uint32_t edge = EPOLLIN | EPOLLET;
	static uint32_t oneshot = EPOLLIN | EPOLLONESHOT;
	static uint32_t exclusive = EPOLLIN | EPOLLEXCLUSIVE;

	if (is_shape(shape, "blocking"))
		block(NULL);
	if (is_shape(shape, "threads"))
		start_threads(block, NULL);
	if (is_shape(shape, "processes"))
		start_processes(block, NULL);
	if (is_shape(shape, "epoll-blocking"))
		wait_epoll(&level);
	if (is_shape(shape, "poll-blocking"))
		wait_poll(false);
	if (is_shape(shape, "select-blocking"))
		wait_select(listener, false);
	set_nonblocking();
	if (is_shape(shape, "epoll") || is_shape(shape, "epoll-raw") ||
	    is_shape(shape, "epoll-uring"))
		wait_epoll(&level);
	if (is_shape(shape, "epoll-edge") || is_shape(shape, "epoll-raw-edge"))
		wait_epoll(&edge);
	if (is_shape(shape, "epoll-oneshot") ||
	    is_shape(shape, "epoll-raw-oneshot"))
		wait_epoll(&oneshot);
	if (is_shape(shape, "epoll-anew"))
		wait_epoll_anew();
	if (is_shape(shape, "epoll-threads"))
		start_threads(wait_epoll, &level);
	if (is_shape(shape, "epoll-exclusive"))
		start_threads(wait_epoll, &exclusive);
	if (is_shape(shape, "epoll-processes") ||
	    is_shape(shape, "epoll-raw-processes"))
		start_processes(wait_epoll, &exclusive);
	if (is_shape(shape, "poll") || is_shape(shape, "ppoll"))
		wait_poll(is_shape(shape, "ppoll"));
	if (is_shape(shape, "poll-duplicate") ||
	    is_shape(shape, "poll-duplicate-accepts"))
		wait_poll_duplicate(is_shape(shape, "poll-duplicate-accepts"));
	if (is_shape(shape, "select-duplicate"))
		wait_select(dup(listener), false);
	if (is_shape(shape, "poll-threaded")) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, sleep_on, NULL) != 0)
			die("pthread_create");
		wait_poll(false);
	}
	if (is_shape(shape, "poll-fortified"))
		wait_poll_fortified();
	if (is_shape(shape, "poll-all"))
		wait_poll_all();
	if (is_shape(shape, "select-all"))
		wait_select_all();
	if (is_shape(shape, "select") || is_shape(shape, "pselect"))
		wait_select(listener, is_shape(shape, "pselect"));
}

int main(int argc, char **argv)
{
	struct rlimit limit;

	if (argc < 2)
		return 2;
	if (argc > 2)
		workers = atoi(argv[2]);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	choose_control(argv[1]);
	listen_somewhere(argc > 3 ? atoi(argv[3]) : 0);
	run(argv[1]);
	fprintf(stderr, "no such shape: %s\n", argv[1]);
	return 2;
}
