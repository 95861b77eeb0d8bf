// SPDX-License-Identifier: ISC
// Says to each client of a port who it is. doc/deployment.md has such a server.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int server = socket(AF_INET, SOCK_STREAM, 0);
	int yes = 1;

	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	address.sin_port = htons((unsigned short)atoi(argv[argc - 1]));
	if (bind(server, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(server, 5) < 0)
		return 1;
	for (;;) {
		socklen_t length = sizeof(address);
		int client = accept(server, (struct sockaddr *)&address,
				    &length);

		if (client < 0)
			return 1;
		dprintf(client, "%s\n", inet_ntoa(address.sin_addr));
		close(client);
	}
}
