/* SPDX-License-Identifier: ISC */
/*
 * A library to preload behind ours: a thread is cancelled just when accept has
 * got it a connection, and before anybody knows of that. With PP_GATE the first
 * one that epoll_wait tells of something, before it can act on that.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define NEXT(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

int accept(int fd, struct sockaddr *address, socklen_t *length)
{
	int accepted = NEXT(accept)(fd, address, length);

	if (accepted >= 0 && getenv("PP_GATE") == NULL)
		pthread_cancel(pthread_self());
	return accepted;
}

int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout)
{
	static atomic_flag cancelled = ATOMIC_FLAG_INIT;
	int result = NEXT(epoll_wait)(epoll, events, count, timeout);

	if (result > 0 && getenv("PP_GATE") != NULL &&
	    !atomic_flag_test_and_set(&cancelled)) {
		pthread_cancel(pthread_self());
		pthread_testcancel();
	}
	return result;
}
