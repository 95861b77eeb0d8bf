/* SPDX-License-Identifier: ISC */
/*
 * A header before each datagram that the program sends by a UDP socket, where
 * the settings ask for that (pp_is_udp_asked). Each call is made whole and
 * returns true, with what the program is told in *result and errno; the sizes
 * told are those of the program's own bytes. False where the socket is no UDP
 * one, or the datagram gets no header: then the call is the kernel's, with
 * errno as it was. Signal-safe.
 */
#ifndef PP_PRELOAD_CLIENT_DATAGRAM_H
#define PP_PRELOAD_CLIENT_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Two system calls at most; sets errno. */
bool pp_is_udp_socket(int fd);

bool pp_datagram_sendto(int fd, const void *bytes, size_t size, int flags,
			const struct sockaddr *address, socklen_t length,
			ssize_t *result);
bool pp_datagram_sendmsg(int fd, const struct msghdr *message, int flags,
			 ssize_t *result);
bool pp_datagram_sendmmsg(int fd, struct mmsghdr *messages, unsigned count,
			  int flags, int *result);

#endif
