/* SPDX-License-Identifier: ISC */
/*
 * A library whose constructor accepts a connection from itself, with a header,
 * and says who accept and getpeername take the client for: it may run before
 * the constructor of ours.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void tell(const char *call, const struct sockaddr_in *client)
{
	char ip[INET_ADDRSTRLEN] = "";

	inet_ntop(AF_INET, &client->sin_addr, ip, sizeof(ip));
	printf("constructor: %s: %s:%u\n", call, ip, ntohs(client->sin_port));
}

__attribute__((constructor)) static void accept_at_once(void)
{
	static const char header[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2\r\n";
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct sockaddr *name = (struct sockaddr *)&address;
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	int fd;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, name, length) != 0 || listen(listener, 1) != 0 ||
	    getsockname(listener, name, &length) != 0 ||
	    connect(client, name, length) != 0 ||
	    write(client, header, sizeof(header) - 1) < 0)
		perror("constructor");
	fd = accept(listener, name, &length);
	tell("accept", &address);
	length = sizeof(address);
	getpeername(fd, name, &length);
	tell("getpeername", &address);
	fflush(stdout);
	close(fd);
	close(client);
	close(listener);
}
