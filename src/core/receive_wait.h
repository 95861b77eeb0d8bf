/* SPDX-License-Identifier: ISC */
/*
 * PROVISIONAL. Waits inside accept for a header that has not arrived. The
 * waiting room (DESIGN: "When the header is not there yet") takes its place;
 * then this file and its source go.
 */
#ifndef PP_RECEIVE_WAIT_H
#define PP_RECEIVE_WAIT_H

#include "receive.h"

/*
 * Waits up to timeout milliseconds for the rest of a header that
 * pp_receive_step wants more of. Never returns PP_RECEIVED_MORE: a header that
 * is not whole in time is none, or malformed where bytes of it were taken.
 * *interrupted is set when a signal handler ran meanwhile.
 */
enum pp_received pp_receive_wait(struct pp_receive *receive, int timeout,
				 bool *interrupted);

#endif
