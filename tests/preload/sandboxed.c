/* SPDX-License-Identifier: ISC */
/*
 * A server that confines itself once it listens: any system call but those that
 * are named kills it.
 *
 *	sandboxed WAY ADDRESS CALL...
 *
 * ADDRESS is one of the internet, or the path of a Unix socket. WAY is how it waits for connections: epoll, epoll-raw (registered by the bare
 * system call, and non-blocking), poll, poll-many (beside 70 descriptors that
 * are none), select, blocking (a signal handler runs now and then), threads
 * (four of them block in accept) or forking (each connection is a child's).
 *
 * Prints "port N" and "confined", or "no seccomp". Each client is told whom
 * accept named, for the first bytes that it sends, and no connection is closed.
 * The program's own calls are chosen so that the library makes others, where
 * there is a choice.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define MOST 128	/* calls that may be named, and then some */
#define THREADS 4

/* All that may be named: by the kernel's names, those that it has here. */
#define CALL(name) { #name, SYS_##name },
static const struct {
	const char *name;
	unsigned number;
} calls[] = {
	CALL(accept4) CALL(clone) CALL(close) CALL(close_range) CALL(connect)
	CALL(epoll_create1) CALL(epoll_ctl) CALL(epoll_pwait) CALL(exit_group)
	CALL(fcntl) CALL(fstat) CALL(getpeername) CALL(getpid) CALL(getsockname)
	CALL(getsockopt) CALL(gettid) CALL(mmap) CALL(munmap) CALL(openat)
	CALL(ppoll) CALL(prlimit64) CALL(pselect6) CALL(read) CALL(recvfrom)
	CALL(recvmsg) CALL(restart_syscall) CALL(rt_sigaction)
	CALL(rt_sigpending)
	CALL(rt_sigprocmask) CALL(rt_sigreturn) CALL(rt_sigtimedwait)
	CALL(sched_yield) CALL(sendmsg)
	CALL(set_robust_list) CALL(setsockopt) CALL(shutdown) CALL(socket)
	CALL(socketpair)
	CALL(timerfd_create) CALL(timerfd_gettime) CALL(timerfd_settime)
	CALL(write) CALL(writev)
#ifdef SYS_epoll_wait
	CALL(epoll_wait)
#endif
#ifdef SYS_fork
	CALL(fork)
#endif
#ifdef SYS_newfstatat
	CALL(newfstatat)
#endif
#ifdef SYS_poll
	CALL(poll)
#endif
#ifdef SYS_rseq
	CALL(rseq)
#endif
#ifdef SYS_select
	CALL(select)
#endif
};

static int listener, epoll = -1;
static atomic_bool confined;
static atomic_int ready;	/* threads, for the filter */
static bool forks;
static int (*ask_name)(int, struct sockaddr *, socklen_t *);	/* or NULL */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void say(const char *text)
{
	struct iovec line = { .iov_len = strlen(text) };
	char copy[64];

	memcpy(copy, text, line.iov_len);
	line.iov_base = copy;
	if (writev(STDOUT_FILENO, &line, 1) < 0)
		_exit(1);
}

/* A call of that name; one that the kernel does not have here is not made. */
static bool find_call(const char *name, unsigned *number)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, name) == 0) {
			*number = calls[i].number;
			return true;
		}
	return false;
}

static void confine(char **names)
{
	static struct sock_filter filter[2 * MOST] = { BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)) };
	struct sock_fprog program = { .len = 1, .filter = filter };
	unsigned number;

	for (; *names != NULL && program.len < 2 * MOST - 2; names++)
		if (find_call(*names, &number)) {
			filter[program.len++] = (struct sock_filter)BPF_JUMP(
				BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
			filter[program.len++] = (struct sock_filter)BPF_STMT(
				BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
		}
	filter[program.len++] = (struct sock_filter)BPF_STMT(
		BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		    SECCOMP_FILTER_FLAG_TSYNC, &program) != 0) {
		say("no seccomp\n");
		exit(1);
	}
	atomic_store(&confined, true);
	say("confined\n");
}

/* Reads once, and answers. */
static void serve_client(int fd, const struct sockaddr_storage *client)
{
	const struct sockaddr_in *in = (const void *)client;
	const struct sockaddr_in6 *in6 = (const void *)client;
	char text[INET6_ADDRSTRLEN] = "", bytes[256];
	struct iovec from = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr message = { .msg_iov = &from, .msg_iovlen = 1 };
	struct iovec to = { .iov_base = text };
	struct msghdr reply = { .msg_iov = &to, .msg_iovlen = 1 };

	if (client->ss_family == AF_INET)
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
	else if (client->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
	else
		strcpy(text, "unix");
	to.iov_len = strlen(text);
	if (recvmsg(fd, &message, 0) > 0)
		sendmsg(fd, &reply, MSG_NOSIGNAL);
}

static void accept_one(void)
{
	struct sockaddr_storage client, name;
	socklen_t length = sizeof(client), name_length = sizeof(name);
	int fd = accept4(listener, (struct sockaddr *)&client, &length, 0);

	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR)
			say("accept failed\n");
		return;
	}
	if (forks && fork() != 0)
		return;
	if (ask_name != NULL)
		ask_name(fd, (struct sockaddr *)&name, &name_length);
	serve_client(fd, &client);
	if (forks)
		_exit(0);
}

/* The ways to wait. */

static void wait_not(void)
{
}

static void wait_poll(void)
{
	struct pollfd fd = { .fd = listener, .events = POLLIN };

	poll(&fd, 1, -1);
}

static void wait_poll_many(void)
{
	struct pollfd fds[71];

	for (int i = 0; i < 71; i++)
		fds[i] = (struct pollfd){ .fd = i == 70 ? listener : -1,
					  .events = POLLIN };
	poll(fds, 71, -1);
}

static void wait_select(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(listener, &set);
	select(listener + 1, &set, NULL, NULL, NULL);
}

static void wait_epoll(void)
{
	struct epoll_event event;

	epoll_pwait(epoll, &event, 1, -1, NULL);
}

static void *block(void *argument)
{
	atomic_fetch_add(&ready, 1);
	while (!atomic_load(&confined))
		;
	for (;;)
		accept_one();
	return argument;
}

static const struct {
	const char *name;
	void (*wait)(void);
} ways[] = {
	{ "blocking", wait_not },  { "threads", wait_not },
	{ "forking", wait_not },   { "poll", wait_poll },
	{ "select", wait_select }, { "poll-many", wait_poll_many },
	{ "epoll", wait_epoll },   { "epoll-raw", wait_epoll },
};

static void (*choose_wait(const char *way))(void)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(way, ways[i].name) == 0)
			return ways[i].wait;
	fprintf(stderr, "no such way: %s\n", way);
	exit(2);
}

static void on_alarm(int signal)
{
	(void)signal;
}

static void start_alarms(void)
{
	const struct itimerval often = { { 0, 20000 }, { 0, 20000 } };
	const struct sigaction action = { .sa_handler = on_alarm,
					  .sa_flags = SA_RESTART };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static void start_epoll(bool raw)
{
	struct epoll_event event = { .events = EPOLLIN };

	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (raw)
		syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, listener, &event);
	else
		epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
}

static void start_way(const char *way)
{
	pthread_t thread;

	bool raw = strcmp(way, "epoll-raw") == 0;

	if (strncmp(way, "epoll", 5) == 0)
		start_epoll(raw);
	if (raw)
		fcntl(listener, F_SETFL, O_NONBLOCK);
	if (strcmp(way, "epoll") == 0)
		ask_name = getsockname;
	if (strcmp(way, "select") == 0)
		ask_name = getpeername;
	if (strcmp(way, "blocking") == 0)
		start_alarms();
	for (int i = 1; strcmp(way, "threads") == 0 && i < THREADS; i++)
		if (pthread_create(&thread, NULL, block, NULL) != 0)
			die("pthread_create");
		else
			while (atomic_load(&ready) < i)
				;
	forks = strcmp(way, "forking") == 0;
	if (forks)
		signal(SIGCHLD, SIG_IGN);
}

static void start_listening_unix(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	if (bind(listener, (const void *)&name, sizeof(name)) != 0 ||
	    listen(listener, 64) != 0)
		die(path);
	puts("port 0");
	fflush(stdout);
}

static void start_listening(const char *address)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *where;
	struct sockaddr_in6 name;
	socklen_t length = sizeof(name);

	if (getaddrinfo(address, "0", &hints, &where) != 0)
		die(address);
	listener = socket(where->ai_family, SOCK_STREAM, 0);
	if (bind(listener, where->ai_addr, where->ai_addrlen) != 0 ||
	    listen(listener, 64) != 0 ||
	    getsockname(listener, (struct sockaddr *)&name, &length) != 0)
		die("listen");
	freeaddrinfo(where);
	printf("port %u\n", ntohs(name.sin6_port));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	void (*wait)(void);

	if (argc < 3) {
		fprintf(stderr, "usage: sandboxed WAY ADDRESS CALL...\n");
		return 2;
	}
	wait = choose_wait(argv[1]);
	if (argv[2][0] == '/')
		start_listening_unix(argv[2]);
	else
		start_listening(argv[2]);
	start_way(argv[1]);
	confine(argv + 3);
	for (;;) {
		wait();
		accept_one();
	}
}
