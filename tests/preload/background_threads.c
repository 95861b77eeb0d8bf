/* SPDX-License-Identifier: ISC */
/*
 * background_threads PORT ROUNDS: one thread connects without waiting, its
 * sockets being in an epoll already; others wait there, and write "data".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS 3

static int epoll;
static _Atomic int left;

static void set(int operation, int fd)
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLONESHOT,
				     .data.fd = fd };

	if (epoll_ctl(epoll, operation, fd, &event) != 0)
		exit(2);
}

/* A socket that is not connected yet is reported, too: EPOLLHUP. */
static void *serve(void *unused)
{
	struct epoll_event event;

	while (left > 0) {
		if (epoll_wait(epoll, &event, 1, 50) != 1)
			continue;
		if (event.events & EPOLLHUP) {
			set(EPOLL_CTL_MOD, event.data.fd);
			continue;
		}
		if (write(event.data.fd, "data", 4) != 4)
			exit(1);
		close(event.data.fd);
		left--;
	}
	return unused;
}

static void start(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		exit(2);
	set(EPOLL_CTL_ADD, fd);
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) !=
		    -1 || errno != EINPROGRESS)
		exit(3);
}

int main(int count, char **words)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(words[1])),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	pthread_t threads[THREADS];
	int rounds = atoi(words[count - 1]);

	epoll = epoll_create1(EPOLL_CLOEXEC);
	left = rounds;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, serve, NULL);
	for (int i = 0; i < rounds; i++)
		start(&address);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	puts("done");
	return 0;
}
