/* SPDX-License-Identifier: ISC */
/* accept(2) of the kernel's, that never waits. */
#ifndef PP_SUPERVISOR_KERNEL_ACCEPT_H
#define PP_SUPERVISOR_KERNEL_ACCEPT_H

#include "protocol/address.h"

#include <stdbool.h>

/* To be called once. False with errno set. */
bool pp_kernel_accept_begin(void);

/*
 * Accepts a connection, close-on-exec, and with SOCK_NONBLOCK where the flags
 * have it. -EAGAIN where there is none, also from a listener that blocks. Other
 * processes may accept from that, too, so what is readable may be gone: then
 * this takes a millisecond.
 */
int pp_kernel_accept(int listener, int flags, union pp_address *peer);

/* Is there one to accept, or an error? */
bool pp_kernel_has_connection(int listener);

#endif
