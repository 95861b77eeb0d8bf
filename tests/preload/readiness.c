/* SPDX-License-Identifier: ISC */
/*
 * Calls of poll(2) and select(2) that servers seldom make, for tests to run
 * with and without the library and compare.
 *
 *	readiness CASE
 *
 * Each case has a listener that nobody connects to, and prints what its calls
 * answered. In a process with threads a listener has its waiting room as soon
 * as it is waited for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Nobody is there for so long, in milliseconds. */
#define SHORT 50

/* Where no program has anything; the compiler would know better. */
static void *volatile nowhere = (void *)8;
static void *volatile nothing = NULL;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void say(const char *call, int result)
{
	printf("%s = %d %s\n", call, result,
	       result < 0 ? strerrorname_np(errno) : "");
}

static int make_listener(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) != 0 ||
	    listen(fd, 8) != 0)
		die("listen");
	return fd;
}

static void *sleep_on(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void start_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, sleep_on, NULL) != 0)
		die("pthread_create");
}

/* A descriptor that is readable and writable, as select does not look at it. */
static int make_ready(int below)
{
	int fd = eventfd(1, 0);

	/* in the same word of a set, that is at the end of what is given */
	if (fd < below || fd / 64 != below / 64)
		die("eventfd");
	return fd;
}

static void print_set(const char *name, const fd_set *set, int count)
{
	printf("%s:", name);
	for (int fd = 0; fd < count; fd++)
		if (FD_ISSET(fd, set))
			printf(" %d", fd);
	printf("\n");
}

/* The sets have a descriptor that select(2) is not asked about. */
static void select_above(bool pselects)
{
	int listener = make_listener(), count = listener + 1;
	int above = make_ready(count);
	struct timespec time = { .tv_nsec = SHORT * 1000000 };
	struct timeval micro = { .tv_usec = SHORT * 1000 };
	fd_set readable, writable, exceptional;

	FD_ZERO(&readable);
	FD_ZERO(&exceptional);
	FD_SET(listener, &readable);
	FD_SET(above, &readable);
	writable = readable;
	say("select", pselects ? pselect(count, &readable, &writable,
					 &exceptional, &time, NULL)
			       : select(count, &readable, &writable,
					&exceptional, &micro));
	print_set("readable", &readable, above + 8);
	print_set("writable", &writable, above + 8);
}

/* By system calls, which nobody learns of, all descriptors are closed. */
static void poll_robbed(void)
{
	struct pollfd fd = { .fd = make_listener(), .events = POLLIN };

	say("poll", poll(&fd, 1, 0));
	syscall(SYS_close_range, (unsigned)fd.fd + 1, ~0U, 0);
	say("poll", poll(&fd, 1, SHORT));
}

/* More are waited for than the process may open now. */
static void poll_limit(void)
{
	struct pollfd fd = { .fd = make_listener(), .events = POLLIN };
	struct rlimit limit;

	say("poll", poll(&fd, 1, 0));
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 1;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		die("setrlimit");
	say("poll", poll(&fd, 1, 0));
	say("poll", poll(&fd, 1, SHORT));
	limit.rlim_cur = 0;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		die("setrlimit");
	say("poll", poll(&fd, 1, SHORT));
}

static void poll_fault(void)
{
	struct timespec time = { .tv_sec = 0 };

	make_listener();
	say("poll", poll(nowhere, 1, 0));
	say("poll", poll(nowhere, 1, -1));
	say("ppoll", ppoll(nowhere, 1, &time, NULL));
	say("poll", poll(nothing, 1, SHORT));
	say("poll", poll(NULL, 0, SHORT));
	say("poll", poll(nowhere, 0, SHORT));
}

static void select_fault(void)
{
	int count = make_listener() + 1;
	struct timespec time = { .tv_sec = 0 };

	say("select", select(count, nowhere, NULL, NULL, NULL));
	say("pselect", pselect(count, nowhere, NULL, NULL, &time, NULL));
	say("select", select(count, NULL, nowhere, NULL, NULL));
}

int main(int argc, char **argv)
{
	const char *name = argc < 2 ? "" : argv[1];

	/* what hangs ends, not only the test */
	alarm(30);
	if (strcmp(name, "poll-fault") == 0 ||
	    strcmp(name, "select-fault") == 0) {
		(name[0] == 'p' ? poll_fault : select_fault)();
		return 0;
	}
	start_thread();
	if (strcmp(name, "select-above") == 0)
		select_above(false);
	else if (strcmp(name, "pselect-above") == 0)
		select_above(true);
	else if (strcmp(name, "poll-robbed") == 0)
		poll_robbed();
	else if (strcmp(name, "poll-limit") == 0)
		poll_limit();
	else if (strcmp(name, "poll-fault-threads") == 0)
		poll_fault();
	else
		return 2;
	return 0;
}
