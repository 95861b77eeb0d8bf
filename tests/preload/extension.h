/* SPDX-License-Identifier: ISC */
#ifndef EXTENSION_H
#define EXTENSION_H

#include <netinet/in.h>

int extension_accept(int listener, struct sockaddr_in *client);
int extension_connect(int fd, const struct sockaddr_in *server);

/* Prints which library its accept, connect and recvfrom are in. */
void extension_tell(void);

/* Opens another library itself, and prints why it could not. */
void *extension_open(const char *path, int flags);

#endif
