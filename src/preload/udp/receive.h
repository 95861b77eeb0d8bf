/* SPDX-License-Identifier: ISC */
/* Receiving datagrams of a served socket, without their headers. */
#ifndef PP_PRELOAD_UDP_RECEIVE_H
#define PP_PRELOAD_UDP_RECEIVE_H

#include "preload/mmsg32.h"
#include "preload/real.h"
#include "preload/udp/datagram.h"
#include "preload/udp/sockets.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

/* So many dropped datagrams in a row, and a call hands over the next one. */
#define PP_UDP_DROPS 64

/* A program's call. */
struct pp_udp_call {
	int fd;
	int flags;
	uint64_t word;		/* of the descriptor; see sockets.h */
	/* by which a message is received; NULL: with nothing but a sender */
	ssize_t (*recvmsg)(int fd, struct msghdr *message, int flags);
};

/*
 * Receives one datagram into a message of the program's, which is filled in as
 * the kernel would. False where the descriptor is no served socket any more:
 * nothing was received, and the kernel is to be called. Otherwise *result is
 * what the call returns, with errno set where that is -1 and kept where it is
 * not.
 */
bool pp_udp_receive(const struct pp_udp_call *call, struct msghdr *message,
		    ssize_t *result);

/* The same for several datagrams. */
bool pp_udp_receive_many(const struct pp_udp_call *call, pp_recvmmsg *function,
			 struct mmsghdr *messages, unsigned count,
			 struct timespec *timeout, int *result);

/*
 * What deliver.c has for receive.c and receive_many.c, and these for each
 * other.
 */

/* What the kernel is asked with beside the program's flags; see receive.c. */
int pp_udp_flags(void);

/*
 * The kernel said an error: is it that this is no UDP socket any more? May
 * change what pp_udp_flags returns: then the call is to be made again.
 */
enum pp_udp_surprise { PP_UDP_ERROR, PP_UDP_NO_SOCKET, PP_UDP_AGAIN };
enum pp_udp_surprise pp_udp_surprise(int fd, int flags);

/*
 * Judges a datagram for the program's message; remembers its client, and in debug
 * mode tells of it.
 */
bool pp_udp_judge(const struct pp_udp_call *call, const union pp_address *peer,
		  const struct msghdr *message, const uint8_t *bytes,
		  size_t size, struct pp_datagram *datagram);

/*
 * Judges and delivers one as most are, with less ado; *result is what the call
 * returns for it. False where it is another, and nothing is done.
 */
bool pp_udp_deliver_plain(const struct pp_udp_call *call,
			  struct msghdr *message, const uint8_t *bytes,
			  size_t size, const union pp_address *peer,
			  ssize_t *result);

/*
 * Writes a datagram's payload and sender into a message, as the kernel would.
 * Returns its length, which is more than what there was room for where the
 * message has MSG_TRUNC.
 */
size_t pp_udp_deliver(struct msghdr *message, const union pp_address *sender,
		      const uint8_t *payload, size_t size);

/*
 * A program was shown a datagram that is to be dropped, emptied. It takes what
 * it was shown by its next call, which must not take another one: that also has
 * it emptied. Who has taken it says false.
 */
void pp_udp_show_emptied(const struct pp_udp_call *call, bool shown);

/* Is the next datagram, where it is to be dropped, to be taken emptied? */
static inline bool pp_udp_takes_emptied(const struct pp_udp_call *call)
{
	return (call->word & PP_UDP_EMPTIED) && !(call->flags & MSG_PEEK);
}

/* Takes off the queue what was shown and is not to be handed over. */
void pp_udp_discard(int fd);

/* Would the program's call have blocked? One system call at most. */
bool pp_udp_blocks(const struct pp_udp_call *call);

#endif
