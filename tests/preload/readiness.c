/* SPDX-License-Identifier: ISC */
/*
 * Calls of poll(2) and select(2) that servers seldom make, for tests to run
 * with and without the library and compare.
 *
 *	readiness CASE
 *
 * Each case has a listener whose one client has sent half a header and was
 * accepted: with the library it waits in the listener's room, which is open
 * from then on. It prints what its calls answered.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
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

/* A listener with a room, where the library has a say. */
static int make_waited_listener(void)
{
	static const char half[] = "PROXY TCP4 192.";
	struct sockaddr_in name;
	socklen_t length = sizeof(name);
	int listener = make_listener(), client, fd;
	struct pollfd ready = { .fd = listener, .events = POLLIN };

	/* the numbers that follow are the same without the library */
	client = fcntl(socket(AF_INET, SOCK_STREAM, 0), F_DUPFD, 100);
	if (getsockname(listener, (struct sockaddr *)&name, &length) != 0 ||
	    connect(client, (struct sockaddr *)&name, length) != 0 ||
	    send(client, half, sizeof(half) - 1, 0) < 0 ||
	    poll(&ready, 1, -1) != 1)
		die("client");
	fd = accept(listener, NULL, NULL);
	if (fd >= 0)
		close(fd);
	return listener;
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
	int listener = make_waited_listener(), count = listener + 1;
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
	struct pollfd fd = { .fd = make_waited_listener(), .events = POLLIN };

	say("poll", poll(&fd, 1, 0));
	syscall(SYS_close_range, (unsigned)fd.fd + 1, ~0U, 0);
	say("poll", poll(&fd, 1, SHORT));
}

/* More are waited for than the process may open now. */
static void poll_limit(void)
{
	struct pollfd fd = { .fd = make_waited_listener(), .events = POLLIN };
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

	make_waited_listener();
	say("poll", poll(nowhere, 1, 0));
	say("poll", poll(nowhere, 1, -1));
	say("ppoll", ppoll(nowhere, 1, &time, NULL));
	say("poll", poll(nothing, 1, SHORT));
	say("poll", poll(NULL, 0, SHORT));
	say("poll", poll(nowhere, 0, SHORT));
}

static void select_fault(void)
{
	int count = make_waited_listener() + 1;
	struct timespec time = { .tv_sec = 0 };
	fd_set readable;

	FD_ZERO(&readable);
	FD_SET(count - 1, &readable);
	say("select", select(count, nowhere, NULL, NULL, NULL));
	say("select", select(count, &readable, nowhere, NULL, NULL));
	say("select", select(count, &readable, NULL, nowhere, NULL));
	say("pselect", pselect(count, &readable, NULL, NULL, NULL, nowhere));
	say("pselect", pselect(count, nowhere, NULL, NULL, &time, NULL));
	say("select", select(count, NULL, nowhere, NULL, NULL));
}

/* select(2) and pselect(2), each with what it leaves in its arguments. */
struct call {
	int count;
	fd_set sets[3];
	struct timeval micro;
};

static void print_sets(const struct call *call)
{
	print_set("readable", &call->sets[0], FD_SETSIZE);
	print_set("writable", &call->sets[1], FD_SETSIZE);
	print_set("exceptional", &call->sets[2], FD_SETSIZE);
}

static void select_twice(const struct call *call)
{
	const struct timespec time = { .tv_sec = call->micro.tv_sec,
				       .tv_nsec = (long)call->micro.tv_usec *
						  1000 };
	struct call copy = *call;
	struct timeval *left = &copy.micro;

	say("select", select(copy.count, &copy.sets[0], &copy.sets[1],
			     &copy.sets[2], left));
	print_sets(&copy);
	/* on a busy machine much may have gone */
	printf("left: %s\n", left->tv_sec < 0 || left->tv_usec < 0 ? "negative"
			     : left->tv_sec == 0 && left->tv_usec == 0
				     ? "nothing"
				     : "some");
	copy = *call;
	say("pselect", pselect(copy.count, &copy.sets[0], &copy.sets[1],
			       &copy.sets[2], &time, NULL));
	print_sets(&copy);
}

/* The number of a descriptor of whatever kind. */
#define ONE 150

/* One descriptor in some of the sets, beside the listener. */
static void select_one(const char *name, int listener, int fd, int sets)
{
	struct call call = { .count = ONE + 1, .micro.tv_usec = SHORT * 1000 };

	if (fd >= 0 && dup2(fd, ONE) != ONE)
		die("dup2");
	FD_SET(listener, &call.sets[0]);
	for (int set = 0; set < 3; set++)
		if (sets & (1 << set))
			FD_SET(ONE, &call.sets[set]);
	printf("%s in %d\n", name, sets);
	select_twice(&call);
	close(ONE);
}

static void select_kinds(void)
{
	int listener = make_waited_listener();
	int ended[2], broken[2], quiet[2], gone[2];
	int urgent, peer, server = make_listener();
	struct sockaddr_in name;
	socklen_t length = sizeof(name);

	if (pipe(ended) != 0 || pipe(broken) != 0 || pipe(quiet) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, gone) != 0)
		die("pipe");
	close(ended[1]);
	close(broken[0]);
	close(gone[1]);
	urgent = socket(AF_INET, SOCK_STREAM, 0);
	if (getsockname(server, (struct sockaddr *)&name, &length) != 0 ||
	    connect(urgent, (struct sockaddr *)&name, length) != 0)
		die("connect");
	if (send(urgent, "out of band", 11, MSG_OOB) != 11)
		die("send");
	do
		peer = (int)syscall(SYS_accept4, server, NULL, NULL, 0);
	while (peer < 0 && errno == EAGAIN);
	for (int sets = 1; sets < 8; sets++) {
		select_one("end of a pipe", listener, ended[0], sets);
		select_one("broken pipe", listener, broken[1], sets);
		select_one("quiet pipe", listener, quiet[0], sets);
		select_one("writable pipe", listener, quiet[1], sets);
		select_one("peer that has gone", listener, gone[0], sets);
		select_one("urgent data", listener, peer, sets);
	}
}

/* What is wrong, and leaves the sets alone. */
static void select_wrong(void)
{
	int listener = make_waited_listener();
	struct call call = { .count = listener + 1, .micro.tv_sec = -1 };

	FD_SET(listener, &call.sets[0]);
	select_twice(&call);
	call.micro = (struct timeval){ .tv_usec = -1 };
	select_twice(&call);
	call.micro = (struct timeval){ .tv_usec = SHORT * 1000 };
	call.count = -1;
	select_twice(&call);
	/* what the kernel's table has never been large enough for it ignores */
	if (dup2(listener, ONE) != ONE)
		die("dup2");
	close(ONE);
	for (int set = 1; set < 8; set++)
		select_one("not open", listener, -1, set);
}

static void select_times(void)
{
	int listener = make_waited_listener();
	struct call call = { .count = listener + 1 };
	struct timeval micro = { .tv_usec = 1100000 };
	int ready = dup2(eventfd(1, 0), ONE);

	FD_SET(listener, &call.sets[0]);
	select_twice(&call);
	call.micro.tv_usec = SHORT * 1000;
	select_twice(&call);
	say("select", select(call.count, &call.sets[0], NULL, NULL, &micro));
	printf("left: %d %d\n", (int)micro.tv_sec, (int)micro.tv_usec);
	FD_SET(listener, &call.sets[0]);
	FD_SET(ready, &call.sets[0]);
	call.count = ready + 1;
	call.micro = (struct timeval){ .tv_sec = 3600 };
	select_twice(&call);
}

/* Sets that are larger than those of the C library, as programs make them. */
static void select_large(void)
{
	const int high = 3 * FD_SETSIZE;
	struct rlimit limit;
	static fd_set sets[4];
	int listener;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	if (limit.rlim_max <= (rlim_t)high ||
	    setrlimit(RLIMIT_NOFILE, &limit) != 0)
		_exit(77);
	listener = make_waited_listener();
	if (dup2(eventfd(1, 0), high) != high)
		die("dup2");
	((unsigned char *)sets)[listener / 8] |=
		(unsigned char)(1 << listener % 8);
	((unsigned char *)sets)[high / 8] |= (unsigned char)(1 << high % 8);
	say("select", select(high + 1, sets, NULL, NULL, NULL));
	printf("listener %d, other %d\n",
	       ((unsigned char *)sets)[listener / 8],
	       ((unsigned char *)sets)[high / 8]);
	/* as far as there are any */
	((unsigned char *)sets)[high / 8] |= (unsigned char)(1 << high % 8);
	say("select", select(4 * FD_SETSIZE, sets, NULL, NULL, NULL));
}

static const struct {
	const char *name;
	void (*run)(void);
} selects[] = {
	{ "select-kinds", select_kinds },
	{ "select-wrong", select_wrong },
	{ "select-times", select_times },
	{ "select-large", select_large },
};

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
	for (size_t i = 0; i < sizeof(selects) / sizeof(*selects); i++)
		if (strcmp(name, selects[i].name) == 0) {
			selects[i].run();
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
