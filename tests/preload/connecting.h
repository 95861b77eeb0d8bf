/* SPDX-License-Identifier: ISC */
/*
 * What the ways to connect of connecting.c and connecting_shared.c have in
 * common.
 */
#ifndef PP_TESTS_CONNECTING_H
#define PP_TESTS_CONNECTING_H

#include <netinet/in.h>
#include <sys/socket.h>

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Where to; and the length of that. */
extern union address server;
extern socklen_t length;

/* Prints what a call came to: its result, or errno. */
long tell(const char *what, long result);
int make_socket(void);
int do_connect(const char *what, int fd);
void wait_for(int fd, short events);
void send_data(int fd);
/* Sends, ends, and waits until the other side has ended, too. */
void finish(int fd);
/* A handler that says so, and a signal that is soon there. */
void ignore_signal(int number);
void start_timer(void (*handler)(int), int flags);

/* The ways of connecting_shared.c. */
void connect_forked(void);
void connect_vforked(void);
void connect_executed(void);
void connect_by_handler(void);
void connect_left(void);
void connect_threads(void);

#endif
