/* SPDX-License-Identifier: ISC */
/*
 * Many who receive on one port and answer. A datagram is the address and port
 * of its client, 6 bytes; it is compared with the source that is told. Ends
 * with 1, and a line, where they differ. The argument says who receives:
 *
 *	shared		threads on one socket, each in another way
 *	duplicates	the same, each by a descriptor of its own
 *	reuseport	each on a socket of its own
 *	epoll		each on a socket of its own, told of by edges
 *	signals		one thread, and its signal handler
 *	fork		threads on one socket, and one child after another
 */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define MANY 3

static struct sockaddr_in local = { .sin_family = AF_INET };

static int bound(void)
{
	const int on = 1;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&local, sizeof(local)) != 0)
		exit(2);
	return fd;
}

/* What was dropped may come emptied. Also for the signal handler. */
static void answer(int fd, const struct sockaddr_in *source,
		   const uint8_t *bytes, ssize_t size)
{
	static const char wrong[] = "wrong source\n";

	if (size == 0)
		return;
	if (size != 6 || memcmp(bytes, &source->sin_addr, 4) != 0 ||
	    memcmp(bytes + 4, &source->sin_port, 2) != 0) {
		(void)!write(STDOUT_FILENO, wrong, sizeof(wrong) - 1);
		_exit(1);
	}
	sendto(fd, bytes, 6, 0, (const struct sockaddr *)source,
	       sizeof(*source));
}

/* Returns how many datagrams there were, or -1. */
static int receive_many(int fd, int flags)
{
	struct sockaddr_in sources[MANY];
	uint8_t bytes[MANY][99];
	struct iovec parts[MANY];
	struct mmsghdr messages[MANY];
	int got;

	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < MANY; i++) {
		parts[i] = (struct iovec){ bytes[i], sizeof(bytes[i]) };
		messages[i].msg_hdr.msg_name = &sources[i];
		messages[i].msg_hdr.msg_namelen = sizeof(sources[i]);
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	got = recvmmsg(fd, messages, MANY, flags | MSG_WAITFORONE, NULL);
	for (int i = 0; i < got; i++)
		answer(fd, &sources[i], bytes[i], messages[i].msg_len);
	return got;
}

static int receive_one(int fd, int flags)
{
	struct sockaddr_in source;
	socklen_t length = sizeof(source);
	uint8_t bytes[99];
	ssize_t got = recvfrom(fd, bytes, sizeof(bytes), flags,
			       (struct sockaddr *)&source, &length);

	if (got >= 0)
		answer(fd, &source, bytes, got);
	return got < 0 ? -1 : 1;
}

static int receive(int fd, unsigned way, int flags)
{
	return way % 2 == 0 ? receive_one(fd, flags) : receive_many(fd, flags);
}

struct receiver {
	pthread_t thread;
	int fd;
	unsigned way;
	bool by_edges;
};

static void *run_receiver(void *argument)
{
	const struct receiver *receiver = argument;
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int set = epoll_create1(EPOLL_CLOEXEC);

	while (!receiver->by_edges)
		receive(receiver->fd, receiver->way, 0);
	fcntl(receiver->fd, F_SETFL, O_NONBLOCK);
	epoll_ctl(set, EPOLL_CTL_ADD, receiver->fd, &event);
	for (;;) {
		epoll_wait(set, &event, 1, -1);
		while (receive(receiver->fd, receiver->way, 0) > 0)
			;
		if (errno != EAGAIN)
			exit(2);
	}
	return NULL;
}

static int watched;

static void on_alarm(int number)
{
	int error = errno;

	(void)number;
	while (receive(watched, 0, MSG_DONTWAIT) > 0 &&
	       receive(watched, 1, MSG_DONTWAIT) > 0)
		;
	errno = error;
}

static void run_signals(void)
{
	const struct itimerval often = { { 0, 200 }, { 0, 200 } };
	struct sigaction action = { .sa_handler = on_alarm,
				    .sa_flags = SA_RESTART };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (unsigned way = 0;; way++)
		receive(watched, way, 0);
}

/* Each of them receives, answers, and ends. */
static void run_children(int fd)
{
	int status;

	for (;;) {
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (unsigned way = 0; way < 20; way++)
				receive(fd, way, MSG_DONTWAIT);
			_exit(0);
		}
		if (wait(&status) < 0 || status != 0)
			exit(2);
	}
}

int main(int argc, char **argv)
{
	static struct receiver receivers[THREADS];
	socklen_t length = sizeof(local);
	const char *who = argc > 1 ? argv[1] : "";
	int first;

	local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	first = bound();
	getsockname(first, (struct sockaddr *)&local, &length);
	watched = first;
	for (unsigned i = 0; i < THREADS && strcmp(who, "signals") != 0; i++) {
		struct receiver *receiver = &receivers[i];

		receiver->way = i;
		receiver->by_edges = strcmp(who, "epoll") == 0;
		receiver->fd = first;
		if (strcmp(who, "duplicates") == 0)
			receiver->fd = fcntl(first, F_DUPFD_CLOEXEC, 50);
		else if (receiver->by_edges || strcmp(who, "reuseport") == 0)
			receiver->fd = i == 0 ? first : bound();
		pthread_create(&receiver->thread, NULL, run_receiver, receiver);
	}
	printf("port %d\n", ntohs(local.sin_port));
	fflush(stdout);
	if (strcmp(who, "signals") == 0)
		run_signals();
	if (strcmp(who, "fork") == 0)
		run_children(first);
	pause();
	return 0;
}
