/* SPDX-License-Identifier: ISC */
/* Of which kind a socket is, by what the kernel says. All are signal-safe. */
#ifndef PP_CONNECTION_SOCKET_KIND_H
#define PP_CONNECTION_SOCKET_KIND_H

#include "protocol/address.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

/* musl does not name it */
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* An option of SOL_SOCKET, a number. -1 with errno where it cannot be had. */
static inline int pp_socket_option(int fd, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, option, &value, &length) != 0)
		return -1;
	return value;
}

/* Is the descriptor an IPv4 or IPv6 socket? One system call. */
static inline bool pp_is_internet_socket(int fd)
{
	return pp_family_is_internet(pp_socket_option(fd, SO_DOMAIN));
}

/*
 * Has the descriptor the protocol number of TCP or Multipath TCP? One system
 * call. On a socket of another family the number may mean something else.
 */
static inline bool pp_is_tcp_socket(int fd)
{
	int protocol = pp_socket_option(fd, SO_PROTOCOL);

	return protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP;
}

#endif
