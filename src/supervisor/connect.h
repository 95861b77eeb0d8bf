/* SPDX-License-Identifier: ISC */
/* connect(2) of clients: their connections begin with a header. */
#ifndef PP_SUPERVISOR_CONNECT_H
#define PP_SUPERVISOR_CONNECT_H

#include "supervisor/filter.h"

/*
 * Answers the call: begins the connection with a header, and has the kernel go
 * on. What is to have none is the kernel's alone.
 */
void pp_connect(const struct pp_call *call);

#endif
