/* SPDX-License-Identifier: ISC */
/*
 * A server of one connection whose calls are socketcall(2)'s, as those of old
 * programs of i386 are. Prints "port N", and the client that accept and
 * getpeername tell. To be compiled with -m32.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SOCKET 1
#define BIND 2
#define LISTEN 4
#define ACCEPT 5
#define GETSOCKNAME 6
#define GETPEERNAME 7

static int call(int number, long a, long b, long c)
{
	long arguments[3] = { a, b, c };

	return (int)syscall(SYS_socketcall, number, arguments);
}

static void tell(const char *what, const struct sockaddr_in *address)
{
	printf("%s %s %d\n", what, inet_ntoa(address->sin_addr),
	       ntohs(address->sin_port));
	fflush(stdout);
}

int main(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t length = sizeof(at);
	int listener = call(SOCKET, AF_INET, SOCK_STREAM, 0);
	int fd;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (call(BIND, listener, (long)&at, sizeof(at)) != 0 ||
	    call(LISTEN, listener, 5, 0) != 0 ||
	    call(GETSOCKNAME, listener, (long)&at, (long)&length) != 0)
		return 1;
	tell("port", &at);
	fd = call(ACCEPT, listener, (long)&at, (long)&length);
	if (fd < 0)
		return 1;
	tell("accept", &at);
	if (call(GETPEERNAME, fd, (long)&at, (long)&length) != 0)
		return 1;
	tell("getpeername", &at);
	if (call(GETSOCKNAME, fd, (long)&at, (long)&length) != 0)
		return 1;
	tell("getsockname", &at);
	return 0;
}
