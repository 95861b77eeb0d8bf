/* SPDX-License-Identifier: ISC */
/* How programs get connections. */
#ifndef PP_SUPERVISOR_ACCEPT_H
#define PP_SUPERVISOR_ACCEPT_H

#include "supervisor/filter.h"

/*
 * Answers accept or accept4, now or when there is a connection for it. The
 * kernel answers where the library has nothing to do with the listener.
 */
void pp_accept(const struct pp_call *call);

/* Answers listen. */
void pp_listen(const struct pp_call *call);

#endif
