/* SPDX-License-Identifier: ISC */
/* getpeername and getsockname: by the note on the socket. */
#ifndef PP_SUPERVISOR_NAMES_H
#define PP_SUPERVISOR_NAMES_H

#include "supervisor/filter.h"

/* Answers the call; the kernel does where there is no note that counts. */
void pp_get_name(const struct pp_call *call);

#endif
