/* SPDX-License-Identifier: ISC */
/*
 * The program's epolls, to look up what is registered there where nobody
 * tells: by raw system calls, or by io_uring(7), as libuv does.
 */
#ifndef PP_PRELOAD_SERVER_EPOLLS_H
#define PP_PRELOAD_SERVER_EPOLLS_H

#include "preload/server/listeners.h"

/*
 * The listener's room was opened. Where the program was never seen to wait
 * for it, though it must, its registrations are looked up and noted as
 * pp_listeners_note_epoll does. Locked. No cancellation point, keeps errno.
 */
void pp_epolls_look_up(struct pp_listener *listener);

#endif
